import type { TierStep } from '../catalog/index.js';
import type { RoundingMode } from '../kernel/index.js';
import {
  type Carried,
  type ChargeSlice,
  type ChargeTariff,
  modelOf,
  roundedCharge,
  tariffCharge,
} from './charge.js';
import {
  type Charge,
  type ChargeStep,
  chargeOf,
  decimal,
  exactText,
  roundingStep,
} from './explain-charge.js';
import { type Fraction, isLess, plus } from './fraction.js';
import type { RuledCharge } from './price-rules.js';
import { stepOf, type TierPosition } from './tiers.js';

/** What a charge comes from. */
export interface ChargeSubject {
  readonly tariff: ChargeTariff;
  /** Units that are left to charge, by their price. */
  readonly slices: readonly ChargeSlice[];
  readonly carried: Carried;
  readonly decimals: number;
  readonly mode: RoundingMode;
  /** Currencies of list and contract. */
  readonly currencies: readonly [list: string, contract: string];
  /** Lets the rules act that apply to the record. */
  readonly ruled: (charge: Fraction) => RuledCharge;
}

/** Units of a record in one step of a tier schedule. */
export interface TierUse {
  /** Where the step begins and ends, in units of the counter; null without end. */
  readonly from: number;
  readonly upTo: number | null;
  readonly units: number;
  readonly price: bigint;
  readonly rateUnit: number;
  readonly block: boolean;
  /** Blocks that the record begins, where units are priced by blocks. */
  readonly blocks: number;
  /** The step's flat fee if this record pays it, else 0. */
  readonly flatFee: bigint;
}

const NO_RULES = (charge: Fraction): RuledCharge => ({ charge, effects: [] });

/** A charge step by step; a plain price per unit is worked out on a way of its own. */
export function explainCharge(subject: Omit<ChargeSubject, 'ruled'>, rules = NO_RULES): Charge {
  const { tariff, slices, carried, decimals, mode } = subject;
  const [first] = slices;
  if (first === undefined || slices.every(({ billed }) => billed === 0)) {
    return { formula: '0', unrounded: '0', steps: [], amount: 0n };
  }
  const isPlain = tariff.terms === null && tariff.conversion === null && slices.length === 1;
  if (isPlain && rules === NO_RULES) {
    const { connectionFee } = tariff;
    return chargeOf(BigInt(first.billed), { ...first, connectionFee }, decimals, mode);
  }
  const unlimited = { ...tariff, terms: withoutLimits(tariff), conversion: null };
  const usage = tariffCharge(unlimited, slices, carried);
  const formula = formulaOf(tariff, slices, carried);
  const steps: ChargeStep[] = [
    { kind: 'USAGE', text: `${formula} = ${exactText(usage)}`, result: exactText(usage) },
  ];
  const limited = tariffCharge({ ...tariff, conversion: null }, slices, carried);
  steps.push(...limitSteps(usage, limited));
  const converted = tariffCharge(tariff, slices, carried);
  steps.push(...conversionSteps(subject, converted));
  const ruled = rules(converted);
  steps.push(...ruleSteps(converted, ruled));
  const amount = roundedCharge(ruled.charge, tariff);
  steps.push(roundingStep(decimals, mode, amount));
  return { formula, unrounded: exactText(usage), steps, amount };
}

function withoutLimits({ terms }: ChargeTariff): ChargeTariff['terms'] {
  return terms === null ? null : { ...terms, minCharge: 0n, maxCharge: null };
}

function limitSteps(usage: Fraction, limited: Fraction): ChargeStep[] {
  const result = exactText(limited);
  if (isLess(usage, limited)) {
    return [{ kind: 'MIN_CHARGE', text: `A record is charged ${result} at least.`, result }];
  }
  if (isLess(limited, usage)) {
    return [{ kind: 'MAX_CHARGE', text: `A record is charged ${result} at most.`, result }];
  }
  return [];
}

function conversionSteps({ tariff, currencies }: Subject, converted: Fraction): ChargeStep[] {
  const { conversion } = tariff;
  if (conversion === null) return [];
  const [from, to] = currencies;
  const rate = exactText({
    numerator: conversion.numerator * 100_000_000n,
    denominator: conversion.denominator,
  });
  const result = exactText(converted);
  return [{ kind: 'CONVERSION', text: `1 ${from} is ${rate} ${to}.`, result }];
}

