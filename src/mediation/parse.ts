import { ByteDictionary } from './byte-dictionary.js';
import { ABSENT, type ColumnRole, columnRoles } from './column-roles.js';
import { columnOf, type FormatDefinition, serviceCodes } from './format.js';
import { tellsOfRecord } from './header-line.js';
import { IdentityHash } from './identity-hash.js';
import {
  NumberReader,
  readDecimal,
  readWhole,
  secondsOfMilliseconds,
  TimeReader,
  zoneTable,
} from './parse-field.js';
import type { ParserFacts } from './parser-facts.js';
import { describeLines, type LineDescription, type QuickLines } from './quick-lines.js';
import { faultNumber, MICRO_BATCH, type RecordBatch } from './record-batch.js';
import { LEFT_TO_PARSER, MAX_IDENTITY_BYTES, MAX_LINE_BYTES } from './record-columns.js';

export { MAX_LINE_BYTES };

const NEWLINE = 10;
const RETURN = 13;
const SEPARATOR = 31;
/** Bytes behind a line that may be looked at, since bytes are looked at several at a time. */
const SLACK = 32;

/** The lines at the start of a file that hold no record. */
export interface FileHeader {
  /** How many the format declares. */
  readonly lines: number;
  /**
   * Whether a line is one of them: not so when it tells of a record, is too long for a line or
   * holds carriage returns as line ends. That line and all after it are read as records.
   */
  has(line: Buffer): boolean;
  /** Says how many there were. */
  passed(lines: number): void;
}

/**
 * Turns the bytes of one format into records, line by line, without a string or an object per
 * record. A line that is not what the format declares becomes a row with a fault and the column
 * at fault; nothing throws.
 */
export class RecordParser {
  readonly #format: FormatDefinition;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #comment: number;
  readonly #columns: number;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #numbers: NumberReader;
  readonly #time: TimeReader;
  readonly #trunks: ByteDictionary;
  readonly #quick: QuickLines | null;
  /** What the quick reader must know; null where it cannot read the format. */
  readonly #plain: LineDescription | null;
  readonly #services: ByteDictionary | null;
  readonly #constantService: number;
  readonly #answeredValues: ByteDictionary | null;
  readonly #identity: Int32Array;
  readonly #identityBytes = new Uint8Array(MAX_IDENTITY_BYTES + 16);
  readonly #hash = new IdentityHash();
  readonly #at: Readonly<Record<ColumnRole, number>>;
  readonly #earliestMs: number;
  // Facts of each import have a shape of their own: read per record they would undo what V8 has
  // translated.
  readonly #defaultInTrunkId: number;
  readonly #defaultOutTrunkId: number;

