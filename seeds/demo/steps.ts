import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.js';
import type { FeedFile } from './feed.js';
import { inParallel, type Nodes, type Setup } from './setup.js';
import { grouped } from './terminal.js';
import { HUB } from './world.js';

export const PERIOD = '2026-10';
export const SELLERS = [HUB, 'rheinfunk', 'kieztel'] as const;

const POLL_MS = 150;
const UPLOADS_AT_ONCE = 2;
const DOWNLOADS_AT_ONCE = 4;
const MOST_RUNS = 100;
const PAGE = 500;

type Progress = (part: number, text: string) => void;

/** Uploads the files and has them imported, in the order of time; waits for the end. */
export async function importFiles(
  client: Client,
  setup: Setup,
  files: readonly FeedFile[],
  progress: Progress,
): Promise<void> {
  const inOrder = [...files].sort((a, b) => (day(a) < day(b) ? -1 : 1));
  const records = files.reduce((sum, file) => sum + file.counts.received, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const startedAt = Date.now();
  const runs: string[] = [];
  const uploading = inParallel(inOrder, UPLOADS_AT_ONCE, async (file) => {
    const fileId = await client.upload(file.path);
    const sourceId = setup.id('source', file.source);
    const { importUsageFile } = await client.call<{ importUsageFile: { id: string } }>(
      `mutation Import($fileId: ID!, $sourceId: ID!) {
         importUsageFile(fileId: $fileId, sourceId: $sourceId) { id }
       }`,
      { fileId, sourceId },
    );
    runs.push(importUsageFile.id);
  });
  const isUploaded = uploading.then(() => true);
  for (;;) {
    const uploaded = await Promise.race([isUploaded, delay(POLL_MS).then(() => false)]);
    const done = await importedBytes(client);
    const seconds = (Date.now() - startedAt) / 1000;
    const part = Math.min(1, done.bytes / bytes);
    const rate = Math.round((records * part) / seconds);
    progress(part, `${grouped(Math.round(records * part))} records, ${grouped(rate)}/s`);
    if (uploaded && done.open === 0) return;
    if (uploaded) await delay(POLL_MS);
  }
}

function day(file: FeedFile): string {
  return file.name.slice(-6);
}

interface RunRow {
  readonly state: string;
  readonly unitsDone: string;
  readonly parkedReason: string | null;
}

async function importedBytes(client: Client): Promise<{ bytes: number; open: number }> {
  const { runs } = await client.call<{ runs: Nodes<RunRow> }>(
    `query Imports($first: Int!) {
       runs(first: $first, filter: { kind: IMPORT }) {
         edges { node { state unitsDone parkedReason } }
       }
     }`,
    { first: MOST_RUNS },
  );
  const rows = runs.edges.map(({ node }) => node);
  for (const { state, parkedReason } of rows) {
    if (state === 'PARKED') throw new Error(`An import is parked: ${parkedReason}`);
  }
  return {
    bytes: rows.reduce((sum, { unitsDone }) => sum + Number(unitsDone), 0),
    open: rows.filter(({ state }) => state === 'READY' || state === 'RUNNING').length,
  };
}

/** Bills the month for one seller and finalises what came of it. */
export async function billMonth(client: Client, sellerId: string): Promise<void> {
  const { startBillRun } = await client.call<{ startBillRun: { id: string } }>(
    `mutation Bill($input: StartBillRunInput!) { startBillRun(input: $input) { id } }`,
    { input: { period: PERIOD, sellerPartnerId: sellerId } },
  );
  await endOf(client, startBillRun.id);
  const { finaliseBillRun } = await client.call<{ finaliseBillRun: { id: string } }>(
    `mutation Finalise($run: ID!) { finaliseBillRun(runId: $run) { id } }`,
    { run: startBillRun.id },
  );
  await endOf(client, finaliseBillRun.id);
}

async function endOf(client: Client, runId: string): Promise<void> {
  for (;;) {
    const { run } = await client.call<{ run: RunRow }>(
      'query Run($id: ID!) { run(id: $id) { state unitsDone parkedReason } }',
      { id: runId },
    );
    if (run.state === 'DONE') return;
    if (run.state === 'PARKED' || run.state === 'CANCELLED') {
      throw new Error(`A run ended ${run.state}: ${run.parkedReason}`);
    }
    await delay(POLL_MS);
  }
}

/** What calls to a destination, or another service, cost and brought in the month, in euro. */
export interface UsageRow {
  readonly service: string;
  readonly destination: string | null;
  readonly records: string;
  readonly quantity: string;
  readonly cost: string | null;
  readonly revenue: string | null;
  readonly margin: string | null;
}

interface UsagePage extends Nodes<UsageRow> {
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** The month of the hub by destination. */
export async function usageByDestination(client: Client): Promise<UsageRow[]> {
  const rows: UsageRow[] = [];
  for (let after: string | null = null; ; ) {
    const { usageByDestination: page }: { usageByDestination: UsagePage } = await client.call(
      `query Usage($period: String!, $first: Int!, $after: String) {
         usageByDestination(period: $period, currency: "EUR", first: $first, after: $after) {
           edges { node { service destination records quantity cost revenue margin } }
           pageInfo { hasNextPage endCursor }
         }
       }`,
      { period: PERIOD, first: PAGE, after },
    );
    rows.push(...page.edges.map(({ node }) => node));
    if (!page.pageInfo.hasNextPage) return rows;
    after = page.pageInfo.endCursor;
  }
}

/** What the folds of the month came to. */
export interface FoldCounts {
  readonly runs: number;
  /** Contracts priced, as often as records came in for them. */
  readonly contracts: number;
  readonly records: number;
  /** Records whose price the month changed. */
  readonly adjusted: number;
}

/** What the runs that priced months with their tiers and allowances did, all together. */
export async function foldCounts(client: Client): Promise<FoldCounts> {
  const { runs } = await client.call<{ runs: Nodes<{ result: Partial<FoldCounts> }> }>(
    `query Folds($first: Int!) {
       runs(first: $first, filter: { kind: FOLD }) { edges { node { result } } }
     }`,
    { first: PAGE },
  );
  const sum = (name: 'contracts' | 'records' | 'adjusted') =>
    runs.edges.reduce((all, { node }) => all + Number(node.result[name] ?? 0), 0);
  return {
    runs: runs.edges.length,
    contracts: sum('contracts'),
    records: sum('records'),
    adjusted: sum('adjusted'),
  };
}

/** An invoice as the report shows it. */
export interface InvoiceRow {
  readonly id: string;
  readonly number: string | null;
  readonly state: string;
  readonly currency: string;
  readonly net: string;
  readonly tax: string;
  readonly gross: string;
  readonly seller: { readonly name: string };
  readonly buyer: { readonly name: string };
}

/** Every invoice of the month. */
export async function invoicesOf(client: Client): Promise<InvoiceRow[]> {
  const { invoices } = await client.call<{ invoices: Nodes<InvoiceRow> }>(
    `query Invoices($period: String!) {
       invoices(first: 200, filter: { period: $period }) {
         edges {
           node { id number state currency net tax gross seller { name } buyer { name } }
         }
       }
     }`,
    { period: PERIOD },
  );
  return invoices.edges.map(({ node }) => node);
}

/** Where the PDF of an invoice is kept, below the folder. */
export function pdfPath(folder: string, invoice: InvoiceRow): string {
  const seller = invoice.seller.name.toLowerCase().replace(/\W+/g, '-');
  return join(folder, `${seller}-${invoice.number}.pdf`);
}

/** Writes the PDF of every invoice that is not there yet; answers how many were written. */
export async function writePdfs(
  client: Client,
  folder: string,
  invoices: readonly InvoiceRow[],
): Promise<number> {
  await mkdir(folder, { recursive: true });
  let written = 0;
  await inParallel(invoices, DOWNLOADS_AT_ONCE, async (invoice) => {
    const path = pdfPath(folder, invoice);
    if (await isThere(path)) return;
    await writeFile(path, await client.download(`/documents/invoices/${invoice.id}.pdf`));
    written += 1;
  });
  return written;
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await readFile(path)).length > 0;
  } catch {
    return false;
  }
}
