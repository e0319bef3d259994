import { Decimal } from 'decimal.js';
import { DomainError } from '../kernel/index.js';

// Amounts have up to 28 digits and rates 20, so nothing is lost before the one rounding.
const Exact = Decimal.clone({ precision: 80, rounding: Decimal.ROUND_HALF_EVEN });

/** A published rate: units of `quoteCurrency` for one of `baseCurrency` from `validFrom` on. */
export interface RateFacts {
  readonly baseCurrency: string;
  readonly quoteCurrency: string;
  readonly rate: string;
  readonly validFrom: Date;
}

/** A converted amount as decimal text with at most 8 decimals, and the rate that made it. */
export interface Conversion<T> {
  readonly amount: string;
  readonly rate: T | null;
}

/**
 * The rate of a pair that holds at an instant: of those quoted either way the one that began last;
 * one quoted in the asked direction goes before one quoted the other way from the same instant.
 */
export function publishedRate<T extends RateFacts>(
  from: string,
  to: string,
  at: Date,
  rates: readonly T[],
): T | undefined {
  let best: T | undefined;
  for (const rate of rates) {
    const direct = rate.baseCurrency === from && rate.quoteCurrency === to;
    const inverse = rate.baseCurrency === to && rate.quoteCurrency === from;
    if (!(direct || inverse) || rate.validFrom > at) continue;
    const later = best === undefined ? 1 : rate.validFrom.getTime() - best.validFrom.getTime();
    if (later > 0 || (later === 0 && direct)) best = rate;
  }
  return best;
}

const RATE_SCALE = 10n ** 10n;

/** A rate as an exact fraction by which amounts in `from` are multiplied; 1 without a rate. */
export function rateFraction(
  rate: RateFacts | undefined,
  from: string,
): { readonly num: bigint; readonly den: bigint } {
  if (rate === undefined) return { num: 1n, den: 1n };
  const [whole = '0', fraction = ''] = rate.rate.split('.');
  const scaled = BigInt(whole + fraction.padEnd(10, '0').slice(0, 10));
  return rate.baseCurrency === from
    ? { num: scaled, den: RATE_SCALE }
    : { num: RATE_SCALE, den: scaled };
}

/**
 * An amount in another currency at an instant, rounded half to even to 8 decimals. Of the rates
 * of the pair, quoted either way, the one that began last at the instant holds; one quoted in the
 * asked direction goes before one quoted the other way from the same instant. Refuses with
 * EXCHANGE_RATE_MISSING.
 */
export function convert<T extends RateFacts>(
  amount: string,
  from: string,
  to: string,
  at: Date,
  rates: readonly T[],
): Conversion<T> {
  if (from === to) return { amount: new Exact(amount).toDecimalPlaces(8).toFixed(), rate: null };
  const best = publishedRate(from, to, at, rates);
  if (best === undefined) {
    throw new DomainError('EXCHANGE_RATE_MISSING', 'No exchange rate holds at the instant.', {
      from,
      to,
    });
  }
  const exact =
    best.baseCurrency === from
      ? new Exact(amount).mul(best.rate)
      : new Exact(amount).div(best.rate);
  return { amount: exact.toDecimalPlaces(8).toFixed(), rate: best };
}
