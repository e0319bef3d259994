import { createHash } from 'node:crypto';
import type { Tx } from '../platform/index.js';

const shape = /^kp1\.([1-9]\d{0,9})\.[\w-]{43}$/;

/** The partner whose user a reset token was made for; null for what is no such token. */
export function partnerOfToken(token: string): number | null {
  const partnerId = Number(shape.exec(token.trim().slice(0, 128))?.[1]);
  // Rows are counted by 32 bits.
  return partnerId <= 2_147_483_647 ? partnerId : null;
}

/** Keeps the hash of a token, and forgets those of the user that are used or over. */
export async function insertReset(
  tx: Tx,
  reset: {
    readonly userId: number;
    readonly partnerId: number;
    readonly token: string;
    readonly now: Date;
    readonly expiresAt: Date;
  },
): Promise<void> {
  const { userId, partnerId, token, now, expiresAt } = reset;
  await tx.query(
    `DELETE FROM password_reset WHERE user_id = $1 AND (used_at IS NOT NULL OR expires_at <= $2)`,
    [userId, now],
  );
  await tx.query(
    `INSERT INTO password_reset (token_hash, user_id, partner_id, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5)`,
    [hashOf(token), userId, partnerId, now, expiresAt],
  );
}

/** The active user behind a token that lives and was not used. */
export async function resetOf(tx: Tx, token: string, now: Date): Promise<number | null> {
  const rows: { user_id: number }[] = await tx.query(
    `SELECT r.user_id FROM password_reset r JOIN app_user u ON u.id = r.user_id
     WHERE r.token_hash = $1 AND r.used_at IS NULL AND r.expires_at > $2 AND u.status = 'ACTIVE'`,
    [hashOf(token), now],
  );
  return rows[0]?.user_id ?? null;
}

/**
 * Uses up a token, and with it all others of its user; of many who use it at a time one succeeds.
 */
export async function takeReset(tx: Tx, token: string, now: Date): Promise<boolean> {
  const [rows]: [{ user_id: number }[], number] = await tx.query(
    `UPDATE password_reset SET used_at = $2
     WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING user_id`,
    [hashOf(token), now],
  );
  const row = rows[0];
  if (row === undefined) return false;
  await voidResets(tx, row.user_id, now);
  return true;
}

/** Makes all tokens of a user useless. */
export async function voidResets(tx: Tx, userId: number, now: Date): Promise<void> {
  await tx.query('UPDATE password_reset SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL', [
    userId,
    now,
  ]);
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token.trim()).digest();
}
