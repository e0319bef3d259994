import { describe, expect, it } from 'vitest';
import { MICRO_BATCH } from '../../src/mediation/index.js';
import type { BookFacts } from '../../src/rating/book.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { PlacedBook } from '../../src/rating/placed-book.js';
import { BatchRater } from '../../src/rating/rate-batch.js';
import { RatedBatch } from '../../src/rating/rated-batch.js';
import { IS_RATED_AT } from '../../src/rating/rated-columns.js';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import { aBook, aList, aRate, aRecord, aVersion, recordBatch } from '../fixtures/book.js';
import { Draw } from '../fixtures/draw.js';

const stages = stagesOfThread();

interface Call {
  readonly bNumber: string;
  readonly quantity: number;
}

/** Amounts as TypeScript and as the stages have them, who rate twice; and how many these rate. */
function amounts(facts: BookFacts, calls: readonly Call[]) {
  const book = compileBook(1, facts);
  const [rater, raterHere] = [new BatchRater(book), new BatchRater(book, stages)];
  const found = { there: [] as number[], here: [] as number[], rated: 0 };
  const batches = Array.from({ length: Math.ceil(calls.length / MICRO_BATCH) }, (_, n) =>
    recordBatch(calls.slice(n * MICRO_BATCH, (n + 1) * MICRO_BATCH).map((call) => aRecord(call))),
  );
  const amountsOf = ({ amount }: RatedBatch, count: number) =>
    Array.from({ length: count }, (_, row) => amount[row * MAX_LEVELS + 1]!);
  for (const records of batches) {
    const rated = new RatedBatch();
    rater.rate(records, rated, null);
    found.there.push(...amountsOf(rated, records.count));
  }
  for (const isLast of [false, true]) {
    for (const { count, startedMs, service, aNumber, bNumber, quantity } of batches) {
      const here = stages.records;
      here.count = count;
      here.fault.fill(0);
      here.value.fill(0);
      here.inTrunk.fill(0);
      here.outTrunk.fill(0);
      here.startedMs.set(startedMs);
      here.service.set(service);
      here.aNumber.set(aNumber);
      here.bNumber.set(bNumber);
      here.quantity.set(quantity);
      raterHere.rate(here, stages.rated, null);
      if (!isLast) continue;
      found.here.push(...amountsOf(stages.rated, count));
      const isRated = new Uint8Array(stages.memory.buffer, IS_RATED_AT, count);
      found.rated += isRated.reduce((sum, one) => sum + one, 0);
    }
  }
  return found;
}

describe('a book in the memory of a thread', () => {
  it('tells thousands of derived prices apart, of which many share a place', () => {
    const prefixes = Array.from({ length: 6000 }, (_, n) => String(490_000 + n));
    const parent = aList({
      rows: prefixes.map((prefix, n) => aRate({ prefix, price: BigInt(1_000_000 + n * 77_777) })),
    });
    const lists = [2, 3, 4].map((id) =>
      aList({
        id,
        parentId: id - 1,
        rows: [aRate({ prefix: '', kind: 'PERCENT', price: BigInt(id) * 1_000_000_000n })],
      }),
    );
    const versions = [aVersion({ lists: [{ service: '*', trunkId: null, priceListId: 4 }] })];
    const calls = prefixes.map((prefix, n) => ({ bNumber: `${prefix}55555`, quantity: 1 + n }));
    const found = amounts(aBook({ lists: [parent, ...lists], versions }), calls);
    expect(found.here).toEqual(found.there);
    expect(new Set(found.here).size).toBeGreaterThan(5_000);
    // Those that share a place with two others are left to TypeScript.
    expect(found.rated).toBeGreaterThan(5_900);
  });

  it('is there unless it is too large', () => {
    const book = compileBook(1, aBook());
    expect(PlacedBook.fits(book)).toBe(true);
    // The table of prefixes alone is one of four megabytes.
    expect(PlacedBook.fits(book, 4_000_000)).toBe(false);
    expect(new BatchRater(book, stages).stages).toBe(stages);
    expect(new BatchRater(book).stages).toBeNull();
  });

  it('leaves amounts to TypeScript whose products are no exact numbers', () => {
    const draw = new Draw(20_261_124);
    const rows = Array.from({ length: 900 }, (_, n) =>
      aRate({
        prefix: String(49_100 + n),
        price: BigInt(Math.floor(2 ** (24 + draw.next() * 28))) | 1n,
        connectionFee: BigInt(draw.below(2 ** 30)),
        rateUnit: draw.pick([1, 60, 3600]),
      }),
    );
    const facts = (roundingDecimals: number) =>
      aBook({ lists: [aList({ rows })], versions: [aVersion({ roundingDecimals })] });
    const calls = rows.map(({ prefix }) => ({
      bNumber: `${prefix}555555`,
      quantity: 1 + draw.below(4000),
    }));
    for (const decimals of [2, 8]) {
      const found = amounts(facts(decimals), calls);
      expect(found.here).toEqual(found.there);
      expect(found.rated).toBeGreaterThan(50);
      expect(found.rated).toBeLessThan(850);
    }
  });
});
