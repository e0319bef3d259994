import { addMonths, civilDate, monthPeriod } from '../kernel/index.js';
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
  /** What a pot had left at the end of a month (YYYY-MM); undefined when none was opened. */
  readonly left: (lineageId: number, holderId: number, month: string) => number | undefined;
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
  const unused: BucketTerms[] = [];
  let rest = 0;
  for (let at = addMonths(month, -1); ; at = addMonths(at, -1)) {
    const terms = termsAtEnd(facts, lineage, at);
    if (terms === undefined) break;
    const left = facts.left(bucket.lineageId, holderId, at);
    if (left !== undefined) {
      rest = left;
      break;
    }
    if (!ran.some(({ first, last }) => first <= at && (last === null || at <= last))) break;
    unused.push(terms);
  }
  for (const terms of unused.reverse()) {
    rest = grantOf(terms) + Math.min(rolloverCapOf(terms), rest);
  }
  return Math.min(rolloverCapOf(bucket), rest);
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
  const monthAt = (atMs: number) => civilDate(zoneAt(zones, atMs), atMs).slice(0, 7);
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
