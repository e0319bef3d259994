import { describe, expect, it } from 'vitest';
import { isFolded } from '../../src/rating/contract-pricing.js';
import type {
  BonusTerms,
  BucketTerms,
  PriceRule,
  PricingFacts,
} from '../../src/rating/pricing-facts.js';

const CONTRACT = { id: 7, level: 'RETAIL', sellerPartnerId: 1, buyerPartnerId: 2 } as const;
const VERSION = {
  ...{ id: 1, lineageId: 1, name: 'One', validFrom: 0, validTo: null },
  ...{ recordedAt: 0, supersededAt: null },
};
const RULE: PriceRule = {
  ...VERSION,
  ...{ sellerPartnerId: 1, type: 'DISCOUNT', effect: 'PERCENT', amount: 10n },
  ...{ stacking: 'ORDERED', priority: 0, level: null, customerGroupId: null },
  ...{ buyerPartnerId: null, contractId: null, subscriptionId: null, service: null },
  ...{ destinationIds: null, weekdays: null, fromMinute: null, toMinute: null },
  ...{ measure: null, volumeFrom: 0n, volumeTo: null, holder: 'SUBSCRIPTION', period: 'MONTH' },
  cap: null,
};
const BUCKET: BucketTerms = {
  ...VERSION,
  ...{ servicePlanId: null, contractId: null, kind: 'UNITS', amount: 1n, holder: 'SUBSCRIPTION' },
  ...{ services: null, destinationIds: null, priority: 0, rolloverCap: null },
};
const BONUS: BonusTerms = {
  ...VERSION,
  ...{ servicePlanId: null, contractId: null, holder: 'SUBSCRIPTION', measure: 'SPEND' },
  ...{ services: null, destinationIds: null, threshold: 1n, repeats: false, grants: 'POINTS' },
  ...{ amount: 1n, bucketLineageId: null },
};

type Given = Partial<Pick<PricingFacts, 'rules' | 'buckets' | 'bonuses'>>;

/** Whether the month has a say in calls and in messages. */
function folded(given: Given, planId = 0): readonly [boolean, boolean] {
  const pricing = { rules: [], buckets: [], bonuses: [], members: [], ...given };
  return [isFolded(pricing, CONTRACT, 'VOICE', planId), isFolded(pricing, CONTRACT, 'SMS', planId)];
}

const NEITHER = [false, false];
const BOTH = [true, true];
const CALLS = [true, false];

describe('a month has a say', () => {
  it('by rules that count or are capped, for their service or all', () => {
    expect(folded({ rules: [RULE] })).toEqual(NEITHER);
    expect(folded({ rules: [{ ...RULE, cap: 5n }] })).toEqual(BOTH);
    expect(folded({ rules: [{ ...RULE, measure: 'QUANTITY' }] })).toEqual(BOTH);
    expect(folded({ rules: [{ ...RULE, cap: 5n, service: 'VOICE' }] })).toEqual(CALLS);
    expect(folded({ rules: [{ ...RULE, cap: 5n, contractId: 8 }] })).toEqual(NEITHER);
  });

  it('by buckets and bonuses of the contract, for their services or all', () => {
    for (const services of [null, ['VOICE'] as const]) {
      const expected = services === null ? BOTH : CALLS;
      const own = { contractId: CONTRACT.id, services };
      expect(folded({ buckets: [{ ...BUCKET, ...own }] })).toEqual(expected);
      expect(folded({ bonuses: [{ ...BONUS, ...own }] })).toEqual(expected);
    }
    expect(folded({ buckets: [{ ...BUCKET, contractId: 8 }] })).toEqual(NEITHER);
    expect(folded({ bonuses: [{ ...BONUS, contractId: 8 }] })).toEqual(NEITHER);
  });

  it("by those of the subscription's plan, all of them together", () => {
    const ofPlan = { servicePlanId: 3, services: ['VOICE'] as const };
    const buckets = [{ ...BUCKET, ...ofPlan }];
    expect(folded({ buckets }, 3)).toEqual(CALLS);
    expect(folded({ buckets }, 4)).toEqual(NEITHER);
    expect(folded({ buckets }, 0)).toEqual(NEITHER);
    const bonuses = [{ ...BONUS, servicePlanId: 3, services: ['SMS'] as const }];
    expect(folded({ buckets, bonuses }, 3)).toEqual(BOTH);
    expect(folded({})).toEqual(NEITHER);
  });
});
