import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Database, type DatabaseUrls } from '../../src/platform/index.js';
import type { BenchOptions } from './measure.js';
import { Replay } from './replay.js';
import { buildWorld, type World } from './world.js';

const PROCESS = fileURLToPath(new URL('./memory-process.js', import.meta.url));
const FIRST = 1_000_000;
/** Those of the bench world that have a price of their own for each prefix. */
const LISTS = 3;

/** Peak memory of a process, with all its threads, that imports and folds a file of so many. */
export interface MemoryFigures {
  /** In price lists. */
  readonly rates: number;
  readonly records: readonly number[];
  readonly peak_rss_mib: readonly number[];
}

/** What a process is to import. */
export interface MemoryTask {
  readonly urls: DatabaseUrls;
  readonly dir: string;
  readonly world: World;
  readonly records: number;
  readonly workers: number;
  /** How many files others have imported into this database. */
  readonly round: number;
}

/**
 * Imports and folds a file of a million records, one of half of `records` and one of `records`,
 * each in a process of its own. Windows of a fold fill up to their limit; beyond that the peak must
 * not grow with the file. The identities tell the time; those that do not take 8 bytes each and
 * more for empty places.
 */
export async function measureMemory(
  urls: DatabaseUrls,
  dir: string,
  options: BenchOptions,
): Promise<MemoryFigures> {
  const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  const replay = new Replay(urls.ownerUrl);
  await replay.connect();
  try {
    const world = await buildWorld(database, { ...options, tellsTime: true });
    const peaks: number[] = [];
    const sizes = [FIRST, options.records / 2, options.records];
    for (const [round, records] of sizes.entries()) {
      const { workers } = options;
      peaks.push(await peakOf({ urls, dir, world, records, workers, round }));
      console.log(`${records.toLocaleString('en')} records: peak ${peaks.at(-1)} MiB`);
      await replay.clear();
    }
    return { rates: LISTS * options.prefixes, records: sizes, peak_rss_mib: peaks };
  } finally {
    await replay.close();
    await database.close();
  }
}

async function peakOf(task: MemoryTask): Promise<number> {
  const child = fork(PROCESS, { serialization: 'advanced' });
  child.send(task);
  let peak: unknown;
  child.on('message', (told) => {
    peak = told;
  });
  await once(child, 'exit');
  if (typeof peak !== 'number') throw new Error('the import of the bench failed');
  return peak;
}
