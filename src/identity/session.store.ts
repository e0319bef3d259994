import { randomUUID } from 'node:crypto';
import type { Tx } from '../platform/index.js';
import { SESSION_SECONDS } from './key-ring.js';

/** A client whose answer got lost may ask again for this long and gets the same answer. */
const GRACE_SECONDS = 10;

export interface SessionRow {
  readonly id: string;
  readonly userId: number;
  readonly partnerId: number;
  readonly generation: number;
  /** When this generation began. */
  readonly began: Date;
}

/** How a session came about. */
export interface Opening {
  /** Whether a second proof stood beside the password. */
  readonly secondFactor: boolean;
  readonly address: string;
  readonly userAgent: string;
}

/**
 * Opens a session of a user at its first generation. One without second factor lives only as
 * long as no role of the user demands one.
 */
export async function insertSession(
  tx: Tx,
  user: { readonly id: number; readonly partnerId: number },
  now: Date,
  { secondFactor, address, userAgent }: Opening,
): Promise<SessionRow> {
  const id = randomUUID();
  const ends = new Date(now.getTime() + SESSION_SECONDS * 1000);
  await tx.query(
    `INSERT INTO session (id, user_id, partner_id, created_at, expires_at, address, user_agent,
       second_factor)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, user.id, user.partnerId, now, ends, address, userAgent, secondFactor],
  );
  return { id, userId: user.id, partnerId: user.partnerId, generation: 1, began: now };
}

/**
 * Moves a living session of an active user from one generation to the next; of several that try
 * at once one succeeds. Null when the session is not at that generation, or not alive.
 */
export async function advanceSession(
  tx: Tx,
  id: string,
  generation: number,
  now: Date,
): Promise<SessionRow | null> {
  const [rows]: [{ user_id: number; partner_id: number }[], number] = await tx.query(
    `UPDATE session AS s SET generation = generation + 1, rotated_at = $3
     FROM app_user AS u
     WHERE s.id = $1 AND s.generation = $2 AND s.revoked_at IS NULL AND s.expires_at > $3
       AND u.id = s.user_id AND u.status = 'ACTIVE'
     RETURNING s.user_id, s.partner_id`,
    [id, generation, now],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { user_id: userId, partner_id: partnerId } = row;
  return { id, userId, partnerId, generation: generation + 1, began: now };
}

/**
 * The successor of a generation that was left moments ago: a lost answer, not a stolen token.
 * Null for older generations and dead sessions.
 */
export async function recentSuccessor(
  tx: Tx,
  id: string,
  generation: number,
  now: Date,
): Promise<SessionRow | null> {
  const rows: { user_id: number; partner_id: number; rotated_at: Date }[] = await tx.query(
    `SELECT s.user_id, s.partner_id, s.rotated_at
     FROM session AS s JOIN app_user AS u ON u.id = s.user_id
     WHERE s.id = $1 AND s.generation = $2 AND s.rotated_at > $3 AND s.revoked_at IS NULL
       AND s.expires_at > $4 AND u.status = 'ACTIVE'`,
    [id, generation + 1, new Date(now.getTime() - GRACE_SECONDS * 1000), now],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { user_id: userId, partner_id: partnerId, rotated_at: began } = row;
  return { id, userId, partnerId, generation: generation + 1, began };
}

/** Whether a session lives at this moment. */
export async function isLiving(tx: Tx, id: string, now: Date): Promise<boolean> {
  const rows: unknown[] = await tx.query(
    'SELECT 1 FROM session WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2',
    [id, now],
  );
  return rows.length === 1;
}

/** Ends a session; nothing happens to one that has ended. */
export async function revokeSession(tx: Tx, id: string, now: Date): Promise<void> {
  await tx.query('UPDATE session SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL', [
    id,
    now,
  ]);
}

/** Ends all sessions of a user, or all but one. */
export async function revokeSessionsOf(
  tx: Tx,
  userId: number,
  now: Date,
  exceptId: string | null = null,
): Promise<void> {
  await tx.query(
    `UPDATE session SET revoked_at = $2
     WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $3`,
    [userId, now, exceptId],
  );
}

/** Ends the sessions of everybody. */
export async function endAllSessions(tx: Tx, now: Date): Promise<void> {
  await tx.query('UPDATE session SET revoked_at = $1 WHERE revoked_at IS NULL', [now]);
}
