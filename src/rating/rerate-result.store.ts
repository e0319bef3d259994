import type pg from 'pg';
import { isoFromEpochDay } from '../kernel/index.js';
import type { BatchTicket } from '../platform/index.js';
import type { EntrySegment } from './allowance-collector.js';
import { storable } from './exact-sum.js';
import type { CountedLevels } from './rerate-counted.js';
import { InvoicesOfSums, type VersionList } from './rerate-facts.store.js';
import type { SliceFinding } from './rerate-slice.js';
import type { RerateDelta } from './rerate-sums.js';

const ROWS_A_STATEMENT = 10_000;

/** Sums of one batch that wrote records, as {@link RerateDelta} tells them. */
export interface SourceDeltas {
  readonly source: number;
  readonly deltas: readonly RerateDelta[];
}

/** Stores by contract, destination and invoice what a batch of a re-rating run changes. */
export async function storeDifferences(
  client: pg.Client,
  ticket: BatchTicket,
  versions: VersionList,
  sources: readonly SourceDeltas[],
): Promise<void> {
  const days = sources.flatMap(({ deltas }) => deltas.map(({ day }) => day));
  if (days.length === 0) return;
  const [first, last] = days.reduce(
    ([low, high], day) => [Math.min(low, day), Math.max(high, day)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const invoices = await InvoicesOfSums.load(
    client,
    sources.map(({ source }) => source),
    isoFromEpochDay(first),
    isoFromEpochDay(last),
  );
  const rows = new Map<string, DifferenceRow>();
  for (const { source, deltas } of sources) {
    for (const delta of deltas) {
      const { contractId, currency } = versions.of(delta.version);
      const sums = { batchId: source, contractId, day: delta.day, currency };
      const invoice = delta.recordsBefore > 0 ? invoices.of(sums) : invoices.ofOther(sums);
      addDifference(rows, versions, delta, invoice);
    }
  }
  const all = [...rows.values()];
  for (let at = 0; at < all.length; at += ROWS_A_STATEMENT) {
    await insertDifferences(client, ticket, all.slice(at, at + ROWS_A_STATEMENT));
  }
}

interface DifferenceRow {
  readonly payer: number;
  readonly contract: number;
  readonly level: string;
  readonly service: number;
  readonly destination: number;
  readonly invoice: number | null;
  readonly currency: string;
  /** Levels of records that lie in it before and after; one that gets other terms is in both. */
  recordsBefore: number;
  recordsAfter: number;
  before: bigint;
  after: bigint;
}

function addDifference(
  rows: Map<string, DifferenceRow>,
  versions: VersionList,
  delta: RerateDelta,
  invoice: number | null,
): void {
  const { contractId: contract, partnerId: payer, level, currency } = versions.of(delta.version);
  const { service, destination } = delta;
  const key = `${contract} ${currency} ${service} ${destination} ${invoice}`;
  let row = rows.get(key);
  if (row === undefined) {
    const sums = { recordsBefore: 0, recordsAfter: 0, before: 0n, after: 0n };
    row = { payer, contract, level, service, destination, invoice, currency, ...sums };
    rows.set(key, row);
  }
  row.recordsBefore += delta.recordsBefore;
  row.recordsAfter += delta.recordsAfter;
  row.before += delta.before;
  row.after += delta.after;
}

async function insertDifferences(
  client: pg.Client,
  ticket: BatchTicket,
  rows: readonly DifferenceRow[],
): Promise<void> {
  await client.query(
    `INSERT INTO rerate_difference (run_id, batch_id, partner_id, payer_partner_id, contract_id,
       level, service, destination_id, invoice_id, currency, records, before, after)
     SELECT $1, $2, $3, u.* FROM unnest($4::int[], $5::int[], $6::text[], $7::smallint[],
       $8::int[], $9::int[], $10::text[], $11::int[], $12::numeric[], $13::numeric[]) AS u`,
    [
      ticket.runId,
      ticket.id,
      ticket.partnerId,
      rows.map(({ payer }) => payer),
      rows.map(({ contract }) => contract),
      rows.map(({ level }) => level),
      rows.map(({ service }) => service),
      rows.map(({ destination }) => destination),
      rows.map(({ invoice }) => invoice),
      rows.map(({ currency }) => currency),
      rows.map(({ recordsBefore, recordsAfter }) => Math.max(recordsBefore, recordsAfter)),
      rows.map(({ before }) => before.toString()),
      rows.map(({ after }) => after.toString()),
    ],
  );
}

/** Stores which records have no price any more. */
export async function storeSliceFindings(
  client: pg.Client,
  ticket: BatchTicket,
  findings: ReadonlyMap<string, SliceFinding>,
): Promise<void> {
  for (const [code, { records, samples }] of findings) {
    await client.query(
      `INSERT INTO rerate_finding (run_id, batch_id, partner_id, code, records, samples)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [ticket.runId, ticket.id, ticket.partnerId, code, records, samples],
    );
  }
}

/** Stores what a preview would hand to the fold, and which of it has been counted. */
export async function storeTrialEntries(
  client: pg.Client,
  ticket: BatchTicket,
  segments: readonly EntrySegment[],
  counted: CountedLevels,
): Promise<void> {
  if (segments.length === 0) return;
  const { runId, id, partnerId } = ticket;
  for (const { shard, month, entries } of segments) {
    await client.query(
      `INSERT INTO rerate_entry (run_id, batch_id, partner_id, shard, month, entries)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [runId, id, partnerId, shard, month, entries],
    );
  }
  for (const { shard, levels } of counted.finish()) {
    await client.query(
      `INSERT INTO rerate_counted (run_id, batch_id, partner_id, shard, levels)
       VALUES ($1, $2, $3, $4, $5)`,
      [runId, id, partnerId, shard, levels],
    );
  }
}

/** Adds to the sums what differs; no invoice has it yet, so the next one takes it. */
export async function storeSums(
  client: pg.Client,
  ticket: BatchTicket,
  versions: VersionList,
  deltas: readonly RerateDelta[],
): Promise<void> {
  const rows = deltas.filter(isDifferent).flatMap(summaryRows);
  const termsOf = rows.map(({ version }) => versions.of(version));
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
    const part = rows.slice(at, at + ROWS_A_STATEMENT);
    const terms = termsOf.slice(at, at + ROWS_A_STATEMENT);
    await client.query(
      `INSERT INTO usage_summary (batch_id, usage_on, partner_id, contract_id,
         contract_version_id, account_id, service, destination_id, records, quantity,
         billed_quantity, amount)
       SELECT $1, u.* FROM unnest($2::date[], $3::int[], $4::int[], $5::int[], $6::int[],
         $7::smallint[], $8::int[], $9::int[], $10::bigint[], $11::bigint[], $12::bigint[]) AS u`,
      [
        ticket.id,
        part.map(({ day }) => isoFromEpochDay(day)),
        terms.map(({ partnerId }) => partnerId),
        terms.map(({ contractId }) => contractId),
        terms.map(({ id }) => id),
        terms.map(({ accountId }) => accountId),
        part.map(({ service }) => service),
        part.map(({ destination }) => destination),
        part.map(({ records }) => records),
        part.map(({ quantity }) => quantity.toString()),
        part.map(({ billed }) => billed.toString()),
        part.map(({ amount }) => amount.toString()),
      ],
    );
  }
}

function isDifferent(delta: RerateDelta): boolean {
  const { recordsBefore, recordsAfter, quantity, billed, before, after } = delta;
  return recordsBefore !== recordsAfter || quantity !== 0n || billed !== 0n || before !== after;
}

/** What one row of `usage_summary` adds. */
interface SummaryRow extends Pick<RerateDelta, 'version' | 'day' | 'service' | 'destination'> {
  readonly records: number;
  readonly quantity: bigint;
  readonly billed: bigint;
  readonly amount: bigint;
}

// Money that is too large for a row comes in several, which count nothing else.
function summaryRows(delta: RerateDelta): SummaryRow[] {
  const { version, day, service, destination, quantity, billed } = delta;
  const of = { version, day, service, destination };
  const [first = 0n, ...others] = storable(delta.after - delta.before);
  const records = delta.recordsAfter - delta.recordsBefore;
  return [
    { ...of, records, quantity, billed, amount: first },
    ...others.map((amount) => ({ ...of, records: 0, quantity: 0n, billed: 0n, amount })),
  ];
}
