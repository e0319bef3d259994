import { addMonths, civilDate } from '../kernel/index.js';
import { grantOf, rolloverCapOf } from './pots.js';
import type { BucketTerms, Holder } from './pricing-facts.js';

/** From when on a subscription of a contract has existed, and the account tree that it is in. */
export interface HolderStart {
  readonly contractId: number;
  readonly subscriptionId: number;
  readonly rootAccountId: number;
  readonly startsAt: number;
}

interface RollingContract {
  readonly id: number;
  /** Decides in which month a bucket began. */
  readonly timeZone: string;
}

/** What buckets had left at the ends of earlier months, by {@link potKey}. */
export type LeftByPot = ReadonlyMap<string, { readonly left: number }>;

/** The key of a holder's pot in a month (YYYY-MM-01). */
export function potKey(contractId: number, bucket: number, holderId: number, month: string) {
  return `${contractId}:${bucket}:${holderId}:${month}`;
}

/**
 * What a holder brings into a month (YYYY-MM-01) of a bucket, in its own unit: month by month
 * since holder and bucket both began, what was left then, at most the cap. A month in which
 * nothing could use the bucket leaves all of it.
 */
export function rolledIn(
  contract: RollingContract,
  pots: LeftByPot,
  starts: readonly HolderStart[],
  bucket: BucketTerms,
  holderId: number,
  month: string,
): number {
  const cap = rolloverCapOf(bucket);
  const begins = Math.max(bucket.validFrom, startOf(starts, contract.id, bucket.holder, holderId));
  if (!Number.isFinite(begins)) return 0;
  let at = civilDate(contract.timeZone, begins).slice(0, 7);
  let rolled = 0;
  while (at < month.slice(0, 7)) {
    const pot = pots.get(potKey(contract.id, bucket.lineageId, holderId, `${at}-01`));
    rolled = Math.min(cap, pot === undefined ? grantOf(bucket) + rolled : pot.left);
    at = addMonths(at, 1);
  }
  return rolled;
}

function startOf(
  starts: readonly HolderStart[],
  contractId: number,
  holder: Holder,
  holderId: number,
): number {
  let first = Number.POSITIVE_INFINITY;
  for (const start of starts) {
    if (start.contractId !== contractId) continue;
    const isOurs =
      holder === 'CONTRACT' ||
      (holder === 'ACCOUNT' ? start.rootAccountId : start.subscriptionId) === holderId;
    if (isOurs) first = Math.min(first, start.startsAt);
  }
  return first;
}
