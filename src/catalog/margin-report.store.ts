import { formatAmount, invariant } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { GuardedPair } from './margin.store.js';
import { MARGIN_POLICIES, type MarginFinding } from './margin-guard.js';
import type { SheetKey } from './rate-sheet.store.js';
import type { MarginReport } from './sheet-guard.service.js';

/** Which sheet, and the seller whose margin it is about. */
export interface MarginKey {
  readonly sheetId: number;
  readonly sellerId: number;
}

/** What columns of prices and of amounts hold, at scale 8. */
const PRICE_LIMIT = 10n ** 18n;
const AMOUNT_LIMIT = 10n ** 28n;

/** Adjustments may come to prices that no rate could say; these are counted and not kept. */
function isKept({ costPrice, sellPrice, costAmount }: MarginFinding): boolean {
  return costPrice < PRICE_LIMIT && sellPrice < PRICE_LIMIT && costAmount < AMOUNT_LIMIT;
}

/** Keeps findings of one pair of lists for the API. */
export async function storeFindings(
  tx: Tx,
  { sheetId, sellerId }: MarginKey,
  { cost, sell }: GuardedPair,
  findings: readonly MarginFinding[],
): Promise<void> {
  const CHUNK = 5_000;
  const kept = findings.filter(isKept);
  for (let at = 0; at < kept.length; at += CHUNK) {
    const rows = kept.slice(at, at + CHUNK);
    const column = <T>(pick: (finding: MarginFinding) => T): T[] => rows.map(pick);
    await tx.query(
      `INSERT INTO rate_sheet_margin (rate_sheet_id, partner_id, policy, supplier_partner_id,
         cost_list_id, sell_list_id, cost_contract_id, prefix, cost_band_id, sell_band_id,
         valid_from, valid_to, cost_price, cost_rate_unit, sell_price, sell_rate_unit,
         cost_amount, margin, margin_percent)
       SELECT $1, $2, $3, $4, $5, $6, $7, t.* FROM unnest($8::text[], $9::int[], $10::int[],
         $11::timestamptz[], $12::timestamptz[], $13::numeric[], $14::int[], $15::numeric[],
         $16::int[], $17::numeric[], $18::numeric[], $19::numeric[]) AS t`,
      [
        sheetId,
        sellerId,
        sell.policy,
        cost.ownerId,
        cost.listId,
        sell.listId,
        cost.contractId,
        column(({ prefix }) => prefix),
        column(({ costBandId }) => costBandId || null),
        column(({ sellBandId }) => sellBandId || null),
        column(({ from }) => new Date(from).toISOString()),
        column(({ to }) => (to === null ? null : new Date(to).toISOString())),
        column(({ costPrice }) => formatAmount(costPrice)),
        column(({ costRateUnit }) => costRateUnit),
        column(({ sellPrice }) => formatAmount(sellPrice)),
        column(({ sellRateUnit }) => sellRateUnit),
        column(({ costAmount }) => formatAmount(costAmount)),
        column(({ margin }) => formatAmount(margin)),
        column(({ marginPercent }) => percentText(marginPercent)),
      ],
    );
  }
}

function percentText(percent: bigint | null): string | null {
  return percent === null ? null : formatAmount(percent * 10_000n);
}

/** Forgets the findings of a seller before a sheet is compared again. */
export async function dropFindings(tx: Tx, { sheetId, sellerId }: MarginKey): Promise<void> {
  await tx.query('DELETE FROM rate_sheet_margin WHERE rate_sheet_id = $1 AND partner_id = $2', [
    sheetId,
    sellerId,
  ]);
}

/** Forgets all that was found about a sheet and a seller. */
export async function dropMargin(tx: Tx, key: MarginKey): Promise<void> {
  await dropFindings(tx, key);
  await tx.query('DELETE FROM margin_report WHERE rate_sheet_id = $1 AND partner_id = $2', [
    key.sheetId,
    key.sellerId,
  ]);
}

/** Sums up what was found about a sheet and a seller, nothing without a report; answers its id. */
export async function storeReport(
  tx: Tx,
  { sheetId, sellerId }: MarginKey,
  report: MarginReport | null,
  takesEffectAt: Date | null,
): Promise<number> {
  const rows = await tx.query<{ id: number }[]>(
    `INSERT INTO margin_report (rate_sheet_id, partner_id, finding_count, policy, hash, pairs,
       gaps, takes_effect_at)
     VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8)
     ON CONFLICT (rate_sheet_id, partner_id) DO UPDATE SET finding_count = excluded.finding_count,
       policy = excluded.policy, hash = excluded.hash, pairs = excluded.pairs,
       gaps = excluded.gaps, takes_effect_at = excluded.takes_effect_at, compared_at = now()
     RETURNING id`,
    [
      sheetId,
      sellerId,
      report?.count ?? 0,
      MARGIN_POLICIES.findLast((policy) => (report?.byPolicy[policy] ?? 0) > 0) ?? null,
      report?.hash ?? null,
      JSON.stringify(report?.pairs ?? []),
      JSON.stringify([...(report?.gaps.keys() ?? [])]),
      takesEffectAt,
    ],
  );
  return rows[0]!.id;
}

