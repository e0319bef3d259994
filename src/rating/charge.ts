import type { PricingModel, PricingTerms, TierSchedule } from '../catalog/index.js';
import { mulDiv, type RoundingMode } from '../kernel/index.js';
import { type Fraction, isLess, NOTHING, plus, times, whole } from './fraction.js';
import { graduated, type TierPosition, volume } from './tiers.js';

/** What prices a record at one level. Amounts have scale 8. */
export interface ChargeTariff {
  readonly price: bigint;
  readonly connectionFee: bigint;
  readonly rateUnit: number;
  readonly terms: PricingTerms | null;
  /** Contract currency per list currency; null when they are the same. */
  readonly conversion: Fraction | null;
  /** List currency per currency of the subscriber, for shares of what the subscriber pays. */
  readonly shareConversion: Fraction | null;
  /** Smallest amount of the contract at scale 8, and how it is reached. */
  readonly step: bigint;
  readonly rounding: RoundingMode;
}

/** Units of a record that have one price; only a call that crosses bands has several. */
export interface ChargeSlice {
  readonly billed: number;
  readonly price: bigint;
  readonly rateUnit: number;
}

/** What a record is charged by besides its units. */
export interface Carried {
  /** Money that the record carries, or for a share what the subscriber is charged; scale 8. */
  readonly value: bigint;
  readonly position: TierPosition;
}

/** The hundredth part of a percentage at scale 8. */
const HUNDRED_PERCENT = 10_000_000_000n;

/** The model of a tariff. */
export function modelOf(tariff: Pick<ChargeTariff, 'terms'>): PricingModel {
  return tariff.terms?.model ?? 'PER_UNIT';
}

/**
 * The exact charge of a record in the contract's currency, before discounts and rounding. The
 * slices hold the units that are left to charge; without any the charge is nothing.
 */
export function tariffCharge(
  tariff: ChargeTariff,
  slices: readonly ChargeSlice[],
  carried: Carried,
): Fraction {
  const units = slices.reduce((sum, { billed }) => sum + billed, 0);
  if (units === 0) return NOTHING;
  const fee = whole(tariff.connectionFee);
  const charge = plus(fee, usageCharge(tariff, slices, units, carried));
  const held = clamped(charge, tariff.terms);
  const { conversion } = tariff;
  if (conversion === null) return held;
  return times(held, conversion.numerator, conversion.denominator);
}

/** An exact charge rounded once, as the contract says. */
export function roundedCharge(
  charge: Fraction,
  tariff: Pick<ChargeTariff, 'step' | 'rounding'>,
): bigint {
  const { step, rounding } = tariff;
  return mulDiv(charge.numerator, 1n, charge.denominator * step, rounding) * step;
}

/** An amount in another currency, rounded as the contract that takes it says. */
export function convertedCharge(
  amount: bigint,
  { numerator, denominator }: Fraction,
  terms: Pick<ChargeTariff, 'step' | 'rounding'>,
): bigint {
  return roundedCharge(times(whole(amount), numerator, denominator), terms);
}

function usageCharge(
  tariff: ChargeTariff,
  slices: readonly ChargeSlice[],
  units: number,
  carried: Carried,
): Fraction {
  switch (modelOf(tariff)) {
    case 'PER_UNIT':
      return slices.map(sliceCharge).reduce(plus, NOTHING);
    case 'PER_EVENT':
      return whole(tariff.price);
    case 'PERCENTAGE':
      return times(whole(carried.value), tariff.price, HUNDRED_PERCENT);
    case 'REVENUE_SHARE':
      return times(sharedCharge(tariff, carried.value), tariff.price, HUNDRED_PERCENT);
    case 'PACKAGE':
      return whole(BigInt(Math.ceil(units / tariff.rateUnit)) * tariff.price);
    case 'GRADUATED':
      return graduated(scheduleOf(tariff).steps, carried.position.before, units);
    case 'VOLUME':
      return volume(scheduleOf(tariff).steps, carried.position, units);
  }
}

function sharedCharge({ shareConversion }: ChargeTariff, charged: bigint): Fraction {
  if (shareConversion === null) return whole(charged);
  return times(whole(charged), shareConversion.numerator, shareConversion.denominator);
}

function sliceCharge({ billed, price, rateUnit }: ChargeSlice): Fraction {
  return { numerator: price * BigInt(billed), denominator: BigInt(rateUnit) };
}

function scheduleOf(tariff: ChargeTariff): TierSchedule {
  const schedule = tariff.terms?.schedule;
  if (schedule) return schedule;
  throw new Error('a tariff by tiers has a schedule');
}

function clamped(charge: Fraction, terms: PricingTerms | null): Fraction {
  if (terms === null) return charge;
  const most = terms.maxCharge === null ? null : whole(terms.maxCharge);
  return limited(charge, whole(terms.minCharge), most);
}

/** A charge that is at least `least` and at most `most`, if there is a most. */
export function limited(charge: Fraction, least: Fraction, most: Fraction | null): Fraction {
  if (isLess(charge, least)) return least;
  return most !== null && isLess(most, charge) ? most : charge;
}
