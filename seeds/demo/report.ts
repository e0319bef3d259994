import { relative } from 'node:path';
import type { Client } from './client.js';
import type { FeedFile } from './feed.js';
import type { Nodes } from './setup.js';
import { type InvoiceRow, PERIOD, pdfPath, usageByDestination } from './steps.js';
import { grouped, money, type Terminal } from './terminal.js';

const MOST_MARGINS = 10;

/** What the files of a source came to. */
export interface SourceCounts {
  readonly source: string;
  readonly files: number;
  readonly received: number;
  readonly rated: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly held: number;
}

interface FileRow {
  readonly state: string;
  readonly received: string;
  readonly rated: string;
  readonly rejected: string;
  readonly duplicate: string;
  readonly held: string;
  readonly source: { readonly name: string } | null;
}

/** Sums over the imported files of each source. */
export async function sourceCounts(client: Client): Promise<SourceCounts[]> {
  const { usageFiles } = await client.call<{ usageFiles: Nodes<FileRow> }>(
    `query Files {
       usageFiles(first: 200, filter: { state: DONE }) {
         edges { node { state received rated rejected duplicate held source { name } } }
       }
     }`,
  );
  const sums = new Map<string, SourceCounts>();
  for (const { node } of usageFiles.edges) {
    if (node.source === null) continue;
    const source = node.source.name;
    const sum = sums.get(source);
    sums.set(source, {
      source,
      files: (sum?.files ?? 0) + 1,
      received: (sum?.received ?? 0) + Number(node.received),
      rated: (sum?.rated ?? 0) + Number(node.rated),
      rejected: (sum?.rejected ?? 0) + Number(node.rejected),
      duplicate: (sum?.duplicate ?? 0) + Number(node.duplicate),
      held: (sum?.held ?? 0) + Number(node.held),
    });
  }
  return [...sums.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
}

const COUNTED = ['files', 'received', 'rated', 'rejected', 'duplicate', 'held'] as const;

/** Throws unless the database holds of every source what its files were written to hold. */
export function assertCounts(files: readonly FeedFile[], found: readonly SourceCounts[]): void {
  for (const source of new Set(files.map((file) => file.source))) {
    const own = files.filter((file) => file.source === source).map(({ counts }) => counts);
    for (const name of COUNTED) {
      const wanted =
        name === 'files' ? own.length : own.reduce((sum, counts) => sum + counts[name], 0);
      const actual = found.find((row) => row.source === source)?.[name];
      if (actual === wanted) continue;
      throw new Error(`${source}: ${name} is ${actual}, but the files hold ${wanted}`);
    }
  }
}

/** Records of each source by what became of them. */
export function printCounts(terminal: Terminal, counts: readonly SourceCounts[]): void {
  terminal.title('Records');
  const cells = (name: string, rows: readonly SourceCounts[]) => {
    const sum = (pick: (row: SourceCounts) => number) =>
      grouped(rows.reduce((all, row) => all + pick(row), 0));
    return [
      name,
      sum(({ files }) => files),
      sum(({ received }) => received),
      sum(({ rated }) => rated),
      sum(({ rejected }) => rejected),
      sum(({ duplicate }) => duplicate),
      sum(({ held }) => held),
    ];
  };
  terminal.table(
    ['source', 'files', 'received', 'rated', 'rejected', 'duplicate', 'held'],
    [...counts.map((row) => cells(row.source, [row])), cells('all', counts)],
  );
}

/** The destinations at which the hub earns most, with everything in euro. */
export async function printMargins(client: Client, terminal: Terminal): Promise<void> {
  const rows = await usageByDestination(client);
  const voice = rows.filter(({ service, margin }) => service === 'VOICE' && margin !== null);
  voice.sort((a, b) => Number(b.margin) - Number(a.margin));
  terminal.title(`Margins of the hub by destination, EUR (${MOST_MARGINS} largest, 3 smallest)`);
  const shown = [...voice.slice(0, MOST_MARGINS), ...voice.slice(-3)];
  terminal.table(
    ['destination', 'calls', 'minutes', 'cost', 'revenue', 'margin'],
    shown.map((row) => [
      row.destination ?? 'none',
      grouped(row.records),
      grouped(Math.round(Number(row.quantity) / 60)),
      money(row.cost ?? '0'),
      money(row.revenue ?? '0'),
      money(row.margin ?? '0'),
    ]),
  );
}

/** Every invoice with its totals, and where its PDF lies. */
export function printInvoices(
  terminal: Terminal,
  invoices: readonly InvoiceRow[],
  folder: string,
): void {
  terminal.title(`Invoices for ${PERIOD}`);
  terminal.table(
    ['seller', 'buyer', 'number', '', 'net', 'tax', 'gross', 'PDF'],
    invoices.map((invoice) => [
      invoice.seller.name,
      invoice.buyer.name,
      invoice.number ?? invoice.state,
      invoice.currency,
      money(invoice.net),
      money(invoice.tax),
      money(invoice.gross),
      relative('', pdfPath(folder, invoice)),
    ]),
    4,
  );
}

interface AlarmRow {
  readonly severity: string;
  readonly probableCause: string;
  readonly text: string;
}

/** How many alarms of each kind were raised, with an example. */
export async function printAlarms(client: Client, terminal: Terminal): Promise<void> {
  const { alarms } = await client.call<{ alarms: Nodes<AlarmRow> }>(
    'query Alarms { alarms(first: 200) { edges { node { severity probableCause text } } } }',
  );
  const groups = new Map<string, AlarmRow[]>();
  for (const { node } of alarms.edges) {
    const key = `${node.severity} ${node.probableCause}`;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  terminal.title('Alarms');
  if (groups.size === 0) terminal.line('  none');
  for (const [key, rows] of [...groups].sort()) {
    terminal.line(`  ${key}: ${rows.length}, the newest: ${rows[0]?.text}`);
  }
}
