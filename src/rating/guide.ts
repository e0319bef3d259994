import { faultNumber, type RecordBatch } from '../mediation/thread.js';
import { type Guide, RANGE, SUBSCRIBER } from './book.js';
import { bucketOf } from './range-index.js';
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
      const { words } = guide.ranges;
      const minute = Math.floor(atMs / 60_000);
      const at = range * 8;
      if (minute >= words[at + RANGE.VALID_FROM]! && minute < words[at + RANGE.VALID_TO]!) {
        rated.subscription[row] = words[at + RANGE.SUBSCRIPTION]!;
        return 0;
      }
      place = ownerAt(guide, guide.rangeFirst[range]!, guide.rangeCount[range]!, atMs);
    }
  }
  if (place < 0) return faultNumber.UNKNOWN_SUBSCRIBER;
  rated.subscription[row] = place;
  return atMs >= guide.startsMs[place]! && atMs < guide.endsMs[place]!
    ? 0
    : faultNumber.SUBSCRIPTION_NOT_ACTIVE;
}

/**
 * Brings what {@link guideRecord} needs of the ranges into the cache, for all rows at once: what
 * one row waits for comes while others ask. Answers a number that only keeps the reads alive.
 */
export function touchRanges(guide: Guide, records: RecordBatch): number {
  const { rangeIndex, rangeBase, rangeScale } = guide;
  const { words } = guide.ranges;
  const last = rangeIndex.length - 2;
  const { count, aNumber } = records;
  let touched = 0;
  for (let row = 0; row < count; row += 1) {
    const bucket = bucketOf(rangeBase, rangeScale, aNumber[row]!);
    if (bucket >= 0 && bucket <= last) touched ^= words[rangeIndex[bucket]! * 8]!;
  }
  return touched;
}

/** The subscription at a place in the guide. */
export function subscriptionIdAt(guide: Guide, place: number): number {
  return guide.subscribers.words[place * 8 + SUBSCRIBER.ID]!;
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
  const { rangeIndex } = guide;
  const { numbers, words } = guide.ranges;
  const bucket = bucketOf(guide.rangeBase, guide.rangeScale, number);
  if (bucket < 0 || bucket >= rangeIndex.length - 1) return -1;
  let low = rangeIndex[bucket]!;
  let high = rangeIndex[bucket + 1]!;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (numbers[middle * 4 + RANGE.FROM]! <= number) low = middle;
    else high = middle - 1;
  }
  const behind = number - numbers[low * 4 + RANGE.FROM]!;
  if (behind < 0) return -1;
  const length = words[low * 8 + RANGE.LENGTH]!;
  if (length >= 0) return behind <= length ? low : -1;
  return number <= guide.rangeTo[low]! ? low : -1;
}
