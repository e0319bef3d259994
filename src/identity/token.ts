import jwt from 'jsonwebtoken';
import { type KeyRing, signingKey, type TokenKey, verifyingKey } from './key-ring.js';

const ISSUER = 'kontor';
const AUDIENCE = 'kontor-api';
const ALGORITHM = 'HS256';
const HEADER_FIELDS = ['alg', 'kid', 'typ'];

/** A purpose of tokens; one made for the one purpose is refused for every other. */
export interface TokenKind {
  /** Stands in the header as `typ`. */
  readonly type: string;
  /** How long such a token lives. */
  readonly seconds: number;
}

/** What a token says, besides what is the same for all. */
export type TokenClaims = Readonly<Record<string, string | number>> & {
  /** The user: its row number. */
  readonly sub: string;
};

/** The claims of a token that was verified, with its end. */
export interface VerifiedToken {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly userId: number;
  readonly expiresAt: Date;
}

/** Signs a token of a kind with the key of this moment. */
export function signToken(ring: KeyRing, kind: TokenKind, claims: TokenClaims, now: Date): string {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const key = signingKey(ring, now);
  const payload = {
    ...claims,
    iss: ISSUER,
    aud: AUDIENCE,
    iat: issuedAt,
    exp: issuedAt + kind.seconds,
  };
  return jwt.sign(payload, secretOf(key), {
    algorithm: ALGORITHM,
    header: { alg: ALGORITHM, typ: kind.type, kid: key.id },
  });
}

/**
 * The claims of a token that this system signed for this purpose and that has not ended, else
 * null. The library alone accepts other algorithms, no end, any audience and unknown critical
 * headers, so everything is demanded here.
 */
export function verifyToken(
  ring: KeyRing,
  kind: TokenKind,
  token: string,
  now: Date,
): VerifiedToken | null {
  const keyId = token.length <= 2_048 ? keyIdOf(token, kind) : null;
  const key = keyId === null ? null : verifyingKey(ring, keyId, kind.seconds, now);
  if (key === null) return null;
  let payload: jwt.JwtPayload | string;
  try {
    payload = jwt.verify(token, secretOf(key), {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTimestamp: Math.floor(now.getTime() / 1000),
    });
  } catch {
    return null;
  }
  return typeof payload === 'string' ? null : checked(payload, kind, now);
}

function secretOf({ handle, secret }: TokenKey): jwt.Secret {
  return handle ?? Buffer.from(secret);
}

/** The key that a header of this kind names, and null for a header that is not exactly ours. */
function keyIdOf(token: string, kind: TokenKind): string | null {
  const encoded = /^([\w-]+)\.[\w-]+\.[\w-]+$/.exec(token)?.[1];
  if (encoded === undefined) return null;
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
  if (typeof header !== 'object' || header === null) return null;
  const { alg, typ, kid } = header as Record<string, unknown>;
  const ours = Object.keys(header).sort().join() === HEADER_FIELDS.join();
  if (!ours || alg !== ALGORITHM || typ !== kind.type) return null;
  return typeof kid === 'string' ? kid : null;
}

function checked(payload: jwt.JwtPayload, kind: TokenKind, now: Date): VerifiedToken | null {
  // What a payload says has no type yet, whatever the library's declarations promise.
  const { sub, iat, exp, aud } = payload as Readonly<Record<string, unknown>>;
  const whole = Number.isSafeInteger(iat) && Number.isSafeInteger(exp);
  if (!whole || aud !== AUDIENCE) return null;
  if (typeof sub !== 'string' || !/^[1-9]\d{0,9}$/.test(sub)) return null;
  const [begin, end] = [iat as number, exp as number];
  if (end <= now.getTime() / 1000 || end - begin > kind.seconds) return null;
  return { claims: payload, userId: Number(sub), expiresAt: new Date(end * 1000) };
}
