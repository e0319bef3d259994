import { faultNumber, type RecordBatch } from '../mediation/index.js';
import type { Guide } from './book.js';
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
