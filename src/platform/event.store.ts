import { rowsOf, type SqlClient } from './sql-client.js';

/** Channel on which a process learns that events were appended or got their position. */
export const EVENT_CHANNEL = 'kontor_event';

/** What the channel says when events got their position; nothing when they were appended. */
export const EVENTS_PLACED = 'placed';

export interface NewEvent {
  readonly topic: string;
  /** Who may see the event: everybody whose scope contains this partner. */
  readonly partnerId: number;
  /** What the event is about, within its topic; subscribers may filter by it. */
  readonly key: string;
  readonly payload: object;
}

/**
 * Appends an event in the transaction that causes it: it exists if and only if its cause was
 * committed, and gets its position afterwards.
 */
export async function appendEvent(client: SqlClient, event: NewEvent): Promise<void> {
  await client.query(
    `WITH appended AS (
       INSERT INTO event (topic, partner_id, key, payload) VALUES ($1, $2, $3, $4::jsonb))
     SELECT pg_notify($5, '')`,
    [event.topic, event.partnerId, event.key, JSON.stringify(event.payload), EVENT_CHANNEL],
  );
}

/** An event that has its place in the order of commits. */
export interface EventRow {
  /** Grows in the order in which events became visible; what subscribers resume from. */
  readonly position: bigint;
  readonly topic: string;
  readonly partnerId: number;
  readonly key: string;
  readonly payload: unknown;
  readonly occurredAt: Date;
}

/**
 * Gives positions to committed events, oldest first; answers how many. One transaction at a time
 * does so, and the lock is freed after its commit became visible: whoever has read up to a
 * position will never see a lower one appear.
 */
export async function sequenceEvents(tx: SqlClient, limit: number): Promise<number> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('kontor event position'))`);
  const rows = rowsOf<{ id: string }>(
    await tx.query(
      `WITH waiting AS MATERIALIZED (
         SELECT id FROM event WHERE position IS NULL ORDER BY id LIMIT $1),
       numbered AS MATERIALIZED (
         SELECT id, nextval('event_position') AS position
         FROM (SELECT id FROM waiting ORDER BY id) AS sorted)
       UPDATE event SET position = numbered.position
       FROM numbered WHERE event.id = numbered.id RETURNING event.id`,
      [limit],
    ),
  );
  if (rows.length > 0) await tx.query('SELECT pg_notify($1, $2)', [EVENT_CHANNEL, EVENTS_PLACED]);
  return rows.length;
}

/** The highest position given so far, 0 before the first. */
export async function lastPosition(tx: SqlClient): Promise<bigint> {
  const rows = rowsOf<{ position: string }>(
    await tx.query('SELECT coalesce(max(position), 0) AS position FROM event'),
  );
  return BigInt(rows[0]?.position ?? 0);
}

/** The position of the newest event about `key`, or null when there is none. */
export async function newestPosition(
  tx: SqlClient,
  topic: string,
  key: string,
): Promise<bigint | null> {
  const rows = rowsOf<{ position: string | null }>(
    await tx.query('SELECT max(position) AS position FROM event WHERE topic = $1 AND key = $2', [
      topic,
      key,
    ]),
  );
  const position = rows[0]?.position ?? null;
  return position === null ? null : BigInt(position);
}

/** Whether events about `key` follow a position, counting those that have none yet. */
export async function hasEventsAfter(
  tx: SqlClient,
  topic: string,
  key: string,
  after: bigint,
): Promise<boolean> {
  const rows = rowsOf<{ more: boolean }>(
    await tx.query(
      `SELECT EXISTS (SELECT FROM event WHERE topic = $1 AND key = $2
         AND (position > $3 OR position IS NULL)) AS more`,
      [topic, key, String(after)],
    ),
  );
  return rows[0]?.more ?? false;
}

export interface EventRange {
  /** Exclusive. */
  readonly after: bigint;
  /** Inclusive; the end of the table when absent. */
  readonly upTo?: bigint;
  /** All topics when absent. */
  readonly topic?: string;
  /** All keys of the topic when absent. */
  readonly key?: string;
  readonly limit: number;
}

interface EventRecord {
  position: string;
  topic: string;
  partner_id: number;
  key: string;
  payload: unknown;
  occurred_at: Date;
}

/** Events of a range in the order of their positions. */
export async function readEvents(tx: SqlClient, range: EventRange): Promise<EventRow[]> {
  const rows = rowsOf<EventRecord>(
    await tx.query(
      `SELECT position, topic, partner_id, key, payload, occurred_at FROM event
       WHERE position > $1 AND ($2::bigint IS NULL OR position <= $2)
         AND ($3::text IS NULL OR topic = $3) AND ($4::text IS NULL OR key = $4)
       ORDER BY position LIMIT $5`,
      [
        String(range.after),
        range.upTo === undefined ? null : String(range.upTo),
        range.topic ?? null,
        range.key ?? null,
        range.limit,
      ],
    ),
  );
  return rows.map((row) => ({
    position: BigInt(row.position),
    topic: row.topic,
    partnerId: row.partner_id,
    key: row.key,
    payload: row.payload,
    occurredAt: row.occurred_at,
  }));
}
