import { cpus } from 'node:os';
import { join } from 'node:path';
import { Database, type DatabaseUrls } from '../../src/platform/index.js';
import { generate } from './generate.js';
import { added, type BenchOptions, type Measured, measure, median, rounded } from './measure.js';
import { Pipeline } from './pipeline.js';
import { Replay } from './replay.js';
import { measureStages } from './stages.js';
import { buildWorld } from './world.js';

const CONNECTIONS = [1, 2, 4];
const WARM_UP_ROUNDS = 6;

export type CopyFigures = Awaited<ReturnType<typeof measureCopy>>;

interface Round {
  /** Import and fold. */
  readonly pipeline: Measured;
  readonly import: Measured;
  readonly copy: Readonly<Record<number, Measured>>;
}

/**
 * The import pipeline against bare binary COPY of the very rows that it wrote, into the very tables
 * that it wrote them to. Each round measures both, so that other load moves the ratio less than
 * times. Rounds before them only warm up: V8 goes on translating the pipeline for a few million
 * records, which a server that bills is long past.
 */
export async function measureCopy(urls: DatabaseUrls, dir: string, options: BenchOptions) {
  const settings = { entities: [], poolSize: 6, statementTimeoutMs: 600_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  const replay = new Replay(urls.ownerUrl);
  await replay.connect();
  const world = await buildWorld(database, options);
  const path = join(dir, 'bench.csv');
  const file = generate(world, { path, records: options.records, seed: 42, days: 4 });
  const pipeline = new Pipeline(database, world, dir, options.workers);
  try {
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
    const figures = { ...summary(rounds, rows, options), ...stages };
    print(figures);
    return figures;
  } finally {
    await pipeline.close();
    await replay.close();
    await database.close();
  }
}

function summary(rounds: readonly Round[], rows: number, options: BenchOptions) {
  const perSecond = (measured: Measured, count: number) => count / measured.seconds;
  const best = (round: Round) =>
    Math.max(...CONNECTIONS.map((n) => perSecond(round.copy[n]!, rows)));
  const perRow = (seconds: number, count: number) => (seconds * 1e6) / count;
  const figure = (value: (round: Round) => number) => rounded(median(rounds.map(value)));
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
    ratios: rounds.map((round) =>
      rounded(perSecond(round.pipeline, options.records) / best(round)),
    ),
    import_rows_per_second: figure((round) => perSecond(round.import, options.records)),
    import_ratio_to_best_copy: figure(
      (round) => perSecond(round.import, options.records) / best(round),
    ),
    // What both sides computed: other load moves it less than times, though not by nothing.
    import_cpu_ratio_to_copy: figure(
      (round) => perRow(cpu(round.copy[1]!), rows) / perRow(cpu(round.import), options.records),
    ),
    // Of the time of all cores, what somebody computed in.
    busy: figure((round) => cpu(round.pipeline) / (round.pipeline.seconds * cpus().length)),
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

function print(result: CopyFigures): void {
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
  console.log(`busy                  ${result.busy} of the time of all cores`);
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
