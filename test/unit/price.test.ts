import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseAmount,
  type RoundingMode,
  roundingCode,
  roundingModes,
} from '../../src/kernel/index.js';
import { amountOf, billedQuantity, type Tariff } from '../../src/rating/price.js';
import { decimalModes } from '../fixtures/oracle.js';

const Exact = Decimal.clone({ precision: 120 });
const LIMIT = 2 ** 53;
const RUNS = Number(process.env.KONTOR_TEST_RUNS ?? 40_000);

const plain: Tariff = {
  price: 0,
  connectionFee: 0,
  rateUnit: 60,
  firstIncrement: 1,
  nextIncrement: 1,
  minimum: 0,
  grace: 0,
};

function billed(quantity: number, fields: Partial<Tariff>): number {
  const tariff = { ...plain, ...fields };
  const { firstIncrement, nextIncrement, minimum, grace } = tariff;
  return billedQuantity(quantity, firstIncrement, nextIncrement, minimum, grace);
}

function scale8(amount: string): number {
  return Number(parseAmount(amount));
}

/** What a quantity costs in euros, with as many decimals as the contract keeps. */
function cost(
  quantity: number,
  fields: Partial<Tariff>,
  decimals = 8,
  mode: RoundingMode = 'HALF_UP',
): string {
  const tariff = { ...plain, ...fields };
  const amount = amountOf(
    billed(quantity, fields),
    tariff.price,
    tariff.connectionFee,
    tariff.rateUnit,
    10 ** (8 - decimals),
    roundingCode(mode),
  );
  return new Exact(amount).div(1e8).toFixed(decimals);
}

describe('charged quantity and amount', () => {
  it('charges 30/6 as the trade does (case 1)', () => {
    const tariff = { price: scale8('0.006'), firstIncrement: 30, nextIncrement: 6 };
    expect([32, 57, 75].map((seconds) => cost(seconds, tariff, 4))).toEqual([
      '0.0036',
      '0.0060',
      '0.0078',
    ]);
    expect([1, 30, 31, 36, 37].map((seconds) => billed(seconds, tariff))).toEqual([
      30, 30, 36, 36, 42,
    ]);
  });

  it('counts increments beyond the minimum (case 2)', () => {
    const tariff = { minimum: 25, firstIncrement: 8, nextIncrement: 8 };
    expect([1, 25, 26, 33, 34].map((seconds) => billed(seconds, tariff))).toEqual([
      25, 25, 33, 33, 41,
    ]);
  });

  it('charges at least the minimum, and nothing up to the grace (case 3)', () => {
    expect(billed(20, { minimum: 30 })).toBe(30);
    expect([4, 5, 6].map((seconds) => billed(seconds, { grace: 5 }))).toEqual([0, 0, 6]);
  });

  it('charges by the second, and nothing for nothing (case 4)', () => {
    const tariff = { price: scale8('1'), rateUnit: 1, connectionFee: scale8('0.5') };
    expect(cost(90, tariff, 2)).toBe('90.50');
    expect(cost(0, tariff, 2)).toBe('0.00');
    expect(billed(0, { minimum: 30, firstIncrement: 60 })).toBe(0);
  });

  it('does not take grace for included seconds (case 10 is for buckets)', () => {
    expect(billed(15, { grace: 5 })).toBe(15);
  });

  it('keeps the five fields apart', () => {
    const tariff = {
      price: scale8('0.60'),
      connectionFee: scale8('0.07'),
      firstIncrement: 30,
      nextIncrement: 6,
      minimum: 40,
      grace: 3,
    };
    expect(cost(41, tariff, 2)).toBe('0.53');
    expect(cost(41, { ...tariff, connectionFee: 0 }, 2)).toBe('0.46');
    expect(cost(41, { ...tariff, firstIncrement: 60 }, 2)).toBe('0.67');
    expect(cost(41, { ...tariff, nextIncrement: 20 }, 2)).toBe('0.67');
    expect(cost(41, { ...tariff, minimum: 0 }, 2)).toBe('0.49');
    expect(cost(41, { ...tariff, grace: 41 }, 2)).toBe('0.00');
    expect(cost(3, tariff, 2)).toBe('0.00');
    expect(cost(4, tariff, 2)).toBe('0.47');
  });

  it('rounds fee and usage together and once', () => {
    // 0.125 + 0.125 apart would each go up to 0.13.
    const tariff = { price: scale8('0.125'), connectionFee: scale8('0.125') };
    expect(cost(60, tariff, 2, 'HALF_UP')).toBe('0.25');
    expect(cost(60, { ...tariff, connectionFee: 0 }, 2, 'HALF_UP')).toBe('0.13');
    expect(cost(60, { ...tariff, connectionFee: 0 }, 2, 'HALF_EVEN')).toBe('0.12');
    expect(cost(60, { ...tariff, connectionFee: 0 }, 0, 'UP')).toBe('1');
    expect(cost(60, { ...tariff, connectionFee: 0 }, 0, 'CEILING')).toBe('1');
    expect(cost(60, { ...tariff, connectionFee: 0 }, 0, 'FLOOR')).toBe('0');
    expect(cost(60, { ...tariff, connectionFee: 0 }, 0, 'DOWN')).toBe('0');
  });

  it('answers NaN from 2^53 on, whichever way it computes', () => {
    const amount = (price: number, step: number) => amountOf(1, price, 0, 1, step, 2);
    expect(amount(LIMIT - 1, 1)).toBe(LIMIT - 1);
    // Rounded up to a whole unit the first lies below the limit, the second beyond it.
    expect(amount(9_007_199_200_000_000, 1e8)).toBe(9_007_199_200_000_000);
    expect(amount(9_007_199_200_000_001, 1e8)).toBeNaN();
    expect(amountOf(2, 2 ** 52, 0, 1, 1, 0)).toBeNaN();
    expect(amountOf(2, 2 ** 52, 0, 2, 1, 0)).toBe(2 ** 52);
    expect(amountOf(1, 0, LIMIT - 1, 60, 1, 0)).toBe(LIMIT - 1);
  });
});

