import { checkSync } from 'recheck';
import { describe, expect, it } from 'vitest';
import { attacks, regexps, timeOf } from '../fixtures/regexps.js';

describe('regular expressions (F7)', () => {
  it('are none that takes more and more time, says recheck', { timeout: 1_200_000 }, () => {
    const found = regexps();
    const counts: Record<string, number> = {};
    const vulnerable: string[] = [];
    for (const one of found) {
      const result = checkSync(one.source, one.flags, { timeout: 4_000 });
      counts[result.status] = (counts[result.status] ?? 0) + 1;
      const name = `/${one.source}/${one.flags} in ${one.file}`;
      if (result.status === 'vulnerable') vulnerable.push(name);
      // What it could not decide is measured at twice the length.
      if (result.status === 'safe') continue;
      const own = result.status === 'vulnerable' ? result.attack.string.slice(0, 100_000) : '';
      const texts = [...attacks(100_000), own];
      const worst = Math.max(...texts.map((text) => timeOf(one, text)));
      console.log(`${result.status}: ${name}: at worst ${worst.toFixed(1)} ms on 100 kB`);
      expect.soft(worst, name).toBeLessThan(100);
    }
    console.log(`recheck: ${found.length} expressions`, counts);
    expect(vulnerable).toEqual([]);
  });
});
