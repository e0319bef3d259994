import type { StageFigures } from './stages.js';

/** What the page needs of the figures of a bench. */
export interface Reported extends StageFigures {
  readonly rounds: number;
  readonly records: number;
  readonly prefixes: number;
  readonly workers: number;
  readonly ratio_to_best_copy: number;
  readonly import_ratio_to_best_copy: number;
  readonly import_cpu_ratio_to_copy: number;
  readonly ratios: readonly number[];
  readonly pipeline_rows_per_second: number;
  readonly import_rows_per_second: number;
  readonly copy_rows_per_second: Readonly<Record<number, number>>;
  readonly cpu_us_per_row: Readonly<
    Record<
      'node' | 'postgres' | 'import_node' | 'import_postgres' | 'copy_client' | 'copy_postgres',
      number
    >
  >;
  readonly peak_rss_mib: number;
}

/** The page about performance: ratios first, since absolute figures are those of one machine. */
export function performancePage(figures: Reported): string {
  const cpu = figures.cpu_us_per_row;
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  const million = (value: number) => `${(value / 1e6).toFixed(2)} M`;
  return `# Performance

Written by \`npm run bench -- --write-docs\`. Every round measures the pipeline and bare binary COPY
of the very rows that it wrote, one after the other, so the ratios hold whatever else the machine is
doing; absolute figures are those of one machine and one hour.

${whole(figures.records)} records, ${whole(figures.prefixes)} prefixes a list, ${figures.workers}
threads, median of ${figures.rounds} rounds after three to warm up.

${table(
  ['What', 'Records a second', 'Of the best COPY'],
  [
    [
      'File to folded months',
      million(figures.pipeline_rows_per_second),
      figures.ratio_to_best_copy,
    ],
    ['File to rows', million(figures.import_rows_per_second), figures.import_ratio_to_best_copy],
    ...Object.entries(figures.copy_rows_per_second).map(
      ([connections, rate]) =>
        [`Bare COPY, ${connections} connections`, million(rate), ''] as const,
    ),
  ],
)}

The ratio of each round was ${figures.ratios.join(', ')}.

## CPU

Microseconds a record, from what the system has counted for each process; other load moves them
little. COPY over one connection takes ${figures.import_cpu_ratio_to_copy} of what an import takes.

${table(
  ['What', 'Node', 'PostgreSQL'],
  [
    ['File to folded months', cpu.node, cpu.postgres],
    ['File to rows', cpu.import_node, cpu.import_postgres],
    ['Bare COPY, 1 connection', cpu.copy_client, cpu.copy_postgres],
  ],
)}

## Stages

One thread without database, microseconds a record, beside what the machine's memory alone takes
for the same data in the same run. Rating alone does ${million(figures.core_records_per_second)}
records a second of ${figures.levels_per_record} levels on average.

${table(
  ['Stage', 'Takes', 'Limit', 'The limit is'],
  Object.entries(figures.stages).map(([name, { us, limitUs, limit }]) => [
    name,
    us,
    limitUs,
    limit,
  ]),
)}

## Memory

The process of the bench took ${figures.peak_rss_mib} MiB at most, the rows for bare COPY among
them. \`npm run bench -- --memory 10000000\` imports and folds a million records, five and ten
million, whose identities tell the time, and names the peaks. Identities that do not take 13 bytes
each for as long as their records are compared.
`;
}

type Cell = string | number;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
