// Reads plain lines into the columns of a record batch. It knows what nearly all lines of a feed
// are and leaves the rest, faults among them, to `parse.ts`, whose rules it must never differ from:
// `read-lines.test.ts` holds one against the other.
import {
  A_NUMBER_AT,
  B_NUMBER_AT,
  EARLIEST_MS_AT,
  FAULT_AT,
  FAULT_COLUMN_AT,
  FIELDS_AT,
  IDENTITY_0_AT,
  IDENTITY_1_AT,
  IDENTITY_2_AT,
  IDENTITY_3_AT,
  IN_TRUNK_AT,
  LEFT_TO_PARSER,
  LINE_FROM_AT,
  LINE_NUMBER_AT,
  LINE_TO_AT,
  LINE_WORDS_AT,
  LineWord,
  MAX_IDENTITY_BYTES,
  MAX_LINE_BYTES,
  NAME_BYTES,
  OUT_TRUNK_AT,
  QUANTITY_AT,
  ROWS,
  SERVICE_AT,
  STARTED_MS_AT,
  VALUE_AT,
} from './record-columns';

const NEWLINE: u8 = 10;
const RETURN: u8 = 13;
const PLUS: u8 = 43;
const DASH: u8 = 45;
const POINT: u8 = 46;
const ZERO: u8 = 48;
const COLON: u8 = 58;
const ABSENT: i32 = -1;
const VOICE: i32 = 1;
const SMS: i32 = 2;
const UNIT_SEPARATOR: i32 = 31;
const MOST_DIGITS: i32 = 15;
const DAY_MS: i64 = 86_400_000;
/** 2000 and 2100, between which records begin. */
const EARLIEST_DAY: i32 = 10_957;
const LATEST_DAY: i32 = 47_482;

let rows: i32 = 0;
let left: i32 = 0;
let lines: i32 = 0;
// The date of the previous record, as its signs and in days since 1970.
let dateSigns: u64 = 0;
let daySigns: u16 = 0;
let day: i32 = 0;

/** Rows of the batch after {@link readLines}. */
export function rowsRead(): i32 {
  return rows;
}

/** Rows of the batch that are left to the parser. */
export function rowsLeft(): i32 {
  return left;
}

/** Lines of the file so far. */
export function linesRead(): i32 {
  return lines;
}

/**
 * Reads whole lines from `[from, to)` until the batch is full or no line end is left, and answers
 * where the next line begins. `base` is where the caller counts from, `linesBefore` how many lines
 * came before. May look at 16 bytes behind `to`.
 */
export function readLines(base: i32, from: i32, to: i32, linesBefore: i32): i32 {
  rows = 0;
  left = 0;
  lines = linesBefore;
  let at = from;
  while (at < to && rows < ROWS) {
    const columns = splitLine(at, to);
    const newline = lineEnd;
    if (newline === 0) break;
    lines += 1;
    const end = newline > at && load<u8>(newline - 1) === RETURN ? newline - 1 : newline;
    if (end > at && <i32>load<u8>(at) !== word(LineWord.COMMENT)) {
      const row = rows;
      rows += 1;
      store<i32>(LINE_FROM_AT + (row << 2), at - base);
      store<i32>(LINE_TO_AT + (row << 2), end - base);
      store<i32>(LINE_NUMBER_AT + (row << 2), lines);
      store<i16>(FAULT_COLUMN_AT + (row << 1), ABSENT);
      const isRead = columns === word(LineWord.COLUMNS) && readFields(row, at, end);
      store<u8>(FAULT_AT + row, isRead ? 0 : LEFT_TO_PARSER);
      if (!isRead) left += 1;
    }
    at = newline + 1;
  }
  return at;
}

/** The line end that {@link splitLine} has found, 0 for none. */
let lineEnd: i32 = 0;

