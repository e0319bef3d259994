import { shared } from './prefix-tree.js';

/** A shortcut into ascending ranges; see {@link Guide}. */
export interface RangeIndex {
  readonly rangeBase: number;
  readonly rangeScale: number;
  readonly rangeIndex: Int32Array;
}

/**
 * Cuts the span of all ranges into equal buckets, two a range: those that a number of a bucket can
 * lie in begin with the last range that starts before the bucket.
 */
export function indexRanges(
  ranges: readonly { readonly from: number; readonly to: number }[],
): RangeIndex {
  const { length } = ranges;
  const buckets = Math.max(1, length * 2);
  const base = ranges[0]?.from ?? 0;
  const last = ranges[length - 1]?.to ?? 0;
  const scale = buckets / (last - base + 1);
  const index = shared(Int32Array, length === 0 ? 1 : buckets + 2);
  let range = 0;
  for (let bucket = 0; bucket < index.length; bucket += 1) {
    while (range < length && bucketOf(base, scale, ranges[range]!.from) < bucket) {
      range += 1;
    }
    index[bucket] = Math.max(0, range - 1);
  }
  return { rangeBase: base, rangeScale: scale, rangeIndex: index };
}

/** The bucket of a number; it never falls as the number grows, whatever the product loses. */
export function bucketOf(base: number, scale: number, number: number): number {
  return Math.floor((number - base) * scale);
}
