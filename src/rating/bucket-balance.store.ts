import DataLoader from 'dataloader';
import { grouped, monthPeriod } from '../kernel/index.js';
import { type RequestContext, rowsOf, type SqlClient, SYSTEM_SCOPE } from '../platform/index.js';
import { decodePots, type StoredPots } from './allowance-result.js';
import type { BalanceFacts, PotUser } from './bucket-balance.js';
import { DueMonths } from './due-month.store.js';
import { MS } from './facts-query.store.js';
import { FoldFactsReader, pricedContracts } from './fold-facts.store.js';
import type { FoldFacts } from './fold-month.js';

/** A civil month, YYYY-MM, of a contract that the viewer was found to see. */
export interface BalanceKey {
  readonly contractId: number;
  readonly month: string;
}

/** What is known of a contract's month. */
export interface ContractBalance extends BalanceFacts {
  /** Of the terms at the end of the month. */
  readonly currency: string;
  /** Whether a fold may still change it; see {@link DueMonths.isPending}. */
  readonly pending: boolean;
}

const BALANCES = Symbol('bucket balances of contract months');

/**
 * Balances of contract months, null for a contract without terms. A fixed number of statements,
 * however many are asked for at once.
 */
export function contractBalances(
  context: RequestContext,
): DataLoader<BalanceKey, ContractBalance | null, string> {
  return context.loader(BALANCES, () => {
    return new DataLoader<BalanceKey, ContractBalance | null, string>(
      // What a buyer is granted is kept with his seller, whom he does not see.
      (keys) =>
        context.database.readAside(SYSTEM_SCOPE, (aside) =>
          balancesOf(aside, keys, context.now().getTime()),
        ),
      { cacheKeyFn: textOf },
    );
  });
}

/** The top of an account's tree, and the contracts of the subscriptions in the tree. */
export interface AccountTree {
  readonly rootId: number;
  readonly contractIds: readonly number[];
}

const TREES = Symbol('account trees with their contracts');

/** Trees of accounts as far as the viewer sees them; null for one without subscriptions. */
export function accountTrees(context: RequestContext): DataLoader<number, AccountTree | null> {
  return context.loader(TREES, (read) => {
    return new DataLoader<number, AccountTree | null>(async (ids) => {
      const found = rowsOf<AccountTree & { id: number }>(
        await (await read()).query(
          `WITH RECURSIVE up (leaf, id, parent_id) AS (
             SELECT id, id, parent_id FROM account WHERE id = ANY ($1::int[])
             UNION ALL
             SELECT up.leaf, a.id, a.parent_id FROM up JOIN account a ON a.id = up.parent_id),
           tree (leaf, root, id) AS (
             SELECT leaf, id, id FROM up WHERE parent_id IS NULL
             UNION ALL
             SELECT tree.leaf, tree.root, a.id FROM tree JOIN account a ON a.parent_id = tree.id)
           SELECT leaf AS id, root AS "rootId", array_agg(DISTINCT s.contract_id) AS "contractIds"
           FROM tree JOIN subscription s ON s.account_id = tree.id GROUP BY leaf, root`,
          [ids],
        ),
      );
      const trees = new Map(found.map((tree) => [tree.id, tree]));
      return ids.map((id) => trees.get(id) ?? null);
    });
  });
}

function textOf({ contractId, month }: BalanceKey): string {
  return `${contractId} ${month}`;
}

async function storedPots(
  aside: SqlClient,
  keys: readonly BalanceKey[],
): Promise<Map<string, StoredPots>> {
  const found = rowsOf<BalanceKey & { pots: Buffer }>(
    await aside.query(
      `SELECT r.contract_id AS "contractId", to_char(r.month, 'YYYY-MM') AS month, r.pots
       FROM unnest($1::int[], $2::date[]) AS k (contract_id, month)
       JOIN allowance_result r USING (contract_id, month) WHERE r.chunk = 0`,
      [keys.map(({ contractId }) => contractId), keys.map(({ month }) => `${month}-01`)],
    ),
  );
  return new Map(found.map((row) => [textOf(row), decodePots(row.pots)]));
}

