import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkedSteps,
  storedSteps,
  type TierStepDraft,
  tierSteps,
} from '../../src/catalog/tier.js';
import { parseAmount } from '../../src/kernel/index.js';
import { refusal } from '../fixtures/refusal.js';

function step(fields: Partial<TierStepDraft> = {}): TierStepDraft {
  return { price: '0.10', rateUnit: 60, flatFee: '0', block: false, ...fields };
}

describe('steps of a tier schedule', () => {
  it('follow each other from the first unit to no end', () => {
    const steps = checkedSteps([
      step({ upTo: '6000', flatFee: '5' }),
      step({ from: '6000', upTo: '60000', price: '0.08', block: true }),
      step({ price: '0.05', rateUnit: 1 }),
    ]);
    expect(steps).toEqual([
      { upTo: 6000, price: '0.10', rateUnit: 60, flatFee: '5', block: false },
      { upTo: 60_000, price: '0.08', rateUnit: 60, flatFee: '0', block: true },
      { upTo: null, price: '0.05', rateUnit: 1, flatFee: '0', block: false },
    ]);
    expect(tierSteps(steps)[0]).toEqual({
      upTo: 6000,
      price: 10_000_000n,
      rateUnit: 60,
      flatFee: 500_000_000n,
      block: false,
    });
  });

  it.each([
    ['a first step that begins after the first unit', 'TIER_GAP', [step({ from: '1' })]],
    ['units between two steps', 'TIER_GAP', [step({ upTo: '10' }), step({ from: '11' })]],
    ['steps that overlap', 'TIER_ORDER', [step({ upTo: '10' }), step({ from: '9' })]],
    ['a step that falls back', 'TIER_ORDER', [step({ upTo: '10' }), step({ upTo: '9' })]],
    ['an empty step', 'TIER_ORDER', [step({ upTo: '10' }), step({ upTo: '10' }), step()]],
    ['a first step without units', 'TIER_ORDER', [step({ upTo: '0' }), step()]],
    ['a step after an open one', 'TIER_ORDER', [step(), step()]],
    ['a last step that ends', 'TIER_OVERFLOW', [step({ upTo: '10' })]],
    ['a price below zero', 'TIER_REFUSED', [step({ price: '-0.1' })]],
    ['nine decimals', 'TIER_REFUSED', [step({ flatFee: '0.123456789' })]],
    ['a rate unit of 0', 'TIER_REFUSED', [step({ rateUnit: 0 })]],
    ['more units than are counted', 'TIER_REFUSED', [step({ upTo: '9007199254740992' }), step()]],
    ['units below zero', 'TIER_REFUSED', [step({ upTo: '-1' }), step()]],
  ])('refuse %s', (_, code, steps) => {
    expect(refusal(() => checkedSteps(steps))).toBe(code);
  });

  it('give every quantity exactly one step, whatever their bounds', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 6 }),
        fc.integer({ min: 0, max: 60 }),
        (bounds, quantity) => {
          const sorted = bounds.sort((a, b) => a - b);
          const drafts = [...sorted.map((upTo) => step({ upTo: String(upTo) })), step()];
          const steps = checkedSteps(drafts);
          const holding = steps.filter(
            ({ upTo }, i) =>
              quantity >= (steps[i - 1]?.upTo ?? 0) && (upTo === null || quantity < upTo),
          );
          expect(holding).toHaveLength(1);
        },
      ),
    );
  });

  it('come back from the store as they went', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 17n });
    fc.assert(
      fc.property(amount, amount, fc.boolean(), (price, flatFee, block) => {
        const steps = [{ upTo: null, price, rateUnit: 60, flatFee, block }];
        expect(tierSteps(storedSteps(steps))).toEqual(steps);
        expect(parseAmount(storedSteps(steps)[0]?.price ?? '')).toBe(price);
      }),
    );
  });
});
