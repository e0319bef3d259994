import { grouped } from '../kernel/index.js';
import type { SqlClient } from '../platform/index.js';
import { decodePots } from './allowance-result.js';
import { MS, rows } from './facts-query.store.js';
import { carried } from './fold-contract.js';
import type { FoldFacts } from './fold-month.js';
import { type RuleContract, rulesOfContract } from './price-rules.js';
import type { PricingFacts } from './pricing-facts.js';
import { loadPricingFacts } from './pricing-facts.store.js';
import { type HolderStart, indexStarts, type RolloverFacts, type ZoneSpan } from './rollover.js';

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
    const pastOf = this.carries ? await readPasts(this.#client, ids, month) : null;
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
  ids: readonly number[],
  month: string,
): Promise<(contractId: number) => RolloverFacts> {
  const results = await rows<{ contractId: number; month: string; pots: Buffer }>(
    client,
    `SELECT contract_id AS "contractId", to_char(month, 'YYYY-MM') AS month, pots
     FROM allowance_result
     WHERE contract_id = ANY ($1::int[]) AND month < $2::date AND chunk = 0`,
    [ids, month],
  );
  const rests = new Map<string, number>();
  for (const result of results) {
    for (const { bucket, holderId, left } of decodePots(result.pots).pots) {
      rests.set(`${result.contractId} ${bucket} ${holderId} ${result.month}`, left);
    }
  }
  const starts = await rows<HolderStart & { contractId: number }>(
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
  const zones = await rows<ZoneSpan & { contractId: number }>(
    client,
    `SELECT contract_id AS "contractId", ${MS('valid_from')} AS "validFrom",
       ${MS('valid_to')} AS "validTo", time_zone AS "timeZone"
     FROM contract_version WHERE contract_id = ANY ($1::int[]) AND superseded_at IS NULL
     ORDER BY valid_from`,
    [ids],
  );
  const startsOf = grouped(starts, ({ contractId }) => contractId);
  const zonesOf = grouped(zones, ({ contractId }) => contractId);
  return (contractId) => ({
    knownAt: Number.POSITIVE_INFINITY,
    startOf: indexStarts(startsOf.get(contractId) ?? []),
    zones: zonesOf.get(contractId) ?? [],
    left: (lineageId, holderId, at) => rests.get(`${contractId} ${lineageId} ${holderId} ${at}`),
  });
}
