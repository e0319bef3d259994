import type jwt from 'jsonwebtoken';
import { DomainError } from '../kernel/index.js';

const MIN_KEY_BYTES = 32;
const KEY_ID = /^[a-z0-9]{4,32}$/;

/** How long a session lives; no token outlives it. */
export const SESSION_SECONDS = 7 * 86_400;

/** One key that signs tokens, or once did. */
export interface TokenKey {
  /** Names the key in the header of tokens: 4 to 32 small letters and digits. */
  readonly id: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
  /**
   * The secret as the library of tokens has it at once. Of bytes it first tries whether they are
   * a public key, which takes ten times as long as the rest.
   */
  readonly handle?: jwt.Secret;
  /** From when on it signs; others have read it by then. */
  readonly activeFrom: Date;
  /** When its successor began to sign; null while it has none. */
  readonly retiredAt: Date | null;
}

/** The keys of this moment, the one that came last first. */
export type KeyRing = readonly TokenKey[];

/**
 * A ring of keys, checked once when it is read. Refuses with INVALID_CONFIGURATION a ring without
 * keys, a key of fewer than 32 bytes, a key id of another shape, and two keys of one id.
 */
export function keyRing(keys: readonly TokenKey[]): KeyRing {
  const ids = new Set(keys.map(({ id }) => id));
  const sound = keys.every(({ id, secret }) => KEY_ID.test(id) && secret.length >= MIN_KEY_BYTES);
  if (keys.length > 0 && ids.size === keys.length && sound) {
    return [...keys].sort((a, b) => b.activeFrom.getTime() - a.activeFrom.getTime());
  }
  throw new DomainError(
    'INVALID_CONFIGURATION',
    'The keys of tokens are damaged: each has an id of its own and at least 32 bytes.',
  );
}

/** The key that signs at a moment. */
export function signingKey(ring: KeyRing, at: Date): TokenKey {
  const key = ring.find(({ activeFrom }) => activeFrom <= at) ?? ring.at(-1);
  if (key === undefined) throw new DomainError('INVALID_CONFIGURATION', 'There is no key.');
  return key;
}

/**
 * The key of an id, as long as tokens that it signed may live: `seconds` after the moment in
 * which it signed the last one. Null for every other id.
 */
export function verifyingKey(
  ring: KeyRing,
  id: string,
  seconds: number,
  now: Date,
): TokenKey | null {
  const key = ring.find((one) => one.id === id);
  if (key === undefined) return null;
  const { retiredAt } = key;
  const over = retiredAt !== null && now.getTime() >= retiredAt.getTime() + seconds * 1000;
  return over ? null : key;
}
