import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseAmount } from '../kernel/index.js';
import type { DocumentParty, InvoiceDocument } from './document.js';
import { type TableRow, tableRows } from './invoice-table.js';
import { formatSpan, type InvoiceTexts, invoiceTexts } from './invoice-text.js';
import { formatDate, formatExact, formatMinor } from './number-format.js';
import { shorten, wrapText } from './wrap-text.js';

const LEFT = 56;
const RIGHT = 539;
const WIDTH = RIGHT - LEFT;
const TOP = 56;
/** Nothing but the footer stands below this line. */
const BOTTOM = 762;
const INK = '#1b1f24';
const FAINT = '#66707c';
const RULE = '#c5ccd4';
const SHADE = '#f1f4f7';

/** Left edge and width of the table's columns; all but the first are right-aligned. */
const COLUMNS = {
  description: [LEFT, 250],
  count: [LEFT + 256, 54],
  quantity: [LEFT + 314, 88],
  net: [LEFT + 406, WIDTH - 406],
} as const;

interface Style {
  readonly bold?: boolean;
  readonly size?: number;
  readonly colour?: string;
}

const SMALL: Style = { size: 7.5, colour: FAINT };
const LABEL: Style = { size: 8, colour: FAINT };

let fonts: { regular: Buffer; bold: Buffer } | undefined;

