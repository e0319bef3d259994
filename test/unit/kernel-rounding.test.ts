import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  Bug,
  DomainError,
  divRoundNumber,
  mulDiv,
  type RoundingMode,
  roundingCode,
  roundingModes,
  roundToScale,
} from '../../src/kernel/index.js';
import { decimalModes } from '../fixtures/oracle.js';

const Oracle = Decimal.clone({ precision: 400, toExpNeg: -9e15, toExpPos: 9e15 });

/** The exact quotient rounded by decimal.js; its sign, so a tie is judged on all its digits. */
function oracleDivide(numerator: bigint, divisor: bigint, mode: RoundingMode): bigint {
  const quotient = new Oracle(numerator.toString()).div(divisor.toString());
  return BigInt(quotient.toDecimalPlaces(0, decimalModes[mode]).toFixed());
}

const anyMode = fc.constantFrom(...roundingModes);
const large = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
const nonZero = large.filter((value) => value !== 0n);
const safe = Number.MAX_SAFE_INTEGER;

describe('mulDiv', () => {
  const table: [bigint, bigint, Record<RoundingMode, bigint>][] = [
    [5n, 2n, { HALF_UP: 3n, HALF_EVEN: 2n, UP: 3n, DOWN: 2n, CEILING: 3n, FLOOR: 2n }],
    [7n, 2n, { HALF_UP: 4n, HALF_EVEN: 4n, UP: 4n, DOWN: 3n, CEILING: 4n, FLOOR: 3n }],
    [-5n, 2n, { HALF_UP: -3n, HALF_EVEN: -2n, UP: -3n, DOWN: -2n, CEILING: -2n, FLOOR: -3n }],
    [-7n, 2n, { HALF_UP: -4n, HALF_EVEN: -4n, UP: -4n, DOWN: -3n, CEILING: -3n, FLOOR: -4n }],
    [1n, 3n, { HALF_UP: 0n, HALF_EVEN: 0n, UP: 1n, DOWN: 0n, CEILING: 1n, FLOOR: 0n }],
    [-1n, 3n, { HALF_UP: 0n, HALF_EVEN: 0n, UP: -1n, DOWN: 0n, CEILING: 0n, FLOOR: -1n }],
    [2n, 3n, { HALF_UP: 1n, HALF_EVEN: 1n, UP: 1n, DOWN: 0n, CEILING: 1n, FLOOR: 0n }],
    [6n, 3n, { HALF_UP: 2n, HALF_EVEN: 2n, UP: 2n, DOWN: 2n, CEILING: 2n, FLOOR: 2n }],
    [0n, 3n, { HALF_UP: 0n, HALF_EVEN: 0n, UP: 0n, DOWN: 0n, CEILING: 0n, FLOOR: 0n }],
  ];
  it.each(table)('rounds %d / %d by every mode', (numerator, divisor, expected) => {
    for (const mode of roundingModes) {
      expect(mulDiv(numerator, 1n, divisor, mode), mode).toBe(expected[mode]);
      expect(mulDiv(numerator, -1n, -divisor, mode), `${mode}, signs`).toBe(expected[mode]);
    }
  });

  it('agrees with decimal.js for numbers of any size and sign', () => {
    fc.assert(
      fc.property(large, large, nonZero, anyMode, (a, b, divisor, mode) => {
        expect(mulDiv(a, b, divisor, mode)).toBe(oracleDivide(a * b, divisor, mode));
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with decimal.js on ties and their neighbours', () => {
    const near = fc.bigInt({ min: -2n, max: 2n });
    const odd = fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }).map((n) => 2n * n + 1n);
    fc.assert(
      fc.property(odd, nonZero, near, anyMode, (halves, half, off, mode) => {
        const numerator = halves * half + off;
        expect(mulDiv(numerator, 1n, 2n * half, mode)).toBe(
          oracleDivide(numerator, 2n * half, mode),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('treats a zero divisor and an unknown mode as bugs', () => {
    expect(() => mulDiv(1n, 1n, 0n, 'HALF_UP')).toThrow(Bug);
    expect(() => mulDiv(1n, 1n, 3n, 'HALFWAY' as RoundingMode)).toThrow(Bug);
  });
});

describe('roundToScale', () => {
  it('widens exactly and narrows by the mode', () => {
    expect(roundToScale(12n, 2, 8, 'HALF_UP')).toBe(12_000_000n);
    expect(roundToScale(-12_345_678n, 8, 2, 'HALF_UP')).toBe(-12n);
    expect(roundToScale(-12_500_000n, 8, 2, 'HALF_UP')).toBe(-13n);
    expect(roundToScale(-12_500_000n, 8, 2, 'HALF_EVEN')).toBe(-12n);
    expect(roundToScale(7n, 3, 3, 'UP')).toBe(7n);
  });

  it('agrees with decimal.js between any two scales', () => {
    const scale = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(large, scale, scale, anyMode, (amount, from, to, mode) => {
        const expected = new Oracle(amount.toString())
          .div(new Oracle(10).pow(from))
          .toDecimalPlaces(to, decimalModes[mode])
          .mul(new Oracle(10).pow(to));
        expect(roundToScale(amount, from, to, mode)).toBe(BigInt(expected.toFixed()));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('divRoundNumber', () => {
  /** The reference is mulDiv, which the tests above hold against decimal.js. */
  function check(numerator: number, divisor: number, mode: RoundingMode): void {
    const expected = Number(mulDiv(BigInt(numerator), 1n, BigInt(divisor), mode));
    // toBe tells 0 from -0, so a negative zero would fail here.
    expect(divRoundNumber(numerator, divisor, roundingCode(mode))).toBe(expected);
  }

  it('is exact over the whole range of safe integers', () => {
    const numerator = fc.integer({ min: -safe, max: safe });
    const divisor = fc.oneof(
      fc.integer({ min: 1, max: 1000 }),
      fc.constantFrom(60, 1000, 60_000, 1024, 1_048_576, 100_000_000),
      fc.integer({ min: 1, max: safe }),
    );
    fc.assert(fc.property(numerator, divisor, anyMode, check), { numRuns: 5000 });
  });

  it('is exact one below, at and one above every multiple next to 2^53', () => {
    const divisor = fc.oneof(
      fc.integer({ min: 1, max: 1 << 20 }),
      fc.integer({ min: safe - (1 << 20), max: safe }),
      fc.integer({ min: 0, max: 52 }).map((power) => 2 ** power),
      fc.integer({ min: 1, max: safe }),
    );
    const back = fc.integer({ min: 0, max: 50 });
    fc.assert(
      fc.property(divisor, back, anyMode, fc.boolean(), (size, steps, mode, negative) => {
        const multiple = (Math.floor(safe / size) - steps) * size;
        for (const numerator of [multiple - 1, multiple, multiple + 1, safe, safe - 1]) {
          if (numerator < 0 || numerator > safe) continue;
          check(negative ? -numerator : numerator, size, mode);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('tells a tie from its neighbours at every size', () => {
    const divisor = fc.integer({ min: 1, max: 2 ** 40 }).map((n) => 2 * n);
    fc.assert(
      fc.property(divisor, fc.nat(), anyMode, fc.boolean(), (size, seed, mode, negative) => {
        const most = Math.floor(safe / size) - 1;
        const multiple = (most - (seed % (most + 1))) * size;
        for (const off of [-1, 0, 1]) {
          const numerator = multiple + size / 2 + off;
          if (numerator <= safe) check(negative ? -numerator : numerator, size, mode);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('never answers -0', () => {
    for (const mode of roundingModes) {
      for (const numerator of [0, -0, -1]) check(numerator, 3, mode);
    }
  });

  it('gives every mode a number of its own', () => {
    expect(roundingModes.map(roundingCode)).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('allocate', () => {
  const table: [string, bigint, bigint[], bigint[]][] = [
    ['an even split', 100n, [1n, 1n], [50n, 50n]],
    ['the odd units to the first of equals', 100n, [1n, 1n, 1n], [34n, 33n, 33n]],
    ['two odd units', 101n, [1n, 1n, 1n], [34n, 34n, 33n]],
    ['the odd unit to the largest remainder', 100n, [1n, 2n, 3n], [17n, 33n, 50n]],
    ['a late largest remainder', 10n, [1n, 1n, 4n], [2n, 2n, 6n]],
    ['nothing to a zero weight', 5n, [0n, 1n, 0n, 1n], [0n, 3n, 0n, 2n]],
    ['a negative total as the mirror of the positive', -100n, [1n, 1n, 1n], [-34n, -33n, -33n]],
    ['a zero total', 0n, [3n, 4n], [0n, 0n]],
    ['fewer units than parts', 2n, [1n, 1n, 1n, 1n], [1n, 1n, 0n, 0n]],
  ];
  it.each(table)('gives %s', (_, total, weights, parts) => {
    expect(allocate(total, weights)).toEqual(parts);
  });

  it('prefers the largest remainder to the order of the parts', () => {
    // The exact shares are 5.14 and three times 1.29.
    expect(allocate(9n, [4n, 1n, 1n, 1n])).toEqual([5n, 2n, 1n, 1n]);
    expect(allocate(99n, [2n, 3n])).toEqual([40n, 59n]);
  });

  const weights = fc
    .array(fc.bigInt({ min: 0n, max: 10n ** 20n }), { minLength: 1, maxLength: 30 })
    .filter((list) => list.some((weight) => weight > 0n));

  it('always adds up, stays within one unit of the exact share and keeps order by weight', () => {
    fc.assert(
      fc.property(large, weights, (total, list) => {
        const parts = allocate(total, list);
        const sum = list.reduce((a, b) => a + b, 0n);
        expect(parts.reduce((a, b) => a + b, 0n)).toBe(total);
        for (const [place, part] of parts.entries()) {
          const weight = list[place] ?? 0n;
          const exact = new Oracle(total.toString()).mul(weight.toString()).div(sum.toString());
          expect(new Oracle(part.toString()).sub(exact).abs().lt(1)).toBe(true);
          if (weight === 0n) expect(part).toBe(0n);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('never hands a unit past a part with a larger remainder', () => {
    const few = fc.array(fc.bigInt({ min: 0n, max: 50n }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 5000n }), few, (total, list) => {
        const sum = list.reduce((a, b) => a + b, 0n);
        fc.pre(sum > 0n);
        const parts = allocate(total, list);
        const extra = (i: number) => (parts[i] ?? 0n) - (total * (list[i] ?? 0n)) / sum;
        const remainder = (i: number) => (total * (list[i] ?? 0n)) % sum;
        for (let i = 0; i < list.length; i += 1) {
          for (let j = 0; j < list.length; j += 1) {
            const first = remainder(i) > remainder(j) || (remainder(i) === remainder(j) && i < j);
            if (first) expect(extra(i)).toBeGreaterThanOrEqual(extra(j));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses weights that cannot share anything', () => {
    for (const list of [[], [0n, 0n], [2n, -1n], [-1n]]) {
      expect(() => allocate(10n, list)).toThrow(
        expect.objectContaining({ code: 'INVALID_WEIGHTS' }) as DomainError,
      );
    }
    expect(new DomainError('X', 'y').details).toEqual({});
  });
});
