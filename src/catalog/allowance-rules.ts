import { DomainError, parseAmount } from '../kernel/index.js';
import { minuteOf } from './week.js';

/** Refuses with `code`, naming the field. */
type Refuse = (field: string, rule: string) => DomainError;

function refusing(code: string): Refuse {
  return (field, rule) => new DomainError(code, `The field ${field} ${rule}.`, { field });
}

/**
 * Refuses with `code`, naming the field, a version that counts something else than the first one:
 * counters run on through all versions of a thing.
 */
export function assertCountsAlike<K extends string>(
  code: string,
  fields: readonly K[],
  first: Readonly<Partial<Record<K, string | null>>>,
  next: Readonly<Partial<Record<K, string | null>>>,
): void {
  for (const field of fields) {
    if ((first[field] ?? null) === (next[field] ?? null)) continue;
    throw refusing(code)(field, 'stays what it was at first, since what is counted runs on');
  }
}

/** What can be wrong with a price rule by itself. */
export interface RuleFacts {
  readonly type: 'DISCOUNT' | 'SURCHARGE';
  readonly effect: 'PERCENT' | 'FIXED';
  readonly amount: string;
  readonly stacking: string;
  readonly weekdays?: readonly string[] | null | undefined;
  readonly from?: string | null | undefined;
  readonly to?: string | null | undefined;
  readonly measure?: 'QUANTITY' | 'AMOUNT' | null | undefined;
  readonly volumeFrom: string;
  readonly volumeTo?: string | null | undefined;
  readonly cap?: string | null | undefined;
}

const HUNDRED_PERCENT = 10_000_000_000n;
/** Counters hold whole units, or money at scale 8, as exact integers below this. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER);

/** Refuses with PRICE_RULE_REFUSED, naming the field, or TIME_BANDS_REFUSED a time of the day. */
export function assertPriceRule(rule: RuleFacts): void {
  const refuse = refusing('PRICE_RULE_REFUSED');
  const amount = moneyOf(rule.amount);
  if (!amount) throw refuse('amount', `is above 0, ${MONEY_TEXT}`);
  if (rule.type === 'DISCOUNT' && rule.effect === 'PERCENT' && amount > HUNDRED_PERCENT) {
    throw refuse('amount', 'takes off at most 100 percent');
  }
  if (rule.type === 'SURCHARGE' && rule.stacking !== 'ORDERED') {
    throw refuse('stacking', 'is ORDERED for surcharges');
  }
  if (rule.weekdays?.includes('HOLIDAY')) {
    throw refuse('weekdays', 'names days of the week; holidays belong to time profiles');
  }
  if (((rule.from ?? null) === null) !== ((rule.to ?? null) === null))
    throw refuse('to', 'is given together with from');
  if (rule.from && rule.to && minuteOf(rule.to) <= minuteOf(rule.from)) {
    throw refuse('to', 'is after from, within one day');
  }
  if (rule.cap && !moneyOf(rule.cap)) throw refuse('cap', `is above 0, ${MONEY_TEXT}`);
  assertVolume(rule, refuse);
}

/** What a price rule acts on, with the filters that depend on it. */
export interface RuleScope {
  readonly actsOn: 'USAGE' | 'FEES';
  readonly servicePlanId?: string | null | undefined;
  readonly feeKind?: string | null | undefined;
  readonly feeName?: string | null | undefined;
  readonly service: string;
  readonly destinationIds?: readonly string[] | null | undefined;
  readonly weekdays?: readonly string[] | null | undefined;
  readonly from?: string | null | undefined;
  readonly measure?: string | null | undefined;
  readonly period: string;
}

/**
 * Refuses with PRICE_RULE_REFUSED, naming the field, filters of fees for usage and the other way
 * round: fees have neither destination nor time of day, and nothing of them is counted.
 */
