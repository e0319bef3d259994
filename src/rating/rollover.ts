import { addMonths, civilDate, monthPeriod } from '../kernel/index.js';
import { grantOf, rolloverCapOf } from './pots.js';
import { inForce } from './price-rules.js';
import type { BucketTerms, Holder } from './pricing-facts.js';

/** When a subscription of the contract began, and who shares with it. */
export interface HolderStart {
  readonly subscriptionId: number;
  readonly rootAccountId: number;
  readonly startsAt: number;
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
  /** When the first subscription of a holder began; infinity for none. */
  readonly startOf: (holder: Holder, holderId: number) => number;
  /** The contract's, oldest first. */
  readonly zones: readonly ZoneSpan[];
  /** What a pot had left at the end of a month (YYYY-MM); undefined when none was opened. */
  readonly left: (lineageId: number, holderId: number, month: string) => number | undefined;
}

/**
 * What a holder's bucket has left over from the months before `month` (YYYY-MM): month by month
 * since the holder and the bucket both began, the rest, at most the cap of the version that
 * grants the next month. A month without any version of the bucket loses everything.
 */
export function rolledIn(
  facts: RolloverFacts,
  lineage: readonly BucketTerms[],
  bucket: BucketTerms,
  holderId: number,
  month: string,
): number {
  const begins = Math.max(
    facts.startOf(bucket.holder, holderId),
    Math.min(...lineage.map(({ validFrom }) => validFrom)),
  );
  if (!Number.isFinite(begins)) return 0;
  const first = civilDate(zoneAt(facts.zones, begins), begins).slice(0, 7);
  // From the last month that is known; those before it have no more say.
  let at = month;
  let rest: number | null = null;
  while (rest === null && at > first) {
    at = addMonths(at, -1);
    rest = facts.left(bucket.lineageId, holderId, at) ?? null;
  }
  if (rest !== null) at = addMonths(at, 1);
  for (; at < month; at = addMonths(at, 1)) rest = grantedAlone(facts, lineage, at, rest);
  return rest === null ? 0 : Math.min(rolloverCapOf(bucket), rest);
}

// What a month leaves over in which nothing was used.
function grantedAlone(
  facts: RolloverFacts,
  lineage: readonly BucketTerms[],
  month: string,
  rest: number | null,
): number {
  const last = lastInstant(zoneAt(facts.zones, lastInstant('UTC', month)), month);
  const terms = lineage.find((version) => inForce(version, last, facts.knownAt));
  if (terms === undefined) return 0;
  return grantOf(terms) + Math.min(rolloverCapOf(terms), rest ?? 0);
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

/** {@link RolloverFacts.startOf} for the subscriptions of one contract. */
export function indexStarts(starts: readonly HolderStart[]): RolloverFacts['startOf'] {
  const firsts = new Map<string, number>();
  const note = (key: string, startsAt: number): void => {
    firsts.set(key, Math.min(startsAt, firsts.get(key) ?? Number.POSITIVE_INFINITY));
  };
  for (const { subscriptionId, rootAccountId, startsAt } of starts) {
    note('CONTRACT', startsAt);
    note(`ACCOUNT ${rootAccountId}`, startsAt);
    note(`SUBSCRIPTION ${subscriptionId}`, startsAt);
  }
  return (holder, holderId) =>
    firsts.get(holder === 'CONTRACT' ? holder : `${holder} ${holderId}`) ??
    Number.POSITIVE_INFINITY;
}
