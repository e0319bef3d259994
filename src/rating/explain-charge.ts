import { formatAmount, mulDiv, type RoundingMode } from '../kernel/index.js';
import type { Fraction } from './fraction.js';

/** Prices of one rate at scale 8 and how it counts, in the unit of the service. */
export interface ChargedRate {
  readonly price: bigint;
  readonly connectionFee: bigint;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
}

/** What a rule made of the quantity so far. */
export type QuantityRule =
  | 'NOTHING_USED'
  | 'GRACE'
  | 'MINIMUM'
  | 'FIRST_INCREMENT'
  | 'NEXT_INCREMENTS';

export interface QuantityStep {
  readonly rule: QuantityRule;
  /** The rule with its numbers, as a sentence. */
  readonly text: string;
  readonly result: bigint;
}

/** The way from what was used to what is charged, rule by rule. */
export function quantitySteps(used: bigint, rate: ChargedRate): QuantityStep[] {
  if (used <= 0n) return [step('NOTHING_USED', 'Nothing was used.', 0n)];
  const grace = BigInt(rate.grace);
  if (used <= grace) {
    return [step('GRACE', `${used} is within the ${grace} that are free.`, 0n)];
  }
  const minimum = BigInt(rate.minimum);
  const first = BigInt(rate.firstIncrement);
  const steps: QuantityStep[] = [];
  if (grace > 0n) steps.push(step('GRACE', `${used} exceeds the ${grace} that are free.`, used));
  const [rule, base]: [QuantityRule, bigint] =
    minimum > first ? ['MINIMUM', minimum] : ['FIRST_INCREMENT', first];
  if (used <= base) {
    return [...steps, step(rule, `${used} is charged as the least of ${base}.`, base)];
  }
  if (base > 0n) steps.push(step(rule, `The first ${base} are charged as a whole.`, base));
  const next = BigInt(rate.nextIncrement);
  let count = (used - base) / next;
  if (base + count * next < used) count += 1n;
  const charged = base + count * next;
  const text = `${used - base} beyond are charged as ${count} times ${next}.`;
  return [...steps, step('NEXT_INCREMENTS', text, charged)];
}

function step(rule: QuantityRule, text: string, result: bigint): QuantityStep {
  return { rule, text, result };
}

/** What a step did to a charge. */
export type ChargeStepKind =
  | 'USAGE'
  | 'MIN_CHARGE'
  | 'MAX_CHARGE'
  | 'CONVERSION'
  | 'DISCOUNT'
  | 'SURCHARGE'
  | 'ROUNDING';

export interface ChargeStep {
  readonly kind: ChargeStepKind;
  /** The step with its numbers, as a sentence. */
  readonly text: string;
  /** The charge behind it: an exact decimal, or a fraction in lowest terms. */
  readonly result: string;
}

export interface Charge {
  /** The sum with its numbers: `0.05 + 0.12 * 90 / 60`. */
  readonly formula: string;
  /** What the formula comes to: an exact decimal, or a fraction in lowest terms. */
  readonly unrounded: string;
  /** From the formula to the amount. */
  readonly steps: readonly ChargeStep[];
  /** Scale 8. */
  readonly amount: bigint;
}

/** Connection fee plus price for the charged quantity, rounded once; of nothing it is nothing. */
export function chargeOf(
  billed: bigint,
  rate: Pick<ChargedRate, 'price' | 'connectionFee' | 'rateUnit'>,
  decimals: number,
  mode: RoundingMode,
): Charge {
  if (billed === 0n) return { formula: '0', unrounded: '0', steps: [], amount: 0n };
  const unit = BigInt(rate.rateUnit);
  const numerator = rate.connectionFee * unit + rate.price * billed;
  const smallest = 10n ** BigInt(8 - decimals);
  const formula = `${decimal(rate.connectionFee)} + ${decimal(rate.price)} * ${billed} / ${unit}`;
  const unrounded = fractionText(numerator, unit * 100_000_000n);
  const amount = mulDiv(numerator, 1n, unit * smallest, mode) * smallest;
  const usage: ChargeStep = { kind: 'USAGE', text: `${formula} = ${unrounded}`, result: unrounded };
  return { formula, unrounded, steps: [usage, roundingStep(decimals, mode, amount)], amount };
}

export function roundingStep(decimals: number, mode: RoundingMode, amount: bigint): ChargeStep {
  const text = `Rounded once to ${decimals} decimals, ${mode}.`;
  return { kind: 'ROUNDING', text, result: decimal(amount) };
}

/** An amount at scale 8 without zeros at its end. */
export function decimal(amount: bigint): string {
  return formatAmount(amount, 0);
}

/** An exact charge at scale 8 as {@link fractionText} writes it. */
export function exactText({ numerator, denominator }: Fraction): string {
  return fractionText(numerator, denominator * 100_000_000n);
}

/** A fraction as a decimal when it has one that ends, else as `n/d` in lowest terms. */
export function fractionText(numerator: bigint, denominator: bigint): string {
  if (numerator < 0n) return `-${fractionText(-numerator, denominator)}`;
  const shared = divisor(numerator, denominator);
  const [over, under] = [numerator / shared, denominator / shared];
  let digits = 0;
  let scaled = 1n;
  // A denominator of only twos and fives divides a power of ten that is soon reached.
  while (scaled % under !== 0n && digits < 64) {
    digits += 1;
    scaled *= 10n;
  }
  if (scaled % under !== 0n) return `${over}/${under}`;
  const text = (over * (scaled / under)).toString().padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function divisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
