import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Database, type DatabaseUrls } from '../../src/platform/index.js';
import { generate } from './generate.js';
import { Pipeline } from './pipeline.js';
import { Replay } from './replay.js';
import { buildWorld, type WorldSize } from './world.js';

const FIRST = 1_000_000;

/** Peak memory of this process, with all its threads, after a file and after longer ones. */
export interface MemoryFigures {
  readonly records: readonly number[];
  readonly peak_rss_mib: readonly number[];
}

/**
 * Imports and folds a file of a million records, one of half of `records` and one of `records`.
 * Windows of a fold fill up to their limit; beyond that the peak must not grow with the file. The
 * identities tell the time; those that do not take 8 bytes each and more for empty places.
 */
export async function measureMemory(
  urls: DatabaseUrls,
  dir: string,
  options: WorldSize & { readonly records: number; readonly workers: number },
): Promise<MemoryFigures> {
  const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  const replay = new Replay(urls.ownerUrl);
  await replay.connect();
  try {
    const world = await buildWorld(database, { ...options, tellsTime: true });
    const peaks: number[] = [];
    const half = options.records / 2;
    const sizes = [FIRST, half, options.records];
    for (const records of sizes) {
      const path = join(dir, `memory-${records}.csv`);
      const file = generate(world, { path, records, seed: records, days: 4 });
      collectGarbage();
      // Of its own: tables of identities are kept a while for the next file of their domain.
      const pipeline = new Pipeline(database, world, dir, options.workers, peaks.length);
      await pipeline.run(file);
      await pipeline.close();
      peaks.push(Math.round(process.resourceUsage().maxRSS / 1024));
      console.log(`${records.toLocaleString('en')} records: peak ${peaks.at(-1)} MiB`);
      await replay.clear();
      rmSync(path);
    }
    return { records: sizes, peak_rss_mib: peaks };
  } finally {
    await replay.close();
    await database.close();
  }
}

// What writing a file leaves behind is not the import's: V8 would keep it as long as there is room.
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
