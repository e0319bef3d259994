import { describe, expect, it } from 'vitest';
import type { PricingTerms } from '../../src/catalog/index.js';
import { parseAmount } from '../../src/kernel/index.js';
import { faultCodes } from '../../src/mediation/index.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { BatchRater } from '../../src/rating/rate-batch.js';
import { RatedBatch } from '../../src/rating/rated-batch.js';
import {
  aBook,
  aList,
  anIdentity,
  aRate,
  aRecord,
  aSubscription,
  aVersion,
  type PlainRecord,
  recordBatch,
} from '../fixtures/book.js';

const TIERS = {
  id: 7,
  scope: 'SUBSCRIPTION',
  period: 'MONTH',
  steps: [
    { upTo: 100, price: parseAmount('0.60'), rateUnit: 60, flatFee: 0n, block: false },
    { upTo: null, price: parseAmount('0.30'), rateUnit: 60, flatFee: 0n, block: false },
  ],
} as const;

function graduated(fields: Partial<PricingTerms> = {}): PricingTerms {
  return { model: 'GRADUATED', minCharge: 0n, maxCharge: null, schedule: TIERS, ...fields };
}

const BLOCKS = { ...TIERS, id: 8, steps: TIERS.steps.map((step) => ({ ...step, block: true })) };
const DEAR = {
  ...TIERS,
  id: 9,
  steps: [{ ...TIERS.steps[1], price: parseAmount('80000000') }],
};

// One prefix for each way of charging.
const rows = [
  aRate({ prefix: '4911', terms: graduated() }),
  aRate({ prefix: '4912', terms: graduated({ minCharge: parseAmount('2') }) }),
  aRate({ prefix: '4913', terms: graduated({ maxCharge: parseAmount('0.50') }) }),
  aRate({ prefix: '4914', terms: graduated({ schedule: BLOCKS }) }),
  aRate({ prefix: '4915', terms: graduated({ schedule: DEAR }) }),
  aRate({ prefix: '4916', amount: '0.06', connectionFee: parseAmount('0.01') }),
  aRate({ prefix: '4917', terms: { ...graduated(), model: 'PACKAGE', schedule: null } }),
  aRate({ prefix: '4918', terms: graduated(), connectionFee: parseAmount('0.05') }),
];

const book = compileBook(
  1,
  aBook({
    lists: [aList({ rows })],
    versions: [aVersion({ validFrom: 1 })],
    subscriptions: [aSubscription(), aSubscription({ id: 2, contractId: 99 })],
    identities: [
      anIdentity(),
      anIdentity({ subscriptionId: 2, numberFrom: 4_931_000_000, numberTo: 4_931_000_009 }),
    ],
  }),
);
const rater = new BatchRater(book);
const rated = new RatedBatch();

/** Fault, or what the last level costs, what was billed, and whether its month has a say. */
function rate(all: readonly PlainRecord[]) {
  const records = recordBatch(all);
  rater.rate(records, rated, null);
  return all.map((_, row) => {
    const fault = faultCodes[records.fault[row]!];
    if (fault !== undefined) return fault;
    const at = row * MAX_LEVELS + rated.levels[row]! - 1;
    const amount = BigInt(rated.amount[at]!);
    return [Number(amount) / 1e8, rated.billed[at], rated.folded[at] === 1];
  });
}

function to(prefix: string, quantity: number): PlainRecord {
  return aRecord({ bNumber: `${prefix}123456`, quantity });
}

describe('a level', () => {
  const cases: readonly [string, PlainRecord, unknown][] = [
    // 60 s at 0.60 a minute.
    ['within its first tier', to('4911', 60), [0.6, 60, true]],
    // 100 s at 0.60 and 50 s at 0.30 a minute.
    ['over the end of a tier', to('4911', 150), [1.25, 150, true]],
    ['of no seconds', to('4911', 0), [0, 0, false]],
    ['of tiers with a least charge', to('4912', 60), [2, 60, true]],
    ['of tiers above their least charge', to('4912', 300), [2, 300, true]],
    ['of tiers with a most charge', to('4913', 60), [0.5, 60, true]],
    ['of tiers below their most charge', to('4913', 30), [0.3, 30, true]],
    // Two blocks of a minute in the first tier, one in the second.
    ['of tiers in blocks', to('4914', 130), [1.5, 130, true]],
    ['whose sum is no exact number on the way', to('4915', 60), [80_000_000, 60, true]],
    ['of a plain price', to('4916', 90), [0.1, 90, false]],
    ['in packages', to('4917', 61), [0.2, 61, false]],
    ['of tiers with a fee', to('4918', 60), [0.65, 60, true]],
    ['without a price', to('4999', 60), 'NO_RATE'],
  ];

  it.each(cases)('%s', (_, record, expected) => {
    expect(rate([record])).toEqual([expected]);
  });

  it('costs the same beside others, in any row and again', () => {
    const many = [...cases, ...cases.toReversed()];
    const all = many.map(([, record]) => record);
    const expected = many.map(([, , answer]) => answer);
    expect(rate(all)).toEqual(expected);
    expect(rate([all[12]!, ...all])).toEqual(['NO_RATE', ...expected]);
  });

  it('that has no terms, or no contract, leaves the others alone', () => {
    const early = aRecord({ bNumber: '4911123456', startedMs: 0 });
    const nobody = aRecord({ bNumber: '4911123456', aNumber: '4931000001' });
    expect(rate([early, nobody, to('4911', 60), early, to('4916', 90)])).toEqual([
      'NO_CONTRACT',
      'NO_CONTRACT',
      [0.6, 60, true],
      'NO_CONTRACT',
      [0.1, 90, false],
    ]);
  });
});
