import { rowsOf, type Tx } from '../platform/index.js';
import type { RecyclableRecord } from './import-plan.js';
import type { SuspenseState } from './suspense.entity.js';
import type { SuspenseCount } from './suspense.input.js';

/** A filter with row numbers instead of opaque ids. */
export interface SuspenseScope {
  readonly fileId: number | null;
  readonly sourceId: number | null;
  readonly codes: readonly string[] | null;
  readonly contractId: number | null;
  /** Null stands for rejected and held. */
  readonly state: SuspenseState | null;
}

/** The most records that one run takes up again. */
const MAX_RECORDS = 1_000_000;

/** A contract that the viewer does not see is nobody's. */
export const SEEN_CONTRACT = (id: string) => `(SELECT id FROM contract WHERE id = ${id})`;

const FITS = `($1::int IS NULL OR s.usage_file_id = $1)
  AND ($2::int IS NULL OR f.usage_source_id = $2)
  AND ($3::text[] IS NULL OR s.code = ANY ($3))
  AND ($5::int IS NULL OR s.contract_id = ${SEEN_CONTRACT('$5')})
  AND s.state = ANY (CASE WHEN $4::text IS NULL THEN '{REJECTED,HELD}'::text[] ELSE ARRAY[$4] END)`;

/**
 * The rejected and held records that fit, file by file, oldest first. The domain is that of their
 * import; the source may be one of somebody above, who has imported the file.
 */
export async function recyclableRecords(tx: Tx, scope: SuspenseScope): Promise<RecyclableRecord[]> {
  return rowsOf<RecyclableRecord>(
    await tx.query(
      `SELECT picked.id::float8 AS id, picked.file_id AS "fileId", picked.bytes,
         coalesce(r.params ->> 'identityDomain', u.identity_domain) AS "identityDomain"
       FROM (SELECT s.id, s.usage_file_id AS file_id, f.usage_source_id, f.run_id,
             octet_length(s.raw) AS bytes
           FROM suspense_record s JOIN usage_file f ON f.id = s.usage_file_id
           WHERE ${FITS} AND s.state <> 'RECYCLED' AND s.purged_at IS NULL
           ORDER BY s.id LIMIT ${MAX_RECORDS}) AS picked
         JOIN run r ON r.id = picked.run_id
         LEFT JOIN usage_source u ON u.id = picked.usage_source_id
       ORDER BY picked.file_id, picked.id`,
      valuesOf(scope),
    ),
  );
}

/** How many records fit, by code, state and source, and by contract if asked for. */
export async function summary(
  tx: Tx,
  scope: SuspenseScope,
  byContract: boolean,
): Promise<SuspenseCount[]> {
  return rowsOf<SuspenseCount>(
    await tx.query(
      `SELECT s.code, s.state, f.usage_source_id AS "sourceId", c.id AS "contractId",
         count(*) AS records
       FROM suspense_record s JOIN usage_file f ON f.id = s.usage_file_id
         LEFT JOIN contract c ON $6 AND c.id = s.contract_id
       WHERE ${FITS} GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC, 1, 2, 3, 4 LIMIT 500`,
      [...valuesOf(scope), byContract],
    ),
  );
}

function valuesOf({ fileId, sourceId, codes, state, contractId }: SuspenseScope): unknown[] {
  return [fileId, sourceId, codes, state, contractId];
}
