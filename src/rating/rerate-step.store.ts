import type pg from 'pg';
import { createRun, rowsOf } from '../platform/thread.js';
import type { RerateJob } from './batch-job.js';
import { type DueShard, shardBatches } from './fold.service.js';
import type { RerateParams } from './rerate-job.js';

/**
 * Moves a change set on when the batch that was just completed was the last of its run; in the
 * same transaction, so that no crash comes between the two.
 */
export async function endStep(client: pg.Client, job: RerateJob): Promise<void> {
  const { ticket, rerateId } = job;
  const done = rowsOf(
    await client.query(`SELECT 1 FROM run WHERE id = $1 AND state = 'DONE'`, [ticket.runId]),
  );
  if (done.length === 0) return;
  switch (job.step) {
    case 'PREVIEW':
      if (!(await startTrial(client, job))) await preview(client, rerateId, ticket.runId);
      return;
    case 'FOLD':
      await client.query('DELETE FROM rerate_entry WHERE run_id = $1', [job.previewRunId]);
      await client.query('DELETE FROM rerate_counted WHERE run_id = $1', [job.previewRunId]);
      await preview(client, rerateId, job.previewRunId);
      return;
    case 'APPLY':
      await client.query(
        `UPDATE rerate SET state = 'APPLIED', applied_at = clock_timestamp()
         WHERE id = $1 AND apply_run_id = $2 AND state = 'APPLYING'`,
        [rerateId, ticket.runId],
      );
      return;
    case 'UNDO':
      await client.query(
        `UPDATE rerate SET state = 'UNDONE', undone_at = clock_timestamp()
         WHERE id = $1 AND undo_run_id = $2 AND state = 'UNDOING'`,
        [rerateId, ticket.runId],
      );
  }
}

async function preview(client: pg.Client, rerateId: number, previewRunId: number): Promise<void> {
  await client.query(
    `UPDATE rerate SET state = 'PREVIEWED', previewed_at = clock_timestamp()
     WHERE id = $1 AND preview_run_id = $2 AND state = 'PREVIEWING'`,
    [rerateId, previewRunId],
  );
}

// Months with tiers and buckets are folded on trial once all of their records are known.
async function startTrial(client: pg.Client, job: RerateJob): Promise<boolean> {
  const { ticket, rerateId } = job;
  const planned = rowsOf<DueShard>(
    await client.query(
      `SELECT shard, sum(length(entries))::text AS bytes FROM rerate_entry
       WHERE run_id = $1 GROUP BY shard ORDER BY shard`,
      [ticket.runId],
    ),
  );
  if (planned.length === 0) return false;
  const params: RerateParams = { step: 'FOLD', rerateId, previewRunId: ticket.runId };
  const batches = shardBatches(planned);
  const { runId } = await createRun(client, {
    kind: 'RERATE',
    partnerId: ticket.partnerId,
    subject: `rerate:${rerateId}:fold:${ticket.runId}`,
    params,
    requestedBy: null,
    unitsTotal: batches.reduce((sum, { units }) => sum + units, 0),
    batches,
  });
  await client.query('UPDATE rerate SET fold_run_id = $2 WHERE id = $1 AND preview_run_id = $3', [
    rerateId,
    runId,
    ticket.runId,
  ]);
  return true;
}
