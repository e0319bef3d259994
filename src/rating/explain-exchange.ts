import type { BookFacts } from './book.js';
import type { Fraction } from './fraction.js';

/** An exchange rate that was used. */
export interface UsedExchange {
  readonly from: string;
  readonly to: string;
  /** As it was quoted, at scale 10: how many of `quote` one of `base` is. */
  readonly base: string;
  readonly quote: string;
  readonly rate: bigint;
  readonly validFrom: number;
  /** How many of `to` one of `from` is. */
  readonly factor: Fraction;
}

const ONE = 10_000_000_000n;

/**
 * The rate between two currencies, quoted either way, that began last; of two from the same instant
 * the direct one. Null when there is none.
 */
export function findExchange(
  facts: Pick<BookFacts, 'exchangeRates'>,
  from: string,
  to: string,
  atMs: number,
): UsedExchange | null {
  const newest = (base: string, quote: string) =>
    facts.exchangeRates
      .filter((one) => one.base === base && one.quote === quote && one.validFrom <= atMs)
      .sort((a, b) => b.validFrom - a.validFrom)[0];
  const [direct, inverse] = [newest(from, to), newest(to, from)];
  if (direct !== undefined && direct.validFrom >= (inverse?.validFrom ?? -Infinity)) {
    return { ...direct, from, to, factor: { numerator: direct.rate, denominator: ONE } };
  }
  if (inverse === undefined) return null;
  return { ...inverse, from, to, factor: { numerator: ONE, denominator: inverse.rate } };
}
