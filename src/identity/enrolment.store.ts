import { randomUUID } from 'node:crypto';
import type { Tx } from '../platform/index.js';
import type { Who } from './attempt.service.js';

/** A secret that waits for its first code. */
export interface PendingEnrolment {
  readonly id: string;
  readonly sealedSecret: Buffer;
  /** Whether it takes the place of an enrolled one. */
  readonly replaces: boolean;
}

/** Keeps a secret until it is confirmed; one from before is forgotten. Answers its id. */
export async function putEnrolment(
  tx: Tx,
  who: Who,
  enrolment: Omit<PendingEnrolment, 'id'>,
  expiresAt: Date,
): Promise<string> {
  const id = randomUUID();
  await tx.query(
    `INSERT INTO totp_enrolment (user_id, partner_id, id, secret_encrypted, replaces, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, replaces = excluded.replaces,
       secret_encrypted = excluded.secret_encrypted, expires_at = excluded.expires_at`,
    [who.userId, who.partnerId, id, enrolment.sealedSecret, enrolment.replaces, expiresAt],
  );
  return id;
}

/** The enrolment of a user that waits under this id, locked; null when there is none any more. */
export async function lockEnrolment(
  tx: Tx,
  userId: number,
  id: string,
  now: Date,
): Promise<PendingEnrolment | null> {
  const rows: { secret_encrypted: Buffer; replaces: boolean }[] = await tx.query(
    `SELECT secret_encrypted, replaces FROM totp_enrolment
     WHERE user_id = $1 AND id = $2 AND expires_at > $3 FOR UPDATE`,
    [userId, id, now],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { id, sealedSecret: row.secret_encrypted, replaces: row.replaces };
}

/**
 * Makes a confirmed secret the user's own; the code that confirmed it is used up. False when he
 * is not active, or has one although this is not to replace it.
 */
export async function enrolTotp(
  tx: Tx,
  userId: number,
  enrolment: PendingEnrolment,
  step: number,
  now: Date,
): Promise<boolean> {
  await dropEnrolment(tx, userId);
  const [, enrolled]: [unknown[], number] = await tx.query(
    `UPDATE app_user SET totp_secret_encrypted = $2, totp_last_step = $3, totp_enrolled_at = $4
     WHERE id = $1 AND status = 'ACTIVE' AND (totp_secret_encrypted IS NOT NULL) = $5`,
    [userId, enrolment.sealedSecret, step, now, enrolment.replaces],
  );
  return enrolled === 1;
}

/** Forgets a secret that was not confirmed. */
export async function dropEnrolment(tx: Tx, userId: number): Promise<void> {
  await tx.query('DELETE FROM totp_enrolment WHERE user_id = $1', [userId]);
}
