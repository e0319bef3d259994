import { addMonths, civilDate } from '../kernel/index.js';
import type { SqlClient } from '../platform/index.js';
import { decodePots, type StoredPot } from './allowance-result.js';
import { MS, rows } from './facts-query.store.js';
import type { FoldFacts } from './fold-month.js';
import { grantOf, rolloverCapOf } from './pots.js';
import { type RuleContract, rulesOfContract } from './price-rules.js';
import type { BucketTerms, Holder, PricingFacts } from './pricing-facts.js';
import { loadPricingFacts } from './pricing-facts.store.js';

/** A contract with everything that its months are folded by. */
export interface FoldContract extends RuleContract {
  readonly partnerId: number;
  readonly accountId: number;
  readonly facts: FoldFacts;
}

interface ContractRow extends RuleContract {
  readonly partnerId: number;
  readonly accountId: number;
  readonly timeZone: string;
}

interface HolderStart {
  readonly contractId: number;
  readonly subscriptionId: number;
  readonly rootAccountId: number;
  readonly startsAt: number;
}

/** Reads the facts of folds with their whole recorded history, once for many contracts. */
export class FoldFactsReader {
  readonly #client: SqlClient;
  readonly #pricing: PricingFacts;

  private constructor(client: SqlClient, pricing: PricingFacts) {
    this.#client = client;
    this.#pricing = pricing;
  }

  static async open(client: SqlClient): Promise<FoldFactsReader> {
    return new FoldFactsReader(client, await loadPricingFacts(client, 'infinity'));
  }

  /** Whether any bucket leaves something over for the next month. */
  get carries(): boolean {
    return this.#pricing.buckets.some(({ rolloverCap }) => rolloverCap !== null);
  }

  /** The facts of some contracts for one month (YYYY-MM-01), by id. */
  async contracts(ids: readonly number[], month: string): Promise<Map<number, FoldContract>> {
    const found = await rows<ContractRow>(
      this.#client,
      `SELECT c.id, c.level, c.partner_id AS "partnerId", c.account_id AS "accountId",
         c.seller_partner_id AS "sellerPartnerId", c.buyer_partner_id AS "buyerPartnerId",
         (SELECT v.time_zone FROM contract_version v WHERE v.contract_id = c.id
          AND v.superseded_at IS NULL ORDER BY v.valid_from DESC LIMIT 1) AS "timeZone"
       FROM contract c WHERE c.id = ANY ($1::int[])`,
      [ids],
    );
    const leftovers = this.carries ? await Leftovers.read(this.#client, ids, month) : null;
    return new Map(found.map((row) => [row.id, this.#contract(row, month, leftovers)]));
  }

  #contract(row: ContractRow, month: string, leftovers: Leftovers | null): FoldContract {
    const { rules, buckets, bonuses, members } = this.#pricing;
    const isOurs = (item: { readonly contractId: number | null }) =>
      item.contractId === null || item.contractId === row.id;
    return {
      ...row,
      facts: {
        contract: row,
        rules: rulesOfContract(rules, row, members),
        buckets: buckets.filter(isOurs),
        bonuses: bonuses.filter(isOurs),
        members,
        rolledIn: (bucket, holderId) => leftovers?.rolledIn(row, bucket, holderId, month) ?? 0,
      },
    };
  }
}

/** What buckets had left at the ends of earlier months. */
class Leftovers {
  readonly #pots: ReadonlyMap<string, StoredPot>;
  readonly #starts: readonly HolderStart[];

  private constructor(pots: ReadonlyMap<string, StoredPot>, starts: readonly HolderStart[]) {
    this.#pots = pots;
    this.#starts = starts;
  }

  static async read(client: SqlClient, ids: readonly number[], month: string): Promise<Leftovers> {
    const results = await rows<{ contractId: number; month: string; pots: Buffer }>(
      client,
      `SELECT contract_id AS "contractId", month::text AS month, pots FROM allowance_result
       WHERE contract_id = ANY ($1::int[]) AND month < $2::date AND chunk = 0`,
      [ids, month],
    );
    const pots = new Map<string, StoredPot>();
    for (const result of results) {
      for (const pot of decodePots(result.pots).pots) {
        pots.set(`${result.contractId}:${pot.bucket}:${pot.holderId}:${result.month}`, pot);
      }
    }
    const starts = await rows<HolderStart>(
      client,
      `WITH RECURSIVE up AS (
         SELECT id AS leaf, id, parent_id FROM account
         UNION ALL
         SELECT up.leaf, a.id, a.parent_id FROM up JOIN account a ON a.id = up.parent_id)
       SELECT s.contract_id AS "contractId", s.id AS "subscriptionId",
         up.id AS "rootAccountId", ${MS('s.starts_at')} AS "startsAt"
       FROM subscription s JOIN up ON up.leaf = s.account_id AND up.parent_id IS NULL
       WHERE s.contract_id = ANY ($1::int[])`,
      [ids],
    );
    return new Leftovers(pots, starts);
  }

  /** What a holder has left from the month before `month`, month by month since both began. */
  rolledIn(contract: ContractRow, bucket: BucketTerms, holderId: number, month: string): number {
    const cap = rolloverCapOf(bucket);
    const startsAt = this.#startOf(contract.id, bucket.holder, holderId);
    const begins = Math.max(bucket.validFrom, startsAt);
    if (!Number.isFinite(begins)) return 0;
    let at = civilDate(contract.timeZone, begins).slice(0, 7);
    let rolled = 0;
    while (at < month.slice(0, 7)) {
      const pot = this.#pots.get(`${contract.id}:${bucket.lineageId}:${holderId}:${at}-01`);
      rolled = Math.min(cap, pot === undefined ? grantOf(bucket) + rolled : pot.left);
      at = addMonths(at, 1);
    }
    return rolled;
  }

  #startOf(contractId: number, holder: Holder, holderId: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const start of this.#starts) {
      if (start.contractId !== contractId) continue;
      const isOurs =
        holder === 'CONTRACT' ||
        (holder === 'ACCOUNT' ? start.rootAccountId : start.subscriptionId) === holderId;
      if (isOurs) first = Math.min(first, start.startsAt);
    }
    return first;
  }
}
