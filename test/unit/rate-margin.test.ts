import { describe, expect, it } from 'vitest';
import { faultCodes } from '../../src/mediation/index.js';
import type { BookFacts } from '../../src/rating/book.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { BatchRater } from '../../src/rating/rate-batch.js';
import { OUTCOME, RatedBatch } from '../../src/rating/rated-batch.js';
import { KeptLevels } from '../../src/rating/rerate-kept.js';
import { ShownBatch } from '../../src/rating/rerate-shown.js';
import {
  aBook,
  aContract,
  aList,
  aRate,
  aRecord,
  aVersion,
  HUB,
  type PlainRecord,
  recordBatch,
} from '../fixtures/book.js';

const SUPPLIER = 9;
const TRUNK = 4;
type MarginPolicy = BookFacts['versions'][number]['marginPolicy'];

/** The hub buys at 0.20 a minute from 49 and 46 on, at 0.05 from 48 on; it sells 49, 48 at 0.10. */
function factsOf(
  policy: MarginPolicy,
  costCurrency = 'EUR',
  exchangeRates: BookFacts['exchangeRates'] = [],
  costPolicy: MarginPolicy = 'NONE',
): BookFacts {
  const dear = [aRate({ amount: '0.20' }), aRate({ prefix: '46', amount: '0.20' })];
  return aBook({
    exchangeRates,
    lists: [
      aList({ rows: [aRate(), aRate({ prefix: '48' })] }),
      aList({
        ...{ id: 2, currency: costCurrency },
        rows: [...dear, aRate({ prefix: '48', amount: '0.05' })],
      }),
    ],
    contracts: [
      aContract(),
      aContract({ id: 2, sellerPartnerId: SUPPLIER, buyerPartnerId: HUB, level: 'COST' }),
    ],
    versions: [
      aVersion({ marginPolicy: policy }),
      aVersion({
        ...{ id: 2, contractId: 2, currency: costCurrency, marginPolicy: costPolicy },
        lists: [{ service: '*', trunkId: null, priceListId: 2 }],
      }),
    ],
    trunks: [{ id: TRUNK, name: 'out', costContractId: 2 }],
  });
}

const raterOf = (...given: Parameters<typeof factsOf>) =>
  new BatchRater(compileBook(1, factsOf(...given)));

function rate(rater: BatchRater, all: readonly PlainRecord[]) {
  const records = recordBatch(all);
  const rated = new RatedBatch();
  // As earlier batches may have left them.
  rated.belowCost.fill(7);
  rater.rate(records, rated, null);
  return all.map((_, row) => [faultCodes[records.fault[row]!] ?? null, rated.belowCost[row]]);
}

/** What the record lost at the level that sells, at scale 8; null where it lost nothing. */
function lossOf(rater: BatchRater, record: PlainRecord): number | null {
  const rated = new RatedBatch();
  rater.rate(recordBatch([record]), rated, null);
  return rated.belowCost[0] === 0 ? null : rated.loss[1]!;
}

/** Rates a record anew at the levels of some versions; the others keep a cost, or 0.10. */
function anew(facts: BookFacts, selected: readonly number[], cost: number, currency = 'EUR') {
  const book = compileBook(1, facts);
  const [records, rated] = [recordBatch([loss]), new RatedBatch()];
  const rater = new BatchRater(book);
  rater.rate(records, rated, null);
  records.fault[0] = 0;
  rated.outcome[0] = OUTCOME.RATED;
  const shown = new ShownBatch();
  shown.levels[0] = 2;
  shown.version.set([2, 1]);
  shown.amount.set([cost, 10_000_000]);
  const selects = new Uint8Array(3);
  for (const version of selected) selects[version] = 1;
  const kept = new KeptLevels(book, selects, () => currency);
  kept.show(shown);
  rater.rateAnew(records, rated, rated.destinationId.slice(), kept);
  return { records, rated };
}

const loss = aRecord({ outTrunk: TRUNK });
const gain = aRecord({ outTrunk: TRUNK, bNumber: '4840123456' });
const unbought = aRecord();
const unpriced = aRecord({ outTrunk: TRUNK, bNumber: '4740123456' });

