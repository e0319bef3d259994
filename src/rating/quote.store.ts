import type { PriceLevel } from '../partner/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import { asKnown, known } from './facts-query.store.js';

/** Who a quoted record belongs to. */
export interface QuotedSubscription {
  readonly id: number;
  readonly contractId: number;
  /** 0 for none. */
  readonly planId: number;
  readonly rootAccountId: number;
  readonly isActive: boolean;
}

/** As was known at a moment, in a transaction that sees everything. */
export async function quotedSubscription(
  aside: Tx,
  knownAt: string,
  id: number,
  startedAt: Date,
): Promise<QuotedSubscription | null> {
  const [found] = rowsOf<QuotedSubscription>(
    await aside.query(
      `WITH RECURSIVE asked AS (
         SELECT * FROM ${asKnown('subscription')} s WHERE s.id = $2),
       up (id, parent_id) AS (
         SELECT a.id, a.parent_id FROM account a JOIN asked s ON s.account_id = a.id
         UNION ALL SELECT a.id, a.parent_id FROM account a JOIN up ON a.id = up.parent_id)
       SELECT s.id, s.contract_id AS "contractId", coalesce(s.service_plan_id, 0) AS "planId",
         up.id AS "rootAccountId",
         $3 >= s.starts_at AND (s.ends_at IS NULL OR $3 < s.ends_at) AS "isActive"
       FROM asked s JOIN up ON up.parent_id IS NULL`,
      [knownAt, id, startedAt],
    ),
  );
  return found ?? null;
}

/**
 * The contracts through which a contract's traffic of an instant is sold, from the hub's sale down
 * to the contract itself; null when they do not reach the hub. Above it, of several contracts by
 * which a seller sells to a reseller, the first with terms in force as was known at a moment. In a
 * transaction that sees everything.
 */
export async function sellingChain(
  aside: Tx,
  knownAt: string,
  contractId: number,
  startedAt: Date,
): Promise<number[] | null> {
  const chain = rowsOf<{ id: number; byHub: boolean }>(
    await aside.query(
      `WITH RECURSIVE chain (id, seller, buyer, length) AS (
         SELECT id, seller_partner_id, buyer_partner_id, 1 FROM contract WHERE id = $2
         UNION ALL
         SELECT above.id, above.seller_partner_id, chain.seller, chain.length + 1 FROM chain
         CROSS JOIN LATERAL (SELECT c.id, c.seller_partner_id FROM contract c
           WHERE c.level = 'WHOLESALE' AND c.buyer_partner_id = chain.seller
           ORDER BY c.id LIMIT 1) AS above
         WHERE chain.length < 7
           AND chain.seller <> (SELECT id FROM partner WHERE parent_id IS NULL))
       SELECT coalesce(in_force.id, chain.id) AS id, p.parent_id IS NULL AS "byHub" FROM chain
       JOIN partner p ON p.id = chain.seller
       LEFT JOIN LATERAL (SELECT c.id FROM contract c
         JOIN contract_version v ON v.contract_id = c.id AND ${known('v')}
           AND v.valid_from <= $3 AND (v.valid_to IS NULL OR v.valid_to > $3)
         WHERE chain.length > 1 AND c.level = 'WHOLESALE'
           AND c.seller_partner_id = chain.seller AND c.buyer_partner_id = chain.buyer
         ORDER BY c.id LIMIT 1) AS in_force ON true
       ORDER BY chain.length DESC`,
      [knownAt, contractId, startedAt],
    ),
  );
  return chain[0]?.byHub ? chain.map(({ id }) => id) : null;
}

/** The contract by which traffic that leaves by a trunk is bought, null for none. */
export async function costContract(aside: Tx, trunkId: number): Promise<number | null> {
  const [found] = rowsOf<{ id: number | null }>(
    await aside.query('SELECT cost_contract_id AS id FROM trunk WHERE id = $1', [trunkId]),
  );
  return found?.id ?? null;
}

/** Levels of the contracts among these that the transaction sees. */
export async function seenContracts(
  tx: Tx,
  ids: readonly number[],
): Promise<Map<number, PriceLevel>> {
  const rows = rowsOf<{ id: number; level: PriceLevel }>(
    await tx.query('SELECT id, level FROM contract WHERE id = ANY ($1::int[])', [ids]),
  );
  return new Map(rows.map(({ id, level }) => [id, level]));
}

/** How far below the hub the viewer's partner stands; 0 for the hub. */
export async function viewerDepth(tx: Tx): Promise<number> {
  const [found] = rowsOf<{ depth: number }>(
    await tx.query(`SELECT coalesce(NULLIF(current_setting('kontor.depth', true), '')::int, 0)
      AS depth`),
  );
  return found?.depth ?? 0;
}
