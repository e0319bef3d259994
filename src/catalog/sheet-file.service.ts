import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { bareCell, DomainError } from '../kernel/index.js';
import { lineEndsOf } from './sheet-line-end.js';
import type { SheetEncoding, SheetMapping } from './sheet-mapping.js';
import { type SheetLine, workbookLines } from './sheet-workbook.service.js';

const MAX_ROW_BYTES = 65_536;
/** Packed and unpacked limits of a workbook; a million prices need about a quarter of them. */
const MAX_WORKBOOK_BYTES = 128 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;
const HEAD_BYTES = 4_096;

/** A rate sheet as it came: CSV text or an XLSX workbook, told apart by its first bytes. */
export class SheetFile {
  readonly #source: Readable;
  readonly #hash = createHash('sha256');
  /** Whether its lines are text, once the first of them has been read. */
  isText = false;

  constructor(source: Readable) {
    this.#source = source;
  }

  /**
   * Its lines that are not empty, each with its number in the file. Refuses with SHEET_UNREADABLE,
   * SHEET_TOO_LARGE, SHEET_ENCODING_REFUSED, SHEET_FORMAT_REFUSED or SHEET_WORKSHEET_MISSING.
   */
  async *lines(mapping: SheetMapping): AsyncGenerator<SheetLine> {
    const bytes = this.#bytes();
    const head = await readHead(bytes, HEAD_BYTES);
    if (isOldWorkbook(head)) {
      throw new DomainError('SHEET_FORMAT_REFUSED', 'Save the old workbook as XLSX or CSV.');
    }
    const all = joined(head, bytes);
    if (head.subarray(0, 4).equals(ZIP)) {
      const limits = { unpackedBytes: MAX_UNPACKED_BYTES, rowBytes: MAX_ROW_BYTES };
      yield* workbookLines(await gathered(all), mapping.worksheet, limits);
    } else {
      this.isText = true;
      yield* textLines(decoded(all, charsetOf(head, mapping.encoding)), mapping.delimiter);
    }
  }

  /** SHA-256 of the bytes, in hexadecimal, once all lines have been read. */
  contentHash(): string {
    return this.#hash.digest('hex');
  }

  async *#bytes(): AsyncGenerator<Buffer> {
    for await (const chunk of this.#source as AsyncIterable<Buffer>) {
      this.#hash.update(chunk);
      yield chunk;
    }
  }
}

const ZIP = Buffer.from([0x50, 0x4b, 0x03, 0x04]);
const OLD_WORKBOOK = Buffer.from([0xd0, 0xcf, 0x11, 0xe0]);

function isOldWorkbook(head: Buffer): boolean {
  return head.subarray(0, 4).equals(OLD_WORKBOOK);
}

async function readHead(bytes: AsyncGenerator<Buffer>, length: number): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < length) {
    const next = await bytes.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

async function gathered(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > MAX_WORKBOOK_BYTES) {
      throw new DomainError('SHEET_TOO_LARGE', 'The workbook is larger than one import takes.');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The name of an encoding for TextDecoder. */
function charsetOf(head: Buffer, encoding: SheetEncoding): string {
  if (encoding !== 'AUTO') return encoding.replaceAll('_', '-').toLowerCase();
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  // Without a mark, text of our trade shows itself: in UTF-16 every other byte is zero.
  const zeros = [0, 0];
  head.forEach((byte, at) => {
    if (byte === 0) zeros[at % 2] = (zeros[at % 2] as number) + 1;
  });
  const [even, odd] = zeros as [number, number];
  if (odd > head.length / 4 && even < head.length / 16) return 'utf-16le';
  if (even > head.length / 4 && odd < head.length / 16) return 'utf-16be';
  return 'utf-8';
}

/** The same text in UTF-8, which the reader of text takes. */
async function* decoded(bytes: AsyncIterable<Buffer>, charset: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true });
  const decode = (chunk?: Buffer) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw new DomainError('SHEET_ENCODING_REFUSED', `The sheet is not text in ${charset}.`, {
        encoding: charset,
      });
    }
  };
  for await (const chunk of bytes) {
    const text = decode(chunk);
    yield charset === 'utf-8' ? chunk : Buffer.from(text, 'utf8');
  }
  yield Buffer.from(decode(), 'utf8');
}

const NONE: readonly number[] = [];

interface CsvRecord {
  readonly record: string[];
  readonly raw: string;
  readonly info: { readonly lines: number };
}

async function* textLines(
  bytes: AsyncGenerator<Buffer>,
  delimiter: string,
): AsyncGenerator<SheetLine> {
  let lastLine = 0;
  const head = await readHead(bytes, MAX_ROW_BYTES);
  const lineEnds = lineEndsOf(head.toString('utf8'));
  const parser = csvParser(delimiter, lineEnds, (line) => {
    lastLine = line;
  });
  // What goes wrong before the parser also ends the parser, where the loop sees it.
  pipeline(joined(head, bytes), parser).catch(() => undefined);
  try {
    for await (const { record, raw, info } of parser as AsyncIterable<CsvRecord>) {
      // Other programs guard texts against being taken for formulas as our own exports do.
      const cells = record.map((cell) => bareCell(cell, delimiter));
      yield { line: info.lines, text: raw, cells, numeric: NONE };
    }
  } catch (error) {
    if (!isCsvError(error)) throw error;
    const details = { line: lastLine + 1 };
    throw new DomainError('SHEET_UNREADABLE', 'A row of the sheet does not end.', details);
  }
}

// A quote in the wrong place stays in its field, which then has an error of its own; a quote that
// is never closed would swallow all rows behind it, so it refuses the sheet.
function csvParser(delimiter: string, lineEnds: string[], sawLine: (line: number) => void) {
  return parse({
    delimiter,
    record_delimiter: lineEnds,
    bom: true,
    raw: true,
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
    on_record: (record, context) => {
      sawLine(context.lines);
      return record;
    },
  });
}

function isCsvError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}
