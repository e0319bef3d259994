import { createRun, type OutboxRow, rowsOf, type Tx } from '../platform/index.js';

/** Entries that one batch of a fold run takes at least, unless there are no more. */
const BATCH_BYTES = 16 * 1024 * 1024;

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
