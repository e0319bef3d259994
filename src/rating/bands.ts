import { transitionIndex, type ZoneTransitions } from '../kernel/index.js';
import type { Bands } from './book.js';

const DAY = 86_400;
const WEEK_MINUTES = 10_080;
// 1970-01-01 was a Thursday; weeks of a time profile begin on Monday.
const FIRST_WEEKDAY = 3;

/** Minutes since Monday 00:00 of a local second. */
export function minuteOfWeek(localSeconds: number): number {
  return (Math.floor(localSeconds / 60) + FIRST_WEEKDAY * 1440) % WEEK_MINUTES;
}

/** The band that holds at a local second, 0 for none. */
export function bandAt(bands: Bands, localSeconds: number): number {
  const { holiday } = bands;
  if (holiday !== null && isHoliday(bands, Math.floor(localSeconds / DAY))) {
    return holiday[Math.floor((localSeconds % DAY) / 60)]!;
  }
  return bands.week[minuteOfWeek(localSeconds)]!;
}

function isHoliday({ holidays }: Bands, day: number): boolean {
  let low = 0;
  let high = holidays.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holidays[middle]! < day) low = middle + 1;
    else high = middle;
  }
  return holidays[low] === day;
}

/** Seconds of a call that lie in one band without a break. */
export interface BandSlice {
  readonly band: number;
  readonly seconds: number;
}

/**
 * The bands that a call passes through, second by second on the clock of instants: a minute that
 * the wall clock shows twice lasts two minutes, and one that it skips none. Fractions of a second
 * of the start do not count.
 */
export function bandSlices(
  bands: Bands,
  zone: ZoneTransitions,
  startedMs: number,
  seconds: number,
): BandSlice[] {
  const slices: BandSlice[] = [];
  let at = Math.floor(startedMs / 1000);
  const end = at + seconds;
  while (at < end) {
    const index = transitionIndex(zone, at);
    const offset = zone.offsetSeconds[index]!;
    const local = at + offset;
    const band = bandAt(bands, local);
    const change = local + secondsUntilChange(bands, local) - offset;
    const next = Math.min(end, change, zone.atSeconds[index + 1] ?? end);
    const last = slices.at(-1);
    if (last?.band === band) {
      slices[slices.length - 1] = { band, seconds: last.seconds + next - at };
    } else slices.push({ band, seconds: next - at });
    at = next;
  }
  return slices;
}

// To the next minute with another band, and no further than midnight where holidays may begin.
function secondsUntilChange(bands: Bands, local: number): number {
  const day = Math.floor(local / DAY);
  const minutes =
    bands.holiday !== null && isHoliday(bands, day)
      ? runLength(bands.holiday, Math.floor((local % DAY) / 60))
      : runLength(bands.week, minuteOfWeek(local));
  const toChange = minutes * 60 - (local % 60);
  const toMidnight = DAY - (local % DAY);
  return bands.holiday === null ? toChange : Math.min(toChange, toMidnight);
}

function runLength(minutes: Int32Array, from: number): number {
  let length = 1;
  while (from + length < minutes.length && minutes[from + length] === minutes[from]) length += 1;
  return length;
}

/** The band with most seconds; of several the one that comes first. */
export function majorityBand(slices: readonly BandSlice[]): number {
  const totals = new Map<number, number>();
  for (const { band, seconds } of slices) totals.set(band, (totals.get(band) ?? 0) + seconds);
  let best = 0;
  let most = 0;
  for (const [band, seconds] of totals) if (seconds > most) [best, most] = [band, seconds];
  return best;
}
