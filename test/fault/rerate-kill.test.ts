import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../bench/random.js';
import { trials } from '../fixtures/trials.js';
import type { KillMoment, KillPoint } from './kill-preload.js';
import { KillServer } from './kill-server.js';
import { prepareWaitingRerates, rerateFigures } from './rerate-world.js';

const PROCESS = fileURLToPath(new URL('./rerate-process.js', import.meta.url));
const SEED = Number(process.env.KONTOR_TEST_SEED ?? 20_261_122);
// `npm run test:chaos` does twenty times as many.
const KILLS = trials(1);
const MOMENTS: readonly KillMoment[] = ['before', 'sent', 'after'];
// Statements after which half of something could be on disk if the transaction were not one.
const CRITICAL = [
  'COMMIT',
  "UPDATE run_batch SET state = 'DONE'",
  'INSERT INTO usage_summary',
  'UPDATE rerate SET state',
  'INSERT INTO rerate_difference',
];

let server: KillServer;
let expected: Record<string, string>;
let counts: Record<KillPoint['thread'], number>;

beforeAll(async () => {
  server = await KillServer.start(PROCESS, prepareWaitingRerates);
  const undisturbed = await server.fresh();
  counts = await server.finish(undisturbed);
  expected = await rerateFigures(undisturbed.ownerUrl);
}, 240_000);

afterAll(async () => server?.stop());

describe('change sets whose process is killed', () => {
  it('have something to lose', async () => {
    const waiting = await server.fresh();
    const before = await rerateFigures(waiting.ownerUrl);
    expect(Number.parseInt(expected.corrections!, 10)).toBeGreaterThan(2_000);
    expect(expected.off).toBe('0');
    for (const topic of ['records', 'sums', 'months', 'credit', 'differences', 'sets']) {
      expect(before[topic], topic).not.toBe(expected[topic]);
    }
    expect(expected.due).toBe(before.due);
    await server.drop(waiting);
  });

  it(
    `end in the same figures wherever it is (${KILLS} statements)`,
    async () => {
      const random = new Random(SEED);
      let [killed, tried] = [0, 0];
      // Two at a time, since a job waits for leases of its killed predecessor most of the time.
      const lane = async (): Promise<void> => {
        while (killed < KILLS && tried < KILLS * 3) {
          const point = pointOf(tried++, random);
          const urls = await server.fresh();
          if ((await server.kill(urls, point)) === 'SIGKILL') killed += 1;
          await server.finish(urls);
          const figures = await rerateFigures(urls.ownerUrl);
          expect(figures, `seed ${SEED}, ${JSON.stringify(point)}`).toEqual(expected);
          await server.drop(urls);
        }
      };
      await Promise.all([lane(), lane()]);
      expect(killed).toBeGreaterThanOrEqual(KILLS);
    },
    120_000 + KILLS * 90_000,
  );

  it('would be caught when batches were completed in a second transaction', async () => {
    const urls = await server.fresh();
    const begins = "UPDATE run_batch SET state = 'DONE'";
    const point: KillPoint = { thread: 'worker', at: 1, begins, moment: 'before' };
    const end = await server.kill(urls, point, { KONTOR_TEST_PLANT: 'two-transactions' });
    expect(end).toBe('SIGKILL');
    await server.finish(urls);
    expect(await rerateFigures(urls.ownerUrl)).not.toEqual(expected);
    await server.drop(urls);
  }, 240_000);
});

// Every second point is one of the critical statements; the others are anywhere.
function pointOf(n: number, random: Random): KillPoint {
  const moment = MOMENTS[random.below(MOMENTS.length)]!;
  if (n % 2 === 0) {
    const begins = CRITICAL[random.below(CRITICAL.length)]!;
    return { thread: 'worker', at: 1 + random.below(3), begins, moment };
  }
  const thread = n % 4 === 1 ? 'worker' : 'main';
  return { thread, at: 1 + random.below(counts[thread]), moment };
}
