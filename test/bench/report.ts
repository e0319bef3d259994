import type { CopyFigures } from './against-copy.js';
import type { SqlFigures } from './against-sql.js';
import type { BookFigures } from './book-load.js';
import { rounded } from './measure.js';
import type { MemoryFigures } from './memory.js';
import type { SheetFigures } from './rate-sheet.js';
import type { RerateFigures } from './rerate.js';

/** What each part of the bench has come to. */
export interface Figures {
  readonly copy: CopyFigures;
  readonly sql: SqlFigures;
  readonly rerate: RerateFigures;
  readonly book: readonly BookFigures[];
  readonly sheet: SheetFigures;
  readonly memory: MemoryFigures;
}

/** The page about performance: ratios first, since absolute figures are those of one machine. */
export function performancePage(figures: Figures): string {
  const { copy, rerate, memory } = figures;
  const cpu = copy.cpu_us_per_row;
  return `# Performance

Written by \`npm run bench -- --write-docs\`. A ratio is the median of rounds, each of which
measures both sides one after the other: other load moves it less than absolute figures, which are
those of one machine and one hour. It moves it none the less, since Node waits for memory more than
PostgreSQL does and loses more to neighbours.

${table(['What', 'Must', 'Aim', 'Measured'], gates(figures))}

## Import

${whole(copy.records)} records, ${whole(copy.prefixes)} prefixes a list, ${copy.workers}
threads, median of ${copy.rounds} rounds after six to warm up. The rows for COPY are the very rows
that the pipeline wrote.

${table(
  ['What', 'Records a second', 'Of the best COPY'],
  [
    ['File to folded months', million(copy.pipeline_rows_per_second), copy.ratio_to_best_copy],
    ['File to rows', million(copy.import_rows_per_second), copy.import_ratio_to_best_copy],
    ...Object.entries(copy.copy_rows_per_second).map(
      ([connections, rate]) =>
        [`Bare COPY, ${connections} connections`, million(rate), ''] as const,
    ),
  ],
)}

The ratio of each round was ${copy.ratios.join(', ')};
to set-based SQL ${figures.sql.ratios.join(', ')}.

## CPU

Microseconds a record, from what the system has counted for each process; neighbours that share
the machine's memory move them, too. COPY over one connection takes ${copy.import_cpu_ratio_to_copy}
of what an import takes. From file to folded months the cores are busy for ${copy.busy} of the
time; had nothing ever waited, the ratio to the best COPY would be
${rounded(copy.ratio_to_best_copy / copy.busy)}.

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
for the same data in the same run. Rating alone does ${million(copy.core_records_per_second)}
records a second of ${copy.levels_per_record} levels on average.

${table(
  ['Stage', 'Takes', 'Limit', 'The limit is'],
  Object.entries(copy.stages).map(([name, { us, limitUs, limit }]) => [name, us, limitUs, limit]),
)}

## Re-rating

A change set over ${whole(rerate.records)} records, of which ${percent(rerate.changed)} % change,
as a share of what the first rating of the same records does in a second.

${table(['Step', 'Of the first rating'], Object.entries(rerate.ratios))}

## Price books and rate sheets

From the database to a book that all threads share, in seconds; what the process takes more
meanwhile.

${table(
  ['Lists', 'Rates', 'Load', 'Compile', 'Publish', 'Together', 'MiB'],
  figures.book.map((book) => [
    book.name,
    whole(book.rates),
    ...[book.load, book.compile, book.publish, book.together, book.most_mib],
  ]),
)}

A sheet of ${whole(figures.sheet.rates)} rates, in seconds; the workbook replaces what came as text.

${table(
  ['As', 'Import', 'Activation'],
  (['text', 'workbook'] as const).map((form) => [
    form,
    figures.sheet[form].imported,
    figures.sheet[form].active,
  ]),
)}

## Memory

The most that a process takes, with all its threads, which imports and folds a file whose
identities tell the time, by ${whole(memory.rates)} rates. Identities that do not take 13 bytes each
for as long as their records are compared.

${table(
  ['Records', 'MiB'],
  memory.records.map((records, n) => [whole(records), memory.peak_rss_mib[n]!]),
)}
`;
}

function gates({ copy, sql, rerate, book, sheet, memory }: Figures): Cell[][] {
  const slowest = Math.max(...book.map(({ together }) => together));
  const inForce = [sheet.text, sheet.workbook].map(({ imported, active }) => imported + active);
  return [
    ['Import and fold ÷ best COPY of its rows', '≥ 0.50', 0.6, copy.ratio_to_best_copy],
    ['Import and fold ÷ set-based SQL', '≥ 20', 40, sql.ratio_to_sql],
    [
      'Rating alone, records a second on one core',
      '≥ 1.5 M',
      '4 M',
      million(copy.core_records_per_second),
    ],
    ['Re-rating with its fold ÷ first rating', '≥ 0.5', 0.8, rerate.ratios.apply],
    ['A million rates, loaded and shared', '≤ 5 s', '2.5 s', `${slowest} s`],
    [
      `A sheet of ${whole(sheet.rates)} rates, imported and active`,
      '< 60 s',
      '',
      `${Math.max(...inForce).toFixed(1)} s`,
    ],
    [
      `Memory at ${whole(memory.records.at(-1)!)} records, ${whole(memory.rates)} rates`,
      '< 1,536 MiB',
      '',
      `${memory.peak_rss_mib.at(-1)} MiB`,
    ],
  ];
}

const whole = (value: number) => Math.round(value).toLocaleString('en');
const million = (value: number) => `${(value / 1e6).toFixed(2)} M`;
const percent = (share: number) => Math.round(share * 100);

type Cell = string | number;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