describe('what is sold below what it costs', () => {
  it.each([
    ['WARN', null],
    ['HOLD', 'MARGIN_HELD'],
    ['REFUSE', 'MARGIN_REFUSED'],
  ] as const)('is marked by the policy of the selling contract: %s', (policy, fault) => {
    const rater = raterOf(policy);
    expect(rater.guardsMargins).toBe(true);
    expect(rate(rater, [loss, gain, unbought, unpriced, loss])).toEqual([
      [fault, 2],
      [null, 0],
      [null, 0],
      ['NO_RATE', 0],
      [fault, 2],
    ]);
  });

  it('is not looked for where no contract asks for it', () => {
    const rater = raterOf('NONE');
    expect(rater.guardsMargins).toBe(false);
    expect(rate(rater, [loss])).toEqual([[null, 7]]);
  });

  it('is looked for under the contract that asks for it alone, which is the one that sells', () => {
    const rater = raterOf('NONE', 'EUR', [], 'REFUSE');
    expect(rater.guardsMargins).toBe(true);
    expect(rate(rater, [loss, gain])).toEqual([
      [null, 0],
      [null, 0],
    ]);
  });

  it('leaves a record that has no price at all what it is', () => {
    const unsold = aRecord({ outTrunk: TRUNK, bNumber: '4640123456' });
    expect(rate(raterOf('HOLD'), [unsold])).toEqual([['NO_RATE', 0]]);
  });

  it.each<[string, readonly number[], number, string | null, number]>([
    ['by what the cost is from now on', [1, 2], 0, 'MARGIN_HELD', 2],
    ['by the cost that is kept', [1], 9_000_000, null, 0],
    ['by the cost that is kept', [1], 11_000_000, 'MARGIN_HELD', 2],
    ['not where the price is kept', [2], 0, null, 0],
  ])('is looked for anew %s', (_, selected, cost, fault, belowCost) => {
    const { records, rated } = anew(factsOf('HOLD'), selected, cost);
    expect([faultCodes[records.fault[0]!] ?? null, rated.belowCost[0]]).toEqual([fault, belowCost]);
    expect(rated.loss[1]).toBe(belowCost === 0 ? rated.loss[1] : (cost || 20_000_000) - 10_000_000);
  });

  it('goes by prices that are kept in a currency that no contract has any more', () => {
    const pounds = [{ base: 'GBP', quote: 'EUR', rate: 20_000_000_000n, validFrom: 0 }];
    const facts = factsOf('HOLD', 'EUR', pounds);
    expect(anew(facts, [1], 4_999_999, 'GBP').rated.belowCost[0]).toBe(0);
    expect(anew(facts, [1], 9_000_000, 'GBP').rated.loss[1]).toBe(8_000_000);
    // A half of 0.10 GBP is 0.10 EUR.
    const terms = {
      model: 'REVENUE_SHARE',
      minCharge: 0n,
      maxCharge: null,
      schedule: null,
    } as const;
    const [sold, bought] = facts.lists;
    const shared = { ...bought!, rows: [aRate({ amount: '50', terms })] };
    const sharing = { ...facts, lists: [sold!, shared] };
    expect(anew(sharing, [2], 0, 'GBP').rated.amount[0]).toBe(10_000_000);
    const { records } = anew({ ...sharing, exchangeRates: [] }, [2], 0, 'GBP');
    expect(faultCodes[records.fault[0]!]).toBe('NO_EXCHANGE_RATE');
  });

  it('is compared at the exchange rate of the instant, quoted either way', () => {
    const at = loss.startedMs;
    // 0.20 USD are 0.16 EUR, and 0.08 EUR from the instant on.
    const eur = { base: 'EUR', quote: 'USD' };
    const until = { ...eur, rate: 12_500_000_000n, validFrom: 0 };
    const dear = { base: 'USD', quote: 'EUR', rate: 8_000_000_000n, validFrom: 0 };
    const cheap = { ...eur, rate: 25_000_000_000n, validFrom: at };
    expect(rate(raterOf('HOLD', 'USD', [until]), [loss])).toEqual([['MARGIN_HELD', 2]]);
    expect(rate(raterOf('HOLD', 'USD', [dear]), [loss])).toEqual([['MARGIN_HELD', 2]]);
    expect(rate(raterOf('HOLD', 'USD', [until, cheap]), [loss])).toEqual([[null, 0]]);
    const later = { ...cheap, validFrom: at + 1 };
    expect(rate(raterOf('REFUSE', 'USD', [until, later]), [loss])).toEqual([['MARGIN_REFUSED', 2]]);
  });

  it('is none where the cost is the price but for the decimals of the contract', () => {
    const of = (rate: bigint) => [{ base: 'USD', quote: 'EUR', rate, validFrom: 0 }];
    const policy = (rate: bigint) => raterOf('WARN', 'USD', of(rate));
    // 0.20 USD are 0.1000000049 EUR, 0.1001 and 0.20.
    expect(rate(policy(5_000_000_245n), [loss])).toEqual([[null, 0]]);
    expect(lossOf(policy(5_000_000_245n), loss)).toBe(null);
    expect(lossOf(policy(5_005_000_000n), loss)).toBe(10_000);
    expect(lossOf(policy(10_000_000_000n), loss)).toBe(10_000_000);
  });

  it('is not looked for without an exchange rate', () => {
    expect(rate(raterOf('HOLD', 'USD'), [loss])).toEqual([[null, 0]]);
  });
});

describe('whether any month has a say', () => {
  type Pricing = Partial<BookFacts['pricing']>;
  const mayFold = (pricing: Pricing, rows = [aRate()]): boolean => {
    const facts = aBook({ lists: [aList({ rows })] });
    const book = compileBook(1, facts);
    return new BatchRater({ ...book, pricing: { ...facts.pricing, ...pricing } }).mayFold;
  };
  const rules = (...given: { measure: string | null; cap: bigint | null }[]): Pricing =>
    ({
      rules: given.map((rule) => ({ contractId: null, services: null, ...rule })),
    }) as unknown as Pricing;
  const schedule = {
    id: 7,
    scope: 'SUBSCRIPTION',
    period: 'MONTH',
    steps: [{ upTo: null, price: 1n, rateUnit: 60, flatFee: 0n, block: false }],
  } as const;
  const plain = { measure: null, cap: null };

  it.each<[string, boolean, Pricing, Parameters<typeof mayFold>[1]?]>([
    ['no rule counts and no bucket is there', false, rules(plain)],
    ['there is a bucket', true, { buckets: [{ services: null }] as never }],
    ['there is a bonus', true, { bonuses: [{ services: null }] as never }],
    ['one of the rules counts', true, rules(plain, { measure: 'QUANTITY', cap: null })],
    ['one of the rules has a cap', true, rules({ measure: null, cap: 5n }, plain)],
    [
      'one of the prices has tiers',
      true,
      {},
      [
        aRate(),
        aRate({
          prefix: '48',
          terms: { model: 'GRADUATED', minCharge: 0n, maxCharge: null, schedule },
        }),
      ],
    ],
    [
      'prices have terms without tiers',
      false,
      {},
      [aRate({ terms: { model: 'PACKAGE', minCharge: 0n, maxCharge: null, schedule: null } })],
    ],
  ])('%s: %s', (_, expected, pricing, rows) => {
    expect(mayFold(pricing, rows)).toBe(expected);
  });
});
