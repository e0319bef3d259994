import { formatAmount, toGlobalId } from '../kernel/index.js';
import { Account, Contract, mayReadLevel } from '../partner/index.js';
import { type RequestContext, requireViewer, rowLoader } from '../platform/index.js';
import { Subscription } from '../subscription/index.js';
import type { BonusPoints, BucketBalance, BucketBalances } from './bucket-balance.entity.js';
import {
  isHolder,
  type PointBalance,
  type PotBalance,
  pointBalances,
  potBalances,
} from './bucket-balance.js';
import { accountTrees, type ContractBalance, contractBalances } from './bucket-balance.store.js';
import { potText } from './explain-month-view.js';
import type { Holder } from './pricing-facts.js';

type Keeps = (holder: Holder, holderId: number, month: ContractBalance) => boolean;

/** Buckets that a subscription has a part in; null when its contract may not be seen. */
export async function subscriptionBalances(
  context: RequestContext,
  subscription: Subscription,
  month: string,
): Promise<BucketBalances | null> {
  const { id, contractId } = subscription;
  const found = await seenBalance(context, contractId, month);
  if (found === null) return null;
  const user = found.users.find((one) => one.id === id);
  if (user === undefined) return null;
  const planned = (terms: { readonly servicePlanId: number | null }) =>
    terms.servicePlanId === null || terms.servicePlanId === user.planId;
  return shown(
    context,
    month,
    [found],
    (holder, holderId) => isHolder(holder, holderId, user, contractId),
    (pot) => planned(pot.terms) || pot.usedBy.some(([who]) => who === id),
  );
}

/** All buckets of a contract; null when prices of its level may not be seen. */
export async function balancesOfContract(
  context: RequestContext,
  contract: Contract,
  month: string,
): Promise<BucketBalances | null> {
  const found = await seenBalance(context, contract.id, month);
  return found === null ? null : shown(context, month, [found], () => true);
}

/** Buckets that the subscriptions in an account's tree share. */
export async function accountBalances(
  context: RequestContext,
  account: Account,
  month: string,
): Promise<BucketBalances> {
  const tree = await accountTrees(context).load(account.id);
  const found = await Promise.all(
    (tree?.contractIds ?? []).map((id) => seenBalance(context, id, month)),
  );
  return shown(
    context,
    month,
    found.filter((one) => one !== null),
    (holder, holderId) => holder === 'ACCOUNT' && holderId === tree?.rootId,
  );
}

// A contract that the viewer's transaction does not show, or whose prices he may not see, has no
// balances for him.
async function seenBalance(
  context: RequestContext,
  contractId: number,
  month: string,
): Promise<ContractBalance | null> {
  const contract = await rowLoader(context, Contract).load(contractId);
  const { permissions } = requireViewer(context);
  if (contract === null || !mayReadLevel({ permissions }, contract.level)) return null;
  return contractBalances(context).load({ contractId, month });
}

async function shown(
  context: RequestContext,
  month: string,
  contracts: readonly ContractBalance[],
  keeps: Keeps,
  fits: (pot: PotBalance) => boolean = () => true,
): Promise<BucketBalances> {
  const pots = contracts.flatMap((contract) =>
    potBalances(contract)
      .filter((pot) => keeps(pot.holder, pot.holderId, contract) && fits(pot))
      .map((pot) => ({ ...pot, currency: contract.currency })),
  );
  const points = contracts.flatMap((contract) =>
    pointBalances(contract).filter(({ terms, holderId }) =>
      keeps(terms.holder, holderId, contract),
    ),
  );
  const [seenPots, seenPoints] = await Promise.all([
    ofSeenHolders(context, pots, ({ holder }) => holder),
    ofSeenHolders(context, points, ({ terms }) => terms.holder),
  ]);
  return {
    month,
    pending: contracts.some(({ pending }) => pending),
    buckets: await Promise.all(seenPots.map((pot) => bucketView(context, pot))),
    points: seenPoints.map(pointsView),
  };
}

// Whoever sells to the hub sees his contract, but not those who use what is bought under it.
async function ofSeenHolders<T extends { readonly holderId: number }>(
  context: RequestContext,
  all: readonly T[],
  holderOf: (one: T) => Holder,
): Promise<T[]> {
  const seen = await Promise.all(
    all.map((one) => {
      const holder = holderOf(one);
      if (holder === 'CONTRACT') return true;
      return rowLoader(context, holder === 'ACCOUNT' ? Account : Subscription).load(one.holderId);
    }),
  );
  return all.filter((_, at) => seen[at] !== null);
}

async function bucketView(
  context: RequestContext,
  pot: PotBalance & { readonly currency: string },
): Promise<BucketBalance> {
  const { kind, terms, usedBy } = pot;
  const users = await rowLoader(context, Subscription).loadMany(usedBy.map(([id]) => id));
  const amountOf = (amount: number) => potText(kind, amount);
  return {
    bucketId: toGlobalId('Bucket', pot.bucket),
    name: terms.name,
    kind,
    currency: kind === 'MONEY' ? pot.currency : null,
    sharing: pot.holder,
    holderId: holderText(pot.holder, pot.holderId),
    granted: amountOf(pot.granted),
    rolledIn: amountOf(pot.rolledIn),
    bonus: amountOf(pot.bonus),
    used: amountOf(pot.used),
    left: amountOf(pot.left),
    usedBy: users.flatMap((user, at) => {
      if (!(user instanceof Subscription)) return [];
      const used = amountOf(usedBy[at]?.[1] ?? 0);
      return [{ subscriptionId: user.globalId, label: user.label, used }];
    }),
  };
}

function pointsView({ terms, holderId, points }: PointBalance): BonusPoints {
  return {
    bonusRuleId: toGlobalId('BonusRule', terms.lineageId),
    name: terms.name,
    sharing: terms.holder,
    holderId: holderText(terms.holder, holderId),
    points: formatAmount(BigInt(points), 0),
  };
}

const HOLDERS = { SUBSCRIPTION: 'Subscription', ACCOUNT: 'Account', CONTRACT: 'Contract' } as const;

function holderText(holder: Holder, holderId: number): string {
  return toGlobalId(HOLDERS[holder], holderId);
}
