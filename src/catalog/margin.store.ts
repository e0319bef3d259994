import type { Tx } from '../platform/index.js';
import type { RateFacts } from './convert.js';
import type { ListRows } from './inherit.js';
import { MARGIN_POLICIES, type MarginPolicyName } from './margin-guard.js';
import type { PricingModel, RateRow } from './rate-row.js';
import type { SheetKey } from './rate-sheet.store.js';
import type { SheetChange } from './sheet-effect.js';

/** A price list by which a seller buys or sells. */
export interface ListUse {
  readonly listId: number;
  readonly ownerId: number;
  readonly currency: string;
  readonly profileId: number | null;
  /** The list and those that it inherits from, the root first. */
  readonly chain: readonly number[];
  readonly isCost: boolean;
  /** Counts for selling alone. */
  readonly policy: MarginPolicyName;
  /** Names of services, without `*`. */
  readonly services: readonly string[];
  /** A contract that uses it, the first of several. */
  readonly contractId: number;
  /** The zones of all contracts that use it, by whose clocks its bands begin. */
  readonly timeZones: readonly string[];
}

/** The two lists that findings are about, and how strict contracts are about them. */
export interface GuardedPair {
  readonly cost: ListUse;
  readonly sell: ListUse;
}

/** The hub, when the transaction sees it. */
export async function visibleHub(tx: Tx): Promise<number | null> {
  const rows = await tx.query<{ id: number }[]>('SELECT id FROM partner WHERE parent_id IS NULL');
  return rows[0]?.id ?? null;
}

/**
 * The lists by which a visible partner buys and sells under contracts in force at an instant or
 * later, also those that are hidden from it. A list for every service is for those that no other
 * list of the version names; one for a trunk is for all that it names, since it stands beside the
 * others.
 */
export async function listUses(tx: Tx, sellerId: number, from: Date): Promise<ListUse[]> {
  return tx.query<ListUse[]>(
    `WITH use AS (
       SELECT p.contract_version_id AS version, p.service, p.trunk_id, p.price_list_id,
         c.buyer_partner_id = $1 AS cost, v.margin_policy AS policy, c.id AS contract,
         v.time_zone AS zone
       FROM contract c JOIN contract_version v ON v.contract_id = c.id
       JOIN contract_price_list p ON p.contract_version_id = v.id
       WHERE c.status = 'ACTIVE' AND v.superseded_at IS NULL
         AND (v.valid_to IS NULL OR v.valid_to > $2)
         AND (c.buyer_partner_id = $1 OR (c.seller_partner_id = $1 AND c.level <> 'COST'))
     ), priced AS (
       SELECT use.price_list_id, use.cost, use.policy, use.contract, use.zone, s.service FROM use
       CROSS JOIN (VALUES ('VOICE'), ('SMS'), ('DATA'), ('EVENT')) AS s(service)
       WHERE use.service = s.service OR (use.service = '*' AND (use.trunk_id IS NOT NULL
         OR NOT EXISTS (SELECT 1 FROM use other WHERE other.version = use.version
           AND other.trunk_id IS NULL AND other.service = s.service)))
     ), used AS (
       SELECT price_list_id, cost, min(contract) AS contract,
         (array_agg(policy ORDER BY array_position($3::text[], policy) DESC))[1] AS policy,
         array_agg(DISTINCT service) AS services, array_agg(DISTINCT zone) AS zones
       FROM priced GROUP BY price_list_id, cost
     )
     SELECT l.id AS "listId", l.partner_id AS "ownerId", l.currency,
       l.time_profile_id AS "profileId", l.chain, used.cost AS "isCost",
       used.policy, used.services, used.contract AS "contractId",
       used.zones AS "timeZones"
     FROM guarded_lists(ARRAY(SELECT price_list_id FROM used), $2) l
     JOIN used ON used.price_list_id = l.id ORDER BY l.id, used.cost`,
    [sellerId, from, MARGIN_POLICIES],
  );
}

/** Whose margin a change may touch, from when on, and the lists that it is held against. */
export interface MarginLock {
  readonly sellerId: number;
  readonly from: Date;
  readonly listIds: readonly number[];
}

/** From so many sellers on, one lock stands for all: the lock table of the database is finite. */
const MANY_SELLERS = 100;

