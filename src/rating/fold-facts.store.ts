import { grouped } from '../kernel/index.js';
import type { SqlClient } from '../platform/index.js';
import { decodePots } from './allowance-result.js';
import { entitledRuns, goesWithTerms, type SoldSubscription } from './entitled.js';
import { MS, rows } from './facts-query.store.js';
import { carried } from './fold-contract.js';
import type { FoldFacts } from './fold-month.js';
import { type RuleContract, rulesOfContract } from './price-rules.js';
import type { BucketTerms, PricingFacts } from './pricing-facts.js';
import { loadPricingFacts } from './pricing-facts.store.js';
import { Rests, type RolloverFacts, type ZoneSpan } from './rollover.js';

/** A contract with everything that its months are folded by. */
export interface FoldContract extends RuleContract {
  readonly partnerId: number;
  readonly accountId: number;
  readonly facts: FoldFacts;
}

interface ContractRow extends RuleContract {
  readonly partnerId: number;
  readonly accountId: number;
}

/** Reads the facts of folds with their whole recorded history, once for many contracts. */
export class FoldFactsReader {
  readonly #client: SqlClient;
  readonly #pricing: PricingFacts;
  readonly #carrying: ReadonlySet<number>;

  private constructor(client: SqlClient, pricing: PricingFacts) {
    this.#client = client;
    this.#pricing = pricing;
    this.#carrying = new Set(
      pricing.buckets
        .filter(({ rolloverCap }) => rolloverCap !== null)
        .map(({ lineageId }) => lineageId),
    );
  }

  static async open(client: SqlClient): Promise<FoldFactsReader> {
    return new FoldFactsReader(client, await loadPricingFacts(client, 'infinity'));
  }

  /** Whether any bucket leaves something over for the next month. */
  get carries(): boolean {
    return this.#carrying.size > 0;
  }

  /** Whether a bucket leaves something over, by its lineage. */
  isCarried(lineageId: number): boolean {
    return this.#carrying.has(lineageId);
  }

  /** The facts of some contracts for one month (YYYY-MM-01), by id. */
  async contracts(ids: readonly number[], month: string): Promise<Map<number, FoldContract>> {
    const found = await rows<ContractRow>(
      this.#client,
      `SELECT c.id, c.level, c.partner_id AS "partnerId", c.account_id AS "accountId",
         c.seller_partner_id AS "sellerPartnerId", c.buyer_partner_id AS "buyerPartnerId"
       FROM contract c WHERE c.id = ANY ($1::int[])`,
      [ids],
    );
    const carried = this.#pricing.buckets.filter(({ lineageId }) => this.isCarried(lineageId));
    const pastOf = this.carries ? await readPasts(this.#client, found, carried, month) : null;
    return new Map(
      found.map((row) => [row.id, this.#contract(row, month, pastOf?.(row.id) ?? null)]),
    );
  }

  #contract(row: ContractRow, month: string, past: RolloverFacts | null): FoldContract {
    const { rules, buckets, bonuses, members } = this.#pricing;
    const isOurs = (item: { readonly contractId: number | null }) =>
      item.contractId === null || item.contractId === row.id;
    const ours = buckets.filter(isOurs);
    return {
      ...row,
      facts: {
        contract: row,
        rules: rulesOfContract(rules, row, members),
        buckets: ours,
        bonuses: bonuses.filter(isOurs),
        members,
        rolledIn: (bucket, holderId) =>
          past === null ? 0 : carried({ buckets: ours }, past, bucket, holderId, month.slice(0, 7)),
      },
    };
  }
}

/** The pasts of some contracts' buckets, up to a month. */
async function readPasts(
  client: SqlClient,
  contracts: readonly RuleContract[],
  carried: readonly BucketTerms[],
  month: string,
): Promise<(contractId: number) => RolloverFacts> {
  const ids = contracts.map(({ id }) => id);
  const results = await rows<{ contractId: number; month: string; pots: Buffer }>(
    client,
    `SELECT contract_id AS "contractId", to_char(month, 'YYYY-MM') AS month, pots
     FROM allowance_result
     WHERE contract_id = ANY ($1::int[]) AND month < $2::date AND chunk = 0`,
    [ids, month],
  );
  const rests = new Rests();
  for (const result of results) {
    for (const { bucket, holderId, left } of decodePots(result.pots).pots) {
      rests.set(`${result.contractId} ${bucket} ${holderId}`, result.month, left);
    }
  }
  const soldOf = await soldSubscriptions(client, contracts, carried);
  const zones = await rows<ZoneSpan & { contractId: number }>(
    client,
    `SELECT contract_id AS "contractId", ${MS('valid_from')} AS "validFrom",
       ${MS('valid_to')} AS "validTo", time_zone AS "timeZone"
     FROM contract_version WHERE contract_id = ANY ($1::int[]) AND superseded_at IS NULL
     ORDER BY valid_from`,
    [ids],
  );
  const levelOf = new Map(contracts.map(({ id, level }) => [id, level]));
  const zonesOf = grouped(zones, ({ contractId }) => contractId);
  return (contractId) => {
    const ours = zonesOf.get(contractId) ?? [];
    return {
      knownAt: Number.POSITIVE_INFINITY,
      runsOf: entitledRuns(levelOf.get(contractId)!, ours, soldOf(contractId)),
      zones: ours,
      left: (lineageId, holderId) => rests.of(`${contractId} ${lineageId} ${holderId}`),
    };
  };
}

// Subscriptions below a reseller, or of everybody, are read for buckets of theirs alone.
async function soldSubscriptions(
  client: SqlClient,
  contracts: readonly RuleContract[],
  carried: readonly BucketTerms[],
): Promise<(contractId: number) => SoldSubscription[]> {
  const wide = contracts.filter(({ id, level }) => {
    return carried.some((bucket) => bucket.contractId === id && !goesWithTerms(bucket, level));
  });
  const pricedOf = await pricedContracts(client, wide);
  const priced = [...new Set([...pricedOf.values()].flat())];
  const plans = [...new Set(carried.flatMap(({ servicePlanId }) => servicePlanId ?? []))];
  const ids = plans.length === 0 ? priced : [...priced, ...contracts.map(({ id }) => id)];
  const found = ids.length === 0 ? [] : await subscriptionsOf(client, ids, priced, plans);
  const byContract = grouped(found, ({ ownContractId }) => ownContractId);
  return (contractId) =>
    (pricedOf.get(contractId) ?? [contractId]).flatMap((id) =>
      (byContract.get(id) ?? []).map((one) => ({ ...one, isOwn: id === contractId })),
    );
}

/**
 * The contracts whose subscriptions each of some contracts prices, as `pricedFor` has it. A
 * statement of its own: with the numbers of the contracts at hand those of their subscriptions are
 * found by index.
 */
export async function pricedContracts(
  client: SqlClient,
  wide: readonly RuleContract[],
): Promise<Map<number, number[]>> {
  const idsOf = (level: RuleContract['level']) =>
    wide.filter((one) => one.level === level).map(({ id }) => id);
  const own = new Map(idsOf('RETAIL').map((id) => [id, [id]]));
  const [sold, bought] = [idsOf('WHOLESALE'), idsOf('COST')];
  if (sold.length + bought.length === 0) return own;
  const found = await rows<{ asked: number; ids: number[] }>(
    client,
    `WITH RECURSIVE below (asked, id, buyer) AS (
       SELECT c.id, c.id, CASE WHEN ${IS_PURCHASE} THEN c.buyer_partner_id END
       FROM contract c WHERE c.id = ANY ($1::int[])
       UNION
       SELECT b.asked, c.id,
         CASE WHEN c.level = 'WHOLESALE' AND ${IS_PURCHASE} THEN c.buyer_partner_id END
       FROM below b JOIN contract c ON c.seller_partner_id = b.buyer AND c.level <> 'COST'),
     priced (asked, id) AS (
       SELECT asked, id FROM below
       UNION ALL SELECT b.id, c.id FROM unnest($2::int[]) AS b (id), contract c)
     SELECT asked, array_agg(id) AS ids FROM priced GROUP BY asked`,
    [sold, bought],
  );
  return new Map([...own, ...found.map(({ asked, ids }) => [asked, ids] as const)]);
}

const IS_PURCHASE = `c.seller_partner_id = (SELECT p.seller_partner_id FROM contract p
  WHERE p.partner_id = c.partner_id AND p.level = 'WHOLESALE' ORDER BY p.id LIMIT 1)`;

type OwnedSubscription = Omit<SoldSubscription, 'isOwn'> & { readonly ownContractId: number };

// All of some contracts, of the others those that have one of the plans.
function subscriptionsOf(
  client: SqlClient,
  ids: readonly number[],
  all: readonly number[],
  plans: readonly number[],
): Promise<OwnedSubscription[]> {
  return rows(
    client,
    `WITH RECURSIVE sold AS MATERIALIZED (
       SELECT * FROM subscription s WHERE s.contract_id = ANY ($1::int[])
         AND (s.contract_id = ANY ($2::int[]) OR s.service_plan_id = ANY ($3::int[]))),
     up (leaf, id, parent_id) AS (
       SELECT a.id, a.id, a.parent_id FROM account a WHERE a.id IN (SELECT account_id FROM sold)
       UNION ALL
       SELECT up.leaf, a.id, a.parent_id FROM up CROSS JOIN LATERAL (
         SELECT id, parent_id FROM account WHERE account.id = up.parent_id OFFSET 0) AS a)
     SELECT s.contract_id AS "ownContractId", s.id AS "subscriptionId", up.id AS "rootAccountId",
       s.service_plan_id AS "planId", ${MS('s.starts_at')} AS "startsAt",
       ${MS('s.ends_at')} AS "endsAt"
     FROM sold s JOIN up ON up.leaf = s.account_id AND up.parent_id IS NULL`,
    [ids, all, plans],
  );
}
