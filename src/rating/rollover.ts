import { addMonths, civilEdge, monthPeriod } from '../kernel/index.js';
import { grantOf, rolloverCapOf } from './pots.js';
import { inForce } from './price-rules.js';
import type { BucketTerms } from './pricing-facts.js';

/** A time during which something ran, half-open. */
export interface Run {
  readonly from: number;
  readonly to: number | null;
}

/** The zone of a contract over some time. */
export interface ZoneSpan {
  readonly validFrom: number;
  readonly validTo: number | null;
  readonly timeZone: string;
}

/** What a bucket's past is worked out from. */
export interface RolloverFacts {
  /** The moment up to which grants of months without records are known. */
  readonly knownAt: number;
  /** When a holder was entitled to a bucket, in any order. */
  readonly runsOf: (bucket: BucketTerms, holderId: number) => readonly Run[];
  /** The contract's, oldest first. */
  readonly zones: readonly ZoneSpan[];
  /** What a pot had left at the end of each month (YYYY-MM) in which one was opened. */
  readonly left: (lineageId: number, holderId: number) => ReadonlyMap<string, number>;
}

const NO_MONTHS: ReadonlyMap<string, number> = new Map();

/** What pots had left, by bucket and holder and by month, for {@link RolloverFacts.left}. */
export class Rests {
  readonly #byPot = new Map<string, Map<string, number>>();

  of(pot: string): ReadonlyMap<string, number> {
    return this.#byPot.get(pot) ?? NO_MONTHS;
  }

  set(pot: string, month: string, left: number): void {
    const months = this.#byPot.get(pot);
    if (months === undefined) this.#byPot.set(pot, new Map([[month, left]]));
    else months.set(month, left);
  }
}

/**
 * What a holder's bucket has left over from the months before `month` (YYYY-MM): the rest of the
 * last one, which had what was left over from the one before it, and so on, each time at most the
 * cap of the version that grants the later month. A month leaves nothing over at whose end no
 * version is in force, or in which no pot was opened and the holder was not entitled to one.
 */
export function rolledIn(
  facts: RolloverFacts,
  lineage: readonly BucketTerms[],
  bucket: BucketTerms,
  holderId: number,
  month: string,
): number {
  const ran = monthsOf(facts.zones, facts.runsOf(bucket, holderId));
  const left = facts.left(bucket.lineageId, holderId);
  const unused: Unused[] = [];
  let rest = 0;
  for (let at = addMonths(month, -1); ; ) {
    const terms = termsAtEnd(facts, lineage, at);
    if (terms === undefined) break;
    const known = left.get(at);
    if (known !== undefined) {
      rest = known;
      break;
    }
    const run = ran.find(({ first, last }) => first <= at && (last === null || at <= last));
    if (run === undefined) break;
    const first = firstAlike(at, terms, run, left);
    unused.push({ terms, months: monthNumber(at) - monthNumber(first) + 1 });
    at = addMonths(first, -1);
  }
  for (const { terms, months } of unused.reverse()) {
    const grant = grantOf(terms);
    rest = Math.min(grant + rolloverCapOf(terms), months * grant + rest);
  }
  return Math.min(rolloverCapOf(bucket), rest);
}

/** Months that follow each other, in which nothing was used of what one version grants. */
interface Unused {
  readonly terms: BucketTerms;
  readonly months: number;
}

const DAY_MS = 86_400_000;
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');

// From which month on all is as in the given one: the same version ends them, the same run holds,
// and no pot was opened. Buckets may be as old, and months as far ahead, as anybody likes. A month
// ends in no zone as much as a day before it ends in UTC.
function firstAlike(
  month: string,
  { validFrom }: BucketTerms,
  run: RunMonths,
  left: ReadonlyMap<string, number>,
): string {
  let first = new Date(Math.max(validFrom, FIRST_MS) + DAY_MS).toISOString().slice(0, 7);
  if (first < run.first) first = run.first;
  for (const known of left.keys()) {
    if (known < month && known >= first) first = addMonths(known, 1);
  }
  return first < month ? first : month;
}

function monthNumber(month: string): number {
  return Number(month.slice(0, 4)) * 12 + Number(month.slice(5));
}

function termsAtEnd(
  { zones, knownAt }: RolloverFacts,
  lineage: readonly BucketTerms[],
  month: string,
): BucketTerms | undefined {
  const last = lastInstant(zoneAt(zones, lastInstant('UTC', month)), month);
  return lineage.find((version) => inForce(version, last, knownAt));
}

/** First and last month (YYYY-MM) of a run; null for one that goes on. */
interface RunMonths {
  readonly first: string;
  readonly last: string | null;
}

function monthsOf(zones: readonly ZoneSpan[], runs: readonly Run[]): RunMonths[] {
  const monthAt = (atMs: number) => civilEdge(zoneAt(zones, atMs), atMs).slice(0, 7);
  return joined(runs).map(({ from, to }) => {
    return { first: monthAt(from), last: to === null ? null : monthAt(to - 1) };
  });
}

// A contract has many subscriptions, which mostly run at the same time.
function joined(runs: readonly Run[]): Run[] {
  const all: Run[] = [];
  for (const run of runs.toSorted((one, other) => one.from - other.from)) {
    const before = all.at(-1);
    if (before === undefined || (before.to !== null && before.to < run.from)) {
      all.push(run);
      continue;
    }
    const isOpen = before.to === null || run.to === null;
    all[all.length - 1] = { from: before.from, to: isOpen ? null : Math.max(before.to, run.to) };
  }
  return all;
}

function zoneAt(zones: readonly ZoneSpan[], atMs: number): string {
  const found = zones.find(
    ({ validFrom, validTo }) => atMs >= validFrom && (validTo === null || atMs < validTo),
  );
  return (found ?? zones[0])?.timeZone ?? 'UTC';
}

const lastInstants = new Map<string, number>();

// Every holder asks for the same months.
function lastInstant(zone: string, month: string): number {
  const key = `${month} ${zone}`;
  let last = lastInstants.get(key);
  if (last === undefined) {
    last = (monthPeriod(zone, month).to ?? 0) - 1;
    lastInstants.set(key, last);
  }
  return last;
}
