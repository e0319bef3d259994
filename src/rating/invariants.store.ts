import { rowsOf, type SqlClient } from '../platform/index.js';
import { ADJUSTED_RECORDS } from './adjusted-record.store.js';

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

/** A month of a contract whose fold said different things of it, amounts at scale 8. */
export interface UnequalFold {
  readonly contractId: number;
  readonly month: string;
  /** What folds have added to `usage_summary`. */
  readonly summed: string;
  /** By how much the fold says that the month changes. */
  readonly adjusted: string;
  /** By how much it says so of each record, together. */
  readonly kept: string;
  /** Days, terms, services and destinations of which records and sums say different things. */
  readonly parts: number;
  /** Of these there is no record, or one of another line, service, destination or last level. */
  readonly strays: number;
}

// Months of which nothing has gone yet; of those before the horizon sums are all that is left.
const OPEN = '(SELECT on_date FROM usage_horizon)';

/**
 * Checks what folds keep for each record, which is shown, explained and taken back by the next
 * fold: it adds up to what they say of the month, and to what they added to the sums of each day,
 * and it is of records that are there. Reads every result and, where there is any, every record.
 */
export async function checkFolds(tx: SqlClient): Promise<UnequalFold[]> {
  return rowsOf<UnequalFold>(
    await tx.query(
      `WITH parts AS (
         SELECT contract_id, month, sum(kept) AS kept, sum(summed) AS summed
         FROM (SELECT contract_id, month, version_id, usage_on, service, destination_id,
             adjustment AS kept, 0 AS summed FROM ${ADJUSTED_RECORDS} AS k
           UNION ALL SELECT s.contract_id, date_trunc('month', s.usage_on)::date,
             s.contract_version_id, s.usage_on, s.service, s.destination_id, 0, s.amount
           FROM usage_summary s JOIN run_batch b ON b.id = s.batch_id AND b.kind = 'FOLD'
           WHERE s.usage_on >= ${OPEN}) AS one
         GROUP BY contract_id, month, version_id, usage_on, service, destination_id),
       -- The day of a purged record is that in UTC, and may be of the month beside it by its zone.
       purged AS (
         SELECT contract_id, (max(month) + interval '1 month')::date AS month
         FROM purged_usage GROUP BY 1),
       strays AS (
         SELECT k.contract_id, k.month FROM ${ADJUSTED_RECORDS} AS k
         LEFT JOIN purged p USING (contract_id)
         WHERE (p.month IS NULL OR k.month > p.month) AND NOT EXISTS (
           SELECT FROM seen_xdr x WHERE x.id = k.xdr_id AND x.subscription_id = k.subscription_id
             AND x.service = k.service AND x.destination_id = k.destination_id
             AND (cardinality(x.stored_amounts) = k.level + 1) = k.is_last_level)),
       told AS (
         SELECT contract_id, month, summed, kept, 0 AS adjusted, (summed <> kept)::int AS parts,
           0 AS strays FROM parts
         UNION ALL SELECT contract_id, month, 0, 0, adjustment, 0, 0 FROM allowance_result
         UNION ALL SELECT contract_id, month, 0, 0, 0, 0, 1 FROM strays)
       SELECT contract_id AS "contractId", month::text, sum(summed)::text AS summed,
         sum(adjusted)::text AS adjusted, sum(kept)::text AS kept, sum(parts)::int AS parts,
         sum(strays)::int AS strays
       FROM told WHERE month >= ${OPEN} GROUP BY contract_id, told.month
       HAVING sum(parts) > 0 OR sum(strays) > 0 OR sum(adjusted) <> sum(kept)
       ORDER BY 1, 2`,
    ),
  );
}
