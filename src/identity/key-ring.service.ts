import { createSecretKey, randomBytes } from 'node:crypto';
import { DomainError } from '../kernel/index.js';
import {
  ensureSecretText,
  lock,
  replaceSecretText,
  secretPath,
  secretVersion,
} from '../platform/index.js';
import { type KeyRing, keyRing, SESSION_SECONDS, type TokenKey } from './key-ring.js';

const FILE = 'token-keys.json';
const SECRET_BYTES = 32;
const LOOK_AGAIN_MS = 5_000;
/** Every process reads the file more often than this, so all know a key before it signs. */
const ANNOUNCED_SECONDS = 15;

/** A key as the configuration names it. */
export interface ConfiguredKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** A key as the file keeps it. */
interface KeptKey {
  readonly id: string;
  /** In base64. */
  readonly secret: string;
  readonly activeFrom: string;
}

/** Answers the keys of tokens as they are at the moment. */
export type KeySource = () => KeyRing;

/**
 * Keys that the configuration lists: the first signs, and all of them are believed as long as
 * they are listed.
 */
export function configuredKeys(keys: readonly ConfiguredKey[]): KeySource {
  const begin = new Date(0);
  const ring = handled(keys.map((key) => ({ ...key, activeFrom: begin, retiredAt: null })));
  return () => ring;
}

/**
 * Keys kept in the data directory, made on first use. A rotation by {@link rotateKeys} is noticed
 * within five seconds, by every process that shares the directory.
 */
export function keptKeys(dataDir: string): KeySource {
  let version: string | undefined;
  let ring = ringOf(ensureSecretText(dataDir, FILE, () => textOf([newKey(new Date(0))])));
  let looked = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() < looked + LOOK_AGAIN_MS) return ring;
    looked = performance.now();
    const present = secretVersion(dataDir, FILE);
    if (present === version) return ring;
    version = present;
    ring = ringOf(ensureSecretText(dataDir, FILE, () => textOf([newKey(new Date(0))])));
    return ring;
  };
}

/**
 * Adds a key to those in the data directory, which signs after {@link ANNOUNCED_SECONDS}; the one
 * before it is believed until the last token that it signed has ended, and then forgotten. Nobody
 * is signed out. Answers the id of the new key and from when on it signs.
 */
export async function rotateKeys(
  dataDir: string,
  now: Date,
): Promise<Pick<TokenKey, 'id' | 'activeFrom'>> {
  ensureSecretText(dataDir, FILE, () => textOf([newKey(new Date(0))]));
  const held = await lock(`${secretPath(dataDir, FILE)}.lock`, 10_000);
  try {
    const ring = ringOf(ensureSecretText(dataDir, FILE, () => ''));
    const forgotten = now.getTime() - SESSION_SECONDS * 1000;
    const kept = ring.filter(({ retiredAt }) => (retiredAt?.getTime() ?? Infinity) > forgotten);
    const added = newKey(new Date(now.getTime() + ANNOUNCED_SECONDS * 1000));
    replaceSecretText(dataDir, FILE, textOf([added, ...kept]));
    return { id: added.id, activeFrom: added.activeFrom };
  } finally {
    held.release();
  }
}

function newKey(activeFrom: Date): TokenKey {
  const id = randomBytes(6).toString('hex');
  return { id, secret: randomBytes(SECRET_BYTES), activeFrom, retiredAt: null };
}

function textOf(keys: readonly TokenKey[]): string {
  const kept = keys.map(({ id, secret, activeFrom }): KeptKey => {
    return {
      id,
      secret: Buffer.from(secret).toString('base64'),
      activeFrom: activeFrom.toISOString(),
    };
  });
  return `${JSON.stringify(kept, null, 2)}\n`;
}

function handled(keys: readonly TokenKey[]): KeyRing {
  return keyRing(keys).map((key) => ({ ...key, handle: createSecretKey(key.secret) }));
}

function ringOf(text: string): KeyRing {
  let kept: KeptKey[];
  try {
    kept = JSON.parse(text) as KeptKey[];
  } catch {
    throw new DomainError('INVALID_CONFIGURATION', `The file ${FILE} is damaged; restore it.`);
  }
  const keys = kept
    .map(({ id, secret, activeFrom }) => {
      return {
        id,
        secret: Uint8Array.from(Buffer.from(secret, 'base64')),
        activeFrom: new Date(activeFrom),
      };
    })
    .sort((a, b) => b.activeFrom.getTime() - a.activeFrom.getTime());
  return handled(
    keys.map((key, place) => ({ ...key, retiredAt: keys[place - 1]?.activeFrom ?? null })),
  );
}
