import {
  localToUtc,
  type NumberRules,
  type ZoneTransitions,
  zoneTransitions,
} from '../kernel/index.js';
import type { TimeType } from './format.js';

/** A part of a field that is not what the format declares. */
const NOT_READABLE = -1;
const DAY_SECONDS = 86_400;
const DAY_MS = 86_400_000;
const EARLIEST_MS = Date.UTC(2000, 0, 1);
const LATEST_MS = Date.UTC(2100, 0, 1);

/** Most digits of a whole number that is read. */
const MAX_DIGITS = 15;
/** Digits that surely fit 31 bits. */
const WORD_DIGITS = 9;
const WORD = 10 ** WORD_DIGITS;

// Readers write what they read into place `row` of an array and answer whether they could: a
// number that a function hands back is an object on the heap each time, unless it is small.

/** A whole number without sign of at most 15 digits; false when it is not one. */
export function readWhole(
  view: DataView,
  from: number,
  to: number,
  into: Float64Array,
  row: number,
): boolean {
  const length = to - from;
  if (length < 1 || length > MAX_DIGITS) return false;
  // Two small numbers, since whole numbers of 32 bits are added up faster.
  const middle = length > WORD_DIGITS ? to - WORD_DIGITS : from;
  let high = 0;
  for (let at = from; at < middle; at += 1) {
    const digit = view.getUint8(at) - 48;
    if (digit >>> 0 > 9) return false;
    high = high * 10 + digit;
  }
  let low = 0;
  for (let at = middle; at < to; at += 1) {
    const digit = view.getUint8(at) - 48;
    if (digit >>> 0 > 9) return false;
    low = low * 10 + digit;
  }
  into[row] = high * WORD + low;
  return true;
}

/** Decimals of money in a record, and the most digits before the point. */
const SCALE = 8;
const WHOLE_DIGITS = 7;

/** A decimal without sign as a whole number at scale 8; false for anything else. */
export function readDecimal(
  view: DataView,
  from: number,
  to: number,
  into: Float64Array,
  row: number,
): boolean {
  let value = 0;
  let decimals = -1;
  for (let at = from; at < to; at += 1) {
    const sign = view.getUint8(at);
    if (sign === 46 && decimals < 0 && at > from) decimals = 0;
    else if (sign < 48 || sign > 57) return false;
    else {
      value = value * 10 + (sign - 48);
      if (decimals >= 0) decimals += 1;
      else if (at - from >= WHOLE_DIGITS) return false;
      if (decimals > SCALE) return false;
    }
  }
  if (from === to || decimals === 0) return false;
  into[row] = value * 10 ** (SCALE - Math.max(decimals, 0));
  return true;
}

/** Milliseconds as started seconds: a call of 1 ms has used its first second. */
export function secondsOfMilliseconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}

/**
 * Reads numbers by the rules of one source. The same rules as `normaliseNumber` of the kernel,
 * which is its oracle, on bytes and without strings; separators are dropped, a prefix is cut and
 * the country code put before national numbers.
 */
export class NumberReader {
  readonly #digits = new Uint8Array(64);
  readonly #international: Uint8Array[];
  readonly #trunk: Uint8Array;
  readonly #country: number;
  readonly #countryDigits: number;
  readonly #bareIsNational: boolean;
  readonly #nationalMin: number;

  constructor(rules: NumberRules) {
    const digitsOf = (text: string) => Uint8Array.from(text, (sign) => Number(sign));
    this.#international = [...rules.internationalPrefixes]
      .sort((left, right) => right.length - left.length)
      .map(digitsOf);
    this.#trunk = digitsOf(rules.trunkPrefix);
    this.#country = Number(rules.countryCode);
    this.#countryDigits = rules.countryCode.length;
    this.#bareIsNational = rules.bare === 'NATIONAL';
    this.#nationalMin = rules.nationalMin ?? 0;
  }

  /** The number as an integer, 0 when it is empty, withheld or alphanumeric. */
  read(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean {
    // Most numbers are a plus and digits, which need no second look.
    if (view.getUint8(from) === 43 && view.getUint8(from + 1) !== 48) {
      if (readWhole(view, from + 1, to, into, row)) return true;
    }
    return this.#readSigns(view, from, to, into, row);
  }

  #readSigns(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean {
    const digits = this.#digits;
    let count = 0;
    let plus = false;
    into[row] = 0;
    for (let at = from; at < to; at += 1) {
      const sign = view.getUint8(at);
      const digit = sign - 48;
      if (digit >= 0 && digit <= 9) {
        // What does not fit is left out: 64 digits are too many already, but a letter may follow.
        if (count < 64) digits[count++] = digit;
      } else if (sign === 43 && count === 0 && !plus) plus = true;
      else if (isLetter(sign)) return true;
      else if (!isSeparator(sign)) return false;
    }
    return count === 0 || this.#value(count, plus, into, row);
  }

