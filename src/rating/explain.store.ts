import type { FormatDefinition } from '../mediation/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import type { LevelDerivation } from './explain.js';
import type { UsedExchange } from './explain-exchange.js';
import type { MonthDerivation } from './explain-month.js';
import type { SeenNames, SeenTerms } from './explain-view.js';
import { asKnown, known, MS } from './facts-query.store.js';

/** Terms by their id, of contracts that the transaction sees. */
export async function seenTerms(
  tx: Tx,
  versionIds: readonly number[],
): Promise<Map<number, SeenTerms>> {
  const rows = rowsOf<SeenTerms>(
    await tx.query(
      `SELECT v.id, v.contract_id AS "contractId", c.level, v.valid_from AS "validFrom",
         v.valid_to AS "validTo", v.recorded_at AS "recordedAt", v.currency,
         v.time_zone AS "timeZone", v.rounding_decimals AS "roundingDecimals",
         v.rounding_mode AS "roundingMode"
       FROM contract_version v JOIN contract c ON c.id = v.contract_id
       WHERE v.id = ANY ($1::int[])`,
      [versionIds],
    ),
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** The names that derivations need, as far as the transaction sees them. */
export async function seenNames(
  tx: Tx,
  levels: readonly LevelDerivation[],
  months: readonly (MonthDerivation | null)[],
  knownAt: string,
): Promise<SeenNames> {
  const rules = [...levels, ...months].flatMap((one) => one?.rules ?? []);
  const of = (sql: string, ids: readonly (number | null)[]) =>
    names(tx, sql, [...new Set(ids.filter((id) => id !== null && id !== 0))] as number[]);
  const bandIds = levels.flatMap(({ bands, price }) => [
    bands?.bandId ?? 0,
    price?.bandId ?? 0,
    ...(bands?.runs ?? []).map((run) => run.bandId),
  ]);
  const exchanges = levels.flatMap((level) => [level.exchange, level.shareExchange]);
  return {
    lists: await of(
      'SELECT id, name FROM price_list WHERE id = ANY ($1::int[])',
      levels.flatMap(({ listIds, skipped }) => [
        ...listIds,
        ...skipped.flatMap((one) => one.listIds),
      ]),
    ),
    bands: await of('SELECT id, name FROM time_band WHERE id = ANY ($1::int[])', bandIds),
    trunks: await of(
      'SELECT id, name FROM trunk WHERE id = ANY ($1::int[])',
      levels.map(({ trunkId }) => trunkId),
    ),
    originSets: await of(
      'SELECT id, name FROM origin_set WHERE id = ANY ($1::int[])',
      levels.map(({ price }) => price?.originSetId ?? 0),
    ),
    rules: await of(
      'SELECT id, name FROM price_rule WHERE id = ANY ($1::int[])',
      rules.map(({ rule }) => rule.id),
    ),
    sourceOf: await exchangeSources(
      tx,
      exchanges.filter((one) => one !== null),
      knownAt,
    ),
  };
}

// Rates are told apart by what they are for and from when they hold, as far as was known.
async function exchangeSources(
  tx: Tx,
  used: readonly UsedExchange[],
  knownAt: string,
): Promise<SeenNames['sourceOf']> {
  if (used.length === 0) return () => null;
  const found = rowsOf<{ base: string; quote: string; validFrom: number; source: string }>(
    await tx.query(
      `SELECT base_currency AS base, quote_currency AS quote, ${MS('valid_from')} AS "validFrom",
         source
       FROM exchange_rate e WHERE ${known('e')} AND base_currency = ANY ($2::text[])
         AND quote_currency = ANY ($3::text[])`,
      [knownAt, used.map(({ base }) => base), used.map(({ quote }) => quote)],
    ),
  );
  return ({ base, quote, validFrom }) =>
    found.find((one) => one.base === base && one.quote === quote && one.validFrom === validFrom)
      ?.source ?? null;
}

/** The contract of a version; null for none. In a transaction that sees everything. */
export async function contractOfVersion(tx: Tx, versionId: number): Promise<number | null> {
  if (versionId === 0) return null;
  const [found] = rowsOf<{ id: number }>(
    await tx.query('SELECT contract_id AS id FROM contract_version WHERE id = $1', [versionId]),
  );
  return found?.id ?? null;
}

/** Names of the trunks among these that the transaction sees. */
export function seenTrunks(tx: Tx, ids: readonly number[]): Promise<Map<number, string>> {
  return names(tx, 'SELECT id, name FROM trunk WHERE id = ANY ($1::int[])', ids);
}

async function names(tx: Tx, sql: string, ids: readonly number[]): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map();
  const rows = rowsOf<{ id: number; name: string }>(await tx.query(sql, [ids]));
  return new Map(rows.map((row) => [row.id, row.name]));
}

export interface SeenIdentity {
  readonly id: number;
  readonly subscriptionId: number;
  readonly trunkId: number | null;
  readonly numberFrom: string | null;
  readonly numberTo: string | null;
  readonly validFrom: Date;
  readonly validTo: Date | null;
}

/**
 * The visible identity that guides a record, as was known at a moment: its trunk's before its
 * calling number's.
 */
export async function guidingIdentity(
  tx: Tx,
  knownAt: string,
  record: { readonly inTrunkId: number; readonly aNumber: string | null; readonly startedAt: Date },
): Promise<SeenIdentity | null> {
  const [found] = rowsOf<SeenIdentity>(
    await tx.query(
      `SELECT id, subscription_id AS "subscriptionId", trunk_id AS "trunkId",
         number_from::text AS "numberFrom", number_to::text AS "numberTo",
         valid_from AS "validFrom", valid_to AS "validTo"
       FROM ${asKnown('subscription_identity')} i
       WHERE valid_from <= $4 AND (valid_to IS NULL OR valid_to > $4)
         AND (trunk_id = $2::int OR (number_from IS NOT NULL
           AND int8range(number_from, number_to, '[]') @> $3::bigint))
       ORDER BY trunk_id NULLS LAST LIMIT 1`,
      [knownAt, record.inTrunkId, record.aNumber, record.startedAt],
    ),
  );
  return found ?? null;
}

/** What is kept of the batch that wrote a record. */
export interface BatchFacts {
  readonly fileId: number;
  readonly from: string | null;
  readonly to: string | null;
  /** In PostgreSQL's own text, which keeps microseconds. */
  readonly knownAt: string;
  readonly knownAtDate: Date;
}

/** In a transaction that sees everything. */
export async function batchFacts(tx: Tx, batchId: number): Promise<BatchFacts | null> {
  const [found] = rowsOf<BatchFacts>(
    await tx.query(
      `SELECT (b.payload ->> 'fileId')::int AS "fileId", b.payload ->> 'from' AS "from",
         b.payload ->> 'to' AS "to", p.known_at::text AS "knownAt", p.known_at AS "knownAtDate"
       FROM run_batch b JOIN price_book p ON p.id = (b.result ->> 'priceBookId')::int
       WHERE b.id = $1`,
      [batchId],
    ),
  );
  return found ?? null;
}

/** A usage file as far as the transaction sees it, with the terms that its run froze. */
export interface SeenFile {
  readonly storedAs: string;
  readonly definition: FormatDefinition;
  readonly timeZone: string;
  readonly defaultInTrunkId: number;
  readonly defaultOutTrunkId: number;
}

export async function seenFile(tx: Tx, fileId: number): Promise<SeenFile | null> {
  const [found] = rowsOf<SeenFile>(
    await tx.query(
      `SELECT f.stored_as AS "storedAs", d.definition, t.*
       FROM usage_file f JOIN run r ON r.id = f.run_id
       CROSS JOIN LATERAL (SELECT r.params ->> 'timeZone' AS "timeZone",
         coalesce((r.params ->> 'defaultInTrunkId')::int, 0) AS "defaultInTrunkId",
         coalesce((r.params ->> 'defaultOutTrunkId')::int, 0) AS "defaultOutTrunkId") AS t
       JOIN usage_format d ON d.id = (r.params ->> 'formatId')::int WHERE f.id = $1`,
      [fileId],
    ),
  );
  return found ?? null;
}

/** All trunks, since the reading of a line depends on which names are known. */
export async function trunkNames(tx: Tx): Promise<(readonly [string, number])[]> {
  const rows = rowsOf<{ id: number; name: string }>(await tx.query('SELECT id, name FROM trunk'));
  return rows.map(({ id, name }) => [name, id] as const);
}

/** A line that was held or rejected and taken up again by a batch. */
export interface RecycledLine {
  readonly raw: Buffer;
  readonly byteOffset: string;
  readonly batchLine: number;
}

/** The lines that a recycle batch took up, as far as the transaction sees them. */
export async function recycledLines(tx: Tx, batchId: number): Promise<RecycledLine[]> {
  return rowsOf<RecycledLine>(
    await tx.query(
      `SELECT raw, byte_offset::text AS "byteOffset", batch_line AS "batchLine"
       FROM suspense_record WHERE recycled_by_batch_id = $1 ORDER BY id`,
      [batchId],
    ),
  );
}
