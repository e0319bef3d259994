import { canonicalJson } from '../kernel/index.js';
import { TRAIL_DIGITS, type TrustedHead } from './chain.js';

/** What is signed of the end of a chain; `trail` is the hash of the trail's text. */
export interface HeadText {
  readonly version: 1;
  readonly seq: number;
  readonly hash: string;
  readonly since: number;
  readonly trail: string;
  readonly at: string;
}

/** A head as it is exported: canonical JSON, and who vouches for it. */
export interface SignedHead {
  readonly head: string;
  /** Ed25519 over the text of the head, base64. */
  readonly signature: string;
  /** The 32 bytes of the key that signed, base64. */
  readonly publicKey: string;
  /** First bytes of the hashes of the entries since the head before; null when left out. */
  readonly trail: string | null;
}

/** The text of a head. */
export function headText(head: HeadText): string {
  return canonicalJson(head);
}

/**
 * What a signed head vouches for, or null when its text is not one of ours. Whether the signature
 * is good is for the caller to know; a trail that the head does not speak of counts for nothing.
 */
export function readHead(signed: SignedHead, trailHash: string | null): TrustedHead | null {
  const head = parse(signed.head);
  if (head === null) return null;
  const { seq, hash, since } = head;
  const { trail } = signed;
  const fits = trail !== null && trailHash === head.trail;
  return { seq, hash, since, trail: fits && isWhole(trail, seq - since) ? trail : null };
}

function isWhole(trail: string, entries: number): boolean {
  return trail.length === entries * TRAIL_DIGITS;
}

function parse(text: string): HeadText | null {
  try {
    const head = JSON.parse(text) as HeadText;
    const { version, seq, since, hash, trail } = head;
    const whole = [seq, since].every((place) => Number.isSafeInteger(place) && place >= 0);
    const hashes = [hash, trail].every((each) => /^[0-9a-f]{64}$/.test(each));
    return version === 1 && whole && since < seq && hashes ? head : null;
  } catch {
    return null;
  }
}
