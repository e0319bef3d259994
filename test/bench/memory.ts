import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { IdentityTable } from '../../src/mediation/index.js';
import { Database, type DatabaseUrls } from '../../src/platform/index.js';
import { generate } from './generate.js';
import { Pipeline } from './pipeline.js';
import { Replay } from './replay.js';
import { buildWorld, type WorldSize } from './world.js';

const FIRST = 1_000_000;

/** Peak memory of this process, with all its threads, after a file and after a longer one. */
export interface MemoryFigures {
  readonly records: readonly number[];
  readonly peak_rss_mib: readonly number[];
  /** Bytes of the identity table that the longer file needed beyond that of the first. */
  readonly identity_table_mib: number;
}

/**
 * Imports and folds a file of a million records and one of `records`: the peak must not grow with
 * the file but for the table of identities, which holds 8 bytes for each and more for its empty
 * places.
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
    const world = await buildWorld(database, options);
    const pipeline = new Pipeline(database, world, dir, options.workers);
    const peaks: number[] = [];
    for (const records of [FIRST, options.records]) {
      const path = join(dir, `memory-${records}.csv`);
      const file = generate(world, { path, records, seed: records, days: 4 });
      await pipeline.run(file);
      peaks.push(Math.round(process.resourceUsage().maxRSS / 1024));
      console.log(`${records.toLocaleString('en')} records: peak ${peaks.at(-1)} MiB`);
      await replay.clear();
      rmSync(path);
    }
    await pipeline.close();
    const bytesMore = IdentityTable.bytesFor(options.records) - IdentityTable.bytesFor(FIRST);
    return {
      records: [FIRST, options.records],
      peak_rss_mib: peaks,
      identity_table_mib: Math.round(bytesMore / 2 ** 20),
    };
  } finally {
    await replay.close();
    await database.close();
  }
}
