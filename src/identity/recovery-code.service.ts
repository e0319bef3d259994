import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Tx } from '../platform/index.js';

/** Letters and digits that are not mistaken for one another (Crockford's base 32). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 24 characters of five bits: 120 bits. */
const CHARACTERS = 24;
const GROUP = 4;

/** How many codes a user gets at a time. */
const RECOVERY_CODES = 10;

/** New recovery codes, as they are shown: `K7QP-3M2X-…`, 120 random bits each. */
export function drawRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    const letters = [...randomBytes(CHARACTERS)].map((byte) => ALPHABET[byte % ALPHABET.length]);
    const groups = Array.from({ length: CHARACTERS / GROUP }, (_, at) =>
      letters.slice(at * GROUP, (at + 1) * GROUP).join(''),
    );
    return groups.join('-');
  });
}

/** Gives a user these codes in place of all that he had. */
export async function replaceRecoveryCodes(
  tx: Tx,
  key: Uint8Array,
  user: { readonly id: number; readonly partnerId: number },
  codes: readonly string[],
  now: Date,
): Promise<void> {
  await dropRecoveryCodes(tx, user.id);
  await tx.query(
    `INSERT INTO recovery_code (user_id, partner_id, code_hash, created_at)
     SELECT $1, $2, unnest($3::bytea[]), $4`,
    [user.id, user.partnerId, codes.map((code) => hashOf(key, user.id, code)), now],
  );
}

/** Takes all codes of a user. */
export async function dropRecoveryCodes(tx: Tx, userId: number): Promise<void> {
  await tx.query('DELETE FROM recovery_code WHERE user_id = $1', [userId]);
}

/** Uses up a recovery code: of many who try the same one at a time, one succeeds. */
export async function takeRecoveryCode(
  tx: Tx,
  key: Uint8Array,
  userId: number,
  code: string,
  now: Date,
): Promise<boolean> {
  const [, taken]: [unknown[], number] = await tx.query(
    `UPDATE recovery_code SET used_at = $3
     WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL`,
    [userId, hashOf(key, userId, code), now],
  );
  return taken === 1;
}

/** How many codes of a user are left. */
export async function recoveryCodesLeft(tx: Tx, userId: number): Promise<number> {
  const rows: { left: number }[] = await tx.query(
    `SELECT count(*)::int AS left FROM recovery_code WHERE user_id = $1 AND used_at IS NULL`,
    [userId],
  );
  return rows[0]?.left ?? 0;
}

// A fast hash will do for 120 random bits; with a key, because a dump of the database has none.
function hashOf(key: Uint8Array, userId: number, code: string): Buffer {
  const derived = Buffer.from(hkdfSync('sha256', key, '', 'kontor recovery code', 32));
  return createHmac('sha256', derived)
    .update(`${userId} ${plain(code)}`)
    .digest();
}

function plain(code: string): string {
  return code
    .slice(0, 64)
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
}
