import DataLoader from 'dataloader';
import { DomainError, fromGlobalId } from '../kernel/index.js';
import { serviceCodes } from '../mediation/index.js';
import {
  type Connection,
  type Page,
  pageOf,
  pageStart,
  type RequestContext,
  rowNumber,
  rowsOf,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { type LegTerms, Xdr, type XdrRow } from './xdr.entity.js';
import type { XdrFilter } from './xdr.input.js';
import { batchOfXdr, decodeLegs, MICROS_TEXT, parseXdrKey } from './xdr-row.js';

/** Instants in whole microseconds since the epoch. */
const MICROS = `(extract(epoch FROM x.started_at) * 1000000)::bigint`;
const ROW_ID = /^\d{1,18}$/;
const MAX_DAYS = 400;
const DAY_MS = 86_400_000;

/** What is shown of a row of `seen_xdr`, aliased `x`. */
export const XDR_COLUMNS = `x.id::text AS id, ${MICROS}::text AS "startedMicros",
  replace(x.identity::text, '-', '') AS identity, x.partner_id AS "partnerId",
  x.account_id AS "accountId", x.subscription_id AS "subscriptionId", x.service,
  x.a_number::text AS "aNumber", x.b_number::text AS "bNumber", x.quantity::text AS quantity,
  x.value::text AS value, x.in_trunk_id AS "inTrunkId", x.out_trunk_id AS "outTrunkId",
  x.destination_id AS "destinationId"`;
/** Its levels, from {@link NEWEST} joined to it. */
export const XDR_LEVELS = `coalesce(c.legs, x.stored_legs) AS legs,
  coalesce(c.amounts, x.stored_amounts)::text[] AS amounts, c.batches`;
/** What of `seen_xdr` both need. */
export const XDR_KEPT = `x.id, x.started_at, x.identity, x.partner_id, x.account_id,
  x.subscription_id, x.service, x.a_number, x.b_number, x.quantity, x.value, x.in_trunk_id,
  x.out_trunk_id, x.destination_id, x.stored_legs, x.stored_amounts`;

// The newest correction of each row of a page; looked up for the page alone, not for all rows
// among which it was found.
export const NEWEST = `LEFT JOIN LATERAL (SELECT legs, amounts, batches FROM seen_correction c
    WHERE c.id = x.id AND c.started_at = x.started_at
    ORDER BY c.batch_id DESC LIMIT 1) c ON true`;

/** A row as the database has it. */
export type RawXdr = Omit<XdrRow, 'legs' | 'amounts'> & {
  readonly legs: Buffer;
  readonly amounts: readonly string[];
};

/**
 * The records that fit and that the transaction may see, by rising instant. Refuses with
 * INVALID_PERIOD a span that ends before it begins or is longer than 400 days.
 */
export async function listXdrs(tx: Tx, filter: XdrFilter, page: Page): Promise<Connection<Xdr>> {
  assertSpan(filter);
  const conditions = await xdrConditions(tx, filter);
  if (conditions === null) return pageOf<Xdr>([], page, () => []);
  addStart(conditions, page);
  conditions.values.push(page.first + 1);
  const rows = rowsOf<RawXdr>(
    await tx.query(
      `WITH page AS MATERIALIZED (SELECT ${XDR_KEPT} FROM seen_xdr x
         WHERE ${conditions.texts.join(' AND ')}
         ORDER BY x.started_at, x.id LIMIT $${conditions.values.length})
       SELECT ${XDR_COLUMNS}, ${XDR_LEVELS} FROM page x ${NEWEST} ORDER BY x.started_at, x.id`,
      conditions.values,
    ),
  );
  return pageOf(rows.map(xdrOf), page, (xdr) => [xdr.startedMicros, xdr.id]);
}

/** The visible record behind an opaque id. Refuses with XDR_NOT_FOUND or INVALID_ID. */
export async function findXdr(tx: Tx, globalId: string): Promise<Xdr> {
  const { startedMicros, id } = parseXdrKey(fromGlobalId('Xdr', globalId));
  const [row] = rowsOf<RawXdr>(
    await tx.query(
      `SELECT ${XDR_COLUMNS}, ${XDR_LEVELS} FROM seen_xdr x ${NEWEST} WHERE x.id = $2::bigint
         AND x.started_at = timestamptz 'epoch' + $1::bigint * interval '1 microsecond'`,
      [startedMicros, id],
    ),
  );
  if (row !== undefined) return xdrOf(row);
  throw new DomainError('XDR_NOT_FOUND', 'There is no such record.', { id: globalId });
}

/** A record from its row. */
export function xdrOf(row: RawXdr): Xdr {
  return new Xdr({ ...row, legs: decodeLegs(row.legs), amounts: row.amounts.map(BigInt) });
}

/** Refuses with INVALID_PERIOD a span that ends before it begins or is longer than 400 days. */
export function assertSpan({ from, to }: Pick<XdrFilter, 'from' | 'to'>): void {
  const length = to.getTime() - from.getTime();
  if (length > 0 && length <= MAX_DAYS * DAY_MS) return;
  const rule = length > 0 ? `has at most ${MAX_DAYS} days` : 'ends after it begins';
  throw new DomainError('INVALID_PERIOD', `A span ${rule}.`);
}

/** Conditions on `seen_xdr`, aliased `x`, with the values of their places. */
interface Conditions {
  readonly texts: string[];
  readonly values: unknown[];
}

/** What a filter says; the first two places are its span. Null when nothing can fit. */
export async function xdrConditions(tx: Tx, filter: XdrFilter): Promise<Conditions | null> {
  const texts: string[] = [];
  const values: unknown[] = [];
  const add = (text: (place: string) => string, value: unknown): void => {
    values.push(value);
    texts.push(text(`$${values.length}`));
  };
  add((p) => `x.started_at >= ${p}`, filter.from);
  add((p) => `x.started_at < ${p}`, filter.to);
  for (const [column, type, id] of [
    ['account_id', 'Account', filter.accountId],
    ['subscription_id', 'Subscription', filter.subscriptionId],
    ['destination_id', 'Destination', filter.destinationId],
  ] as const) {
    if (id) add((p) => `x.${column} = ${p}`, rowNumber(type, id));
  }
  if (filter.service) add((p) => `x.service = ${p}`, serviceCodes[filter.service]);
  if (filter.number)
    add((p) => `(x.a_number = ${p}::bigint OR x.b_number = ${p}::bigint)`, filter.number);
  if (filter.partnerId) {
    const below = await partnersBelow(tx, rowNumber('Partner', filter.partnerId));
    if (below.length === 0) return null;
    add((p) => `x.partner_id = ANY (${p}::int[])`, below);
  }
  if (filter.fileId) {
    const batches = await batchesOf(tx, rowNumber('UsageFile', filter.fileId));
    if (batches.length === 0) return null;
    add((p) => `(x.id >> 24) = ANY (${p}::bigint[])`, batches);
  }
  return { texts, values };
}

function addStart({ texts, values }: Conditions, page: Page): void {
  const start = pageStart(page, 2);
  if (start === null) return;
  const [micros, id] = start.map((value) => (typeof value === 'string' ? value : ''));
  if (!MICROS_TEXT.test(micros ?? '') || !ROW_ID.test(id ?? '')) {
    throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
  }
  values.push(micros, id);
  const at = `timestamptz 'epoch' + $${values.length - 1}::bigint * interval '1 microsecond'`;
  texts.push(`x.started_at >= ${at}`, `(x.started_at, x.id) > (${at}, $${values.length}::bigint)`);
}

// A partner above the viewer is none to him, although he stands below it himself.
async function partnersBelow(tx: Tx, partnerId: number): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT id FROM partner WHERE path @> ARRAY[$1::int]
       AND EXISTS (SELECT 1 FROM partner AS top WHERE top.id = $1::int)`,
      [partnerId],
    ),
  );
  return rows.map((row) => row.id);
}

// Batches of the file's own run, and those that took up records it had left.
async function batchesOf(tx: Tx, fileId: number): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT b.id FROM usage_file f JOIN run_batch b ON b.run_id = f.run_id WHERE f.id = $1
       UNION SELECT s.recycled_by_batch_id FROM suspense_record s
       WHERE s.usage_file_id = $1 AND s.recycled_by_batch_id IS NOT NULL`,
      [fileId],
    ),
  );
  return rows.map((row) => row.id);
}