// Notes where the fields of a line begin, sixteen bytes at a time; answers how many there are.
function splitLine(from: i32, to: i32): i32 {
  const delimiters = i8x16.splat(<i8>word(LineWord.DELIMITER));
  const newlines = i8x16.splat(<i8>NEWLINE);
  const most = word(LineWord.COLUMNS);
  let columns = 1;
  store<i32>(FIELDS_AT, from);
  for (let at = from; at < to; at += 16) {
    const bytes = v128.load(at);
    const isNewline = i8x16.eq(bytes, newlines);
    let found = i8x16.bitmask(v128.or(i8x16.eq(bytes, delimiters), isNewline));
    while (found !== 0) {
      const place = at + ctz(found);
      if (place >= to) break;
      if (load<u8>(place) === NEWLINE) {
        lineEnd = place;
        return columns;
      }
      // One more than there may be is counted, but not noted.
      if (columns < most) store<i32>(FIELDS_AT + (columns << 2), place + 1);
      if (columns <= most) columns += 1;
      found &= found - 1;
    }
  }
  lineEnd = 0;
  return columns;
}

function readFields(row: i32, from: i32, end: i32): bool {
  if (end - from > MAX_LINE_BYTES) return false;
  const columns = word(LineWord.COLUMNS);
  store<i32>(FIELDS_AT + (columns << 2), end + 1);
  if (hasQuotes(columns)) return false;
  const service = serviceOf();
  if (service < 0) return false;
  store<u8>(SERVICE_AT + row, <u8>service);
  return (
    readStartedAt(row) &&
    readQuantity(row, service) &&
    isEmpty(word(LineWord.VALUE)) &&
    readParties(row, service) &&
    readTrunks(row) &&
    readIdentity(row)
  );
}

function hasQuotes(columns: i32): bool {
  const quote = word(LineWord.QUOTE);
  for (let column = 0; column < columns; column += 1) {
    if (<i32>load<u8>(fieldFrom(column)) === quote) return true;
  }
  return false;
}

function serviceOf(): i32 {
  const column = word(LineWord.SERVICE);
  if (column === ABSENT) return word(LineWord.CONSTANT_SERVICE);
  const services = word(LineWord.SERVICES_AT);
  return find(services, word(LineWord.SERVICES_MASK), fieldFrom(column), fieldTo(column));
}

// YYYY-MM-DDThh:mm:ss, with or without milliseconds, and Z.
function readStartedAt(row: i32): bool {
  const column = word(LineWord.STARTED_AT);
  const from = fieldFrom(column);
  const length = fieldTo(column) - from;
  if (length !== 20 && length !== 24) return false;
  if ((load<u8>(from + length - 1) | 32) !== 122 || (load<u8>(from + 10) | 32) !== 116)
    return false;
  if (load<u8>(from + 13) !== COLON || load<u8>(from + 16) !== COLON) return false;
  const hours = two(from + 11);
  const minutes = two(from + 14);
  const seconds = two(from + 17);
  if (<u32>hours > 23 || <u32>minutes > 59 || <u32>seconds > 59) return false;
  let milliseconds = 0;
  if (length === 24) {
    const last = <u32>(load<u8>(from + 22) - ZERO);
    const tens = two(from + 20);
    if (load<u8>(from + 19) !== POINT || tens < 0 || (last & 255) > 9) return false;
    milliseconds = tens * 10 + <i32>(last & 255);
  }
  if (!readDate(from)) return false;
  const ofDay = <i64>(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds);
  const startedMs = <f64>(<i64>day * DAY_MS + ofDay);
  if (startedMs < load<f64>(EARLIEST_MS_AT)) return false;
  store<f64>(STARTED_MS_AT + (row << 3), startedMs);
  return true;
}

