import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultNumber, RecordBatch } from '../../src/mediation/index.js';
import type { Guide } from '../../src/rating/book.js';
import { packedRanges } from '../../src/rating/compile-guide.js';
import { guideRecord } from '../../src/rating/guide.js';
import { indexRanges } from '../../src/rating/range-index.js';
import { RatedBatch } from '../../src/rating/rated-batch.js';

interface Range {
  readonly from: number;
  readonly to: number;
  readonly owned: boolean;
}

/** A guide in which range n belongs to subscription n, or to nobody. */
function guideOf(ranges: readonly Range[]): Guide {
  const places = Int32Array.from(ranges, (_, place) => place);
  const always = (ms: number) => new Float64Array(ranges.length).fill(ms);
  return {
    ranges: packedRanges(
      ranges.map(({ owned, ...range }, subscription) => ({
        ...range,
        subscription,
        validFrom: 0,
        validTo: owned ? Number.POSITIVE_INFINITY : 0,
      })),
    ),
    ...indexRanges(ranges),
    rangeTo: Float64Array.from(ranges, ({ to }) => to),
    rangeFirst: places,
    rangeCount: Int32Array.from(ranges, ({ owned }) => (owned ? 1 : 0)),
    claimSubscription: places,
    claimFrom: always(0),
    claimTo: always(Number.POSITIVE_INFINITY),
    startsMs: always(0),
    endsMs: always(Number.POSITIVE_INFINITY),
    trunkFirst: Int32Array.of(0),
    trunkCount: Int32Array.of(0),
  } as unknown as Guide;
}

function ownerOf(guide: Guide, number: number): number {
  const records = new RecordBatch();
  const rated = new RatedBatch();
  records.startedMs[0] = 1;
  records.aNumber[0] = number;
  rated.subscription[0] = -1;
  const fault = guideRecord(guide, records, 0, rated);
  expect(fault).toBe(rated.subscription[0] === -1 ? faultNumber.UNKNOWN_SUBSCRIBER : 0);
  return rated.subscription[0]!;
}

// Gaps and lengths from one number to whole countries, so that buckets hold many ranges or none.
const size = fc.oneof(fc.constant(0), fc.nat(3), fc.nat(1000), fc.nat(9_000_000_000));
const anyRanges = fc
  .record({
    start: fc.constantFrom(1, 493_000_000_000, 900_000_000_000_000),
    parts: fc.array(fc.record({ gap: size, length: size, owned: fc.boolean() }), { maxLength: 40 }),
  })
  .map(({ start, parts }) => {
    let next = start;
    return parts.map(({ gap, length, owned }): Range => {
      const from = next + gap;
      next = from + length + 1;
      return { from, to: from + length, owned };
    });
  });

describe('guiding by number', () => {
  it('finds the range of any number, however the ranges lie', () => {
    fc.assert(
      fc.property(anyRanges, fc.array(fc.nat(999_999_999_999_999)), (ranges, others) => {
        const guide = guideOf(ranges);
        const edges = ranges.flatMap(({ from, to }) => [from - 1, from, to, to + 1]);
        for (const number of [...edges, ...others, 1, 999_999_999_999_999]) {
          const expected = ranges.findIndex(
            ({ from, to, owned }) => owned && from <= number && number <= to,
          );
          expect(ownerOf(guide, number)).toBe(expected);
        }
      }),
      { numRuns: 300 },
    );
  });
});
