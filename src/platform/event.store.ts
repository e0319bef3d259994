import type { SqlClient } from './sql-client.js';

/** Channel on which a process learns that events were appended or got their position. */
export const EVENT_CHANNEL = 'kontor_event';

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
