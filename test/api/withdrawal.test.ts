import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { type Outcome, type Withdrawal, withdraw, withdrawals } from '../fixtures/withdrawal.js';

const AT_ONCE = 8;

let app: TestApp;
let admin: string;

beforeAll(async () => {
  app = await testApp();
  const hub = await aPartner(app);
  admin = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(() => app.stop());

describe('a subscriber from whom something is taken', () => {
  it('sees nothing more, and his socket ends within five seconds', async () => {
    const outcomes: Record<string, Outcome> = {};
    // From whom nothing is taken goes on, so the others were not ended by something else.
    const control = withdraw(app, admin, { act: async () => undefined });
    const names = Object.keys(withdrawals);
    // Not all at once, which would be a test of how many can sign in at the same moment.
    while (names.length > 0) {
      const tried = names.splice(0, AT_ONCE).map(async (name) => {
        outcomes[name] = await withdraw(app, admin, withdrawals[name] as Withdrawal);
      });
      for (const result of await Promise.allSettled([control, ...tried])) {
        if (result.status === 'rejected') throw result.reason;
      }
    }
    expect(await control).toEqual({ closedAfterMs: null, code: null, leaked: true });
    for (const [name, { closedAfterMs, code, leaked }] of Object.entries(outcomes)) {
      expect({ name, code, leaked }).toEqual({ name, code: 4403, leaked: false });
      expect(closedAfterMs, name).toBeLessThan(5_000);
    }
  }, 120_000);
});
