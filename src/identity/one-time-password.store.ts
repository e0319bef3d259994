import type { Tx } from '../platform/index.js';

/**
 * Uses up the one-time password of a step, with all before it. Of many requests with the same
 * code exactly one moves the last step forward.
 */
export async function takeStep(tx: Tx, userId: number, step: number): Promise<boolean> {
  const [, taken]: [unknown[], number] = await tx.query(
    `UPDATE app_user SET totp_last_step = $2
     WHERE id = $1 AND totp_last_step < $2 AND status = 'ACTIVE'`,
    [userId, step],
  );
  return taken === 1;
}

/** The sealed TOTP secret of an active user, or null. */
export async function sealedTotpSecret(tx: Tx, userId: number): Promise<Buffer | null> {
  const rows: { totp_secret_encrypted: Buffer | null }[] = await tx.query(
    `SELECT totp_secret_encrypted FROM app_user WHERE id = $1 AND status = 'ACTIVE'`,
    [userId],
  );
  return rows[0]?.totp_secret_encrypted ?? null;
}
