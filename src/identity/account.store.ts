import type { Tx } from '../platform/index.js';
import { LEAST_ALONE, LEAST_WITH_TOTP, type PasswordRules } from './password-policy.js';

/** The name of the system, which passwords are not made of. */
const SERVICE = 'kontor';

/** What the check of a sign-in needs to know of an active user. */
export interface Account {
  readonly id: number;
  readonly partnerId: number;
  /** Null for who was invited and has not chosen one yet. */
  readonly passwordHash: string | null;
  readonly sealedTotpSecret: Buffer | null;
  /** Devices that were known before are not known any more. */
  readonly devicesFrom: Date;
}

interface AccountRow {
  readonly id: number;
  readonly partner_id: number;
  readonly password_hash: string | null;
  readonly totp_secret_encrypted: Buffer | null;
  readonly devices_from: Date | number;
}

/** The active user who signs in with this address, whatever partner the transaction sees. */
export async function accountOf(tx: Tx, email: string): Promise<Account | null> {
  // Nobody has an address that the database cannot hold.
  if (email.includes('\0')) return null;
  const rows: AccountRow[] = await tx.query('SELECT * FROM find_sign_in($1)', [email]);
  const row = rows[0];
  if (row === undefined) return null;
  // The driver reads an infinite instant as a number.
  const { devices_from: from } = row;
  return {
    id: row.id,
    partnerId: row.partner_id,
    passwordHash: row.password_hash,
    sealedTotpSecret: row.totp_secret_encrypted,
    devicesFrom: from instanceof Date ? from : new Date(0),
  };
}

/** What is demanded of a user, and what his password may not be made of. */
export interface Demands {
  /** Whether he must give a one-time password: a role demands it. */
  readonly totp: boolean;
  readonly password: PasswordRules;
}

/** What is demanded of a user of the partners in view; null when there is no such active user. */
export async function demandsOn(tx: Tx, userId: number): Promise<Demands | null> {
  const rows: { totp: boolean; enrolled: boolean; words: string[] }[] = await tx.query(
    `SELECT ARRAY[u.email, u.display_name, p.name] AS words,
       u.totp_enrolled_at IS NOT NULL AS enrolled,
       EXISTS (SELECT 1 FROM app_user_role ur JOIN role r ON r.id = ur.role_id
         WHERE ur.user_id = u.id AND r.requires_totp) AS totp
     FROM app_user u JOIN partner p ON p.id = u.partner_id
     WHERE u.id = $1 AND u.status = 'ACTIVE'`,
    [userId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { totp, enrolled, words } = row;
  return { totp, password: passwordRules(totp || enrolled, words) };
}

/** The rules of a password that stands alone or beside one-time passwords. */
export function passwordRules(withTotp: boolean, words: readonly string[]): PasswordRules {
  return { least: withTotp ? LEAST_WITH_TOTP : LEAST_ALONE, words: [...words, SERVICE] };
}

/**
 * Locks an account; false when it is not active, or has another password or authenticator by now.
 */
export async function lockAccount(
  tx: Tx,
  { id, passwordHash, sealedTotpSecret }: Account,
): Promise<boolean> {
  const rows: unknown[] = await tx.query(
    `SELECT 1 FROM app_user WHERE id = $1 AND status = 'ACTIVE'
       AND password_hash IS NOT DISTINCT FROM $2
       AND totp_secret_encrypted IS NOT DISTINCT FROM $3 FOR UPDATE`,
    [id, passwordHash, sealedTotpSecret],
  );
  return rows.length === 1;
}
