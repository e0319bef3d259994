import { DomainError, epochDayFromIso, startOfDay, wallClockToUtc } from '../kernel/index.js';

/** How days are written in digits; ISO dates and dates with the name of a month are always read. */
export const dateFormats = {
  ISO: 'Year, month, day: 2026-07-31.',
  DAY_MONTH_YEAR: '31.07.2026, 31/07/2026 or 31-7-2026.',
  MONTH_DAY_YEAR: '07/31/2026, 07.31.2026 or 7-31-2026.',
} as const;
export type DateFormat = keyof typeof dateFormats;

const TIME = '(?:[ T]+(\\d{1,2}):(\\d\\d)(?::(\\d\\d))?)?';
const isoDate = new RegExp(`^(\\d{4})-(\\d\\d)-(\\d\\d)${TIME}$`);
const numberDate = new RegExp(`^(\\d{1,2})[./-](\\d{1,2})[./-](\\d{4})${TIME}$`);
const namedDate = new RegExp(`^(\\d{1,2})[ -.]([A-Za-z]{3,9})[ -.](\\d{4})${TIME}$`);
const zonedTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/** Years 1 to 9999: what can be written as a date again, and the database holds. */
const FIRST = Date.parse('0001-01-01T00:00:00Z');
const END = Date.parse('9999-12-31T23:59:59.999Z') + 1;

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const FULL_MONTHS =
  'january february march april may june july august september october november december';

/** The instant that a text means on the clock of a zone, in epoch milliseconds; null for none. */
export function readInstant(text: string, zone: string, format: DateFormat): number | null {
  try {
    const at = zonedTime.test(text) ? zonedInstant(text) : localInstant(text, zone, format);
    return at !== null && at >= FIRST && at < END ? at : null;
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

function zonedInstant(text: string): number {
  // Date.parse takes the 30th of February for the 2nd of March.
  epochDayFromIso(text.slice(0, 10));
  return Date.parse(text);
}

function localInstant(text: string, zone: string, format: DateFormat): number | null {
  const parts = partsOf(text, format);
  if (parts === null) return null;
  const { year, month, day, time } = parts;
  if (time === null) return startOfDay(zone, isoDay(year, month, day));
  return wallClockToUtc(zone, year, month, day, time[0], time[1], time[2]);
}

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly time: readonly [number, number, number] | null;
}

function partsOf(text: string, format: DateFormat): Parts | null {
  const iso = isoDate.exec(text);
  if (iso) return parts(iso[1], iso[2], iso[3], iso);
  const named = namedDate.exec(text);
  if (named) return parts(named[3], monthOf(named[2] as string), named[1], named);
  const numbers = format === 'ISO' ? null : numberDate.exec(text);
  if (!numbers) return null;
  const [, first, second, year] = numbers;
  return format === 'DAY_MONTH_YEAR'
    ? parts(year, second, first, numbers)
    : parts(year, first, second, numbers);
}

function parts(
  year: string | undefined,
  month: string | number | undefined,
  day: string | undefined,
  match: RegExpExecArray,
): Parts {
  const [, , , , hour, minute, second] = match;
  const time = hour === undefined ? null : ([hour, minute, second ?? '0'] as const);
  return {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    time: time && [Number(time[0]), Number(time[1]), Number(time[2])],
  };
}

function monthOf(name: string): number {
  const plain = name.toLowerCase();
  const full = FULL_MONTHS.split(' ').indexOf(plain);
  return (full >= 0 ? full : MONTHS.indexOf(plain)) + 1;
}

function isoDay(year: number, month: number, day: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}
