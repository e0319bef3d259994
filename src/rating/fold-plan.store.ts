import type pg from 'pg';
import { invariant } from '../kernel/index.js';
import { rowsOf, type SqlClient } from '../platform/thread.js';
import { EntryList, NUMBER, WORD } from './allowance-entry.js';
import { type Beginnings, findBeginnings } from './allowance-result.store.js';
import { PieceJoiner } from './byte-pieces.js';
import { copyOutRows } from './copy-out.store.js';
import { MS } from './facts-query.store.js';
import { type FoldWindow, windowsOf } from './fold-windows.js';

/** A row of entries without the entries. */
export interface Segment {
  readonly batchId: number;
  readonly bytes: number;
  readonly replaces: boolean;
  readonly withdrawn: boolean;
  /** No fold has taken it into account. */
  readonly fresh: boolean;
  /** When its first and last record began; null where the month is folded as a whole. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** How a month of a shard is folded. */
export interface MonthPlan {
  readonly shard: number;
  /** Its first day, YYYY-MM-01. */
  readonly month: string;
  /** All that count, and the withdrawn ones that no fold has missed yet; oldest batch first. */
  readonly segments: readonly Segment[];
  /** The contracts to fold; null for all that have entries. */
  readonly due: ReadonlySet<number> | null;
  /**
   * Whether records are withdrawn or priced by the volume of all, so that the month is folded as a
   * whole; else it goes on from the beginnings, window by window. A record that is replaced begins
   * when it did before.
   */
  readonly isWhole: boolean;
  readonly beginnings: Beginnings;
  readonly windows: readonly FoldWindow[];
}

const FIRST_MS = Number.NEGATIVE_INFINITY;
const ALL_TIMES: FoldWindow = { fromMs: FIRST_MS, toMs: Number.POSITIVE_INFINITY };

/** What decides how much of a month is folded. */
export interface PlanWishes {
  /** Contracts to which the month before leaves something else than when this one was folded. */
  readonly carried: ReadonlySet<number>;
  /** Which of some contracts have pots that would begin with something else by now. */
  readonly beginOtherwise: (contractIds: readonly number[]) => Promise<readonly number[]>;
  readonly windowBytes: number;
}

/** Finds out what of a month has to be folded anew. */
export async function planMonth(
  client: pg.Client,
  shard: number,
  month: string,
  { carried, beginOtherwise, windowBytes }: PlanWishes,
): Promise<MonthPlan> {
  const segments = await segmentsOf(client, [{ shard, month }]);
  const isWhole = isFoldedWhole(segments);
  const plan = { shard, month, segments, isWhole, due: null, beginnings: new Map() };
  const windows = (fromMs: number) =>
    isWhole ? [ALL_TIMES] : windowsOf(segments.map(spanOf), fromMs, windowBytes);
  if (segments.length > 0 && segments.every(({ fresh, withdrawn }) => fresh && !withdrawn)) {
    return { ...plan, windows: windows(FIRST_MS) };
  }
  const earliest = await earliestOf(client, plan);
  for (const contract of carried) earliest.set(contract, FIRST_MS);
  const due = new Set(earliest.keys());
  if (due.size === 0) return { ...plan, due, windows: [] };
  if (isWhole) return { ...plan, due, windows: [ALL_TIMES] };
  const beginnings = await findBeginnings(client, month, earliest);
  for (const contract of await beginOtherwise([...beginnings.keys()])) beginnings.delete(contract);
  const begins = [...due].map((id) => beginnings.get(id)?.atMs ?? FIRST_MS);
  const fromMs = begins.reduce((least, atMs) => Math.min(least, atMs), ALL_TIMES.toMs);
  return { ...plan, due, beginnings, windows: windows(fromMs) };
}

/** Whether records are withdrawn or priced by the volume of all. */
export function isFoldedWhole(segments: readonly Segment[]): boolean {
  return segments.some(({ withdrawn, fromMs }) => withdrawn || fromMs === null);
}

/** A shard's month, by its first day, YYYY-MM-01. */
export interface ShardMonth {
  readonly shard: number;
  readonly month: string;
}

/** The entries of months: those that count, and withdrawn ones that no fold has missed yet. */
export async function segmentsOf(
  client: SqlClient,
  months: readonly ShardMonth[],
): Promise<(Segment & ShardMonth)[]> {
  return rowsOf(
    await client.query(
      `SELECT e.shard, e.month::text AS month, e.batch_id AS "batchId",
         e.bytes, e.replaces, e.withdrawn, d.batch_id IS NOT NULL AS fresh,
         ${MS('e.started_from')} AS "fromMs", ${MS('e.started_to')} AS "toMs"
       FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::date[])) AS k (shard, month)
       JOIN allowance_entry e USING (shard, month)
       LEFT JOIN allowance_due d USING (shard, month, batch_id)
       WHERE NOT e.withdrawn OR d.batch_id IS NOT NULL ORDER BY e.batch_id`,
      [months.map(({ shard }) => shard), months.map(({ month }) => month)],
    ),
  );
}

function spanOf({ bytes, fromMs, toMs }: Segment) {
  return { bytes, fromMs: fromMs!, toMs: toMs! };
}

// When the first new record of each contract began. What was withdrawn counts as new, too: it
// tells which contracts have to do without it.
async function earliestOf(
  client: pg.Client,
  { shard, month, segments }: Pick<MonthPlan, 'shard' | 'month' | 'segments'>,
): Promise<Map<number, number>> {
  const earliest = new Map<number, number>();
  const list = new EntryList();
  const fresh = segments.filter((segment) => segment.fresh);
  await readRows(client, shard, month, fresh, (bytes) => {
    list.clear();
    list.read(bytes, new Map());
    for (let entry = 0; entry < list.count; entry += 1) {
      const contract = list.word(entry, WORD.CONTRACT);
      const atMs = list.number(entry, NUMBER.STARTED_MS);
      if (atMs < (earliest.get(contract) ?? Number.POSITIVE_INFINITY)) {
        earliest.set(contract, atMs);
      }
    }
  });
  return earliest;
}

/** Reads the entries of a window that have to be folded, oldest batch first. */
export async function readWindow(
  client: pg.Client,
  plan: MonthPlan,
  window: FoldWindow,
  windowBytes: number,
  list: EntryList,
): Promise<void> {
  const { shard, month, due, beginnings, windows } = plan;
  const segments = plan.segments.filter(
    ({ withdrawn, fromMs, toMs }) =>
      !withdrawn && (fromMs === null || (fromMs < window.toMs && toMs! >= window.fromMs)),
  );
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  list.clear();
  list.reserveBytes(windows.length === 1 ? bytes : Math.min(bytes, windowBytes));
  const wanted = (contract: number, startedMs: number) =>
    startedMs >= window.fromMs &&
    startedMs < window.toMs &&
    (due === null || due.has(contract)) &&
    startedMs >= (beginnings.get(contract)?.atMs ?? FIRST_MS);
  const takesAll = due === null && windows.length === 1;
  const places = new Map<string, number>();
  await readRows(client, shard, month, segments, (entries) => {
    list.read(entries, places, takesAll ? undefined : wanted);
  });
}

/** Says that new entries were folded; those that were withdrawn meanwhile stay due. */
export async function forgetDue(
  client: pg.Client,
  { shard, month, segments }: MonthPlan,
): Promise<void> {
  const fresh = segments.filter((segment) => segment.fresh);
  if (fresh.length === 0) return;
  await client.query(
    `DELETE FROM allowance_due d
     USING allowance_entry e, unnest($3::int[], $4::boolean[]) AS r (batch_id, withdrawn)
     WHERE d.shard = $1 AND d.month = $2 AND d.batch_id = r.batch_id AND e.shard = d.shard
       AND e.month = d.month AND e.batch_id = d.batch_id AND e.withdrawn = r.withdrawn`,
    [shard, month, fresh.map(({ batchId }) => batchId), fresh.map(({ withdrawn }) => withdrawn)],
  );
}

// They come by COPY: as results the driver would have PostgreSQL write all bytes as text.
async function readRows(
  client: pg.Client,
  shard: number,
  month: string,
  segments: readonly Segment[],
  take: (entries: Buffer) => void,
): Promise<void> {
  if (segments.length === 0) return;
  const bytesOf = new Map(segments.map(({ batchId, bytes }) => [batchId, bytes]));
  const joiner = new PieceJoiner();
  await copyOutRows(client, entriesSql(shard, month, segments), ([batch, piece]) => {
    const entries = joiner.take(piece!, bytesOf.get(batch!.readInt32BE(0))!);
    if (entries !== null) take(entries);
  });
  joiner.end(segments.length);
}

function entriesSql(shard: number, month: string, segments: readonly Segment[]): string {
  invariant(Number.isInteger(shard) && /^\d{4}-\d\d-01$/.test(month), 'a shard and a month');
  return `COPY (SELECT batch_id, bytes FROM entry_piece
    WHERE shard = ${shard} AND month = '${month}'
      AND batch_id IN (${segments.map(({ batchId }) => batchId).join(', ')})
    ORDER BY batch_id, piece) TO STDOUT (FORMAT binary)`;
}
