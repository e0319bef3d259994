import type pg from 'pg';
import {
  connectWorker,
  type Database,
  enterScope,
  rowsOf,
  SYSTEM_SCOPE,
} from '../platform/index.js';
import { decodeRecords } from './allowance-result.js';
import { copyOutRows } from './copy-out.store.js';
import type { CreditEntry } from './credit-sums.js';
import { CREDIT_USAGE_TOPIC } from './credit-usage.store.js';
import { ExactSum } from './exact-sum.js';

/** Whose charges to count, from the month that begins on a day (YYYY-MM-01). */
export interface CreditSpan {
  readonly subscriptionId: number;
  readonly from: string;
}

/**
 * Counts what subscriptions are charged by months, as records and the folds of their months say,
 * without what rating has told and credit control has not taken yet: added to that, it is all of
 * it. The caller keeps credit control from taking any of it meanwhile. Reads every record since the
 * first of the months.
 */
export async function countCharges(
  database: Database,
  spans: readonly CreditSpan[],
): Promise<CreditEntry[]> {
  const client = await connectWorker(database.urls.url, 'kontor-credit-count');
  try {
    // One state of the database for all statements.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await enterScope(client, SYSTEM_SCOPE);
    const charges = new Charges(spans);
    const contracts = await addRecords(client, charges);
    await addAdjustments(client, charges, contracts);
    await takeUntold(client, charges);
    return charges.entries();
  } finally {
    await client.end();
  }
}

/** Sums by subscription and month, of those that are asked for. */
class Charges {
  readonly first: string;
  readonly #from: ReadonlyMap<number, string>;
  readonly #sums = new Map<string, ExactSum>();

  constructor(spans: readonly CreditSpan[]) {
    this.#from = new Map(spans.map(({ subscriptionId, from }) => [subscriptionId, from]));
    this.first = spans.map(({ from }) => from).reduce((one, other) => (other < one ? other : one));
  }

  get ids(): readonly number[] {
    return [...this.#from.keys()];
  }

  of(subscriptionId: number, month: string): ExactSum | null {
    const from = this.#from.get(subscriptionId);
    if (from === undefined || month < from) return null;
    const key = `${subscriptionId} ${month}`;
    const sum = this.#sums.get(key) ?? new ExactSum();
    this.#sums.set(key, sum);
    return sum;
  }

  entries(): CreditEntry[] {
    return [...this.#sums].map(([key, sum]) => {
      const [subscriptionId, month] = key.split(' ');
      return [Number(subscriptionId), month!, sum.total.toString()];
    });
  }
}

// The last level of a record is what its subscriber pays; its contract has the month. Answers
// these contracts.
async function addRecords(client: pg.Client, charges: Charges): Promise<number[]> {
  const found = rowsOf<{ subscription: number; contract: number; month: string; amount: string }>(
    await client.query(
      `SELECT subscription_id AS subscription, v.contract_id AS contract,
         date_trunc('month', x.started_at AT TIME ZONE v.time_zone)::date::text AS month,
         sum(x.amount)::text AS amount
       FROM (SELECT subscription_id, started_at, amounts[cardinality(amounts)] AS amount,
           ('x' || encode(substring(legs FROM length(legs) - 7 FOR 4), 'hex'))::bit(32)::int
             AS version
         FROM seen_xdr WHERE subscription_id = ANY ($1::int[])
           AND started_at >= $2::date - interval '2 days') x
       JOIN contract_version v ON v.id = x.version GROUP BY 1, 2, 3`,
      [charges.ids, charges.first],
    ),
  );
  for (const { subscription, month, amount } of found) {
    charges.of(subscription, month)?.addExact(BigInt(amount));
  }
  return [...new Set(found.map(({ contract }) => contract))];
}

async function addAdjustments(
  client: pg.Client,
  charges: Charges,
  contracts: readonly number[],
): Promise<void> {
  // A COPY takes no parameters; ids are whole numbers and the month is a date of the database.
  const sql = `COPY (SELECT month::text, records FROM allowance_result
    WHERE contract_id = ANY ('{${contracts.join(',')}}'::int[])
      AND month >= '${charges.first}'::date) TO STDOUT (FORMAT binary)`;
  await copyOutRows(client, sql, ([month, records]) => {
    const name = month!.toString();
    for (const { isLastLevel, subscriptionId, adjustment } of decodeRecords(records!)) {
      if (isLastLevel) charges.of(subscriptionId, name)?.add(adjustment);
    }
  });
}

async function takeUntold(client: pg.Client, charges: Charges): Promise<void> {
  const untold = rowsOf<{ subscription: number; month: string; amount: string }>(
    await client.query(
      `SELECT (e ->> 0)::int AS subscription, e ->> 1 AS month,
         sum((e ->> 2)::numeric)::text AS amount
       FROM outbox, jsonb_array_elements(payload -> 'entries') AS e
       WHERE topic = $2 AND done_at IS NULL AND (e ->> 0)::int = ANY ($1::int[]) GROUP BY 1, 2`,
      [charges.ids, CREDIT_USAGE_TOPIC],
    ),
  );
  for (const { subscription, month, amount } of untold) {
    charges.of(subscription, month)?.addExact(-BigInt(amount));
  }
}
