import { invariant } from '../kernel/index.js';
import { appendEvent } from './event.store.js';
import {
  isFinished,
  isOrdered,
  MAX_TAKEOVERS,
  type RunKind,
  type RunState,
  runStateAfter,
} from './run-rules.js';
import { rowsOf, type SqlClient } from './sql-client.js';

/** Channel on which processes learn that batches became ready. */
export const WORK_CHANNEL = 'kontor_work';

/** Topic of the event that every ended batch and every change of a run's state writes. */
export const RUN_PROGRESS_TOPIC = 'run.progress';

/** A batch that this process holds until its lease ends or a higher epoch was given away. */
export interface ClaimedBatch {
  readonly id: number;
  readonly runId: number;
  readonly partnerId: number;
  readonly kind: RunKind;
  readonly ordinal: number;
  readonly lane: string;
  readonly payload: unknown;
  readonly units: number;
  readonly epoch: number;
  /**
   * Epoch of the lane, 0 without lane. As long as it is the one seen before, nobody else has
   * committed in the lane in between, so what the process keeps in memory about it holds.
   */
  readonly laneEpoch: number;
  /** Failures before this attempt. */
  readonly attempts: number;
}

/** The part of a batch that completing it needs; it can be posted to a worker thread. */
export type BatchTicket = Pick<
  ClaimedBatch,
  'id' | 'runId' | 'partnerId' | 'epoch' | 'lane' | 'laneEpoch'
>;

/** The batch or its lane belongs to another process by now: nothing of it may be committed. */
export class Fenced extends Error {
  readonly code = 'FENCED';
  constructor(batchId: number) {
    super(`batch ${batchId} was taken over`);
    this.name = 'Fenced';
  }
}

/** Whether an error says {@link Fenced}, also when it came out of a worker thread as a copy. */
export function isFenced(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 'FENCED';
}

export interface ClaimOptions {
  readonly kind: RunKind;
  /** Name of the claiming process, unique for its lifetime. */
  readonly worker: string;
  readonly leaseMs: number;
  /** Batches that this process is executing right now. */
  readonly inFlight: readonly number[];
}

interface BatchRow {
  id: number;
  run_id: number;
  partner_id: number;
  kind: RunKind;
  ordinal: number;
  lane: string;
  payload: unknown;
  units: string;
  epoch: number;
  attempts: number;
  takeovers: number;
}

/**
 * Takes the next batch of a kind in the order of runs and ordinals, or null when none is ready:
 * one that waits, or one whose holder let the lease run out. A batch in a lane comes with the
 * lane, which must be free, expired or ours already.
 */
export async function claimBatch(
  tx: SqlClient,
  options: ClaimOptions,
): Promise<ClaimedBatch | null> {
  const lost: string[] = [];
  for (;;) {
    const row = rowsOf<BatchRow>(
      await tx.query(CLAIMABLE, [
        options.kind,
        options.worker,
        [...options.inFlight],
        lost,
        isOrdered(options.kind),
      ]),
    )[0];
    if (row === undefined) return null;
    if (row.takeovers >= MAX_TAKEOVERS) {
      await parkBatch(tx, { id: row.id, runId: row.run_id, kind: row.kind }, 'WORKER_LOST');
      continue;
    }
    const laneEpoch = row.lane === '' ? 0 : await takeLane(tx, row.lane, options);
    if (laneEpoch === null) {
      lost.push(row.lane);
      continue;
    }
    await tx.query(
      `UPDATE run_batch SET state = 'RUNNING', epoch = epoch + 1, worker = $2,
         takeovers = takeovers + CASE state WHEN 'RUNNING' THEN 1 ELSE 0 END,
         lease_until = clock_timestamp() + $3 * interval '1 millisecond'
       WHERE id = $1`,
      [row.id, options.worker, options.leaseMs],
    );
    await tx.query(
      `UPDATE run SET state = 'RUNNING', started_at = coalesce(started_at, now())
       WHERE id = $1 AND state = 'READY'`,
      [row.run_id],
    );
    return claimed(row, laneEpoch);
  }
}

const CLAIMABLE = `
  SELECT b.id, b.run_id, b.partner_id, b.kind, b.ordinal, b.lane, b.payload, b.units, b.epoch,
    b.attempts, b.takeovers
  FROM run_batch b LEFT JOIN run_lane l ON l.lane = b.lane
  WHERE b.kind = $1 AND b.state IN ('READY','RUNNING') AND b.not_before <= now()
    AND (b.state = 'READY' OR b.lease_until < now())
    AND (b.lane = '' OR l.holder IS NULL OR l.holder = $2 OR l.lease_until < now())
    AND b.id <> ALL ($3::int[]) AND b.lane <> ALL ($4::text[])
    AND NOT ($5 AND EXISTS (SELECT 1 FROM run_batch before WHERE before.run_id = b.run_id
      AND before.ordinal < b.ordinal AND before.state <> 'DONE'))
  ORDER BY b.run_id, b.ordinal LIMIT 1 FOR UPDATE OF b SKIP LOCKED`;

