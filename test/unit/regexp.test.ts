import { describe, expect, it } from 'vitest';
import { attacks, type Found, regexps, timeOf } from '../fixtures/regexps.js';

const MOST_MS = 50;

describe('regular expressions (F7)', () => {
  const texts = attacks(50_000);
  const slow = (found: readonly Found[]) =>
    found.flatMap((one) => {
      const worst = Math.max(...texts.map((text) => timeOf(one, text)));
      return worst <= MOST_MS ? [] : [`/${one.source}/${one.flags} in ${one.file}: ${worst} ms`];
    });

  it('are done with 50 kB of anything within 50 ms', () => {
    const found = regexps();
    expect(found.length).toBeGreaterThan(100);
    expect(slow(found)).toEqual([]);
  });

  it('are found out when they look at every part of a text from every place', () => {
    const careless = { source: '^[\\r\\n]+|[\\r\\n]+$', flags: 'g', file: 'none' };
    expect(timeOf(careless, `x${'\n'.repeat(15_000)}x`)).toBeGreaterThan(MOST_MS);
  });
});
