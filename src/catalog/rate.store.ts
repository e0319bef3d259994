import { DomainError } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { DestinationPrefixes, ListRows, RateKind, RateRow } from './inherit.js';
import { knownSql } from './moment.store.js';
import { inheritanceChain } from './rate-rules.js';
import { weekTable } from './week.js';

interface RateRecord {
  readonly id: number;
  readonly price_list_id: number;
  readonly destination_id: number | null;
  readonly prefix: string | null;
  readonly time_band_id: number | null;
  readonly kind: RateKind;
  readonly price: string;
  readonly connection_fee: string;
  readonly rate_unit: number;
  readonly first_increment: number;
  readonly next_increment: number;
  readonly minimum: number;
  readonly grace: number;
  readonly valid_from: Date;
  readonly valid_to: Date | null;
}

/** Which rows of lists to read; without any limit, all that count now. */
export interface RowLimits {
  /** Only rows in force at this instant. */
  readonly at?: Date;
  /** Rows as they were known at this instant instead of now. */
  readonly asKnownAt?: Date | null;
  /** Only rows for one of these prefixes, or for a destination that has one of them. */
  readonly prefixes?: readonly string[];
}

/** The ids of the lists from the root down to this one. */
export async function chainOf(tx: Tx, listId: number): Promise<number[]> {
  // UNION drops rows that come again, so a circle ends the search and is found below.
  const rows = await tx.query<{ id: number; parent_id: number | null }[]>(
    `WITH RECURSIVE up AS (
       SELECT id, parent_id FROM price_list WHERE id = $1
       UNION SELECT p.id, p.parent_id FROM price_list p JOIN up ON p.id = up.parent_id)
     SELECT id, parent_id FROM up`,
    [listId],
  );
  return inheritanceChain(new Map(rows.map((row) => [row.id, row.parent_id])), listId);
}

/** Rows of these lists that count now, in the order of the lists, and the prefixes they need. */
export async function listRows(
  tx: Tx,
  listIds: readonly number[],
  limits: RowLimits = {},
): Promise<{ lists: ListRows[]; destinationPrefixes: DestinationPrefixes }> {
  const prefixes = limits.prefixes ?? null;
  const records = await tx.query<RateRecord[]>(
    `SELECT id, price_list_id, destination_id, prefix, time_band_id, kind,
       (price * 100000000)::bigint::text AS price,
       (connection_fee * 100000000)::bigint::text AS connection_fee,
       rate_unit, first_increment, next_increment, minimum, grace, valid_from, valid_to
     FROM rate
     WHERE price_list_id = ANY($1) AND ${knownSql('rate', '$4')}
       AND ($2::timestamptz IS NULL
         OR (valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)))
       AND ($3::text[] IS NULL OR prefix = ANY($3) OR destination_id IN
         (SELECT destination_id FROM destination_prefix WHERE prefix = ANY($3)))`,
    [listIds, limits.at ?? null, prefixes, limits.asKnownAt ?? null],
  );
  const byList = new Map<number, RateRow[]>(listIds.map((id) => [id, []]));
  const destinations = new Set<number>();
  for (const record of records) {
    byList.get(record.price_list_id)?.push(rowOfRecord(record));
    if (record.destination_id !== null) destinations.add(record.destination_id);
  }
  return {
    lists: listIds.map((listId) => ({ listId, rows: byList.get(listId) ?? [] })),
    destinationPrefixes: await prefixesOf(tx, [...destinations], prefixes),
  };
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
    kind: record.kind,
    price: BigInt(record.price),
    connectionFee: BigInt(record.connection_fee),
    rateUnit: record.rate_unit,
    firstIncrement: record.first_increment,
    nextIncrement: record.next_increment,
    minimum: record.minimum,
    grace: record.grace,
    validFrom: record.valid_from.getTime(),
    validTo: record.valid_to?.getTime() ?? null,
  };
}

/** When prices are in force, and as of when they were known (null: now). */
export interface PriceMoment {
  readonly asOf: Date;
  readonly asKnownAt: Date | null;
}

/** A prefix and band for which a chain of lists has a price in force. */
export interface PricedKey {
  readonly prefix: string;
  readonly bandId: number;
}

/**
 * The keys that a chain of lists has prices for at an instant, by prefix and band, from behind
 * `after`. A key has a price exactly when an absolute row of some list is in force for it.
 */
