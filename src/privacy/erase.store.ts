import { rowsOf, type SqlClient } from '../platform/index.js';
import type { HeldTrunk, OthersNumbers } from './erase-line.js';
import type { HeldNumbers } from './erasure-work.js';
import { LEAF_DAY } from './purge.store.js';

/** How many numbers a subscription had. */
export async function countNumbers(tx: SqlClient, subscriptionId: number): Promise<number> {
  const rows = rowsOf<{ n: string }>(
    await tx.query(
      `SELECT coalesce(sum(number_to - number_from + 1), 0) AS n FROM subscription_identity
       WHERE subscription_id = $1 AND number_from IS NOT NULL`,
      [subscriptionId],
    ),
  );
  return Number(rows[0]?.n ?? 0);
}

/** Every number or range that the subscription ever had. */
export async function heldNumbers(tx: SqlClient, subscriptionId: number): Promise<HeldNumbers[]> {
  return rowsOf<HeldNumbers>(
    await tx.query(
      `SELECT id, number_from::text AS "from", number_to::text AS "to",
         valid_from::text AS "validFrom", valid_to::text AS "validTo"
       FROM subscription_identity WHERE subscription_id = $1 AND number_from IS NOT NULL
       ORDER BY id`,
      [subscriptionId],
    ),
  );
}

const HELD_MS = `(extract(epoch FROM valid_from) * 1000)::float8 AS "sinceMs",
  (extract(epoch FROM valid_to) * 1000)::float8 AS "tillMs"`;

/** Which of these numbers other subscriptions have had, and when. */
export async function numbersOfOthers(
  tx: SqlClient,
  subscriptionId: number,
  numbers: readonly { readonly from: string; readonly to: string }[],
): Promise<OthersNumbers[]> {
  return rowsOf<OthersNumbers>(
    await tx.query(
      `SELECT number_from::text AS "from", number_to::text AS "to", ${HELD_MS}
       FROM subscription_identity WHERE subscription_id <> $1 AND EXISTS (SELECT 1
         FROM unnest($2::bigint[], $3::bigint[]) AS n(low, high)
         WHERE number_from <= n.high AND number_to >= n.low)`,
      [subscriptionId, numbers.map(({ from }) => from), numbers.map(({ to }) => to)],
    ),
  );
}

/** Who has had trunks, and when. */
export async function heldTrunks(tx: SqlClient, subscriptionId: number): Promise<HeldTrunk[]> {
  return rowsOf<HeldTrunk>(
    await tx.query(
      `SELECT trunk_id AS "trunkId", subscription_id = $1 AS "isOwn", ${HELD_MS}
       FROM subscription_identity WHERE trunk_id IS NOT NULL`,
      [subscriptionId],
    ),
  );
}

/** Every prefix that prices, destinations and sets of origins are found by. */
export async function knownPrefixes(tx: SqlClient): Promise<Set<string>> {
  const rows = rowsOf<{ prefix: string }>(
    await tx.query(
      `SELECT DISTINCT prefix FROM (SELECT prefix FROM destination_prefix
         UNION ALL SELECT prefix FROM rate WHERE prefix <> ''
         UNION ALL SELECT prefix FROM origin_set_prefix) AS known WHERE prefix IS NOT NULL`,
    ),
  );
  return new Set(rows.map(({ prefix }) => prefix));
}

/** Numbers that anybody has or had near the given ones, as ranges. */
export async function takenRanges(
  tx: SqlClient,
): Promise<{ readonly from: bigint; readonly to: bigint }[]> {
  const rows = rowsOf<{ from: string; to: string }>(
    await tx.query(
      `SELECT DISTINCT number_from::text AS "from", number_to::text AS "to"
       FROM subscription_identity WHERE number_from IS NOT NULL`,
    ),
  );
  return rows.map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) }));
}

/** Puts other numbers in the place of a subscription's own, and takes its name. */
export async function replaceIdentities(
  tx: SqlClient,
  subscriptionId: number,
  numbers: readonly { readonly id: number; readonly from: string; readonly to: string }[],
): Promise<void> {
  await tx.query(
    `UPDATE subscription_identity i SET number_from = u.f, number_to = u.t
     FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS u(id, f, t) WHERE i.id = u.id`,
    [numbers.map((n) => n.id), numbers.map((n) => n.from), numbers.map((n) => n.to)],
  );
  await tx.query(`UPDATE subscription SET label = 'Erased ' || id WHERE id = $1`, [subscriptionId]);
}

