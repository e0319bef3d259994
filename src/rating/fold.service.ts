import type { Tx } from '../platform/index.js';
import { createRun, type OutboxRow, rowsOf } from '../platform/thread.js';

/** Bytes of entries that the batches of a fold run take on average, unless there are fewer. */
const BATCH_BYTES = 16 * 1024 * 1024;
/** Smaller batches are made where one of that size would leave threads without any. */
const FEW_BATCHES = 4;
const LEAST_BYTES = 1024 * 1024;

/** A shard with the size of what is to be folded in it. */
export interface DueShard {
  readonly shard: number;
  readonly bytes: string;
}

/** How long to wait for the other batches of a run before looking again. */
const WAIT_MS = 1_000;

/**
 * Task of the outbox: makes the run that folds what is due. Every batch of a run asks for it, and
 * only the newest that has asked is heard. Batches of the run may still be at work; then it is
 * asked again later, and everything is folded once. The last batch cannot be relied on for that,
 * as it may have nothing to fold, or be parked.
 */
export async function startFold(tx: Tx, row: OutboxRow): Promise<void> {
  const { runId } = row.payload as { runId: number };
  const [newer] = rowsOf(
    await tx.query(
      `SELECT 1 FROM outbox o JOIN outbox newer
         ON newer.topic = o.topic AND newer.payload = o.payload AND newer.id > o.id
       WHERE o.id = $1 AND newer.done_at IS NULL LIMIT 1`,
      [row.id],
    ),
  );
  if (newer !== undefined) return;
  const [open] = rowsOf(
    await tx.query(
      `SELECT 1 FROM run_batch WHERE run_id = $1 AND state IN ('READY','RUNNING') LIMIT 1`,
      [runId],
    ),
  );
  if (open !== undefined) return askLater(tx, row);
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

async function askLater(tx: Tx, { id }: OutboxRow): Promise<void> {
  await tx.query(
    `INSERT INTO outbox (topic, partner_id, payload, not_before)
     SELECT topic, partner_id, payload, clock_timestamp() + $2 * interval '1 millisecond'
     FROM outbox WHERE id = $1`,
    [id, WAIT_MS],
  );
}

/**
 * Batches of a fold, about as large as each other, so that no thread is left with the last one
 * alone: the largest shard first, each to the batch that has least to do.
 */
export function shardBatches(
  due: readonly DueShard[],
): { payload: { shards: number[] }; units: number }[] {
  const total = due.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  const worthwhile = Math.min(FEW_BATCHES, Math.floor(total / LEAST_BYTES));
  const count = Math.max(1, Math.ceil(total / BATCH_BYTES), worthwhile);
  const batches = Array.from({ length: count }, () => ({
    payload: { shards: [] as number[] },
    units: 0,
  }));
  const largestFirst = [...due].sort((a, b) => Number(b.bytes) - Number(a.bytes));
  for (const { shard, bytes } of largestFirst) {
    const least = batches.reduce((best, batch) => (batch.units < best.units ? batch : best));
    least.payload.shards.push(shard);
    least.units += Number(bytes);
  }
  return batches.filter(({ payload }) => payload.shards.length > 0);
}
