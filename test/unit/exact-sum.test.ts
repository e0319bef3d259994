import { describe, expect, it } from 'vitest';
import { ExactSum } from '../../src/rating/exact-sum.js';
import { Draw } from '../fixtures/draw.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 4_712);

describe('a sum of whole numbers', () => {
  it('is exact after each of them, however large it has grown and however large they are', () => {
    const draw = new Draw(SEED);
    const sum = new ExactSum();
    let exact = 0n;
    expect(sum.total).toBe(0n);
    for (let n = 0; n < 4_000; n += 1) {
      const sign = draw.chance(0.4) ? -1 : 1;
      const size = draw.chance(0.1) ? 2 ** 53 - 2 ** 21 : 2 ** (30 + draw.below(23));
      // What is drawn has 32 bits.
      const value = sign * (draw.below(size) + draw.below(2 ** 21));
      if (draw.chance(0.5)) sum.add(value);
      else sum.addExact(BigInt(value));
      exact += BigInt(value);
      expect(sum.total, `seed ${SEED}, ${n}`).toBe(exact);
    }
  });
});