const rate = fc.oneof(
  fc.nat(1000),
  fc.nat(200_000_000),
  fc.maxSafeNat(),
  fc.nat(9999).map((below) => LIMIT - 1 - below),
);
const increment = fc.oneof(fc.constantFrom(0, 1, 6, 30, 60, 1024), fc.nat(2_147_483_647));
const rateUnit = fc.oneof(
  fc.constantFrom(1, 60, 3600, 1024, 1_048_576, 1_000_000_000, 1_073_741_824),
  fc.integer({ min: 1, max: 1_073_741_824 }),
);
const quantity = fc.oneof(
  fc.nat(100),
  fc.nat(10_000),
  fc.nat(2 ** 40),
  fc.nat(999_999_999_999_999),
);

function amountByDecimal(
  units: number,
  tariff: Pick<Tariff, 'price' | 'connectionFee' | 'rateUnit'>,
  decimals: number,
  mode: RoundingMode,
): number {
  if (units === 0) return 0;
  const usage = new Exact(tariff.price).times(units).div(tariff.rateUnit);
  const euros = usage.plus(tariff.connectionFee).div(1e8);
  const amount = euros.toDecimalPlaces(decimals, decimalModes[mode]).times(1e8);
  return amount.lt(LIMIT) ? amount.toNumber() : Number.NaN;
}

