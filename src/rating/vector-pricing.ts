import {
  assertBonus,
  assertBucket,
  assertCountsAlike,
  assertPriceRule,
  minuteOf,
  weekdayMask,
} from '../catalog/index.js';
import { DomainError, overlaps, parseAmount, period } from '../kernel/index.js';
import type { BonusTerms, BucketTerms, PriceRule, PricingFacts } from './pricing-facts.js';
import type { VectorBonus, VectorBucket, VectorRule, VectorWorld } from './vector-format.js';
import type { Names } from './vector-names.js';
import { refused } from './vector-shape.js';

/** Everything is known when a vector is rated. */
const ALWAYS_KNOWN = { recordedAt: 0, supersededAt: null };

/** Rules, buckets, bonuses and groups; refuses as the catalogue does. */
export function pricingOf(world: VectorWorld, names: Names): PricingFacts {
  const members = [...(world.customerGroups ?? [])].flatMap(([group, all]) => {
    const groupId = names.add('group', group);
    return all.map((member, place) => {
      const one = typeof member === 'string' ? { partner: member } : member;
      return {
        groupId,
        partnerId: names.id('partner', one.partner, `customerGroups.${group}[${place}]`),
        ...timeOf(one),
        ...ALWAYS_KNOWN,
      };
    });
  });
  const rules = (world.rules ?? []).map((rule, place) => ruleOf(rule, `rules[${place}]`, names));
  const buckets = versions(world.buckets ?? [], 'bucket', names, bucketOf);
  const bonuses = versions(world.bonuses ?? [], 'bonus', names, bonusOf);
  assertVersions(rules, 'rules', (first, next) =>
    assertCountsAlike('PRICE_RULE_REFUSED', RULE_COUNTER, first, next),
  );
  assertVersions(buckets, 'buckets', (first, next) =>
    assertCountsAlike('BUCKET_REFUSED', ['kind', 'holder'], first, next),
  );
  assertVersions(bonuses, 'bonuses', (first, next) =>
    assertCountsAlike('BONUS_RULE_REFUSED', ['measure', 'holder'], first, next),
  );
  for (const bonus of bonuses) assertBucketOf(bonus, buckets);
  return { knownAt: 1, members, rules, buckets, bonuses };
}

const RULE_COUNTER = ['type', 'measure', 'holder', 'period'] as const;

interface Version {
  readonly name: string;
  readonly lineageId: number;
  readonly validFrom: number;
  readonly validTo: number | null;
  readonly contractId: number | null;
  readonly servicePlanId?: number | null;
}

// Versions of a thing follow each other, count alike and stay with whom the first one is for.
function assertVersions<V extends Version>(
  all: readonly V[],
  path: string,
  assertAlike: (first: V, next: V) => void,
): void {
  const span = ({ validFrom, validTo }: V) => ({ from: validFrom, to: validTo });
  all.forEach((one, place) => {
    const before = all.slice(0, place).filter(({ lineageId }) => lineageId === one.lineageId);
    const [first] = before;
    if (first === undefined) return;
    const at = `${path}[${place}]`;
    if (before.some((other) => overlaps(span(other), span(one)))) {
      throw refused(at, `holds while another version of "${one.name}" does`);
    }
    assertAlike(first, one);
    const isOurs =
      path === 'rules' ||
      (first.contractId === one.contractId && first.servicePlanId === one.servicePlanId);
    if (!isOurs) throw refused(at, `is for others than the first version of "${one.name}"`);
  });
}

// Who earns a bonus has the bucket, too.
function assertBucketOf(bonus: BonusTerms, buckets: readonly BucketTerms[]): void {
  const bucket = buckets.find(({ lineageId }) => lineageId === bonus.bucketLineageId);
  if (bucket === undefined) return;
  const isOurs =
    bucket.kind === bonus.grants &&
    bucket.contractId === bonus.contractId &&
    bucket.servicePlanId === bonus.servicePlanId;
  if (isOurs) return;
  const said = 'The bucket of a bonus holds what it gives, for the same plan or contract.';
  throw new DomainError('BONUS_RULE_REFUSED', said);
}

type Time = { readonly from?: number | undefined; readonly to?: number | undefined };