  /** With `quick` plain lines in its memory are read by it, which takes a quarter of the time. */
  constructor(format: FormatDefinition, facts: ParserFacts, quick: QuickLines | null = null) {
    this.#quick = quick;
    this.#plain = quick === null ? null : describeLines(format, facts);
    this.#format = format;
    this.#defaultInTrunkId = facts.defaultInTrunkId;
    this.#defaultOutTrunkId = facts.defaultOutTrunkId;
    this.#earliestMs = facts.earliestMs ?? -Infinity;
    this.#delimiter = format.delimiter.charCodeAt(0);
    this.#quote = format.quote === null ? ABSENT : format.quote.charCodeAt(0);
    this.#comment = format.comment === undefined ? ABSENT : format.comment.charCodeAt(0);
    this.#columns = format.columns.length;
    this.#from = new Int32Array(this.#columns + 1);
    this.#to = new Int32Array(this.#columns + 1);
    this.#numbers = new NumberReader(format.numberRules);
    this.#time = new TimeReader(
      format.startedAt.type,
      zoneTable(format.timeZone ?? facts.timeZone),
    );
    this.#trunks = new ByteDictionary(facts.trunks);
    const service = format.service;
    this.#constantService = 'constant' in service ? serviceCodes[service.constant] : 0;
    this.#services =
      'constant' in service
        ? null
        : new ByteDictionary(
            Object.entries(service.values).map(([text, name]) => [text, serviceCodes[name]]),
          );
    this.#answeredValues =
      format.answered === undefined
        ? null
        : new ByteDictionary(format.answered.values.map((value) => [value, 1]));
    this.#identity = Int32Array.from(format.identity, (name) => columnOf(format, name));
    this.#at = columnRoles(format);
  }

  /** The header of a file of this format, for a reader of lines that fills `batch`. */
  header(batch: RecordBatch): FileHeader {
    return {
      lines: this.#format.headerLines,
      has: (line) => this.#isHeader(line, batch),
      passed: (lines) => {
        batch.lines = lines;
      },
    };
  }

  // A file that comes without its header, or without line ends, must not lose records in silence.
  #isHeader(line: Buffer, batch: RecordBatch): boolean {
    let end = line.length;
    if (end > 0 && line[end - 1] === NEWLINE) end -= 1;
    if (end > 0 && line[end - 1] === RETURN) end -= 1;
    if (end > MAX_LINE_BYTES || line.subarray(0, end).includes(RETURN)) return false;
    this.parse(line, 0, line.length, true, batch);
    if (batch.count === 0) return true;
    return (
      batch.fault[0] !== 0 &&
      !tellsOfRecord(line.subarray(0, end), this.#format, this.#time, this.#numbers)
    );
  }

  /** The name of a column, for messages about a fault. */
  columnName(column: number): string | null {
    return this.#format.columns[column] ?? null;
  }

  /**
   * Reads whole lines from `[from, to)` into `batch` until it is full or no whole line is left,
   * and returns where the next line begins. With `final` the last line needs no line end.
   */
  parse(bytes: Buffer, from: number, to: number, final: boolean, batch: RecordBatch): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    batch.count = 0;
    let at = from;
    if (this.#plain !== null && this.#quick!.holds(bytes)) {
      at = this.#readPlain(bytes, from, to, batch, view);
    }
    while (at < to && batch.count < MICRO_BATCH) {
      const newline = bytes.indexOf(NEWLINE, at);
      const found = newline >= 0 && newline < to;
      if (!found && !final) break;
      let end = found ? newline : to;
      if (end > at && bytes[end - 1] === RETURN) end -= 1;
      batch.lines += 1;
      if (end > at && bytes[at] !== this.#comment) {
        const row = batch.count++;
        batch.lineNumber[row] = batch.lines;
        this.#line(view, at, end, batch, row);
      }
      at = found ? newline + 1 : to;
    }
    return at;
  }

  // Whole lines, up to a full batch; those that are not plain are read once more.
  #readPlain(bytes: Buffer, from: number, to: number, batch: RecordBatch, view: DataView): number {
    const { fault, lineFrom, lineTo } = batch;
    const quick = this.#quick!;
    const next = quick.read(this.#plain!, bytes, from, to, batch);
    if (quick.hasLeft) {
      for (let row = 0; row < batch.count; row += 1) {
        if (fault[row] !== LEFT_TO_PARSER) continue;
        this.#line(view, lineFrom[row]!, lineTo[row]!, batch, row);
      }
    }
    return next;
  }

  #line(view: DataView, from: number, to: number, batch: RecordBatch, row: number): void {
    batch.lineFrom[row] = from;
    batch.lineTo[row] = to;
    batch.faultColumn[row] = ABSENT;
    batch.fault[row] = 0;
    if (to - from > MAX_LINE_BYTES) {
      batch.fault[row] = faultNumber.LINE_TOO_LONG;
      batch.lineTo[row] = from + MAX_LINE_BYTES;
    } else if (to + SLACK <= view.byteLength) this.#fields(view, from, to, batch, row);
    else this.#fields(this.#spared(view, from, to), 0, to - from, batch, row);
  }

  // A copy of the line with room behind it.
  #spared(view: DataView, from: number, to: number): DataView {
    const spare = new Uint8Array(to - from + SLACK);
    spare.set(new Uint8Array(view.buffer, view.byteOffset + from, to - from));
    return new DataView(spare.buffer);
  }

  #fields(view: DataView, from: number, to: number, batch: RecordBatch, row: number): void {
    if (this.#splitPlain(view, from, to) || this.#split(view, from, to)) {
      this.#convert(view, batch, row);
    } else batch.fault[row] = faultNumber.MALFORMED_LINE;
  }

  // Finds where each field stands in a line without quotes, four bytes at a time. False when the
  // line needs a closer look.
  #splitPlain(view: DataView, from: number, to: number): boolean {
    const starts = this.#from;
    const ends = this.#to;
    const columns = this.#columns;
    const delimiters = this.#delimiter * 0x01010101;
    let at = from;
    for (let column = 0; column < columns; column += 1) {
      if (view.getUint8(at) === this.#quote) return false;
      starts[column] = at;
      // A byte of `found` has its upper bit set where a delimiter stands; the lowest is exact.
      let found = 0;
      for (; at < to; at += 4) {
        const difference = view.getInt32(at, true) ^ delimiters;
        found = (difference - 0x01010101) & ~difference & 0x80808080;
        if (found !== 0) break;
      }
      if (found !== 0) at += (31 - Math.clz32(found & -found)) >> 3;
      if (at >= to) {
        ends[column] = to;
        return column + 1 === columns;
      }
      ends[column] = at;
      at += 1;
    }
    return false;
  }

  // Finds where each field stands. True when there are exactly the declared fields, well quoted.
  #split(view: DataView, from: number, to: number): boolean {
    let column = 0;
    let at = from;
    for (;;) {
      if (column === this.#columns) return false;
      if (at < to && view.getUint8(at) === this.#quote) {
        const end = this.#quoted(view, at + 1, to);
        if (end < 0) return false;
        this.#from[column] = at + 1;
        this.#to[column] = end;
        at = end + 1;
        if (at < to && view.getUint8(at) !== this.#delimiter) return false;
      } else {
        this.#from[column] = at;
        while (at < to && view.getUint8(at) !== this.#delimiter) at += 1;
        this.#to[column] = at;
      }
      column += 1;
      if (at >= to) return column === this.#columns;
      at += 1;
    }
  }

  // Doubled quotes stay doubled: no column that carries meaning to us contains them.
  #quoted(view: DataView, from: number, to: number): number {
    let at = from;
    while (at < to) {
      if (view.getUint8(at) !== this.#quote) at += 1;
      else if (at + 1 < to && view.getUint8(at + 1) === this.#quote) at += 2;
      else return at;
    }
    return ABSENT;
  }

  // True when every field could be read; else the row carries its fault.
  #convert(view: DataView, batch: RecordBatch, row: number): boolean {
    const service = this.#service(view);
    if (service < 0) return this.#fault(batch, row, faultNumber.UNKNOWN_SERVICE, this.#at.service);
    batch.service[row] = service;

    const startedAt = this.#startedAt();
    const from = this.#from[startedAt]!;
    const to = this.#to[startedAt]!;
    if (!this.#time.read(view, from, to, batch.startedMs, row)) {
      return this.#fault(batch, row, faultNumber.INVALID_TIME, startedAt);
    }
    if (batch.startedMs[row]! < this.#earliestMs) {
      return this.#fault(batch, row, faultNumber.PERIOD_PURGED, startedAt);
    }
    if (!this.#quantity(view, service, batch.quantity, row)) {
      const column = service === serviceCodes.VOICE ? this.#at.duration : this.#at.quantity;
      return this.#fault(batch, row, faultNumber.INVALID_QUANTITY, column);
    }
    return (
      this.#value(view, batch, row) &&
      this.#parties(view, batch, row, service) &&
      this.#trunkIds(view, batch, row) &&
      this.#identify(view, batch, row)
    );
  }

  #value(view: DataView, batch: RecordBatch, row: number): boolean {
    const column = this.#at.value;
    if (column === ABSENT || this.#from[column] === this.#to[column]) {
      batch.value[row] = 0;
      return true;
    }
    const [from, to] = [this.#from[column]!, this.#to[column]!];
    return (
      readDecimal(view, from, to, batch.value, row) ||
      this.#fault(batch, row, faultNumber.INVALID_VALUE, column)
    );
  }

  #parties(view: DataView, batch: RecordBatch, row: number, service: number): boolean {
    const { aNumber, bNumber } = this.#at;
    const from = this.#from;
    const to = this.#to;
    if (!this.#numbers.read(view, from[aNumber]!, to[aNumber]!, batch.aNumber, row)) {
      return this.#fault(batch, row, faultNumber.INVALID_A_NUMBER, aNumber);
    }
    // Data sessions and events have no called number; calls and messages must have one.
    const needsB = service === serviceCodes.VOICE || service === serviceCodes.SMS;
    const readable = this.#numbers.read(view, from[bNumber]!, to[bNumber]!, batch.bNumber, row);
    if (!readable || (needsB && batch.bNumber[row] === 0)) {
      return this.#fault(batch, row, faultNumber.INVALID_B_NUMBER, bNumber);
    }
    return true;
  }

  #trunkIds(view: DataView, batch: RecordBatch, row: number): boolean {
    const { inTrunk, outTrunk } = this.#at;
    const incoming = this.#trunk(view, inTrunk, this.#defaultInTrunkId);
    const outgoing = this.#trunk(view, outTrunk, this.#defaultOutTrunkId);
    if (incoming < 0 || outgoing < 0) {
      return this.#fault(batch, row, faultNumber.UNKNOWN_TRUNK, incoming < 0 ? inTrunk : outTrunk);
    }
    batch.inTrunk[row] = incoming;
    batch.outTrunk[row] = outgoing;
    return true;
  }

  #fault(batch: RecordBatch, row: number, fault: number, column: number): false {
    batch.fault[row] = fault;
    batch.faultColumn[row] = column;
    return false;
  }

  #service(view: DataView): number {
    if (this.#services === null) return this.#constantService;
    const column = this.#at.service;
    return this.#services.find(view, this.#from[column]!, this.#to[column]!);
  }

  #startedAt(): number {
    const { startedAt, startedAtElse } = this.#at;
    return startedAtElse !== ABSENT && this.#from[startedAt] === this.#to[startedAt]
      ? startedAtElse
      : startedAt;
  }

  #quantity(view: DataView, service: number, into: Float64Array, row: number): boolean {
    if (this.#answeredValues !== null) {
      const column = this.#at.answered;
      if (this.#answeredValues.find(view, this.#from[column]!, this.#to[column]!) < 0) {
        into[row] = 0;
        return true;
      }
    }
    const voice = service === serviceCodes.VOICE;
    const column = voice ? this.#at.duration : this.#at.quantity;
    if (column === ABSENT || (!voice && this.#from[column] === this.#to[column])) {
      into[row] = 1;
      return !voice;
    }
    if (!readWhole(view, this.#from[column]!, this.#to[column]!, into, row)) return false;
    if (voice && this.#format.duration?.unit === 'MILLISECONDS') {
      into[row] = secondsOfMilliseconds(into[row]!);
    }
    return true;
  }

  #trunk(view: DataView, column: number, absent: number): number {
    if (column === ABSENT || this.#from[column] === this.#to[column]) return absent;
    return this.#trunks.find(view, this.#from[column]!, this.#to[column]!);
  }

  #identify(view: DataView, batch: RecordBatch, row: number): boolean {
    const only = this.#identity[0]!;
    const from = this.#from[only]!;
    const to = this.#to[only]!;
    // An empty field is passed on, too: less 1 and without sign it is longer than any.
    if (this.#identity.length === 1 && (to - from - 1) >>> 0 < MAX_IDENTITY_BYTES - 1) {
      this.#hash.computeField(view, from, to, SEPARATOR);
    } else if (!this.#joinIdentity(view, batch, row)) return false;
    batch.identity0[row] = this.#hash.h0;
    batch.identity1[row] = this.#hash.h1;
    batch.identity2[row] = this.#hash.h2;
    batch.identity3[row] = this.#hash.h3;
    return true;
  }

  // Fields are joined by the unit separator, so ('1','23') and ('12','3') differ.
  #joinIdentity(view: DataView, batch: RecordBatch, row: number): boolean {
    const into = this.#identityBytes;
    let length = 0;
    for (let n = 0; n < this.#identity.length; n += 1) {
      const column = this.#identity[n]!;
      const to = this.#to[column]!;
      let at = this.#from[column]!;
      while (at < to && length < MAX_IDENTITY_BYTES) into[length++] = view.getUint8(at++);
      if (length === MAX_IDENTITY_BYTES) {
        return this.#fault(batch, row, faultNumber.MALFORMED_LINE, column);
      }
      into[length++] = SEPARATOR;
    }
    // Without any text nothing tells the record from others, so nothing would be a duplicate.
    if (length === this.#identity.length) {
      return this.#fault(batch, row, faultNumber.MALFORMED_LINE, this.#identity[0]!);
    }
    // The hash reads whole blocks of 16 bytes.
    for (let at = length; at % 16 !== 0; at += 1) into[at] = 0;
    this.#hash.compute(into, length);
    return true;
  }
}
