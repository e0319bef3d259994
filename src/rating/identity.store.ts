import pg from 'pg';
import { laneOf } from '../mediation/index.js';
import { rowsOf } from '../platform/index.js';
import { copyOutRows } from './copy-out.store.js';

/** What a domain holds, and what waits to be imported into it. */
export interface DomainSize {
  readonly records: number;
  readonly waitingBytes: number;
}

export async function domainSize(client: pg.Client, domain: string): Promise<DomainSize> {
  const [size] = rowsOf<DomainSize>(
    await client.query(
      `SELECT (SELECT coalesce(sum(records), 0)::float8 FROM identity_segment
           WHERE identity_domain = $1) AS records,
         (SELECT coalesce(sum(units), 0)::float8 FROM run_batch
           WHERE kind = 'IMPORT' AND lane = $2 AND state IN ('READY','RUNNING')) AS "waitingBytes"`,
      [domain, laneOf(domain)],
    ),
  );
  return size!;
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
 * Hands over the identities of a domain segment by segment, valid during the call only. They come
 * by COPY: as results each would stand in memory three times until V8 collects it.
 */
export async function readIdentities(
  client: pg.Client,
  domain: string,
  take: (identities: Buffer) => void,
): Promise<void> {
  // A COPY takes no parameters.
  const name = pg.escapeLiteral(domain);
  await copyOutRows(
    client,
    `COPY (SELECT identities FROM identity_segment WHERE identity_domain = ${name}
       ORDER BY batch_id) TO STDOUT (FORMAT binary)`,
    ([identities]) => take(identities!),
  );
}
