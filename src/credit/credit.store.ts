import { formatAmount, invariant, parseAmount } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import { appendEvent, rowsOf, type Tx } from '../platform/index.js';
import type { CreditSpan } from '../rating/index.js';
import {
  type HeldStatus,
  isOver,
  type SubscriptionStatus,
  statusAt,
} from '../subscription/index.js';
import type { CreditMarks, CreditStep, CreditTerms } from './threshold.js';
import type { UsageEntry } from './usage-entries.js';

/** Topics of the events that blocking and releasing write. */
export const SUBSCRIPTION_BLOCKED_TOPIC = 'subscription.blocked';
export const SUBSCRIPTION_RELEASED_TOPIC = 'subscription.released';

const EXHAUSTED: CreditStep = 'CREDIT_EXHAUSTED';

/** What has to be known of a subscription to watch its credit. */
export interface CreditFacts extends CreditTerms {
  /**
   * The first month whose use is known, `-infinity` (before every date as text) where there was a
   * limit from the beginning; null when none was ever set.
   */
  readonly watchedFrom: string | null;
  /** The first month whose use is still to be counted; null when all of it has been. */
  readonly countFrom: string | null;
  readonly id: number;
  readonly partnerId: number;
  readonly contractId: number;
  readonly level: PriceLevel;
  /** At the instant that was asked for. */
  readonly status: SubscriptionStatus;
  readonly timeZone: string;
}

/** By a person, or because use fell below the limit. */
type ReleaseReason = 'RELEASED' | 'CREDIT_RESTORED';

type Named = Pick<CreditFacts, 'id' | 'partnerId'>;

export interface Balance {
  readonly subscriptionId: number;
  readonly periodOn: string;
  readonly used: bigint;
  readonly marks: CreditMarks;
  readonly warnedAt: Date | null;
  readonly exhaustedAt: Date | null;
}

interface FactsRow {
  id: number;
  partner_id: number;
  contract_id: number;
  level: PriceLevel;
  status: HeldStatus;
  starts_at: Date;
  ends_at: Date | null;
  credit_limit: string | null;
  credit_warning_percent: number;
  watched_from: string | null;
  count_from: string | null;
  time_zone: string;
}

// The terms in force now, or the latest ones before or after when none are.
const FACTS = `
  SELECT s.id, s.partner_id, s.contract_id, s.status, s.starts_at, s.ends_at,
    s.credit_limit, s.credit_warning_percent,
    s.credit_watched_from::text AS watched_from, s.credit_count_from::text AS count_from,
    c.level, v.time_zone
  FROM subscription s JOIN contract c ON c.id = s.contract_id CROSS JOIN LATERAL (
    SELECT time_zone FROM contract_version
    WHERE contract_id = s.contract_id AND superseded_at IS NULL
    ORDER BY (valid_from <= now()) DESC, valid_from DESC LIMIT 1) v
  WHERE s.id = ANY ($1::int[]) ORDER BY s.id`;

/** Facts of visible subscriptions by id, with their states at an instant. */
export async function readFacts(
  tx: Tx,
  ids: readonly number[],
  at: Date,
): Promise<Map<number, CreditFacts>> {
  return factsById(await tx.query(FACTS, [[...ids]]), at);
}

/**
 * As {@link readFacts}, with the subscriptions locked in the order of their ids, so that limits,
 * status and balances stand still.
 */
export async function lockFacts(
  tx: Tx,
  ids: readonly number[],
  at: Date,
): Promise<Map<number, CreditFacts>> {
  return factsById(await tx.query(`${FACTS} FOR NO KEY UPDATE OF s`, [[...ids]]), at);
}

function factsById(answer: unknown, at: Date): Map<number, CreditFacts> {
  return new Map(
    rowsOf<FactsRow>(answer).map((row) => [
      row.id,
      {
        id: row.id,
        partnerId: row.partner_id,
        contractId: row.contract_id,
        level: row.level,
        status: statusAt(row.status, { startsAt: row.starts_at, endsAt: row.ends_at }, at),
        timeZone: row.time_zone,
        watchedFrom: row.watched_from,
        countFrom: row.count_from,
        limit: row.credit_limit === null ? null : parseAmount(row.credit_limit),
        warningPercent: row.credit_warning_percent,
      },
    ]),
  );
}

/**
 * The currencies of a contract's month as known now, in order of time: the last one, which amounts
 * are told in, is that of the terms in force at its end. Never empty.
 */
