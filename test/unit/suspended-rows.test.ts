import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Suspended } from '../../src/rating/batch-findings.js';
import { kindsOf, portions } from '../../src/rating/suspended-rows.js';

function row(bytes: number, code = 'NO_RATE', field: string | null = null): Suspended {
  return {
    ...{ byteOffset: 0, line: 1, state: 'HELD', code, field, message: `${code} it is.` },
    contractId: null,
    raw: Buffer.alloc(bytes),
  };
}

describe('portions of suspended rows', () => {
  it('hold every row once, in order, few enough and not much more than the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (sizes) => {
        const all = sizes.map((size) => row(size));
        const cut = [...portions(all, 7, 30)];
        expect(cut.flat()).toEqual(all);
        for (const part of cut) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(7);
          const before = part.slice(0, -1).reduce((sum, { raw }) => sum + raw.length, 0);
          expect(before).toBeLessThan(30);
        }
        // None could have taken the row that follows it.
        cut.slice(1).forEach((_, at) => {
          const bytes = cut[at]!.reduce((sum, { raw }) => sum + raw.length, 0);
          expect(cut[at]!.length === 7 || bytes >= 30).toBe(true);
        });
      }),
    );
  });
});

describe('kinds of suspended rows', () => {
  it('are named once, whatever they are told apart by', () => {
    const rows = [row(1), row(2, 'NO_RATE', 'quantity'), row(3), row(4, 'NO_CONTRACT')];
    const { kinds, places } = kindsOf(rows);
    expect(places).toEqual([0, 1, 0, 2]);
    expect(kinds.map(({ code, field }) => [code, field])).toEqual([
      ['NO_RATE', null],
      ['NO_RATE', 'quantity'],
      ['NO_CONTRACT', null],
    ]);
  });
});
