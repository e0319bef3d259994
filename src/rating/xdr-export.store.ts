import type { PriceLevel } from '../partner/index.js';
import { cursorRows, rowsOf, type Tx } from '../platform/index.js';
import { LEAF_DAY } from '../privacy/index.js';
import { type AdjustedKey, adjustedRecords } from './allowance-query.store.js';
import { type LegTerms, shownPrices, type Xdr, type XdrPrice } from './xdr.entity.js';
import type { XdrFilter } from './xdr.input.js';
import {
  assertSpan,
  NEWEST,
  type RawXdr,
  XDR_COLUMNS,
  XDR_KEPT,
  XDR_LEVELS,
  xdrConditions,
  xdrOf,
} from './xdr-query.store.js';

const DAY_MS = 86_400_000;
/** Names kept at hand while records are read; more are forgotten, and read again. */
const MAX_NAMES = 50_000;

/** Which records are handed out, of which level, and to whom. */
export interface XdrSelection {
  readonly filter: XdrFilter;
  /** Prices of this level alone; null: of all that may be seen. */
  readonly level: PriceLevel | null;
  readonly viewer: { readonly permissions: ReadonlySet<string> };
}

/** One price of a record with the contract behind it, as far as they may be seen. */
export interface ExportedPrice {
  /** Place in the chain, 1 is what the viewer pays. */
  readonly position: number;
  readonly price: XdrPrice;
  readonly contract: string | null;
  readonly timeZone: string | null;
}

/** A record with the names around it; null where there is none, or none that is visible. */
export interface ExportedXdr {
  readonly xdr: Xdr;
  readonly prices: readonly ExportedPrice[];
  readonly partner: string | null;
  readonly account: string | null;
  readonly destination: string | null;
  readonly inTrunk: string | null;
  readonly outTrunk: string | null;
}

/** What purges have taken of a span. */
export interface PurgedPart {
  /** Months (YYYY-MM) of which records of visible partners are gone, rising. */
  readonly months: readonly string[];
  /** Whether a day of what the transaction sees has gone since it began: it would be left out. */
  readonly overtaken: boolean;
}

/**
 * Keeps purges from dropping days until the transaction ends, and answers what they have taken of
 * a span before. A partition that is gone is gone from every snapshot, also of those who began
 * earlier and would still see each of its rows.
 */
export async function holdRecords(tx: Tx, { from, to }: XdrFilter): Promise<PurgedPart> {
  // Whoever names a table locks it against that; the right to LOCK it is that of all its columns.
  await tx.query('SELECT id FROM xdr WHERE false');
  const rows = rowsOf<{ months: string[] | null; overtaken: boolean }>(
    await tx.query(
      `SELECT (SELECT array_agg(DISTINCT to_char(month, 'YYYY-MM')) FROM purged_usage
           WHERE records > 0 AND month >= date_trunc('month', $1 AT TIME ZONE 'UTC')
             AND month < $2 AT TIME ZONE 'UTC') AS months,
         -- The catalogue as this transaction sees it, and as it is.
         EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'xdr'::regclass AND to_regclass(c.relname) IS NULL
             AND ${LEAF_DAY} >= ($1 AT TIME ZONE 'UTC')::date
             AND ${LEAF_DAY} < $2 AT TIME ZONE 'UTC') AS overtaken`,
      [from, to],
    ),
  );
  return { months: (rows[0]?.months ?? []).sort(), overtaken: rows[0]?.overtaken ?? false };
}

/**
 * All records that fit and that the transaction sees, by rising instant, in portions: day by day,
 * because records lie in tables by day, and each day by a cursor, so that neither the memory of
 * this process nor one statement grows with their number. Refuses with INVALID_PERIOD as
 * `listXdrs` does.
 */
export async function* exportXdrs(
  tx: Tx,
  selection: XdrSelection,
): AsyncGenerator<readonly ExportedXdr[]> {
  assertSpan(selection.filter);
  const conditions = await xdrConditions(tx, selection.filter);
  if (conditions === null) return;
  const { texts, values } = conditions;
  const sql = `SELECT ${XDR_COLUMNS}, ${XDR_LEVELS}
    FROM (SELECT ${XDR_KEPT} FROM seen_xdr x WHERE ${texts.join(' AND ')}
      ORDER BY x.started_at, x.id OFFSET 0) x ${NEWEST} ORDER BY x.started_at, x.id`;
  const names = new Names(tx);
  for (const [from, to] of days(selection.filter)) {
    const span = [from, to, ...values.slice(2)];
    for await (const rows of cursorRows<RawXdr>(tx, sql, span)) {
      yield await exported(tx, rows.map(xdrOf), selection, names);
    }
  }
}

function* days({ from, to }: XdrFilter): Generator<[Date, Date]> {
  for (let at = from.getTime(); at < to.getTime(); ) {
    const next = Math.min(to.getTime(), (Math.floor(at / DAY_MS) + 1) * DAY_MS);
    yield [new Date(at), new Date(next)];
    at = next;
  }
}

/** Terms that priced a leg, with what is told of them beside the price. */
interface Terms extends LegTerms {
  readonly id: number;
  readonly number: string;
  readonly timeZone: string;
}

