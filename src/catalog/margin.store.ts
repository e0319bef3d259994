import { formatAmount } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { RateFacts } from './convert.js';
import type { ListRows } from './inherit.js';
import { chainOf } from './inherited-price.store.js';
import { MARGIN_POLICIES, type MarginFinding, type MarginPolicyName } from './margin-guard.js';
import type { PricingModel, RateRow } from './rate-row.js';
import type { SheetKey } from './rate-sheet.store.js';
import type { SheetChange } from './sheet-effect.js';

/** A price list in the use of one contract version. */
export interface ListUse {
  readonly listId: number;
  readonly ownerId: number;
  readonly currency: string;
  readonly profileId: number | null;
  readonly isCost: boolean;
  readonly policy: MarginPolicyName;
  /** Names of services, without `*`. */
  readonly services: readonly string[];
}

/** The hub, when the transaction sees it: margins are the hub's alone. */
export async function visibleHub(tx: Tx): Promise<number | null> {
  const rows = await tx.query<{ id: number }[]>('SELECT id FROM partner WHERE parent_id IS NULL');
  return rows[0]?.id ?? null;
}

/** The list and all that inherit from it. */
export async function heirsOf(tx: Tx, listId: number): Promise<Set<number>> {
  const rows = await tx.query<{ id: number }[]>(
    `WITH RECURSIVE down AS (
       SELECT id FROM price_list WHERE id = $1
       UNION SELECT l.id FROM price_list l JOIN down ON l.parent_id = down.id)
     SELECT id FROM down`,
    [listId],
  );
  return new Set(rows.map(({ id }) => id));
}

/**
 * The lists by which the hub buys and sells under contracts in force at an instant or later. A
 * list for every service is for those that no other list of the version names; one for a trunk is
 * for all that it names, since it stands beside the others.
 */
export async function listUses(tx: Tx, hubId: number, from: Date): Promise<ListUse[]> {
  return tx.query<ListUse[]>(
    `WITH use AS (
       SELECT p.contract_version_id AS version, p.service, p.trunk_id, p.price_list_id,
         c.level = 'COST' AS cost, v.margin_policy AS policy
       FROM contract c JOIN contract_version v ON v.contract_id = c.id
       JOIN contract_price_list p ON p.contract_version_id = v.id
       WHERE c.status = 'ACTIVE' AND v.superseded_at IS NULL
         AND (v.valid_to IS NULL OR v.valid_to > $2)
         AND CASE c.level WHEN 'COST' THEN c.buyer_partner_id ELSE c.seller_partner_id END = $1
     ), priced AS (
       SELECT use.price_list_id, use.cost, use.policy, s.service FROM use
       CROSS JOIN (VALUES ('VOICE'), ('SMS'), ('DATA'), ('EVENT')) AS s(service)
       WHERE use.service = s.service OR (use.service = '*' AND (use.trunk_id IS NOT NULL
         OR NOT EXISTS (SELECT 1 FROM use other WHERE other.version = use.version
           AND other.trunk_id IS NULL AND other.service = s.service)))
     )
     SELECT l.id AS "listId", l.partner_id AS "ownerId", l.currency,
       l.time_profile_id AS "profileId", priced.cost AS "isCost",
       (array_agg(priced.policy ORDER BY array_position($3::text[], priced.policy) DESC))[1]
         AS policy,
       array_agg(DISTINCT priced.service) AS services
     FROM priced JOIN price_list l ON l.id = priced.price_list_id
     GROUP BY l.id, priced.cost ORDER BY l.id, priced.cost`,
    [hubId, from, MARGIN_POLICIES],
  );
}

/** Published exchange rates between two currencies, quoted either way. */
export async function ratesBetween(tx: Tx, a: string, b: string): Promise<RateFacts[]> {
  return tx.query<RateFacts[]>(
    `SELECT base_currency AS "baseCurrency", quote_currency AS "quoteCurrency", rate::text,
       valid_from AS "validFrom"
     FROM exchange_rate WHERE superseded_at IS NULL
       AND ((base_currency = $1 AND quote_currency = $2)
         OR (base_currency = $2 AND quote_currency = $1))`,
    [a, b],
  );
}

const MS = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

type RateColumns = [
  list: number,
  id: number,
  destinationId: number | null,
  prefix: string | null,
  bandId: number | null,
  kind: RateRow['kind'],
  price: string,
  rateUnit: number,
  model: PricingModel,
  validFrom: number,
  validTo: number | null,
];

/**
 * Rows of the lists of a chain, root first, that hold at an instant or later, as far as prices per
 * unit go, and the prefixes of their destinations; when `near` prefixes are given, only what can
 * price numbers that begin with one of them. The hub sees all lists. A column of arrays instead of
 * rows with names: lists have many rows.
 */
