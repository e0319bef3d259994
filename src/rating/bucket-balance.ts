import type { StoredPots } from './allowance-result.js';
import type { FoldFacts, Points } from './fold-month.js';
import { grantOf, type StoredPot } from './pots.js';
import { inForce } from './price-rules.js';
import type { BonusTerms, BucketTerms, Holder } from './pricing-facts.js';

/** A subscription that a contract prices, as far as buckets look at it. */
export interface PotUser {
  readonly id: number;
  /** Whether the contract is the subscription's own: plans grant at that level alone. */
  readonly isOwn: boolean;
  readonly accountId: number;
  readonly rootAccountId: number;
  /** 0 for none. */
  readonly planId: number;
  readonly startsAt: number;
  readonly endsAt: number | null;
}

/** What the balances of a contract's month are worked out from. */
export interface BalanceFacts {
  readonly contractId: number;
  /** The month, half-open. */
  readonly from: number;
  readonly to: number;
  /** Decides which version of a bucket grants where nothing was used: now, or the month's end. */
  readonly at: number;
  readonly facts: Pick<FoldFacts, 'buckets' | 'bonuses' | 'rolledIn'>;
  /** As the last fold left them. */
  readonly stored: StoredPots;
  /** The contract's own subscriptions, and those sold below where a bucket of it is theirs. */
  readonly users: readonly PotUser[];
}

/** A bucket of one holder in one month, in its own unit. */
export interface PotBalance extends StoredPot {
  readonly terms: BucketTerms;
  readonly used: number;
}

/** Bonus points of one holder in one month. */
export interface PointBalance extends Points {
  readonly terms: BonusTerms;
}

/**
 * The pots of a contract's month: those that its records have opened, and those that wait with
 * what they would grant, since a month without use has its allowances all the same.
 */
export function potBalances(month: BalanceFacts): PotBalance[] {
  const { stored, facts } = month;
  const opened = stored.pots.map((pot) => ({ ...pot, terms: termsOf(facts.buckets, pot.bucket) }));
  const known = new Set(stored.pots.map(({ bucket, holderId }) => `${bucket} ${holderId}`));
  const waiting = facts.buckets
    .filter((terms) => inForce(terms, month.at, Number.POSITIVE_INFINITY))
    .flatMap((terms) =>
      [...holdersOf(month, terms)]
        .filter((holderId) => !known.has(`${terms.lineageId} ${holderId}`))
        .map((holderId) => waitingPot(terms, holderId, facts)),
    );
  return [...opened, ...waiting]
    .filter((pot): pot is PotBalance & typeof pot => pot.terms !== undefined)
    .map((pot) => ({ ...pot, used: pot.granted + pot.rolledIn + pot.bonus - pot.left }))
    .sort(
      (a, b) =>
        a.terms.priority - b.terms.priority || a.bucket - b.bucket || a.holderId - b.holderId,
    );
}

/** Points that holders of the contract earned in the month. */
export function pointBalances({ stored, facts }: BalanceFacts): PointBalance[] {
  return stored.points.flatMap((points) => {
    const terms = termsOf(facts.bonuses, points.bonusLineageId);
    return terms === undefined ? [] : [{ ...points, terms }];
  });
}

/** Who looks: the holders that a subscription, or an account's tree, has a part in. */
export function isHolder(
  holder: Holder,
  holderId: number,
  user: Pick<PotUser, 'id' | 'rootAccountId'>,
  contractId: number,
): boolean {
  if (holder === 'CONTRACT') return holderId === contractId;
  return holderId === (holder === 'ACCOUNT' ? user.rootAccountId : user.id);
}

function waitingPot(
  terms: BucketTerms,
  holderId: number,
  facts: BalanceFacts['facts'],
): Omit<PotBalance, 'used'> {
  const granted = grantOf(terms);
  const rolledIn = terms.rolloverCap === null ? 0 : facts.rolledIn(terms, holderId);
  return {
    bucket: terms.lineageId,
    kind: terms.kind,
    holder: terms.holder,
    holderId,
    granted,
    rolledIn,
    bonus: 0,
    left: granted + rolledIn,
    usedBy: [],
    terms,
  };
}

function holdersOf(month: BalanceFacts, terms: BucketTerms): Set<number> {
  const { contractId, users, from, to } = month;
  const ofContract = terms.contractId === contractId;
  if (ofContract && terms.holder === 'CONTRACT') return new Set([contractId]);
  const entitled = users.filter(
    ({ isOwn, planId, startsAt, endsAt }) =>
      (ofContract || (isOwn && terms.servicePlanId === planId)) &&
      startsAt < to &&
      (endsAt === null || endsAt > Math.max(from, startsAt)),
  );
  const idOf = { SUBSCRIPTION: 'id', ACCOUNT: 'rootAccountId' } as const;
  return new Set(
    entitled.map((user) => (terms.holder === 'CONTRACT' ? contractId : user[idOf[terms.holder]])),
  );
}

// The newest version that is known of a thing says what it is called.
function termsOf<T extends BucketTerms | BonusTerms>(
  all: readonly T[],
  lineageId: number,
): T | undefined {
  return all
    .filter((terms) => terms.lineageId === lineageId)
    .sort((a, b) => b.recordedAt - a.recordedAt || b.validFrom - a.validFrom)[0];
}