/** What was known of the subscription and its numbers before, by row. */
export async function pastOf(
  tx: SqlClient,
  subscriptionId: number,
): Promise<{ readonly id: string; readonly fact: string; readonly said: Said }[]> {
  return rowsOf<{ id: string; fact: string; said: Said }>(
    await tx.query(
      `SELECT id::text, fact, jsonb_set(jsonb_set(said, '{number_from}',
           coalesce(to_jsonb(said ->> 'number_from'), 'null')), '{number_to}',
           coalesce(to_jsonb(said ->> 'number_to'), 'null')) AS said
       FROM book_past WHERE CASE fact WHEN 'subscription' THEN (said ->> 'id')::int = $1
         ELSE (said ->> 'subscription_id')::int = $1 END`,
      [subscriptionId],
    ),
  );
}

/** A row of the past; numbers as text, so that no digit is lost. */
export type Said = Readonly<Record<string, unknown>> & {
  readonly number_from: string | null;
  readonly number_to: string | null;
};

/** Writes what is left of the past. */
export async function replacePast(
  tx: SqlClient,
  erasureId: number,
  rows: readonly { readonly id: string; readonly said: object }[],
): Promise<number> {
  const found = rowsOf<{ n: number }>(
    await tx.query('SELECT erase_past($1, $2::bigint[], $3::jsonb[]) AS n', [
      erasureId,
      rows.map(({ id }) => id),
      rows.map(({ said }) => JSON.stringify(said)),
    ]),
  );
  return found[0]?.n ?? 0;
}

/** A record that names a number of the subscription, or is its own. */
export interface NamingXdr {
  readonly id: string;
  readonly isOwn: boolean;
  readonly a: string;
  readonly b: string;
  readonly startedMs: number;
}

/** The records of a day that name a number while the subscription had it, and its own. */
export async function namingXdrs(
  tx: SqlClient,
  day: string,
  subscriptionId: number,
  numbers: readonly HeldNumbers[],
): Promise<NamingXdr[]> {
  return rowsOf<NamingXdr>(
    await tx.query(
      `SELECT x.id::text, x.subscription_id = $2 AS "isOwn", x.a_number::text AS a,
         x.b_number::text AS b, (extract(epoch FROM x.started_at) * 1000)::float8 AS "startedMs"
       FROM xdr x WHERE x.started_at >= $1::date::timestamptz
         AND x.started_at < ($1::date + 1)::timestamptz AND (x.subscription_id = $2
         OR EXISTS (SELECT 1 FROM unnest($3::bigint[], $4::bigint[], $5::timestamptz[],
             $6::timestamptz[]) AS n(low, high, since, till)
           WHERE x.started_at >= n.since AND x.started_at < coalesce(n.till, 'infinity')
             AND (x.a_number BETWEEN n.low AND n.high OR x.b_number BETWEEN n.low AND n.high)))`,
      [
        day,
        subscriptionId,
        numbers.map((n) => n.from),
        numbers.map((n) => n.to),
        numbers.map((n) => n.validFrom),
        numbers.map((n) => n.validTo),
      ],
    ),
  );
}

/** Writes the numbers of records anew. */
export async function replaceXdrs(
  tx: SqlClient,
  erasureId: number,
  day: string,
  rows: readonly { readonly id: string; readonly a: string; readonly b: string }[],
): Promise<void> {
  await tx.query('SELECT erase_xdrs($1, $2, $3::bigint[], $4::bigint[], $5::bigint[])', [
    erasureId,
    day,
    rows.map(({ id }) => id),
    rows.map(({ a }) => a),
    rows.map(({ b }) => b),
  ]);
}

/** UTC days with records between the first and the last moment that the numbers were held. */
export async function daysHeld(tx: SqlClient, subscriptionId: number): Promise<string[]> {
  const rows = rowsOf<{ day: string }>(
    await tx.query(
      `SELECT d.day::text FROM (SELECT ${LEAF_DAY} AS day
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'xdr'::regclass) AS d,
         (SELECT min(valid_from) AS since, max(coalesce(valid_to, 'infinity')) AS till
          FROM subscription_identity WHERE subscription_id = $1) AS held
       WHERE d.day + 1 > held.since AND d.day <= held.till ORDER BY 1`,
      [subscriptionId],
    ),
  );
  return rows.map(({ day }) => day);
}

