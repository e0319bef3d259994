import type pg from 'pg';
import { DomainError } from '../kernel/index.js';
import { rowsOf, type SqlClient } from '../platform/index.js';
import type { BookFacts } from './book.js';
import { asKnown, beginnings, type FactsFilter, known, MS, rows } from './facts-query.store.js';
import { listHeads, originSets, priceLists, profiles } from './price-list-facts.store.js';
import { loadPricingFacts } from './pricing-facts.store.js';
import { loadRates } from './rate-columns.store.js';
import type { RateTable } from './rate-table.js';

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

/** Reads every fact of a book, in a transaction that sees all partners. */
export async function loadBookFacts(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter = {},
): Promise<BookFacts> {
  const lists = await priceLists(tx, knownAt, filter);
  return factsAround(tx, knownAt, filter, lists);
}

/**
 * Reads a whole book with the rows of the lists in columns; the lists of the facts have none. In
 * a transaction that sees all partners.
 */
export async function loadBook(
  client: pg.Client,
  knownAt: string,
): Promise<{ facts: BookFacts; rates: RateTable }> {
  const heads = await listHeads(client, {});
  const lists = heads.map((head) => ({ ...head, rows: [] }));
  const rates = await loadRates(client, knownAt, lists);
  return { facts: await factsAround(client, knownAt, {}, lists), rates };
}

async function factsAround(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter,
  lists: BookFacts['lists'],
): Promise<BookFacts> {
  return {
    hubPartnerId: await hubPartner(tx),
    destinations: await destinations(tx, knownAt, filter),
    lists,
    profiles: await profiles(tx, knownAt),
    contracts: await rows(
      tx,
      `SELECT id, partner_id AS "partnerId", account_id AS "accountId", level,
         seller_partner_id AS "sellerPartnerId", buyer_partner_id AS "buyerPartnerId"
       FROM contract WHERE $1::int[] IS NULL OR id = ANY ($1::int[]) ORDER BY id`,
      [filter.contracts ?? null],
    ),
    versions: await versions(tx, knownAt, filter),
    ...(filter.contracts === undefined ? await guideFacts(tx, knownAt) : NO_GUIDE),
    originSets: await originSets(tx, knownAt),
    exchangeRates: await exchangeRates(tx, knownAt),
    pricing: await loadPricingFacts(tx, knownAt),
  };
}

const NO_GUIDE = { subscriptions: [], identities: [], trunks: [] };

async function guideFacts(
  tx: SqlClient,
  knownAt: string,
): Promise<Pick<BookFacts, 'subscriptions' | 'identities' | 'trunks'>> {
  return {
    subscriptions: await rows(
      tx,
      `WITH RECURSIVE tree (id, root) AS (
         SELECT id, id FROM account WHERE parent_id IS NULL
         UNION ALL SELECT a.id, t.root FROM account a JOIN tree t ON a.parent_id = t.id)
       SELECT s.id, s.partner_id AS "partnerId", s.account_id AS "accountId",
         s.contract_id AS "contractId", ${MS('s.starts_at')} AS "startsAt",
         ${MS('s.ends_at')} AS "endsAt", s.service_plan_id AS "servicePlanId",
         t.root AS "rootAccountId"
       FROM ${asKnown('subscription')} s JOIN tree t ON t.id = s.account_id ORDER BY s.id`,
      [knownAt],
    ),
    identities: await rows(
      tx,
      `SELECT subscription_id AS "subscriptionId", trunk_id AS "trunkId",
         number_from::float8 AS "numberFrom", number_to::float8 AS "numberTo",
         ${MS('valid_from')} AS "validFrom", ${MS('valid_to')} AS "validTo"
       FROM ${asKnown('subscription_identity')} i ORDER BY id`,
      [knownAt],
    ),
    trunks: await rows(
      tx,
      'SELECT id, name, cost_contract_id AS "costContractId" FROM trunk ORDER BY id',
    ),
  };
}

async function hubPartner(tx: SqlClient): Promise<number> {
  const found = await rows<{ id: number }>(tx, 'SELECT id FROM partner WHERE parent_id IS NULL');
  return found[0]?.id ?? 0;
}

function destinations(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter,
): Promise<BookFacts['destinations'][0][]> {
  const narrowed = filter.number === undefined ? null : beginnings(filter.number);
  return rows(
    tx,
    `SELECT destination_id AS id, prefix FROM destination_prefix
     WHERE recorded_at <= $1::timestamptz
       AND ($2::text[] IS NULL OR prefix = ANY ($2::text[])) ORDER BY prefix`,
    [knownAt, narrowed],
  );
}

type Version = BookFacts['versions'][number];

function versions(tx: SqlClient, knownAt: string, filter: FactsFilter): Promise<Version[]> {
  return rows(
    tx,
    `SELECT v.id, v.contract_id AS "contractId", ${MS('v.valid_from')} AS "validFrom",
       ${MS('v.valid_to')} AS "validTo", v.time_zone AS "timeZone", v.currency,
       v.rounding_decimals AS "roundingDecimals", v.rounding_mode AS "roundingMode",
       v.band_policy AS "bandPolicy", v.conversion, v.margin_policy AS "marginPolicy",
       coalesce(l.lists, '[]') AS lists
     FROM contract_version v LEFT JOIN (
       SELECT contract_version_id, json_agg(json_build_object('service', service,
         'trunkId', trunk_id, 'priceListId', price_list_id) ORDER BY id) AS lists
       FROM contract_price_list GROUP BY contract_version_id) l ON l.contract_version_id = v.id
     WHERE ${known('v')} AND ($2::int[] IS NULL OR v.contract_id = ANY ($2::int[])) ORDER BY v.id`,
    [knownAt, filter.contracts ?? null],
  );
}

async function exchangeRates(
  tx: SqlClient,
  knownAt: string,
): Promise<BookFacts['exchangeRates'][number][]> {
  const found = await rows<{ base: string; quote: string; rate: string; validFrom: number }>(
    tx,
    `SELECT base_currency AS base, quote_currency AS quote,
       trunc(rate * 10000000000)::text AS rate, ${MS('valid_from')} AS "validFrom"
     FROM exchange_rate e WHERE ${known('e')} ORDER BY id`,
    [knownAt],
  );
  return found.map((one) => ({ ...one, rate: BigInt(one.rate) }));
}
