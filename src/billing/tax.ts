import { AMOUNT_SCALE, minorUnits, mulDiv, parseAmount } from '../kernel/index.js';

/** What a line contributes to the tax of its invoice; amounts have scale 8. */
export interface TaxedLine {
  readonly net: bigint;
  readonly taxCode: string;
  /** Canonical decimal text, percent. */
  readonly taxPercent: string;
}

/** One row of the tax table: all lines of one code and rate. Amounts have scale 8. */
export interface TaxRow {
  readonly taxCode: string;
  readonly taxPercent: string;
  readonly basis: bigint;
  readonly tax: bigint;
}

/**
 * The tax of an invoice, one row per code and rate: the rounded line nets are added up first and
 * the tax of the sum is rounded once, half up, to the currency's minor unit. Rows come in order
 * of code and falling rate.
 */
export function taxRows(lines: readonly TaxedLine[], currency: string): TaxRow[] {
  const bases = new Map<string, { taxCode: string; taxPercent: string; basis: bigint }>();
  for (const { taxCode, taxPercent, net } of lines) {
    const key = `${taxPercent} ${taxCode}`;
    const row = bases.get(key);
    bases.set(key, { taxCode, taxPercent, basis: (row?.basis ?? 0n) + net });
  }
  return [...bases.values()]
    .map((row) => ({ ...row, tax: taxOf(row.basis, row.taxPercent, currency) }))
    .sort((a, b) => byCodeThenRate(a, b));
}

/** The tax on a basis (scale 8) at a percentage, in the currency's minor unit. */
export function taxOf(basis: bigint, percent: string, currency: string): bigint {
  const minorUnit = 10n ** BigInt(AMOUNT_SCALE - minorUnits(currency));
  const hundredPercent = 100n * 10n ** BigInt(AMOUNT_SCALE);
  return mulDiv(basis, parseAmount(percent), hundredPercent * minorUnit, 'HALF_UP') * minorUnit;
}

function byCodeThenRate(a: TaxRow, b: TaxRow): number {
  if (a.taxCode !== b.taxCode) return a.taxCode < b.taxCode ? -1 : 1;
  return parseAmount(b.taxPercent) > parseAmount(a.taxPercent) ? 1 : -1;
}
