import { rowsOf, type SqlClient } from '../platform/thread.js';
import type { Past, RowKind } from './purge-plan.js';

/**
 * The day of the leaf `c` of records; null for other tables, of which PostgreSQL may ask before it
 * knows which are leaves.
 */
export const LEAF_DAY = String.raw`to_date(substring(c.relname FROM '^xdr_(\d{8})$'), 'YYYYMMDD')`;

// With a month of UTC: locked by who purges a day of it, and shared by who needs it as it is.
const PURGED_MONTH = `hashtext('purged month')`;

/** UTC days that have a partition of records, rising. */
export async function recordDays(tx: SqlClient): Promise<string[]> {
  const rows = rowsOf<{ day: string }>(
    await tx.query(
      `SELECT (${LEAF_DAY})::text AS day FROM pg_inherits i
       JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'xdr'::regclass ORDER BY 1`,
    ),
  );
  return rows.map(({ day }) => day);
}

/** Purges at most so many rows of a kind; answers how many. */
export async function purgeRows(
  tx: SqlClient,
  kind: RowKind,
  past: Past,
  most: number,
): Promise<number> {
  const { partnerIds, before } = past;
  if (kind === 'WEBHOOK_DELIVERY') {
    const purge = 'SELECT purge_webhook_deliveries($1::int[], $2, $3) AS n';
    return count(tx, purge, [partnerIds, before, most]);
  }
  return count(tx, 'SELECT purge_rows($1, $2::int[], $3, $4) AS n', [
    kind,
    partnerIds,
    before,
    most,
  ]);
}

/** Of the suspended records whose text this transaction purged, those that waited for a price. */
export async function heldJustPurged(tx: SqlClient): Promise<number> {
  const held = `SELECT count(*) AS n FROM suspense_record WHERE purged_at >= now()
    AND state = 'HELD'`;
  return count(tx, held, []);
}

/** Purges at most so many runs that nothing refers to; answers how many. */
export async function purgeRuns(tx: SqlClient, before: string, most: number): Promise<number> {
  return count(tx, 'SELECT purge_runs($1, $2) AS n', [before, most]);
}

// What came of file f, with its run r: imported or set aside; parked for as long as it is kept; or
// nobody has asked for an import, or it was cancelled before it began. Else null.
const ENDED = `CASE WHEN f.state IN ('DONE','QUARANTINED') THEN 'ENDED'
  WHEN r.state = 'PARKED' AND r.created_at < $2 THEN 'PARKED'
  WHEN f.state = 'STORED' OR r.state = 'CANCELLED' THEN 'NEVER' END`;

/** Files whose bytes go: how many, how many of them were not imported, and where bytes lie. */
export interface MarkedFiles {
  readonly figures: {
    readonly files: number;
    readonly filesNeverImported: number;
    readonly filesParked: number;
  };
  /** Where the bytes lie that no other file shares. */
  readonly unused: readonly string[];
}

/** Marks files whose bytes go, at most so many. */
export async function markFiles(tx: SqlClient, past: Past, most: number): Promise<MarkedFiles> {
  const marked = rowsOf<{ stored_as: string; ended: 'ENDED' | 'PARKED' | 'NEVER' }>(
    await tx.query(
      `WITH past AS (SELECT f.id, ${ENDED} AS ended
         FROM usage_file f LEFT JOIN run r ON r.id = f.run_id
         WHERE f.partner_id = ANY ($1::int[]) AND f.created_at < $2 AND f.purged_at IS NULL
           AND ${ENDED} IS NOT NULL LIMIT $3 FOR UPDATE OF f SKIP LOCKED)
       UPDATE usage_file f SET purged_at = clock_timestamp() FROM past WHERE f.id = past.id
       RETURNING f.stored_as, past.ended`,
      [past.partnerIds, past.before, most],
    ),
  );
  const ofThem = (ended: string) => marked.filter((row) => row.ended === ended).length;
  const names = [...new Set(marked.map((row) => row.stored_as))];
  const shared = rowsOf<{ stored_as: string }>(
    await tx.query(
      `SELECT DISTINCT stored_as FROM usage_file
       WHERE stored_as = ANY ($1::text[]) AND purged_at IS NULL`,
      [names],
    ),
  ).map((row) => row.stored_as);
  return {
    figures: {
      files: marked.length,
      filesNeverImported: ofThem('NEVER'),
      filesParked: ofThem('PARKED'),
    },
    unused: names.filter((name) => !shared.includes(name)),
  };
}

/** How many files are past whose import goes on, waits for its turn or has not been parked long. */
export async function filesInImport(tx: SqlClient, past: Past): Promise<number> {
  return count(
    tx,
    `SELECT count(*) AS n FROM usage_file f JOIN run r ON r.id = f.run_id
     WHERE f.partner_id = ANY ($1::int[]) AND f.created_at < $2 AND f.purged_at IS NULL
       AND f.state = 'IMPORTING' AND r.state <> 'CANCELLED'`,
    [past.partnerIds, past.before],
  );
}

