import { describe, expect, it } from 'vitest';
import { decodePots, decodeRecords } from '../../src/rating/allowance-result.js';
import type { FoldFacts } from '../../src/rating/fold-month.js';
import { decodeState } from '../../src/rating/fold-state.js';
import { type ChunkSizes, MonthInParts, type Resumption } from '../../src/rating/month-in-parts.js';
import type { BucketTerms } from '../../src/rating/pricing-facts.js';
import { rateInMemory } from '../../src/rating/rate-in-memory.js';
import { aBook, aContract, aRecord } from '../fixtures/book.js';
import { identityOf } from '../fixtures/engine.js';

const NOON = Date.UTC(2026, 6, 1, 10);
const UNIT = 100_000_000n;

/** A hundred thousand seconds a month for the contract, which is a sum of the state. */
const BUCKET: BucketTerms = {
  ...{ id: 1, lineageId: 40, name: 'units', validFrom: 0, validTo: null, recordedAt: 0 },
  ...{ supersededAt: null, servicePlanId: null, contractId: 1, kind: 'UNITS' },
  ...{ amount: 100_000n * UNIT, holder: 'CONTRACT', services: null, destinationIds: null },
  ...{ priority: 100, rolloverCap: null },
};

/** Calls of a minute each, so many seconds after noon, and what their month is folded by. */
function month(seconds: readonly number[]) {
  const plain = aBook();
  const pricing = { ...plain.pricing, buckets: [BUCKET] };
  const records = seconds.map((second, number) => ({
    ...aRecord({ startedMs: NOON + second * 1000 }),
    ...{ value: 0, identity: identityOf(number) },
  }));
  const { list, contracts } = rateInMemory({ ...plain, pricing }, [records]).folded;
  const facts: FoldFacts = {
    ...{ contract: aContract(), rules: [], buckets: [BUCKET], bonuses: [], members: [] },
    rolledIn: () => 0,
  };
  return { list, order: contracts[0]!.months[0]!.order, facts };
}

interface Cut {
  readonly chunk: number;
  readonly records: number;
  /** Seconds after noon. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds after noon where a fold may begin, null where it may not. */
  readonly resumes: number | null;
}

function cuts(
  seconds: readonly number[],
  sizes: ChunkSizes,
  way: 'take' | 'takeWhole' = 'take',
  from: Resumption | null = null,
): Cut[] {
  const { list, order, facts } = month(seconds);
  const parts = new MonthInParts(facts, from, sizes);
  parts[way](list, order);
  return parts
    .finish()
    .chunks.toSorted((one, other) => one.number - other.number)
    .map(({ number, records, startedFromMs, startedToMs, adjustment, resumption }) => {
      const kept = decodeRecords(records);
      expect(adjustment).toBe(kept.reduce((sum, one) => sum + BigInt(one.adjustment), 0n));
      return {
        ...{ chunk: number, records: kept.length },
        from: startedFromMs === 0 ? 0 : (startedFromMs - NOON) / 1000,
        to: startedToMs === 0 ? 0 : (startedToMs - NOON) / 1000,
        resumes: resumption && resumption.atMs - NOON,
      };
    });
}

const everyChunk = { chunkRecords: 3, recordsASum: 0 };

describe('results of a month', () => {
  it('are cut after so many records, and never within an instant', () => {
    expect(cuts([0, 1, 2, 2, 3, 4, 5, 6, 7], everyChunk)).toEqual([
      { chunk: 0, records: 4, from: 0, to: 2, resumes: null },
      { chunk: 1, records: 3, from: 3, to: 5, resumes: 2001 },
      { chunk: 2, records: 2, from: 6, to: 7, resumes: 5001 },
    ]);
  });

  it('are cut the same where all of the month is priced at once, without states', () => {
    expect(cuts([0, 1, 2, 2, 3, 4, 5, 6, 7], everyChunk, 'takeWhole')).toEqual([
      { chunk: 0, records: 4, from: 0, to: 2, resumes: null },
      { chunk: 1, records: 3, from: 3, to: 5, resumes: null },
      { chunk: 2, records: 2, from: 6, to: 7, resumes: null },
    ]);
  });

  it('end with an empty chunk where a later fold can begin with it, and only there', () => {
    expect(cuts([0, 1, 2], everyChunk)).toEqual([
      { chunk: 0, records: 3, from: 0, to: 2, resumes: null },
      { chunk: 1, records: 0, from: 0, to: 0, resumes: 2001 },
    ]);
    expect(cuts([0, 1, 2], everyChunk, 'takeWhole')).toHaveLength(1);
    const parts = new MonthInParts(month([0]).facts, null, everyChunk);
    expect(parts.finish().chunks).toEqual([]);
  });

  it('hold a state after so many records for each of its sums', () => {
    const { list, order, facts } = month([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const parts = new MonthInParts(facts, null, everyChunk);
    parts.take(list, order);
    // One pot, and one who used it.
    const kept = parts.finish().chunks.flatMap(({ resumption }) => resumption ?? []);
    expect(kept.map(({ state }) => decodeState(state).size)).toEqual([2, 2, 2, 2]);
    const places = (recordsASum: number) =>
      cuts([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], { chunkRecords: 2, recordsASum }).flatMap(
        ({ chunk, resumes }) => (resumes === null ? [] : chunk),
      );
    expect(places(1)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(places(2)).toEqual([2, 4, 6]);
    expect(places(2.5)).toEqual([3, 6]);
    expect(places(3)).toEqual([3, 6]);
    expect(places(6)).toEqual([6]);
    expect(places(7)).toEqual([]);
  });

  it('go on with the number and the state of the chunk that a fold begins with', () => {
    const { list, order, facts } = month([0, 1, 2]);
    const begun = new MonthInParts(facts, null, everyChunk);
    begun.take(list, order);
    const { number: chunk, resumption } = begun.finish().chunks.at(-1)!;
    const from = { chunk, ...resumption! };
    const parts = new MonthInParts(facts, from, everyChunk);
    expect(parts.pots.map(({ left }) => left)).toEqual([100_000 - 180]);
    const next = month([3, 4, 5, 6]);
    parts.take(next.list, next.order);
    const { chunks, pots } = parts.finish();
    expect(chunks.map(({ number, resumption: at }) => [number, at && at.atMs - NOON])).toEqual([
      [1, 2001],
      [2, 5001],
    ]);
    expect(decodePots(pots).pots.map(({ left }) => left)).toEqual([100_000 - 420]);
  });

  it('are given out as they are done, once, but for the first', () => {
    const { list, order, facts } = month([0, 1, 2, 3, 4, 5, 6]);
    const parts = new MonthInParts(facts, null, everyChunk);
    expect(parts.takeChunks()).toEqual([]);
    parts.take(list, order);
    expect(parts.takeChunks().map(({ number }) => number)).toEqual([1]);
    expect(parts.takeChunks()).toEqual([]);
    expect(parts.finish().chunks.map(({ number }) => number)).toEqual([0, 2]);
  });

  it('keep what changed or was covered, and its sum, and nothing else', () => {
    // Without the bucket the month has nothing to say about them.
    const { list, order, facts } = month([0, 1]);
    const parts = new MonthInParts({ ...facts, buckets: [] }, null, everyChunk);
    expect([...parts.take(list, order).adjustments]).toEqual([0, 0]);
    expect(parts.finish().chunks).toMatchObject([
      { number: 0, startedFromMs: 0, startedToMs: 0, adjustment: 0n, records: Buffer.alloc(0) },
    ]);
  });
});
