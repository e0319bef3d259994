import jwt from 'jsonwebtoken';
import { invariant } from '../kernel/index.js';

const ISSUER = 'kontor';
const AUDIENCE = 'kontor-api';
const TYPE = 'at+jwt';
const ALGORITHM = 'HS256';
const MIN_KEY_BYTES = 32;
const HEADER_FIELDS = new Set(['alg', 'typ']);

export const ACCESS_TOKEN_SECONDS = 15 * 60;

/** Whose session a bearer speaks for. Nothing in it is believed without asking the database. */
export interface AccessClaims {
  readonly userId: number;
  readonly partnerId: number;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

/**
 * Signs an access token that ends {@link ACCESS_TOKEN_SECONDS} after `now`. The key has at least
 * 32 bytes.
 */
export function signAccessToken(
  key: Uint8Array,
  claims: Omit<AccessClaims, 'expiresAt'>,
  now: Date,
): string {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const payload = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: String(claims.userId),
    pid: claims.partnerId,
    sid: claims.sessionId,
    iat: issuedAt,
    exp: issuedAt + ACCESS_TOKEN_SECONDS,
  };
  return jwt.sign(payload, strong(key), {
    algorithm: ALGORITHM,
    header: { alg: ALGORITHM, typ: TYPE },
  });
}

/**
 * The claims of a token that this system signed as an access token and that has not ended, else
 * null. The library alone accepts other algorithms, no end, any audience and unknown critical
 * headers, so everything is demanded here.
 */
export function verifyAccessToken(key: Uint8Array, token: string, now: Date): AccessClaims | null {
  const secret = strong(key);
  if (token.length > 2_048) return null;
  let decoded: jwt.Jwt;
  try {
    decoded = jwt.verify(token, secret, {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTimestamp: Math.floor(now.getTime() / 1000),
      complete: true,
    });
  } catch {
    return null;
  }
  const { header, payload } = decoded;
  const foreign = Object.keys(header).some((field) => !HEADER_FIELDS.has(field));
  if (header.typ !== TYPE || foreign || typeof payload === 'string') return null;
  return claimsOf(payload, now);
}

function claimsOf(payload: jwt.JwtPayload, now: Date): AccessClaims | null {
  const { sub = '', pid, sid, iat, exp, aud } = payload;
  const nowSeconds = now.getTime() / 1000;
  const whole = [pid, iat, exp].every((value) => Number.isSafeInteger(value));
  if (!whole || aud !== AUDIENCE || typeof sid !== 'string' || !/^[1-9]\d{0,9}$/.test(sub)) {
    return null;
  }
  const [begin, end] = [iat as number, exp as number];
  if (end <= nowSeconds || end - begin > ACCESS_TOKEN_SECONDS) return null;
  return {
    userId: Number(sub),
    partnerId: pid as number,
    sessionId: sid,
    expiresAt: new Date(end * 1000),
  };
}

function strong(key: Uint8Array): Buffer {
  invariant(key.length >= MIN_KEY_BYTES, 'the signing key has at least 32 bytes');
  return Buffer.from(key);
}