type Subject = Pick<ChargeSubject, 'tariff' | 'currencies'>;

function ruleSteps(charge: Fraction, { effects }: RuledCharge): ChargeStep[] {
  let running = charge;
  return effects.map(({ rule, effect }) => {
    const before = running;
    running = plus(running, effect);
    const { numerator, denominator } = effect;
    const size = exactText({ numerator: numerator < 0n ? -numerator : numerator, denominator });
    const asked =
      rule.effect === 'FIXED'
        ? decimal(rule.amount)
        : `${decimal(rule.amount)} % of ${exactText(before)}`;
    const text = `${asked}: ${size} ${rule.type === 'DISCOUNT' ? 'less' : 'more'}.`;
    return { kind: rule.type, text, result: exactText(running) };
  });
}

function formulaOf(
  tariff: ChargeTariff,
  slices: readonly ChargeSlice[],
  { value, position }: Carried,
): string {
  const fee = decimal(tariff.connectionFee);
  const price = decimal(tariff.price);
  const units = slices.reduce((sum, { billed }) => sum + billed, 0);
  switch (modelOf(tariff)) {
    case 'PER_UNIT':
      return [
        fee,
        ...slices
          .filter(({ billed }) => billed > 0)
          .map((slice) => `${decimal(slice.price)} * ${slice.billed} / ${slice.rateUnit}`),
      ].join(' + ');
    case 'PER_EVENT':
      return `${fee} + ${price}`;
    case 'PERCENTAGE':
      return `${fee} + ${decimal(value)} * ${price} / 100`;
    case 'REVENUE_SHARE':
      return `${fee} + ${sharedText(tariff, value)} * ${price} / 100`;
    case 'PACKAGE':
      return `${fee} + ${price} * ${Math.ceil(units / tariff.rateUnit)}`;
    case 'GRADUATED':
    case 'VOLUME':
      return [fee, ...tiersUsed(tariff, position, units).map(tierText)].join(' + ');
  }
}

function sharedText({ shareConversion }: ChargeTariff, value: bigint): string {
  if (shareConversion === null) return decimal(value);
  const { numerator, denominator } = shareConversion;
  return exactText({ numerator: value * numerator, denominator });
}

function tierText({ units, price, rateUnit, block, blocks, flatFee }: TierUse): string {
  const usage = block
    ? `${decimal(price)} * ${blocks}`
    : `${decimal(price)} * ${units} / ${rateUnit}`;
  return flatFee === 0n ? usage : `${decimal(flatFee)} + ${usage}`;
}

/** The steps of its schedule that a record's units fall into; none without a schedule. */
export function tiersUsed(
  tariff: Pick<ChargeTariff, 'terms'>,
  position: TierPosition,
  units: number,
): TierUse[] {
  const steps = tariff.terms?.schedule?.steps;
  if (steps === undefined || units === 0) return [];
  const spans = steps.map((step, n) => ({ step, from: steps[n - 1]?.upTo ?? 0 }));
  if (modelOf(tariff) === 'VOLUME') {
    const { step, from } = spans[stepOf(steps, position.total)]!;
    const low = position.before;
    return [useOf(step, from, low, low + units, 0, position.first)];
  }
  return spans.flatMap(({ step, from }) => {
    const low = Math.max(position.before, from);
    const high = Math.min(position.before + units, step.upTo ?? Number.POSITIVE_INFINITY);
    return high > low ? [useOf(step, from, low, high, from, low === from)] : [];
  });
}

// Blocks are counted from `origin`.
function useOf(
  step: TierStep,
  from: number,
  low: number,
  high: number,
  origin: number,
  paysFee: boolean,
): TierUse {
  const { upTo, price, rateUnit, block, flatFee } = step;
  const blocks = Math.ceil((high - origin) / rateUnit) - Math.ceil((low - origin) / rateUnit);
  return {
    from,
    upTo,
    units: high - low,
    price,
    rateUnit,
    block,
    blocks: block ? blocks : 0,
    flatFee: paysFee ? flatFee : 0n,
  };
}

/** Where a record stands that is rated without regard to others of its period. */
export function alone(units: number): TierPosition {
  return { before: 0, total: units, first: true };
}
