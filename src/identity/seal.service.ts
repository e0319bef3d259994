import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { invariant } from '../kernel/index.js';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts a secret for the database with AES-256-GCM. `owner` names the row: a sealed secret
 * that was copied to another row does not open there.
 */
export function seal(key: Uint8Array, secret: string, owner: string): Buffer {
  invariant(key.length === 32, 'the sealing key has 32 bytes');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(owner, 'utf8'));
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), text]);
}

/** Opens what {@link seal} made for this owner; throws when it was changed or is another's. */
export function unseal(key: Uint8Array, sealed: Uint8Array, owner: string): string {
  const bytes = Buffer.from(sealed);
  invariant(bytes[0] === VERSION, 'a sealed secret has a known version');
  const body = 1 + NONCE_BYTES;
  const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, body), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(Buffer.from(owner, 'utf8'));
  cipher.setAuthTag(bytes.subarray(body, body + TAG_BYTES));
  const text = bytes.subarray(body + TAG_BYTES);
  return Buffer.concat([cipher.update(text), cipher.final()]).toString('utf8');
}
