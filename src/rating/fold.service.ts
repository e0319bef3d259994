import { createRun, type OutboxRow, rowsOf, type Tx } from '../platform/index.js';

/** Entries that one batch of a fold run takes at least, unless there are no more. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** A shard with the size of what is to be folded in it. */
export interface DueShard {
  readonly shard: number;
  readonly bytes: string;
}

/**
 * Task of the outbox: makes the run that folds what is due. Batches of the run that asked may
 * still be at work; then the last of them asks again, and everything is folded once.
 */
export async function startFold(tx: Tx, row: OutboxRow): Promise<void> {
  const { runId } = row.payload as { runId: number };
  const [open] = rowsOf(
    await tx.query(
      `SELECT 1 FROM run_batch WHERE run_id = $1 AND state IN ('READY','RUNNING') LIMIT 1`,
      [runId],
    ),
  );
  if (open !== undefined) return;
  const due = rowsOf<DueShard>(
    await tx.query(
      `SELECT shard, sum(bytes)::text AS bytes FROM allowance_due GROUP BY shard ORDER BY shard`,
    ),
  );
  if (due.length === 0) return;
  const [hub] = rowsOf<{ id: number }>(
    await tx.query('SELECT id FROM partner WHERE parent_id IS NULL'),
  );
  const batches = shardBatches(due);
  await createRun(tx, {
    kind: 'FOLD',
    partnerId: hub!.id,
    subject: `after:${row.id}`,
    params: {},
    requestedBy: null,
    unitsTotal: batches.reduce((sum, { units }) => sum + units, 0),
    batches,
  });
}

/** Batches of a fold: neighbouring shards together until they have enough to do. */
export function shardBatches(
  due: readonly DueShard[],
): { payload: { shards: number[] }; units: number }[] {
  const batches: { payload: { shards: number[] }; units: number }[] = [];
  for (const { shard, bytes } of due) {
    const last = batches.at(-1);
    if (last !== undefined && last.units < BATCH_BYTES) {
      last.payload.shards.push(shard);
      last.units += Number(bytes);
    } else batches.push({ payload: { shards: [shard] }, units: Number(bytes) });
  }
  return batches;
}
