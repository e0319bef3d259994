import { knownUntil, type Tx } from '../platform/index.js';
import type { DestinationPrefixes, ListRows, OriginRanks } from './inherit.js';
import type { PricingModel, PricingTerms, RateKind, RateRow, TierSchedule } from './rate-row.js';
import { inheritanceChain } from './rate-rules.js';
import { type StoredTierStep, tierSteps } from './tier.js';

// A list may inherit from one that the caller does not see, so its chain is read by functions of
// the database that answer for visible lists only; see the migration.

/** Which rows of lists to read; without any limit, all that count now. */
export interface RowLimits {
  /** Only rows in force at this instant. */
  readonly at?: Date;
  /** Rows as they were known at this instant instead of now. */
  readonly asKnownAt?: Date | null;
  /** Only rows for one of these prefixes, or for a destination that has one of them. */
  readonly prefixes?: readonly string[];
}

/** When prices are in force, and as of when they were known (null: now). */
export interface PriceMoment {
  readonly asOf: Date;
  readonly asKnownAt: Date | null;
}

/** The ids of the lists from the root down to this visible one. */
async function chainOf(tx: Tx, listId: number): Promise<number[]> {
  const rows = await tx.query<{ id: number; parent_id: number | null }[]>(
    'SELECT id, parent_id FROM price_list_chain($1)',
    [listId],
  );
  return inheritanceChain(new Map(rows.map((row) => [row.id, row.parent_id])), listId);
}

interface RateRecord {
  readonly id: number;
  readonly price_list_id: number;
  readonly destination_id: number | null;
  readonly prefix: string | null;
  readonly time_band_id: number | null;
  readonly origin_set_id: number | null;
  readonly kind: RateKind;
  readonly price: string;
  readonly connection_fee: string;
  readonly rate_unit: number;
  readonly first_increment: number;
  readonly next_increment: number;
  readonly minimum: number;
  readonly grace: number;
  readonly model: PricingModel;
  readonly min_charge: string;
  readonly max_charge: string | null;
  readonly tier_schedule_id: number | null;
  readonly scope: TierSchedule['scope'];
  readonly period: TierSchedule['period'];
  readonly steps: readonly StoredTierStep[];
  readonly valid_from: Date;
  readonly valid_to: Date | null;
}

const SCALED = (column: string) => `((r.rate).${column} * 100000000)::bigint::text AS ${column}`;

/** Rows of the lists of a visible list's chain, root first, and the prefixes they need. */
export async function inheritedRows(
  tx: Tx,
  listId: number,
  limits: RowLimits = {},
): Promise<{ lists: ListRows[]; destinationPrefixes: DestinationPrefixes }> {
  const chain = await chainOf(tx, listId);
  const prefixes = limits.prefixes ?? null;
  const records = await tx.query<RateRecord[]>(
    `SELECT (r.rate).id, (r.rate).price_list_id, (r.rate).destination_id, (r.rate).prefix,
       (r.rate).time_band_id, (r.rate).origin_set_id, (r.rate).kind, ${SCALED('price')},
       ${SCALED('connection_fee')}, (r.rate).rate_unit, (r.rate).first_increment,
       (r.rate).next_increment, (r.rate).minimum, (r.rate).grace, (r.rate).model,
       ${SCALED('min_charge')}, ${SCALED('max_charge')}, (r.rate).tier_schedule_id,
       (r.schedule).scope, (r.schedule).period, (r.schedule).steps,
       (r.rate).valid_from, (r.rate).valid_to
     FROM inherited_rates($1, ${knownUntil('$2')}, $3, $4) AS r`,
    [listId, limits.asKnownAt ?? null, limits.at ?? null, prefixes],
  );
  const byList = new Map<number, RateRow[]>(chain.map((id) => [id, []]));
  const destinations = new Set<number>();
  for (const record of records) {
    byList.get(record.price_list_id)?.push(rowOfRecord(record));
    if (record.destination_id !== null) destinations.add(record.destination_id);
  }
  return {
    lists: chain.map((id) => ({ listId: id, rows: byList.get(id) ?? [] })),
    destinationPrefixes: await prefixesOf(tx, [...destinations], prefixes),
  };
}

