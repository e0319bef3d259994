import type { RateRow } from '../catalog/index.js';
import { DomainError, type RoundingMode } from '../kernel/index.js';
import type { Service } from '../mediation/index.js';
import { rowsOf, type SqlClient } from '../platform/index.js';
import type { BookFacts } from './book.js';

/** Names one state of all facts that prices depend on. */
export interface BookMoment {
  readonly id: number;
  /** Facts recorded up to here are in the book; an instant in PostgreSQL's own text form. */
  readonly knownAt: string;
}

/** Waits for running changes of prices to end; held until the transaction ends. */
export async function lockPriceBook(tx: SqlClient): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('price book'))`);
}

/**
 * The moment a book compiled now has. Call it in a READ COMMITTED transaction that holds
 * {@link lockPriceBook}: nothing recorded later can carry an earlier time. Without a change since
 * the last book its moment is answered again.
 */
export async function bookMoment(tx: SqlClient): Promise<BookMoment> {
  const found = rowsOf<{ id: number; known_at: string }>(
    await tx.query(
      `WITH added AS (
         INSERT INTO price_book (change, known_at)
         SELECT last_value, clock_timestamp() FROM book_change
         ON CONFLICT (change) DO NOTHING RETURNING id, known_at)
       SELECT id, known_at::text AS known_at FROM added
       UNION ALL
       SELECT b.id, b.known_at::text FROM price_book b, book_change c
       WHERE b.change = c.last_value LIMIT 1`,
    ),
  )[0];
  if (found === undefined) throw new DomainError('PRICE_BOOK_CHANGING', 'Prices are changing.');
  return { id: found.id, knownAt: found.known_at };
}

/** The moment of a book that was compiled before. */
export async function bookMomentOf(tx: SqlClient, id: number): Promise<BookMoment> {
  const found = rowsOf<{ known_at: string }>(
    await tx.query('SELECT known_at::text AS known_at FROM price_book WHERE id = $1', [id]),
  )[0];
  if (found === undefined) {
    throw new DomainError('PRICE_BOOK_NOT_FOUND', 'There is no such price book.');
  }
  return { id, knownAt: found.known_at };
}

/**
 * Narrows what is read to what one record needs: prefixes that begin its number, and the terms of
 * some contracts with the price lists that they name and those that these inherit from. With
 * contracts nothing is read of subscriptions, identities and trunks.
 */
export interface FactsFilter {
  readonly number?: string;
  readonly contracts?: readonly number[];
}

const MS = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;
const KNOWN = `recorded_at <= $1::timestamptz
  AND (superseded_at IS NULL OR superseded_at > $1::timestamptz)`;

/** Reads every fact of a book, in a transaction that sees all partners. */
export async function loadBookFacts(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter = {},
): Promise<BookFacts> {
  return {
    hubPartnerId: await hubPartner(tx),
    destinations: await destinations(tx, filter),
    lists: await lists(tx, knownAt, filter),
    profiles: await profiles(tx),
    contracts: await rows(
      tx,
      `SELECT id, partner_id AS "partnerId", account_id AS "accountId", level,
         seller_partner_id AS "sellerPartnerId", buyer_partner_id AS "buyerPartnerId"
       FROM contract WHERE $1::int[] IS NULL OR id = ANY ($1::int[]) ORDER BY id`,
      [filter.contracts ?? null],
    ),
    versions: await versions(tx, knownAt, filter),
    ...(filter.contracts === undefined ? await guideFacts(tx) : NO_GUIDE),
  };
}

const NO_GUIDE = { subscriptions: [], identities: [], trunks: [] };

async function guideFacts(
  tx: SqlClient,
): Promise<Pick<BookFacts, 'subscriptions' | 'identities' | 'trunks'>> {
  return {
    subscriptions: await rows(
      tx,
      `SELECT id, partner_id AS "partnerId", account_id AS "accountId",
         contract_id AS "contractId", ${MS('starts_at')} AS "startsAt",
         ${MS('ends_at')} AS "endsAt", credit_limit IS NOT NULL AS limited
       FROM subscription ORDER BY id`,
    ),
    identities: await rows(
      tx,
      `SELECT subscription_id AS "subscriptionId", trunk_id AS "trunkId",
         number_from::float8 AS "numberFrom", number_to::float8 AS "numberTo",
         ${MS('valid_from')} AS "validFrom", ${MS('valid_to')} AS "validTo"
       FROM subscription_identity ORDER BY id`,
    ),
    trunks: await rows(
      tx,
      'SELECT id, name, cost_contract_id AS "costContractId" FROM trunk ORDER BY id',
    ),
  };
}

async function rows<T>(tx: SqlClient, sql: string, values: unknown[] = []): Promise<T[]> {
  return rowsOf<T>(await tx.query(sql, values));
}

async function hubPartner(tx: SqlClient): Promise<number> {
  const found = await rows<{ id: number }>(tx, 'SELECT id FROM partner WHERE parent_id IS NULL');
  return found[0]?.id ?? 0;
}

// A number begins with each of its own beginnings, so those are the prefixes worth reading.
function beginnings(number: string): string[] {
  return Array.from({ length: number.length + 1 }, (_, length) => number.slice(0, length));
}

function destinations(tx: SqlClient, filter: FactsFilter): Promise<BookFacts['destinations'][0][]> {
  const narrowed = filter.number === undefined ? null : beginnings(filter.number);
  return rows(
    tx,
    `SELECT destination_id AS id, prefix FROM destination_prefix
     WHERE $1::text[] IS NULL OR prefix = ANY ($1::text[]) ORDER BY prefix`,
    [narrowed],
  );
}

const LISTS_OF_CONTRACTS = `WITH RECURSIVE used AS (
    SELECT p.price_list_id AS id FROM contract_price_list p
    JOIN contract_version v ON v.id = p.contract_version_id WHERE v.contract_id = ANY ($1::int[])
    UNION SELECT l.parent_id FROM used JOIN price_list l ON l.id = used.id
    WHERE l.parent_id IS NOT NULL)
  SELECT id FROM used`;

type RateColumns = [
  list: number,
  id: number,
  destinationId: number | null,
  prefix: string | null,
  bandId: number | null,
  kind: RateRow['kind'],
  price: string,
  connectionFee: string,
  rateUnit: number,
  firstIncrement: number,
  nextIncrement: number,
  minimum: number,
  grace: number,
  validFrom: number,
  validTo: number | null,
];

async function lists(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter,
): Promise<BookFacts['lists'][number][]> {
  const heads = await rows<{ id: number; parentId: number | null; timeProfileId: number | null }>(
    tx,
    `SELECT id, parent_id AS "parentId", time_profile_id AS "timeProfileId"
     FROM price_list WHERE $1::int[] IS NULL OR id IN (${LISTS_OF_CONTRACTS}) ORDER BY id`,
    [filter.contracts ?? null],
  );
  const narrowed = filter.contracts === undefined ? null : heads.map(({ id }) => id);
  // One column of arrays instead of objects with fifteen names each: lists have many rows.
  const found = await rows<{ r: RateColumns }>(
    tx,
    `SELECT json_build_array(price_list_id, id, destination_id, prefix, time_band_id, kind,
       (price * 100000000)::bigint::text, (connection_fee * 100000000)::bigint::text,
       rate_unit, first_increment, next_increment, minimum, grace,
       ${MS('valid_from')}, ${MS('valid_to')}) AS r
     FROM rate WHERE ${KNOWN} AND ($3::int[] IS NULL OR price_list_id = ANY ($3::int[]))
       AND ($2::text[] IS NULL OR prefix = ANY ($2::text[]) OR destination_id IN (
         SELECT destination_id FROM destination_prefix WHERE prefix = ANY ($2::text[])))
     ORDER BY id`,
    [knownAt, filter.number === undefined ? null : beginnings(filter.number), narrowed],
  );
  const byList = new Map<number, RateRow[]>(heads.map(({ id }) => [id, []]));
  for (const { r } of found) byList.get(r[0])?.push(rateRow(r));
  return heads.map((head) => ({ ...head, rows: byList.get(head.id)! }));
}

function rateRow(r: RateColumns): RateRow {
  return {
    id: r[1],
    destinationId: r[2],
    prefix: r[3],
    bandId: r[4],
    kind: r[5],
    price: BigInt(r[6]),
    connectionFee: BigInt(r[7]),
    rateUnit: r[8],
    firstIncrement: r[9],
    nextIncrement: r[10],
    minimum: r[11],
    grace: r[12],
    validFrom: r[13],
    validTo: r[14],
  };
}

async function profiles(tx: SqlClient): Promise<BookFacts['profiles'][number][]> {
  return rows(
    tx,
    `SELECT b.time_profile_id AS id, json_agg(json_build_object('bandId', b.id,
       'weekdays', r.weekdays, 'fromMinute', r.from_minute, 'toMinute', r.to_minute)
       ORDER BY r.id) AS rules
     FROM time_band b JOIN time_band_rule r ON r.time_band_id = b.id
     GROUP BY b.time_profile_id ORDER BY b.time_profile_id`,
  );
}

interface VersionRow {
  readonly id: number;
  readonly contractId: number;
  readonly validFrom: number;
  readonly validTo: number | null;
  readonly timeZone: string;
  readonly roundingDecimals: number;
  readonly roundingMode: RoundingMode;
  readonly lists: { readonly service: Service | '*'; readonly priceListId: number }[];
}

async function versions(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter,
): Promise<VersionRow[]> {
  return rows<VersionRow>(
    tx,
    `SELECT v.id, v.contract_id AS "contractId", ${MS('v.valid_from')} AS "validFrom",
       ${MS('v.valid_to')} AS "validTo", v.time_zone AS "timeZone",
       v.rounding_decimals AS "roundingDecimals", v.rounding_mode AS "roundingMode",
       coalesce(l.lists, '[]') AS lists
     FROM contract_version v LEFT JOIN (
       SELECT contract_version_id, json_agg(json_build_object('service', service,
         'priceListId', price_list_id) ORDER BY id) AS lists
       FROM contract_price_list GROUP BY contract_version_id) l ON l.contract_version_id = v.id
     WHERE v.recorded_at <= $1::timestamptz
       AND (v.superseded_at IS NULL OR v.superseded_at > $1::timestamptz)
       AND ($2::int[] IS NULL OR v.contract_id = ANY ($2::int[])) ORDER BY v.id`,
    [knownAt, filter.contracts ?? null],
  );
}
