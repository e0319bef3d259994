import { describe, expect, it } from 'vitest';
import type { PriceRule } from '../../src/rating/pricing-facts.js';
import { aBook, aRecord } from '../fixtures/book.js';
import { engineAnswer } from '../fixtures/engine.js';

const UNIT = 100_000_000n;
const DAY_MS = 86_400_000;
const JULY = Date.UTC(2026, 6, 1, 10);
const LOWERED = JULY + 10 * DAY_MS;

/** Half off, up to `cap` a month, from the beginning until the next version or for ever. */
function half(type: PriceRule['type'], fields: Partial<PriceRule>): PriceRule {
  return {
    ...{ id: 1, lineageId: 1, name: 'Half', sellerPartnerId: 1, type, effect: 'PERCENT' },
    ...{ amount: 50n * UNIT, stacking: 'ORDERED', priority: 0, level: null, contractId: null },
    ...{ customerGroupId: null, buyerPartnerId: null, subscriptionId: null, service: null },
    ...{ destinationIds: null, weekdays: null, fromMinute: null, toMinute: null },
    ...{ measure: null, volumeFrom: 0n, volumeTo: null, holder: 'CONTRACT', period: 'MONTH' },
    ...{ validFrom: 0, validTo: null, recordedAt: 0, supersededAt: null },
    ...fields,
  } as PriceRule;
}

/** What calls of 0.10 each cost when the cap is another one from the eleventh of July on. */
function amounts(type: PriceRule['type'], before: bigint, after: bigint): string[] {
  const plain = aBook();
  const rules = [
    half(type, { validTo: LOWERED, cap: before }),
    half(type, { id: 2, validFrom: LOWERED, cap: after }),
  ];
  const records = [0, 1, 2, 10, 11, 31].map((day, number) => {
    return { number, record: aRecord({ startedMs: JULY + day * DAY_MS }) };
  });
  const facts = { ...plain, pricing: { ...plain.pricing, rules } };
  return [...engineAnswer(facts, [records]).records.values()];
}

describe('a cap that a later version changes', () => {
  it('gives no more where less is allowed than was given, and takes nothing back', () => {
    expect(amounts('DISCOUNT', 20_000_000n, 8_000_000n)).toEqual([
      ...['1=5000000', '1=5000000', '1=5000000'],
      ...['1=10000000', '1=10000000', '1=5000000'],
    ]);
    expect(amounts('SURCHARGE', 20_000_000n, 8_000_000n)).toEqual([
      ...['1=15000000', '1=15000000', '1=15000000'],
      ...['1=10000000', '1=10000000', '1=15000000'],
    ]);
  });

  it('goes on with what was given where more is allowed', () => {
    expect(amounts('DISCOUNT', 12_000_000n, 18_000_000n)).toEqual([
      ...['1=5000000', '1=5000000', '1=8000000'],
      ...['1=5000000', '1=9000000', '1=5000000'],
    ]);
  });
});
