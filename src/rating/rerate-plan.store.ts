import { DomainError } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import { hashJoined, rowsOf, type SqlClient } from '../platform/thread.js';
import { holdUnpurged, LEAF_DAY } from '../privacy/thread.js';
import type { Rerate } from './rerate.entity.js';
import type { RerateScope, RerateSelection } from './rerate-selection.js';

/** Days that hold records between two instants, with the bytes that lie in them. */
export async function recordDays(
  tx: Tx,
  fromMs: number,
  toMs: number,
): Promise<{ day: number; bytes: number }[]> {
  const rows = rowsOf<{ day: number; bytes: string }>(
    await tx.query(
      `SELECT leaf.day - '1970-01-01'::date AS day, pg_relation_size(leaf.oid)::text AS bytes
       FROM pg_inherits i JOIN (SELECT c.oid, ${LEAF_DAY} AS day FROM pg_class c) AS leaf
         ON leaf.oid = i.inhrelid
       WHERE i.inhparent = 'xdr'::regclass AND leaf.day BETWEEN $1::date AND $2::date
       ORDER BY 1`,
      [new Date(fromMs), new Date(toMs)],
    ),
  );
  return rows.map(({ day, bytes }) => ({ day, bytes: Number(bytes) }));
}

/**
 * Fixes what a selection comes to: whose records, written by which batches. In a transaction that
 * sees everything, since batches belong to whoever imported the file.
 */
export async function scopeOf(
  aside: SqlClient,
  selection: RerateSelection,
  ownerId: number,
): Promise<RerateScope> {
  const [owner] = rowsOf<{ isHub: boolean }>(
    await aside.query('SELECT parent_id IS NULL AS "isHub" FROM partner WHERE id = $1', [ownerId]),
  );
  const isHub = owner?.isHub === true;
  const top = selection.partnerId ?? (isHub ? null : ownerId);
  const { contractId, levels, subscriptionId, service, destinationIds } = selection;
  return {
    sellerId: isHub ? null : ownerId,
    contractId,
    levels,
    partnerIds: top === null ? null : await partnersBelow(aside, top),
    subscriptionId,
    service,
    destinationIds,
    batchIds: await batchesOf(aside, selection),
    ...(await boundary(aside)),
  };
}

async function partnersBelow(aside: SqlClient, id: number): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await aside.query('SELECT id FROM partner WHERE path @> ARRAY[$1::int]', [id]),
  );
  return rows.map((row) => row.id);
}

// Records that are being written now stay out, however soon they are there.
async function boundary(
  aside: SqlClient,
): Promise<Pick<RerateScope, 'lastBatchId' | 'openBatchIds'>> {
  const [row] = rowsOf<{ last: number | null; open: number[] | null }>(
    await aside.query(
      `SELECT (SELECT max(id) FROM run_batch) AS last,
         (SELECT array_agg(id) FROM run_batch WHERE kind IN ('IMPORT','RECYCLE')
           AND state <> 'DONE') AS open`,
    ),
  );
  return { lastBatchId: row?.last ?? 0, openBatchIds: row?.open ?? [] };
}

async function batchesOf(aside: SqlClient, selection: RerateSelection): Promise<number[] | null> {
  const { sourceId, fileId, runId } = selection;
  if (sourceId === null && fileId === null && runId === null) return null;
  const rows = rowsOf<{ id: number }>(
    await aside.query(
      `WITH files AS (SELECT id, run_id FROM usage_file
         WHERE ($1::int IS NULL OR usage_source_id = $1) AND ($2::int IS NULL OR id = $2)),
       batches AS (
         SELECT b.id, b.run_id FROM files f JOIN run_batch b ON b.run_id = f.run_id
         UNION SELECT b.id, b.run_id FROM files f
         JOIN suspense_record s ON s.usage_file_id = f.id
         JOIN run_batch b ON b.id = s.recycled_by_batch_id)
       SELECT id FROM batches WHERE $3::int IS NULL OR run_id = $3`,
      [sourceId, fileId, runId],
    ),
  );
  return rows.map((row) => row.id);
}

/**
 * Change sets, of anybody, that are being applied or undone and whose periods meet this one. In a
 * transaction that sees everything.
 */
export async function isBusy(aside: SqlClient, rerateId: number): Promise<boolean> {
  const rows = rowsOf(
    await aside.query(
      `SELECT 1 FROM rerate r JOIN rerate o ON o.id <> r.id AND o.state IN ('APPLYING','UNDOING')
         AND o.started_from < r.started_to AND o.started_to > r.started_from
       WHERE r.id = $1 LIMIT 1`,
      [rerateId],
    ),
  );
  return rows.length > 0;
}

/**
 * Whether a later change set that still holds has changed one of the same records. In a
 * transaction that sees everything.
 */
