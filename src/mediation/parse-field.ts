import { localToUtc, type NumberRules, type ZoneTransitions } from '../kernel/index.js';
import type { TimeType } from './format.js';

/** What a field parser answers when the bytes are not what the format declares. */
export const NOT_READABLE = -1;

const DAY_MS = 86_400_000;
const EARLIEST_MS = Date.UTC(2000, 0, 1);
const LATEST_MS = Date.UTC(2100, 0, 1);

/** A whole number without sign of at most 15 digits, or {@link NOT_READABLE}. */
export function readWhole(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length < 1 || length > 15) return NOT_READABLE;
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return NOT_READABLE;
    value = value * 10 + digit;
  }
  return value;
}

/** Decimals of money in a record, and the most digits before the point. */
const SCALE = 8;
const WHOLE_DIGITS = 7;

/** A decimal without sign as a whole number at scale 8; NOT_READABLE for anything else. */
export function readDecimal(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  let decimals = -1;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at]!;
    if (byte === 46 && decimals < 0 && at > from) decimals = 0;
    else if (byte < 48 || byte > 57) return NOT_READABLE;
    else {
      value = value * 10 + (byte - 48);
      if (decimals >= 0) decimals += 1;
      else if (at - from >= WHOLE_DIGITS) return NOT_READABLE;
      if (decimals > SCALE) return NOT_READABLE;
    }
  }
  if (from === to || decimals === 0) return NOT_READABLE;
  return value * 10 ** (SCALE - Math.max(decimals, 0));
}