async function exported(
  tx: Tx,
  xdrs: readonly Xdr[],
  { viewer, level }: XdrSelection,
  names: Names,
): Promise<ExportedXdr[]> {
  const versions = xdrs.flatMap(({ legs }) => legs.map((leg) => leg.contractVersionId));
  const terms = await names.of('terms', versions);
  const termsOf = (xdr: Xdr) => xdr.legs.map((leg) => terms(leg.contractVersionId));
  const adjusted = await adjustedLegs(tx, xdrs, termsOf);
  const partner = await names.of('partner', ids(xdrs, 'partnerId'));
  const account = await names.of('account', ids(xdrs, 'accountId'));
  const destination = await names.of('destination', ids(xdrs, 'destinationId'));
  const trunks = [...ids(xdrs, 'inTrunkId'), ...ids(xdrs, 'outTrunkId')];
  const trunk = await names.of('trunk', trunks);
  return xdrs.map((xdr, at) => {
    const legTerms = termsOf(xdr);
    const shown = shownPrices(xdr, legTerms, adjusted[at] ?? [], viewer);
    const prices = shown.flatMap((price, place): ExportedPrice[] => {
      if (price === null || (level !== null && price.level !== level)) return [];
      const { number = null, timeZone = null } = legTerms[place] ?? {};
      return [{ position: place + 1, price, contract: number, timeZone }];
    });
    return {
      xdr,
      prices,
      partner: partner(xdr.partnerId)?.name ?? null,
      account: account(xdr.accountId)?.name ?? null,
      destination: destination(xdr.destinationId)?.name ?? null,
      inTrunk: trunk(xdr.inTrunkId)?.name ?? null,
      outTrunk: trunk(xdr.outTrunkId)?.name ?? null,
    };
  });
}

type Adjusted = Awaited<ReturnType<typeof adjustedRecords>>;

/** What the months made of the legs of each record, in one statement for all. */
async function adjustedLegs(
  tx: Tx,
  xdrs: readonly Xdr[],
  termsOf: (xdr: Xdr) => (Terms | null)[],
): Promise<Adjusted[]> {
  const keys: AdjustedKey[] = [];
  const places = xdrs.map((xdr) =>
    termsOf(xdr).map((found) => {
      if (found === null) return -1;
      const { id: xdrId, startedMicros } = xdr;
      return keys.push({ contractId: found.contractId, xdrId, startedMicros }) - 1;
    }),
  );
  const [first, last] = [xdrs[0]?.startedMicros ?? '0', xdrs.at(-1)?.startedMicros ?? '0'];
  const contracts = [...new Set(keys.map(({ contractId }) => contractId))];
  const spans = contracts.map((contractId) => ({ contractId, from: first, to: last }));
  const records = keys.length === 0 ? [] : await adjustedRecords(tx, keys, spans);
  return places.map((legs) => legs.map((place) => records[place] ?? null));
}

type IdField = 'partnerId' | 'accountId' | 'destinationId' | 'inTrunkId' | 'outTrunkId';

function ids(xdrs: readonly Xdr[], field: IdField): number[] {
  return xdrs.map((xdr) => xdr[field]);
}

interface Named {
  readonly id: number;
  readonly name: string;
}

interface Kinds {
  readonly terms: Terms;
  readonly partner: Named;
  readonly account: Named;
  readonly destination: Named;
  readonly trunk: Named;
}

const NAMES: Readonly<Record<keyof Kinds, string>> = {
  terms: `SELECT v.id, c.id AS "contractId", c.level, v.currency, c.number,
      v.time_zone AS "timeZone"
    FROM contract_version v JOIN contract c ON c.id = v.contract_id WHERE v.id = ANY ($1::int[])`,
  partner: 'SELECT id, name FROM partner WHERE id = ANY ($1::int[])',
  account: 'SELECT id, number AS name FROM account WHERE id = ANY ($1::int[])',
  destination: 'SELECT id, name FROM destination WHERE id = ANY ($1::int[])',
  trunk: 'SELECT id, name FROM trunk WHERE id = ANY ($1::int[])',
};

/** Rows around records, each read once as long as they are few. */
class Names {
  readonly #tx: Tx;
  readonly #known = new Map<keyof Kinds, Map<number, Named | Terms | null>>();

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** Reads those that are not known yet; the answer looks one of them up, 0 is none. */
  async of<K extends keyof Kinds>(
    kind: K,
    wanted: readonly number[],
  ): Promise<(id: number) => Kinds[K] | null> {
    const kept = this.#known.get(kind) ?? new Map<number, Named | Terms | null>();
    this.#known.set(kind, kept);
    if (kept.size > MAX_NAMES) kept.clear();
    const missing = [...new Set(wanted)].filter((id) => id !== 0 && !kept.has(id));
    if (missing.length > 0) {
      for (const id of missing) kept.set(id, null);
      const rows = rowsOf<Kinds[K]>(await this.#tx.query(NAMES[kind], [missing]));
      for (const row of rows) kept.set(row.id, row);
    }
    return (id) => (kept.get(id) as Kinds[K] | null | undefined) ?? null;
  }
}
