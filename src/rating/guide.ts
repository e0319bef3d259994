import { faultNumber, type RecordBatch } from '../mediation/index.js';
import type { Guide } from './book.js';
import { shared } from './prefix-tree.js';
import type { RatedBatch } from './rated-batch.js';

/**
 * Finds the subscription of a record: the owner of the trunk it came in by, else the owner of
 * the calling number, at the time of the record. Writes its place and answers the fault, 0 for
 * none.
 */
export function guideRecord(
  guide: Guide,
  records: RecordBatch,
  row: number,
  rated: RatedBatch,
): number {
  const atMs = records.startedMs[row]!;
  const trunk = records.inTrunk[row]!;
  let place = ownerAt(guide, guide.trunkFirst[trunk]!, guide.trunkCount[trunk]!, atMs);
  if (place < 0 && records.aNumber[row]! > 0) {
    const range = rangeOf(guide, records.aNumber[row]!);
    if (range >= 0) {
      place = ownerAt(guide, guide.rangeFirst[range]!, guide.rangeCount[range]!, atMs);
    }
  }
  if (place < 0) return faultNumber.UNKNOWN_SUBSCRIBER;
  rated.subscription[row] = place;
  return atMs >= guide.startsMs[place]! && atMs < guide.endsMs[place]!
    ? 0
    : faultNumber.SUBSCRIPTION_NOT_ACTIVE;
}

function ownerAt(guide: Guide, first: number, count: number, atMs: number): number {
  for (let claim = first; claim < first + count; claim += 1) {
    if (atMs >= guide.claimFrom[claim]! && atMs < guide.claimTo[claim]!) {
      return guide.claimSubscription[claim]!;
    }
  }
  return -1;
}

/** The elementary range that holds a number, -1 for none. */
function rangeOf(guide: Guide, number: number): number {
  const { rangeFrom, rangeTo, rangeCount, rangeIndex } = guide;
  const bucket = bucketOf(guide.rangeBase, guide.rangeScale, number);
  if (bucket < 0 || bucket >= rangeIndex.length - 1) return -1;
  let low = rangeIndex[bucket]!;
  let high = rangeIndex[bucket + 1]!;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rangeFrom[middle]! <= number) low = middle;
    else high = middle - 1;
  }
  return rangeFrom[low]! <= number && number <= rangeTo[low]! && rangeCount[low]! > 0 ? low : -1;
}

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
export function indexRanges(rangeFrom: Float64Array, rangeTo: Float64Array): RangeIndex {
  const buckets = Math.max(1, rangeFrom.length * 2);
  const base = rangeFrom.length === 0 ? 0 : rangeFrom[0]!;
  const last = rangeFrom.length === 0 ? 0 : rangeTo[rangeTo.length - 1]!;
  const scale = buckets / (last - base + 1);
  const index = shared(Int32Array, rangeFrom.length === 0 ? 1 : buckets + 2);
  let range = 0;
  for (let bucket = 0; bucket < index.length; bucket += 1) {
    while (range < rangeFrom.length && bucketOf(base, scale, rangeFrom[range]!) < bucket) {
      range += 1;
    }
    index[bucket] = Math.max(0, range - 1);
  }
  return { rangeBase: base, rangeScale: scale, rangeIndex: index };
}

// Never falls as the number grows, whatever is lost in the product.
function bucketOf(base: number, scale: number, number: number): number {
  return Math.floor((number - base) * scale);
}
