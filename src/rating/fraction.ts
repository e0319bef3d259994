/**
 * An exact amount before it is rounded: `numerator / denominator` at scale 8. The denominator is
 * above zero; fractions are not reduced, since each lives for one record only.
 */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const NOTHING: Fraction = { numerator: 0n, denominator: 1n };

export function whole(amount: bigint): Fraction {
  return { numerator: amount, denominator: 1n };
}

export function plus(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) {
    return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  }
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

export function minus(a: Fraction, b: Fraction): Fraction {
  return plus(a, { numerator: -b.numerator, denominator: b.denominator });
}

/** `a` times `numerator / denominator`. */
export function times(a: Fraction, numerator: bigint, denominator: bigint): Fraction {
  return { numerator: a.numerator * numerator, denominator: a.denominator * denominator };
}

export function isLess(a: Fraction, b: Fraction): boolean {
  return a.numerator * b.denominator < b.numerator * a.denominator;
}

/** The whole part of a fraction that is not below zero. */
export function cutDown(a: Fraction): bigint {
  return a.numerator / a.denominator;
}
