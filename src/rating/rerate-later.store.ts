import { rowsOf, type SqlClient } from '../platform/index.js';
import { EntryList, NUMBER } from './allowance-entry.js';

/** A batch of a change set, and entries of a later one that may be of the same records. */
interface Meeting {
  readonly own: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly later: number;
  readonly shard: number;
  readonly month: string;
}

// A batch reads the records of its slice alone, so entries meet where slices do. Where a contract
// had no say of the month before, the batch has differences of it and no entries.
const MEETINGS = `
  WITH batch AS (SELECT b.id, r.subject, (b.payload ->> 'fromMs')::bigint AS from_ms,
      (b.payload ->> 'toMs')::bigint AS to_ms
    FROM run r JOIN run_batch b ON b.run_id = r.id
    WHERE r.kind = 'RERATE' AND r.subject LIKE 'rerate:%:apply' AND b.state = 'DONE'),
  own AS (SELECT * FROM batch WHERE subject = 'rerate:' || $1::int || ':apply')
  SELECT own.id AS own, greatest(own.from_ms, b.from_ms)::float8 AS "fromMs",
    least(own.to_ms, b.to_ms)::float8 AS "toMs", b.id AS later, e.shard::int AS shard,
    e.month::text AS month
  FROM own JOIN batch b ON b.id > own.id AND b.subject <> own.subject
    AND b.from_ms < own.to_ms AND b.to_ms > own.from_ms
  JOIN allowance_entry e ON e.batch_id = b.id AND NOT e.withdrawn
  WHERE EXISTS (SELECT FROM allowance_entry o WHERE o.batch_id = own.id AND NOT o.withdrawn
      AND o.shard = e.shard AND o.month = e.month)
    OR EXISTS (SELECT FROM rerate_difference d WHERE d.batch_id = own.id
      AND d.contract_id % 64 = e.shard)
  ORDER BY b.id, e.shard, e.month, own.id`;

/**
 * Whether entries that a later change set has handed to the fold, and that count, are of records
 * that this one has corrected or has handed over, too. They rest on the prices of this one, also
 * where the later one has found no difference. In a transaction that sees everything.
 */
export async function isFoldedAgain(aside: SqlClient, rerateId: number): Promise<boolean> {
  for (const meeting of rowsOf<Meeting>(await aside.query(MEETINGS, [rerateId]))) {
    const { own, later, shard, month } = meeting;
    const again = await recordsOf(aside, later, shard, month);
    const before = await recordsOf(aside, own, shard, month);
    if ([...before].some((id) => again.has(id))) return true;
    if (await isCorrected(aside, meeting, again)) return true;
  }
  return false;
}

// One row at a time, which holds no more than the entries of one slice.
async function recordsOf(
  aside: SqlClient,
  batchId: number,
  shard: number,
  month: string,
): Promise<Set<number>> {
  const found = rowsOf<{ entries: Buffer }>(
    await aside.query(
      `SELECT string_agg(p.bytes, '' ORDER BY p.piece) AS entries
       FROM allowance_entry e JOIN entry_piece p USING (shard, month, batch_id)
       WHERE e.shard = $1 AND e.month = $2 AND e.batch_id = $3 AND NOT e.withdrawn
       GROUP BY e.batch_id`,
      [shard, month, batchId],
    ),
  );
  const list = new EntryList();
  for (const { entries } of found) list.read(entries, new Map());
  const ids = new Set<number>();
  for (let entry = 0; entry < list.count; entry += 1) ids.add(list.number(entry, NUMBER.XDR_ID));
  return ids;
}

async function isCorrected(
  aside: SqlClient,
  { own, fromMs, toMs }: Meeting,
  ids: ReadonlySet<number>,
): Promise<boolean> {
  const found = rowsOf(
    await aside.query(
      `SELECT 1 FROM seen_correction WHERE batch_id = $1 AND started_at >= $2 AND started_at < $3
         AND id = ANY ($4::bigint[]) LIMIT 1`,
      [own, new Date(fromMs), new Date(toMs), [...ids]],
    ),
  );
  return found.length > 0;
}
