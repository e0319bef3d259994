import { AMOUNT_SCALE, grouped, minorUnits, parseAmount } from '../kernel/index.js';
import type { DocumentLine, InvoiceDocument } from './document.js';
import { invoiceTexts } from './invoice-text.js';
import { formatCount, formatMinor, formatQuantity, quantityUnit } from './number-format.js';

/** One printed row of an invoice's table. */
export interface TableRow {
  readonly style: 'SECTION' | 'LINE' | 'SUBTOTAL';
  readonly description: string;
  readonly count: string;
  readonly quantity: string;
  readonly net: string;
}

/** The printed rows: each section with its lines, and a subtotal where there is more than one. */
export function tableRows(document: InvoiceDocument): TableRow[] {
  const { language, currency } = document;
  const texts = invoiceTexts(language);
  const bySection = grouped(document.lines, (line) => line.section);
  return [...bySection].flatMap(([section, lines]): TableRow[] => {
    const net = lines.reduce((sum, line) => sum + parseAmount(line.net), 0n);
    const empty = { count: '', quantity: '', net: '' };
    const subtotal: TableRow = {
      style: 'SUBTOTAL',
      description: `${texts.subtotal} ${texts.sections[section]}`,
      ...empty,
      net: formatMinor(net, currency, language),
    };
    return [
      { style: 'SECTION', description: texts.sections[section], ...empty },
      ...lines.map((line) => lineRow(line, currency, language)),
      ...(lines.length === 1 ? [] : [subtotal]),
    ];
  });
}

function lineRow(line: DocumentLine, currency: string, language: string): TableRow {
  return {
    style: 'LINE',
    description: line.description,
    count: formatCount(BigInt(line.records), language),
    quantity: quantityText(line, currency, language),
    net: formatMinor(parseAmount(line.net), currency, language),
  };
}

/** What was charged in the service's unit; of a fee, its price when that is a plain one. */
function quantityText(line: DocumentLine, currency: string, language: string): string {
  if (line.service !== null) {
    const unit = invoiceTexts(language).units[quantityUnit(line.service)];
    return `${formatQuantity(BigInt(line.billedQuantity), line.service, language)} ${unit}`;
  }
  const basis = parseAmount(line.basis);
  const records = BigInt(line.records);
  const minorUnit = 10n ** BigInt(AMOUNT_SCALE - minorUnits(currency));
  if (records === 0n || basis % (records * minorUnit) !== 0n) return '';
  return `\u00d7 ${formatMinor(basis / records, currency, language)}`;
}
