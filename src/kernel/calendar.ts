import { Temporal } from 'temporal-polyfill';
import { DomainError } from './errors.js';
import type { Period } from './period.js';

/** A civil date as `YYYY-MM-DD` text; it needs a zone to become an instant. */
export type IsoDate = string;

/** A calendar month as `YYYY-MM` text. */
export type IsoMonth = string;

/**
 * Which instant a wall clock means when it shows that time twice or never. `earlier` and `later`
 * pick one of the two; in a gap they read the clock with the offset after or before the change.
 * `compatible` is earlier in an overlap and later in a gap; `reject` refuses both.
 */
export type Disambiguation = 'compatible' | 'earlier' | 'later' | 'reject';

/** The last date that has four digits for its year. */
export const LAST_DATE: IsoDate = '9999-12-31';

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.parse('0001-01-01T00:00:00Z') / DAY_MS;
const LAST_DAY = Date.parse(`${LAST_DATE}T00:00:00Z`) / DAY_MS;
const isoDateText = /^\d{4}-\d{2}-\d{2}$/;
const isoMonthText = /^(\d{4})-(0[1-9]|1[0-2])$/;
const zoneText = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;

/** Names found valid, in lower case; the zones of the world bound its size. */
const knownZones = new Set<string>();

/** Refuses with INVALID_TIME_ZONE all but names of the IANA database (`+02:00` is an offset). */
export function assertTimeZone(zone: string): void {
  if (!isTimeZone(zone)) {
    throw new DomainError('INVALID_TIME_ZONE', 'The name is not an IANA time zone.', {
      zone: zone.slice(0, 64),
    });
  }
}

/**
 * Whether the text names a zone of the IANA database. The platform takes letters for more, such as
 * BST for the clock of Dhaka; they are none.
 */
export function isTimeZone(zone: string): boolean {
  const key = zone.toLowerCase();
  if (knownZones.has(key)) return true;
  if (!zoneText.test(zone)) return false;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
  } catch {
    return false;
  }
  knownZones.add(key);
  return true;
}

/** The civil date a number of days after 1970-01-01, years 0 to 9999; else INVALID_DATE. */
export function isoFromEpochDay(day: number): IsoDate {
  const date = new Date(day * DAY_MS);
  const text = Number.isInteger(day) && !Number.isNaN(date.getTime()) ? date.toISOString() : '';
  const iso = text.slice(0, 10);
  if (!isoDateText.test(iso)) throw invalidDate(String(day));
  return iso;
}

/** Days from 1970-01-01 to a civil date. Refuses with INVALID_DATE a day that does not exist. */
export function epochDayFromIso(isoDate: IsoDate): number {
  if (!isoDateText.test(isoDate)) throw invalidDate(isoDate);
  const day = Date.parse(`${isoDate}T00:00:00Z`) / DAY_MS;
  if (Number.isNaN(day) || isoFromEpochDay(day) !== isoDate) throw invalidDate(isoDate);
  return day;
}

/** Calendar days from the first date to the second, negative when the second is earlier. */
export function daysBetween(isoA: IsoDate, isoB: IsoDate): number {
  return epochDayFromIso(isoB) - epochDayFromIso(isoA);
}

/** The civil date so many days later (earlier when negative). */
export function addDays(isoDate: IsoDate, days: number): IsoDate {
  return isoFromEpochDay(epochDayFromIso(isoDate) + days);
}

/** The first instant (epoch milliseconds) of a civil date in a zone, on DST days as well. */
export function startOfDay(zone: string, isoDate: IsoDate): number {
  return dateOf(isoDate).toZonedDateTime(checked(zone)).epochMilliseconds;
}

/** The civil date that calendars in the zone show at an instant (epoch milliseconds). */
export function civilDate(zone: string, epochMs: number): IsoDate {
  return isoFromEpochDay(localDay(zone, epochMs));
}

/**
 * As {@link civilDate}, for ends and beginnings: where the clock of the zone has passed the last
 * date at an instant of UTC's last day, which people give for ever, it is the last one still, and
 * at the other end of time the first of the year 1.
 */
