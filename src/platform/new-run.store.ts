import { DomainError } from '../kernel/index.js';
import type { RunKind } from './run-rules.js';
import { rowsOf, type SqlClient } from './sql-client.js';
import { appendProgress, WORK_CHANNEL } from './work.store.js';

export interface NewRun {
  readonly kind: RunKind;
  readonly partnerId: number;
  /** Names the work itself: a second request for the same kind and subject finds the first. */
  readonly subject: string;
  readonly params: object;
  readonly requestedBy: number | null;
  /** Sum that progress is measured against; by default the sum of the batches' units. */
  readonly unitsTotal: number;
  readonly batches: readonly NewBatch[];
}

export interface NewBatch {
  /** Resource that only one process may use at a time; absent when there is none. */
  readonly lane?: string;
  readonly payload: object;
  readonly units: number;
}

/**
 * Creates a run with its batches, or finds the run that already exists for the kind and subject
 * (a cancelled one does not count). Refuses with RUN_SUBJECT_TAKEN when that run belongs to a
 * partner whom the transaction cannot see.
 */
export async function createRun(
  tx: SqlClient,
  run: NewRun,
): Promise<{ runId: number; created: boolean }> {
  const empty = run.batches.length === 0;
  const inserted = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO run (partner_id, kind, subject, params, requested_by, units_total,
         batches_total, state, started_at, finished_at)
       VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8,
         CASE WHEN $9 THEN now() END, CASE WHEN $9 THEN now() END)
       ON CONFLICT (kind, subject) WHERE state <> 'CANCELLED' DO NOTHING
       RETURNING id`,
      [
        run.partnerId,
        run.kind,
        run.subject,
        JSON.stringify(run.params),
        run.requestedBy,
        run.unitsTotal,
        run.batches.length,
        empty ? 'DONE' : 'READY',
        empty,
      ],
    ),
  )[0];
  if (inserted === undefined) return { runId: await runOf(tx, run), created: false };
  if (!empty) await insertBatches(tx, inserted.id, run);
  await appendProgress(tx, inserted.id);
  return { runId: inserted.id, created: true };
}

async function runOf(tx: SqlClient, run: NewRun): Promise<number> {
  const found = rowsOf<{ id: number }>(
    await tx.query(`SELECT id FROM run WHERE kind = $1 AND subject = $2 AND state <> 'CANCELLED'`, [
      run.kind,
      run.subject,
    ]),
  )[0];
  if (found === undefined) {
    throw new DomainError('RUN_SUBJECT_TAKEN', 'Another partner has a run for the same work.');
  }
  return found.id;
}

async function insertBatches(tx: SqlClient, runId: number, run: NewRun): Promise<void> {
  await tx.query(
    `INSERT INTO run_batch (run_id, partner_id, kind, ordinal, lane, payload, units)
     SELECT $1, $2, $3, b.ordinal, b.lane, b.payload::jsonb, b.units
     FROM unnest($4::text[], $5::text[], $6::bigint[]) WITH ORDINALITY
       AS b (lane, payload, units, ordinal)`,
    [
      runId,
      run.partnerId,
      run.kind,
      run.batches.map((batch) => batch.lane ?? ''),
      run.batches.map((batch) => JSON.stringify(batch.payload)),
      run.batches.map((batch) => batch.units),
    ],
  );
  await tx.query('SELECT pg_notify($1, $2)', [WORK_CHANNEL, run.kind]);
}