  #value(count: number, plus: boolean, into: Float64Array, row: number): boolean {
    let start = 0;
    let national = false;
    if (!plus) {
      start = this.#internationalLength(count);
      if (start === 0) {
        const trunk = this.#trunk.length > 0 && this.#begins(this.#trunk, count);
        start = trunk ? this.#trunk.length : 0;
        national = trunk || this.#bareIsNational;
      }
    }
    const rest = count - start;
    if (rest < 1) return true;
    if (national && rest < this.#nationalMin) return false;
    if (rest + (national ? this.#countryDigits : 0) > MAX_DIGITS) return false;
    if (!national && this.#digits[start] === 0) return false;
    let value = national ? this.#country : 0;
    for (let at = start; at < count; at += 1) value = value * 10 + this.#digits[at]!;
    into[row] = value;
    return true;
  }

  #internationalLength(count: number): number {
    for (const prefix of this.#international) {
      if (this.#begins(prefix, count)) return prefix.length;
    }
    return 0;
  }

  #begins(prefix: Uint8Array, count: number): boolean {
    if (prefix.length > count) return false;
    for (let at = 0; at < prefix.length; at += 1) {
      if (prefix[at] !== this.#digits[at]) return false;
    }
    return true;
  }
}

function isLetter(sign: number): boolean {
  const lower = sign | 32;
  return lower >= 97 && lower <= 122;
}

// Space, tab and - . / ( ) [ ]
function isSeparator(sign: number): boolean {
  return (
    sign === 32 ||
    sign === 9 ||
    (sign >= 45 && sign <= 47) ||
    sign === 40 ||
    sign === 41 ||
    sign === 91 ||
    sign === 93
  );
}

/** Reads instants of one type and zone as milliseconds since 1970 in UTC. */
export class TimeReader {
  readonly #type: TimeType;
  readonly #zone: ZoneTransitions;
  // The date of the previous record, as its digits and in days since 1970; feeds are nearly
  // always in order of time.
  #yearSigns = 0;
  #daySigns = 0;
  #day = 0;

  constructor(type: TimeType, zone: ZoneTransitions) {
    this.#type = type;
    this.#zone = zone;
  }

  /** Milliseconds within 2000 to 2099. */
  read(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean {
    return (
      this.#read(view, from, to, into, row) && into[row]! >= EARLIEST_MS && into[row]! < LATEST_MS
    );
  }

  #read(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean {
    switch (this.#type) {
      case 'ISO':
        return this.#iso(view, from, to, into, row);
      case 'LOCAL':
        return this.#local(view, from, to, into, row);
      case 'COMPACT':
        return to - from === 14 && this.#toUtc(this.#clock(view, from, from + 8, 0), 0, into, row);
      case 'EPOCH_SECONDS':
        if (!readWhole(view, from, to, into, row)) return false;
        into[row] = into[row]! * 1000;
        return true;
      case 'EPOCH_MILLISECONDS':
        return readWhole(view, from, to, into, row);
    }
  }

  #iso(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean {
    if (to - from < 20 || (view.getUint8(from + 10) | 32) !== 116) return false;
    const clock = this.#clock(view, from, from + 11, 1);
    const end = fractionEnd(view, from + 19, to);
    if (clock < 0 || end < 0) return false;
    const fraction = end === from + 19 ? 0 : fractionMs(view, from + 19, end);
    const utc = this.#day * DAY_MS + (clock * 1000 + fraction);
    const sign = view.getUint8(end);
    if (end + 1 === to && (sign! | 32) === 122) {
      into[row] = utc;
      return true;
    }
    if (end + 6 !== to || (sign !== 43 && sign !== 45) || view.getUint8(end + 3) !== 58)
      return false;
    const hours = two(view, end + 1);
    const minutes = two(view, end + 4);
    if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return false;
    const offset = (hours * 60 + minutes) * 60_000;
    into[row] = utc + (sign === 43 ? -offset : offset);
    return true;
  }

  #local(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean {
    const gap = view.getUint8(from + 10);
    if (to - from < 19 || (gap !== 32 && (gap | 32) !== 116)) return false;
    const end = fractionEnd(view, from + 19, to);
    if (end !== to) return false;
    const clock = this.#clock(view, from, from + 11, 1);
    return this.#toUtc(clock, fractionMs(view, from + 19, end), into, row);
  }

  #toUtc(clock: number, fraction: number, into: Float64Array, row: number): boolean {
    if (clock < 0) return false;
    into[row] = localToUtc(this.#zone, this.#day * DAY_SECONDS + clock) * 1000 + fraction;
    return true;
  }

  // Seconds of the day on the wall clock; the day itself is left in its field. `gap` is how many
  // signs stand between two parts, of the date as of the time.
  #clock(b: DataView, date: number, time: number, gap: number): number {
    const step = 2 + gap;
    if (gap === 1 && (b.getUint8(time + 2) !== 58 || b.getUint8(time + 5) !== 58))
      return NOT_READABLE;
    const hours = two(b, time);
    const minutes = two(b, time + step);
    const seconds = two(b, time + 2 * step);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NOT_READABLE;
    if (seconds < 0 || seconds > 59 || !this.#date(b, date, gap)) return NOT_READABLE;
    return (hours * 60 + minutes) * 60 + seconds;
  }

  #date(b: DataView, at: number, gap: number): boolean {
    const month = at + 4 + gap;
    const day = month + 2 + gap;
    if (gap === 1 && (b.getUint8(at + 4) !== 45 || b.getUint8(month + 2) !== 45)) return false;
    const yearSigns =
      b.getUint8(at) |
      (b.getUint8(at + 1) << 8) |
      (b.getUint8(at + 2) << 16) |
      (b.getUint8(at + 3) << 24);
    const daySigns =
      b.getUint8(month) |
      (b.getUint8(month + 1) << 8) |
      (b.getUint8(day) << 16) |
      (b.getUint8(day + 1) << 24);
    if (yearSigns === this.#yearSigns && daySigns === this.#daySigns) return true;
    const found = civilDay(two(b, at), two(b, at + 2), two(b, month), two(b, day));
    if (found < 0) return false;
    this.#yearSigns = yearSigns;
    this.#daySigns = daySigns;
    this.#day = found;
    return true;
  }
}

// The day of a date in days since 1970, or NOT_READABLE when there is no such date from 1970 on.
function civilDay(century: number, ofCentury: number, month: number, day: number): number {
  if (century < 0 || ofCentury < 0 || month < 1 || month > 12) return NOT_READABLE;
  const year = century * 100 + ofCentury;
  if (year < 1970 || day < 1 || day > daysInMonth(year, month)) return NOT_READABLE;
  return epochDay(year, month, day);
}

function two(view: DataView, at: number): number {
  const high = view.getUint8(at) - 48;
  const low = view.getUint8(at + 1) - 48;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : NOT_READABLE;
}

function fractionEnd(view: DataView, from: number, to: number): number {
  if (from >= to || view.getUint8(from) !== 46) return from;
  let at = from + 1;
  while (at < to && view.getUint8(at) >= 48 && view.getUint8(at) <= 57) at += 1;
  return at === from + 1 || at > from + 10 ? NOT_READABLE : at;
}

// Records keep milliseconds; what is finer is cut off, so a time never moves into the future.
function fractionMs(view: DataView, from: number, end: number): number {
  let value = 0;
  for (let place = 1; place <= 3; place += 1) {
    value = value * 10 + (from + place < end ? view.getUint8(from + place) - 48 : 0);
  }
  return value;
}

function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Days from 1970-01-01 to a civil date of the Gregorian calendar. */
export function epochDay(year: number, month: number, day: number): number {
  // Years that begin in March make the leap day the last of its year.
  const y = month <= 2 ? year - 1 : year;
  const m = month <= 2 ? month + 9 : month - 3;
  const days = 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return days + Math.floor((153 * m + 2) / 5) + day - 1 - 719_468;
}

const zoneTables = new Map<string, ZoneTransitions>();

/** When the clocks of a zone change, for all times that a record may have. */
export function zoneTable(zone: string): ZoneTransitions {
  let table = zoneTables.get(zone);
  if (table === undefined) {
    table = zoneTransitions(zone, Date.UTC(1990, 0, 1), Date.UTC(2101, 0, 1));
    zoneTables.set(zone, table);
  }
  return table;
}
