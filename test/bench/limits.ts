import { Random } from './random.js';

const RECORDS = 200_000;
const PASSES = 5;

/** Microseconds a record to look at so many bytes in order, four at a time. */
export function bytesTouched(bytesARecord: number): number {
  const words = new Int32Array(Math.ceil((bytesARecord * RECORDS) / 4));
  words.fill(0x2c2c2c2c);
  return best(() => {
    let sum = 0;
    for (let at = 0; at < words.length; at += 1) sum ^= words[at]!;
    return sum;
  });
}

/**
 * Microseconds to fetch one cache line anywhere in so much memory, when the fetches do not wait
 * for each other.
 */
export function randomLines(bytes: number): number {
  const words = new Int32Array(Math.max(16, bytes >> 2)).fill(1);
  const random = new Random(5);
  const places = Int32Array.from({ length: RECORDS }, () => random.below(words.length));
  return best(() => {
    let sum = 0;
    for (let n = 0; n < RECORDS; n += 1) sum ^= words[places[n]!]!;
    return sum;
  });
}

/** Microseconds a record to copy so many bytes, a chunk of them at once. */
export function copied(bytesARecord: number): number {
  const size = 128 * 1024;
  const [from, to] = [Buffer.alloc(size, 1), Buffer.alloc(size)];
  const chunks = Math.ceil((bytesARecord * RECORDS) / size);
  return best(() => {
    for (let n = 0; n < chunks; n += 1) to.set(from);
    return to[0]!;
  });
}

// The whole number that comes out is looked at, so that no loop is left out as useless.
function best(work: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < PASSES; pass += 1) {
    const start = process.hrtime.bigint();
    if (!Number.isInteger(work())) throw new Error('a sum of whole numbers is whole');
    least = Math.min(least, Number(process.hrtime.bigint() - start) / 1000 / RECORDS);
  }
  return least;
}
