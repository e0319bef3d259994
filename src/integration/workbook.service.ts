import writeWorkbook, { type Row, type SheetData } from 'write-excel-file/node';
import { type Column, type ColumnKind, cellsOf } from './table.js';

/** A spreadsheet keeps a number's first 15 digits. */
const EXACT_DIGITS = 15;
const SHEET_NAME = /^(?!')[^[\]/\\:*?]{1,31}(?<!')$/;

/** Whether a worksheet can have this name. */
export function isSheetName(name: string): boolean {
  return SHEET_NAME.test(name) && name.trim() !== '';
}

/**
 * A worksheet of a workbook (XLSX). Every text is a string cell, which no spreadsheet works out;
 * numbers are number cells as long as all of their digits survive, else text with every digit.
 */
export class Worksheet<Source> {
  readonly #columns: readonly Column<Source>[];
  readonly #data: SheetData;

  /** `above` are lines of one text above the line of names. */
  constructor(columns: readonly Column<Source>[], above: readonly string[]) {
    this.#columns = columns;
    const names = columns.map(({ name }) => textCell(name));
    this.#data = [...above.map((text) => [textCell(text)]), names];
  }

  add(rows: readonly Source[]): void {
    for (const row of rows) this.#data.push(this.#row(row));
  }

  #row(row: Source): Row {
    return cellsOf(this.#columns, row).map((text, at) =>
      text === null ? null : cellOf(text, this.#columns[at]?.kind ?? 'TEXT'),
    );
  }

  /** The bytes of a workbook with this one worksheet. */
  async bytes(name: string): Promise<Uint8Array> {
    return writeWorkbook(this.#data, { sheet: name }).toBuffer();
  }
}

function cellOf(text: string, kind: ColumnKind) {
  if (kind === 'NUMBER' && isExact(text)) return { type: Number, value: Number(text) };
  return textCell(text);
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
