import { DomainError } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import { type CsvStyle, csvHead, csvLines } from './csv.js';
import type { ExportParameters } from './export-parameters.js';
import type { Column } from './table.js';
import { isSheetName } from './workbook.js';
import { Workbook } from './workbook.service.js';

/** A piece of a file, and how many rows it holds. */
export interface FilePiece {
  readonly bytes: string | Uint8Array;
  readonly rows: number;
}

/** A file that may be written: what it is called, what the audit says of it, and its bytes. */
export interface ExportFile {
  readonly operation: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly name: string;
  readonly type: string;
  /** Complete once the first piece has been found. */
  readonly headers?: Readonly<Record<string, string>>;
  pieces(tx: Tx): AsyncIterable<FilePiece>;
}

/** What is told of a file wherever it is told. */
interface Told {
  readonly operation: string;
  /** Without its ending; letters, digits and hyphens. */
  readonly name: string;
  readonly given: ExportParameters;
  /** What it is about, beside the parameters. */
  readonly subject?: Readonly<Record<string, string>>;
}

/** Turns pieces of a text into bytes. */
export type Encode = (text: string) => string | Uint8Array;

interface Content<Row> {
  readonly rows: (tx: Tx) => AsyncIterable<readonly Row[]>;
  /** Lines above the line of names. */
  readonly above?: readonly string[];
}

/** Rows as a CSV file, written while they are read. */
export function csvFile<Row>(
  told: Told,
  columns: readonly Column<Row>[],
  style: CsvStyle,
  content: Content<Row> & { readonly encode?: Encode },
): ExportFile {
  const { rows: portions, above, encode = (text: string) => text } = content;
  return {
    ...toldOf(told, columns, 'csv'),
    type: 'text/csv; charset=utf-8',
    pieces: async function* (tx) {
      // With the names come the first rows: until they are found nothing has been handed out.
      let head = csvHead(columns, style, above);
      for await (const rows of portions(tx)) {
        if (rows.length === 0) continue;
        yield { bytes: encode(head + csvLines(columns, rows, style)), rows: rows.length };
        head = '';
      }
      if (head !== '') yield { bytes: encode(head), rows: 0 };
    },
  };
}

/** How text of a sheet in an encoding becomes bytes. Refuses with EXPORT_REFUSED one of old. */
export function encoderOf(encoding: string): Encode {
  if (encoding === 'AUTO') return (text) => text;
  if (encoding === 'UTF_16LE') return (text) => Buffer.from(text, 'utf16le');
  if (encoding === 'UTF_16BE') return (text) => Buffer.from(text, 'utf16le').swap16();
  throw new DomainError(
    'EXPORT_REFUSED',
    'The encoding of the mapping has no sign for every character; ask for XLSX, or mapping=usual.',
    { parameter: 'mapping' },
  );
}

/** A workbook is put together in memory, so it ends somewhere. */
const MAX_WORKBOOK_ROWS = 50_000;
const WORKBOOK = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

/** Rows as a workbook with one worksheet. */
export function workbookFile<Row>(
  told: Told,
  columns: readonly Column<Row>[],
  content: Content<Row> & { readonly worksheet: string | null; readonly decimalComma?: boolean },
): ExportFile {
  const worksheet = content.worksheet ?? 'Rates';
  if (!isSheetName(worksheet)) {
    throw new DomainError('EXPORT_REFUSED', 'No worksheet can be called as the mapping says.', {
      parameter: 'mapping',
    });
  }
  return {
    ...toldOf(told, columns, 'xlsx'),
    type: WORKBOOK,
    pieces: async function* (tx) {
      let piece: FilePiece;
      const book = new Workbook(worksheet, columns, content.above ?? [], content.decimalComma);
      try {
        let count = 0;
        for await (const rows of content.rows(tx)) {
          count += rows.length;
          if (count > MAX_WORKBOOK_ROWS) {
            throw new DomainError('EXPORT_TOO_LARGE', 'Ask for CSV; a workbook has fewer rows.', {
              rows: MAX_WORKBOOK_ROWS,
            });
          }
          book.add(rows);
        }
        piece = { bytes: await book.bytes(), rows: count };
      } finally {
        await book.close();
      }
      yield piece;
    },
  };
}

function toldOf<Row>(
  { operation, name, given, subject }: Told,
  columns: readonly Column<Row>[],
  ending: string,
) {
  const names = columns.map((column) => column.name);
  const told = { ...given.shown(), ...subject, columns: names };
  return { operation, name: `${name}.${ending}`, arguments: told };
}
