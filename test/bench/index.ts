import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrateOptions, openDatabase } from '../../src/app.js';
import type { CommandInput } from '../../src/main.js';
import { Database, type DatabaseUrls, migrate } from '../../src/platform/index.js';
import { measureBooks } from './book-load.js';
import { generate } from './generate.js';
import { added, type Measured, measure, median } from './measure.js';
import { measureMemory } from './memory.js';
import { Pipeline } from './pipeline.js';
import { Replay } from './replay.js';
import { performancePage } from './report.js';
import { measureRerates } from './rerate.js';
import { SqlPeer } from './sql-peer.js';
import { measureStages } from './stages.js';
import { buildWorld } from './world.js';

const CONNECTIONS = [1, 2, 4];
const WARM_UP_ROUNDS = 3;

/**
 * Measures the import pipeline against bare binary COPY of the very rows that it wrote, into the
 * very tables that it wrote them to. Each round measures both, so the ratio holds whatever else
 * the machine is doing. Rounds before them only warm up: V8 goes on translating the pipeline for a
 * few million records, which a server that bills is long past.
 */
export async function main({ config, args }: CommandInput): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'string' },
      records: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '4' },
      prefixes: { type: 'string', default: '100000' },
      subscriptions: { type: 'string', default: '5000' },
      workers: { type: 'string', default: String(config.workers) },
      book: { type: 'boolean', default: false },
      memory: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      rerate: { type: 'boolean', default: false },
      sql: { type: 'boolean', default: false },
    },
  });
  const { urls, embedded } = await openDatabase(config, () => {});
  const dir = mkdtempSync(join(tmpdir(), 'kontor-bench-'));
  const scratch = await scratchDatabase(urls);
  try {
    if (values.memory !== undefined) {
      const figures = await measureMemory(scratch.urls, dir, {
        records: Number(values.memory),
        prefixes: Number(values.prefixes),
        subscriptions: Number(values.subscriptions),
        workers: Number(values.workers),
      });
      console.log(JSON.stringify(figures));
      return 0;
    }
    if (values.book) {
      await measureBooks(scratch.urls);
      return 0;
    }
    const options = {
      records: Number(values.records),
      rounds: Number(values.rounds),
      prefixes: Number(values.prefixes),
      subscriptions: Number(values.subscriptions),
      workers: Number(values.workers),
    };
    if (values.rerate) {
      await measureRerates(scratch.urls, dir, options);
      return 0;
    }
    if (values.sql) {
      console.log(JSON.stringify(await againstSql(scratch.urls, dir, options)));
      return 0;
    }
    const result = await bench(scratch.urls, dir, options);
    print(result);
    if (values['write-docs']) writeFileSync('docs/performance.md', performancePage(result));
    if (values.json !== undefined) {
      writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
    }
    return 0;
  } finally {
    await scratch.drop();
    rmSync(dir, { recursive: true, force: true });
    await embedded?.stop();
  }
}

interface BenchOptions {
  readonly records: number;
  readonly rounds: number;
  readonly prefixes: number;
  readonly subscriptions: number;
  readonly workers: number;
}

interface Round {
  /** Import and fold. */
  readonly pipeline: Measured;
  readonly import: Measured;
  readonly copy: Readonly<Record<number, Measured>>;
}

async function bench(urls: DatabaseUrls, dir: string, options: BenchOptions) {
  const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  try {
    const world = await buildWorld(database, options);
    const file = generate(world, {
      path: join(dir, 'bench.csv'),
      records: options.records,
      seed: 42,
      days: 4,
    });
    const pipeline = new Pipeline(database, world, dir, options.workers);
    const replay = new Replay(urls.ownerUrl);
    await replay.connect();
    const rounds: Round[] = [];
    let rows = 0;
    for (let round = 1 - WARM_UP_ROUNDS; round <= options.rounds; round += 1) {
      console.log(round < 1 ? 'warming up' : `round ${round} of ${options.rounds}`);
      await replay.clear();
      const imported = await measure(replay.backendPids, () => pipeline.import(file));
      const folded = await measure(replay.backendPids, () => pipeline.fold());
      rows = await pipeline.verify(file);
      if (round < 0) continue;
      if (round === 0) await replay.record();
      const copy: Record<number, Measured> = {};
      for (const connections of CONNECTIONS) {
        await replay.clear();
        copy[connections] = await measure(replay.backendPids, () => replay.run(connections));
        await replay.verify(rows);
      }
      if (round > 0) {
        rounds.push({ pipeline: added(imported, folded), import: imported, copy });
      }
    }
    console.log('stages in one thread');
    const stages = measureStages(await pipeline.book(), file);
    await pipeline.close();
    await replay.close();
    return { ...summary(rounds, rows, options), ...stages };
  } finally {
    await database.close();
  }
}

