import type { KeyRing } from './key-ring.js';
import { signToken, type TokenKind, verifyToken } from './token.js';

const ACCESS: TokenKind = { type: 'at+jwt', seconds: 15 * 60 };
const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const ACCESS_TOKEN_SECONDS = ACCESS.seconds;

/** Whose session a bearer speaks for. Nothing in it is believed without asking the database. */
export interface AccessClaims {
  readonly userId: number;
  /** The partner that the user belongs to. */
  readonly partnerId: number;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

/** Signs an access token that ends {@link ACCESS_TOKEN_SECONDS} after `now`. */
export function signAccessToken(
  ring: KeyRing,
  claims: Omit<AccessClaims, 'expiresAt'>,
  now: Date,
): string {
  const { userId, partnerId, sessionId } = claims;
  return signToken(ring, ACCESS, { sub: String(userId), pid: partnerId, sid: sessionId }, now);
}

/** The claims of a token that this system signed as an access token and that lives, else null. */
export function verifyAccessToken(ring: KeyRing, token: string, now: Date): AccessClaims | null {
  const verified = verifyToken(ring, ACCESS, token, now);
  if (verified === null) return null;
  const { userId, expiresAt } = verified;
  const { pid, sid } = verified.claims;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null;
  if (typeof sid !== 'string' || !SESSION_ID.test(sid)) return null;
  return { userId, partnerId: pid, sessionId: sid, expiresAt };
}
