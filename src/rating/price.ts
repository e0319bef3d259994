import { divRoundNumber, mulDiv, type RoundingCode, roundingModes } from '../kernel/index.js';

/** What a rate asks for; prices have scale 8, quantities the unit of the service. */
export interface Tariff {
  readonly price: number;
  readonly connectionFee: number;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
}

/**
 * The quantity that is charged. Nothing up to the grace quantity; else at least the first
 * increment or the minimum, whichever is larger, and beyond it whole next increments
 * (30/6: 32 s are charged as 36 s; minimum 25 with increments of 8: 26 s as 33 s).
 */
export function billedQuantity(
  quantity: number,
  firstIncrement: number,
  nextIncrement: number,
  minimum: number,
  grace: number,
): number {
  if (quantity <= 0 || quantity <= grace) return 0;
  const base = minimum > firstIncrement ? minimum : firstIncrement;
  if (quantity <= base) return base;
  if (nextIncrement === 1) return quantity;
  return base + Math.ceil((quantity - base) / nextIncrement) * nextIncrement;
}

/** The first amount that an xDR cannot hold exactly as a number. */
const LIMIT = 2 ** 53;

/**
 * Connection fee plus price per rate unit times the charged quantity, rounded once. `step` is
 * the smallest amount of the contract at scale 8 (10 000 for four decimals). A charge of nothing
 * has no connection fee. Answers NaN when the amount has no exact number below 2^53.
 *
 * Below 2^53 the product and the sum are exact whole numbers, and a result that is not below it
 * shows that the true value is not either; such amounts are computed with bigint instead.
 */
export function amountOf(
  billed: number,
  price: number,
  connectionFee: number,
  rateUnit: number,
  step: number,
  rounding: RoundingCode,
): number {
  if (billed === 0) return 0;
  const numerator = connectionFee * rateUnit + price * billed;
  const divisor = rateUnit * step;
  if (numerator < LIMIT) {
    // Rounding up to a large step can still pass the limit.
    const rounded = divRoundNumber(numerator, divisor, rounding) * step;
    return rounded < LIMIT ? rounded : Number.NaN;
  }
  if (!Number.isSafeInteger(price) || !Number.isSafeInteger(connectionFee)) return Number.NaN;
  const exact = BigInt(connectionFee) * BigInt(rateUnit) + BigInt(price) * BigInt(billed);
  const mode = roundingModes[rounding]!;
  const amount = mulDiv(exact, 1n, BigInt(rateUnit) * BigInt(step), mode) * BigInt(step);
  return amount < BigInt(LIMIT) ? Number(amount) : Number.NaN;
}
