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
  readonly starts: readonly HolderStart[];
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
    startOf(facts.starts, bucket.holder, holderId),
    Math.min(...lineage.map(({ validFrom }) => validFrom)),
  );
  if (!Number.isFinite(begins)) return 0;
  let rest: number | null = null;
  for (let at = civilDate(zoneAt(facts.zones, begins), begins).slice(0, 7); at < month; ) {
    const left = facts.left(bucket.lineageId, holderId, at);
    rest = left ?? grantedAlone(facts, lineage, at, rest);
    at = addMonths(at, 1);
  }
  return rest === null ? 0 : Math.min(rolloverCapOf(bucket), rest);
}

// What a month leaves over in which nothing was used.
function grantedAlone(
  facts: RolloverFacts,
  lineage: readonly BucketTerms[],
  month: string,
  rest: number | null,
): number {
  const end = (monthPeriod('UTC', month).to ?? 0) - 1;
  const last = (monthPeriod(zoneAt(facts.zones, end), month).to ?? 0) - 1;
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

function startOf(starts: readonly HolderStart[], holder: Holder, holderId: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { subscriptionId, rootAccountId, startsAt } of starts) {
    const isOurs =
      holder === 'CONTRACT' || (holder === 'ACCOUNT' ? rootAccountId : subscriptionId) === holderId;
    if (isOurs) first = Math.min(first, startsAt);
  }
  return first;
}
