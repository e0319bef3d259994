const BLOCK_BYTES = 16;

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
  // The four lanes between two blocks.
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** Hashes `bytes[0, length)`; reads up to 15 bytes beyond `length`, which must be zero. */
  compute(bytes: Uint8Array, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#begin();
    this.#blocks(view, 0, length);
    this.#finish(length);
  }

  /**
   * The same as {@link compute} of the bytes `[from, to)` with `last` behind them. May look at 15
   * bytes beyond `to`, whatever they are.
   */
  computeField(view: DataView, from: number, to: number, last: number): void {
    const rest = (to - from) & (BLOCK_BYTES - 1);
    this.#begin();
    this.#blocks(view, from, to - rest);
    this.#lastBlock(view, to - rest, rest, last);
    this.#finish(to - from + 1);
  }

  #begin(): void {
    this.#a = 0x1b873593;
    this.#b = 0x38b34ae5;
    this.#c = 0x239b961b;
    this.#d = 0xa1e38b93 | 0;
  }

  #blocks(view: DataView, from: number, to: number): void {
    for (let at = from; at < to; at += BLOCK_BYTES) {
      this.#block(
        view.getInt32(at, true),
        view.getInt32(at + 4, true),
        view.getInt32(at + 8, true),
        view.getInt32(at + 12, true),
      );
    }
  }

  // `rest` bytes of the input, then `last`, then zeros.
  #lastBlock(view: DataView, at: number, rest: number, last: number): void {
    this.#block(
      lastWord(view.getInt32(at, true), rest, last),
      lastWord(view.getInt32(at + 4, true), rest - 4, last),
      lastWord(view.getInt32(at + 8, true), rest - 8, last),
      lastWord(view.getInt32(at + 12, true), rest - 12, last),
    );
  }

  #block(word0: number, word1: number, word2: number, word3: number): void {
    const a = lane(this.#a, word0, 0x85ebca6b, 15, this.#b);
    const b = lane(this.#b, word1, 0xc2b2ae35, 16, this.#c);
    const c = lane(this.#c, word2, 0x27d4eb2f, 17, this.#d);
    this.#d = lane(this.#d, word3, 0x165667b1, 18, a);
    this.#a = a;
    this.#b = b;
    this.#c = c;
  }

  #finish(length: number): void {
    const b = this.#b ^ length;
    const c = this.#c ^ length;
    const d = this.#d ^ length;
    const sum = ((this.#a ^ length) + b + c + d) | 0;
    const b2 = finish((b + sum) | 0);
    const c2 = finish((c + sum) | 0);
    const d2 = finish((d + sum) | 0);
    const first = (finish(sum) + b2 + c2 + d2) | 0;
    this.h0 = first;
    this.h1 = (b2 + first) | 0;
    this.h2 = (c2 + first) | 0;
    this.h3 = (d2 + first) | 0;
  }
}

// A word of which `count` bytes count; the byte behind them is `last` when it is one of its own.
function lastWord(word: number, count: number, last: number): number {
  if (count >= 4) return word;
  if (count < 0) return 0;
  const bits = count * 8;
  return (word & ((1 << bits) - 1)) | (last << bits);
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
