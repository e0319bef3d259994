import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settlesAfter } from './restore-check.js';
import { RestoreWorld } from './restore-world.js';

let world: RestoreWorld;

beforeAll(async () => {
  world = await RestoreWorld.start(1_500);
});
afterAll(() => world?.stop());

// The long form, at many more moments, is in test/security/restore.test.ts.
describe('a database that is restored to a moment inside of a run', () => {
  it('of finalisation ends in the same figures and gives no number twice', async () => {
    const moment = world.moment('UPDATE invoice i SET state', 2);
    const { refused, recovered, lost } = await settlesAfter(world, moment, 'RECONCILE', 'SHORT');
    // The seller's other drafts are there, those of the sellers after him are not made yet.
    expect([refused, recovered, lost > 0]).toEqual([true, 1, true]);
  }, 120_000);
});