/** The embedded fonts cover Latin, Greek and Cyrillic, so most names print as they are spelt. */
function loadFonts(): { regular: Buffer; bold: Buffer } {
  const { resolve } = createRequire(import.meta.url);
  const load = (name: string) => readFileSync(resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`));
  fonts ??= { regular: load('DejaVuSansCondensed'), bold: load('DejaVuSansCondensed-Bold') };
  return fonts;
}

/**
 * An invoice as PDF, A4. The bytes depend on the document alone: no clock, no randomness, so the
 * same invoice gives the same bytes at any time and on any machine.
 */
export async function renderInvoicePdf(document: InvoiceDocument): Promise<Buffer> {
  const texts = invoiceTexts(document.language);
  // Takes 0.16 s to load, and most processes write no invoice.
  const { default: PDFDocument } = await import('pdfkit');
  const pdf = new PDFDocument({
    size: 'A4',
    margin: 0,
    bufferPages: true,
    lang: document.language,
    displayTitle: true,
    info: {
      Title: `${title(document, texts)} ${document.number ?? ''}`.trim(),
      Author: document.seller.name,
      Creator: 'Kontor',
      CreationDate: new Date(`${document.issuedOn ?? document.periodToOn}T00:00:00Z`),
    },
  });
  const bytes = collect(pdf);
  const { regular, bold } = loadFonts();
  pdf.registerFont('regular', regular);
  pdf.registerFont('bold', bold);
  const sheet = new Sheet(pdf);
  drawHead(sheet, document, texts);
  drawTable(sheet, document, texts);
  drawTotals(sheet, document, texts);
  drawClosing(sheet, document, texts);
  drawFooters(sheet, pdf, document, texts);
  pdf.end();
  return bytes;
}

function collect(pdf: PDFKit.PDFDocument): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    pdf.on('data', (chunk: Buffer) => chunks.push(chunk));
    pdf.on('end', () => resolve(Buffer.concat(chunks)));
    pdf.on('error', reject);
  });
}

/** A place on the page, going down; text is only ever set line by line at known places. */
class Sheet {
  y = TOP;

  constructor(readonly pdf: PDFKit.PDFDocument) {}

  #use(style: Style): void {
    this.pdf
      .font(style.bold === true ? 'bold' : 'regular')
      .fontSize(style.size ?? 9)
      .fillColor(style.colour ?? INK);
  }

  #put(text: string, x: number, y: number): void {
    this.pdf.text(text, x, y, { lineBreak: false });
  }

  text(text: string, x: number, y: number, width: number, style: Style = {}): void {
    this.#use(style);
    this.#put(
      shorten(text, width, (part) => this.pdf.widthOfString(part)),
      x,
      y,
    );
  }

  right(text: string, x: number, y: number, width: number, style: Style = {}): void {
    this.#use(style);
    // A number is never cut short: one too wide for its column is set smaller.
    const natural = this.pdf.widthOfString(text);
    if (natural > width) this.pdf.fontSize(((style.size ?? 9) * width) / natural);
    this.#put(text, x + width - this.pdf.widthOfString(text), y);
  }

  wrapped(text: string, width: number, most: number, style: Style = {}): string[] {
    this.#use(style);
    return wrapText(text, width, most, (part) => this.pdf.widthOfString(part));
  }

  /** Lines of a text below each other from `y` on; answers where the next one would stand. */
  block(lines: readonly string[], x: number, y: number, width: number, style: Style = {}): number {
    const step = (style.size ?? 9) * 1.4;
    for (const [place, line] of lines.entries()) this.text(line, x, y + place * step, width, style);
    return y + lines.length * step;
  }

  rule(y: number, from: number = LEFT, to: number = RIGHT, colour: string = RULE): void {
    this.pdf.moveTo(from, y).lineTo(to, y).lineWidth(0.6).strokeColor(colour).stroke();
  }

  shade(y: number, height: number): void {
    this.pdf.rect(LEFT - 4, y, WIDTH + 8, height).fill(SHADE);
  }
}

function title(document: InvoiceDocument, texts: InvoiceTexts): string {
  return document.number === null ? texts.draft : texts.invoice;
}

function drawHead(sheet: Sheet, document: InvoiceDocument, texts: InvoiceTexts): void {
  const { seller, buyer } = document;
  const names = sheet.wrapped(seller.name, WIDTH, 2, { bold: true, size: 15 });
  let y = sheet.block(names, LEFT, TOP - 12, WIDTH, { bold: true, size: 15 });
  y = sheet.block(addressLines(sheet, seller, WIDTH), LEFT, y + 1, WIDTH, SMALL);
  sheet.rule(y + 6);
  const top = Math.max(y + 26, 128);
  sheet.text(texts.billTo, LEFT, top, 240, LABEL);
  const name = sheet.wrapped(buyer.name, 240, 3, { bold: true, size: 10 });
  const below = sheet.block(name, LEFT, top + 14, 240, { bold: true, size: 10 });
  const address = partyLines(buyer).flatMap((line) => sheet.wrapped(line, 240, 2));
  const buyerEnd = sheet.block(address.slice(0, 10), LEFT, below + 2, 240);
  const factsEnd = drawFacts(sheet, document, texts, top);
  const start = Math.max(buyerEnd, factsEnd) + 22;
  sheet.text(title(document, texts), LEFT, start, WIDTH, { bold: true, size: 17 });
  sheet.y = start + 32;
}

function addressLines(sheet: Sheet, party: DocumentParty, width: number): string[] {
  return sheet.wrapped(partyLines(party).join('  \u00b7  '), width, 2, SMALL);
}

function partyLines(party: DocumentParty): string[] {
  return [...party.address, party.country].filter((line) => line !== '');
}

/** Labels and values at the right of the address. */
function drawFacts(
  sheet: Sheet,
  document: InvoiceDocument,
  texts: InvoiceTexts,
  top: number,
): number {
  const { language, issuedOn, dueOn } = document;
  const date = (day: string | null) => (day === null ? '\u2014' : formatDate(day, language));
  const span = { fromOn: document.periodFromOn, toOn: document.periodToOn };
  const facts: [string, string][] = [
    [texts.number, document.number ?? '\u2014'],
    [texts.issuedOn, date(issuedOn)],
    [texts.dueOn, date(dueOn)],
    [texts.period, formatSpan(span, language)],
    [texts.contract, document.contract.number],
    [texts.account, document.account.number],
  ];
  if (document.buyer.taxNumber !== null)
    facts.push([texts.buyerTaxNumber, document.buyer.taxNumber]);
  const [labelX, valueX] = [LEFT + 266, LEFT + 356];
  let y = top;
  for (const [label, value] of facts) {
    sheet.text(label, labelX, y + 0.7, 88, LABEL);
    const bold = label === texts.number;
    const lines = sheet.wrapped(value, RIGHT - valueX, 2, { bold });
    y = sheet.block(lines, valueX, y, RIGHT - valueX, { bold }) + 2;
  }
  return y;
}

function drawTableHead(sheet: Sheet, texts: InvoiceTexts): void {
  const style: Style = { bold: true, size: 8 };
  const y = sheet.y;
  sheet.text(texts.description, COLUMNS.description[0], y, COLUMNS.description[1], style);
  sheet.right(texts.count, COLUMNS.count[0], y, COLUMNS.count[1], style);
  sheet.right(texts.quantity, COLUMNS.quantity[0], y, COLUMNS.quantity[1], style);
  sheet.rule(y + 14, LEFT, RIGHT, INK);
  sheet.y = y + 18;
}

function newPage(sheet: Sheet, document: InvoiceDocument, texts: InvoiceTexts): void {
  sheet.pdf.addPage();
  const name = `${title(document, texts)} ${document.number ?? ''}`.trim();
  sheet.text(`${name}  \u00b7  ${document.buyer.name}`, LEFT, TOP - 18, WIDTH, SMALL);
  sheet.rule(TOP - 4);
  sheet.y = TOP + 8;
}

function drawTable(sheet: Sheet, document: InvoiceDocument, texts: InvoiceTexts): void {
  const rows = tableRows(document);
  const head = () => {
    const { y } = sheet;
    const net = `${texts.net} ${document.currency}`;
    sheet.right(net, COLUMNS.net[0], y, COLUMNS.net[1], { bold: true, size: 8 });
    drawTableHead(sheet, texts);
  };
  head();
  for (const [place, row] of rows.entries()) {
    const description = rowText(sheet, row);
    const height = rowHeight(row, description.length);
    // A heading stays with its first line, and a last line with its subtotal.
    const next = rows[place + 1];
    const companion =
      next !== undefined && (row.style === 'SECTION' || next.style === 'SUBTOTAL')
        ? rowHeight(next, rowText(sheet, next).length)
        : 0;
    if (sheet.y + height + companion > BOTTOM) {
      newPage(sheet, document, texts);
      head();
    }
    drawRow(sheet, row, description);
    sheet.y += height;
  }
}

function rowText(sheet: Sheet, row: TableRow): string[] {
  const width = row.style === 'LINE' ? COLUMNS.description[1] : COLUMNS.net[0] - LEFT - 8;
  return sheet.wrapped(row.description, width, 2, rowStyle(row));
}

function rowStyle(row: TableRow): Style {
  return row.style === 'LINE' ? { size: 8.5 } : { bold: true, size: 8.5 };
}

function rowHeight(row: TableRow, lines: number): number {
  const text = lines * 8.5 * 1.4;
  return text + { SECTION: 13, LINE: 3, SUBTOTAL: 5 }[row.style];
}

function drawRow(sheet: Sheet, row: TableRow, description: readonly string[]): void {
  const style = rowStyle(row);
  const y = sheet.y + (row.style === 'SECTION' ? 9 : 2);
  if (row.style === 'SUBTOTAL') sheet.rule(sheet.y, COLUMNS.net[0], RIGHT);
  const width = row.style === 'LINE' ? COLUMNS.description[1] : COLUMNS.net[0] - LEFT - 8;
  sheet.block(description, LEFT, y, width, style);
  for (const column of ['count', 'quantity', 'net'] as const) {
    sheet.right(row[column], COLUMNS[column][0], y, COLUMNS[column][1], style);
  }
}

function drawTotals(sheet: Sheet, document: InvoiceDocument, texts: InvoiceTexts): void {
  const { currency, language, totals, taxes } = document;
  const amount = (text: string) => formatMinor(parseAmount(text), currency, language);
  const height = 34 + taxes.length * 13 + 78;
  if (sheet.y + height > BOTTOM) newPage(sheet, document, texts);
  let y = sheet.y + 16;
  const columns = [
    [texts.taxCode, LEFT, 60],
    [texts.taxRate, LEFT + 64, 50],
    [texts.taxBasis, LEFT + 118, 110],
    [texts.tax, LEFT + 232, 90],
  ] as const;
  for (const [label, x, width] of columns) {
    const put = x === LEFT ? sheet.text : sheet.right;
    put.call(sheet, label, x, y, width, { bold: true, size: 8 });
  }
  sheet.rule(y + 13, LEFT, LEFT + 322);
  for (const row of taxes) {
    y += 17 - (row === taxes[0] ? 0 : 4);
    const percent = `${formatExact(parseAmount(row.taxPercent), 0, language)} %`;
    sheet.text(row.taxCode, LEFT, y, 60, { size: 8.5 });
    sheet.right(percent, LEFT + 64, y, 50, { size: 8.5 });
    sheet.right(amount(row.basis), LEFT + 118, y, 110, { size: 8.5 });
    sheet.right(amount(row.tax), LEFT + 232, y, 90, { size: 8.5 });
  }
  y += 30;
  for (const [label, value] of [
    [texts.totalNet, totals.net],
    [texts.totalTax, totals.tax],
  ] as const) {
    sheet.right(label, LEFT + 200, y, 190);
    sheet.right(`${amount(value)} ${currency}`, LEFT + 394, y, WIDTH - 394);
    y += 15;
  }
  sheet.shade(y, 22);
  sheet.right(texts.totalGross, LEFT + 150, y + 5, 240, { bold: true, size: 10.5 });
  sheet.right(`${amount(totals.gross)} ${currency}`, LEFT + 394, y + 5, WIDTH - 394, {
    bold: true,
    size: 10.5,
  });
  sheet.y = y + 36;
}

function drawClosing(sheet: Sheet, document: InvoiceDocument, texts: InvoiceTexts): void {
  const { number, dueOn, language, paymentTermsDays } = document;
  const notes = [
    number === null || dueOn === null
      ? texts.draftNote
      : texts.payBy(formatDate(dueOn, language), paymentTermsDays, number),
    ...document.taxes.flatMap((row) => texts.taxNotes[row.taxCode] ?? []),
  ];
  for (const note of new Set(notes)) {
    const lines = sheet.wrapped(note, WIDTH, 3);
    if (sheet.y + lines.length * 13 > BOTTOM) newPage(sheet, document, texts);
    sheet.y = sheet.block(lines, LEFT, sheet.y, WIDTH) + 4;
  }
}

/** Page numbers need the count of pages, so the footers come last, on pages kept until then. */
function drawFooters(
  sheet: Sheet,
  pdf: PDFKit.PDFDocument,
  document: InvoiceDocument,
  texts: InvoiceTexts,
): void {
  const { start, count } = pdf.bufferedPageRange();
  const { seller } = document;
  const sender = [
    seller.name,
    seller.taxNumber === null ? null : `${texts.taxNumber} ${seller.taxNumber}`,
    seller.email,
  ].filter((part) => part !== null);
  for (let page = 0; page < count; page += 1) {
    pdf.switchToPage(start + page);
    sheet.rule(BOTTOM + 18);
    sheet.text(sender.join('  \u00b7  '), LEFT, BOTTOM + 25, WIDTH - 100, SMALL);
    sheet.right(texts.page(page + 1, count), RIGHT - 90, BOTTOM + 25, 90, SMALL);
  }
}
