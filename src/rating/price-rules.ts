import type { Service } from '../mediation/index.js';
import { cutDown, type Fraction, isLess, minus, NOTHING, plus, times, whole } from './fraction.js';
import type { GroupMember, PriceRule } from './pricing-facts.js';

/** What rules are chosen by: the record, its contract and the two times. */
export interface RuleSubject {
  readonly startedMs: number;
  /** The moment up to which facts are known; see the price book. */
  readonly knownAt: number;
  readonly service: Service;
  readonly destinationId: number;
  readonly subscriptionId: number;
  /** Minutes since Monday 00:00 in the contract's zone, when the record began. */
  readonly minuteOfWeek: number;
}

/** The contract whose rules are looked for. */
export interface RuleContract {
  readonly id: number;
  readonly level: 'COST' | 'WHOLESALE' | 'RETAIL';
  readonly sellerPartnerId: number;
  readonly buyerPartnerId: number;
}

/** Whether a dated, recorded fact held at `startedMs` as far as was known at `knownAt`. */
export function inForce(
  fact: Pick<GroupMember, 'validFrom' | 'validTo' | 'recordedAt' | 'supersededAt'>,
  startedMs: number,
  knownAt: number,
): boolean {
  return (
    startedMs >= fact.validFrom &&
    (fact.validTo === null || startedMs < fact.validTo) &&
    knownAt >= fact.recordedAt &&
    (fact.supersededAt === null || knownAt < fact.supersededAt)
  );
}

interface Aged {
  readonly priority: number;
  readonly lineageId: number;
}

/**
 * By priority, of equal ones the older first: by when they were first created, since a change or an
 * end that was planned gives the version of before a new row.
 */
export function byAge(one: Aged, other: Aged): number {
  return one.priority - other.priority || one.lineageId - other.lineageId;
}

/** Rules that may act on a contract at some time, in the order in which they act. */
export function rulesOfContract<R extends PriceRule>(
  rules: readonly R[],
  contract: RuleContract,
  members: readonly GroupMember[],
): R[] {
  const groups = new Set(
    members
      .filter(({ partnerId }) => partnerId === contract.buyerPartnerId)
      .map(({ groupId }) => groupId),
  );
  return rules
    .filter(
      (rule) =>
        isKeeper(rule, contract) &&
        (rule.level === null || rule.level === contract.level) &&
        (rule.contractId === null || rule.contractId === contract.id) &&
        (rule.buyerPartnerId === null || rule.buyerPartnerId === contract.buyerPartnerId) &&
        (rule.customerGroupId === null || groups.has(rule.customerGroupId)),
    )
    .sort(byAge);
}

// What a supplier grants is mostly entered by the partner who buys, and then names the level.
function isKeeper(rule: PriceRule, contract: RuleContract): boolean {
  if (rule.sellerPartnerId === contract.sellerPartnerId) return true;
  const buys = rule.sellerPartnerId === contract.buyerPartnerId;
  return buys && rule.level === 'COST' && contract.level === 'COST';
}

/** Whether a rule of the contract passes a record, its volume range aside. */
export function ruleMatches(
  rule: PriceRule,
  contract: RuleContract,
  subject: RuleSubject,
  members: readonly GroupMember[],
): boolean {
  const { startedMs, knownAt } = subject;
  if (!inForce(rule, startedMs, knownAt)) return false;
  if (rule.service !== null && rule.service !== subject.service) return false;
  if (rule.subscriptionId !== null && rule.subscriptionId !== subject.subscriptionId) return false;
  if (rule.destinationIds !== null && !rule.destinationIds.includes(subject.destinationId)) {
    return false;
  }
  if (!withinWeek(rule, subject.minuteOfWeek)) return false;
  if (rule.customerGroupId === null) return true;
  return members.some(
    (member) =>
      member.groupId === rule.customerGroupId &&
      member.partnerId === contract.buyerPartnerId &&
      inForce(member, startedMs, knownAt),
  );
}

function withinWeek(rule: PriceRule, minuteOfWeek: number): boolean {
  const weekday = Math.floor(minuteOfWeek / 1440);
  if (rule.weekdays !== null && (rule.weekdays >> weekday) % 2 === 0) return false;
  const minute = minuteOfWeek % 1440;
  return minute >= (rule.fromMinute ?? 0) && minute < (rule.toMinute ?? 1440);
}

const WHOLE: Fraction = { numerator: 1n, denominator: 1n };

/** What is left of a rule's cap for its holder and period; null without cap. */
export type CapLeft = (rule: PriceRule) => bigint | null;

/** What one rule took off (below zero) or added. */
export interface RuleEffect {
  readonly rule: PriceRule;
  readonly effect: Fraction;
}

/** A charge after its rules, with what each of them did. */
export interface RuledCharge {
  readonly charge: Fraction;
  readonly effects: readonly RuleEffect[];
}

/**
 * Lets rules act on an exact charge, in their order: the first exclusive discount keeps all other
 * discounts away; of best-of discounts the one acts that takes most off the charge as it was.
 * Percentages are of the running charge, which never falls below zero. A rule with a cap has a
 * whole effect at scale 8. `share` is how much of its sum a fixed rule acts with: fees of a part of
 * a month take that part of it.
 */
export function applyRules(
  charge: Fraction,
  rules: readonly PriceRule[],
  capLeft: CapLeft,
  share: Fraction = WHOLE,
): RuledCharge {
  let running = charge;
  const effects: RuleEffect[] = [];
  for (const rule of actingRules(charge, rules, capLeft, share)) {
    const effect = effectOf(rule, running, capLeft, share);
    running = plus(running, effect);
    effects.push({ rule, effect });
  }
  return { charge: running, effects };
}

function actingRules(
  charge: Fraction,
  rules: readonly PriceRule[],
  capLeft: CapLeft,
  share: Fraction,
): readonly PriceRule[] {
  if (rules.every(({ stacking }) => stacking === 'ORDERED')) return rules;
  const isDiscount = (rule: PriceRule) => rule.type === 'DISCOUNT';
  const exclusive = rules.find((rule) => isDiscount(rule) && rule.stacking === 'EXCLUSIVE');
  if (exclusive !== undefined) {
    return rules.filter((rule) => rule === exclusive || !isDiscount(rule));
  }
  let best: PriceRule | undefined;
  let most = NOTHING;
  for (const rule of rules) {
    if (!isDiscount(rule) || rule.stacking !== 'BEST_OF') continue;
    const taken = minus(NOTHING, effectOf(rule, charge, capLeft, share));
    if (best === undefined || isLess(most, taken)) [best, most] = [rule, taken];
  }
  return rules.filter((rule) => rule === best || rule.stacking !== 'BEST_OF' || !isDiscount(rule));
}

function effectOf(rule: PriceRule, running: Fraction, capLeft: CapLeft, share: Fraction): Fraction {
  let size =
    rule.effect === 'FIXED'
      ? times(share, rule.amount, 1n)
      : times(running, rule.amount, 10_000_000_000n);
  if (rule.type === 'DISCOUNT' && isLess(running, size)) size = running;
  const left = capLeft(rule);
  if (left !== null) {
    const cut = cutDown(size);
    size = whole(cut < left ? cut : left);
  }
  return rule.type === 'DISCOUNT' ? minus(NOTHING, size) : size;
}
