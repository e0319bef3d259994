/**
 * A 128-bit hash of the bytes that identify a record: four lanes of multiply and rotate over
 * 32-bit words, mixed into each other at the end. It decides which records are the same, so it
 * may never change once records are stored; the test holds it to known answers.
 */
export class IdentityHash {
  h0 = 0;
  h1 = 0;
  h2 = 0;
  h3 = 0;

  /** Hashes `bytes[0, length)`; reads up to 15 bytes beyond `length`, which must be zero. */
  compute(bytes: Uint8Array, length: number): void {
    let a = 0x1b873593;
    let b = 0x38b34ae5;
    let c = 0x239b961b;
    let d = 0xa1e38b93 | 0;
    for (let at = 0; at < length; at += 16) {
      a = lane(a, word(bytes, at), 0x85ebca6b, 15, b);
      b = lane(b, word(bytes, at + 4), 0xc2b2ae35, 16, c);
      c = lane(c, word(bytes, at + 8), 0x27d4eb2f, 17, d);
      d = lane(d, word(bytes, at + 12), 0x165667b1, 18, a);
    }
    a ^= length;
    b ^= length;
    c ^= length;
    d ^= length;
    a = (a + b + c + d) | 0;
    b = finish((b + a) | 0);
    c = finish((c + a) | 0);
    d = finish((d + a) | 0);
    a = finish(a);
    this.h0 = (a + b + c + d) | 0;
    this.h1 = (b + this.h0) | 0;
    this.h2 = (c + this.h0) | 0;
    this.h3 = (d + this.h0) | 0;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function lane(state: number, input: number, factor: number, turn: number, next: number): number {
  let k = Math.imul(input, factor);
  k = (k << turn) | (k >>> (32 - turn));
  let s = state ^ Math.imul(k, 0x9e3779b1);
  s = (s << 13) | (s >>> 19);
  return (Math.imul(s + next, 5) + 0x561ccd1b) | 0;
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
