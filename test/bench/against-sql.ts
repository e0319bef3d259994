import { join } from 'node:path';
import { Database, type DatabaseUrls } from '../../src/platform/index.js';
import { generate } from './generate.js';
import { type BenchOptions, median, rounded } from './measure.js';
import { Pipeline } from './pipeline.js';
import { Replay } from './replay.js';
import { SqlPeer } from './sql-peer.js';
import { buildWorld } from './world.js';

export type SqlFigures = Awaited<ReturnType<typeof measureSql>>;

/** The pipeline against set-based SQL that does the same with the same records, in pairs. */
export async function measureSql(urls: DatabaseUrls, dir: string, options: BenchOptions) {
  const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  const replay = new Replay(urls.ownerUrl);
  await replay.connect();
  const peer = await SqlPeer.open(urls.ownerUrl);
  const world = await buildWorld(database, options);
  const path = join(dir, 'bench.csv');
  // Of records at one instant we take the order of their identities, which SQL cannot know.
  const { records } = options;
  const file = generate(world, { path, records, seed: 42, days: 4, apart: true });
  const pipeline = new Pipeline(database, world, dir, options.workers);
  try {
    await peer.prepare(database);
    const rounds: { ours: number; sql: number }[] = [];
    for (let round = 0; round <= options.rounds; round += 1) {
      await replay.clear();
      const start = process.hrtime.bigint();
      await pipeline.run(file);
      const ours = Number(process.hrtime.bigint() - start) / 1e9;
      await pipeline.verify(file);
      const amounts = await pipeline.amounts();
      const run = await peer.run(file);
      if (run.amounts !== amounts) {
        throw new Error(`SQL comes to ${run.amounts}, the pipeline to ${amounts}`);
      }
      const differences = await peer.differences();
      if (differences > 0) throw new Error(`SQL comes to ${differences} other results`);
      if (round > 0) rounds.push({ ours, sql: run.seconds });
    }
    const figures = {
      records: options.records,
      sql_records_per_second: Math.round(options.records / median(rounds.map(({ sql }) => sql))),
      ratio_to_sql: rounded(median(rounds.map(({ ours, sql }) => sql / ours))),
      ratios: rounds.map(({ ours, sql }) => rounded(sql / ours)),
    };
    console.log(`ratio to SQL          ${figures.ratio_to_sql} (${figures.ratios.join(' ')})`);
    return figures;
  } finally {
    await pipeline.close();
    await peer.close();
    await replay.close();
    await database.close();
  }
}
