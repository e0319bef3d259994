import type { FormatDefinition } from '../mediation/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import type { SeenTerms } from './explain-view.js';

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

/** Names of the lists among these that the transaction sees. */
export function seenLists(tx: Tx, ids: readonly number[]): Promise<Map<number, string>> {
  return names(tx, 'SELECT id, name FROM price_list WHERE id = ANY ($1::int[])', ids);
}

/** Names of time bands. */
export function bandNames(tx: Tx, ids: readonly number[]): Promise<Map<number, string>> {
  return names(tx, 'SELECT id, name FROM time_band WHERE id = ANY ($1::int[])', ids);
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

/** The visible identity that guides a record: its trunk's before its calling number's. */
export async function guidingIdentity(
  tx: Tx,
  record: { readonly inTrunkId: number; readonly aNumber: string | null; readonly startedAt: Date },
): Promise<SeenIdentity | null> {
  const [found] = rowsOf<SeenIdentity>(
    await tx.query(
      `SELECT id, subscription_id AS "subscriptionId", trunk_id AS "trunkId",
         number_from::text AS "numberFrom", number_to::text AS "numberTo",
         valid_from AS "validFrom", valid_to AS "validTo"
       FROM subscription_identity
       WHERE valid_from <= $3 AND (valid_to IS NULL OR valid_to > $3)
         AND (trunk_id = $1::int OR (number_from IS NOT NULL
           AND int8range(number_from, number_to, '[]') @> $2::bigint))
       ORDER BY trunk_id NULLS LAST LIMIT 1`,
      [record.inTrunkId, record.aNumber, record.startedAt],
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
