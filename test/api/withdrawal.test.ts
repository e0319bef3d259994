import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { type Outcome, withdraw, withdrawals } from '../fixtures/withdrawal.js';

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
    const tried = Object.entries(withdrawals).map(async ([name, withdrawal]) => {
      outcomes[name] = await withdraw(app, admin, withdrawal);
    });
    // From whom nothing is taken goes on, so the others were not ended by something else.
    const control = withdraw(app, admin, { act: async () => undefined });
    await Promise.all(tried);
    expect(await control).toEqual({ closedAfterMs: null, code: null, leaked: true });
    for (const [name, { closedAfterMs, code, leaked }] of Object.entries(outcomes)) {
      expect({ name, code, leaked }).toEqual({ name, code: 4403, leaked: false });
      expect(closedAfterMs, name).toBeLessThan(5_000);
    }
  }, 60_000);
});
