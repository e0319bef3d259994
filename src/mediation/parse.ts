import { type ZoneTransitions, zoneTransitions } from '../kernel/index.js';
import { ByteDictionary } from './byte-dictionary.js';
import { columnOf, type FormatDefinition, serviceCodes } from './format.js';
import { IdentityHash } from './identity-hash.js';
import {
  NOT_READABLE,
  NumberReader,
  readDecimal,
  readWhole,
  secondsOfMilliseconds,
  TimeReader,
} from './parse-field.js';
import { faultNumber, MICRO_BATCH, type RecordBatch } from './record-batch.js';

/** A longer line is rejected; its first 64 KiB are kept. */
export const MAX_LINE_BYTES = 65_536;

const NEWLINE = 10;
const RETURN = 13;
const ABSENT = -1;
const MAX_IDENTITY_BYTES = 4096;

export interface ParserFacts {
  /** Zone of the source, used when the format names none. */
  readonly timeZone: string;
  /** Every trunk that a record may name, with its id. */
  readonly trunks: Iterable<readonly [name: string, id: number]>;
  /** Trunks of records that name none; 0 for none. */
  readonly defaultInTrunkId: number;
  readonly defaultOutTrunkId: number;
}

/** The lines at the start of a file that hold no record. */
export interface FileHeader {
  /** How many the format declares. */
  readonly lines: number;
  /**
   * Whether a line is one of them: not so when it reads as a record, is too long for a line or
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
  readonly #facts: ParserFacts;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #comment: number;
  readonly #columns: number;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #numbers: NumberReader;
  readonly #time: TimeReader;
  readonly #trunks: ByteDictionary;
  readonly #services: ByteDictionary | null;
  readonly #constantService: number;
  readonly #answeredValues: ByteDictionary | null;
  readonly #identity: Int32Array;
  readonly #identityBytes = new Uint8Array(MAX_IDENTITY_BYTES + 16);
  readonly #hash = new IdentityHash();
  readonly #at: Readonly<Record<ColumnRole, number>>;

  constructor(format: FormatDefinition, facts: ParserFacts) {
    this.#format = format;
    this.#facts = facts;
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
    return batch.count === 0 || batch.fault[0] !== 0;
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
    batch.count = 0;
    let at = from;
    while (at < to && batch.count < MICRO_BATCH) {
      const newline = bytes.indexOf(NEWLINE, at);
      const found = newline >= 0 && newline < to;
      if (!found && !final) break;
      const next = found ? newline + 1 : to;
      let end = found ? newline : to;
      if (end > at && bytes[end - 1] === RETURN) end -= 1;
      batch.lines += 1;
      if (end > at && bytes[at] !== this.#comment) this.#line(bytes, at, end, batch);
      at = next;
    }
    return at;
  }

  #line(bytes: Buffer, from: number, to: number, batch: RecordBatch): void {
    const row = batch.count++;
    batch.lineFrom[row] = from;
    batch.lineTo[row] = to;
    batch.lineNumber[row] = batch.lines;
    batch.faultColumn[row] = ABSENT;
    if (to - from > MAX_LINE_BYTES) {
      batch.fault[row] = faultNumber.LINE_TOO_LONG;
      batch.lineTo[row] = from + MAX_LINE_BYTES;
    } else if (this.#split(bytes, from, to)) {
      batch.fault[row] = 0;
      this.#convert(bytes, batch, row);
    } else batch.fault[row] = faultNumber.MALFORMED_LINE;
  }

  // Finds where each field stands. True when there are exactly the declared fields, well quoted.
  #split(bytes: Buffer, from: number, to: number): boolean {
    let column = 0;
    let at = from;
    for (;;) {
      if (column === this.#columns) return false;
      if (at < to && bytes[at] === this.#quote) {
        const end = this.#quoted(bytes, at + 1, to);
        if (end < 0) return false;
        this.#from[column] = at + 1;
        this.#to[column] = end;
        at = end + 1;
        if (at < to && bytes[at] !== this.#delimiter) return false;
      } else {
        this.#from[column] = at;
        while (at < to && bytes[at] !== this.#delimiter) at += 1;
        this.#to[column] = at;
      }
      column += 1;
      if (at >= to) return column === this.#columns;
      at += 1;
    }
  }

  // Doubled quotes stay doubled: no column that carries meaning to us contains them.
  #quoted(bytes: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to) {
      if (bytes[at] !== this.#quote) at += 1;
      else if (at + 1 < to && bytes[at + 1] === this.#quote) at += 2;
      else return at;
    }
    return ABSENT;
  }

  // True when every field could be read; else the row carries its fault.
  #convert(bytes: Buffer, batch: RecordBatch, row: number): boolean {
    const service = this.#service(bytes);
    if (service < 0) return this.#fault(batch, row, faultNumber.UNKNOWN_SERVICE, this.#at.service);
    batch.service[row] = service;

    const startedAt = this.#startedAt();
    const startedMs = this.#time.read(bytes, this.#from[startedAt]!, this.#to[startedAt]!);
    if (startedMs < 0) return this.#fault(batch, row, faultNumber.INVALID_TIME, startedAt);
    batch.startedMs[row] = startedMs;

    const quantity = this.#quantity(bytes, service);
    if (quantity < 0) {
      const column = service === serviceCodes.VOICE ? this.#at.duration : this.#at.quantity;
      return this.#fault(batch, row, faultNumber.INVALID_QUANTITY, column);
    }
    batch.quantity[row] = quantity;
    return (
      this.#value(bytes, batch, row) &&
      this.#parties(bytes, batch, row, service) &&
      this.#trunkIds(bytes, batch, row) &&
      this.#identify(bytes, batch, row)
    );
  }

  #value(bytes: Buffer, batch: RecordBatch, row: number): boolean {
    const column = this.#at.value;
    const [from, to] = [this.#from[column]!, this.#to[column]!];
    if (column === ABSENT || from === to) {
      batch.value[row] = 0;
      return true;
    }
    const value = readDecimal(bytes, from, to);
    if (value < 0) return this.#fault(batch, row, faultNumber.INVALID_VALUE, column);
    batch.value[row] = value;
    return true;
  }

  #parties(bytes: Buffer, batch: RecordBatch, row: number, service: number): boolean {
    const { aNumber, bNumber } = this.#at;
    const a = this.#numbers.read(bytes, this.#from[aNumber]!, this.#to[aNumber]!);
    const b = this.#numbers.read(bytes, this.#from[bNumber]!, this.#to[bNumber]!);
    const faulty = a === NOT_READABLE ? aNumber : bNumber;
    // Data sessions and events have no called number; calls and messages must have one.
    const needsB = service === serviceCodes.VOICE || service === serviceCodes.SMS;
    if (a === NOT_READABLE || b === NOT_READABLE || (b === 0 && needsB)) {
      const fault =
        faulty === aNumber ? faultNumber.INVALID_A_NUMBER : faultNumber.INVALID_B_NUMBER;
      return this.#fault(batch, row, fault, faulty);
    }
    batch.aNumber[row] = a;
    batch.bNumber[row] = b;
    return true;
  }

  #trunkIds(bytes: Buffer, batch: RecordBatch, row: number): boolean {
    const { inTrunk, outTrunk } = this.#at;
    const incoming = this.#trunk(bytes, inTrunk, this.#facts.defaultInTrunkId);
    const outgoing = this.#trunk(bytes, outTrunk, this.#facts.defaultOutTrunkId);
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

  #service(bytes: Buffer): number {
    if (this.#services === null) return this.#constantService;
    const column = this.#at.service;
    return this.#services.find(bytes, this.#from[column]!, this.#to[column]!);
  }

  #startedAt(): number {
    const { startedAt, startedAtElse } = this.#at;
    return startedAtElse !== ABSENT && this.#from[startedAt] === this.#to[startedAt]
      ? startedAtElse
      : startedAt;
  }

  #quantity(bytes: Buffer, service: number): number {
    if (this.#answeredValues !== null) {
      const column = this.#at.answered;
      if (this.#answeredValues.find(bytes, this.#from[column]!, this.#to[column]!) < 0) return 0;
    }
    const voice = service === serviceCodes.VOICE;
    const column = voice ? this.#at.duration : this.#at.quantity;
    if (column === ABSENT) return voice ? NOT_READABLE : 1;
    if (!voice && this.#from[column] === this.#to[column]) return 1;
    const value = readWhole(bytes, this.#from[column]!, this.#to[column]!);
    return voice && this.#format.duration?.unit === 'MILLISECONDS'
      ? secondsOfMilliseconds(value)
      : value;
  }

  #trunk(bytes: Buffer, column: number, absent: number): number {
    if (column === ABSENT || this.#from[column] === this.#to[column]) return absent;
    return this.#trunks.find(bytes, this.#from[column]!, this.#to[column]!);
  }

  // Fields are joined by the unit separator, so ('1','23') and ('12','3') differ.
  #identify(bytes: Buffer, batch: RecordBatch, row: number): boolean {
    const into = this.#identityBytes;
    let length = 0;
    for (let n = 0; n < this.#identity.length; n += 1) {
      const column = this.#identity[n]!;
      const to = this.#to[column]!;
      let at = this.#from[column]!;
      while (at < to && length < MAX_IDENTITY_BYTES) into[length++] = bytes[at++]!;
      if (length === MAX_IDENTITY_BYTES) {
        return this.#fault(batch, row, faultNumber.MALFORMED_LINE, column);
      }
      into[length++] = 31;
    }
    // The hash reads whole blocks of 16 bytes.
    for (let at = length; at % 16 !== 0; at += 1) into[at] = 0;
    this.#hash.compute(into, length);
    batch.identity0[row] = this.#hash.h0;
    batch.identity1[row] = this.#hash.h1;
    batch.identity2[row] = this.#hash.h2;
    batch.identity3[row] = this.#hash.h3;
    return true;
  }
}

type ColumnRole =
  | 'service'
  | 'startedAt'
  | 'startedAtElse'
  | 'duration'
  | 'quantity'
  | 'value'
  | 'aNumber'
  | 'bNumber'
  | 'inTrunk'
  | 'outTrunk'
  | 'answered';

function columnRoles(format: FormatDefinition): Record<ColumnRole, number> {
  const at = (name: string | undefined) => (name === undefined ? ABSENT : columnOf(format, name));
  return {
    service: at('column' in format.service ? format.service.column : undefined),
    startedAt: at(format.startedAt.column),
    startedAtElse: at(format.startedAt.orElse),
    duration: at(format.duration?.column),
    quantity: at(format.quantity?.column),
    value: at(format.value?.column),
    aNumber: at(format.aNumber.column),
    bNumber: at(format.bNumber.column),
    inTrunk: at(format.inTrunk?.column),
    outTrunk: at(format.outTrunk?.column),
    answered: at(format.answered?.column),
  };
}

const zoneTables = new Map<string, ZoneTransitions>();

function zoneTable(zone: string): ZoneTransitions {
  let table = zoneTables.get(zone);
  if (table === undefined) {
    table = zoneTransitions(zone, Date.UTC(1990, 0, 1), Date.UTC(2101, 0, 1));
    zoneTables.set(zone, table);
  }
  return table;
}
