import { rowsOf, type SqlClient } from '../platform/index.js';

/** A file whose counts do not add up, or are not those of what was stored of its lines. */
export interface UnequalCounts {
  readonly usageFileId: number;
  readonly received: number;
  readonly rated: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly held: number;
  /** Rows that stand in suspense, by state, and those that are kept as duplicates. */
  readonly storedRejected: number;
  readonly storedHeld: number;
  readonly storedDuplicate: number;
}

/**
 * Checks that no line of any file was lost: received = rated + rejected + duplicate + held, and
 * what is counted as not rated is there. A record that was recycled and found to be a duplicate
 * stays in suspense as recycled, so there may be fewer duplicates stored than counted.
 */
export async function checkFileCounts(tx: SqlClient): Promise<UnequalCounts[]> {
  return rowsOf<UnequalCounts>(
    await tx.query(
      `SELECT f.id AS "usageFileId", f.received::int, f.rated::int, f.rejected::int,
         f.duplicate::int, f.held::int, coalesce(s.rejected, 0)::int AS "storedRejected",
         coalesce(s.held, 0)::int AS "storedHeld", coalesce(d.rows, 0)::int AS "storedDuplicate"
       FROM usage_file f
       LEFT JOIN (SELECT usage_file_id, count(*) FILTER (WHERE state = 'REJECTED') AS rejected,
           count(*) FILTER (WHERE state = 'HELD') AS held
         FROM suspense_record GROUP BY 1) s ON s.usage_file_id = f.id
       LEFT JOIN (SELECT usage_file_id, count(*) AS rows FROM duplicate_record GROUP BY 1) d
         ON d.usage_file_id = f.id
       WHERE f.received <> f.rated + f.rejected + f.duplicate + f.held
         OR f.rejected <> coalesce(s.rejected, 0) OR f.held <> coalesce(s.held, 0)
         OR f.duplicate < coalesce(d.rows, 0)
       ORDER BY 1`,
    ),
  );
}
