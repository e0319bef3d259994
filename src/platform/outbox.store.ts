import { rowsOf, type SqlClient } from './sql-client.js';

/** Channel on which processes learn that the outbox has work. */
export const OUTBOX_CHANNEL = 'kontor_outbox';

export interface NewOutboxRow {
  readonly topic: string;
  readonly partnerId: number;
  readonly payload: object;
}

/** Work that one folder handed to another. */
export interface OutboxRow {
  readonly id: string;
  readonly topic: string;
  readonly partnerId: number;
  readonly payload: unknown;
  /** Failures so far. */
  readonly attempts: number;
}

/** Hands work to whoever took the topic, if and only if the transaction commits. */
export async function appendOutbox(client: SqlClient, row: NewOutboxRow): Promise<void> {
  await client.query(
    `WITH appended AS (
       INSERT INTO outbox (topic, partner_id, payload) VALUES ($1, $2, $3::jsonb))
     SELECT pg_notify($4, '')`,
    [row.topic, row.partnerId, JSON.stringify(row.payload), OUTBOX_CHANNEL],
  );
}

interface OutboxRecord {
  id: string;
  topic: string;
  partner_id: number;
  payload: unknown;
  attempts: number;
}

/** Locks the oldest row of the topics that is due and that nobody else works on. */
export async function claimOutbox(
  tx: SqlClient,
  topics: readonly string[],
): Promise<OutboxRow | null> {
  const row = rowsOf<OutboxRecord>(
    await tx.query(
      `SELECT id, topic, partner_id, payload, attempts FROM outbox
       WHERE topic = ANY ($1::text[]) AND done_at IS NULL AND not_before <= now()
       ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`,
      [[...topics]],
    ),
  )[0];
  if (row === undefined) return null;
  const { id, topic, payload, attempts } = row;
  return { id, topic, partnerId: row.partner_id, payload, attempts };
}

/** Marks a row as done, in the transaction that did it. */
export async function finishOutbox(tx: SqlClient, id: string): Promise<void> {
  await tx.query('UPDATE outbox SET done_at = clock_timestamp() WHERE id = $1', [id]);
}

/** Counts a failure and lets the row wait. */
export async function postponeOutbox(
  tx: SqlClient,
  id: string,
  failure: { readonly reason: string; readonly delayMs: number },
): Promise<void> {
  await tx.query(
    `UPDATE outbox SET attempts = attempts + 1, last_error = $2,
       not_before = clock_timestamp() + $3 * interval '1 millisecond'
     WHERE id = $1 AND done_at IS NULL`,
    [id, failure.reason, failure.delayMs],
  );
}

/** How many rows of the topics are not done yet. */
export async function openOutbox(tx: SqlClient, topics: readonly string[]): Promise<number> {
  const rows = rowsOf<{ open: string }>(
    await tx.query(
      `SELECT count(*) AS open FROM outbox WHERE topic = ANY ($1::text[]) AND done_at IS NULL`,
      [[...topics]],
    ),
  );
  return Number(rows[0]?.open ?? 0);
}