export async function isChangedAgain(aside: SqlClient, rerateId: number): Promise<boolean> {
  const asked = () =>
    aside.query(
      `WITH own AS (SELECT b.id AS batch, r.started_from, r.started_to
           FROM rerate r JOIN run a ON a.kind = 'RERATE'
             AND a.subject = 'rerate:' || r.id || ':apply'
           JOIN run_batch b ON b.run_id = a.id WHERE r.id = $1),
         later AS (SELECT b.id AS batch FROM rerate o, rerate r, run_batch b
           WHERE r.id = $1 AND o.apply_run_id > r.apply_run_id AND o.state <> 'UNDONE'
             AND o.started_from < r.started_to AND o.started_to > r.started_from
             AND b.run_id = o.apply_run_id)
       SELECT 1 FROM later JOIN seen_correction n ON n.batch_id = later.batch
         AND n.started_at >= (SELECT min(started_from) FROM own)
         AND n.started_at < (SELECT max(started_to) FROM own)
       JOIN seen_correction c ON c.id = n.id AND c.started_at = n.started_at
       WHERE c.batch_id IN (SELECT batch FROM own) LIMIT 1`,
      [rerateId],
    );
  return rowsOf(await hashJoined(aside, asked)).length > 0;
}

/** A batch of a change set's run as far as another run repeats it. */
export interface DoneBatch {
  readonly id: number;
  readonly payload: { readonly fromMs: number; readonly toMs: number };
  readonly units: string;
}

/** The batches of a preview. */
export function previewBatches(tx: Tx, runId: number): Promise<DoneBatch[]> {
  return tx.query('SELECT id, payload, units FROM run_batch WHERE run_id = $1 ORDER BY ordinal', [
    runId,
  ]);
}

/** Batches of a change set that were applied and not yet undone. */
export function appliedBatches(tx: Tx, rerateId: number): Promise<DoneBatch[]> {
  return tx.query(
    `SELECT b.id, b.payload, b.units FROM run r JOIN run_batch b ON b.run_id = r.id
     WHERE r.kind = 'RERATE' AND r.subject = 'rerate:' || $1::int || ':apply' AND b.state = 'DONE'
       AND NOT EXISTS (SELECT FROM run u JOIN run_batch d ON d.run_id = u.id
         WHERE u.kind = 'RERATE' AND u.subject = 'rerate:' || $1::int || ':undo'
           AND d.state = 'DONE' AND (d.payload ->> 'undoneBatchId')::int = b.id)
     ORDER BY b.id`,
    [rerateId],
  );
}

/** Whether a run still works or may go on: a cancelled one until its last batch has ended. */
export async function isRunOpen(tx: Tx, runId: number | null): Promise<boolean> {
  if (runId === null) return false;
  const rows = rowsOf(
    await tx.query(
      `SELECT 1 FROM run r WHERE r.id = $1 AND (r.state IN ('READY','RUNNING','PARKED')
         OR EXISTS (SELECT FROM run_batch b WHERE b.run_id = r.id AND b.state = 'RUNNING'))`,
      [runId],
    ),
  );
  return rows.length > 0;
}

/** Forgets what earlier previews of a change set came to. */
export async function forgetPreviews(tx: Tx, rerateId: number): Promise<void> {
  for (const table of ['rerate_difference', 'rerate_finding', 'rerate_entry', 'rerate_counted']) {
    await tx.query(
      `DELETE FROM ${table} WHERE run_id IN (SELECT id FROM run WHERE kind = 'RERATE'
         AND (subject LIKE 'rerate:' || $1::int || ':preview:%'
           OR subject LIKE 'rerate:' || $1::int || ':fold:%'))`,
      [rerateId],
    );
  }
}

/**
 * Whether records that a change set had changed are gone: those of a partner with a shorter period
 * go before the others of their time. In a transaction that sees everything.
 */
export async function isPartlyPurged(
  aside: SqlClient,
  { id, startedFrom, startedTo }: Pick<Rerate, 'id' | 'startedFrom' | 'startedTo'>,
): Promise<boolean> {
  const rows = rowsOf(
    await aside.query(
      `WITH own AS (SELECT b.id, (b.result -> 'totals' ->> 'changed')::bigint AS changed
         FROM run r JOIN run_batch b ON b.run_id = r.id AND b.state = 'DONE'
         WHERE r.kind = 'RERATE' AND r.subject = 'rerate:' || $1::int || ':apply')
       SELECT 1 FROM own LEFT JOIN (SELECT batch_id, count(*) AS kept FROM seen_correction
         WHERE started_at >= $2 AND started_at < $3 AND batch_id IN (SELECT id FROM own)
         GROUP BY batch_id) c ON c.batch_id = own.id
       WHERE own.changed > coalesce(c.kept, 0) LIMIT 1`,
      [id, startedFrom, startedTo],
    ),
  );
  return rows.length > 0;
}

/** Refuses with RERATE_PURGED a time of which records, or what they were folded from, are gone. */
export async function refusePurged(tx: SqlClient, from: Date): Promise<void> {
  const [gone] = rowsOf<{ gone: boolean }>(
    await tx.query('SELECT on_date::timestamptz > $1 AS gone FROM usage_horizon', [from]),
  );
  if (gone?.gone) throw purged();
}

/**
 * Keeps purges from a period until the transaction ends. Refuses with RERATE_BUSY while one is at
 * work there.
 */
export async function holdFromPurge(tx: SqlClient, from: Date, to: Date): Promise<void> {
  if (await holdUnpurged(tx, from, to)) return;
  const message = 'Records of that time are being purged just now; ask again in a moment.';
  throw new DomainError('RERATE_BUSY', message);
}

/** Records that are looked for have been purged. */
export function purged(): DomainError {
  return new DomainError('RERATE_PURGED', 'Records of that time have been purged.');
}
