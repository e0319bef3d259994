import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { invariant } from '../kernel/index.js';

// What stands before the 32 bytes of an Ed25519 key in PKCS #8 and in SubjectPublicKeyInfo.
const PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');

/** The key that signs the heads of the audit: Ed25519, from 32 secret bytes. */
export class HeadKey {
  readonly #key: KeyObject;
  /** Base64 of its 32 bytes; auditors keep it. */
  readonly publicKey: string;

  constructor(seed: Uint8Array) {
    invariant(seed.length === 32, 'the key of the audit has 32 bytes');
    const key = Buffer.concat([PRIVATE, seed]);
    this.#key = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' });
    this.publicKey = spki.subarray(PUBLIC.length).toString('base64');
  }

  /** The signature over a text, base64. */
  sign(text: string): string {
    return sign(null, Buffer.from(text, 'utf8'), this.#key).toString('base64');
  }
}

/** Whether a public key, base64 of 32 bytes, made the signature over the text. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const bytes = Buffer.from(publicKey, 'base64');
  if (bytes.length !== 32) return false;
  const key = createPublicKey({
    key: Buffer.concat([PUBLIC, bytes]),
    format: 'der',
    type: 'spki',
  });
  return verify(null, Buffer.from(text, 'utf8'), key, Buffer.from(signature, 'base64'));
}