function claimed(row: BatchRow, laneEpoch: number): ClaimedBatch {
  return {
    id: row.id,
    runId: row.run_id,
    partnerId: row.partner_id,
    kind: row.kind,
    ordinal: row.ordinal,
    lane: row.lane,
    payload: row.payload,
    units: Number(row.units),
    epoch: row.epoch + 1,
    laneEpoch,
    attempts: row.attempts,
  };
}

/** Our epoch of the lane, raised when the holder changes; null when somebody else holds it. */
async function takeLane(
  tx: SqlClient,
  lane: string,
  options: ClaimOptions,
): Promise<number | null> {
  const taken = rowsOf<{ epoch: number }>(
    await tx.query(
      `INSERT INTO run_lane AS l (lane, epoch, holder, lease_until)
       VALUES ($1, 1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (lane) DO UPDATE SET holder = $2, lease_until = excluded.lease_until,
         epoch = l.epoch + CASE WHEN l.holder = $2 THEN 0 ELSE 1 END
       WHERE l.holder IS NULL OR l.holder = $2 OR l.lease_until < clock_timestamp()
       RETURNING l.epoch`,
      [lane, options.worker, options.leaseMs],
    ),
  )[0];
  return taken?.epoch ?? null;
}

/**
 * Ends a batch inside the very transaction that holds its results. Throws {@link Fenced} when
 * the batch or its lane was taken over, so that the results roll back with it. Numbers in
 * `result.totals` are added to the run's own result. Call it last: it locks the run's row.
 */
export async function completeBatchSql(
  client: SqlClient,
  batch: BatchTicket,
  result: object,
  unitsDone: number,
): Promise<void> {
  const own = rowsOf(
    await client.query(
      `UPDATE run_batch SET state = 'DONE', result = $3::jsonb, finished_at = clock_timestamp(),
         lease_until = NULL
       WHERE id = $1 AND epoch = $2 AND state = 'RUNNING' RETURNING id`,
      [batch.id, batch.epoch, JSON.stringify(result)],
    ),
  );
  if (own.length !== 1) throw new Fenced(batch.id);
  if (batch.lane !== '') {
    // The share lock makes a process that takes the lane over wait for this commit, so it cannot
    // read the lane's records without the ones of this batch.
    const lane = rowsOf<{ epoch: number }>(
      await client.query('SELECT epoch FROM run_lane WHERE lane = $1 FOR SHARE', [batch.lane]),
    )[0];
    if (lane?.epoch !== batch.laneEpoch) throw new Fenced(batch.id);
  }
  await endBatch(client, batch.runId, { done: 1, parked: 0, units: unitsDone, result });
}

/**
 * Counts a failed attempt: the batch waits for its next one, or is parked with the reason.
 * Does nothing when the batch is no longer ours.
 */
export async function failBatch(
  tx: SqlClient,
  batch: Pick<ClaimedBatch, 'id' | 'runId' | 'epoch' | 'kind'>,
  failure: { readonly reason: string; readonly park: boolean; readonly delayMs: number },
): Promise<void> {
  const own = rowsOf(
    await tx.query(
      `UPDATE run_batch SET state = 'READY', attempts = attempts + 1, lease_until = NULL,
         not_before = clock_timestamp() + $3 * interval '1 millisecond'
       WHERE id = $1 AND epoch = $2 AND state = 'RUNNING' RETURNING id`,
      [batch.id, batch.epoch, failure.delayMs],
    ),
  );
  if (own.length !== 1) return;
  if (failure.park) return parkBatch(tx, batch, failure.reason);
  await tx.query(
    `UPDATE run_batch b SET state = 'CANCELLED', finished_at = clock_timestamp()
     FROM (SELECT id FROM run WHERE id = $2 AND state = 'CANCELLED' FOR SHARE) r
     WHERE b.id = $1`,
    [batch.id, batch.runId],
  );
}

