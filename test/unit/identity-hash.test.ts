import { describe, expect, it } from 'vitest';
import { IdentityHash } from '../../src/mediation/index.js';

const hash = new IdentityHash();
const padded = Buffer.alloc(4096 + 16);

function wordsOf(bytes: Uint8Array): number[] {
  padded.fill(0, 0, bytes.length + 16);
  padded.set(bytes);
  hash.compute(padded, bytes.length);
  return [hash.h0, hash.h1, hash.h2, hash.h3];
}

function hexOf(bytes: Uint8Array): string {
  return wordsOf(bytes)
    .map((word) => (word >>> 0).toString(16).padStart(8, '0'))
    .join(' ');
}

/** Numbers that are the same in every run. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state ^ (state >>> 15)) >>> 0;
  };
}

describe('the hash of an identity', () => {
  // Stored identities are compared with new ones for ever: these answers may never change.
  it.each([
    ['', 'b1fe336e 6d0ac6c5 e2263b7d 8d205891'],
    ['a', 'f3956b1a 06dae4cd 12edfe10 e1ac0886'],
    ['abc', '5bb490e7 285f7884 8c6479c9 c8c59eb0'],
    ['1\u001f', 'bda24e0b 362d11c8 f9532a5b 9c280d8c'],
    ['sw1\u001f0000000001\u001f1\u001f', '3a709d8b 520b863d 2d018c80 b9d01b80'],
    ['xxxxxxxxxxxxxxxx', 'b7e38991 7e5837e5 98654c68 0f3f16a4'],
    ['xxxxxxxxxxxxxxxxx', '757b5c51 67842dc0 468055a5 52807562'],
    ['0123456789abcdef0123456789abcdef0123456789abcde', '13fd98d9 cd193b31 3c21e5e0 1ceff488'],
  ])('of %j is known', (text, expected) => {
    expect(hexOf(Buffer.from(text, 'latin1'))).toBe(expected);
  });

  it('of every byte once is known', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(hexOf(bytes)).toBe('3e1585d9 d4e8e3cf c7bdad13 94a195b1');
  });

  it('depends on the length, also where the bytes are zero', () => {
    const all = Array.from({ length: 64 }, (_, length) => hexOf(new Uint8Array(length)));
    expect(new Set(all).size).toBe(64);
  });

  it('changes each of its bits half of the time when any bit of the input changes', () => {
    const next = sequence(7);
    for (const length of [1, 16, 21]) {
      const tries = 1000;
      for (let bit = 0; bit < length * 8; bit += 1) {
        const flips = new Int32Array(128);
        for (let n = 0; n < tries; n += 1) {
          const bytes = Uint8Array.from({ length }, () => next() >>> 24);
          const before = wordsOf(bytes);
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          wordsOf(bytes).forEach((word, place) => {
            const changed = word ^ before[place]!;
            for (let at = 0; at < 32; at += 1) flips[place * 32 + at]! += (changed >>> at) & 1;
          });
        }
        // Six standard deviations of a fair coin are 95 of 1000; short inputs repeat themselves.
        const off = Math.max(...flips.map((count) => Math.abs(count - tries / 2)));
        expect(off, `bit ${bit} of ${length} bytes`).toBeLessThan(length === 1 ? 250 : 95);
      }
    }
  });

  it('has no collision in either half among two million ids in sequence', () => {
    const count = 500_000;
    const shapes: ((n: number) => string)[] = [
      (n) => `${n}\u001f`,
      (n) => `sw${n % 4}\u001f${String(n >> 2).padStart(10, '0')}\u001f1\u001f`,
      (n) => `${1_497_952_162 + (n >> 3)}.${n & 7}\u001f`,
      (n) => `2026-10-25\u001f${n.toString(16).padStart(32, '0')}\u001f`,
    ];
    const low = new BigUint64Array(count * shapes.length);
    const high = new BigUint64Array(count * shapes.length);
    const words = new Uint32Array(low.buffer);
    const others = new Uint32Array(high.buffer);
    shapes.forEach((shape, place) => {
      for (let n = 0; n < count; n += 1) {
        const length = padded.write(shape(n), 'latin1');
        padded.fill(0, length, length + 16);
        hash.compute(padded, length);
        const at = (place * count + n) * 2;
        words[at] = hash.h0;
        words[at + 1] = hash.h1;
        others[at] = hash.h2;
        others[at + 1] = hash.h3;
      }
    });
    expect(repeated(low)).toBe(0);
    expect(repeated(high)).toBe(0);
  });
});

function repeated(values: BigUint64Array): number {
  values.sort();
  let found = 0;
  for (let at = 1; at < values.length; at += 1) if (values[at] === values[at - 1]) found += 1;
  return found;
}

describe('the hash of one field', () => {
  it('is that of its bytes and the sign behind them, wherever it stands', () => {
    const next = sequence(11);
    for (let length = 0; length < 100; length += 1) {
      const bytes = Uint8Array.from({ length: length + 40 }, () => next() & 255);
      const from = length % 13;
      const field = bytes.subarray(from, from + length);
      hash.computeField(new DataView(bytes.buffer), from, from + length, 31);
      const found = [hash.h0, hash.h1, hash.h2, hash.h3];
      expect(found).toEqual(wordsOf(Uint8Array.of(...field, 31)));
    }
  });
});