export function assertRuleScope(rule: RuleScope): void {
  const refuse = refusing('PRICE_RULE_REFUSED');
  if (rule.actsOn === 'USAGE') {
    for (const field of ['servicePlanId', 'feeKind', 'feeName'] as const) {
      if (rule[field]) throw refuse(field, 'is for rules that act on fees');
    }
    return;
  }
  if (rule.service !== '*') throw refuse('service', 'is for rules that act on usage');
  for (const field of ['destinationIds', 'weekdays', 'from', 'measure'] as const) {
    if (rule[field]) throw refuse(field, 'is for rules that act on usage');
  }
  if (rule.period !== 'MONTH') throw refuse('period', 'is MONTH for rules that act on fees');
}

function assertVolume(rule: RuleFacts, refuse: Refuse): void {
  const whole = rule.measure === 'QUANTITY';
  const from = quantityOf(rule.volumeFrom, whole);
  const to = rule.volumeTo ? quantityOf(rule.volumeTo, whole) : null;
  if (from === null) throw refuse('volumeFrom', volumeText(whole));
  if (rule.volumeTo && (to === null || to <= from)) {
    throw refuse('volumeTo', `is above volumeFrom and ${volumeText(whole)}`);
  }
  if (!rule.measure && (from > 0n || to !== null)) {
    throw refuse('measure', 'says what volumeFrom and volumeTo count');
  }
}

const MONEY_TEXT = 'at most 90071992 with at most 8 decimals';

function volumeText(whole: boolean): string {
  return whole ? 'is a whole number of at most 15 digits' : `is an amount of ${MONEY_TEXT}`;
}

/** What can be wrong with a bucket by itself. */
export interface BucketFacts {
  readonly kind: 'UNITS' | 'MONEY';
  readonly amount: string;
  readonly rolloverCap?: string | null | undefined;
}

/** Refuses with BUCKET_REFUSED, naming the field. */
export function assertBucket(bucket: BucketFacts): void {
  const refuse = refusing('BUCKET_REFUSED');
  const whole = bucket.kind === 'UNITS';
  if (quantityOf(bucket.amount, whole) === null) throw refuse('amount', volumeText(whole));
  if (bucket.rolloverCap && !quantityOf(bucket.rolloverCap, whole)) {
    throw refuse('rolloverCap', `is above 0 and ${volumeText(whole)}`);
  }
}

/** What can be wrong with a bonus rule by itself. */
export interface BonusFacts {
  readonly measure: 'SPEND' | 'USAGE';
  readonly threshold: string;
  readonly grants: 'UNITS' | 'MONEY' | 'POINTS';
  readonly amount: string;
  readonly bucketId?: string | null | undefined;
}

/** Refuses with BONUS_RULE_REFUSED, naming the field. */
export function assertBonus(bonus: BonusFacts): void {
  const refuse = refusing('BONUS_RULE_REFUSED');
  const usage = bonus.measure === 'USAGE';
  if (!quantityOf(bonus.threshold, usage)) {
    throw refuse('threshold', `is above 0 and ${volumeText(usage)}`);
  }
  const whole = bonus.grants !== 'MONEY';
  if (!quantityOf(bonus.amount, whole)) {
    throw refuse('amount', `is above 0 and ${volumeText(whole)}`);
  }
  if ((bonus.grants === 'POINTS') === Boolean(bonus.bucketId)) {
    throw refuse('bucketId', 'is given for UNITS and MONEY, and for them only');
  }
}

/**
 * Whole units, or money at scale 8; null when the text is none or too much. Units are shown with
 * zeros behind the point, and may come back so.
 */
function quantityOf(text: string, whole: boolean): bigint | null {
  if (!whole) return moneyOf(text);
  const [, units] = /^(\d{1,15})(?:\.0+)?$/.exec(text) ?? [];
  return units === undefined ? null : BigInt(units);
}

function moneyOf(text: string): bigint | null {
  if (!/^\d{1,8}(?:\.\d{1,8})?$/.test(text)) return null;
  const amount = parseAmount(text);
  return amount <= MOST ? amount : null;
}