function timeOf({ from, to }: Time): { validFrom: number; validTo: number | null } {
  const time = period(from ?? 0, to ?? null);
  return { validFrom: time.from, validTo: time.to };
}

// Those of one name are versions of one thing.
function versions<T extends { readonly name: string }, U>(
  items: readonly T[],
  kind: 'bucket' | 'bonus',
  names: Names,
  make: (item: T, id: number, lineageId: number, path: string, names: Names) => U,
): U[] {
  return items.map((item, place) => {
    return make(item, place + 1, names.add(kind, item.name), `${kind}[${place}]`, names);
  });
}

function ruleOf(rule: VectorRule, path: string, names: Names): PriceRule {
  const { type = 'DISCOUNT', stacking = 'ORDERED', volumeFrom = '0' } = rule;
  assertPriceRule({
    ...rule,
    type,
    stacking,
    volumeFrom,
    weekdays: rule.days,
    from: rule.fromTime,
    to: rule.toTime,
  });
  const id = names.add('rule', rule.name);
  return {
    id,
    lineageId: id,
    name: rule.name,
    ...timeOf(rule),
    ...ALWAYS_KNOWN,
    sellerPartnerId: names.id('partner', rule.seller ?? 'hub', `${path}.seller`),
    type,
    effect: rule.effect,
    amount: parseAmount(rule.amount),
    stacking,
    priority: rule.priority ?? 0,
    level: rule.level ?? null,
    customerGroupId: names.optional('group', rule.group, `${path}.group`),
    buyerPartnerId: names.optional('partner', rule.buyer, `${path}.buyer`),
    contractId: names.optional('contract', rule.contract, `${path}.contract`),
    subscriptionId: names.optional('subscription', rule.subscription, `${path}.subscription`),
    service: rule.service ?? null,
    destinationIds: names.some('destination', rule.destinations, `${path}.destinations`),
    weekdays: rule.days === undefined ? null : weekdayMask(rule.days),
    fromMinute: rule.fromTime === undefined ? null : minuteOf(rule.fromTime),
    toMinute: rule.toTime === undefined ? null : minuteOf(rule.toTime),
    measure: rule.measure ?? null,
    volumeFrom: parseAmount(volumeFrom),
    volumeTo: amountOrNull(rule.volumeTo),
    holder: rule.per ?? 'SUBSCRIPTION',
    period: rule.period ?? 'MONTH',
    cap: amountOrNull(rule.cap),
  };
}

function amountOrNull(text: string | undefined): bigint | null {
  return text === undefined ? null : parseAmount(text);
}

function scopeOf(item: VectorBucket | VectorBonus, path: string, names: Names) {
  if ((item.plan === undefined) === (item.contract === undefined)) {
    const said = `${path} belongs either to a plan or to a contract.`;
    throw new DomainError('ALLOWANCE_TARGET_REFUSED', said);
  }
  return {
    name: item.name,
    ...timeOf(item),
    ...ALWAYS_KNOWN,
    servicePlanId: names.optional('plan', item.plan, `${path}.plan`),
    contractId: names.optional('contract', item.contract, `${path}.contract`),
    holder: item.per ?? ('SUBSCRIPTION' as const),
    services: item.services ?? null,
    destinationIds: names.some('destination', item.destinations, `${path}.destinations`),
  };
}

function bucketOf(
  bucket: VectorBucket,
  id: number,
  lineageId: number,
  path: string,
  names: Names,
): BucketTerms {
  assertBucket(bucket);
  return {
    id,
    lineageId,
    ...scopeOf(bucket, path, names),
    kind: bucket.kind,
    amount: parseAmount(bucket.amount),
    priority: bucket.priority ?? 0,
    rolloverCap: amountOrNull(bucket.rolloverCap),
  };
}

function bonusOf(
  bonus: VectorBonus,
  id: number,
  lineageId: number,
  path: string,
  names: Names,
): BonusTerms {
  assertBonus({ ...bonus, bucketId: bonus.bucket });
  return {
    id,
    lineageId,
    ...scopeOf(bonus, path, names),
    measure: bonus.measure,
    threshold: parseAmount(bonus.threshold),
    repeats: bonus.repeats ?? false,
    grants: bonus.grants,
    amount: parseAmount(bonus.amount),
    bucketLineageId: names.optional('bucket', bonus.bucket, `${path}.bucket`),
  };
}
