import type { SqlClient } from '../platform/index.js';
import { MS, rows } from './facts-query.store.js';
import type {
  BonusTerms,
  BucketTerms,
  GroupMember,
  PriceRule,
  PricingFacts,
} from './pricing-facts.js';

// Facts with their whole history: what was superseded later than the moment is still in force.
const RECORDED = `${MS('recorded_at')} AS "recordedAt",
  CASE WHEN superseded_at <= $1::timestamptz THEN ${MS('superseded_at')} END AS "supersededAt"`;
const VALID = `${MS('valid_from')} AS "validFrom", ${MS('valid_to')} AS "validTo"`;
const VERSION = `id, lineage_id AS "lineageId", name, ${VALID}, ${RECORDED}`;
const RECORDED_YET = 'recorded_at <= $1::timestamptz';
/** A numeric of at most eight decimals as whole units of the eighth. */
const scaled = (column: string) => `trunc(${column} * 100000000)::text`;

/** Reads what was known at a moment of discounts, surcharges, buckets, bonuses and groups. */
export async function loadPricingFacts(tx: SqlClient, knownAt: string): Promise<PricingFacts> {
  const [moment] = await rows<{ ms: number }>(tx, `SELECT ${MS('$1::timestamptz')} AS ms`, [
    knownAt,
  ]);
  return {
    knownAt: moment?.ms ?? 0,
    rules: await rules(tx, knownAt),
    buckets: await buckets(tx, knownAt),
    bonuses: await bonuses(tx, knownAt),
    members: await rows<GroupMember>(
      tx,
      `SELECT group_id AS "groupId", member_partner_id AS "partnerId", ${VALID}, ${RECORDED}
       FROM customer_group_member WHERE ${RECORDED_YET} ORDER BY id`,
      [knownAt],
    ),
  };
}

/** A row as it comes from the database, where amounts are text. */
type Text<T, Amounts extends keyof T> = Omit<T, Amounts> & {
  readonly [Key in Amounts]: string | Extract<T[Key], null>;
};

const amount = (text: string | null): bigint | null => (text === null ? null : BigInt(text));

async function rules(tx: SqlClient, knownAt: string): Promise<PriceRule[]> {
  const found = await rows<Text<PriceRule, 'amount' | 'volumeFrom' | 'volumeTo' | 'cap'>>(
    tx,
    `SELECT ${VERSION}, partner_id AS "sellerPartnerId", type, effect,
       ${scaled('amount')} AS amount, stacking, priority, level,
       customer_group_id AS "customerGroupId", buyer_partner_id AS "buyerPartnerId",
       contract_id AS "contractId", subscription_id AS "subscriptionId", service,
       destination_ids AS "destinationIds", weekdays, from_minute AS "fromMinute",
       to_minute AS "toMinute", measure, ${scaled('volume_from')} AS "volumeFrom",
       ${scaled('volume_to')} AS "volumeTo", volume_scope AS holder, period,
       ${scaled('cap')} AS cap
     FROM price_rule WHERE ${RECORDED_YET} AND acts_on = 'USAGE' ORDER BY id`,
    [knownAt],
  );
  return found.map((row) => ({
    ...row,
    amount: BigInt(row.amount),
    volumeFrom: BigInt(row.volumeFrom),
    volumeTo: amount(row.volumeTo),
    cap: amount(row.cap),
  }));
}

const TARGET = `service_plan_id AS "servicePlanId", contract_id AS "contractId",
  services, destination_ids AS "destinationIds", sharing AS holder`;

async function buckets(tx: SqlClient, knownAt: string): Promise<BucketTerms[]> {
  const found = await rows<Text<BucketTerms, 'amount' | 'rolloverCap'>>(
    tx,
    `SELECT ${VERSION}, ${TARGET}, kind, ${scaled('amount')} AS amount, priority,
       ${scaled('rollover_cap')} AS "rolloverCap"
     FROM bucket WHERE ${RECORDED_YET} ORDER BY id`,
    [knownAt],
  );
  return found.map((row) => ({
    ...row,
    amount: BigInt(row.amount),
    rolloverCap: amount(row.rolloverCap),
  }));
}

async function bonuses(tx: SqlClient, knownAt: string): Promise<BonusTerms[]> {
  const found = await rows<Text<BonusTerms, 'amount' | 'threshold'>>(
    tx,
    `SELECT ${VERSION}, ${TARGET}, measure, ${scaled('threshold')} AS threshold, repeats, grants,
       ${scaled('amount')} AS amount, bucket_lineage_id AS "bucketLineageId"
     FROM bonus_rule WHERE ${RECORDED_YET} ORDER BY id`,
    [knownAt],
  );
  return found.map((row) => ({
    ...row,
    amount: BigInt(row.amount),
    threshold: BigInt(row.threshold),
  }));
}
