import { rowsOf, type SqlClient } from '../platform/index.js';

/** A contract whose sums are not those of its records, with the sums at scale 8. */
export interface UnequalSums {
  readonly contractId: number;
  /** Of `usage_summary`, which invoices are made from. */
  readonly summed: string;
  /** Of the records as they were last rated. */
  readonly rated: string;
  /** By how much tiers and allowances of the months change them. */
  readonly adjusted: string;
}

/**
 * Checks that what is billed is what is shown: for every contract the sums of usage are the sums
 * of its records, corrected where they were re-rated, of the adjustments of its months, and of
 * what has been purged of both. Reads
 * every record; for a nightly job, in a transaction that sees everything.
 */
export async function checkUsageSums(tx: SqlClient): Promise<UnequalSums[]> {
  return rowsOf<UnequalSums>(
    await tx.query(
      `WITH rated AS (
         SELECT v.contract_id, sum(p.amount) AS amount FROM (
           SELECT ('x' || encode(substring(x.legs FROM n * 8 - 7 FOR 4), 'hex'))::bit(32)::int
             AS version_id, sum(x.amounts[n]) AS amount
           FROM seen_xdr x CROSS JOIN generate_series(1, cardinality(x.amounts)) AS n
           GROUP BY 1) AS p
         JOIN contract_version v ON v.id = p.version_id GROUP BY 1),
       summed AS (
         SELECT contract_id, sum(amount) AS amount FROM usage_summary GROUP BY 1),
       adjusted AS (
         SELECT contract_id, sum(adjustment) AS amount FROM allowance_result GROUP BY 1),
       purged AS (
         SELECT contract_id, sum(amount) + sum(adjustment) AS amount FROM purged_usage GROUP BY 1)
       SELECT contract_id AS "contractId", coalesce(s.amount, 0)::text AS summed,
         coalesce(r.amount, 0)::text AS rated, coalesce(a.amount, 0)::text AS adjusted
       FROM summed s FULL JOIN rated r USING (contract_id) FULL JOIN adjusted a USING (contract_id)
         FULL JOIN purged p USING (contract_id)
       WHERE coalesce(s.amount, 0)
         <> coalesce(r.amount, 0) + coalesce(a.amount, 0) + coalesce(p.amount, 0)
       ORDER BY 1`,
    ),
  );
}
