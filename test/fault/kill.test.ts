import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../bench/random.js';
import { trials } from '../fixtures/trials.js';
import type { KillMoment, KillPoint } from './kill-preload.js';
import { KillServer } from './kill-server.js';
import { figuresOf, prepareWaitingImport, unwritten } from './kill-world.js';

const PROCESS = fileURLToPath(new URL('./kill-process.js', import.meta.url));
const SEED = Number(process.env.KONTOR_TEST_SEED ?? 20_261_121);
// `npm run test:chaos` does twenty times as many.
const STATEMENT_KILLS = trials(4);
const DATABASE_KILLS = trials(1);
const MOMENTS: readonly KillMoment[] = ['before', 'sent', 'after'];
// Statements after which half of something could be on disk if the transaction were not one.
const CRITICAL = [
  'COMMIT',
  "UPDATE run_batch SET state = 'DONE'",
  'INSERT INTO identity_segment',
  'COPY identity_piece_all',
  'COPY entry_piece_all',
  'COPY (DELETE FROM allowance_result',
  'INSERT INTO allowance_result',
  'DELETE FROM allowance_due',
];

/** Between a number and its invoice. */
const ISSUING = ['INSERT INTO invoice_number ', 'UPDATE invoice i SET state'];

let server: KillServer;
let expected: Record<string, string>;
/** Numbers as an anchor without any line would miss them. */
let shown: readonly string[];
let counts: Record<KillPoint['thread'], number>;

beforeAll(async () => {
  server = await KillServer.start(PROCESS, prepareWaitingImport);
  const undisturbed = await server.fresh();
  counts = await server.finish(undisturbed);
  expected = await figuresOf(undisturbed.ownerUrl);
  shown = await unwritten(undisturbed.ownerUrl, join(server.dir, 'nowhere'));
});

afterAll(() => server?.stop());

describe('a job that is killed', () => {
  it('has something to lose', () => {
    expect(expected.files).toMatch(/^1 rows/);
    expect(Number.parseInt(expected.xdrs!, 10)).toBeGreaterThan(3_000);
    expect(Number.parseInt(expected.invoices!, 10)).toBe(6);
    expect(shown).toHaveLength(6);
    expect(Number.parseInt(expected.alarms!, 10)).toBeGreaterThan(0);
    expect(Number.parseInt(expected.allowances!, 10)).toBeGreaterThan(5);
    expect(Number.parseInt(expected.unfolded!, 10)).toBe(0);
  });

  it('sends each statement that it is killed at by name', () => {
    const isSent = (begins: string) => [...server.sent].some((text) => text.startsWith(begins));
    expect(CRITICAL.filter((begins) => !isSent(`worker ${begins}`))).toEqual([]);
    expect(ISSUING.filter((begins) => !isSent(`main ${begins}`))).toEqual([]);
  });

  it(
    `ends in the same figures wherever it is killed (${STATEMENT_KILLS} statements)`,
    async () => {
      const random = new Random(SEED);
      let [killed, tried] = [0, 0];
      // Two at a time, since a job waits for leases of its killed predecessor most of the time.
      const lane = async (): Promise<void> => {
        while (killed < STATEMENT_KILLS && tried < STATEMENT_KILLS * 3) {
          const point = pointOf(tried++, random);
          const urls = await server.fresh();
          if ((await server.kill(urls, point)) === 'SIGKILL') killed += 1;
          const at = `seed ${SEED}, ${JSON.stringify(point)}`;
          expect(await unwritten(urls.ownerUrl, server.dir), at).toEqual([]);
          await server.finish(urls);
          expect(await figuresOf(urls.ownerUrl), at).toEqual(expected);
          await server.drop(urls);
        }
      };
      await Promise.all([lane(), lane()]);
      expect(killed).toBeGreaterThanOrEqual(STATEMENT_KILLS);
    },
    120_000 + STATEMENT_KILLS * 60_000,
  );

  it(
    `ends in the same figures when the database is killed (${DATABASE_KILLS} times)`,
    async () => {
      const random = new Random(SEED + 1);
      for (let n = 0; n < DATABASE_KILLS; n += 1) {
        const urls = await server.fresh();
        await server.crash(urls, random.below(1_200));
        await server.finish(urls);
        expect(await figuresOf(urls.ownerUrl), `seed ${SEED}, database kill ${n}`).toEqual(
          expected,
        );
        await server.drop(urls);
      }
    },
    120_000 + DATABASE_KILLS * 60_000,
  );

  // In `npm test` rerate-kill.test.ts shows that this harness catches it.
  const inChaos = it.runIf(trials(1) > 1);
  inChaos('would be caught in two transactions', { timeout: 180_000 }, async () => {
    const urls = await server.fresh();
    const point: KillPoint = {
      thread: 'worker',
      at: 2,
      begins: "UPDATE run_batch SET state = 'DONE'",
      moment: 'before',
    };
    const plant = { KONTOR_TEST_PLANT: 'two-transactions' };
    expect(await server.kill(urls, point, plant)).toBe('SIGKILL');
    await server.finish(urls);
    expect(await figuresOf(urls.ownerUrl)).not.toEqual(expected);
    await server.drop(urls);
  });
});

// Every third point is one of the critical statements; the others are anywhere.
function pointOf(n: number, random: Random): KillPoint {
  const moment = MOMENTS[random.below(MOMENTS.length)]!;
  if (n % 6 === 0) {
    const begins = ISSUING[random.below(ISSUING.length)]!;
    return { thread: 'main', at: 1 + random.below(3), begins, moment };
  }
  if (n % 3 === 0) {
    const begins = CRITICAL[random.below(CRITICAL.length)]!;
    return { thread: 'worker', at: 1 + random.below(6), begins, moment };
  }
  const thread = n % 3 === 1 ? 'worker' : 'main';
  return { thread, at: 1 + random.below(counts[thread]), moment };
}
