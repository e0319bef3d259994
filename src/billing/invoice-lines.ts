import { grouped, minorUnits, roundAmount } from '../kernel/index.js';
import { plainLine } from './document.js';
import type { FeeCharge } from './fees.js';
import {
  formatSpan,
  invoiceTexts,
  type SectionKey,
  sectionKeys,
  sectionOf,
} from './invoice-text.js';
import { monthSpan } from './prorate.js';
import { type TaxRow, taxRows } from './tax.js';

/** Tax terms of a line. */
export interface TaxTerms {
  readonly taxCode: string;
  readonly taxPercent: string;
}

/** Usage of one contract, added up over days and batches; `amount` has scale 8. */
export interface UsageSum extends TaxTerms {
  /** Whether the usage lies before the billed period. */
  readonly earlier: boolean;
  readonly service: string;
  /** Null for usage that has no destination, such as data. */
  readonly destinationId: number | null;
  readonly destination: string | null;
  readonly records: bigint;
  readonly quantity: bigint;
  readonly billedQuantity: bigint;
  readonly amount: bigint;
}

/**
 * A line of an invoice. `basis` is what the line is worth exactly, `net` the same in whole minor
 * units; both have scale 8. A fee line counts charges in `records`, days charged per charge in
 * `quantity` and the days of the month in `billedQuantity`.
 */
export interface InvoiceLineDraft extends TaxTerms {
  readonly kind: 'USAGE' | 'PERIODIC_FEE' | 'ONE_TIME_FEE';
  readonly section: SectionKey;
  readonly earlier: boolean;
  readonly description: string;
  readonly service: string | null;
  readonly destinationId: number | null;
  readonly planFeeId: number | null;
  readonly records: bigint;
  readonly quantity: bigint;
  readonly billedQuantity: bigint;
  readonly basis: bigint;
  readonly net: bigint;
  /** What a fee line adds up. */
  readonly charges: readonly FeeCharge[];
}

/** The figures of an invoice; amounts have scale 8. */
export interface InvoiceFigures {
  readonly lines: readonly InvoiceLineDraft[];
  readonly taxes: readonly TaxRow[];
  readonly basis: bigint;
  readonly net: bigint;
  readonly tax: bigint;
  readonly gross: bigint;
}

/**
 * Adds usage and fees up to an invoice. Each line is rounded once, half up, to the currency's
 * minor unit; the invoice's net is the sum of its lines, so every later total follows exactly.
 */
export function invoiceFigures(
  usage: readonly UsageSum[],
  fees: readonly FeeCharge[],
  feeTax: (charge: FeeCharge) => TaxTerms,
  currency: string,
  language: string,
): InvoiceFigures {
  const lines = [
    ...feeLines(fees, feeTax, currency, language),
    ...usage.map((sum) => usageLine(sum, currency, language)),
  ].sort(printedOrder);
  const taxes = taxRows(lines, currency);
  const net = total(lines, (line) => line.net);
  const tax = total(taxes, (row) => row.tax);
  return { lines, taxes, basis: total(lines, (line) => line.basis), net, tax, gross: net + tax };
}

/** Whether an invoice would pay out: exactly, or by the rounding of its lines, or by its taxes. */
export function paysOut({ basis, net, gross }: InvoiceFigures): boolean {
  return basis < 0n || net < 0n || gross < 0n;
}

// An amount has 16 digits before the point in the tables.
const TOO_LARGE = 10n ** 24n;
const TOO_MANY = 2n ** 63n;

/** Whether the tables, and the API, can keep the quantities of a line or of a sum of usage. */
export function isCountable(sum: {
  readonly quantity: bigint;
  readonly billedQuantity: bigint;
}): boolean {
  const fits = (quantity: bigint) => quantity < TOO_MANY && quantity >= -TOO_MANY;
  return fits(sum.quantity) && fits(sum.billedQuantity);
}

/** Whether the tables can keep every amount and quantity of an invoice. */
export function isKeepable({ lines, taxes, basis, net, tax, gross }: InvoiceFigures): boolean {
  const fits = (amount: bigint) => amount < TOO_LARGE && amount > -TOO_LARGE;
  return (
    [basis, net, tax, gross].every(fits) &&
    taxes.every((row) => fits(row.basis) && fits(row.tax)) &&
    lines.every((line) => fits(line.basis) && fits(line.net) && isCountable(line)) &&
    lines.every(({ charges }) => charges.every(({ amount }) => fits(amount)))
  );
}

