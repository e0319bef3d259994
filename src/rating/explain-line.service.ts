import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { columnOf, RecordBatch, RecordParser, rawText, suspendedLine } from '../mediation/index.js';
import { type Database, type RequestContext, SYSTEM_SCOPE } from '../platform/index.js';
import type { XdrRawField, XdrReading } from './explain.entity.js';
import {
  type BatchFacts,
  batchFacts,
  recycledLines,
  type SeenFile,
  seenFile,
  trunkNames,
} from './explain.store.js';
import { fieldsOf, readNumber, startColumn } from './explain-number.js';
import { LineRange } from './line-range.store.js';
import type { Xdr } from './xdr.entity.js';
import { batchOfXdr } from './xdr-row.js';

/** A line with its place. */
interface FoundLine {
  readonly raw: Buffer;
  readonly byteOffset: string;
  readonly batchLine: number;
}

type Trunks = readonly (readonly [string, number])[];

/** Finds the line that a record was read from, and shows how it was read. */
export class LineReader {
  readonly #database: Database;
  readonly #filesDir: string;

  constructor(database: Database, filesDir: string) {
    this.#database = database;
    this.#filesDir = filesDir;
  }

  /** The reading of a record that the viewer sees; its line only when he sees the file. */
  async read(context: RequestContext, xdr: Xdr): Promise<XdrReading> {
    const batchId = batchOfXdr(xdr.id);
    const { batch, trunks } = await this.#database.readAside(SYSTEM_SCOPE, async (aside) => ({
      batch: await batchFacts(aside, batchId),
      trunks: await trunkNames(aside),
    }));
    const tx = await context.read();
    const file = batch === null ? null : await seenFile(tx, batch.fileId);
    if (batch === null || file === null) return { ...UNREAD, state: 'NOT_VISIBLE' };
    const recycled = batch.from === null;
    const path = join(this.#filesDir, file.storedAs);
    if (!recycled && !existsSync(path)) return { ...UNREAD, state: 'FILE_GONE' };
    const finder = new LineFinder(file, trunks, xdr);
    const line = recycled
      ? finder.among(await recycledLines(tx, batchId))
      : await finder.inFile(path, batch);
    if (line === null) return { ...UNREAD, state: 'LINE_NOT_FOUND', recycled };
    return { ...readingOf(line, file), recycled };
  }
}

const UNREAD: XdrReading = {
  state: 'SHOWN',
  byteOffset: null,
  batchLine: null,
  raw: null,
  recycled: false,
  timeZone: null,
  fields: [],
  aNumber: null,
  bNumber: null,
};

/** Tells the line of a record by everything that the parser makes of it. */
class LineFinder {
  readonly #parser: RecordParser;
  readonly #records = new RecordBatch();
  readonly #xdr: Xdr;

  constructor(file: SeenFile, trunks: Trunks, xdr: Xdr) {
    const { timeZone, defaultInTrunkId, defaultOutTrunkId } = file;
    const facts = { timeZone, trunks, defaultInTrunkId, defaultOutTrunkId };
    this.#parser = new RecordParser(file.definition, facts);
    this.#xdr = xdr;
  }

  among(lines: readonly FoundLine[]): FoundLine | null {
    for (const line of lines) {
      const bytes = suspendedLine(line.raw);
      this.#parser.parse(bytes, 0, bytes.length, true, this.#records);
      if (this.#records.count === 1 && this.#fits(0)) return line;
    }
    return null;
  }

  /** Reads the batch's part of the file, letting others have a turn between two blocks. */
  async inFile(path: string, batch: BatchFacts): Promise<FoundLine | null> {
    const range = new LineRange(path);
    const from = Number(batch.from);
    this.#records.lines = 0;
    const header = this.#parser.header(this.#records);
    let found: FoundLine | null = null;
    const reader = (bytes: Buffer, begin: number, to: number, final: boolean): number => {
      if (found !== null) return to;
      let at = begin;
      for (;;) {
        const next = this.#parser.parse(bytes, at, to, final, this.#records);
        if (next === at) return at;
        at = next;
        found = this.#lookThrough(bytes, range.base);
        if (found !== null) return to;
      }
    };
    try {
      await range.read(from, Number(batch.to), header, reader, () => breathe());
    } finally {
      range.close();
    }
    return found;
  }

  #lookThrough(bytes: Buffer, base: number): FoundLine | null {
    const { count, lineFrom, lineTo, lineNumber } = this.#records;
    for (let row = 0; row < count; row += 1) {
      if (!this.#fits(row)) continue;
      const [from, to] = [lineFrom[row] as number, lineTo[row] as number];
      const raw = Buffer.from(bytes.subarray(from, to));
      return { raw, byteOffset: String(base + from), batchLine: lineNumber[row] as number };
    }
    return null;
  }

  #fits(row: number): boolean {
    const { fault, identity0, identity1, identity2, identity3, startedMs, quantity } =
      this.#records;
    const words = [identity0[row], identity1[row], identity2[row], identity3[row]];
    const identity = words.map((word) => ((word as number) >>> 0).toString(16).padStart(8, '0'));
    return (
      fault[row] === 0 &&
      identity.join('') === this.#xdr.identity &&
      startedMs[row] === this.#xdr.startedAt.getTime() &&
      String(quantity[row]) === this.#xdr.quantity
    );
  }
}

function readingOf(line: FoundLine, file: SeenFile): XdrReading {
  const { definition: format, timeZone } = file;
  const { raw, byteOffset, batchLine } = line;
  const fields = fieldsOf(raw.toString('latin1'), format) ?? new Map<string, string>();
  const textOf = (column: string) => {
    columnOf(format, column);
    return rawText(Buffer.from(fields.get(column) ?? '', 'latin1'));
  };
  const shown: XdrRawField[] = [];
  const show = (meaning: string, column: string | undefined): void => {
    if (column !== undefined) shown.push({ meaning, column, raw: textOf(column) });
  };
  show('service', 'column' in format.service ? format.service.column : undefined);
  show('startedAt', startColumn(fields, format));
  show('answered', format.answered?.column);
  show('duration', format.duration?.column);
  if (format.quantity?.column !== format.duration?.column)
    show('quantity', format.quantity?.column);
  show('inTrunk', format.inTrunk?.column);
  show('outTrunk', format.outTrunk?.column);
  for (const column of format.identity) show('identity', column);
  const numberOf = (column: string) => readNumber(column, textOf(column), format.numberRules);
  return {
    ...UNREAD,
    byteOffset,
    batchLine,
    raw: rawText(raw),
    timeZone: format.timeZone ?? timeZone,
    fields: shown,
    aNumber: numberOf(format.aNumber.column),
    bNumber: numberOf(format.bNumber.column),
  };
}
