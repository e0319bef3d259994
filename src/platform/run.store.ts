import { invariant } from '../kernel/index.js';
import type { RunCounts } from './run-rules.js';
import { rowsOf, type SqlClient } from './sql-client.js';

/** Locks the open batches of a run and then the run, in the order in which batches end. */
export async function lockRun(tx: SqlClient, runId: number): Promise<void> {
  await tx.query(
    `SELECT id FROM run_batch WHERE run_id = $1 AND state IN ('READY','RUNNING','PARKED')
     ORDER BY id FOR UPDATE`,
    [runId],
  );
  await tx.query('SELECT id FROM run WHERE id = $1 FOR UPDATE', [runId]);
}

/** How the batches of a run stand right now. */
export async function countBatches(tx: SqlClient, runId: number): Promise<RunCounts> {
  const counts = rowsOf<RunCounts>(
    await tx.query(
      `SELECT count(*)::int AS total,
         (count(*) FILTER (WHERE state = 'DONE'))::int AS done,
         (count(*) FILTER (WHERE state = 'PARKED'))::int AS parked,
         (count(*) FILTER (WHERE state = 'RUNNING'))::int AS running,
         (count(*) FILTER (WHERE state = 'READY' AND epoch > 0))::int AS failed
       FROM run_batch WHERE run_id = $1`,
      [runId],
    ),
  )[0];
  invariant(counts !== undefined, 'a count is one row');
  return counts;
}

/** Drops the batches that nobody works on. */
export async function cancelReadyBatches(tx: SqlClient, runId: number): Promise<void> {
  await tx.query(
    `UPDATE run_batch SET state = 'CANCELLED', finished_at = clock_timestamp()
     WHERE run_id = $1 AND state = 'READY'`,
    [runId],
  );
}

/** Lets parked batches be taken again, as if they had never failed. */
export async function readyParkedBatches(tx: SqlClient, runId: number): Promise<void> {
  await tx.query(
    `UPDATE run_batch SET state = 'READY', attempts = 0, takeovers = 0, parked_reason = NULL,
       not_before = '-infinity', finished_at = NULL
     WHERE run_id = $1 AND state = 'PARKED'`,
    [runId],
  );
}
