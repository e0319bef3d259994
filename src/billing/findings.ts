import type { DocumentFrame } from './document.js';
import { type InvoiceFigures, isCountable, type TaxTerms } from './invoice-lines.js';

/** Something that a person should look at before an invoice is finalised. */
export interface BillFinding {
  readonly code: BillFindingCode;
  readonly message: string;
  readonly contractId: number | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a bill run may find, with the sentence that explains it. */
export const billFindingTexts = {
  ZERO_PRICED_USAGE: 'Usage that was charged for costs nothing.',
  EARLIER_USAGE: 'Usage of earlier periods came too late for its own invoice and is billed here.',
  OPEN_RECORDS: 'Records of the period are held or rejected and so not billed yet.',
  TAX_RATE_MISSING: 'The contract charges standard tax at zero percent.',
  SELLER_TAX_NUMBER_MISSING: 'The invoice shows no tax number of the seller.',
  ADDRESS_MISSING: 'The invoice shows no address of the seller or of the buyer.',
  NEGATIVE_TOTAL: 'The invoice comes to less than nothing.',
  CREDIT_CARRIED_OVER: 'Usage would bring the invoice below zero and waits for the next one.',
  INVOICE_TOO_LARGE:
    'An amount has more than 16 digits before the point (mend the price), or a quantity more ' +
    'than 64 bits, so no invoice was made.',
} as const;

export type BillFindingCode = keyof typeof billFindingTexts;

/** What is worth a look in one invoice. */
export function invoiceFindings(
  contractId: number,
  figures: InvoiceFigures,
  frame: DocumentFrame,
  terms: TaxTerms,
): BillFinding[] {
  const found: BillFinding[] = [];
  const add = (code: BillFindingCode, details: Record<string, unknown>) =>
    found.push({ code, message: billFindingTexts[code], contractId, details });
  const free = figures.lines.filter(
    (line) => line.kind === 'USAGE' && line.basis === 0n && line.billedQuantity > 0n,
  );
  if (free.length > 0) {
    const records = free.reduce((sum, line) => sum + line.records, 0n).toString();
    add('ZERO_PRICED_USAGE', { records, destinations: named(free) });
  }
  const late = figures.lines.filter((line) => line.earlier);
  if (late.length > 0) {
    add('EARLIER_USAGE', { records: late.reduce((sum, l) => sum + l.records, 0n).toString() });
  }
  if (terms.taxCode === 'S' && terms.taxPercent === '0') add('TAX_RATE_MISSING', {});
  if (frame.seller.taxNumber === null) add('SELLER_TAX_NUMBER_MISSING', {});
  for (const side of ['seller', 'buyer'] as const) {
    if (frame[side].address.length === 0) add('ADDRESS_MISSING', { side });
  }
  if (figures.gross < 0n) add('NEGATIVE_TOTAL', {});
  return found;
}

/** Says that usage which would make an invoice negative was left for the next one. */
export function creditCarriedOver(
  contractId: number,
  currency: string,
  amount: string,
): BillFinding {
  const code = 'CREDIT_CARRIED_OVER';
  return { code, message: billFindingTexts[code], contractId, details: { currency, amount } };
}

/** Says that no invoice was made, with the lines that come to most. */
export function invoiceTooLarge(
  contractId: number,
  currency: string,
  { lines }: InvoiceFigures,
): BillFinding {
  const code = 'INVOICE_TOO_LARGE';
  const size = ({ basis }: { basis: bigint }) => (basis < 0n ? -basis : basis);
  const largest = [...lines].sort((a, b) => (size(a) < size(b) ? 1 : -1));
  const uncounted = largest.filter((line) => !isCountable(line));
  const details = { currency, lines: named([...new Set([...uncounted, ...largest])]) };
  return { code, message: billFindingTexts[code], contractId, details };
}

const NAMED = 10;

/** A few descriptions, enough to know where to look. */
function named(lines: readonly { description: string }[]): string[] {
  return lines.slice(0, NAMED).map((line) => line.description);
}
