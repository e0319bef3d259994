import { formatAmount, type IsoDate, minorUnits } from '../kernel/index.js';
import type { SectionKey } from './invoice-text.js';

/** A party as the document names it. */
export interface DocumentParty {
  readonly name: string;
  /** Lines of the postal address without the country. */
  readonly address: readonly string[];
  readonly country: string;
  readonly taxNumber: string | null;
  readonly email: string | null;
}

/** What a document shows beyond its figures, frozen when the invoice is made. */
export interface DocumentFrame {
  readonly seller: DocumentParty;
  readonly buyer: DocumentParty;
  readonly account: { readonly number: string; readonly name: string };
  readonly contract: { readonly number: string; readonly name: string };
  readonly language: string;
  readonly timeZone: string;
  readonly paymentTermsDays: number;
  /** First day of the period and first day after it. */
  readonly periodFromOn: IsoDate;
  readonly periodToOn: IsoDate;
}

/** One line of a document; amounts are decimal text. */
export interface DocumentLine {
  readonly ordinal: number;
  readonly kind: string;
  readonly section: SectionKey;
  readonly description: string;
  readonly service: string | null;
  readonly records: string;
  readonly quantity: string;
  readonly billedQuantity: string;
  readonly basis: string;
  readonly net: string;
  readonly taxCode: string;
  readonly taxPercent: string;
}

/** One row of a document's tax table. */
export interface DocumentTax {
  readonly taxCode: string;
  readonly taxPercent: string;
  readonly basis: string;
  readonly tax: string;
}

/** A whole invoice as data: what the PDF shows and what programs read. */
export interface InvoiceDocument extends DocumentFrame {
  readonly kind: string;
  readonly state: string;
  readonly number: string | null;
  readonly issuedOn: IsoDate | null;
  readonly dueOn: IsoDate | null;
  readonly currency: string;
  readonly lines: readonly DocumentLine[];
  readonly taxes: readonly DocumentTax[];
  /**
   * `basis` is the unrounded sum of the lines and `rounding` what rounding them to minor units
   * added, so that `basis + rounding = net` and `net + tax = gross`.
   */
  readonly totals: {
    readonly basis: string;
    readonly rounding: string;
    readonly net: string;
    readonly tax: string;
    readonly gross: string;
  };
}

/** An amount (scale 8) of a currency as decimal text with at least its minor unit's decimals. */
export function amountText(amount: bigint, currency: string): string {
  return formatAmount(amount, minorUnits(currency));
}

/** A party from what the register holds; invisible characters do not reach a document. */
export function documentParty(partner: {
  name: string;
  legalName: string | null;
  address: string;
  country: string;
  taxNumber: string | null;
  email: string | null;
}): DocumentParty {
  return {
    name: plainLine(partner.legalName ?? partner.name),
    address: partner.address
      .split(/\r\n|[\n\r]/)
      .map(plainLine)
      .filter((line) => line !== ''),
    country: plainLine(partner.country),
    taxNumber: optionalLine(partner.taxNumber),
    email: optionalLine(partner.email),
  };
}

/** The number and name of an account or contract as a document shows them. */
export function documentName(row: { readonly number: string; readonly name: string }): {
  readonly number: string;
  readonly name: string;
} {
  return { number: plainLine(row.number), name: plainLine(row.name) };
}

/**
 * One line of text that shows what it says: control characters become blanks, and marks that
 * reorder or hide text (a name must not print as another name) are dropped.
 */
export function plainLine(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}\p{Co}]/gu, '')
    .replace(/ {2,}/g, ' ')
    .trim();
}

function optionalLine(text: string | null): string | null {
  const plain = text === null ? '' : plainLine(text);
  return plain === '' ? null : plain;
}
