import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

const shape = /^kr1\.([1-9]\d{0,9})\.([0-9a-f-]{36})\.(\d{1,9})\.([\w-]{43})$/;

/** Which generation of which session a refresh token stands for. */
export interface RefreshClaims {
  readonly partnerId: number;
  readonly sessionId: string;
  readonly generation: number;
}

/** The key of refresh tokens, separate from the one it is derived from. */
export function refreshKey(key: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', 'kontor refresh token', 32));
}

/**
 * The refresh token of one generation of a session. It is the same whenever it is made, so a
 * client whose answer got lost can be given it again; the database holds no part of it.
 */
export function signRefreshToken(key: Uint8Array, claims: RefreshClaims): string {
  const text = `kr1.${claims.partnerId}.${claims.sessionId}.${claims.generation}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** The claims of a token made by {@link signRefreshToken} with this key, else null. */
export function verifyRefreshToken(key: Uint8Array, token: string): RefreshClaims | null {
  const parts = token.length <= 256 ? shape.exec(token) : null;
  if (parts === null) return null;
  const claims = {
    partnerId: Number(parts[1]),
    sessionId: String(parts[2]),
    generation: Number(parts[3]),
  };
  const expected = Buffer.from(signRefreshToken(key, claims));
  const given = Buffer.from(token);
  return given.length === expected.length && timingSafeEqual(given, expected) ? claims : null;
}