function readDate(from: i32): bool {
  const first = load<u64>(from);
  const last = load<u16>(from + 8);
  if (first === dateSigns && last === daySigns) return true;
  if (load<u8>(from + 4) !== DASH || load<u8>(from + 7) !== DASH) return false;
  const century = two(from);
  const ofCentury = two(from + 2);
  const month = two(from + 5);
  const ofMonth = two(from + 8);
  if (century < 0 || ofCentury < 0 || month < 1 || month > 12 || ofMonth < 1) return false;
  const year = century * 100 + ofCentury;
  if (ofMonth > daysInMonth(year, month)) return false;
  const found = epochDay(year, month, ofMonth);
  if (found < EARLIEST_DAY || found >= LATEST_DAY) return false;
  dateSigns = first;
  daySigns = last;
  day = found;
  return true;
}

function readQuantity(row: i32, service: i32): bool {
  const into = QUANTITY_AT + (row << 3);
  if (service !== VOICE) {
    const column = word(LineWord.QUANTITY);
    if (!isEmpty(column)) return readWhole(fieldFrom(column), fieldTo(column), into);
    store<f64>(into, 1);
    return true;
  }
  const column = word(LineWord.DURATION);
  if (column === ABSENT || !readWhole(fieldFrom(column), fieldTo(column), into)) return false;
  if (word(LineWord.IN_MILLISECONDS) === 1) store<f64>(into, Math.ceil(load<f64>(into) / 1000));
  return true;
}

function readParties(row: i32, service: i32): bool {
  store<f64>(VALUE_AT + (row << 3), 0);
  if (!readNumber(word(LineWord.A_NUMBER), A_NUMBER_AT + (row << 3), true)) return false;
  const needsB = service === VOICE || service === SMS;
  return readNumber(word(LineWord.B_NUMBER), B_NUMBER_AT + (row << 3), !needsB);
}

// A plus and digits, or nothing where that may be.
function readNumber(column: i32, into: i32, mayMiss: bool): bool {
  const from = fieldFrom(column);
  const to = fieldTo(column);
  if (from === to) {
    store<f64>(into, 0);
    return mayMiss;
  }
  if (load<u8>(from) !== PLUS || load<u8>(from + 1) === ZERO) return false;
  return readWhole(from + 1, to, into);
}

function readTrunks(row: i32): bool {
  const incoming = trunkOf(word(LineWord.IN_TRUNK), word(LineWord.DEFAULT_IN_TRUNK));
  const outgoing = trunkOf(word(LineWord.OUT_TRUNK), word(LineWord.DEFAULT_OUT_TRUNK));
  store<i32>(IN_TRUNK_AT + (row << 2), incoming);
  store<i32>(OUT_TRUNK_AT + (row << 2), outgoing);
  return incoming >= 0 && outgoing >= 0;
}

function trunkOf(column: i32, absent: i32): i32 {
  if (isEmpty(column)) return absent;
  const trunks = word(LineWord.TRUNKS_AT);
  return find(trunks, word(LineWord.TRUNKS_MASK), fieldFrom(column), fieldTo(column));
}

// The hash of `identity-hash.ts`, of one field and the unit separator.
function readIdentity(row: i32): bool {
  const from = fieldFrom(word(LineWord.IDENTITY));
  const to = fieldTo(word(LineWord.IDENTITY));
  if (to === from || to - from >= MAX_IDENTITY_BYTES) return false;
  let a: i32 = 0x1b873593;
  let b: i32 = 0x38b34ae5;
  let c: i32 = 0x239b961b;
  let d: i32 = <i32>0xa1e38b93;
  let at = from;
  let rest = to - from;
  for (; rest >= 0; rest -= 16) {
    const a2 = lane(a, wordOf(at, rest), <i32>0x85ebca6b, 15, b);
    b = lane(b, wordOf(at + 4, rest - 4), <i32>0xc2b2ae35, 16, c);
    c = lane(c, wordOf(at + 8, rest - 8), 0x27d4eb2f, 17, d);
    d = lane(d, wordOf(at + 12, rest - 12), 0x165667b1, 18, a2);
    a = a2;
    at += 16;
  }
  const length = to - from + 1;
  b ^= length;
  c ^= length;
  d ^= length;
  const sum = (a ^ length) + b + c + d;
  const b2 = finish(b + sum);
  const c2 = finish(c + sum);
  const d2 = finish(d + sum);
  const first = finish(sum) + b2 + c2 + d2;
  store<i32>(IDENTITY_0_AT + (row << 2), first);
  store<i32>(IDENTITY_1_AT + (row << 2), b2 + first);
  store<i32>(IDENTITY_2_AT + (row << 2), c2 + first);
  store<i32>(IDENTITY_3_AT + (row << 2), d2 + first);
  return true;
}

