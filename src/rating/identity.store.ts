import type pg from 'pg';
import { laneOf } from '../mediation/index.js';
import { rowsOf } from '../platform/index.js';
import { copyOutRows } from './copy-out.store.js';
import type { SegmentFacts } from './identity-cover.js';

/** Bytes of a domain that wait to be imported. */
export async function waitingBytes(client: pg.Client, domain: string): Promise<number> {
  const [found] = rowsOf<{ bytes: number }>(
    await client.query(
      `SELECT coalesce(sum(units), 0)::float8 AS bytes FROM run_batch
       WHERE kind = 'IMPORT' AND lane = $1 AND state IN ('READY','RUNNING')`,
      [laneOf(domain)],
    ),
  );
  return found!.bytes;
}

/** What a domain holds, batch by batch. */
export async function readSegments(client: pg.Client, domain: string): Promise<SegmentFacts[]> {
  return rowsOf<SegmentFacts>(
    await client.query(
      `SELECT batch_id AS "batchId", records, time_key AS "timeKey",
         floor(extract(epoch FROM first_at) / 3600)::int AS "firstHour",
         floor(extract(epoch FROM last_at) / 3600)::int AS "lastHour"
       FROM identity_segment WHERE identity_domain = $1 ORDER BY batch_id`,
      [domain],
    ),
  );
}

/**
 * Waits for batches of a domain that are being committed. A connection that this process has lost
 * may be at it still, and what it commits is not seen before; see `completeBatchSql`, whose lock
 * this waits for as another process would that takes the lane over.
 */
export async function awaitCommits(client: pg.Client, domain: string): Promise<void> {
  await client.query('BEGIN');
  await client.query('SELECT FROM run_lane WHERE lane = $1 FOR NO KEY UPDATE', [laneOf(domain)]);
  await client.query('COMMIT');
}

/**
 * Hands over the identities that batches of a domain brought, in pieces valid during the call only.
 * They come by COPY: as results each would stand in memory three times until V8 collects it.
 */
export async function readIdentities(
  client: pg.Client,
  batchIds: readonly number[],
  take: (identities: Buffer) => void,
): Promise<void> {
  // A COPY takes no parameters.
  const ids = batchIds.map((id) => Math.trunc(id)).join();
  await copyOutRows(
    client,
    `COPY (SELECT bytes FROM identity_piece WHERE batch_id = ANY ('{${ids}}'::int[]))
     TO STDOUT (FORMAT binary)`,
    ([identities]) => take(identities!),
  );
}