// Behind a parked batch of an ordered run nothing can happen, so the rest is parked with it, and
// resumed with it.
async function parkBatch(
  tx: SqlClient,
  { id, runId, kind }: Pick<ClaimedBatch, 'id' | 'runId' | 'kind'>,
  reason: string,
): Promise<void> {
  const parked = rowsOf(
    await tx.query(
      `UPDATE run_batch b SET state = 'PARKED', parked_reason = $2, lease_until = NULL,
         finished_at = clock_timestamp()
       FROM run_batch failed WHERE failed.id = $1 AND (b.id = failed.id
         OR $3 AND b.run_id = failed.run_id AND b.ordinal > failed.ordinal) RETURNING b.id`,
      [id, reason, isOrdered(kind)],
    ),
  );
  await endBatch(tx, runId, { done: 0, parked: parked.length, units: 0, reason });
}

interface BatchEnd {
  readonly done: number;
  readonly parked: number;
  readonly units: number;
  readonly result?: object;
  readonly reason?: string;
}

async function endBatch(client: SqlClient, runId: number, end: BatchEnd): Promise<void> {
  // Results may refer to the run by foreign keys, which hold its key; a full lock would make two
  // batches that end at the same moment wait for each other.
  const run = rowsOf<{ state: RunState; total: number; done: number; parked: number }>(
    await client.query(
      `SELECT state, batches_total AS total, batches_done AS done, batches_parked AS parked
       FROM run WHERE id = $1 FOR NO KEY UPDATE`,
      [runId],
    ),
  )[0];
  invariant(run !== undefined, 'a batch has a run');
  const state = runStateAfter(run.state, {
    total: run.total,
    done: run.done + end.done,
    parked: run.parked + end.parked,
  });
  await client.query(
    `UPDATE run SET state = $2, batches_done = batches_done + $3,
       batches_parked = batches_parked + $4, units_done = units_done + $5,
       result = result || (SELECT coalesce(jsonb_object_agg(key,
           coalesce((run.result ->> key)::numeric, 0) + value::numeric), '{}')
         FROM jsonb_each($6::jsonb) WHERE jsonb_typeof(value) = 'number'),
       parked_reason = coalesce(parked_reason, $7),
       finished_at = CASE WHEN $8 THEN coalesce(finished_at, clock_timestamp()) END
     WHERE id = $1`,
    [
      runId,
      state,
      end.done,
      end.parked,
      end.units,
      JSON.stringify((end.result as { totals?: object } | undefined)?.totals ?? {}),
      end.reason ?? null,
      isFinished(state),
    ],
  );
  await appendProgress(client, runId);
}

/** Writes the run's present figures as an event of the topic {@link RUN_PROGRESS_TOPIC}. */
export async function appendProgress(client: SqlClient, runId: number): Promise<void> {
  const row = rowsOf<{ partner_id: number; payload: object }>(
    await client.query(
      `SELECT partner_id, jsonb_build_object('runId', id, 'kind', kind, 'state', state,
         'batchesDone', batches_done, 'batchesTotal', batches_total, 'batchesParked',
         batches_parked, 'unitsDone', units_done, 'unitsTotal', units_total) AS payload
       FROM run WHERE id = $1`,
      [runId],
    ),
  )[0];
  invariant(row !== undefined, 'progress is written for a run that exists');
  await appendEvent(client, {
    topic: RUN_PROGRESS_TOPIC,
    partnerId: row.partner_id,
    key: String(runId),
    payload: row.payload,
  });
}

/** Prolongs the batches that a process works on, as far as they are still its own. */
export async function renewLeases(
  tx: SqlClient,
  worker: string,
  leaseMs: number,
  batches: readonly number[],
): Promise<void> {
  await tx.query(
    `UPDATE run_batch SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
     WHERE id = ANY ($1::int[]) AND worker = $2 AND state = 'RUNNING'`,
    [[...batches], worker, leaseMs],
  );
}

/** Prolongs the lanes that a process keeps and gives back all others that it holds. */
export async function keepLanes(
  tx: SqlClient,
  worker: string,
  leaseMs: number,
  lanes: readonly string[],
): Promise<void> {
  await tx.query(
    `UPDATE run_lane SET
       holder = CASE WHEN lane = ANY ($3::text[]) THEN holder END,
       lease_until = CASE WHEN lane = ANY ($3::text[])
         THEN clock_timestamp() + $2 * interval '1 millisecond' END
     WHERE holder = $1`,
    [worker, leaseMs, [...lanes]],
  );
}

/** How many batches of the kinds still wait or run, anywhere. */
export async function openBatches(tx: SqlClient, kinds: readonly RunKind[]): Promise<number> {
  const rows = rowsOf<{ open: string }>(
    await tx.query(
      `SELECT count(*) AS open FROM run_batch
       WHERE kind = ANY ($1::text[]) AND state IN ('READY','RUNNING')`,
      [[...kinds]],
    ),
  );
  return Number(rows[0]?.open ?? 0);
}
