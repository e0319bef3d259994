import { describe, expect, it } from 'vitest';
import { roundingModes } from '../../src/kernel/index.js';
import { type ChargeTariff, roundedCharge, tariffCharge } from '../../src/rating/charge.js';
import { QuickTariffs } from '../../src/rating/quick-charge.js';
import { Draw } from '../fixtures/draw.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 5_211);
const PLAIN: ChargeTariff = {
  price: 12_000_000n,
  connectionFee: 5_000_000n,
  rateUnit: 60,
  terms: null,
  conversion: null,
  shareConversion: null,
  step: 10_000n,
  rounding: 'HALF_UP',
};
const STEP = { flatFee: 0n, rateUnit: 60, block: false };
const TIERS = [
  { ...STEP, upTo: 100, price: 25_000_000n },
  { ...STEP, upTo: null, price: 10_000_000n },
];
const SCHEDULE = { id: 1, period: 'MONTH', scope: 'SUBSCRIPTION', steps: TIERS } as const;
const FREE = { minCharge: 0n, maxCharge: null };
const TIERED: ChargeTariff = {
  ...PLAIN,
  terms: { ...FREE, model: 'GRADUATED', schedule: SCHEDULE } as ChargeTariff['terms'],
};
const FIRST = { before: 0, total: 0, first: true };

function exact(tariff: ChargeTariff, units: number, before: number): number {
  const slices = [{ billed: units, price: tariff.price, rateUnit: tariff.rateUnit }];
  const carried = { value: 0n, position: { before, total: before + units, first: before === 0 } };
  return Number(roundedCharge(tariffCharge(tariff, slices, carried), tariff));
}

describe('a charge in plain numbers', () => {
  it('is the exact one, per unit and by graduated tiers', () => {
    const draw = new Draw(SEED);
    for (let n = 0; n < 2_000; n += 1) {
      const terms = {
        price: BigInt(draw.below(2 ** 30)),
        connectionFee: draw.chance(0.5) ? 0n : BigInt(draw.below(2 ** 25)),
        rateUnit: draw.pick([1, 60, 1000]),
        step: draw.pick([1n, 100n, 1_000_000n]),
        rounding: draw.pick(roundingModes),
      };
      const quick = new QuickTariffs([
        { ...PLAIN, ...terms },
        { ...TIERED, ...terms },
      ]);
      const [units, before] = [1 + draw.below(5_000), draw.below(300)];
      const place = `seed ${SEED}, ${n}`;
      for (let twice = 0; twice < 2; twice += 1) {
        expect(quick.charge(0, units, null), place).toBe(exact({ ...PLAIN, ...terms }, units, 0));
        const position = { before, total: before + units, first: before === 0 };
        const tiered = exact({ ...TIERED, ...terms }, units, before);
        expect(quick.charge(1, units, position), place).toBe(tiered);
      }
    }
  });

  it('is left to the exact way where more than units and a fee decide', () => {
    const models = ['PER_EVENT', 'PERCENTAGE', 'REVENUE_SHARE', 'PACKAGE'] as const;
    const limits = [{ minCharge: 1n }, { maxCharge: 1n }, { minCharge: 1n, maxCharge: 2n }];
    const others: ChargeTariff[] = [
      { ...PLAIN, conversion: { numerator: 1n, denominator: 2n } },
      ...models.map((model) => ({ ...PLAIN, terms: { ...FREE, model, schedule: null } })),
      ...limits.map((limit) => {
        return {
          ...PLAIN,
          terms: { ...FREE, ...limit, model: 'PER_UNIT' as const, schedule: null },
        };
      }),
    ];
    const tiered: ChargeTariff[] = [
      { ...TIERED, conversion: { numerator: 1n, denominator: 2n } },
      ...limits.map((limit) => ({ ...TIERED, terms: { ...TIERED.terms!, ...limit } })),
      { ...TIERED, terms: { ...TIERED.terms!, model: 'VOLUME' } },
      {
        ...TIERED,
        terms: {
          ...TIERED.terms!,
          schedule: { ...SCHEDULE, steps: [{ ...TIERS[1]!, block: true }] },
        },
      } as ChargeTariff,
      PLAIN,
    ];
    const quick = new QuickTariffs([...others, ...tiered]);
    expect(others.map((_, at) => quick.charge(at, 90, null))).toEqual(others.map(() => Number.NaN));
    expect(tiered.map((_, at) => quick.charge(others.length + at, 90, FIRST))).toEqual(
      tiered.map(() => Number.NaN),
    );
    // Without limits, whatever the record has by name of a model, it is charged by its units.
    const named = { ...PLAIN, terms: { ...FREE, model: 'PER_UNIT' as const, schedule: null } };
    expect(new QuickTariffs([named]).charge(0, 90, null)).toBe(23_000_000);
  });
});
