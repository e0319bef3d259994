import { minorUnits } from './currency.js';
import { DomainError, invariant } from './errors.js';
import { type RoundingMode, roundToScale } from './rounding.js';

/** Decimals of every amount in the core: an amount of 1.00 is `100000000n`. */
export const AMOUNT_SCALE = 8;

/** What one whole unit of a currency counts as an amount. */
export const AMOUNT_UNIT = 100_000_000n;

/** An exact amount of one currency, in units of 10^-8. */
export type Money = { readonly amount: bigint; readonly currency: string };

/** Integer digits that an amount may have as text; more is a mistake, not money. */
const MAX_INTEGER_DIGITS = 20;

const decimalText = /^(-?)(\d+)(?:\.(\d{1,8}))?$/;

/** An amount (scale 8) of a currency. Refuses an unknown currency with INVALID_CURRENCY. */
export function money(amount: bigint, currency: string): Money {
  minorUnits(currency);
  return { amount, currency };
}

/** Decimal text and currency as money. Refuses with INVALID_MONEY or INVALID_CURRENCY. */
export function parseMoney(text: string, currency: string): Money {
  return money(parseAmount(text), currency);
}

/** The sum. Unlike currencies refuse with CURRENCY_MISMATCH. */
export function addMoney(a: Money, b: Money): Money {
  sameCurrency(a.currency, b.currency);
  return { amount: a.amount + b.amount, currency: a.currency };
}

/** The first less the second. Unlike currencies refuse with CURRENCY_MISMATCH. */
export function subtractMoney(a: Money, b: Money): Money {
  sameCurrency(a.currency, b.currency);
  return { amount: a.amount - b.amount, currency: a.currency };
}

/** The same amount owed the other way round. */
export function negateMoney(value: Money): Money {
  return { amount: -value.amount, currency: value.currency };
}

/** -1, 0 or 1, fit for sorting. Unlike currencies refuse with CURRENCY_MISMATCH. */
export function compareMoney(a: Money, b: Money): -1 | 0 | 1 {
  sameCurrency(a.currency, b.currency);
  return a.amount < b.amount ? -1 : a.amount > b.amount ? 1 : 0;
}

/** The sum of a list, zero when empty. Any other currency refuses with CURRENCY_MISMATCH. */
export function sumMoney(list: Iterable<Money>, currency: string): Money {
  let amount = 0n;
  for (const value of list) {
    sameCurrency(currency, value.currency);
    amount += value.amount;
  }
  return money(amount, currency);
}

/** The amount rounded to so many decimals (0 to 8); it stays at scale 8. */
export function roundMoney(value: Money, decimals: number, mode: RoundingMode): Money {
  return { amount: roundAmount(value.amount, decimals, mode), currency: value.currency };
}

/** As {@link roundMoney}, for a bare amount at scale 8. */
export function roundAmount(amount: bigint, decimals: number, mode: RoundingMode): bigint {
  invariant(isDecimals(decimals), 'an amount is rounded to between 0 and 8 decimals');
  const rounded = roundToScale(amount, AMOUNT_SCALE, decimals, mode);
  return roundToScale(rounded, decimals, AMOUNT_SCALE, mode);
}

/**
 * Plain decimal text (`-12.5`) as an amount at scale 8. There is one way to write a number: no
 * sign but a leading minus, no exponent, blank or grouping, digits on both sides of a point, at
 * most 20 before and 8 after it. Anything else refuses with INVALID_MONEY; nothing is rounded.
 */
export function parseAmount(text: string): bigint {
  const match = decimalText.exec(text);
  const whole = match?.[2];
  if (!match || whole === undefined || whole.length > MAX_INTEGER_DIGITS) {
    throw new DomainError('INVALID_MONEY', 'The amount is not plain decimal text.', {
      text: text.slice(0, 64),
    });
  }
  const size = BigInt(whole + (match[3] ?? '').padEnd(AMOUNT_SCALE, '0'));
  return match[1] === '-' ? -size : size;
}

/**
 * An amount at scale 8 as canonical decimal text: trailing zeros are dropped, but `minDecimals`
 * (0 to 8) stay. {@link parseAmount} gives the very same amount back.
 */
export function formatAmount(amount: bigint, minDecimals = 2): string {
  invariant(isDecimals(minDecimals), 'an amount is written with between 0 and 8 decimals');
  const negative = amount < 0n;
  const digits = (negative ? -amount : amount).toString().padStart(AMOUNT_SCALE + 1, '0');
  const point = digits.length - AMOUNT_SCALE;
  let end = digits.length;
  while (end > point + minDecimals && digits.charCodeAt(end - 1) === 0x30) end -= 1;
  const fraction = end > point ? `.${digits.slice(point, end)}` : '';
  return `${negative ? '-' : ''}${digits.slice(0, point)}${fraction}`;
}

function isDecimals(decimals: number): boolean {
  return Number.isInteger(decimals) && decimals >= 0 && decimals <= AMOUNT_SCALE;
}

function sameCurrency(expected: string, found: string): void {
  if (expected === found) return;
  throw new DomainError('CURRENCY_MISMATCH', 'Amounts in different currencies do not combine.', {
    expected,
    found,
  });
}
