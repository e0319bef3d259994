import { convert, type RateFacts } from '../catalog/index.js';
import { formatAmount, grouped, parseAmount } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';

/** Usage that a partner sold or bought, added up; `amount` has scale 8. */
export interface ReportSum {
  readonly side: 'SALE' | 'PURCHASE';
  /** At which prices. */
  readonly level: PriceLevel;
  readonly service: string;
  readonly destination: string | null;
  readonly currency: string;
  /** Day of the usage, when the amount is to be converted by it. */
  readonly usageOn: string | null;
  readonly records: bigint;
  readonly quantity: bigint;
  readonly billedQuantity: bigint;
  readonly amount: bigint;
}

/** One row of the report; amounts have scale 8. */
export interface ReportRow {
  readonly service: string;
  readonly destination: string | null;
  readonly currency: string;
  readonly records: bigint;
  readonly quantity: bigint;
  readonly billedQuantity: bigint;
  readonly cost: bigint;
  readonly revenue: bigint;
  /** The levels that the cost is made of. */
  readonly bought: readonly PriceLevel[];
  /** The levels that the revenue is made of. */
  readonly sold: readonly PriceLevel[];
}

/**
 * Cost and revenue by destination, service and currency, in that order. Amounts of different
 * currencies are never added: they stay apart unless they were converted before.
 */
export function reportRows(sums: readonly ReportSum[]): ReportRow[] {
  const keyOf = (sum: ReportSum) => reportKey(sum).join('\u0000');
  const rows = [...grouped(sums, keyOf).values()].map((group): ReportRow => {
    const [{ service, destination, currency }] = group as [ReportSum];
    const sold = group.filter((sum) => sum.side === 'SALE');
    const bought = group.filter((sum) => sum.side === 'PURCHASE');
    // The same records are bought and sold, so they are counted on one side only.
    const counted = sold.length > 0 ? sold : bought;
    return {
      service,
      destination,
      currency,
      records: total(counted, (sum) => sum.records),
      quantity: total(counted, (sum) => sum.quantity),
      billedQuantity: total(counted, (sum) => sum.billedQuantity),
      cost: total(bought, (sum) => sum.amount),
      revenue: total(sold, (sum) => sum.amount),
      bought: [...new Set(bought.map(({ level }) => level))],
      sold: [...new Set(sold.map(({ level }) => level))],
    };
  });
  return rows.sort((a, b) => compareKeys(reportKey(a), reportKey(b)));
}

/** What names and orders a row of the report. */
export function reportKey(row: {
  service: string;
  destination: string | null;
  currency: string;
}): [string, string, string] {
  return [row.destination ?? '', row.service, row.currency];
}

/** Orders keys by code unit, so that the order is the same on every machine. */
export function compareKeys(a: readonly string[], b: readonly string[]): number {
  for (const [place, text] of a.entries()) {
    const other = b[place] ?? '';
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}

/**
 * The sums in one currency, each converted by the rate that held when its day began (UTC).
 * Refuses with EXCHANGE_RATE_MISSING.
 */
export function inCurrency(
  sums: readonly ReportSum[],
  currency: string,
  rates: readonly RateFacts[],
): ReportSum[] {
  return sums.map((sum) => {
    if (sum.currency === currency) return sum;
    const at = new Date(`${sum.usageOn ?? ''}T00:00:00Z`);
    const converted = convert(formatAmount(sum.amount), sum.currency, currency, at, rates);
    return { ...sum, currency, amount: parseAmount(converted.amount) };
  });
}

function total(sums: readonly ReportSum[], amountOf: (sum: ReportSum) => bigint): bigint {
  return sums.reduce((sum, item) => sum + amountOf(item), 0n);
}
