import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contains,
  intersect,
  isPartition,
  overlaps,
  type Period,
  partitionFault,
  period,
  subtractPeriods,
} from '../../src/kernel/index.js';

const LAST = 40;

/** Small periods, so that a property can ask about every single instant. */
const periods: fc.Arbitrary<Period> = fc
  .tuple(fc.integer({ min: 0, max: LAST - 1 }), fc.integer({ min: 1, max: 15 }), fc.boolean())
  .map(([from, length, open]) => period(from, open && length > 12 ? null : from + length));

const instants = Array.from({ length: LAST + 30 }, (_, i) => i - 1);

describe('periods', () => {
  it('end after they begin', () => {
    expect(period(1, 2)).toEqual({ from: 1, to: 2 });
    expect(period(1, null)).toEqual({ from: 1, to: null });
    for (const [from, to] of [
      [1, 1],
      [2, 1],
      [Number.NaN, 1],
      [0, Number.NaN],
      [0.5, 1],
    ]) {
      expect(() => period(from ?? 0, to ?? 0)).toThrow(
        expect.objectContaining({ code: 'INVALID_PERIOD' }),
      );
    }
  });

  it('hold their first instant and not their end', () => {
    const span = period(10, 20);
    expect([9, 10, 19, 20].map((at) => contains(span, at))).toEqual([false, true, true, false]);
    expect(contains(period(10, null), 1e15)).toBe(true);
  });

  it('do not overlap when they only touch', () => {
    expect(overlaps(period(0, 10), period(10, 20))).toBe(false);
    expect(intersect(period(0, 10), period(10, 20))).toBeNull();
    expect(overlaps(period(0, 11), period(10, null))).toBe(true);
    expect(intersect(period(5, null), period(0, null))).toEqual({ from: 5, to: null });
  });

  it('overlap, intersect and subtract as the sets of their instants do', () => {
    fc.assert(
      fc.property(periods, periods, fc.array(periods, { maxLength: 5 }), (a, b, others) => {
        const both = instants.filter((at) => contains(a, at) && contains(b, at));
        const shared = intersect(a, b);
        expect(overlaps(a, b)).toBe(both.length > 0);
        expect(instants.filter((at) => shared !== null && contains(shared, at))).toEqual(both);

        const left = subtractPeriods(a, others);
        for (const at of instants) {
          const expected = contains(a, at) && !others.some((other) => contains(other, at));
          expect(left.filter((part) => contains(part, at)).length).toBe(expected ? 1 : 0);
        }
        expect([...left].sort((x, y) => x.from - y.from)).toEqual(left);
      }),
      { numRuns: 500 },
    );
  });
});

describe('partitionFault', () => {
  const whole = period(0, 30);
  it.each<[string, Period[], unknown]>([
    ['nothing in a partition in any order', [period(10, 30), period(0, 10)], null],
    ['a hole at the start', [period(5, 30)], { kind: 'HOLE', period: { from: 0, to: 5 } }],
    ['a hole at the end', [period(0, 29)], { kind: 'HOLE', period: { from: 29, to: 30 } }],
    ['a hole when there are no parts', [], { kind: 'HOLE', period: { from: 0, to: 30 } }],
    [
      'a hole between two parts',
      [period(0, 10), period(12, 30)],
      { kind: 'HOLE', period: { from: 10, to: 12 } },
    ],
    [
      'an overlap',
      [period(0, 12), period(10, 30)],
      { kind: 'OVERLAP', period: { from: 10, to: 12 } },
    ],
    [
      'a part inside another',
      [period(0, 30), period(10, 20)],
      { kind: 'OVERLAP', period: { from: 10, to: 20 } },
    ],
    ['time before the whole', [period(-5, 30)], { kind: 'OUTSIDE', period: { from: -5, to: 0 } }],
    ['time after the whole', [period(0, 31)], { kind: 'OUTSIDE', period: { from: 30, to: 31 } }],
    [
      'a part without end in a whole with one',
      [period(0, null)],
      { kind: 'OUTSIDE', period: { from: 30, to: null } },
    ],
    [
      'a part beyond the whole',
      [period(0, 30), period(40, 50)],
      { kind: 'OUTSIDE', period: { from: 40, to: 50 } },
    ],
  ])('finds %s', (_, parts, expected) => {
    expect(partitionFault(whole, parts)).toEqual(expected);
    expect(isPartition(whole, parts)).toBe(expected === null);
  });

  it('accepts a whole without end', () => {
    expect(isPartition(period(0, null), [period(0, 5), period(5, null)])).toBe(true);
    expect(isPartition(period(0, null), [period(0, 5)])).toBe(false);
  });

  it('is null exactly when every instant is covered as it should be', () => {
    const parts = fc.array(periods, { maxLength: 4 });
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 29 }), { maxLength: 6 });
    const sliced = cuts.map((list) => {
      const edges = [0, ...list.sort((a, b) => a - b), 30];
      return edges.slice(1).map((to, i) => period(edges[i] ?? 0, to));
    });
    // One part of a partition begins one instant early or late: the nearest thing to a partition.
    const frayed = fc.tuple(sliced, fc.nat(), fc.constantFrom(-1, 1)).map(([list, pick, off]) =>
      list.map((part, i) => {
        const from = i === pick % list.length ? part.from + off : part.from;
        return period(from, Math.max(part.to ?? 0, from + 1));
      }),
    );
    fc.assert(
      fc.property(fc.oneof(parts, sliced, frayed), (list) => {
        const sound = instants.every((at) => {
          const times = list.filter((part) => contains(part, at)).length;
          return times === (contains(whole, at) ? 1 : 0);
        });
        expect(isPartition(whole, list)).toBe(sound);
      }),
      { numRuns: 1000 },
    );
  });
});
