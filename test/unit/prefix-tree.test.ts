import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildPrefixTree, classOf } from '../../src/rating/prefix-tree.js';

function inOrder(prefixes: Iterable<string>): string[] {
  return [...new Set(prefixes)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/** Place of the longest prefix of the digits, from 1; 0 when there is none. */
function longest(prefixes: readonly string[], digits: string): number {
  return prefixes.findLastIndex((prefix) => digits.startsWith(prefix)) + 1;
}

const digit = fc.constantFrom(...'0123456789');
// Few digits, so that prefixes are often prefixes of each other.
const crowded = fc.string({ unit: fc.constantFrom('1', '2', '0'), maxLength: 15 });
const prefix = fc.oneof(
  { weight: 3, arbitrary: crowded },
  fc.string({ unit: digit, maxLength: 15 }),
  fc.string({ unit: digit, minLength: 5, maxLength: 7 }),
);
const prefixes = fc.array(prefix, { maxLength: 40 }).map(inOrder);

function numberNear(known: readonly string[]): fc.Arbitrary<string> {
  const free = fc.oneof(crowded, fc.string({ unit: digit, maxLength: 15 }));
  const near = fc
    .tuple(fc.constantFrom('', ...known), fc.string({ unit: digit, maxLength: 10 }), fc.nat(15))
    .map(([head, tail, length]) => (head + tail).slice(0, Math.max(1, length)));
  return fc.oneof(near, free).map((digits) => digits.replace(/^0+/, ''));
}

describe('the longest prefix of a number', () => {
  it('is found as by comparing with every prefix', () => {
    let found = 0;
    const cases = prefixes.chain((all) =>
      fc.tuple(fc.constant(all), fc.array(numberNear(all), { minLength: 50, maxLength: 100 })),
    );
    fc.assert(
      fc.property(cases, ([all, numbers]) => {
        const tree = buildPrefixTree(all);
        expect(tree.classes).toBe(all.length + 1);
        for (const digits of numbers) {
          const expected = longest(all, digits);
          if (expected > 0) found += 1;
          expect(classOf(tree, Number(digits)), digits).toBe(expected);
        }
        all.forEach((each, place) => {
          const above = longest(all.slice(0, place), each);
          expect(tree.parentClass[place + 1], each).toBe(above);
        });
      }),
      { numRuns: 400 },
    );
    expect(found).toBeGreaterThan(10_000);
  });

  it('is found for prefixes of every length and numbers of every length', () => {
    const digits = '491512345678901';
    const all = Array.from({ length: 16 }, (_, length) => digits.slice(0, length));
    const tree = buildPrefixTree(all);
    for (let length = 1; length <= 15; length += 1) {
      expect(classOf(tree, Number(digits.slice(0, length)))).toBe(length + 1);
      // The last digit is another: all but the last prefix fit.
      const other = `${digits.slice(0, length - 1)}${(Number(digits[length - 1]) + 1) % 10}`;
      if (other.startsWith('0')) continue;
      expect(classOf(tree, Number(other)), other).toBe(length);
      expect(classOf(tree, Number(other.padEnd(15, '0'))), other).toBe(length);
    }
    expect([...tree.parentClass]).toEqual(
      Array.from({ length: 17 }, (_, at) => Math.max(0, at - 1)),
    );
  });

  it('is the empty prefix for what has no digits, or too many', () => {
    const tree = buildPrefixTree(['', '1']);
    expect([0, -1, 1e15, 2 ** 53].map((number) => classOf(tree, number))).toEqual([1, 1, 1, 1]);
    expect(classOf(tree, 999_999_999_999_999)).toBe(1);
    expect(classOf(tree, 1)).toBe(2);
    const without = buildPrefixTree(['1']);
    expect([0, 2, 1e15].map((number) => classOf(without, number))).toEqual([0, 0, 0]);
    expect(classOf(buildPrefixTree([]), 4930)).toBe(0);
  });

  it('is found among the prefixes of a whole numbering plan', () => {
    // More prefixes than the first allotment of nodes, with long tails behind the table.
    const all = inOrder(
      Array.from({ length: 30_000 }, (_, n) =>
        String(1 + ((n * 7_368_787) % 999_999_999)).slice(0, 1 + (n % 9)),
      ),
    );
    const tree = buildPrefixTree(all);
    const classes = new Map(all.map((each, place) => [each, place + 1]));
    for (let n = 0; n < 50_000; n += 1) {
      const digits = String(100_000 + ((n * 104_729_123) % 99_999_999_999));
      let expected = 0;
      for (let length = digits.length; length > 0 && expected === 0; length -= 1) {
        expected = classes.get(digits.slice(0, length)) ?? 0;
      }
      if (classOf(tree, Number(digits)) !== expected) expect(`${digits} finds another`).toBe('');
    }
  });

  it('refuses a prefix that stands twice', () => {
    expect(() => buildPrefixTree(['1', '1'])).toThrow('twice');
  });
});
