/** The month of the demo: October 2026 as people in Berlin live it. */
export const ZONE = 'Europe/Berlin';
export const PERIOD_ON = '2026-10-01';
/** The month's ends in UTC, milliseconds; it has an hour more than its days, as clocks change. */
export const MONTH_FROM = Date.UTC(2026, 8, 30, 22);
export const MONTH_TO = Date.UTC(2026, 9, 31, 23);
/** At this instant the clocks go back from 03:00 to 02:00. */
export const CLOCK_CHANGE = Date.UTC(2026, 9, 25, 1);

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DAYS = 31;

/** The hours that Berlin is ahead of UTC, in milliseconds. */
export function berlinOffset(atMs: number): number {
  return atMs < CLOCK_CHANGE ? 2 * HOUR : HOUR;
}

/** Whether the wall clock shows this instant's time twice. */
export function isAmbiguous(atMs: number): boolean {
  return atMs >= CLOCK_CHANGE - HOUR && atMs < CLOCK_CHANGE + HOUR;
}

/** The deliveries of a source: each file holds the calls of these days of the month. */
export const WEEKS: readonly { readonly from: number; readonly to: number }[] = [
  { from: 1, to: 7 },
  { from: 8, to: 14 },
  { from: 15, to: 21 },
  { from: 22, to: 28 },
  { from: 29, to: 31 },
];

// Calls in each hour of the day, relative, from midnight.
const WORKDAY = [
  2, 1, 1, 1, 1, 3, 8, 22, 48, 70, 78, 76, 58, 62, 74, 72, 64, 52, 40, 32, 26, 18, 9, 4,
];
const HOLIDAY = [
  4, 3, 2, 1, 1, 2, 3, 6, 12, 20, 26, 28, 26, 24, 24, 26, 28, 30, 30, 28, 22, 14, 8, 5,
];
const WORKDAY_SHARE = 100;
const SATURDAY_SHARE = 34;
const SUNDAY_SHARE = 26;

interface Day {
  readonly fromMs: number;
  readonly minutes: number;
  readonly share: number;
  /** Calls until the end of each minute of the day, as parts of its calls. */
  readonly until: Float64Array;
}

const days: readonly Day[] = Array.from({ length: DAYS }, (_, index) => dayOf(index));

function dayOf(index: number): Day {
  const midnightUtc = Date.UTC(2026, 9, 1) + index * DAY;
  const fromMs = midnightUtc - (midnightUtc - 2 * HOUR >= CLOCK_CHANGE ? HOUR : 2 * HOUR);
  const minutes = fromMs < CLOCK_CHANGE && fromMs + DAY > CLOCK_CHANGE ? 1500 : 1440;
  const weekday = new Date(midnightUtc).getUTCDay();
  const rest = weekday === 0 || weekday === 6;
  const hours = rest ? HOLIDAY : WORKDAY;
  const until = new Float64Array(minutes);
  let sum = 0;
  for (let minute = 0; minute < minutes; minute += 1) {
    const atMs = fromMs + minute * 60_000;
    const hour = Math.floor((((atMs + berlinOffset(atMs)) / HOUR) % 24) + 1e-9);
    sum += hours[hour] ?? 4;
    until[minute] = sum;
  }
  for (let minute = 0; minute < minutes; minute += 1) until[minute] = (until[minute] ?? 0) / sum;
  const share = weekday === 0 ? SUNDAY_SHARE : rest ? SATURDAY_SHARE : WORKDAY_SHARE;
  return { fromMs, minutes, share, until };
}

/** How many of the month's `calls` begin on each day, from the first; they add up exactly. */
export function callsByDay(calls: number): number[] {
  const all = days.reduce((sum, day) => sum + day.share, 0);
  let sum = 0;
  let before = 0;
  return days.map((day) => {
    sum += day.share;
    const until = Math.round((calls * sum) / all);
    const own = until - before;
    before = until;
    return own;
  });
}

/**
 * Walks through a day in order of time: give it rising parts of the day's calls (from 0 to below
 * 1) and it answers when such a call begins, in milliseconds since 1970.
 */
export class DayClock {
  readonly #day: Day;
  #minute = 0;

  /** `day` is counted from 1, as in a date. */
  constructor(day: number) {
    const found = days[day - 1];
    if (found === undefined) throw new RangeError(`the month has no day ${day}`);
    this.#day = found;
  }

  at(part: number): number {
    const { until, fromMs, minutes } = this.#day;
    while (this.#minute < minutes - 1 && (until[this.#minute] ?? 1) <= part) this.#minute += 1;
    const before = this.#minute === 0 ? 0 : (until[this.#minute - 1] ?? 0);
    const width = (until[this.#minute] ?? 1) - before;
    const within = Math.min(59_999, Math.floor(((part - before) / width) * 60_000));
    return fromMs + this.#minute * 60_000 + within;
  }
}
