import { describe, expect, it } from 'vitest';
import { type ChargeTariff, roundedCharge, tariffCharge } from '../../src/rating/charge.js';
import { NOTHING } from '../../src/rating/fraction.js';

const tariff: ChargeTariff = {
  price: 12_000_000n,
  connectionFee: 5_000_000n,
  rateUnit: 60,
  terms: null,
  conversion: null,
  shareConversion: null,
  step: 1n,
  rounding: 'HALF_UP',
};
const terms = { model: 'PER_UNIT', minCharge: 0n, maxCharge: null, schedule: null } as const;
const carried = { value: 0n, position: { before: 0, total: 0, first: true } };
const slice = (billed: number) => ({ billed, price: tariff.price, rateUnit: tariff.rateUnit });

describe('a record of which nothing is left to charge', () => {
  it('costs nothing, whatever a record costs at least', () => {
    expect(tariffCharge(tariff, [], carried)).toEqual(NOTHING);
    expect(tariffCharge(tariff, [slice(0), slice(0)], carried)).toEqual(NOTHING);
    const least = { ...tariff, terms: { ...terms, minCharge: 99n } };
    expect(tariffCharge(least, [], carried)).toEqual(NOTHING);
  });
});

describe('a charge', () => {
  it('has one fee however many slices it has, and is converted with it', () => {
    const cost = (given: ChargeTariff) =>
      roundedCharge(tariffCharge(given, [slice(30), slice(60)], carried), given);
    // 0.05 and 90 s at 0.12 a minute are 0.23.
    expect(cost(tariff)).toBe(23_000_000n);
    expect(cost({ ...tariff, conversion: { numerator: 3n, denominator: 2n } })).toBe(34_500_000n);
    expect(cost({ ...tariff, step: 10_000_000n })).toBe(20_000_000n);
    expect(cost({ ...tariff, terms: { ...terms, minCharge: 24_000_000n } })).toBe(24_000_000n);
    expect(cost({ ...tariff, terms: { ...terms, maxCharge: 22_000_000n } })).toBe(22_000_000n);
  });
});