/**
 * Makes other changes about which a seller decides wait for the end of the transaction: of two at
 * once each would be held against prices from before the other. So does it make wait those of the
 * lists that it is held against, and of all that these inherit from, whoever decides about them.
 * Everybody takes the locks of sellers in one order, so that no two wait for each other; lock 0 is
 * that of all sellers.
 */
export async function lockMargin(
  tx: Tx,
  { sellerId, from, listIds }: MarginLock,
  many = MANY_SELLERS,
): Promise<void> {
  const others = await tx.query<{ id: number }[]>(
    'SELECT id FROM guarded_sellers($1, $2) AS id WHERE id <> $3',
    [listIds, from, sellerId],
  );
  const locked = others.length < many ? others.map(({ id }) => id) : [];
  await tx.query(
    `SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtext('margin of sheets'), id)
       ELSE pg_advisory_xact_lock_shared(hashtext('margin of sheets'), id) END
     FROM (SELECT id, id = $1 OR (id = 0 AND $3) AS alone
       FROM unnest(ARRAY[0, $1] || $2::int[]) AS id ORDER BY id) ordered`,
    [sellerId, locked, others.length >= many],
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

/** Which rows of a list are compared. */
export interface ComparedPart {
  /** Those that hold at this instant or later. */
  readonly from: Date;
  /** As they were known just before this moment, to the microsecond; now when null. */
  readonly before: string | null;
  /** Only what can price numbers that begin with one of these; everything when null. */
  readonly near: ReadonlySet<string> | null;
  /** Rows of lists that have been read already. */
  readonly known: ReadonlyMap<number, readonly RateRow[]>;
}

/** Rows of lists, and the prefixes of their destinations. */
export interface ComparedRows {
  readonly rows: ReadonlyMap<number, readonly RateRow[]>;
  readonly destinationPrefixes: ReadonlyMap<number, string[]>;
}

/**
 * Rows of lists and of those that they inherit from, each of these once, as far as prices per unit
 * go, and the prefixes of their destinations. A column of arrays instead of rows with names: lists
 * have many rows.
 */
export async function comparedRows(
  tx: Tx,
  uses: readonly Pick<ListUse, 'listId' | 'chain'>[],
  { from, before, near, known }: ComparedPart,
): Promise<ComparedRows> {
  const rows = new Map<number, readonly RateRow[]>(known);
  const asked: { list: number; besides: number[] }[] = [];
  for (const { listId, chain } of uses) {
    if (rows.has(listId)) continue;
    asked.push({ list: listId, besides: chain.filter((id) => rows.has(id)) });
    for (const id of chain) if (!rows.has(id)) rows.set(id, []);
  }
  const found = await tx.query<{ rows: RateColumns[] | null }[]>(
    `SELECT guarded_rates(asked.list, $2, $3, $4, asked.besides) AS rows
     FROM json_to_recordset($1) AS asked(list int, besides int[])`,
    [JSON.stringify(asked), from, before, near === null ? null : [...near]],
  );
  const read = new Map<number, RateRow[]>();
  for (const columns of found.flatMap((one) => one.rows ?? [])) {
    const [listId] = columns;
    const mine = read.get(listId);
    if (mine === undefined) read.set(listId, [rowOfColumns(columns)]);
    else mine.push(rowOfColumns(columns));
  }
  for (const [listId, mine] of read) rows.set(listId, mine);
  const destinations = new Set<number>();
  for (const mine of rows.values()) {
    for (const row of mine) if (row.destinationId !== null) destinations.add(row.destinationId);
  }
  return { rows, destinationPrefixes: await prefixesOfDestinations(tx, [...destinations]) };
}

/** The rows of a list and of those that it inherits from, root first. */
export function chainOf({ chain }: Pick<ListUse, 'chain'>, { rows }: ComparedRows): ListRows[] {
  return chain.map((listId) => ({ listId, rows: rows.get(listId) ?? [] }));
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

/** For which numbers a sheet speaks. */
export type ChangedKey = Pick<RateRow, 'prefix' | 'destinationId'>;

/** For which numbers a list was changed at a moment, to the microsecond. */
export async function keysChangedAt(
  tx: Tx,
  { priceListId }: SheetKey,
  moment: string,
): Promise<ChangedKey[]> {
  return tx.query<ChangedKey[]>(
    `SELECT DISTINCT prefix, destination_id AS "destinationId" FROM rate
     WHERE price_list_id = $1 AND (recorded_at = $2 OR superseded_at = $2)`,
    [priceListId, moment],
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