export async function currenciesOf(
  tx: Tx,
  contractId: number,
  periodOn: string,
): Promise<readonly string[]> {
  const terms = rowsOf<{ currency: string; in_month: boolean }>(
    await tx.query(
      `SELECT currency, begun AND lasts AS in_month FROM (
         SELECT currency, valid_from,
           valid_from AT TIME ZONE time_zone < $2::date + interval '1 month' AS begun,
           coalesce(valid_to AT TIME ZONE time_zone > $2::date, true) AS lasts
         FROM contract_version WHERE contract_id = $1 AND superseded_at IS NULL) v
       ORDER BY begun DESC, valid_from DESC`,
      [contractId, periodOn],
    ),
  );
  const named = terms.filter((one, at) => at === 0 || one.in_month);
  invariant(named.length > 0, 'a contract has terms');
  return [...new Set(named.map(({ currency }) => currency))].reverse();
}

interface BalanceRow {
  subscription_id: number;
  period_on: string;
  used: string;
  warned_at: Date | null;
  blocked_at: Date | null;
}

const BALANCE = `b.subscription_id, b.period_on::text AS period_on, b.used, b.warned_at,
  b.blocked_at`;

/** Subscriptions with months to count, at most `limit`. */
export async function uncounted(tx: Tx, limit: number): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT id FROM subscription WHERE credit_count_from IS NOT NULL ORDER BY id LIMIT $1`,
      [limit],
    ),
  );
  return rows.map(({ id }) => id);
}

/** Puts what was counted into the balances of locked subscriptions; answers these balances. */
export async function storeCounted(
  tx: Tx,
  spans: readonly CreditSpan[],
  entries: readonly UsageEntry[],
  facts: ReadonlyMap<number, CreditFacts>,
): Promise<Balance[]> {
  // What is not among the entries has come to nothing.
  await tx.query(
    `UPDATE credit_balance b SET used = 0
     FROM unnest($1::int[], $2::date[]) AS s (id, month)
     WHERE b.subscription_id = s.id AND b.period_on >= s.month`,
    [spans.map(({ subscriptionId }) => subscriptionId), spans.map(({ from }) => from)],
  );
  await addUsage(tx, entries, facts);
  await tx.query('UPDATE subscription SET credit_count_from = NULL WHERE id = ANY ($1::int[])', [
    spans.map(({ subscriptionId }) => subscriptionId),
  ]);
  const rows = rowsOf<BalanceRow>(
    await tx.query(
      `SELECT ${BALANCE} FROM credit_balance b
       JOIN unnest($1::int[], $2::date[]) AS s (id, month)
         ON b.subscription_id = s.id AND b.period_on >= s.month
       ORDER BY b.subscription_id, b.period_on`,
      [spans.map(({ subscriptionId }) => subscriptionId), spans.map(({ from }) => from)],
    ),
  );
  return rows.map(balanceOf);
}

/** Adds entries to the balances of locked subscriptions; answers the balances afterwards. */
export async function addUsage(
  tx: Tx,
  entries: readonly UsageEntry[],
  facts: ReadonlyMap<number, CreditFacts>,
): Promise<Balance[]> {
  const rows = rowsOf<BalanceRow>(
    await tx.query(
      `INSERT INTO credit_balance AS b (subscription_id, partner_id, period_on, used)
       SELECT * FROM unnest($1::int[], $2::int[], $3::date[], $4::numeric[])
       ON CONFLICT (subscription_id, period_on) DO UPDATE SET used = b.used + excluded.used
       RETURNING ${BALANCE}`,
      [
        entries.map((entry) => entry.subscriptionId),
        entries.map((entry) => facts.get(entry.subscriptionId)?.partnerId),
        entries.map((entry) => entry.periodOn),
        entries.map((entry) => formatAmount(entry.amount)),
      ],
    ),
  );
  return rows.map(balanceOf);
}

/** Balances of a subscription, of one month or of all. */
export async function readBalances(
  tx: Tx,
  subscriptionId: number,
  periodOn: string | null,
): Promise<Balance[]> {
  const rows = rowsOf<BalanceRow>(
    await tx.query(
      `SELECT ${BALANCE} FROM credit_balance b
       WHERE b.subscription_id = $1 AND ($2::date IS NULL OR b.period_on = $2)
       ORDER BY b.period_on`,
      [subscriptionId, periodOn],
    ),
  );
  return rows.map(balanceOf);
}

function balanceOf(row: BalanceRow): Balance {
  return {
    subscriptionId: row.subscription_id,
    periodOn: row.period_on,
    used: parseAmount(row.used),
    marks: { warned: row.warned_at !== null, exhausted: row.blocked_at !== null },
    warnedAt: row.warned_at,
    exhaustedAt: row.blocked_at,
  };
}

/** Remembers that a month took a step, or has to take it again. */
export async function markBalance(
  tx: Tx,
  balance: Balance,
  step: CreditStep,
  reached: boolean,
): Promise<void> {
  const column = step === 'CREDIT_THRESHOLD' ? 'warned_at' : 'blocked_at';
  await tx.query(
    `UPDATE credit_balance SET ${column} = CASE WHEN $3 THEN clock_timestamp() END
     WHERE subscription_id = $1 AND period_on = $2`,
    [balance.subscriptionId, balance.periodOn, reached],
  );
}

/**
 * Writes new terms; the first limit has use watched from a month on. Answers whether months are to
 * be counted.
 */
export async function storeTerms(
  tx: Tx,
  id: number,
  terms: CreditTerms,
  month: string,
): Promise<boolean> {
  const [row] = rowsOf<{ uncounted: boolean }>(
    await tx.query(
      `UPDATE subscription SET credit_limit = $2::numeric, credit_warning_percent = $3,
         credit_watched_from =
           CASE WHEN $2::numeric IS NULL THEN credit_watched_from
             ELSE coalesce(credit_watched_from, $4::date) END
       WHERE id = $1 RETURNING credit_count_from IS NOT NULL AS uncounted`,
      [id, terms.limit === null ? null : formatAmount(terms.limit), terms.warningPercent, month],
    ),
  );
  return row?.uncounted ?? false;
}

/** Blocks an active subscription that has reached its limit; does nothing in another state. */
export async function blockExhausted(tx: Tx, facts: CreditFacts): Promise<void> {
  if (isOver(facts.status)) return;
  const at = await changeStatus(tx, facts, 'ACTIVE', 'BLOCKED');
  if (at !== null) await tell(tx, facts, SUBSCRIPTION_BLOCKED_TOPIC, { reason: EXHAUSTED });
}

/** Blocks an active subscription, or adds a person's reason to what has blocked it already. */
export async function blockByHand(tx: Tx, facts: Named, reason: string): Promise<void> {
  await changeStatus(tx, facts, 'ACTIVE', 'BLOCKED');
  await tell(tx, facts, SUBSCRIPTION_BLOCKED_TOPIC, { reason, byHand: true });
}

/** Whether the limit alone blocked a subscription last: a person may have given the same reason. */
export async function blockedByLimit(tx: Tx, subscriptionId: number): Promise<boolean> {
  const [last] = rowsOf<{ by_limit: boolean }>(
    await tx.query(
      `SELECT payload ->> 'reason' = $3 AND NOT payload ? 'byHand' AS by_limit FROM event
       WHERE topic = $1 AND key = $2 ORDER BY id DESC LIMIT 1`,
      [SUBSCRIPTION_BLOCKED_TOPIC, String(subscriptionId), EXHAUSTED],
    ),
  );
  return last?.by_limit ?? false;
}

/** Makes a blocked subscription active again. */
export async function release(tx: Tx, facts: Named, reason: ReleaseReason): Promise<void> {
  const at = await changeStatus(tx, facts, 'BLOCKED', 'ACTIVE');
  if (at !== null) await tell(tx, facts, SUBSCRIPTION_RELEASED_TOPIC, { reason, at });
}

/** Whether a person released a subscription after it had reached the limit in a month. */
export async function releasedSince(tx: Tx, balance: Balance): Promise<boolean> {
  // An event occurs when its transaction begins, which may have waited for the one of the mark.
  const [row] = rowsOf<{ released: boolean }>(
    await tx.query(
      `SELECT EXISTS (SELECT FROM event e JOIN credit_balance b
         ON b.subscription_id = $3 AND b.period_on = $4
         WHERE e.topic = $1 AND e.key = $2 AND e.payload ->> 'reason' = $5
           AND coalesce((e.payload ->> 'at')::timestamptz, e.occurred_at) >= b.blocked_at
       ) AS released`,
      [
        SUBSCRIPTION_RELEASED_TOPIC,
        String(balance.subscriptionId),
        balance.subscriptionId,
        balance.periodOn,
        'RELEASED' satisfies ReleaseReason,
      ],
    ),
  );
  return row?.released ?? false;
}

/** When the status changed; null when it was another one. */
async function changeStatus(
  tx: Tx,
  { id }: Named,
  from: HeldStatus,
  to: HeldStatus,
): Promise<string | null> {
  const [changed] = rowsOf<{ at: string }>(
    await tx.query(
      `UPDATE subscription SET status = $3 WHERE id = $1 AND status = $2
       RETURNING clock_timestamp()::text AS at`,
      [id, from, to],
    ),
  );
  return changed?.at ?? null;
}

function tell(tx: Tx, { id, partnerId }: Named, topic: string, what: object): Promise<void> {
  const payload = { subscriptionId: id, ...what };
  return appendEvent(tx, { topic, partnerId, key: String(id), payload });
}
