import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICRO_BATCH, RecordBatch } from '../../src/mediation/index.js';
import type { PriceBook } from '../../src/rating/book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { ChunkPool } from '../../src/rating/copy-rows.js';
import { XdrEncoder } from '../../src/rating/encode-xdr.js';
import { OUTCOME, RatedBatch } from '../../src/rating/rated-batch.js';
import { BOOK_WORDS_AT, BookWord } from '../../src/rating/rated-columns.js';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import type { ThreadStages } from '../../src/rating/thread-stages.js';

const SUBSCRIPTIONS = 4;
const VERSIONS = 3;
const book = {
  guide: {
    subscribers: { words: Int32Array.from({ length: SUBSCRIPTIONS * 8 }, (_, n) => n * 7 - 3) },
  },
  contracts: { versionId: Int32Array.of(11, 2 ** 31 - 1, 13) },
} as unknown as PriceBook;
const stages = stagesOfThread();

// What a book that is rated by has in place.
stages.begin(book);
const { view } = stages.memory;
const words = (facts: Int32Array, word: BookWord) => {
  const at = stages.put(facts);
  view.setInt32(BOOK_WORDS_AT + word * 4, at, true);
};
words(book.guide.subscribers.words, BookWord.SUBSCRIBERS);
words(book.contracts.versionId, BookWord.VERSION_ID);

const whole = fc.oneof(
  fc.nat(1000),
  fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 999_999_999_999_999, 2 ** 53 - 1),
);
const int = fc.oneof(fc.nat(1000), fc.constantFrom(0, -1, -(2 ** 31), 2 ** 31 - 1));
const DAY_MS = 86_400_000;
const row = fc.record({
  isRated: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  startedMs: fc
    .tuple(fc.integer({ min: 20_399, max: 20_402 }), fc.constantFrom(0, 1, 12_345_678, DAY_MS - 1))
    .map(([day, ms]) => day * DAY_MS + ms),
  numbers: fc.array(whole, { minLength: 4, maxLength: 4 }),
  ints: fc.array(int, { minLength: 7, maxLength: 7 }),
  service: fc.integer({ min: 1, max: 4 }),
  subscription: fc.nat(SUBSCRIPTIONS - 1),
  levels: fc.array(
    fc.record({ version: fc.integer({ min: -1, max: VERSIONS - 1 }), rateId: int, amount: whole }),
    { minLength: 1, maxLength: MAX_LEVELS },
  ),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

function fill(records: RecordBatch, rated: RatedBatch, rows: readonly Row[]): void {
  records.count = rows.length;
  rows.forEach(({ isRated, startedMs, numbers, ints, service, subscription, levels }, at) => {
    rated.outcome[at] = isRated ? OUTCOME.RATED : OUTCOME.HELD;
    records.startedMs[at] = startedMs;
    records.service[at] = service;
    const { aNumber, bNumber, quantity, value } = records;
    [aNumber, bNumber, quantity, value].forEach((column, n) => {
      column[at] = numbers[n]!;
    });
    const { identity0, identity1, identity2, identity3, inTrunk, outTrunk } = records;
    const columns = [identity0, identity1, identity2, identity3, inTrunk, outTrunk];
    [...columns, rated.destinationId].forEach((column, n) => {
      column[at] = ints[n]!;
    });
    rated.subscription[at] = subscription;
    rated.levels[at] = levels.length;
    levels.forEach(({ version, rateId, amount }, level) => {
      const place = at * MAX_LEVELS + level;
      rated.version[place] = version;
      rated.rateId[place] = rateId;
      rated.amount[place] = amount;
    });
  });
}

/** By day: how many rows, and all bytes of the COPY. */
function encoded(batches: readonly (readonly Row[])[], by: ThreadStages | null): unknown {
  const records = by?.records ?? new RecordBatch();
  const rated = by?.rated ?? new RatedBatch();
  const pool = new ChunkPool(by?.memory ?? null);
  const encoder = new XdrEncoder(book, 70_000, pool, by);
  for (const rows of batches) {
    fill(records, rated, rows);
    encoder.encode(records, rated);
  }
  return [...encoder.leaves].map(([day, leaf]) => {
    const chunks = leaf.finish();
    const sent = chunks.map((chunk) => Buffer.from(chunk.seal()));
    for (const chunk of chunks) pool.give(chunk);
    return [day, leaf.rows, sent.map((bytes) => bytes.toString('hex'))];
  });
}

describe('rows that are written as WebAssembly', () => {
  it('are the same bytes', () => {
    const batch = fc.array(row, { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 4 }), (batches) => {
        expect(encoded(batches, stages)).toEqual(encoded(batches, null));
      }),
      { numRuns: 500 },
    );
  });

  it('go on in the next chunk where one is full', () => {
    const rows = fc.sample(row, { numRuns: MICRO_BATCH, seed: 7 });
    const batches = Array.from({ length: 8 }, () => rows);
    const found = encoded(batches, stages) as [number, number, string[]][];
    expect(found).toEqual(encoded(batches, null));
    expect(Math.max(...found.map(([, , chunks]) => chunks.length))).toBeGreaterThan(1);
  });
});
