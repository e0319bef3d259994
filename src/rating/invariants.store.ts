import { rowsOf, type SqlClient } from '../platform/index.js';

/** A month of a contract whose sums are not those of its records, amounts at scale 8. */
export interface UnequalSums {
  readonly contractId: number;
  /** Its first day; of purged usage the last month that some of it can be of, with all before. */
  readonly month: string;
  /** Of `usage_summary`, which invoices are made from. */
  readonly summed: string;
  readonly summedRecords: string;
  /** Of the records as they were last rated, and of purged ones. */
  readonly rated: string;
  readonly records: string;
  /** By how much tiers and allowances of the month change them. */
  readonly adjusted: string;
}

/**
 * Checks that what is billed is what is shown: for every contract and month the sums of usage are
 * the sums of its records, corrected where they were re-rated, of the adjustments of the month, and
 * of what has been purged of both; so are the counts. Reads every record; for a nightly job, in a
 * transaction that sees everything.
 */
export async function checkUsageSums(tx: SqlClient): Promise<UnequalSums[]> {
  return rowsOf<UnequalSums>(
    await tx.query(
      `WITH rated AS (
         SELECT v.contract_id,
           date_trunc('month', x.started_at AT TIME ZONE v.time_zone)::date AS month,
           count(*) AS records, sum(x.amounts[n]) AS amount
         FROM seen_xdr x CROSS JOIN generate_series(1, cardinality(x.amounts)) AS n
         JOIN contract_version v ON v.id =
           ('x' || encode(substring(x.legs FROM n * 8 - 7 FOR 4), 'hex'))::bit(32)::int
         GROUP BY 1, 2),
       -- The day of a purged record is that in UTC, and may be of the month beside it by its zone.
       purged AS (
         SELECT contract_id, (max(month) + interval '1 month')::date AS month,
           sum(records) AS records, sum(amount) + sum(adjustment) AS amount
         FROM purged_usage GROUP BY 1),
       told AS (
         SELECT contract_id, date_trunc('month', usage_on)::date AS month,
           records AS summed_records, amount AS summed, 0 AS records, 0 AS rated, 0 AS adjusted
         FROM usage_summary
         UNION ALL SELECT contract_id, month, 0, 0, records, amount, 0 FROM rated
         UNION ALL SELECT contract_id, month, 0, 0, records, amount, 0 FROM purged
         UNION ALL SELECT contract_id, month, 0, 0, 0, 0, adjustment FROM allowance_result)
       SELECT t.contract_id AS "contractId", greatest(t.month, p.month)::text AS month,
         sum(t.summed)::text AS summed, sum(t.summed_records)::text AS "summedRecords",
         sum(t.rated)::text AS rated, sum(t.records)::text AS records,
         sum(t.adjusted)::text AS adjusted
       FROM told t LEFT JOIN purged p USING (contract_id)
       GROUP BY t.contract_id, greatest(t.month, p.month)
       HAVING sum(t.summed) <> sum(t.rated) + sum(t.adjusted)
         OR sum(t.summed_records) <> sum(t.records)
       ORDER BY 1, 2`,
    ),
  );
}