/** Runs that bring records in and are under way; one that was cancelled ends what it has begun. */
export async function openDeliveries(tx: SqlClient): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT r.id FROM run r WHERE r.kind IN ('IMPORT','RECYCLE')
         AND (r.state IN ('READY','RUNNING') OR r.state = 'CANCELLED'
           AND EXISTS (SELECT FROM run_batch b WHERE b.run_id = r.id AND b.state = 'RUNNING'))`,
    ),
  );
  return rows.map(({ id }) => id);
}

/** Days of which an erasure has no batch, since nothing was known of them when it was approved. */
export async function furtherDays(
  tx: SqlClient,
  runId: number,
  subscriptionId: number,
): Promise<string[]> {
  const days = await daysHeld(tx, subscriptionId);
  const planned = rowsOf<{ day: string }>(
    await tx.query(
      `SELECT payload ->> 'day' AS day FROM run_batch WHERE run_id = $1 AND payload ? 'day'`,
      [runId],
    ),
  );
  const known = new Set(planned.map(({ day }) => day));
  return days.filter((day) => !known.has(day));
}

/** What a suspended record of a person has in its text, or its file. */
export interface Traces {
  /** What numbers begin with behind their country code. */
  readonly blocks: readonly string[];
  /** Trunks, and their names as bytes. */
  readonly trunkIds: readonly number[];
  readonly trunkNames: readonly Buffer[];
}

/** Suspended records that hold a trace of a person, some at a time. */
export async function naming(
  tx: SqlClient,
  after: string,
  { blocks, trunkIds, trunkNames }: Traces,
  limit: number,
): Promise<{ readonly id: string; readonly raw: Buffer; readonly fileId: number }[]> {
  return rowsOf<{ id: string; raw: Buffer; fileId: number }>(
    await tx.query(
      `SELECT s.id::text, s.raw, s.usage_file_id AS "fileId" FROM suspense_record s
       WHERE s.id > $1 AND s.purged_at IS NULL AND (EXISTS (SELECT 1 FROM unnest($2::text[]) AS e
           WHERE position(e IN regexp_replace(encode(s.raw, 'escape'), '[^0-9]', '', 'g')) > 0)
         OR EXISTS (SELECT 1 FROM unnest($3::bytea[]) AS n WHERE position(n IN s.raw) > 0)
         OR s.usage_file_id IN (SELECT f.id FROM usage_file f JOIN run r ON r.id = f.run_id
           WHERE (r.params ->> 'defaultInTrunkId')::int = ANY ($4::int[])))
       ORDER BY s.id LIMIT $5`,
      [after, blocks, trunkNames, trunkIds, limit],
    ),
  );
}

/** Writes the text of suspended records anew. */
export async function replaceRaw(
  tx: SqlClient,
  rows: readonly { readonly id: string; readonly raw: Buffer }[],
): Promise<void> {
  await tx.query(
    `UPDATE suspense_record s SET raw = u.raw
     FROM unnest($1::bigint[], $2::bytea[]) AS u(id, raw) WHERE s.id = u.id`,
    [rows.map(({ id }) => id), rows.map(({ raw }) => raw)],
  );
}

/**
 * Takes the name of a private customer whose subscriptions are all forgotten, but for what is on
 * invoices; answers whether it did.
 */
export async function forgetPartner(tx: SqlClient, partnerId: number): Promise<boolean> {
  const rows = rowsOf(
    await tx.query(
      `UPDATE partner SET name = 'Erased ' || id, legal_name = NULL, address = '',
         tax_number = NULL, email = NULL
       WHERE id = $1 AND kind = 'PRIVATE_CUSTOMER' AND NOT EXISTS (SELECT 1 FROM subscription s
         WHERE s.partner_id = $1 AND NOT EXISTS (SELECT 1 FROM erasure e
           WHERE e.subscription_id = s.id AND e.state IN ('RUNNING','DONE'))) RETURNING id`,
      [partnerId],
    ),
  );
  if (rows.length === 0) return false;
  await tx.query(`UPDATE account SET name = 'Erased ' || id WHERE partner_id = $1`, [partnerId]);
  await tx.query(`UPDATE contract SET name = 'Erased ' || id WHERE partner_id = $1`, [partnerId]);
  return true;
}
