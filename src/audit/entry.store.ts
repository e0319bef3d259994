import { invariant } from '../kernel/index.js';
import { rowsOf, type SqlClient } from '../platform/index.js';
import type { Actor, Changes, Further } from './act.js';
import { readNotes } from './entry-body.js';

/** From here to its end the transaction notes which rows it changes. */
export async function beginNotes(tx: SqlClient): Promise<void> {
  await tx.query(`SELECT set_config('kontor.audit', 'on', true)`);
}

/** What has been noted in this transaction. */
export async function takeNotes(tx: SqlClient): Promise<Changes> {
  const rows = rowsOf<{ lines: string | null; further: Further[] | null }>(
    await tx.query('SELECT lines, further FROM audit_notes()'),
  );
  const [noted] = rows;
  invariant(noted !== undefined, 'notes are one row');
  return { rows: readNotes(noted.lines ?? ''), further: noted.further ?? [] };
}

/**
 * Puts an entry at the end of the chain. The end is locked until the transaction is over, so
 * nothing but its COMMIT may follow. Answers the entry's place.
 */
export async function appendEntry(
  tx: SqlClient,
  actor: Actor,
  operation: string,
  body: string,
  subjects: readonly string[],
): Promise<string> {
  const { partnerId, homePartnerId, userId, apiKeyId, sessionId } = actor;
  const rows = rowsOf<{ seq: string }>(
    await tx.query(
      'SELECT append_audit_entry($1, $2, $3, $4, $5, $6, $7, $8::text[])::text AS seq',
      [partnerId, homePartnerId, userId, apiKeyId, sessionId, operation, body, [...subjects]],
    ),
  );
  const [row] = rows;
  invariant(row !== undefined, 'an appended entry has its place');
  return row.seq;
}

/** Whose session it is; null when there is none to see. */
export async function userOfSession(tx: SqlClient, sessionId: string): Promise<number | null> {
  const rows = rowsOf<{ user_id: number }>(
    await tx.query('SELECT user_id FROM session WHERE id = $1', [sessionId]),
  );
  return rows[0]?.user_id ?? null;
}
