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
