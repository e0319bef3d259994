import { stringify } from 'csv-stringify/sync';
import { guardCell } from '../kernel/index.js';
import { type Column, type ColumnKind, cellsOf } from './table.js';

/** How a file of text is written. */
export interface CsvStyle {
  readonly delimiter: string;
  /** Whether numbers are written 0,05. */
  readonly decimalComma: boolean;
  /** Whether it begins with the mark by which spreadsheets know UTF-8. */
  readonly mark: boolean;
}

const BYTE_ORDER_MARK = '\ufeff';

/** The line of names that a file begins with, below lines of one text each. */
export function csvHead<Row>(
  columns: readonly Column<Row>[],
  { delimiter, mark }: CsvStyle,
  above: readonly string[] = [],
): string {
  const names = columns.map(({ name }) => guardCell(name, delimiter));
  const before = above.map((text) => lines([[guardCell(text, delimiter)]], delimiter)).join('');
  return (mark ? BYTE_ORDER_MARK : '') + before + lines([names], delimiter);
}

/**
 * Rows as lines of a CSV file (RFC 4180: CRLF, cells in quotes where they must be, quotes
 * doubled). Texts are guarded against being taken for formulas; numbers and times stand as they
 * are.
 */
export function csvLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { delimiter, decimalComma }: CsvStyle,
): string {
  const written = (cell: string, kind: ColumnKind | undefined): string => {
    if (kind === 'TEXT') return guardCell(cell, delimiter);
    return kind === 'NUMBER' && decimalComma ? cell.replace('.', ',') : cell;
  };
  const cells = rows.map((row) =>
    cellsOf(columns, row).map((cell, at) =>
      cell === null ? null : written(cell, columns[at]?.kind),
    ),
  );
  return lines(cells, delimiter);
}

function lines(cells: readonly (string | null)[][], delimiter: string): string {
  // A line of one empty cell would be an empty line, which readers pass over.
  const quoted_empty = (cells[0]?.length ?? 0) === 1;
  return stringify(cells as (string | null)[][], {
    delimiter,
    record_delimiter: '\r\n',
    quoted_empty,
    // The library quotes CRLF, but not half of it. A NUL or a blank at an end is kept by every
    // reader only between quotes.
    quoted_match: /^\s|\s$|[\r\n\0]/,
  });
}
