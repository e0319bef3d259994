import type { IdentityTime, RecordBatch } from '../mediation/thread.js';

const HOUR_MS = 3_600_000;

/** Hours since 1970 in UTC, the last one included. */
export type HourRange = readonly [first: number, last: number];

export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS);
}

/** What is known of the identities that a batch stored, without reading them. */
export interface SegmentFacts {
  readonly batchId: number;
  readonly records: number;
  /** See {@link IdentityTime}; null where the identities do not tell when their records began. */
  readonly timeKey: string | null;
  readonly firstHour: number;
  readonly lastHour: number;
}

/** What is wanted of a domain, most important first. */
export interface Wanted {
  readonly time: IdentityTime | null;
  /** Hours in which records begin that must find all that can be equal to them. */
  readonly hours: readonly number[];
  /** Hours that records began in lately, the last one first. */
  readonly used: readonly number[];
  /** Beyond what must be there, no more identities than these. */
  readonly most: number;
}

/** Which segments to load, and which hours cannot be compared with them alone. */
export interface Choice {
  readonly chosen: readonly SegmentFacts[];
  readonly missing: readonly HourRange[];
}

/**
 * Chooses the segments that can hold identities equal to those of records that begin in hours that
 * are wanted, then in hours used lately, then the newest ones. Where the identities of any segment
 * do not tell the time as those to come do, all are needed.
 */
export function chooseSegments(segments: readonly SegmentFacts[], wanted: Wanted): Choice {
  const { time } = wanted;
  if (time === null || segments.some(({ timeKey }) => timeKey !== time.key)) {
    return { chosen: segments, missing: [] };
  }
  const reach = time.reachHours;
  const selection = new Selection(segments, reach, wanted.most);
  selection.add(rangesOf(wanted.hours.map((hour) => [hour, hour])));
  const isRoomLeft = wanted.used.every((hour) => selection.addIfRoom([[hour, hour]]));
  if (isRoomLeft) selection.addNewest();
  const { chosen, left } = selection;
  return { chosen, missing: rangesOf(left.map((s) => [s.firstHour - reach, s.lastHour + reach])) };
}

class Selection {
  readonly chosen: SegmentFacts[] = [];
  left: readonly SegmentFacts[];
  #records = 0;

  constructor(
    segments: readonly SegmentFacts[],
    readonly reach: number,
    readonly most: number,
  ) {
    this.left = segments;
  }

  /** Adds what records that begin in these hours may equal. */
  add(hours: readonly HourRange[]): void {
    this.#take(this.#near(hours));
  }

  /** As {@link add}, unless it is too much; answers whether it was not. */
  addIfRoom(hours: readonly HourRange[]): boolean {
    const near = this.#near(hours);
    const hasRoom = this.#records + recordsOf(near) <= this.most;
    if (hasRoom) this.#take(near);
    return hasRoom;
  }

  addNewest(): void {
    const newestFirst = [...this.left].sort((one, other) => other.lastHour - one.lastHour);
    let records = this.#records;
    const fits = newestFirst.findIndex((segment) => {
      records += segment.records;
      return records > this.most;
    });
    this.#take(fits < 0 ? newestFirst : newestFirst.slice(0, fits));
  }

  #near(hours: readonly HourRange[]): SegmentFacts[] {
    const { reach } = this;
    return this.left.filter((s) => overlap(hours, [s.firstHour - reach, s.lastHour + reach]));
  }

  #take(segments: readonly SegmentFacts[]): void {
    if (segments.length === 0) return;
    const taken = new Set(segments);
    this.chosen.push(...segments);
    this.left = this.left.filter((segment) => !taken.has(segment));
    this.#records += recordsOf(segments);
  }
}

function recordsOf(segments: readonly SegmentFacts[]): number {
  return segments.reduce((sum, { records }) => sum + records, 0);
}

/** The same hours in rising ranges that do not touch. */
function rangesOf(ranges: readonly HourRange[]): HourRange[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort(([one], [other]) => one - other)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

// Whether any of the rising ranges has an hour in common with one.
function overlap(ranges: readonly HourRange[], [first, last]: HourRange): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![1] < first) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]![0] <= last;
}

export function isMissing(missing: readonly HourRange[], hour: number): boolean {
  return overlap(missing, [hour, hour]);
}

/** Notes the hours that the records of a batch begin in, and whether one of them is missing. */
export class HourWatch {
  readonly hours = new Set<number>();
  /** Whether a record began in an hour that cannot be compared: the batch must not be stored. */
  hasMissing = false;
  // The hour of the record before: feeds are nearly always in order of time.
  #fromMs = 0;
  #toMs = 0;

  constructor(readonly missing: readonly HourRange[]) {}

  note({ count, fault, startedMs }: RecordBatch): void {
    for (let row = 0; row < count; row += 1) {
      const ms = startedMs[row]!;
      if (fault[row] === 0 && (ms < this.#fromMs || ms >= this.#toMs)) this.#enter(hourOf(ms));
    }
  }

  #enter(hour: number): void {
    this.#fromMs = hour * HOUR_MS;
    this.#toMs = this.#fromMs + HOUR_MS;
    if (this.hours.has(hour)) return;
    this.hours.add(hour);
    this.hasMissing ||= isMissing(this.missing, hour);
  }
}