async function balancesOf(
  aside: SqlClient,
  keys: readonly BalanceKey[],
  nowMs: number,
): Promise<(ContractBalance | null)[]> {
  const ids = [...new Set(keys.map(({ contractId }) => contractId))];
  const terms = await termsOf(aside, keys);
  // Asked before what folds have stored: one that ends in between is no longer due and is read.
  const due = await DueMonths.read(aside, ids);
  const stored = await storedPots(aside, keys);
  const reader = await FoldFactsReader.open(aside);
  const facts = new Map<string, FoldFacts>();
  for (const month of new Set(keys.map((key) => key.month))) {
    for (const [id, contract] of await reader.contracts(ids, `${month}-01`)) {
      facts.set(textOf({ contractId: id, month }), contract.facts);
    }
  }
  const users = await potUsers(aside, ids, [...facts.values()]);
  return keys.map((key) => {
    const text = textOf(key);
    const [held, ours] = [terms.get(text), facts.get(text)];
    if (held === undefined || ours === undefined) return null;
    const { from, to } = monthPeriod(held.zone, key.month);
    const end = to ?? Number.POSITIVE_INFINITY;
    return {
      contractId: key.contractId,
      currency: held.currency,
      from,
      to: end,
      at: Math.min(Math.max(nowMs, from), end - 1),
      facts: ours,
      stored: stored.get(text) ?? { pots: [], points: [] },
      users: users(key.contractId),
      pending: due.isPending(key, ours.buckets),
    };
  });
}

// A bucket under a contract is for those that are sold below it, too.
async function potUsers(
  aside: SqlClient,
  ids: readonly number[],
  facts: readonly FoldFacts[],
): Promise<(contractId: number) => readonly PotUser[]> {
  const wide = facts.filter(({ contract, buckets }) =>
    buckets.some((one) => one.contractId === contract.id && one.holder !== 'CONTRACT'),
  );
  const contracts = new Map(wide.map(({ contract }) => [contract.id, contract]));
  const priced = await pricedContracts(aside, [...contracts.values()]);
  const subscriptions = await subscriptionsOf(aside, [
    ...new Set([...priced.values(), ids].flat()),
  ]);
  return (contractId) =>
    (priced.get(contractId) ?? [contractId]).flatMap((id) =>
      (subscriptions.get(id) ?? []).map((one) => ({ ...one, isOwn: id === contractId })),
    );
}

type SoldUser = Omit<PotUser, 'isOwn'> & { readonly contractId: number };

async function subscriptionsOf(
  aside: SqlClient,
  contractIds: readonly number[],
): Promise<Map<number, SoldUser[]>> {
  const found = rowsOf<SoldUser>(
    await aside.query(
      `WITH RECURSIVE up (leaf, id, parent_id) AS (
         SELECT a.id, a.id, a.parent_id FROM account a
         WHERE a.id IN (SELECT account_id FROM subscription WHERE contract_id = ANY ($1::int[]))
         UNION ALL
         SELECT up.leaf, a.id, a.parent_id FROM up JOIN account a ON a.id = up.parent_id)
       SELECT s.id, s.contract_id AS "contractId", s.account_id AS "accountId",
         up.id AS "rootAccountId", coalesce(s.service_plan_id, 0) AS "planId",
         ${MS('s.starts_at')} AS "startsAt", ${MS('s.ends_at')} AS "endsAt"
       FROM subscription s JOIN up ON up.leaf = s.account_id AND up.parent_id IS NULL
       WHERE s.contract_id = ANY ($1::int[]) ORDER BY s.id`,
      [contractIds],
    ),
  );
  return grouped(found, ({ contractId }) => contractId);
}

interface TermsOfMonth {
  readonly zone: string;
  readonly currency: string;
}

// Of the terms that hold at the end of each month.
async function termsOf(
  aside: SqlClient,
  keys: readonly BalanceKey[],
): Promise<Map<string, TermsOfMonth>> {
  const found = rowsOf<BalanceKey & TermsOfMonth>(
    await aside.query(
      `SELECT DISTINCT ON (k.contract_id, k.month) k.contract_id AS "contractId",
         to_char(k.month, 'YYYY-MM') AS month, v.time_zone AS zone, v.currency
       FROM unnest($1::int[], $2::date[]) AS k (contract_id, month)
       JOIN contract_version v ON v.contract_id = k.contract_id AND v.superseded_at IS NULL
       ORDER BY k.contract_id, k.month,
         (v.valid_from AT TIME ZONE v.time_zone < k.month + interval '1 month') DESC,
         CASE WHEN v.valid_from AT TIME ZONE v.time_zone < k.month + interval '1 month'
           THEN v.valid_from END DESC, v.valid_from`,
      [keys.map(({ contractId }) => contractId), keys.map(({ month }) => `${month}-01`)],
    ),
  );
  return new Map(found.map((row) => [textOf(row), row]));
}
