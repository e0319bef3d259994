import type { Row, SheetData } from 'write-excel-file/node';
import type { ColumnKind } from './table.js';

/** A spreadsheet keeps a number's first 15 digits. */
const EXACT_DIGITS = 15;
const SHEET_NAME = /^(?!')[^[\]/\\:*?]{1,31}(?<!')$/;

/** Whether a worksheet can have this name. */
export function isSheetName(name: string): boolean {
  return SHEET_NAME.test(name) && name.trim() !== '';
}

/** What a worksheet begins with: lines of one text each, then the names of its columns. */
export interface WorksheetHead {
  readonly sheet: string;
  readonly above: readonly string[];
  readonly columns: readonly { readonly name: string; readonly kind: ColumnKind }[];
  /** Whether a number that must be text is written 0,05. */
  readonly decimalComma: boolean;
}

/** The lines that a worksheet begins with. */
export function headRows({ above, columns }: WorksheetHead): SheetData {
  const names = columns.map(({ name }) => textCell(name));
  return [...above.map((text) => [textCell(text)]), names];
}

/**
 * A row of a worksheet. Every text is a string cell, which no spreadsheet works out; numbers are
 * number cells as long as all of their digits survive, else text with every digit.
 */
export function cellRow(head: WorksheetHead, cells: readonly (string | null)[]): Row {
  return cells.map((text, at) => {
    if (text === null) return null;
    if (head.columns[at]?.kind !== 'NUMBER') return textCell(text);
    if (isExact(text)) return { type: Number, value: Number(text) };
    return textCell(head.decimalComma ? text.replace('.', ',') : text);
  });
}

function textCell(text: string) {
  return { type: String, value: escaped(text) };
}

function isExact(text: string): boolean {
  const digits = text.replace(/[-.]/g, '').replace(/^0+/, '');
  return digits.length <= EXACT_DIGITS;
}

// What XML cannot hold, or would change, is written as the format has it: _x000D_. Text that
// looks like that already has its underscore written so.
function escaped(text: string): string {
  let whole = '';
  for (const sign of text.replace(/_(?=x[0-9A-Fa-f]{4}_)/g, '_x005F_')) {
    whole += isHeld(sign) ? sign : `_x${hexOf(sign)}_`;
  }
  return whole;
}

function isHeld(sign: string): boolean {
  const code = sign.charCodeAt(0);
  return (code >= 0x20 && code < 0xfffe) || sign === '\t' || sign === '\n';
}

function hexOf(sign: string): string {
  return sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
}