export async function pricedKeys(
  tx: Tx,
  listIds: readonly number[],
  { asOf, asKnownAt }: PriceMoment,
  startsWith: string,
  after: PricedKey | null,
  limit: number,
): Promise<PricedKey[]> {
  const rows = await tx.query<{ prefix: string; band_id: number }[]>(
    `SELECT DISTINCT prefix COLLATE "C" AS prefix, band_id FROM (
       SELECT coalesce(r.prefix, p.prefix) AS prefix, coalesce(r.time_band_id, 0) AS band_id
       FROM rate r LEFT JOIN destination_prefix p ON p.destination_id = r.destination_id
       WHERE r.price_list_id = ANY($1) AND ${knownSql('r', '$7')} AND r.kind = 'ABSOLUTE'
         AND r.valid_from <= $2 AND (r.valid_to IS NULL OR r.valid_to > $2)) AS key
     WHERE prefix LIKE $3 AND ($4::text IS NULL OR (prefix COLLATE "C", band_id) > ($4, $5::int))
     ORDER BY 1, 2 LIMIT $6`,
    [
      listIds,
      asOf,
      `${startsWith}%`,
      after?.prefix ?? null,
      after?.bandId ?? 0,
      limit,
      asKnownAt ?? null,
    ],
  );
  return rows.map((row) => ({ prefix: row.prefix, bandId: row.band_id }));
}

/** Makes every other change of the list's rows wait for the end of the transaction. */
export async function lockPriceList(tx: Tx, listId: number): Promise<void> {
  await tx.query('SELECT id FROM price_list WHERE id = $1 FOR UPDATE', [listId]);
}

/** When a change of a locked list counts as recorded, in whole milliseconds as the API shows it. */
export async function recordingMoment(tx: Tx): Promise<string> {
  const rows = await tx.query<{ moment: string }[]>(
    "SELECT date_trunc('milliseconds', clock_timestamp())::text AS moment",
  );
  return (rows[0] as { moment: string }).moment;
}

/** Supersedes a row; when `validTo` is given, records it anew with that end. Answers its new id. */
export async function closeRow(
  tx: Tx,
  rateId: number,
  validTo: Date | null,
  moment: string,
): Promise<number | null> {
  await tx.query('UPDATE rate SET superseded_at = greatest(recorded_at, $2) WHERE id = $1', [
    rateId,
    moment,
  ]);
  if (validTo === null) return null;
  const rows = await tx.query<{ id: number }[]>(
    `INSERT INTO rate (partner_id, price_list_id, rate_sheet_id, destination_id, prefix,
       time_band_id, kind, price, connection_fee, rate_unit, first_increment, next_increment,
       minimum, grace, valid_from, valid_to, recorded_at)
     SELECT partner_id, price_list_id, rate_sheet_id, destination_id, prefix, time_band_id, kind,
       price, connection_fee, rate_unit, first_increment, next_increment, minimum, grace,
       valid_from, $2, $3
     FROM rate WHERE id = $1 RETURNING id`,
    [rateId, validTo, moment],
  );
  return rows[0]?.id ?? null;
}

/**
 * Refuses with NOT_HUB a caller who does not see the whole tree: reference data that all tenants
 * share is kept by the hub alone.
 */
export async function assertHub(tx: Tx): Promise<void> {
  const rows = await tx.query<{ hub: boolean }[]>(
    'SELECT EXISTS (SELECT 1 FROM partner WHERE parent_id IS NULL) AS hub',
  );
  if (rows[0]?.hub !== true) {
    throw new DomainError('NOT_HUB', 'Reference data that all partners share is kept by the hub.');
  }
}

/** The band of each minute of the week of a profile, all 0 without one. */
export async function weekOf(tx: Tx, profileId: number | null): Promise<Int32Array> {
  if (profileId === null) return weekTable([]);
  const rules = await tx.query<
    { band_id: number; weekdays: number; from_minute: number; to_minute: number }[]
  >(
    `SELECT b.id AS band_id, r.weekdays, r.from_minute, r.to_minute
     FROM time_band b JOIN time_band_rule r ON r.time_band_id = b.id
     WHERE b.time_profile_id = $1`,
    [profileId],
  );
  return weekTable(
    rules.map((rule) => ({
      bandId: rule.band_id,
      weekdays: rule.weekdays,
      fromMinute: rule.from_minute,
      toMinute: rule.to_minute,
    })),
  );
}
