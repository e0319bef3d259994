import { addDays, DomainError, type IsoDate } from '../kernel/index.js';
import {
  type BasisPart,
  basisTotal,
  type CountedDays,
  type FeeBasis,
  type FeePricing,
  type RoundingPolicy,
  workOutFee,
} from './fee-price.js';
import { type CapLedger, type FeeRule, isKnown, rulesOn } from './fee-rules.js';
import { cappedSizes, workingsOf } from './fee-workings.js';
import type { ChargedSubscription, FeeCharge, FeeTerms } from './fees.js';
import {
  type ClosedDaySpan,
  commonDays,
  type DaySpan,
  dayCount,
  holdsDay,
  monthSpan,
} from './prorate.js';

/** A fee with the time in which it was known; epoch milliseconds. */
export interface KnownFee extends FeeTerms {
  readonly recordedAt: number;
  readonly supersededAt: number | null;
}

/** Billed usage of one service on one day, in one currency; `amount` has scale 8. */
export interface ServiceDay {
  readonly on: IsoDate;
  readonly service: string;
  readonly records: bigint;
  readonly units: bigint;
  readonly amount: bigint;
}

/** What a flat fee of a plan was charged, or is about to be, from a day on; scale 8. */
export interface FlatSum {
  readonly planId: number;
  readonly name: string;
  readonly fromOn: IsoDate;
  readonly amount: bigint;
}

/**
 * What earlier invoices have charged of a fee of the whole contract. The fee is known by its name,
 * and by the first day: a fee that is closed, or follows another, has a row of its own.
 */
export interface ChargedBefore extends ClosedDaySpan {
  readonly planId: number;
  readonly name: string;
  readonly amount: bigint;
}

/** A month for which fees of the whole contract are worked out. */
export interface FeeMonth {
  readonly month: string;
  /** When its first invoice was made, epoch milliseconds; null when it has none yet. */
  readonly invoicedAt: number | null;
}

/** Everything that decides about the fees of a whole contract, in one currency. */
export interface ContractFeeFacts {
  readonly months: readonly FeeMonth[];
  /** The month that is billed now. */
  readonly billed: string;
  readonly subscriptions: readonly ChargedSubscription[];
  readonly fees: readonly KnownFee[];
  readonly usage: readonly ServiceDay[];
  readonly flat: readonly FlatSum[];
  readonly before: readonly ChargedBefore[];
  readonly rules: readonly FeeRule[];
  readonly caps: CapLedger;
  readonly policy: RoundingPolicy;
}

/**
 * What fees of a whole contract come to now, less what invoices have charged of them: so late usage
 * and late subscriptions are charged by what they add, in whatever order they come, and usage that
 * re-rating lowered gives back. Only months named are looked at.
 */
export function contractFees(facts: ContractFeeFacts): FeeCharge[] {
  const caps = facts.caps.copy();
  return facts.months.flatMap((month) => feesOfMonth({ ...facts, caps }, month));
}

/** What a fee of the contract comes to in a month. */
interface Owed {
  readonly fee: KnownFee;
  readonly fromOn: IsoDate;
  readonly owed: bigint;
}

function feesOfMonth(facts: ContractFeeFacts, month: FeeMonth): FeeCharge[] {
  const done: Owed[] = [];
  const charges: FeeCharge[] = [];
  for (const fee of inOrder(knownFees(facts, month))) {
    const charge = feeOfMonth(facts, month, fee, done);
    if (charge !== null && charge.amount !== 0n) charges.push(charge);
  }
  return charges;
}

/**
 * The terms of a month are those known when it was first billed, so that what comes late is charged
 * by them; a plan that nobody had then brings the fees that it has now.
 */
function knownFees({ fees, subscriptions, billed }: ContractFeeFacts, month: FeeMonth): KnownFee[] {
  const { invoicedAt } = month;
  // Of a month that no bill run was made for no subscription is charged, with a flat fee neither.
  const isBilled = invoicedAt !== null || month.month === billed;
  const priced = fees.filter(
    ({ pricing }) => pricing !== null && (isBilled || pricing.counts !== 'SUBSCRIPTIONS'),
  );
  const then = priced.filter((fee) => isKnown(fee, invoicedAt));
  if (invoicedAt === null) return then;
  const running = subscriptions.filter((one) => commonDays(monthSpan(month.month), one) !== null);
  const late = ({ months }: ChargedSubscription) => months.includes(month.month);
  const had = new Set(running.filter((one) => !late(one)).map(({ planId }) => planId));
  const joined = new Set(running.filter(late).map(({ planId }) => planId));
  const since = priced.filter(
    (fee) =>
      joined.has(fee.planId) &&
      !had.has(fee.planId) &&
      isKnown(fee, null) &&
      !then.some(({ planId, name }) => planId === fee.planId && name === fee.name),
  );
  return [...then, ...since];
}

// Percentages last: they may be of the others, never of each other.
function inOrder(fees: readonly KnownFee[]): KnownFee[] {
  const late = ({ pricing }: KnownFee) => (pricing?.model === 'PERCENT_OF_CHARGE' ? 1 : 0);
  return [...fees].sort((a, b) => late(a) - late(b) || a.planFeeId - b.planFeeId);
}

