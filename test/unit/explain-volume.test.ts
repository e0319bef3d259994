import { describe, expect, it } from 'vitest';
import { deriveLevel } from '../../src/rating/explain.js';
import { type MonthDerivation, workOut } from '../../src/rating/explain-month.js';
import { rulesOfContract } from '../../src/rating/price-rules.js';
import type { PriceRule } from '../../src/rating/pricing-facts.js';
import { rateInMemory } from '../../src/rating/rate-in-memory.js';
import { aBook, aRecord } from '../fixtures/book.js';
import { identityOf } from '../fixtures/engine.js';

/** Ten percent off until a minute of the month is counted. */
const FIRST_MINUTE = {
  ...{ id: 1, lineageId: 1, name: 'First minute', sellerPartnerId: 1, type: 'DISCOUNT' },
  ...{ effect: 'PERCENT', amount: 1_000_000_000n, stacking: 'ORDERED', priority: 0 },
  ...{ level: null, contractId: null, customerGroupId: null, buyerPartnerId: null },
  ...{ subscriptionId: null, service: null, destinationIds: null, weekdays: null },
  ...{ fromMinute: null, toMinute: null, measure: 'QUANTITY', volumeFrom: 0n },
  ...{ volumeTo: 6_000_000_000n, holder: 'CONTRACT', period: 'MONTH', cap: null },
  ...{ validFrom: 0, validTo: null, recordedAt: 0, supersededAt: null },
} as PriceRule;

/** What the month makes of two calls of a minute, one after the other. */
function months(): (MonthDerivation | null)[] {
  const plain = aBook();
  const facts = { ...plain, pricing: { ...plain.pricing, rules: [FIRST_MINUTE] } };
  const records = [1, 2].map((day, number) => ({
    ...aRecord({ startedMs: Date.UTC(2026, 6, day, 10) }),
    ...{ value: 0, identity: identityOf(number) },
  }));
  const { folded, answers } = rateInMemory(facts, [records]);
  const [contract] = facts.contracts;
  const { buckets, bonuses, members, rules } = facts.pricing;
  const month = {
    ...{ list: folded.list, order: folded.contracts[0]!.months[0]!.order, state: null },
    ...{ replaces: false, pending: false, writtenBy: () => 0 },
    facts: {
      ...{ contract: contract!, rules: rulesOfContract(rules, contract!, members) },
      ...{ buckets, bonuses, members, rolledIn: () => 0 },
    },
  };
  return records.map((record, number) => {
    const { destinationId, subscriptionId } = answers.get(record)!;
    const asked = {
      ...{ service: record.service, startedMs: record.startedMs, number: record.bNumber },
      ...{ aNumber: record.aNumber, quantity: BigInt(record.quantity), value: 0n },
      ...{ inTrunkId: 0, outTrunkId: 0, destinationId, subscriptionId },
    };
    return workOut(deriveLevel(facts, contract!.id, asked, null), month, 2 ** 24 + number).month;
  });
}

describe('the explanation of a record in its month', () => {
  it('has the charge without a rule whose volume was used up before it', () => {
    const [first, second] = months();
    expect(first).toMatchObject({ amount: 9_000_000n, agrees: true });
    expect(second).toMatchObject({
      ...{ amount: 10_000_000n, agrees: true, charge: { amount: 10_000_000n } },
      rules: [{ effect: null, refusal: 'OUTSIDE_VOLUME' }],
    });
  });
});
