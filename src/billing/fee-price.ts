import type { TierStep } from '../catalog/index.js';
import { invariant, type RoundingMode } from '../kernel/index.js';
import {
  applyRules,
  type Fraction,
  limited,
  NOTHING,
  type PriceRule,
  plus,
  type RuleEffect,
  roundedCharge,
  tariffCharge,
  times,
  whole,
} from '../rating/index.js';
import { type ClosedDaySpan, dayCount } from './prorate.js';

/** How a fee that is not flat comes about. Amounts have scale 8. */
export interface FeePricing {
  readonly model: 'PER_UNIT' | 'PACKAGE' | 'GRADUATED' | 'VOLUME' | 'PERCENT_OF_CHARGE';
  readonly rateUnit: number;
  readonly counts: 'SUBSCRIPTIONS' | 'RECORDS' | 'UNITS' | null;
  readonly ofServices: readonly string[] | null;
  /** Names of fees of the same plan. */
  readonly ofFees: readonly string[] | null;
  /** Limits of the charge of a whole month. */
  readonly minCharge: bigint;
  readonly maxCharge: bigint | null;
  /** The tiers of GRADUATED and VOLUME. */
  readonly steps: readonly TierStep[];
}

/** The price of a fee; `pricing` is null for a flat one. */
export interface FeePrice {
  readonly amount: bigint;
  readonly pricing: FeePricing | null;
}

/** Days on which equally many subscriptions ran. */
export interface CountedDays extends ClosedDaySpan {
  readonly count: number;
}

/** What one service or one fee brings: records, units, or money at scale 8. */
export interface BasisPart {
  readonly service: string | null;
  readonly fee: string | null;
  readonly quantity: bigint;
}

/** What a charge is worked out from besides its price. */
export interface FeeBasis {
  /** Days charged and days of the month; both 1 for a fee that is charged once. */
  readonly days: number;
  readonly monthDays: number;
  readonly counted: readonly CountedDays[];
  readonly parts: readonly BasisPart[];
}

/** A rule that is for a charge, with what is left of its cap; null without cap. */
export interface CappedRule {
  readonly rule: PriceRule;
  readonly capLeft: bigint | null;
}

/** How a contract rounds what it is charged. */
export interface RoundingPolicy {
  readonly decimals: number;
  readonly rounding: RoundingMode;
}

/** A fee worked out. */
export interface WorkedFee {
  /** Before limits. */
  readonly priced: Fraction;
  /** Between the limits, which SUBSCRIPTIONS have day by day. */
  readonly held: Fraction;
  readonly effects: readonly RuleEffect[];
  /** After rules. */
  readonly ruled: Fraction;
  /** Rounded once. */
  readonly owed: bigint;
}

/**
 * What a fee comes to: its price for what was counted, within its limits for the days charged, then
 * the rules in their order, then one rounding. Everything before the rounding is exact.
 */
export function workOutFee(
  fee: FeePrice,
  basis: FeeBasis,
  rules: readonly CappedRule[],
  policy: RoundingPolicy,
): WorkedFee {
  const priced = pricedFee(fee, basis);
  const held = fee.pricing === null ? priced : withinLimits(fee.pricing, basis, priced);
  const left = new Map(rules.map(({ rule, capLeft }) => [rule.id, capLeft]));
  const { charge: ruled, effects } = applyRules(
    held,
    rules.map(({ rule }) => rule),
    (rule) => left.get(rule.id) ?? null,
    ofMonth(basis),
  );
  const step = 10n ** BigInt(8 - policy.decimals);
  return { priced, held, effects, ruled, owed: roundedCharge(ruled, { ...policy, step }) };
}

function pricedFee(fee: FeePrice, basis: FeeBasis): Fraction {
  const { pricing, amount } = fee;
  if (basis.days === 0) return NOTHING;
  if (pricing === null) return share(whole(amount), basis.days, basis.monthDays);
  if (pricing.counts === 'SUBSCRIPTIONS') {
    return basis.counted
      .map((run) => share(seatPrice(fee, run.count), dayCount(run), basis.monthDays))
      .reduce(plus, NOTHING);
  }
  if (pricing.counts === null) return tariffPrice(fee, 1, basisTotal(basis));
  return tariffPrice(fee, wholeNumber(basisTotal(basis)), 0n);
}

/** What a whole month with so many subscriptions costs, within the limits. */
export function seatPrice(fee: FeePrice, count: number): Fraction {
  const price = tariffPrice(fee, count, 0n);
  const { minCharge = 0n, maxCharge = null } = fee.pricing ?? {};
  return limited(price, whole(minCharge), maxCharge === null ? null : whole(maxCharge));
}

/** What the parts of a basis come to; never less than nothing. */
export function basisTotal({ parts }: Pick<FeeBasis, 'parts'>): bigint {
  const total = parts.reduce((sum, { quantity }) => sum + quantity, 0n);
  return total < 0n ? 0n : total;
}

function withinLimits(pricing: FeePricing, basis: FeeBasis, charge: Fraction): Fraction {
  if (pricing.counts === 'SUBSCRIPTIONS') return charge;
  const { minCharge, maxCharge } = pricing;
  const ofDays = (amount: bigint) => share(whole(amount), basis.days, basis.monthDays);
  return limited(charge, ofDays(minCharge), maxCharge === null ? null : ofDays(maxCharge));
}

// The same charge that usage has: the units of a month stand for those of a record.
function tariffPrice({ amount, pricing }: FeePrice, units: number, value: bigint): Fraction {
  invariant(pricing !== null, 'a flat fee counts nothing');
  const { model, rateUnit, steps } = pricing;
  const schedule = { id: 0, scope: 'CONTRACT', period: 'MONTH', steps } as const;
  return tariffCharge(
    {
      price: amount,
      connectionFee: 0n,
      rateUnit,
      terms: {
        model: model === 'PERCENT_OF_CHARGE' ? 'PERCENTAGE' : model,
        minCharge: 0n,
        maxCharge: null,
        schedule,
      },
      conversion: null,
      shareConversion: null,
      step: 1n,
      rounding: 'HALF_UP',
    },
    [{ billed: units, price: amount, rateUnit }],
    { value, position: { before: 0, total: units, first: true } },
  );
}

function ofMonth({ days, monthDays }: FeeBasis): Fraction {
  return share(whole(1n), days, monthDays);
}

/** The part of a month's charge that falls on so many of its days. */
export function share(charge: Fraction, days: number, monthDays: number): Fraction {
  return days === monthDays ? charge : times(charge, BigInt(days), BigInt(monthDays));
}

function wholeNumber(quantity: bigint): number {
  const number = Number(quantity);
  invariant(Number.isSafeInteger(number), 'a month has fewer units than 2^53');
  return number;
}