function feeOfMonth(
  facts: ContractFeeFacts,
  { month, invoicedAt }: FeeMonth,
  fee: KnownFee,
  done: Owed[],
): FeeCharge | null {
  const before = facts.before.filter(
    (charge) =>
      charge.planId === fee.planId &&
      charge.name === fee.name &&
      charge.fromOn.slice(0, 7) === month &&
      holdsDay(fee, charge.fromOn),
  );
  const charged = before.reduce((sum, { amount }) => sum + amount, 0n);
  const counted = countedDays(facts.subscriptions, fee.planId, commonDays(monthSpan(month), fee));
  const span = outerDays(counted.length > 0 ? counted : before);
  if (span === null) return null;
  const { caps, policy } = facts;
  const asked = { fee, subscriptionId: null, knownAt: invoicedAt };
  const subject = { subscriptionId: null, month, currency: fee.currency };
  const acting =
    counted.length === 0
      ? []
      : caps.capped(rulesOn(facts.rules, asked, addDays(span.toOn, -1)), subject);
  // Where nobody has the plan any more, no day is charged and nothing counted.
  const basis =
    counted.length === 0
      ? { days: 0, monthDays: dayCount(monthSpan(month)), counted: [], parts: [] }
      : basisOf(facts, fee, month, span, counted, done);
  const worked = workOutFee(fee, basis, acting, policy);
  const sizes = cappedSizes(acting, worked);
  for (const { rule } of acting) caps.enter(rule, subject, sizes.get(rule.id) ?? 0n);
  done.push({ fee, fromOn: span.fromOn, owed: worked.owed });
  return {
    subscriptionId: null,
    fee,
    ...span,
    days: dayCount(span),
    monthDays: basis.monthDays,
    amount: worked.owed - charged,
    workings: workingsOf(basis, acting, policy, worked, charged),
  };
}

function basisOf(
  facts: ContractFeeFacts,
  fee: KnownFee,
  month: string,
  span: ClosedDaySpan,
  counted: readonly CountedDays[],
  done: readonly Owed[],
): FeeBasis {
  const pricing = fee.pricing as FeePricing;
  const bySeats = pricing.counts === 'SUBSCRIPTIONS';
  const basis = {
    days: dayCount(span),
    monthDays: dayCount(monthSpan(month)),
    counted: bySeats ? counted : [],
    parts: bySeats
      ? []
      : [...serviceParts(facts.usage, pricing, span), ...feeParts(facts, fee, span, done)],
  };
  if (pricing.counts !== null) assertCountable(fee, basisTotal(basis));
  return basis;
}

// Prices are worked out for whole numbers that stay exact in the tariffs of usage.
function assertCountable({ name, planName }: KnownFee, units: bigint): void {
  if (units <= BigInt(Number.MAX_SAFE_INTEGER)) return;
  throw new DomainError('FEE_COUNTS_TOO_MUCH', `The fee "${name}" counts 2^53 units or more.`, {
    fee: name,
    plan: planName,
  });
}

function serviceParts(
  usage: readonly ServiceDay[],
  { counts, ofServices }: FeePricing,
  span: ClosedDaySpan,
): BasisPart[] {
  const measure = counts === 'RECORDS' ? 'records' : counts === 'UNITS' ? 'units' : 'amount';
  return (ofServices ?? []).map((service) => ({
    service,
    fee: null,
    quantity: usage
      .filter((day) => day.service === service && day.on >= span.fromOn && day.on < span.toOn)
      .reduce((sum, day) => sum + day[measure], 0n),
  }));
}

// Charges that begin on its days: a percentage that changes within a month takes each charge once.
function feeParts(
  { flat }: ContractFeeFacts,
  fee: KnownFee,
  span: ClosedDaySpan,
  done: readonly Owed[],
): BasisPart[] {
  return (fee.pricing?.ofFees ?? []).map((name) => {
    const counted = done
      .filter((other) => other.fee.pricing?.model !== 'PERCENT_OF_CHARGE')
      .map((other) => ({ ...other.fee, fromOn: other.fromOn, amount: other.owed }));
    const quantity = [...flat, ...counted]
      .filter((other) => other.planId === fee.planId && other.name === name)
      .filter(({ fromOn }) => fromOn >= span.fromOn && fromOn < span.toOn)
      .reduce((sum, { amount }) => sum + amount, 0n);
    return { service: null, fee: name, quantity };
  });
}

// Runs of days of a span with equally many subscriptions of a plan, without days that have none.
function countedDays(
  subscriptions: readonly (DaySpan & { readonly planId: number })[],
  planId: number,
  span: ClosedDaySpan | null,
): CountedDays[] {
  if (span === null) return [];
  const changes = new Map<IsoDate, number>();
  const change = (day: IsoDate, by: number) => changes.set(day, (changes.get(day) ?? 0) + by);
  for (const subscription of subscriptions) {
    if (subscription.planId !== planId) continue;
    const running = commonDays(span, subscription);
    if (running === null) continue;
    change(running.fromOn, 1);
    change(running.toOn, -1);
  }
  const days = [...changes.keys()].filter((day) => changes.get(day) !== 0).sort();
  const runs: CountedDays[] = [];
  let count = 0;
  days.forEach((fromOn, place) => {
    count += changes.get(fromOn) as number;
    const toOn = days[place + 1];
    if (count > 0 && toOn !== undefined) runs.push({ fromOn, toOn, count });
  });
  return runs;
}

function outerDays(spans: readonly ClosedDaySpan[]): ClosedDaySpan | null {
  const [first] = spans;
  if (first === undefined) return null;
  return spans.reduce((outer, { fromOn, toOn }) => ({
    fromOn: fromOn < outer.fromOn ? fromOn : outer.fromOn,
    toOn: toOn > outer.toOn ? toOn : outer.toOn,
  }));
}