/**
 * Whether a delivery that was put aside is past. One that no partner has a row of, since its
 * content is that of another's file, is kept as long as those of the hub.
 */
export async function isDeliveryPast(
  tx: SqlClient,
  past: Past,
  { keptAs, putAside }: { readonly keptAs: string; readonly putAside: Date },
): Promise<boolean> {
  const rows = rowsOf<{ past: boolean }>(
    await tx.query(
      `SELECT coalesce(d.partner_id, hub.id) = ANY ($1::int[])
         AND coalesce(d.received_at, $4) < $2 AS past
       FROM partner hub LEFT JOIN duplicate_file d ON d.kept_as = $3
       WHERE hub.parent_id IS NULL`,
      [past.partnerIds, past.before, keptAs, putAside],
    ),
  );
  return rows.some((row) => row.past);
}

/** Why the records of a partner of a day are still needed. */
export interface Need {
  readonly partnerId: number;
  readonly reason: 'UNBILLED' | 'DRAFT' | 'HELD';
}

/**
 * Whose records of a day are still needed, with those of all below them: usage of the month that
 * no finalised invoice has taken, and usage that somebody holds. What adds up to nothing, such as
 * differences of re-rating that was undone, may never be on an invoice, and needs no records.
 */
export async function neededRecords(tx: SqlClient, day: string): Promise<Need[]> {
  return rowsOf<Need>(
    await tx.query(
      `WITH needed AS (
         SELECT s.partner_id, CASE WHEN s.invoice_id IS NULL THEN 'UNBILLED' ELSE 'DRAFT' END
           AS reason
         FROM usage_summary s JOIN contract c ON c.id = s.contract_id
         LEFT JOIN invoice i ON i.id = s.invoice_id
         WHERE s.usage_on >= date_trunc('month', $1::date - 1)::date
           AND s.usage_on < date_trunc('month', $1::date + 1)::date + interval '1 month'
           AND c.level <> 'COST' AND (s.invoice_id IS NULL OR i.state = 'DRAFT')
         GROUP BY 1, 2, s.contract_version_id, s.service, s.destination_id
         HAVING sum(s.records) <> 0 OR sum(s.amount) <> 0
         UNION ALL SELECT partner_id, 'HELD' FROM retention_hold
         WHERE released_at IS NULL AND from_on <= $1::date + 1 AND to_on > $1::date - 1)
       SELECT DISTINCT ON (p.id) p.id AS "partnerId", n.reason
       FROM needed n JOIN partner p ON p.path @> ARRAY[n.partner_id] ORDER BY p.id, n.reason`,
      [day],
    ),
  );
}

/** Why nothing of a day can be purged now, or null: a month to be folded, a re-rating under way. */
export async function busyDay(tx: SqlClient, day: string): Promise<string | null> {
  const rows = rowsOf<{ reason: string }>(
    await tx.query(
      `SELECT 'FOLDING' AS reason FROM allowance_due
         WHERE month BETWEEN date_trunc('month', $1::date - 1) AND date_trunc('month', $1::date + 1)
       UNION ALL SELECT 'FOLDING' FROM run
         WHERE kind = 'FOLD' AND state IN ('READY','RUNNING','PARKED')
       UNION ALL SELECT 'RERATING' FROM rerate
         WHERE state NOT IN ('APPLIED','UNDONE','DISCARDED') AND started_from < $1::date + 1
           AND started_to > $1::date LIMIT 1`,
      [day],
    ),
  );
  return rows[0]?.reason ?? null;
}