const TERMS = Symbol('contract terms of xDR legs');
const FILES = Symbol('usage files of xDR batches');
const TRUNKS = Symbol('trunk names');
const DESTINATIONS = Symbol('destination names');

/** What the contracts behind the legs say; a contract that is not visible is missing. */
export function legTerms(context: RequestContext): DataLoader<number, LegTerms | null> {
  return loaderOf<LegTerms & { id: number }>(context, TERMS, (tx, ids) =>
    tx.query(
      `SELECT v.id, c.id AS "contractId", c.level, v.currency
       FROM contract_version v JOIN contract c ON c.id = v.contract_id
       WHERE v.id = ANY ($1::int[])`,
      [ids],
    ),
  );
}

/**
 * The usage file that a batch read or recycled, to be shown to those alone who see the file: its
 * records may have been recycled by somebody whose batch its partner does not see.
 */
export function fileOfXdr(context: RequestContext, xdr: Xdr): Promise<number | null> {
  const loader = loaderOf<{ id: number; fileId: number }>(context, FILES, (_, ids) =>
    context.database.readAside(SYSTEM_SCOPE, (aside) =>
      aside.query(
        `SELECT b.id, (b.payload ->> 'fileId')::int AS "fileId" FROM run_batch b
         WHERE b.id = ANY ($1::int[]) AND b.payload ? 'fileId'`,
        [ids],
      ),
    ),
  );
  return loader.load(batchOfXdr(xdr.id)).then((row) => row?.fileId ?? null);
}

/** The name of a trunk; null for none or one that is not visible. */
export async function trunkName(context: RequestContext, id: number): Promise<string | null> {
  return nameOf(context, TRUNKS, 'SELECT id, name FROM trunk WHERE id = ANY ($1::int[])', id);
}

/** The name of a destination; null for none. */
export async function destinationName(context: RequestContext, id: number): Promise<string | null> {
  const sql = 'SELECT id, name FROM destination WHERE id = ANY ($1::int[])';
  return nameOf(context, DESTINATIONS, sql, id);
}

async function nameOf(
  context: RequestContext,
  key: symbol,
  sql: string,
  id: number,
): Promise<string | null> {
  if (id === 0) return null;
  const loader = loaderOf<{ id: number; name: string }>(context, key, (tx, ids) =>
    tx.query(sql, [ids]),
  );
  return (await loader.load(id))?.name ?? null;
}

function loaderOf<T extends { readonly id: number }>(
  context: RequestContext,
  key: symbol,
  fetch: (tx: Tx, ids: number[]) => Promise<unknown>,
): DataLoader<number, T | null> {
  return context.loader<number, T | null>(key, (read) => {
    return new DataLoader(async (ids) => {
      const rows = rowsOf<T>(await fetch(await read(), [...ids]));
      const found = new Map(rows.map((row) => [row.id, row]));
      return ids.map((each) => found.get(each) ?? null);
    });
  });
}
