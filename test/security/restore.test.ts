import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../bench/random.js';
import { settlesAfter } from '../fault/restore-check.js';
import { type Moment, RestoreWorld } from '../fault/restore-world.js';
import { numbersIn } from '../fixtures/numbers.js';
import { trials } from '../fixtures/trials.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 20_261_122);
const MOMENTS = trials(20);
/** Statements before which half of something is done, by what is half done. */
const INSIDE = {
  'an import': ["UPDATE run_batch SET state = 'DONE'", 3],
  'a fold': ['INSERT INTO allowance_result', 2],
  'a bill run': ['INSERT INTO invoice_line', 2],
  'a number that is taken': ['INSERT INTO invoice_number ', 3],
  'a number that is written down and not shown': ['UPDATE invoice i SET state', 4],
  'a finalisation': ["UPDATE invoice_number SET state = 'ISSUED'", 5],
} as const;

let world: RestoreWorld;

beforeAll(async () => {
  world = await RestoreWorld.start(6_000);
}, 300_000);
afterAll(() => world?.stop());

describe('a database that is restored to a moment inside of a run', () => {
  it.each(Object.entries(INSIDE))(
    'of %s settles, billed first or not',
    async (_, [begins, nth]) => {
      const moment = world.moment(begins, nth);
      const billed = await settlesAfter(world, moment, 'BILL');
      // What is billed again comes out byte for byte the same and gets its number back.
      expect([billed.refused, billed.recovered > 0, billed.lost]).toEqual([true, true, 0]);
      const settled = await settlesAfter(world, moment, 'RECONCILE');
      expect([settled.refused, settled.recovered + settled.lost]).toEqual([true, billed.recovered]);
    },
    600_000,
  );

  it(
    `settles wherever it was (${MOMENTS} moments)`,
    async () => {
      const random = new Random(SEED);
      let [recovered, lost] = [0, 0];
      for (let n = 0; n < MOMENTS; n += 1) {
        const moment = world.moments[random.below(world.moments.length)] as Moment;
        const settled = await settlesAfter(world, moment, n % 2 === 0 ? 'BILL' : 'RECONCILE');
        recovered += settled.recovered;
        lost += settled.lost;
      }
      console.log(`${MOMENTS} moments: ${recovered} numbers recovered, ${lost} lost`);
    },
    MOMENTS * 300_000,
  );

  it('would be caught giving numbers again without an anchor', async () => {
    const place = await world.restore(world.moment('INSERT INTO invoice_number ', 1));
    try {
      const kept = join(place.dir, 'kept');
      cpSync(place.anchorDir, kept, { recursive: true });
      rmSync(place.anchorDir, { recursive: true });
      const drafts: { id: number }[] = await place.database.read({ system: true }, (tx) =>
        tx.query(`SELECT id FROM invoice WHERE state = 'DRAFT' ORDER BY id DESC`),
      );
      const now = () => new Date('2026-11-05T00:00:00Z');
      const numbers = numbersIn(place.database, place.anchorDir, now);
      for (const { id } of drafts) await numbers.hold(id);
      const { status, output } = await place.command('reconcile', kept);
      expect([status, output]).toEqual([1, expect.stringMatching(/^REISSUED INV-2026-000001 /m)]);
    } finally {
      await place.close();
    }
  }, 300_000);
});
