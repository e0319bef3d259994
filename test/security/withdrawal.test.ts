import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';
import { type Outcome, withdraw, withdrawals } from '../fixtures/withdrawal.js';

const TRIALS = trials(50);
const AT_ONCE = 5;

let app: TestApp;
let admin: string;

beforeAll(async () => {
  app = await testApp();
  const hub = await aPartner(app);
  admin = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(() => app.stop());

describe('a subscriber', () => {
  it.each(Object.entries(withdrawals))(
    `sees nothing more after %s, ${TRIALS} times`,
    async (name, withdrawal) => {
      const outcomes: Outcome[] = [];
      while (outcomes.length < TRIALS) {
        const some = Math.min(AT_ONCE, TRIALS - outcomes.length);
        const trial = () => withdraw(app, admin, withdrawal);
        outcomes.push(...(await Promise.all(Array.from({ length: some }, trial))));
      }
      const times = outcomes.map(({ closedAfterMs }) => closedAfterMs ?? Infinity);
      const slowest = Math.max(...times);
      console.log(`withdrawal: ${name}: ${TRIALS} trials, slowest ${Math.round(slowest)} ms`);
      expect(outcomes.filter(({ leaked }) => leaked)).toEqual([]);
      expect(outcomes.filter(({ code }) => code !== 4403)).toEqual([]);
      expect(slowest).toBeLessThan(5_000);
    },
  );
});
