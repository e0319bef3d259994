import type { RuleContract } from './price-rules.js';
import type { BucketTerms } from './pricing-facts.js';
import type { RolloverFacts, Run, ZoneSpan } from './rollover.js';

/** A subscription whose records a contract prices, as far as roll-over looks at it. */
export interface SoldSubscription {
  readonly subscriptionId: number;
  readonly rootAccountId: number;
  readonly planId: number | null;
  /** Whether the contract is the subscription's own: plans grant at that level alone. */
  readonly isOwn: boolean;
  readonly startsAt: number;
  readonly endsAt: number | null;
}

/** Whether a bucket goes with the terms of its contract, and not with subscriptions. */
export function goesWithTerms(
  { contractId, holder }: Pick<BucketTerms, 'contractId' | 'holder'>,
  level: RuleContract['level'],
): boolean {
  return contractId !== null && holder === 'CONTRACT' && level !== 'RETAIL';
}

// One that was cancelled before it began has none, though a month begun counts whole.
function hasTime({ startsAt, endsAt }: SoldSubscription): boolean {
  return endsAt === null || endsAt > startsAt;
}

/** {@link RolloverFacts.runsOf} for the buckets of one contract. */
export function entitledRuns(
  level: RuleContract['level'],
  terms: readonly ZoneSpan[],
  subscriptions: readonly SoldSubscription[],
): RolloverFacts['runsOf'] {
  const held = new Map<string, SoldSubscription[]>();
  const note = (holder: string, subscription: SoldSubscription) => {
    const known = held.get(holder);
    if (known === undefined) held.set(holder, [subscription]);
    else known.push(subscription);
  };
  for (const one of subscriptions) {
    note(`SUBSCRIPTION ${one.subscriptionId}`, one);
    note(`ACCOUNT ${one.rootAccountId}`, one);
  }
  return (bucket, holderId) => {
    if (goesWithTerms(bucket, level)) {
      return terms.map(({ validFrom, validTo }) => ({ from: validFrom, to: validTo }));
    }
    const { holder, servicePlanId } = bucket;
    const ofHolder =
      holder === 'CONTRACT' ? subscriptions : (held.get(`${holder} ${holderId}`) ?? []);
    return ofHolder
      .filter(hasTime)
      .filter(({ isOwn, planId }) => servicePlanId === null || (isOwn && planId === servicePlanId))
      .map(({ startsAt, endsAt }): Run => ({ from: startsAt, to: endsAt }));
  };
}

/**
 * The contracts whose subscriptions a contract prices: its own and those sold below it. A seller
 * buys by the contracts that it has with one partner; what is bought under COST may be for anybody.
 */
export function pricedFor(
  contract: RuleContract,
  contracts: readonly RuleContract[],
): ReadonlySet<number> {
  if (contract.level === 'COST') return new Set(contracts.map(({ id }) => id));
  const sales = contracts.filter(({ level }) => level !== 'COST');
  const found = new Set([contract.id]);
  for (const id of found) {
    const { level, sellerPartnerId, buyerPartnerId } = sales.find((one) => one.id === id)!;
    if (level !== 'WHOLESALE' || sellerOf(buyerPartnerId, sales) !== sellerPartnerId) continue;
    for (const one of sales) if (one.sellerPartnerId === buyerPartnerId) found.add(one.id);
  }
  return found;
}

// From whom a reseller buys: the seller of its first contract.
function sellerOf(buyer: number, sales: readonly RuleContract[]): number | undefined {
  return sales
    .filter((one) => one.level === 'WHOLESALE' && one.buyerPartnerId === buyer)
    .toSorted((one, other) => one.id - other.id)[0]?.sellerPartnerId;
}
