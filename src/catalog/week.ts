import { DomainError, localSeconds, zoneTransitions } from '../kernel/index.js';

/**
 * Days in the order of the bits of a rule's mask: bit 0 is Monday, bit 6 Sunday, bit 7 a holiday
 * of the profile's calendar, whatever day of the week it is.
 */
export const WEEKDAYS = [
  'MONDAY',
  'TUESDAY',
  'WEDNESDAY',
  'THURSDAY',
  'FRIDAY',
  'SATURDAY',
  'SUNDAY',
  'HOLIDAY',
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

const HOLIDAY = 7;
const DAY_MINUTES = 1_440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
const DAY_MS = 86_400_000;

/** Minutes `[fromMinute, toMinute)` of the days in the mask belong to the band. */
export interface BandRule {
  readonly bandId: number;
  readonly weekdays: number;
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** Days as a mask; refuses with TIME_BANDS_REFUSED when there is none. */
export function weekdayMask(days: readonly Weekday[]): number {
  if (days.length === 0) throw refused('A rule names at least one day.');
  return days.reduce((mask, day) => mask | (1 << WEEKDAYS.indexOf(day)), 0);
}

/** The days in a mask. */
export function weekdaysOf(mask: number): Weekday[] {
  return WEEKDAYS.filter((_, i) => (mask >> i) & 1);
}

/** `HH:MM` as a minute of the day, 24:00 included; else TIME_BANDS_REFUSED. */
export function minuteOf(text: string): number {
  const match = /^(\d\d):([0-5]\d)$/.exec(text);
  const minute = match ? Number(match[1]) * 60 + Number(match[2]) : Number.NaN;
  if (!(minute <= DAY_MINUTES)) throw refused(`"${text.slice(0, 16)}" is not a time HH:MM.`);
  return minute;
}

/** A minute of the day as `HH:MM`. */
export function minuteText(minute: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/**
 * The band of each minute of the week, from Monday 00:00; 0 where there is none. Refuses with
 * TIME_BANDS_REFUSED a rule that ends before it begins, or rules that share a minute.
 */
export function weekTable(rules: readonly BandRule[]): Int32Array {
  const week = new Int32Array(WEEK_MINUTES);
  for (let day = 0; day < HOLIDAY; day += 1) {
    fillDay(week.subarray(day * DAY_MINUTES, (day + 1) * DAY_MINUTES), day, rules);
  }
  return week;
}

/**
 * The band of each minute of a holiday; null when no rule is for holidays, so that they are days
 * like others. Refuses as {@link weekTable}.
 */
export function holidayTable(rules: readonly BandRule[]): Int32Array | null {
  if (!rules.some((rule) => isFor(rule, HOLIDAY))) return null;
  const day = new Int32Array(DAY_MINUTES);
  fillDay(day, HOLIDAY, rules);
  return day;
}

function isFor(rule: BandRule, day: number): boolean {
  return ((rule.weekdays >> day) & 1) === 1;
}

function fillDay(minutes: Int32Array, day: number, rules: readonly BandRule[]): void {
  for (const rule of rules) {
    if (rule.toMinute <= rule.fromMinute) {
      throw refused('A rule ends after it begins; one over midnight is written as two.');
    }
    if (!isFor(rule, day)) continue;
    for (let minute = rule.fromMinute; minute < rule.toMinute; minute += 1) {
      if (minutes[minute] !== 0) {
        throw refused(`Two rules cover ${WEEKDAYS[day]} ${minuteText(minute)}.`);
      }
      minutes[minute] = rule.bandId;
    }
  }
}

/**
 * What the clock of a zone shows at an instant, as milliseconds as if it were UTC. Refuses with
 * INVALID_TIME_ZONE.
 */
export function localMs(zone: string, atMs: number): number {
  const second = Math.floor(atMs / 1000);
  return localSeconds(zoneTransitions(zone, second * 1000, second * 1000 + 1000), second) * 1000;
}

/** The minute of the week that a clock shows; `localMs` is what it shows as if it were UTC. */
export function minuteOfWeek(localMs: number): number {
  const days = Math.floor(localMs / DAY_MS);
  // 1970-01-01 was a Thursday, three days after a Monday.
  const weekday = (((days + 3) % 7) + 7) % 7;
  return weekday * DAY_MINUTES + Math.floor((localMs - days * DAY_MS) / 60_000);
}

function refused(message: string): DomainError {
  return new DomainError('TIME_BANDS_REFUSED', message);
}