/** What fees are charged alone while a credit is carried over: none that give back. */
export function withoutCredits(charges: readonly FeeCharge[]): FeeCharge[] {
  return charges.filter(({ amount }) => amount >= 0n);
}

function usageLine(sum: UsageSum, currency: string, language: string): InvoiceLineDraft {
  const { amount, destination, ...rest } = sum;
  const service = invoiceTexts(language).sections[sectionOf('USAGE', sum.service, false)];
  const place = destination ?? service;
  return {
    ...rest,
    kind: 'USAGE',
    section: sectionOf('USAGE', sum.service, sum.earlier),
    description: plainLine(
      sum.earlier && destination !== null ? `${service}: ${destination}` : place,
    ),
    planFeeId: null,
    basis: amount,
    net: roundAmount(amount, minorUnits(currency), 'HALF_UP'),
    charges: [],
  };
}

/**
 * Charges of one fee for equally many days of one month share a line, so an invoice over
 * thousands of subscriptions stays short; whole months of one fee are always one line, and one more
 * where price rules act.
 */
function feeLines(
  fees: readonly FeeCharge[],
  taxOf: (charge: FeeCharge) => TaxTerms,
  currency: string,
  language: string,
): InvoiceLineDraft[] {
  const sharing = ({ fee, fromOn, days, workings }: FeeCharge) => {
    if (fee.kind === 'ONE_TIME') return `${fee.planFeeId} ${workings === null}`;
    const ruled = workings === null ? '' : fromOn;
    return `${fee.planFeeId} ${fromOn.slice(0, 7)} ${days} ${ruled}`;
  };
  return [...grouped(fees, sharing).values()].map((charges) => {
    const [first] = charges as [FeeCharge];
    const { fee, days, monthDays } = first;
    const { taxCode, taxPercent } = taxOf(first);
    const basis = total(charges, (charge) => charge.amount);
    return {
      ...{ taxCode, taxPercent },
      kind: fee.kind === 'ONE_TIME' ? 'ONE_TIME_FEE' : 'PERIODIC_FEE',
      section: fee.kind === 'ONE_TIME' ? 'ONE_TIME_FEE' : 'PERIODIC_FEE',
      earlier: false,
      description: plainLine(feeDescription(charges as [FeeCharge], language)),
      service: null,
      destinationId: null,
      planFeeId: fee.planFeeId,
      records: BigInt(charges.length),
      quantity: BigInt(days),
      billedQuantity: BigInt(monthDays),
      basis,
      net: roundAmount(basis, minorUnits(currency), 'HALF_UP'),
      charges,
    };
  });
}

function feeDescription([first, ...others]: [FeeCharge, ...FeeCharge[]], language: string): string {
  const { fee, days, monthDays } = first;
  const name = `${fee.planName}: ${fee.name}`;
  if (fee.kind === 'ONE_TIME') return name;
  const month = formatSpan(monthSpan(first.fromOn.slice(0, 7)), language);
  if (days === monthDays) return `${name}, ${month}`;
  // Different stretches of equal length share the line, and then only their length can be named.
  const oneStretch = others.every(({ fromOn }) => fromOn === first.fromOn);
  const share = invoiceTexts(language).days(days, monthDays);
  return `${name}, ${oneStretch ? formatSpan(first, language) : month} (${share})`;
}

function printedOrder(a: InvoiceLineDraft, b: InvoiceLineDraft): number {
  return (
    sectionKeys.indexOf(a.section) - sectionKeys.indexOf(b.section) ||
    compare(a.description, b.description) ||
    compare(a.taxCode, b.taxCode) ||
    compare(a.taxPercent, b.taxPercent) ||
    (a.planFeeId ?? 0) - (b.planFeeId ?? 0) ||
    (a.destinationId ?? 0) - (b.destinationId ?? 0) ||
    Number(b.quantity - a.quantity)
  );
}

// By code unit: the order must not depend on the collation data of the machine.
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function total<T>(items: readonly T[], amountOf: (item: T) => bigint): bigint {
  return items.reduce((sum, item) => sum + amountOf(item), 0n);
}
