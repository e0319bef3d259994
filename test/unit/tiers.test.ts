import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TierStep } from '../../src/catalog/index.js';
import { mulDiv, roundingCode, roundingModes } from '../../src/kernel/index.js';
import { plus, whole } from '../../src/rating/fraction.js';
import { graduated, graduatedNumber, numberTiers, stepOf, volume } from '../../src/rating/tiers.js';

const RUNS = Number(process.env.KONTOR_TEST_RUNS ?? 20_000);
const EXACT = 2n ** 53n;

const step = (fields: Partial<TierStep> = {}): TierStep => ({
  upTo: null,
  price: 10n,
  rateUnit: 1,
  flatFee: 0n,
  block: false,
  ...fields,
});

/** Steps of the given widths, the last one open. */
function stepsOf(widths: readonly number[], fields: readonly Partial<TierStep>[]): TierStep[] {
  let upTo = 0;
  return fields.map((each, n) => {
    upTo += widths[n] ?? 0;
    return step({ ...each, upTo: n === fields.length - 1 ? null : upTo });
  });
}

const tiers = (largestPrice: bigint) =>
  fc
    .tuple(
      fc.constantFrom(1, 6, 60, 1024),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.bigInt(0n, largestPrice)), {
        minLength: 1,
        maxLength: 5,
      }),
    )
    .map(([rateUnit, drawn]) =>
      stepsOf(
        drawn.map(([width]) => width),
        drawn.map(([, price]) => ({ price, rateUnit })),
      ),
    );

const position = fc.integer({ min: 0, max: 150 });
const units = fc.integer({ min: 1, max: 150 });

/** The graduated charge in plain numbers and as it must be; the latter as a bigint. */
function both(
  steps: readonly TierStep[],
  before: number,
  used: number,
  fee: bigint,
  smallest: bigint,
  place: number,
) {
  const mode = roundingModes[place]!;
  const quick = graduatedNumber(
    numberTiers(steps)!,
    before,
    used,
    Number(fee),
    Number(smallest),
    roundingCode(mode),
  );
  const { numerator, denominator } = plus(whole(fee), graduated(steps, before, used));
  return { quick, exact: mulDiv(numerator, 1n, denominator * smallest, mode) * smallest };
}

describe('tiers in plain numbers', () => {
  const mode = fc.integer({ min: 0, max: roundingModes.length - 1 });
  const smallest = fc.constantFrom(1n, 10_000n, 1_000_000n);

  it('come to the same as exact ones', () => {
    fc.assert(
      fc.property(
        tiers(5_000_000_000n),
        position,
        units,
        fc.bigInt(0n, 900_000_000n),
        smallest,
        mode,
        (steps, before, used, fee, least, place) => {
          const { quick, exact } = both(steps, before, used, fee, least, place);
          expect(quick).toBe(Number(exact));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('are right or leave it to exact ones where sums grow large', () => {
    let left = 0;
    fc.assert(
      fc.property(
        tiers(2n ** 52n),
        position,
        units,
        smallest,
        mode,
        (steps, before, used, least, place) => {
          const { quick, exact } = both(steps, before, used, 7n, least, place);
          if (Number.isNaN(quick)) left += 1;
          else expect(BigInt(quick)).toBe(exact);
        },
      ),
      { numRuns: RUNS },
    );
    expect(left).toBeGreaterThan(RUNS / 100);
  });

  it('go up to the last sum that is an exact number', () => {
    const sum = (price: bigint, used: number) =>
      graduatedNumber(numberTiers([step({ price })])!, 0, used, 0, 1, roundingCode('HALF_UP'));
    expect(sum(EXACT - 1n, 1)).toBe(Number(EXACT - 1n));
    expect(sum(EXACT, 1)).toBeNaN();
    expect(sum(EXACT / 2n, 2)).toBeNaN();
  });

  it.each([
    ['a block', { block: true }],
    ['a flat fee', { flatFee: 1n }],
    ['another rate unit', { rateUnit: 60 }],
  ])('leave steps with %s to exact ones', (_, odd) => {
    expect(numberTiers(stepsOf([10, 10], [{}, {}]))).not.toBeNull();
    expect(numberTiers(stepsOf([10, 10], [{}, odd]))).toBeNull();
    expect(numberTiers(stepsOf([10, 10], [odd, {}]))).toBeNull();
  });
});

describe('graduated steps', () => {
  const steps = stepsOf(
    [10, 20],
    [
      { price: 100n, flatFee: 5n },
      { price: 70n, rateUnit: 7, block: true, flatFee: 3n },
      { price: 1n, flatFee: 1000n },
    ],
  );
  const cost = (before: number, used: number) => {
    const { numerator, denominator } = graduated(steps, before, used);
    expect(numerator % denominator).toBe(0n);
    return numerator / denominator;
  };

  it('cost by the unit, a flat fee with the first unit of each, blocks from their start', () => {
    expect(cost(0, 0)).toBe(0n);
    expect(cost(0, 1)).toBe(105n);
    expect(cost(0, 10)).toBe(1005n);
    expect(cost(1, 9)).toBe(900n);
    // The eleventh unit begins the first block of seven.
    expect(cost(10, 1)).toBe(73n);
    expect(cost(11, 6)).toBe(0n);
    expect(cost(11, 7)).toBe(70n);
    expect(cost(9, 2)).toBe(100n + 73n);
    // 20 units are three blocks.
    expect(cost(0, 31)).toBe(1005n + 213n + 1001n);
    expect(cost(30, 2)).toBe(1002n);
    expect(cost(31, 2)).toBe(2n);
  });

  it('cost the same however a volume is cut into records', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 12 }), (parts) => {
        let before = 0;
        let sum = 0n;
        for (const part of parts) {
          sum += cost(before, part);
          before += part;
        }
        expect(sum).toBe(cost(0, before));
      }),
    );
  });
});

describe('volume steps', () => {
  const steps = stepsOf([10, 20], [{ price: 9n, flatFee: 2n }, { price: 5n }, { price: 1n }]);

  it('hold their last unit', () => {
    expect([0, 1, 10, 11, 30, 31].map((total) => stepOf(steps, total))).toEqual([0, 0, 0, 1, 1, 2]);
  });

  it('price all units by the step of the total, a flat fee with the first record', () => {
    const cost = (before: number, total: number, first: boolean, used: number) =>
      volume(steps, { before, total, first }, used);
    expect(cost(0, 10, true, 4)).toEqual(whole(38n));
    expect(cost(4, 10, false, 6)).toEqual(whole(54n));
    expect(cost(0, 11, true, 4)).toEqual(whole(20n));
    expect(cost(0, 31, false, 4)).toEqual(whole(4n));
  });
});
