import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RerateAction, type RerateState, stepOf } from '../../src/rating/rerate-rules.js';
import {
  isPartial,
  type RerateScope,
  selectsLevel,
  slicesOf,
} from '../../src/rating/rerate-selection.js';
import { type RerateLevel, RerateSums } from '../../src/rating/rerate-sums.js';

const DAY_MS = 86_400_000;

const scope: RerateScope = {
  sellerId: null,
  contractId: null,
  levels: null,
  partnerIds: null,
  subscriptionId: null,
  service: null,
  destinationIds: null,
  batchIds: null,
  lastBatchId: 9,
  openBatchIds: [],
};

describe('the steps of a change set', () => {
  const cases: readonly [RerateAction, RerateState, boolean, string][] = [
    ['preview', 'DRAFT', false, 'GO'],
    ['preview', 'PREVIEWING', true, 'DONE'],
    ['preview', 'PREVIEWING', false, 'GO'],
    ['preview', 'APPROVED', false, 'GO'],
    ['preview', 'APPLIED', false, 'REFUSED'],
    ['approve', 'PREVIEWING', true, 'REFUSED'],
    ['approve', 'PREVIEWED', false, 'GO'],
    ['approve', 'APPROVED', false, 'DONE'],
    ['apply', 'PREVIEWED', false, 'REFUSED'],
    ['apply', 'APPROVED', false, 'GO'],
    ['apply', 'APPLYING', true, 'DONE'],
    ['apply', 'APPLYING', false, 'GO'],
    ['apply', 'APPLIED', false, 'DONE'],
    ['apply', 'UNDONE', false, 'REFUSED'],
    ['undo', 'APPLYING', true, 'REFUSED'],
    ['undo', 'APPLYING', false, 'GO'],
    ['undo', 'APPLIED', false, 'GO'],
    ['undo', 'UNDOING', true, 'DONE'],
    ['undo', 'UNDONE', false, 'DONE'],
    ['discard', 'APPROVED', false, 'GO'],
    ['discard', 'PREVIEWING', true, 'REFUSED'],
    ['discard', 'APPLIED', false, 'REFUSED'],
  ];
  it.each(cases)('%s when %s and the run is open: %s gives %s', (action, state, open, step) => {
    expect(stepOf(action, state, open)).toBe(step);
  });
});

describe('a scope', () => {
  const terms = { contractId: 5, level: 'WHOLESALE', sellerPartnerId: 1 } as const;

  it('selects every level of everybody without narrowing', () => {
    expect(selectsLevel(scope, terms)).toBe(true);
    expect(isPartial(scope)).toBe(false);
  });

  it('selects by contract, level and seller', () => {
    expect(
      selectsLevel({ ...scope, contractId: 5, levels: ['WHOLESALE'], sellerId: 1 }, terms),
    ).toBe(true);
    expect(selectsLevel({ ...scope, contractId: 6 }, terms)).toBe(false);
    expect(selectsLevel({ ...scope, levels: ['RETAIL', 'COST'] }, terms)).toBe(false);
    expect(selectsLevel({ ...scope, sellerId: 2 }, terms)).toBe(false);
    expect(isPartial({ ...scope, sellerId: 2 })).toBe(true);
  });
});

describe('slices', () => {
  it('cover every instant of the days that hold records once', () => {
    const leaves = fc.array(fc.record({ day: fc.nat(20), bytes: fc.nat(1_000) }), { maxLength: 9 });
    fc.assert(
      fc.property(leaves, fc.nat(20 * DAY_MS), fc.nat(20 * DAY_MS), (given, one, other) => {
        const days = [...new Map(given.map((leaf) => [leaf.day, leaf])).values()];
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const slices = slicesOf(days, from, to, 100);
        for (const { day, bytes } of days) {
          const edges = [Math.max(from, day * DAY_MS), Math.min(to, (day + 1) * DAY_MS)];
          const ours = slices
            .filter(({ fromMs }) => Math.floor(fromMs / DAY_MS) === day)
            .sort((a, b) => a.fromMs - b.fromMs);
          if (bytes === 0 || edges[0]! >= edges[1]!) expect(ours).toEqual([]);
          else {
            const seen = ours.flatMap(({ fromMs, toMs }) => [fromMs, toMs]);
            expect([seen.at(0), seen.at(-1)]).toEqual(edges);
            ours.slice(1).forEach((slice, n) => {
              expect(slice.fromMs).toBe(ours[n]!.toMs);
            });
          }
        }
      }),
    );
  });

  it('are cut by size', () => {
    const slices = slicesOf([{ day: 1, bytes: 250 }], 0, 5 * DAY_MS, 100);
    expect(slices).toHaveLength(3);
    expect(slices[0]).toEqual({ fromMs: DAY_MS, toMs: DAY_MS + DAY_MS / 3, bytes: 84 });
  });
});

describe('sums of differences', () => {
  const level = (given: Partial<RerateLevel>): RerateLevel => ({
    version: 1,
    day: 20_000,
    service: 1,
    destination: 7,
    quantity: 90,
    billed: 90,
    amount: 100,
    ...given,
  });

  it('tell by source and key what comes and goes', () => {
    const sums = new RerateSums();
    sums.addBefore(3, level({}));
    sums.addAfter(3, level({ billed: 120, amount: 260 }));
    sums.addBefore(4, level({ version: 1 }));
    sums.addAfter(4, level({ version: 2 }));
    expect(sums.sources).toEqual([3, 4]);
    expect(sums.deltasOf(3)).toEqual([
      {
        version: 1,
        day: 20_000,
        service: 1,
        destination: 7,
        recordsBefore: 1,
        recordsAfter: 1,
        quantity: 0n,
        billed: 30n,
        before: 100n,
        after: 260n,
      },
    ]);
    const all = sums.deltas().map(({ version, recordsBefore, recordsAfter, quantity }) => {
      return [version, recordsBefore, recordsAfter, quantity];
    });
    expect(all).toEqual([
      [1, 2, 1, -90n],
      [2, 0, 1, 90n],
    ]);
  });

  it('stay exact beyond what a number holds', () => {
    const sums = new RerateSums();
    const large = 2 ** 52 + 1;
    for (let n = 0; n < 4; n += 1) sums.addBefore(1, level({ amount: large }));
    const [delta] = sums.deltas();
    expect(delta!.before).toBe(4n * BigInt(large));
    expect(delta!.after).toBe(0n);
  });
});
