import { describe, expect, it } from 'vitest';
import { CreditSums } from '../../src/rating/credit-sums.js';
import { storable } from '../../src/rating/exact-sum.js';
import { Draw } from '../fixtures/draw.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 4_711);
const DAY_MS = 86_400_000;
const dayOf = (text: string) => Date.parse(text) / DAY_MS;
const idAt = (place: number) => 100 + place;
const ALL = new Set([100, 101, 102]);

describe('what a batch charges subscriptions', () => {
  it('is by civil month, of those alone that are asked for', () => {
    const sums = new CreditSums(3);
    for (const [place, day, amount] of [
      [0, '2024-02-29', 5],
      [0, '2024-03-01', 7],
      [1, '2024-02-01', 11],
      [0, '2024-02-01', 13],
      [0, '1969-12-31', -2],
    ] as const) {
      sums.add(place, dayOf(day), amount);
    }
    expect(sums.entries(new Set([100, 102]), idAt)).toEqual([
      [100, '2024-02-01', '18'],
      [100, '2024-03-01', '7'],
      [100, '1969-12-01', '-2'],
    ]);
  });

  it('is exact, however large', () => {
    const draw = new Draw(SEED);
    const sums = new CreditSums(3);
    const exact = [0n, 0n, 0n];
    const day = dayOf('2026-10-10');
    for (let n = 0; n < 20_000; n += 1) {
      const place = draw.below(3);
      const large = (2 ** 53 - 1 - draw.below(1000)) * (draw.chance(0.3) ? -1 : 1);
      const amount = draw.chance(0.2) ? large : draw.below(1_000_000);
      sums.add(place, day, amount);
      exact[place]! += BigInt(amount);
    }
    expect(sums.entries(ALL, idAt)).toEqual(
      exact.map((sum, place) => [idAt(place), '2026-10-01', sum.toString()]),
    );
  });

  it('leaves out what has come to nothing', () => {
    const sums = new CreditSums(3);
    const day = dayOf('2026-10-10');
    sums.add(0, day, 2 ** 53 - 1);
    sums.add(0, day, 2 ** 53 - 1);
    sums.add(0, day, -(2 ** 53 - 1));
    sums.add(0, day, -(2 ** 53 - 1));
    sums.add(1, day, 4);
    sums.add(1, day, -4);
    expect(sums.entries(ALL, idAt)).toEqual([]);
  });
});

describe('a sum that is stored', () => {
  it('comes in parts that a column of 64 bits holds, of which none is lost', () => {
    const most = 2n ** 63n - 1n;
    for (const total of [0n, 5n, most, -most, most + 1n, -most - 1n, 3n * most, -5n * most - 7n]) {
      const parts = storable(total);
      expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(total);
      expect(parts.every((part) => part <= most && part >= -most)).toBe(true);
    }
    expect(storable(0n)).toEqual([0n]);
    expect(storable(most)).toEqual([most]);
    expect(storable(-most)).toEqual([-most]);
  });
});
