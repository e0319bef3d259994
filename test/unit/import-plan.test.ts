import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteRanges, recycleBatches } from '../../src/mediation/import-plan.js';

const MIB = 1024 * 1024;
const SIZES = { batchBytes: 32 * MIB, workers: 2 };

function partsOf(mib: number): number[] {
  return byteRanges(mib * MIB, SIZES).map(({ from, to }) => (to - from) / MIB);
}

describe('the parts of a file', () => {
  it('are of one size, as many for each thread where that is worth it', () => {
    expect(byteRanges(0, SIZES)).toEqual([]);
    expect(byteRanges(1, SIZES)).toEqual([{ from: 0, to: 1 }]);
    expect(partsOf(3)).toEqual([3]);
    expect(partsOf(4)).toEqual([2, 2]);
    // One thread would have had all of it.
    expect(partsOf(32)).toEqual([16, 16]);
    // One would have had 64 and the other 36.
    expect(partsOf(100)).toEqual([25, 25, 25, 25]);
    expect(partsOf(160)).toHaveLength(6);
  });

  it('hold each byte once, and none more than it may', () => {
    const sizes = fc.record({
      size: fc.nat(400 * MIB),
      batchBytes: fc.integer({ min: 64 * 1024, max: 256 * MIB }),
      workers: fc.integer({ min: 1, max: 16 }),
    });
    fc.assert(
      fc.property(sizes, ({ size, ...of }) => {
        const parts = byteRanges(size, of);
        expect(parts[0]?.from ?? 0).toBe(0);
        expect(parts.at(-1)?.to ?? 0).toBe(size);
        expect(parts.slice(1).map(({ from }) => from)).toEqual(
          parts.slice(0, -1).map(({ to }) => to),
        );
        for (const { from, to } of parts) {
          expect(to).toBeGreaterThan(from);
          expect(to - from).toBeLessThanOrEqual(of.batchBytes);
        }
      }),
    );
  });
});

describe('records that are taken up again', () => {
  const most = { records: 3, bytes: 100 };
  const cut = (...records: (readonly [fileId: number, bytes: number])[]) =>
    recycleBatches(
      records.map(([fileId, bytes], id) => ({ id, fileId, bytes, identityDomain: 'd' })),
      most,
    ).map(({ fileId, ids }) => [fileId, ...ids]);

  it('come in batches of one file, few enough and of no more bytes than are held at once', () => {
    expect(cut()).toEqual([]);
    expect(cut([7, 1], [7, 1], [7, 1], [7, 1])).toEqual([
      [7, 0, 1, 2],
      [7, 3],
    ]);
    expect(cut([7, 1], [8, 1], [8, 1])).toEqual([
      [7, 0],
      [8, 1, 2],
    ]);
    expect(cut([7, 60], [7, 40], [7, 1], [7, 99])).toEqual([
      [7, 0, 1],
      [7, 2, 3],
    ]);
    // One that is too long is a batch by itself.
    expect(cut([7, 200], [7, 1], [7, 300])).toEqual([
      [7, 0],
      [7, 1],
      [7, 2],
    ]);
  });
});