/** The pipeline against set-based SQL that does the same with the same records, in pairs. */
async function againstSql(urls: DatabaseUrls, dir: string, options: BenchOptions) {
  const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  const replay = new Replay(urls.ownerUrl);
  await replay.connect();
  const peer = await SqlPeer.open(urls.ownerUrl);
  try {
    const world = await buildWorld(database, options);
    const path = join(dir, 'bench.csv');
    // Of records at one instant we take the order of their identities, which SQL cannot know.
    const { records } = options;
    const file = generate(world, { path, records, seed: 42, days: 4, apart: true });
    await peer.prepare(database);
    const pipeline = new Pipeline(database, world, dir, options.workers);
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
      if (round > 0) rounds.push({ ours, sql: run.seconds });
    }
    await pipeline.close();
    return {
      records: options.records,
      sql_records_per_second: Math.round(options.records / median(rounds.map(({ sql }) => sql))),
      ratio_to_sql: round3(median(rounds.map(({ ours, sql }) => sql / ours))),
      ratios: rounds.map(({ ours, sql }) => round3(sql / ours)),
    };
  } finally {
    await peer.close();
    await replay.close();
    await database.close();
  }
}

function summary(rounds: readonly Round[], rows: number, options: BenchOptions) {
  const perSecond = (measured: Measured, count: number) => count / measured.seconds;
  const best = (round: Round) =>
    Math.max(...CONNECTIONS.map((n) => perSecond(round.copy[n]!, rows)));
  const perRow = (seconds: number, count: number) => (seconds * 1e6) / count;
  const figure = (value: (round: Round) => number) => round3(median(rounds.map(value)));
  const cpu = (measured: Measured) => measured.nodeCpuSeconds + measured.postgresCpuSeconds;
  return {
    rounds: rounds.length,
    records: options.records,
    rows,
    prefixes: options.prefixes,
    workers: options.workers,
    pipeline_rows_per_second: figure((round) => perSecond(round.pipeline, options.records)),
    copy_rows_per_second: Object.fromEntries(
      CONNECTIONS.map((n) => [n, figure((round) => perSecond(round.copy[n]!, rows))]),
    ),
    ratio_to_best_copy: figure((round) => perSecond(round.pipeline, options.records) / best(round)),
    ratios: rounds.map((round) => round3(perSecond(round.pipeline, options.records) / best(round))),
    import_rows_per_second: figure((round) => perSecond(round.import, options.records)),
    import_ratio_to_best_copy: figure(
      (round) => perSecond(round.import, options.records) / best(round),
    ),
    // What both sides computed: other load moves it less than times, though not by nothing.
    import_cpu_ratio_to_copy: figure(
      (round) => perRow(cpu(round.copy[1]!), rows) / perRow(cpu(round.import), options.records),
    ),
    cpu_us_per_row: {
      import_node: figure((round) => perRow(round.import.nodeCpuSeconds, options.records)),
      import_postgres: figure((round) => perRow(round.import.postgresCpuSeconds, options.records)),
      node: figure((round) => perRow(round.pipeline.nodeCpuSeconds, options.records)),
      postgres: figure((round) => perRow(round.pipeline.postgresCpuSeconds, options.records)),
      copy_client: figure((round) => perRow(round.copy[1]!.nodeCpuSeconds, rows)),
      copy_postgres: figure((round) => perRow(round.copy[1]!.postgresCpuSeconds, rows)),
    },
    peak_rss_mib: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function print(result: Awaited<ReturnType<typeof bench>>): void {
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  console.log(`records               ${whole(result.records)} in ${result.rounds} rounds`);
  console.log(`pipeline              ${whole(result.pipeline_rows_per_second)} records/s`);
  for (const n of CONNECTIONS) {
    const rate = result.copy_rows_per_second[n]!;
    console.log(`bare COPY, ${n} conn.     ${whole(rate)} rows/s`);
  }
  console.log(`ratio to best COPY    ${result.ratio_to_best_copy} (${result.ratios.join(' ')})`);
  console.log(`import without fold   ${whole(result.import_rows_per_second)} records/s`);
  const { import_ratio_to_best_copy: ratio, import_cpu_ratio_to_copy: cpuRatio } = result;
  console.log(`  its ratio           ${ratio} by time, ${cpuRatio} by CPU to one connection`);
  const cpu = result.cpu_us_per_row;
  console.log(`CPU a record          ${cpu.node} us Node, ${cpu.postgres} us PostgreSQL`);
  const importCpu = `${cpu.import_node} us Node, ${cpu.import_postgres} us PostgreSQL`;
  console.log(`  of the import       ${importCpu}`);
  console.log(
    `CPU a bare row        ${cpu.copy_client} us Node, ${cpu.copy_postgres} us PostgreSQL`,
  );
  for (const [name, { us, limitUs, limit }] of Object.entries(result.stages)) {
    console.log(`  ${name.padEnd(20)}${us} us a record; ${limitUs} us for ${limit}`);
  }
  const core = whole(result.core_records_per_second);
  console.log(`rating alone          ${core} records/s of ${result.levels_per_record} levels`);
  console.log(`peak memory           ${result.peak_rss_mib} MiB`);
}

// The bench has a database of its own, so that it neither meets nor leaves anybody's rows.
async function scratchDatabase(
  urls: DatabaseUrls,
): Promise<{ urls: DatabaseUrls; drop(): Promise<void> }> {
  const name = `kontor_bench_${randomUUID().slice(0, 8)}`;
  const admin = new pg.Client({ connectionString: urls.ownerUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const at = (address: string) => {
    const url = new URL(address);
    url.pathname = `/${name}`;
    return url.toString();
  };
  const own = { url: at(urls.url), ownerUrl: at(urls.ownerUrl) };
  await migrate(migrateOptions(own));
  return {
    urls: own,
    drop: async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
