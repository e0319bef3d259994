import { invariant } from './errors.js';

/**
 * How a quotient becomes a whole number. `UP` is away from zero, `DOWN` towards zero, `HALF_UP`
 * sends ties away from zero and `HALF_EVEN` sends them to the even neighbour.
 */
export type RoundingMode = 'HALF_UP' | 'HALF_EVEN' | 'UP' | 'DOWN' | 'CEILING' | 'FLOOR';

/** The same mode as a small integer, so that a hot loop does not compare strings. */
export type RoundingCode = 0 | 1 | 2 | 3 | 4 | 5;

const codes = {
  HALF_UP: 0,
  HALF_EVEN: 1,
  UP: 2,
  DOWN: 3,
  CEILING: 4,
  FLOOR: 5,
} as const satisfies Record<RoundingMode, RoundingCode>;

/** Every rounding mode; its place in the list is its {@link RoundingCode}. */
export const roundingModes: readonly RoundingMode[] = Object.keys(codes) as RoundingMode[];

/** The numeric code of a rounding mode, for typed arrays and hot loops. */
export function roundingCode(mode: RoundingMode): RoundingCode {
  const code = codes[mode];
  invariant(code !== undefined, `unknown rounding mode ${String(mode)}`);
  return code;
}

/**
 * `a * b / divisor`, rounded once, over whole numbers of any size: the single place of division
 * in the money core. The divisor may be negative but not zero.
 */
export function mulDiv(a: bigint, b: bigint, divisor: bigint, mode: RoundingMode): bigint {
  invariant(divisor !== 0n, 'division by zero');
  const product = a * b;
  const negative = product < 0n !== divisor < 0n;
  const numerator = product < 0n ? -product : product;
  const size = divisor < 0n ? -divisor : divisor;
  const quotient = numerator / size;
  const remainder = numerator % size;
  if (remainder === 0n) return negative ? -quotient : quotient;
  const twice = 2n * remainder;
  const half = twice < size ? -1 : twice > size ? 1 : 0;
  const odd = (quotient & 1n) === 1n;
  const rounded = awayFromZero(roundingCode(mode), negative, half, odd) ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}

/**
 * An amount of `fromScale` decimals expressed in `toScale` decimals. Widening is exact; narrowing
 * rounds by `mode`.
 */
export function roundToScale(
  amount: bigint,
  fromScale: number,
  toScale: number,
  mode: RoundingMode,
): bigint {
  const steps = toScale - fromScale;
  if (steps >= 0) return amount * 10n ** BigInt(steps);
  return mulDiv(amount, 1n, 10n ** BigInt(-steps), mode);
}

/**
 * `numerator / divisor`, rounded, in plain numbers for the data plane. The caller proves (bounds
 * are checked when the price book is compiled) that both are integers, that `|numerator|` is
 * below 2^53 and that the divisor lies in [1, 2^53); the result is then exact and never -0.
 *
 * Proof. Let n = |numerator|, d = divisor, k = floor(n / d) and x = k + 1. Both k and x are at
 * most 2^53, so both are doubles, and because rounding is monotonic fl(n / d) lies in [k, x]. It
 * would reach x only if x - n/d were at most half the spacing of doubles below x, which is less
 * than x * 2^-53. With n = x*d - j, where j is an integer of at least 1, that says j/d < x*2^-53,
 * so j * 2^53 < x*d = n + j, so j * (2^53 - 1) < n, which n <= 2^53 - 1 contradicts. Hence
 * Math.floor(n / d) = k exactly. The product k*d is at most n, so the remainder n - k*d is exact,
 * and so is its comparison with d - remainder. The result is at most k + 1 <= 2^53.
 */
export function divRoundNumber(numerator: number, divisor: number, mode: RoundingCode): number {
  const negative = numerator < 0;
  const size = negative ? -numerator : numerator;
  let quotient = Math.floor(size / divisor);
  const remainder = size - quotient * divisor;
  if (remainder !== 0) {
    const rest = divisor - remainder;
    const half = remainder < rest ? -1 : remainder > rest ? 1 : 0;
    if (awayFromZero(mode, negative, half, quotient % 2 === 1)) quotient += 1;
  }
  return negative ? 0 - quotient : quotient + 0;
}

/** Whether a quotient that did not come out even moves to the next whole number from zero. */
function awayFromZero(
  mode: RoundingCode,
  negative: boolean,
  half: -1 | 0 | 1,
  odd: boolean,
): boolean {
  switch (mode) {
    case codes.HALF_UP:
      return half >= 0;
    case codes.HALF_EVEN:
      return half > 0 || (half === 0 && odd);
    case codes.UP:
      return true;
    case codes.DOWN:
      return false;
    case codes.CEILING:
      return !negative;
    case codes.FLOOR:
      return negative;
  }
}
