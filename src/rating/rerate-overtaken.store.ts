import { rowsOf, type SqlClient } from '../platform/index.js';

// Batches that were still at work, or came later, when the records of the preview were fixed, and
// that were done after its months had begun to be folded on trial.
const OVERTAKEN = `
  SELECT r.id FROM rerate r JOIN run p ON p.id = r.preview_run_id JOIN run f ON f.id = r.fold_run_id
  WHERE r.id = ANY ($1::int[]) AND EXISTS (
    SELECT FROM run_batch t, jsonb_array_elements_text(t.payload -> 'shards') AS shard
    JOIN allowance_entry e ON e.shard = shard::smallint
    JOIN run_batch b ON b.id = e.batch_id AND b.finished_at > f.created_at
    JOIN run n ON n.id = b.run_id AND n.subject <> 'rerate:' || r.id || ':apply'
    WHERE t.run_id = f.id
      AND e.month >= date_trunc('month', r.started_from - interval '1 day')
      AND e.month <= r.started_to + interval '1 day'
      AND (e.batch_id > (p.params -> 'scope' ->> 'lastBatchId')::int
        OR p.params -> 'scope' -> 'openBatchIds' @> to_jsonb(e.batch_id)))`;

/**
 * Those of some change sets whose months have got records of others since they were folded on
 * trial, so that applying may come to something else. In a transaction that sees everything.
 */
export async function overtaken(aside: SqlClient, ids: readonly number[]): Promise<Set<number>> {
  const rows = rowsOf<{ id: number }>(await aside.query(OVERTAKEN, [[...ids]]));
  return new Set(rows.map(({ id }) => id));
}
