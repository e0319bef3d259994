import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import {
  type KeyRing,
  SESSION_SECONDS,
  signingKey,
  type TokenKey,
  verifyingKey,
} from './key-ring.js';

const shape = /^kr1\.([a-z0-9]{4,32})\.([1-9]\d{0,9})\.([0-9a-f-]{36})\.(\d{1,9})\.([\w-]{43})$/;

/** Which generation of which session a refresh token stands for. */
export interface RefreshClaims {
  readonly partnerId: number;
  readonly sessionId: string;
  readonly generation: number;
}

/**
 * The refresh token of one generation of a session, signed with the key of the moment at which
 * that generation began. So it is the same whenever it is made, and a client whose answer got
 * lost can be given it again; the database holds no part of it.
 */
export function signRefreshToken(ring: KeyRing, claims: RefreshClaims, began: Date): string {
  return signedWith(signingKey(ring, began), claims);
}

/** The claims of a token made by {@link signRefreshToken} with a key of this ring, else null. */
export function verifyRefreshToken(ring: KeyRing, token: string, now: Date): RefreshClaims | null {
  const parts = token.length <= 256 ? shape.exec(token) : null;
  const key = parts && verifyingKey(ring, String(parts[1]), SESSION_SECONDS, now);
  if (!key) return null;
  const claims = {
    partnerId: Number(parts[2]),
    sessionId: String(parts[3]),
    generation: Number(parts[4]),
  };
  const expected = Buffer.from(signedWith(key, claims));
  const given = Buffer.from(token);
  return given.length === expected.length && timingSafeEqual(given, expected) ? claims : null;
}

function signedWith(key: TokenKey, claims: RefreshClaims): string {
  const text = `kr1.${key.id}.${claims.partnerId}.${claims.sessionId}.${claims.generation}`;
  const mac = createHmac('sha256', derivedKey(key));
  return `${text}.${mac.update(text).digest('base64url')}`;
}

// Separate from the key that it is derived from, so that the one kind of token is never the other.
function derivedKey({ secret }: TokenKey): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'kontor refresh token', 32));
}
