import { rowsOf, type SqlClient } from '../platform/index.js';

// Another change set of the period that was applied or undone after the preview had begun: some of
// the records may have been looked at before that. The same of its months: batches that were still
// at work, or came later, when the records of the preview were fixed, and that were done after its
// months had begun to be folded on trial, and entries that were taken out of them by an undo.
const OVERTAKEN = `
  SELECT r.id FROM rerate r JOIN run p ON p.id = r.preview_run_id
  LEFT JOIN run f ON f.id = r.fold_run_id
  CROSS JOIN LATERAL (SELECT date_trunc('month', r.started_from - interval '1 day') AS from_month,
    r.started_to + interval '1 day' AS to_month) AS m
  WHERE r.id = ANY ($1::int[]) AND (EXISTS (
    SELECT FROM rerate o WHERE o.id <> r.id AND o.started_from < r.started_to
      AND o.started_to > r.started_from AND greatest(o.applied_at, o.undone_at) > p.created_at)
  OR EXISTS (
    SELECT FROM run_batch t, jsonb_array_elements_text(t.payload -> 'shards') AS shard
    JOIN allowance_entry e ON e.shard = shard::smallint
    JOIN run_batch b ON b.id = e.batch_id AND b.finished_at > f.created_at
    JOIN run n ON n.id = b.run_id AND n.subject <> 'rerate:' || r.id || ':apply'
    WHERE t.run_id = f.id AND e.month BETWEEN m.from_month AND m.to_month
      AND (e.batch_id > (p.params -> 'scope' ->> 'lastBatchId')::int
        OR p.params -> 'scope' -> 'openBatchIds' @> to_jsonb(e.batch_id)))
  OR EXISTS (
    SELECT FROM run u JOIN run_batch b ON b.run_id = u.id AND b.finished_at > f.created_at
    JOIN allowance_entry e ON e.batch_id = (b.payload ->> 'undoneBatchId')::int AND e.withdrawn
    JOIN run_batch t ON t.run_id = f.id AND t.payload -> 'shards' @> to_jsonb(e.shard)
    WHERE u.kind = 'RERATE' AND u.subject LIKE 'rerate:%:undo'
      AND u.subject <> 'rerate:' || r.id || ':undo'
      AND e.month BETWEEN m.from_month AND m.to_month))`;

/**
 * Those of some change sets whose records, or months that were folded on trial, others have changed
 * since, so that applying may come to something else. In a transaction that sees everything, as
 * change sets of others count as well.
 */
export async function overtaken(aside: SqlClient, ids: readonly number[]): Promise<Set<number>> {
  const rows = rowsOf<{ id: number }>(await aside.query(OVERTAKEN, [[...ids]]));
  return new Set(rows.map(({ id }) => id));
}
