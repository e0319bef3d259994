import { formatDate, languageOf, type QuantityUnit } from './number-format.js';
import { type ClosedDaySpan, lastDay } from './prorate.js';

/** Every fixed word of an invoice in one language. */
export interface InvoiceTexts {
  readonly invoice: string;
  readonly draft: string;
  readonly number: string;
  readonly issuedOn: string;
  readonly dueOn: string;
  readonly period: string;
  readonly contract: string;
  readonly account: string;
  readonly billTo: string;
  readonly taxNumber: string;
  readonly buyerTaxNumber: string;
  readonly description: string;
  readonly count: string;
  readonly quantity: string;
  readonly net: string;
  readonly subtotal: string;
  readonly totalNet: string;
  readonly totalTax: string;
  readonly totalGross: string;
  readonly taxTable: string;
  readonly taxCode: string;
  readonly taxRate: string;
  readonly taxBasis: string;
  readonly tax: string;
  readonly page: (page: number, pages: number) => string;
  readonly payBy: (dueOn: string, days: number, number: string) => string;
  readonly draftNote: string;
  /** Words that the law asks for, by tax code. */
  readonly taxNotes: Readonly<Record<string, string>>;
  readonly sections: Readonly<Record<SectionKey, string>>;
  readonly units: Readonly<Record<QuantityUnit, string>>;
  readonly days: (days: number, monthDays: number) => string;
}

/** The parts of an invoice, in the order in which they are printed. */
export const sectionKeys = [
  'PERIODIC_FEE',
  'ONE_TIME_FEE',
  'VOICE',
  'SMS',
  'DATA',
  'EVENT',
  'EARLIER',
] as const;

/** A part of an invoice. */
export type SectionKey = (typeof sectionKeys)[number];

/** The part of an invoice in which a line stands. */
export function sectionOf(kind: string, service: string | null, earlier: boolean): SectionKey {
  if (earlier) return 'EARLIER';
  return sectionKeys.find((key) => key === (service ?? kind)) ?? 'EVENT';
}

const english: InvoiceTexts = {
  invoice: 'Invoice',
  draft: 'Draft invoice',
  number: 'Invoice number',
  issuedOn: 'Invoice date',
  dueOn: 'Due date',
  period: 'Billing period',
  contract: 'Contract',
  account: 'Account',
  billTo: 'Invoice to',
  taxNumber: 'Tax number',
  buyerTaxNumber: 'Your tax number',
  description: 'Description',
  count: 'Number',
  quantity: 'Quantity',
  net: 'Net',
  subtotal: 'Subtotal',
  totalNet: 'Total net',
  totalTax: 'Total tax',
  totalGross: 'Total due',
  taxTable: 'Tax',
  taxCode: 'Code',
  taxRate: 'Rate',
  taxBasis: 'Taxable amount',
  tax: 'Tax',
  page: (page, pages) => `Page ${page} of ${pages}`,
  payBy: (dueOn, days, number) =>
    `Please pay by ${dueOn} (${days} days net), quoting invoice number ${number}.`,
  draftNote: 'This is a draft. It has no number yet and is not a claim for payment.',
  taxNotes: { AE: 'Reverse charge: the recipient of the service owes the tax.' },
  sections: {
    PERIODIC_FEE: 'Monthly fees',
    ONE_TIME_FEE: 'One-time fees',
    VOICE: 'Voice calls',
    SMS: 'Messages',
    DATA: 'Data',
    EVENT: 'Events',
    EARLIER: 'Usage of earlier periods',
  },
  units: { MINUTE: 'min', MESSAGE: 'msg', MEGABYTE: 'MB', EVENT: 'ev.' },
  days: (days, monthDays) => `${days} of ${monthDays} days`,
};

const german: InvoiceTexts = {
  invoice: 'Rechnung',
  draft: 'Rechnungsentwurf',
  number: 'Rechnungsnummer',
  issuedOn: 'Rechnungsdatum',
  dueOn: 'Fällig am',
  period: 'Abrechnungszeitraum',
  contract: 'Vertrag',
  account: 'Kundenkonto',
  billTo: 'Rechnungsempfänger',
  taxNumber: 'Steuernummer',
  buyerTaxNumber: 'Ihre Steuernummer',
  description: 'Bezeichnung',
  count: 'Anzahl',
  quantity: 'Menge',
  net: 'Netto',
  subtotal: 'Zwischensumme',
  totalNet: 'Summe netto',
  totalTax: 'Summe Steuer',
  totalGross: 'Rechnungsbetrag',
  taxTable: 'Steuer',
  taxCode: 'Kennzeichen',
  taxRate: 'Satz',
  taxBasis: 'Bemessungsgrundlage',
  tax: 'Steuer',
  page: (page, pages) => `Seite ${page} von ${pages}`,
  payBy: (dueOn, days, number) =>
    `Bitte zahlen Sie bis zum ${dueOn} (${days} Tage netto) unter Angabe der Rechnungsnummer ` +
    `${number}.`,
  draftNote: 'Dies ist ein Entwurf ohne Rechnungsnummer und keine Zahlungsaufforderung.',
  taxNotes: { AE: 'Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).' },
  sections: {
    PERIODIC_FEE: 'Monatliche Entgelte',
    ONE_TIME_FEE: 'Einmalige Entgelte',
    VOICE: 'Verbindungen',
    SMS: 'Nachrichten',
    DATA: 'Datennutzung',
    EVENT: 'Ereignisse',
    EARLIER: 'Nutzung aus früheren Zeiträumen',
  },
  units: { MINUTE: 'Min.', MESSAGE: 'SMS', MEGABYTE: 'MB', EVENT: 'Er.' },
  days: (days, monthDays) => `${days} von ${monthDays} Tagen`,
};

/** The words of a language; languages without a translation get English. */
export function invoiceTexts(language: string): InvoiceTexts {
  return languageOf(language) === 'de' ? german : english;
}

/** A span of days as people write it: both ends included. */
export function formatSpan(span: ClosedDaySpan, language: string): string {
  const first = formatDate(span.fromOn, language);
  const last = formatDate(lastDay(span), language);
  return first === last ? first : `${first} \u2013 ${last}`;
}
