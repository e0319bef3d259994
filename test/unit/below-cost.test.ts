import { describe, expect, it } from 'vitest';
import { BelowCost } from '../../src/rating/below-cost.js';
import type { PriceBook } from '../../src/rating/book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { OUTCOME, type RatedBatch } from '../../src/rating/rated-batch.js';

// Two versions of one contract, of which the second is in dollars.
const book = {
  contracts: {
    id: [7],
    sellerPartnerId: [1],
    versionContract: [0, 0],
    versionCurrency: ['EUR', 'USD'],
  },
} as unknown as PriceBook;

/** Records that lose so much under a version of the contract at level 1. */
function batchOf(sold: readonly (readonly [version: number, loss: number])[]): RatedBatch {
  const version = new Int32Array(sold.length * MAX_LEVELS);
  const loss = new Float64Array(sold.length * MAX_LEVELS);
  sold.forEach(([of, lost], row) => {
    version[row * MAX_LEVELS + 1] = of;
    loss[row * MAX_LEVELS + 1] = lost;
  });
  const each = (value: number) => sold.map(() => value);
  const outcome = each(OUTCOME.RATED);
  return { version, loss, outcome, levels: each(2), belowCost: each(2) } as unknown as RatedBatch;
}

describe('what a contract sold below cost', () => {
  it('is added up currency by currency where the terms change theirs within a batch', () => {
    const sold = new BelowCost(book);
    sold.add(
      batchOf([
        [0, 100],
        [1, 30],
        [0, 5],
      ]),
      3,
    );
    const losses = new Map([
      ['EUR', 105n],
      ['USD', 30n],
    ]);
    expect(sold.all()).toEqual([{ contractId: 7, sellerPartnerId: 1, records: 3, losses }]);
  });
});