function lane(state: i32, input: i32, factor: i32, turn: i32, next: i32): i32 {
  const turned = rotl(input * factor, turn);
  return (rotl(state ^ (turned * <i32>0x9e3779b1), 13) + next) * 5 + 0x561ccd1b;
}

function finish(value: i32): i32 {
  let hash = value ^ (value >>> 16);
  hash *= <i32>0x85ebca6b;
  hash ^= hash >>> 13;
  hash *= <i32>0xc2b2ae35;
  return hash ^ (hash >>> 16);
}

// A word of which `count` bytes count; the byte behind them is the separator when it is its own.
function wordOf(at: i32, count: i32): i32 {
  const value = load<i32>(at);
  if (count >= 4) return value;
  if (count < 0) return 0;
  const bits = count << 3;
  return (value & ((1 << bits) - 1)) | (UNIT_SEPARATOR << bits);
}

// The value of a name in a dictionary, -1 for none. `QuickLines` has written the dictionary.
function find(dictionary: i32, mask: i32, from: i32, to: i32): i32 {
  const length = to - from;
  let hash: i32 = <i32>0x811c9dc5;
  for (let at = from; at < to; at += 1) hash = (hash ^ <i32>load<u8>(at)) * 0x01000193;
  let entry = dictionary + ((hash ^ (hash >>> 15)) & mask) * NAME_BYTES;
  const end = dictionary + (mask + 1) * NAME_BYTES;
  for (let known = load<i32>(entry); known !== ABSENT; known = load<i32>(entry)) {
    if (known === length && memory.compare(load<i32>(entry + 8), from, length) === 0) {
      return load<i32>(entry + 4);
    }
    entry += NAME_BYTES;
    if (entry === end) entry = dictionary;
  }
  return ABSENT;
}

// A whole number without sign of at most 15 digits.
function readWhole(from: i32, to: i32, into: i32): bool {
  if (from >= to || to - from > MOST_DIGITS) return false;
  let value: i64 = 0;
  for (let at = from; at < to; at += 1) {
    const digit = <u32>load<u8>(at) - <u32>ZERO;
    if (digit > 9) return false;
    value = value * 10 + <i64>digit;
  }
  store<f64>(into, <f64>value);
  return true;
}

function two(at: i32): i32 {
  const high = <u32>load<u8>(at) - <u32>ZERO;
  const low = <u32>load<u8>(at + 1) - <u32>ZERO;
  return high > 9 || low > 9 ? ABSENT : <i32>(high * 10 + low);
}

function daysInMonth(year: i32, month: i32): i32 {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function epochDay(year: i32, month: i32, ofMonth: i32): i32 {
  // Years that begin in March make the leap day the last of its year.
  const y = month <= 2 ? year - 1 : year;
  const m = month <= 2 ? month + 9 : month - 3;
  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + ofMonth - 719_469;
}

function word(name: i32): i32 {
  return load<i32>(LINE_WORDS_AT + (name << 2));
}

function isEmpty(column: i32): bool {
  return column === ABSENT || fieldFrom(column) === fieldTo(column);
}

function fieldFrom(column: i32): i32 {
  return load<i32>(FIELDS_AT + (column << 2));
}

function fieldTo(column: i32): i32 {
  return load<i32>(FIELDS_AT + 4 + (column << 2)) - 1;
}