/** A sheet as it stands, which nobody changes before the transaction ends. */
export interface SheetState extends SheetKey {
  readonly name: string;
  readonly state: 'DRAFT' | 'ACTIVATED' | 'DISCARDED';
  readonly takesEffectAt: Date | null;
  /** The moment of its last activation or undo, to the microsecond. */
  readonly recordedTime: string | null;
  /** The first moment at which everybody knows what was recorded then. */
  readonly knownTime: string | null;
}

export async function lockedSheetState(tx: Tx, sheetId: number): Promise<SheetState> {
  const [sheet] = await tx.query<SheetState[]>(
    `SELECT id, partner_id AS "partnerId", price_list_id AS "priceListId", name, state,
       takes_effect_at AS "takesEffectAt", recorded_time::text AS "recordedTime",
       (recorded_time + interval '1 microsecond')::text AS "knownTime"
     FROM rate_sheet WHERE id = $1 FOR SHARE`,
    [sheetId],
  );
  invariant(sheet !== undefined, 'sheets are never deleted');
  return sheet;
}

/**
 * Whose margin and policies decide about the sheets of a visible partner's lists: the partner's
 * own, but of a supplier or operator those of who keeps its lists, the partner above.
 */
export async function decidingSeller(tx: Tx, ownerId: number): Promise<number> {
  const [row] = await tx.query<{ id: number }[]>(
    `SELECT CASE WHEN kind IN ('SUPPLIER', 'OPERATOR') THEN coalesce(parent_id, id) ELSE id END
       AS id FROM partner WHERE id = $1`,
    [ownerId],
  );
  invariant(row !== undefined, 'who sees a list sees its owner');
  return row.id;
}

/** Sellers about whom something was found or asked for a sheet, as far as the system knows. */
export async function reportedSellers(tx: Tx, sheetId: number): Promise<number[]> {
  const rows = await tx.query<{ id: number }[]>(
    'SELECT partner_id AS id FROM margin_report WHERE rate_sheet_id = $1',
    [sheetId],
  );
  return rows.map(({ id }) => id);
}

/** A list that changes from an instant on, and who need not be told. */
export interface ListNews {
  readonly listId: number;
  readonly from: Date;
  readonly besides: number;
}

/**
 * Partners whose margin a list may change, besides one: who buys or sells by it, or by a list that
 * inherits from it, under contracts in force at an instant or later, and sells at all; with
 * `watchingOnly`, under a contract that says anything but NONE. For the system, which sees all
 * contracts.
 */
export async function concernedSellers(
  tx: Tx,
  { listId, from, besides }: ListNews,
  watchingOnly = false,
): Promise<number[]> {
  const rows = await tx.query<{ id: number }[]>(
    `WITH RECURSIVE down AS (
       SELECT id FROM price_list WHERE id = $1
       UNION SELECT l.id FROM price_list l JOIN down ON l.parent_id = down.id
     ), used AS (
       SELECT DISTINCT c.seller_partner_id AS seller, c.buyer_partner_id AS buyer
       FROM down JOIN contract_price_list p ON p.price_list_id = down.id
       JOIN contract_version v ON v.id = p.contract_version_id
       JOIN contract c ON c.id = v.contract_id
       WHERE c.status = 'ACTIVE' AND v.superseded_at IS NULL
         AND (v.valid_to IS NULL OR v.valid_to > $2))
     SELECT p.id FROM partner p
     WHERE p.id IN (SELECT seller FROM used UNION SELECT buyer FROM used) AND p.id <> $3
       AND EXISTS (SELECT 1 FROM contract c JOIN contract_version v ON v.contract_id = c.id
         WHERE c.seller_partner_id = p.id AND c.level <> 'COST' AND c.status = 'ACTIVE'
           AND v.superseded_at IS NULL AND (v.valid_to IS NULL OR v.valid_to > $2)
           AND (NOT $4 OR v.margin_policy <> 'NONE'))
     ORDER BY p.id`,
    [listId, from, besides, watchingOnly],
  );
  return rows.map(({ id }) => id);
}