export async function comparedRows(
  tx: Tx,
  listId: number,
  from: Date,
  near: ReadonlySet<string> | null = null,
): Promise<{ lists: ListRows[]; destinationPrefixes: Map<number, string[]> }> {
  const chain = await chainOf(tx, listId);
  const { condition, prefixes } = nearTo(near);
  const found = await tx.query<{ rows: RateColumns[] | null }[]>(
    `SELECT json_agg(json_build_array(price_list_id, id, destination_id, prefix, time_band_id,
       kind, (price * 100000000)::bigint::text, rate_unit, model,
       ${MS('valid_from')}, ${MS('valid_to')})) AS rows
     FROM rate WHERE price_list_id = ANY($1) AND superseded_at IS NULL
       AND origin_set_id IS NULL AND (valid_to IS NULL OR valid_to > $2)
       AND (${condition} OR destination_id IN
         (SELECT destination_id FROM destination_prefix WHERE ${condition}))`,
    [chain, from, ...prefixes],
  );
  const byList = new Map<number, RateRow[]>(chain.map((id) => [id, []]));
  const destinations = new Set<number>();
  for (const columns of found[0]?.rows ?? []) {
    byList.get(columns[0])?.push(rowOfColumns(columns));
    if (columns[2] !== null) destinations.add(columns[2]);
  }
  return {
    lists: chain.map((id) => ({ listId: id, rows: byList.get(id) ?? [] })),
    destinationPrefixes: await prefixesOfDestinations(tx, [...destinations]),
  };
}

/** Prefixes that begin one of these or that one of these begins; each length is looked up once. */
function nearTo(near: ReadonlySet<string> | null): { condition: string; prefixes: string[][] } {
  if (near === null) return { condition: 'true', prefixes: [] };
  const heads = new Set<string>(['']);
  const byLength = new Map<number, string[]>();
  for (const prefix of near) {
    for (let length = 1; length <= prefix.length; length += 1) heads.add(prefix.slice(0, length));
    const same = byLength.get(prefix.length);
    if (same === undefined) byLength.set(prefix.length, [prefix]);
    else same.push(prefix);
  }
  const longer = [...byLength.keys()].map(
    (length, at) => `left(prefix, ${length}) = ANY($${at + 4}::text[])`,
  );
  return {
    condition: `(${['prefix = ANY($3::text[])', ...longer].join(' OR ')})`,
    prefixes: [[...heads], ...byLength.values()],
  };
}

// Spreading objects would take a hundred times as long as naming the fields.
function rowOfColumns(columns: RateColumns): RateRow {
  const model = columns[8];
  return {
    id: columns[1],
    destinationId: columns[2],
    prefix: columns[3],
    bandId: columns[4],
    originSetId: null,
    kind: columns[5],
    price: BigInt(columns[6]),
    connectionFee: 0n,
    rateUnit: columns[7],
    firstIncrement: 1,
    nextIncrement: 1,
    minimum: 0,
    grace: 0,
    terms: model === 'PER_UNIT' ? null : { model, minCharge: 0n, maxCharge: null, schedule: null },
    validFrom: columns[9],
    validTo: columns[10],
  };
}

/** What a compared sheet does to its list, as far as prices per unit go. */
export async function sheetChanges(tx: Tx, sheet: SheetKey): Promise<SheetChange[]> {
  const found = await tx.query<{ status: SheetChange['status']; rows: RateColumns[] }[]>(
    `SELECT status, json_agg(json_build_array(0, -id, destination_id, prefix, time_band_id,
       'ABSOLUTE', (price * 100000000)::bigint::text, rate_unit, 'PER_UNIT', ${MS('valid_from')},
       ${MS('valid_to')})) AS rows
     FROM rate_sheet_row WHERE rate_sheet_id = $1 AND error_code IS NULL GROUP BY status`,
    [sheet.id],
  );
  return found.flatMap(({ status, rows }) =>
    rows.map((columns) => ({ status, row: rowOfColumns(columns) })),
  );
}

/** The prefixes of destinations. */
export async function prefixesOfDestinations(
  tx: Tx,
  ids: readonly number[],
): Promise<Map<number, string[]>> {
  const rows = await tx.query<{ id: number; prefixes: string[] }[]>(
    `SELECT destination_id AS id, array_agg(prefix) AS prefixes FROM destination_prefix
     WHERE destination_id = ANY($1) GROUP BY 1`,
    [ids],
  );
  return new Map(rows.map(({ id, prefixes }) => [id, prefixes]));
}

/** The two lists that findings are about, and how strict contracts are about them. */
export interface GuardedPair {
  readonly cost: ListUse;
  readonly sell: ListUse;
}

/** Keeps findings of one pair of lists for the API. */
export async function storeFindings(
  tx: Tx,
  sheetId: number,
  hubId: number,
  { cost, sell }: GuardedPair,
  findings: readonly MarginFinding[],
): Promise<void> {
  const CHUNK = 5_000;
  for (let at = 0; at < findings.length; at += CHUNK) {
    const rows = findings.slice(at, at + CHUNK);
    const column = <T>(pick: (finding: MarginFinding) => T): T[] => rows.map(pick);
    await tx.query(
      `INSERT INTO rate_sheet_margin (rate_sheet_id, partner_id, policy, supplier_partner_id,
         cost_list_id, sell_list_id, prefix, cost_band_id, sell_band_id, valid_from, valid_to,
         cost_price, cost_rate_unit, sell_price, sell_rate_unit, cost_amount, margin,
         margin_percent)
       SELECT $1, $2, $3, $4, $5, $6, t.* FROM unnest($7::text[], $8::int[], $9::int[],
         $10::timestamptz[], $11::timestamptz[], $12::numeric[], $13::int[], $14::numeric[],
         $15::int[], $16::numeric[], $17::numeric[], $18::numeric[]) AS t`,
      [
        sheetId,
        hubId,
        sell.policy,
        cost.ownerId,
        cost.listId,
        sell.listId,
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

/** Forgets the findings of a sheet before it is compared again. */
export async function dropFindings(tx: Tx, sheetId: number): Promise<void> {
  await tx.query('DELETE FROM rate_sheet_margin WHERE rate_sheet_id = $1', [sheetId]);
}
