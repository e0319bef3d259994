import { rowsOf, type SqlClient } from '../platform/index.js';
import { ADJUSTED_RECORDS, CREDIT_USAGE_TOPIC } from '../rating/index.js';

/** A month of a subscription whose use is not what it is charged, in its currency. */
export interface UnequalUse {
  readonly subscriptionId: number;
  readonly month: string;
  /** What is held against the credit limit. */
  readonly used: string;
  /** Of the records as they were last rated, with what their month changes. */
  readonly charged: string;
  /** What rating has told and credit control has not taken yet. */
  readonly untold: string;
}

/** Of so many watched subscriptions the records are looked for; of more, all are read. */
const LOOKED_FOR = 10_000;

// Of those that were watched before months came to be counted, nobody knows from when on.
const WATCHED = `SELECT id, contract_id, credit_watched_from AS watched_from,
    credit_count_from AS count_from
  FROM subscription WHERE credit_watched_at < 'infinity'`;

/**
 * Checks that what is held against credit limits is what subscribers are charged: in each month
 * since a subscription came to be watched, but for months that are still to be counted and those of
 * which records have been purged. For a nightly job, in a transaction that sees everything.
 * `lookedFor` is smaller in tests.
 */
export async function checkCreditUse(tx: SqlClient, lookedFor = LOOKED_FOR): Promise<UnequalUse[]> {
  const watched = rowsOf<{ id: number }>(
    await tx.query(`${WATCHED} ORDER BY id LIMIT ${lookedFor + 1}`),
  ).map(({ id }) => id);
  if (watched.length === 0) return [];
  return rowsOf<UnequalUse>(
    await tx.query(
      `WITH watched AS (
         SELECT w.*, (max(p.month) + interval '1 month')::date AS purged
         FROM (${WATCHED}) AS w LEFT JOIN purged_usage p USING (contract_id) GROUP BY 1, 2, 3, 4),
       -- The last level of a record is what its subscriber pays; its contract has the month.
       rated AS (
         SELECT x.subscription_id, sum(x.amount) AS charged,
           date_trunc('month', x.started_at AT TIME ZONE v.time_zone)::date AS month
         FROM (SELECT subscription_id, started_at, amounts[cardinality(amounts)] AS amount,
             ('x' || encode(substring(legs FROM length(legs) - 7 FOR 4), 'hex'))::bit(32)::int
               AS version
           FROM seen_xdr WHERE $1::int[] IS NULL OR subscription_id = ANY ($1::int[])) AS x
         JOIN contract_version v ON v.id = x.version GROUP BY 1, 3),
       told AS (
         SELECT subscription_id, month, charged, 0 AS untold, 0 AS used FROM rated
         UNION ALL SELECT subscription_id, month, adjustment, 0, 0 FROM ${ADJUSTED_RECORDS} AS k
         WHERE is_last_level
         UNION ALL SELECT (e ->> 0)::int, (e ->> 1)::date, 0, (e ->> 2)::numeric, 0
         FROM outbox, jsonb_array_elements(payload -> 'entries') AS e
         WHERE topic = $2 AND done_at IS NULL
         UNION ALL SELECT subscription_id, period_on, 0, 0, used * 100000000 FROM credit_balance)
       SELECT t.subscription_id AS "subscriptionId", t.month::text,
         trim_scale(sum(t.used) / 100000000)::text AS used,
         trim_scale(sum(t.charged) / 100000000)::text AS charged,
         trim_scale(sum(t.untold) / 100000000)::text AS untold
       FROM told t JOIN watched w ON w.id = t.subscription_id
       WHERE t.month >= w.watched_from AND (w.count_from IS NULL OR t.month < w.count_from)
         AND (w.purged IS NULL OR t.month > w.purged)
       GROUP BY t.subscription_id, t.month
       HAVING sum(t.used) <> sum(t.charged) - sum(t.untold)
       ORDER BY 1, 2`,
      [watched.length > lookedFor ? null : watched, CREDIT_USAGE_TOPIC],
    ),
  );
}