/** Partners that have records of a day. */
export async function partnersOfDay(tx: SqlClient, day: string): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT DISTINCT partner_id AS id FROM xdr WHERE started_at >= $1::date::timestamptz
         AND started_at < ($1::date + 1)::timestamptz`,
      [day],
    ),
  );
  return rows.map(({ id }) => id);
}

/**
 * Keeps everybody from adding records or corrections to a day, and from asking for either by a
 * change set (see {@link holdUnpurged}), until the transaction ends.
 */
export async function holdDay(tx: SqlClient, day: string): Promise<void> {
  await tx.query('SELECT hold_usage_day($1)', [day]);
  const month = monthOf(new Date(`${day}T00:00:00Z`));
  await tx.query(`SELECT pg_advisory_xact_lock(${PURGED_MONTH}, $1)`, [month]);
}

/** Months since the year 0, by UTC. */
function monthOf(at: Date): number {
  return at.getUTCFullYear() * 12 + at.getUTCMonth();
}

/**
 * Keeps purges from the months of a span until the transaction ends: whoever looks what is left of
 * them finds it unchanged, and a purge what he has noted. False where one is at work.
 */
export async function holdUnpurged(tx: SqlClient, from: Date, to: Date): Promise<boolean> {
  const rows = rowsOf<{ held: boolean }>(
    await tx.query(
      `SELECT bool_and(pg_try_advisory_xact_lock_shared(${PURGED_MONTH}, month)) AS held
       FROM generate_series($1::int, $2::int) AS month`,
      [monthOf(from), monthOf(new Date(to.getTime() - 1))],
    ),
  );
  return rows[0]?.held ?? true;
}

/** Purges the records of a day, those of some partners or all; answers how many. */
export async function purgeDay(
  tx: SqlClient,
  day: string,
  partnerIds: readonly number[] | null,
): Promise<number> {
  return count(tx, 'SELECT purge_usage_day($1, $2::int[]) AS n', [day, partnerIds]);
}

/** Moves the horizon as far as no records are left before it; answers purged segments. */
export async function moveHorizon(tx: SqlClient, before: string): Promise<number> {
  return count(
    tx,
    `SELECT move_usage_horizon(date_trunc('month', least($1::timestamptz,
       (SELECT min(started_at) FROM xdr)))::date) AS n`,
    [before],
  );
}

// Steps of purges for a day that have ended, and whether they passed it over.
const DAY_STEPS = `SELECT b.id, r.id AS run_id, b.payload ->> 'day' AS day, b.finished_at,
    b.result -> 'totals' ? 'daysHeld' AS held
  FROM run r JOIN run_batch b ON b.run_id = r.id AND b.state = 'DONE'
  WHERE r.kind = 'PURGE' AND r.created_at > clock_timestamp() - interval '31 days'
    AND b.payload ->> 'step' = 'DAY'`;

/** Days that purges passed over last, since somebody read them, and the newest run that did. */
export interface PassedOver {
  readonly days: readonly string[];
  readonly runId: number;
}

/** Before the id of a run: the subject of the one that comes back to what that has passed over. */
export const AFTER = 'purge:after:';

/**
 * What is to be tried again; null when there is nothing, while a purge is under way, and when
 * somebody has cancelled the last one or the one after it: then the next day's is waited for.
 */
export async function passedOver(tx: SqlClient): Promise<PassedOver | null> {
  const rows = rowsOf<{ day: string; run_id: number }>(
    await tx.query(
      `WITH held AS (
         SELECT day, max(run_id) OVER () AS run_id
         FROM (SELECT DISTINCT ON (day) day, run_id, held
           FROM (${DAY_STEPS}) AS s ORDER BY day, id DESC) AS last
         WHERE held)
       SELECT day, run_id FROM held WHERE NOT EXISTS (SELECT FROM run r
         WHERE r.kind = 'PURGE' AND (r.state IN ('READY','RUNNING')
           OR r.subject = '${AFTER}' || held.run_id
           OR (r.id = held.run_id AND r.state = 'CANCELLED')))
       ORDER BY day`,
    ),
  );
  const [first] = rows;
  return first === undefined ? null : { days: rows.map(({ day }) => day), runId: first.run_id };
}

/** Since when purges have passed over a day; null unless it is for longer than a day. */
export async function heldForLong(tx: SqlClient, day: string): Promise<Date | null> {
  const rows = rowsOf<{ since: Date | null }>(
    await tx.query(
      `WITH step AS (SELECT * FROM (${DAY_STEPS}) AS s WHERE day = $1)
       SELECT min(finished_at) AS since FROM step
       WHERE held AND id > coalesce((SELECT max(id) FROM step WHERE NOT held), 0)
       HAVING min(finished_at) < clock_timestamp() - interval '1 day'`,
      [day],
    ),
  );
  return rows[0]?.since ?? null;
}

/** The figures that an interrupted batch has committed already. */
export async function figuresOf(tx: SqlClient, batchId: number): Promise<Record<string, number>> {
  const rows = rowsOf<{ totals: Record<string, number> | null }>(
    await tx.query(`SELECT result -> 'totals' AS totals FROM run_batch WHERE id = $1`, [batchId]),
  );
  return rows[0]?.totals ?? {};
}

/** Notes the figures so far; false when the batch is no longer ours. */
export async function noteFigures(
  tx: SqlClient,
  batch: { readonly id: number; readonly epoch: number },
  figures: Readonly<Record<string, number>>,
): Promise<boolean> {
  const rows = rowsOf(
    await tx.query(
      `UPDATE run_batch SET result = $3::jsonb
       WHERE id = $1 AND epoch = $2 AND state = 'RUNNING' RETURNING id`,
      [batch.id, batch.epoch, JSON.stringify({ totals: figures })],
    ),
  );
  return rows.length === 1;
}

/** Sums over the batches of a run that are done. */
export async function figuresOfRun(tx: SqlClient, runId: number): Promise<Record<string, number>> {
  const rows = rowsOf<{ result: Record<string, number> }>(
    await tx.query('SELECT result FROM run WHERE id = $1', [runId]),
  );
  return rows[0]?.result ?? {};
}

async function count(tx: SqlClient, sql: string, values: unknown[]): Promise<number> {
  const rows = rowsOf<{ n: string | number }>(await tx.query(sql, values));
  return Number(rows[0]?.n ?? 0);
}