describe('against exact decimals', () => {
  it('charges the same quantity', () => {
    fc.assert(
      fc.property(
        quantity,
        increment,
        increment.map((next) => Math.max(1, next)),
        increment,
        increment,
        (used, firstIncrement, nextIncrement, minimum, grace) => {
          const base = Decimal.max(firstIncrement, minimum);
          const steps = Decimal.max(0, new Exact(used).minus(base).div(nextIncrement)).ceil();
          const expected = used === 0 || used <= grace ? 0 : base.plus(steps.times(nextIncrement));
          expect(billedQuantity(used, firstIncrement, nextIncrement, minimum, grace)).toBe(
            Number(expected),
          );
        },
      ),
      { numRuns: RUNS / 2 },
    );
  });

  const modes = fc.constantFrom(...roundingModes);
  const decimals = fc.nat(8);

  it('gives the same amount in every mode and with any number of decimals', () => {
    let tooLarge = 0;
    let beyondNumbers = 0;
    fc.assert(
      fc.property(
        quantity,
        rate,
        rate,
        rateUnit,
        decimals,
        modes,
        (units, price, fee, unit, d, m) => {
          const tariff = { price, connectionFee: fee, rateUnit: unit };
          const expected = amountByDecimal(units, tariff, d, m);
          if (Number.isNaN(expected)) tooLarge += 1;
          else if (price * units + fee * unit >= LIMIT) beyondNumbers += 1;
          const amount = amountOf(units, price, fee, unit, 10 ** (8 - d), roundingCode(m));
          expect(amount).toBe(expected);
        },
      ),
      { numRuns: RUNS },
    );
    expect(tooLarge).toBeGreaterThan(RUNS / 40);
    expect(beyondNumbers).toBeGreaterThan(RUNS / 40);
  });

  it('gives the same amount around ties and around 2^53', () => {
    // Prices that make the quotient end just below, at and just above a half or the limit.
    const nudge = fc.integer({ min: -2, max: 2 });
    fc.assert(
      fc.property(
        fc.nat(2_000_000),
        fc.constantFrom(1, 2, 3, 4, 7, 10, 60, 1024, 1_073_741_824),
        nudge,
        decimals,
        modes,
        fc.boolean(),
        (near, unit, off, d, m, high) => {
          const step = 10 ** (8 - d);
          const half = Math.floor((2 * near + 1) * (step / 2) * unit);
          const fee = Math.max(0, (high ? LIMIT - 1 - near : half) + off);
          if (fee >= LIMIT) return;
          // The fee comes through whole; a price of one per `unit` units adds the fraction.
          const [price, connectionFee] = high ? [1, fee] : [fee, 0];
          const tariff = { price, connectionFee, rateUnit: unit };
          const amount = amountOf(1, price, connectionFee, unit, step, roundingCode(m));
          expect(amount).toBe(amountByDecimal(1, tariff, d, m));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('is exact up to 2^53, through sums that are larger, and says so beyond', () => {
    const most = LIMIT - 1;
    const halfUp = roundingCode('HALF_UP');
    const down = roundingCode('DOWN');
    // Three times the price is no exact number; a third of it is.
    expect(amountOf(3, most, 0, 3, 1, down)).toBe(most);
    expect(amountOf(3, most - 1, 1, 3, 1, down)).toBe(most);
    // The fee alone lifts the sum beyond it.
    expect(amountOf(1, most, 2 ** 52, 4, 1, down)).toBe(2 ** 52 + 2 ** 51 - 1);
    // The sum is 2^53 + 1, which as a number is 2^53.
    expect(amountOf(3, 3_002_399_751_580_331, 0, 2, 1, halfUp)).toBe(2 ** 52 + 1);
    // Rounding up to the step reaches it.
    expect(amountOf(1, most, 0, 1, 2, halfUp)).toBeNaN();
    expect(amountOf(1, most, 0, 1, 2, down)).toBe(most - 1);
    expect(amountOf(1, most, 1, 1, 1, down)).toBeNaN();
  });

  it('is not worked out from prices and fees that are no exact numbers', () => {
    const down = roundingCode('DOWN');
    expect(amountOf(1, LIMIT, 0, 4, 1, down)).toBeNaN();
    expect(amountOf(1, 1, LIMIT, 4, 1, down)).toBeNaN();
    expect(amountOf(0, LIMIT, 0, 4, 1, down)).toBe(0);
  });
});
