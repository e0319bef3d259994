import { normaliseNumber } from '../kernel/index.js';
import { columnOf, type FormatDefinition } from './format.js';
import { TimeReader, zoneTable } from './parse-field.js';

/** Where a field begins in its line and ends, without the quotes around it. */
export type FieldSpan = readonly [from: number, to: number];

/** Where the fields of a line stand; null when it is not of the format. */
export function fieldSpans(line: string, format: FormatDefinition): FieldSpan[] | null {
  const { delimiter, quote } = format;
  const end = line.endsWith('\r') ? line.length - 1 : line.length;
  const spans: FieldSpan[] = [];
  for (let at = 0; ; at += 1) {
    const quoted = quote !== null && at < end && line[at] === quote;
    const from = quoted ? at + 1 : at;
    const to = quoted ? closingQuote(line, from, end, quote) : endOfField(line, at, end, delimiter);
    if (to < 0) return null;
    spans.push([from, to]);
    at = quoted ? to + 1 : to;
    if (at >= end) return spans.length === format.columns.length ? spans : null;
    if (line[at] !== delimiter || spans.length === format.columns.length) return null;
  }
}

/**
 * A field by what it means: a number with its E.164 digits, null where it is none; what is
 * counted, timed or a registered trunk and stays as it is; or anything else.
 */
export interface LineField {
  readonly from: number;
  readonly to: number;
  readonly kind: 'NUMBER' | 'FIXED' | 'TEXT';
  readonly number: string | null;
}

/** What a line says of whose it is, and where. */
export interface LineReading {
  readonly fields: readonly LineField[];
  /** Milliseconds since 1970 in UTC; null when the line is none of the format or has no time. */
  readonly startedMs: number | null;
  /** E.164 digits of the calling number. */
  readonly aNumber: string | null;
  /** The trunk that it came in by; 0 for none. */
  readonly inTrunkId: number;
}

interface LineFacts {
  readonly timeZone: string;
  /** Every trunk that a record may name, as Latin-1, with its id. */
  readonly trunks: ReadonlyMap<string, number>;
  readonly defaultInTrunkId: number;
}

/** Most bytes of a field that may be a time. */
const LONGEST_TIME = 48;
/** Bytes behind a time that its reader may look at. */
const SLACK = 16;

/** Reads single lines, given as Latin-1, also such as no record can be made of. */
export class LineFields {
  readonly #format: FormatDefinition;
  readonly #facts: LineFacts;
  readonly #time: TimeReader;
  readonly #bytes = Buffer.alloc(LONGEST_TIME + SLACK);
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  readonly #ms = new Float64Array(1);
  readonly #counted: ReadonlySet<number>;
  readonly #trunks: ReadonlySet<number>;
  readonly #a: number;
  readonly #b: number;

  constructor(format: FormatDefinition, facts: LineFacts) {
    this.#format = format;
    this.#facts = facts;
    this.#time = new TimeReader(
      format.startedAt.type,
      zoneTable(format.timeZone ?? facts.timeZone),
    );
    const { column, orElse } = format.startedAt;
    const { duration, quantity, value, inTrunk, outTrunk } = format;
    this.#counted = this.#places(column, orElse, ...[duration, quantity, value].map(nameOf));
    this.#trunks = this.#places(...[inTrunk, outTrunk].map(nameOf));
    this.#a = columnOf(format, format.aNumber.column);
    this.#b = columnOf(format, format.bNumber.column);
  }

  /** Where the fields of a line stand and what they are. */
  read(line: string): LineReading {
    const spans = fieldSpans(line, this.#format);
    if (spans === null) {
      const fields = pieces(line, this.#format.delimiter);
      return { fields, startedMs: null, aNumber: null, inTrunkId: 0 };
    }
    const texts = spans.map(([from, to]) => line.slice(from, to));
    const startedMs = this.#startedMs(texts);
    const fields = spans.map(([from, to], column): LineField => {
      const text = texts[column] as string;
      const kind = this.#kind(column, text, startedMs !== null);
      return { from, to, kind, number: kind === 'NUMBER' ? this.#number(text) : null };
    });
    return {
      fields,
      startedMs,
      aNumber: fields[this.#a]?.number ?? null,
      inTrunkId: this.#inTrunkId(texts),
    };
  }

  // Columns of a line whose time cannot be read may be out of place.
  #kind(column: number, text: string, timed: boolean): LineField['kind'] {
    if (column === this.#a || column === this.#b) return 'NUMBER';
    if (this.#trunks.has(column)) return this.#facts.trunks.has(text) ? 'FIXED' : 'TEXT';
    return timed && this.#counted.has(column) ? 'FIXED' : 'TEXT';
  }

  #number(text: string): string | null {
    const read = normaliseNumber(text, this.#format.numberRules);
    return 'digits' in read ? read.digits : null;
  }

  #startedMs(texts: readonly string[]): number | null {
    const { column, orElse } = this.#format.startedAt;
    const first = texts[columnOf(this.#format, column)] as string;
    const otherwise = first === '' && orElse !== undefined;
    const text = otherwise ? (texts[columnOf(this.#format, orElse)] as string) : first;
    if (text.length > LONGEST_TIME) return null;
    this.#bytes.fill(0).write(text, 'latin1');
    return this.#time.read(this.#view, 0, text.length, this.#ms, 0) ? (this.#ms[0] ?? null) : null;
  }

  #inTrunkId(texts: readonly string[]): number {
    const { inTrunk } = this.#format;
    const text = inTrunk === undefined ? '' : texts[columnOf(this.#format, inTrunk.column)];
    if (text === undefined || text === '') return this.#facts.defaultInTrunkId;
    return this.#facts.trunks.get(text) ?? 0;
  }

  #places(...names: readonly (string | undefined)[]): ReadonlySet<number> {
    return new Set(
      names.flatMap((name) => (name === undefined ? [] : columnOf(this.#format, name))),
    );
  }
}

function nameOf(role: { readonly column: string } | undefined): string | undefined {
  return role?.column;
}

function pieces(line: string, delimiter: string): LineField[] {
  let from = 0;
  return line.split(delimiter).map((text) => {
    const field = { from, to: from + text.length, kind: 'TEXT', number: null } as const;
    from = field.to + 1;
    return field;
  });
}

function endOfField(line: string, from: number, end: number, delimiter: string): number {
  const found = line.indexOf(delimiter, from);
  return found < 0 || found > end ? end : found;
}

// -1 when there is none. Doubled quotes are part of the field.
function closingQuote(line: string, from: number, end: number, quote: string): number {
  for (let at = from; ; at += 2) {
    at = line.indexOf(quote, at);
    if (at < 0 || at >= end) return -1;
    if (at + 1 >= end || line[at + 1] !== quote) return at;
  }
}