/** Milliseconds as started seconds: a call of 1 ms has used its first second. */
export function secondsOfMilliseconds(milliseconds: number): number {
  return milliseconds < 0 ? milliseconds : Math.ceil(milliseconds / 1000);
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

  /**
   * The number as an integer; 0 when it is empty, withheld or alphanumeric; or
   * {@link NOT_READABLE}.
   */
  read(bytes: Uint8Array, from: number, to: number): number {
    // Most numbers are a plus and digits, which need no second look.
    if (bytes[from] === 43 && bytes[from + 1] !== 48) {
      const plain = readWhole(bytes, from + 1, to);
      if (plain !== NOT_READABLE) return plain;
    }
    return this.#readSigns(bytes, from, to);
  }

  #readSigns(bytes: Uint8Array, from: number, to: number): number {
    const digits = this.#digits;
    let count = 0;
    let plus = false;
    for (let at = from; at < to; at += 1) {
      const sign = bytes[at]!;
      const digit = sign - 48;
      if (digit >= 0 && digit <= 9) {
        // What does not fit is left out: 64 digits are too many already, but a letter may follow.
        if (count < 64) digits[count++] = digit;
      } else if (sign === 43 && count === 0 && !plus) plus = true;
      else if (isLetter(sign)) return 0;
      else if (!isSeparator(sign)) return NOT_READABLE;
    }
    return count === 0 ? 0 : this.#value(count, plus);
  }

  #value(count: number, plus: boolean): number {
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
    if (rest < 1) return 0;
    if (national && rest < this.#nationalMin) return NOT_READABLE;
    if (rest + (national ? this.#countryDigits : 0) > 15) return NOT_READABLE;
    if (!national && this.#digits[start] === 0) return NOT_READABLE;
    let value = national ? this.#country : 0;
    for (let at = start; at < count; at += 1) value = value * 10 + this.#digits[at]!;
    return value;
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
  // The date of the previous record; feeds are nearly always in order of time.
  #dateKey = -1;
  #dateMs = 0;

  constructor(type: TimeType, zone: ZoneTransitions) {
    this.#type = type;
    this.#zone = zone;
  }

  /** Milliseconds within 2000 to 2099, or {@link NOT_READABLE}. */
  read(bytes: Uint8Array, from: number, to: number): number {
    const value = this.#read(bytes, from, to);
    return value >= EARLIEST_MS && value < LATEST_MS ? value : NOT_READABLE;
  }

  #read(bytes: Uint8Array, from: number, to: number): number {
    switch (this.#type) {
      case 'ISO':
        return this.#iso(bytes, from, to);
      case 'LOCAL':
        return this.#local(bytes, from, to);
      case 'COMPACT':
        return to - from === 14
          ? this.#toUtc(this.#clock(bytes, from, from + 8, 0, 0), 0)
          : NOT_READABLE;
      case 'EPOCH_SECONDS':
        return readWhole(bytes, from, to) * 1000;
      case 'EPOCH_MILLISECONDS':
        return readWhole(bytes, from, to);
    }
  }

  #iso(bytes: Uint8Array, from: number, to: number): number {
    if (to - from < 20 || (bytes[from + 10]! | 32) !== 116) return NOT_READABLE;
    const clock = this.#clock(bytes, from, from + 11, 1, 1);
    const end = fractionEnd(bytes, from + 19, to);
    if (clock < 0 || end < 0) return NOT_READABLE;
    const fraction = fractionMs(bytes, from + 19, end);
    const sign = bytes[end];
    if (end + 1 === to && (sign! | 32) === 122) return clock + fraction;
    if (end + 6 !== to || (sign !== 43 && sign !== 45) || bytes[end + 3] !== 58)
      return NOT_READABLE;
    const hours = two(bytes, end + 1);
    const minutes = two(bytes, end + 4);
    if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return NOT_READABLE;
    const offset = (hours * 60 + minutes) * 60_000;
    return clock + fraction + (sign === 43 ? -offset : offset);
  }

  #local(bytes: Uint8Array, from: number, to: number): number {
    const gap = bytes[from + 10]!;
    if (to - from < 19 || (gap !== 32 && (gap | 32) !== 116)) return NOT_READABLE;
    const end = fractionEnd(bytes, from + 19, to);
    if (end !== to) return NOT_READABLE;
    const clock = this.#clock(bytes, from, from + 11, 1, 1);
    return this.#toUtc(clock, fractionMs(bytes, from + 19, end));
  }

  #toUtc(clockMs: number, fraction: number): number {
    if (clockMs < 0) return NOT_READABLE;
    return localToUtc(this.#zone, clockMs / 1000) * 1000 + fraction;
  }

  // The wall clock as if it were UTC. `dateGap` and `timeGap` are the signs between the parts.
  #clock(b: Uint8Array, date: number, time: number, dateGap: number, timeGap: number): number {
    const dayMs = this.#date(b, date, dateGap);
    const step = 2 + timeGap;
    if (timeGap === 1 && (b[time + 2] !== 58 || b[time + 5] !== 58)) return NOT_READABLE;
    const hours = two(b, time);
    const minutes = two(b, time + step);
    const seconds = two(b, time + 2 * step);
    if (dayMs < 0 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NOT_READABLE;
    if (seconds < 0 || seconds > 59) return NOT_READABLE;
    return dayMs + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  }

  #date(b: Uint8Array, at: number, gap: number): number {
    const high = two(b, at);
    const low = two(b, at + 2);
    const month = two(b, at + 4 + gap);
    const day = two(b, at + 6 + 2 * gap);
    if (gap === 1 && (b[at + 4] !== 45 || b[at + 7] !== 45)) return NOT_READABLE;
    if (high < 0 || low < 0 || month < 1 || month > 12) return NOT_READABLE;
    // A day beyond 31 would have the key of a day of the next month.
    if (day < 1 || day > 31) return NOT_READABLE;
    const year = high * 100 + low;
    const key = (year * 12 + month) * 32 + day;
    if (key === this.#dateKey) return this.#dateMs;
    if (year < 1970 || day > daysInMonth(year, month)) return NOT_READABLE;
    this.#dateKey = key;
    this.#dateMs = epochDay(year, month, day) * DAY_MS;
    return this.#dateMs;
  }
}

function two(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! - 48;
  const low = bytes[at + 1]! - 48;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : NOT_READABLE;
}

function fractionEnd(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to || bytes[from] !== 46) return from;
  let at = from + 1;
  while (at < to && bytes[at]! >= 48 && bytes[at]! <= 57) at += 1;
  return at === from + 1 || at > from + 10 ? NOT_READABLE : at;
}

// Records keep milliseconds; what is finer is cut off, so a time never moves into the future.
function fractionMs(bytes: Uint8Array, from: number, end: number): number {
  let value = 0;
  for (let place = 1; place <= 3; place += 1) {
    value = value * 10 + (from + place < end ? bytes[from + place]! - 48 : 0);
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