/** Whether a visible list, or one that it inherits from, shares revenue now or will. */
export async function inheritsShares(tx: Tx, listId: number): Promise<boolean> {
  const found = await tx.query<object[]>(
    `SELECT 1 FROM inherited_rates($1, ${knownUntil('$2')}, NULL, NULL) AS r
     WHERE (r.rate).model = 'REVENUE_SHARE' LIMIT 1`,
    [listId, null],
  );
  return found.length > 0;
}

async function prefixesOf(
  tx: Tx,
  destinationIds: readonly number[],
  only: readonly string[] | null,
): Promise<DestinationPrefixes> {
  if (destinationIds.length === 0) return new Map();
  const rows = await tx.query<{ destination_id: number; prefixes: string[] }[]>(
    `SELECT destination_id, array_agg(prefix) AS prefixes FROM destination_prefix
     WHERE destination_id = ANY($1) AND ($2::text[] IS NULL OR prefix = ANY($2))
     GROUP BY destination_id`,
    [destinationIds, only],
  );
  return new Map(rows.map((row) => [row.destination_id, row.prefixes]));
}

function rowOfRecord(record: RateRecord): RateRow {
  return {
    id: record.id,
    destinationId: record.destination_id,
    prefix: record.prefix,
    bandId: record.time_band_id,
    originSetId: record.origin_set_id,
    kind: record.kind,
    price: BigInt(record.price),
    connectionFee: BigInt(record.connection_fee),
    rateUnit: record.rate_unit,
    firstIncrement: record.first_increment,
    nextIncrement: record.next_increment,
    minimum: record.minimum,
    grace: record.grace,
    terms: termsOf(record),
    validFrom: record.valid_from.getTime(),
    validTo: record.valid_to?.getTime() ?? null,
  };
}

function termsOf(record: RateRecord): PricingTerms | null {
  const { model, tier_schedule_id: id, max_charge: most } = record;
  const minCharge = BigInt(record.min_charge);
  const maxCharge = most === null ? null : BigInt(most);
  if (model === 'PER_UNIT' && minCharge === 0n && maxCharge === null) return null;
  const { scope, period } = record;
  const schedule = id === null ? null : { id, scope, period, steps: tierSteps(record.steps) };
  return { model, minCharge, maxCharge, schedule };
}

/** A prefix, band and set of origins (0: none) for which a chain of lists has a price in force. */
export interface PricedKey {
  readonly prefix: string;
  readonly bandId: number;
  readonly originSetId: number;
}

/**
 * The keys that a visible list has prices for at an instant, by prefix, band and set of origins,
 * from behind `after`. A key has a price exactly when an absolute row of a list of the chain is in
 * force for it.
 */
export async function pricedKeys(
  tx: Tx,
  listId: number,
  { asOf, asKnownAt }: PriceMoment,
  startsWith: string,
  after: PricedKey | null,
  limit: number,
): Promise<PricedKey[]> {
  return tx.query<PricedKey[]>(
    `SELECT prefix, band_id AS "bandId", origin_set_id AS "originSetId"
     FROM inherited_keys($1, ${knownUntil('$2')}, $3, $4, $5, $6, $7, $8)`,
    [
      listId,
      asKnownAt,
      asOf,
      startsWith,
      after?.prefix ?? null,
      after?.bandId ?? 0,
      after?.originSetId ?? 0,
      limit,
    ],
  );
}

/** Which of the sets of origins that a visible list has prices for hold a calling number. */
export async function originRanks(
  tx: Tx,
  listId: number,
  callingNumber: string,
  asKnownAt: Date | null,
): Promise<OriginRanks> {
  const rows = await tx.query<{ origin_set_id: number; length: number }[]>(
    `SELECT origin_set_id, length FROM inherited_origins($1, ${knownUntil('$2')}, $3)`,
    [listId, asKnownAt, callingNumber],
  );
  return new Map(rows.map((row) => [row.origin_set_id, row.length]));
}

/**
 * The list by which a partner buys a service at an instant, under a contract that the caller sees;
 * the list itself need not be visible. Null when there is none.
 */
export async function boughtList(
  tx: Tx,
  contractId: number,
  buyerId: number,
  service: string,
  at: Date,
): Promise<{ id: number; currency: string; timeProfileId: number | null } | null> {
  const rows = await tx.query<{ id: number; currency: string; timeProfileId: number | null }[]>(
    `SELECT id, currency, time_profile_id AS "timeProfileId"
     FROM bought_price_list($1, $2, $3, $4)`,
    [contractId, buyerId, service, at],
  );
  return rows[0] ?? null;
}
