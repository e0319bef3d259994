import { Temporal } from 'temporal-polyfill';
import { assertTimeZone } from './calendar.js';
import { DomainError, invariant } from './errors.js';

/**
 * The offsets of one zone over a span of time as flat arrays, for the data plane. Entry `i` holds
 * from `atSeconds[i]` until the next entry (the last until `untilSeconds`); in it the wall clock
 * shows UTC plus `offsetSeconds[i]`, and `localEndSeconds[i]` is what it shows when it ends.
 * UTC and local times are both seconds since 1970-01-01T00:00:00 on their own clock.
 */
export type ZoneTransitions = {
  readonly zone: string;
  readonly atSeconds: Float64Array;
  readonly offsetSeconds: Int32Array;
  readonly localEndSeconds: Float64Array;
  readonly untilSeconds: number;
};

/**
 * The table of a zone that covers at least `[fromMs, toMs)` (epoch milliseconds), and where clocks
 * are put back shortly before its end what they show twice. Refuses with INVALID_TIME_ZONE, or with
 * INVALID_PERIOD when the span is empty.
 */
export function zoneTransitions(zone: string, fromMs: number, toMs: number): ZoneTransitions {
  assertTimeZone(zone);
  const fromSeconds = Math.floor(fromMs / 1000);
  let untilSeconds = Math.ceil(toMs / 1000);
  if (!(fromSeconds < untilSeconds)) {
    throw new DomainError('INVALID_PERIOD', 'The span of a zone table ends after it begins.');
  }
  const at = [fromSeconds];
  let clock = Temporal.Instant.fromEpochMilliseconds(fromSeconds * 1000).toZonedDateTimeISO(zone);
  const offsets = [clock.offsetNanoseconds / 1e9];
  for (;;) {
    const next = clock.getTimeZoneTransition('next');
    if (next === null || next.epochMilliseconds >= untilSeconds * 1000) break;
    clock = next;
    const back = (offsets.at(-1) ?? 0) - clock.offsetNanoseconds / 1e9;
    at.push(clock.epochMilliseconds / 1000);
    offsets.push(clock.offsetNanoseconds / 1e9);
    // A clock that is put back shows again what it has shown; the table goes on behind that.
    untilSeconds = Math.max(untilSeconds, clock.epochMilliseconds / 1000 + back + 1);
  }
  const atSeconds = Float64Array.from(at);
  const offsetSeconds = Int32Array.from(offsets);
  const localEndSeconds = Float64Array.from(at, (_, i) => {
    return (at[i + 1] ?? untilSeconds) + (offsets[i] ?? 0);
  });
  for (let i = 1; i < at.length; i += 1) {
    const rises = (localEndSeconds[i] ?? 0) > (localEndSeconds[i - 1] ?? 0);
    invariant(rises, 'clock changes of a zone lie further apart than the change is large');
  }
  return { zone, atSeconds, offsetSeconds, localEndSeconds, untilSeconds };
}

/**
 * The entry in force at a UTC second, or -1 outside of the table. A caller that walks through
 * records in order of time hands in the last answer as `hint` and mostly skips the search.
 */
export function transitionIndex(table: ZoneTransitions, utcSeconds: number, hint = 0): number {
  const { atSeconds, untilSeconds } = table;
  const last = atSeconds.length - 1;
  if (!(utcSeconds >= (atSeconds[0] as number) && utcSeconds < untilSeconds)) return -1;
  if (
    hint >= 0 &&
    hint <= last &&
    utcSeconds >= (atSeconds[hint] as number) &&
    (hint === last || utcSeconds < (atSeconds[hint + 1] as number))
  ) {
    return hint;
  }
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((atSeconds[middle] as number) <= utcSeconds) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What the wall clock shows at a UTC second; NaN outside of the table. */
export function localSeconds(table: ZoneTransitions, utcSeconds: number): number {
  const index = transitionIndex(table, utcSeconds);
  return index < 0 ? Number.NaN : utcSeconds + (table.offsetSeconds[index] as number);
}

/**
 * The UTC second at which the wall clock shows a local second; NaN outside of the table. A time
 * that the clock shows twice is the earlier one; a time that it skips is read with the offset
 * before the change and so lies as far behind the change as it reaches into the gap.
 */
export function localToUtc(table: ZoneTransitions, localSecond: number): number {
  const { atSeconds, offsetSeconds, localEndSeconds } = table;
  const last = atSeconds.length - 1;
  if (!(localSecond < (localEndSeconds[last] as number))) return Number.NaN;
  // The first entry whose own clock has not yet ended is the earliest that can show the time.
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (localSecond < (localEndSeconds[middle] as number)) high = middle;
    else low = middle + 1;
  }
  const offset = offsetSeconds[low] as number;
  if (localSecond >= (atSeconds[low] as number) + offset) return localSecond - offset;
  return low === 0 ? Number.NaN : localSecond - (offsetSeconds[low - 1] as number);
}