export function civilEdge(zone: string, epochMs: number): IsoDate {
  return isoFromEpochDay(Math.min(Math.max(localDay(zone, epochMs), FIRST_DAY), LAST_DAY));
}

function localDay(zone: string, epochMs: number): number {
  return Math.floor((epochMs + offsetMs(zone, epochMs)) / DAY_MS);
}

/** The day of a zone as a period; 23 or 25 hours where clocks change. */
export function dayPeriod(zone: string, isoDate: IsoDate): Period {
  return { from: startOfDay(zone, isoDate), to: startOfDay(zone, addDays(isoDate, 1)) };
}

/** The calendar month of a zone as a period. */
export function monthPeriod(zone: string, month: IsoMonth): Period {
  const next = nextMonth(month);
  return { from: startOfDay(zone, `${month}-01`), to: startOfDay(zone, `${next}-01`) };
}

/** The month after. Refuses with INVALID_DATE what is not a month. */
export function nextMonth(month: IsoMonth): IsoMonth {
  return addMonths(month, 1);
}

/** The month so many months later (earlier when negative). */
export function addMonths(month: IsoMonth, months: number): IsoMonth {
  const match = isoMonthText.exec(month);
  if (!match) throw invalidDate(month);
  const count = Number(match[1]) * 12 + Number(match[2]) - 1 + months;
  const year = Math.floor(count / 12);
  if (!Number.isInteger(count) || year < 0 || year > 9999) throw invalidDate(month);
  return `${String(year).padStart(4, '0')}-${String(count - year * 12 + 1).padStart(2, '0')}`;
}

/**
 * The instant (epoch milliseconds) at which clocks in a zone show a local time. Refuses with
 * INVALID_DATE a time that no clock shows anywhere and, when asked to reject, with AMBIGUOUS_TIME
 * one that a clock change repeats or skips.
 */
export function wallClockToUtc(
  zone: string,
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  disambiguation: Disambiguation = 'compatible',
): number {
  const local = localTime([year, month, day, hour, minute, second]);
  const timeZone = checked(zone);
  if (disambiguation === 'reject') {
    const early = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' }).epochMilliseconds;
    const late = local.toZonedDateTime(timeZone, { disambiguation: 'later' }).epochMilliseconds;
    if (early !== late) {
      throw new DomainError('AMBIGUOUS_TIME', 'The local time occurs twice or never.', {
        zone,
        local: local.toString(),
      });
    }
    return early;
  }
  return local.toZonedDateTime(timeZone, { disambiguation }).epochMilliseconds;
}

type LocalFields = [number, number, number, number, number, number];

function localTime(fields: LocalFields): Temporal.PlainDateTime {
  const [year] = fields;
  if (!fields.every(Number.isInteger) || year < 0 || year > 9999) {
    throw invalidDate(fields.join(' '));
  }
  try {
    return new Temporal.PlainDateTime(...fields);
  } catch {
    throw invalidDate(fields.join(' '));
  }
}

function offsetMs(zone: string, epochMs: number): number {
  if (!Number.isInteger(epochMs) || Math.abs(epochMs) > 8.64e15) {
    throw invalidDate(String(epochMs));
  }
  const instant = Temporal.Instant.fromEpochMilliseconds(epochMs);
  return instant.toZonedDateTimeISO(checked(zone)).offsetNanoseconds / 1_000_000;
}

function dateOf(isoDate: IsoDate): Temporal.PlainDate {
  epochDayFromIso(isoDate);
  return Temporal.PlainDate.from(isoDate);
}

function checked(zone: string): string {
  assertTimeZone(zone);
  return zone;
}

function invalidDate(text: string): DomainError {
  return new DomainError('INVALID_DATE', 'The text is not a date of the calendar.', {
    text: text.slice(0, 64),
  });
}

/** An instant as ISO 8601 with the clock and offset of a zone: `2026-10-20T12:00:00+02:00`. */
export function zonedIso(at: Date, zone: string): string {
  const clock = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone);
  return clock.toString({ timeZoneName: 'never' });
}
