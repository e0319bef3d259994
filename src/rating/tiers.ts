import type { PricingTerms, TierStep } from '../catalog/index.js';
import { divRoundNumber, type RoundingCode } from '../kernel/index.js';
import { type Fraction, NOTHING, plus, whole } from './fraction.js';

/** Where a record stands in the tiers of its period. */
export interface TierPosition {
  /** Units counted before the record. */
  readonly before: number;
  /** Units of the whole period, for VOLUME. */
  readonly total: number;
  /** Whether the record is the first of the period that brings units. */
  readonly first: boolean;
}

/**
 * Every unit at the price of the step that it falls in, for units that follow `before` others.
 * A step's flat fee is due with its first unit, its blocks are counted from its start.
 */
export function graduated(steps: readonly TierStep[], before: number, units: number): Fraction {
  let charge = NOTHING;
  let start = 0;
  const after = before + units;
  for (const step of steps) {
    const end = step.upTo ?? Number.POSITIVE_INFINITY;
    const [low, high] = [Math.max(before, start), Math.min(after, end)];
    if (high > low) {
      charge = plus(charge, stepCharge(step, low - start, high - start));
      if (low === start) charge = plus(charge, whole(step.flatFee));
    }
    start = end;
    if (start >= after) break;
  }
  return charge;
}

/**
 * All units at the price of the step that holds the last unit of the period; its flat fee is due
 * with the first record of the period.
 */
export function volume(steps: readonly TierStep[], at: TierPosition, units: number): Fraction {
  const step = steps[stepOf(steps, at.total)];
  if (step === undefined) throw new Error('the last step of a schedule is open');
  const charge = stepCharge(step, at.before, at.before + units);
  return at.first ? plus(charge, whole(step.flatFee)) : charge;
}

/** The place of the step that holds the last of `total` units. */
export function stepOf(steps: readonly TierStep[], total: number): number {
  return steps.findIndex(({ upTo }) => upTo === null || total <= upTo);
}

// What units from `low` to `high` of a step cost; blocks begun by earlier units are paid.
function stepCharge(step: TierStep, low: number, high: number): Fraction {
  const { price, rateUnit } = step;
  if (step.block) {
    const blocks = Math.ceil(high / rateUnit) - Math.ceil(low / rateUnit);
    return whole(BigInt(blocks) * price);
  }
  return { numerator: price * BigInt(high - low), denominator: BigInt(rateUnit) };
}

const LIMIT = 2 ** 53;

/** Graduated steps as plain numbers: see {@link numberTiers}. */
export interface NumberTiers {
  readonly rateUnit: number;
  /** Units at which each step ends, the last at infinity. */
  readonly ends: Float64Array;
  readonly prices: Float64Array;
}

/** Steps in plain numbers; null where they have blocks, flat fees or several rate units. */
export function numberTiers(steps: readonly TierStep[]): NumberTiers | null {
  const rateUnit = steps[0]!.rateUnit;
  const isPlain = steps.every(
    (step) => !step.block && step.flatFee === 0n && step.rateUnit === rateUnit,
  );
  if (!isPlain) return null;
  return {
    rateUnit,
    ends: Float64Array.from(steps, ({ upTo }) => upTo ?? Number.POSITIVE_INFINITY),
    prices: Float64Array.from(steps, ({ price }) => Number(price)),
  };
}

/** Tiers of terms that are nothing but graduated tiers of plain numbers; null for all others. */
export function tiersOfTerms(terms: PricingTerms): NumberTiers | null {
  const { model, minCharge, maxCharge, schedule } = terms;
  const isPlain = model === 'GRADUATED' && minCharge === 0n && maxCharge === null;
  return isPlain && schedule !== null ? numberTiers(schedule.steps) : null;
}

/**
 * {@link graduated} with a fee, rounded, in plain numbers. NaN where the sums might not be exact;
 * then the exact way decides.
 */
export function graduatedNumber(
  { rateUnit, ends, prices }: NumberTiers,
  before: number,
  units: number,
  fee: number,
  smallest: number,
  rounding: RoundingCode,
): number {
  const after = before + units;
  let sum = fee * rateUnit;
  let start = 0;
  for (let step = 0; step < ends.length && start < after; step += 1) {
    const end = ends[step]!;
    const low = before > start ? before : start;
    const high = after < end ? after : end;
    if (high > low) sum += prices[step]! * (high - low);
    start = end;
  }
  if (!(sum < LIMIT)) return Number.NaN;
  return divRoundNumber(sum, rateUnit * smallest, rounding) * smallest;
}
