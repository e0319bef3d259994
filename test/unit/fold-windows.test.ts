import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntrySpan, windowsOf } from '../../src/rating/fold-windows.js';

const FIRST = Number.NEGATIVE_INFINITY;
const END = Number.POSITIVE_INFINITY;

/** Bytes of the records that begin in a window, if they are spread evenly over their spans. */
function bytesIn(spans: readonly EntrySpan[], fromMs: number, toMs: number): number {
  return spans.reduce((sum, span) => {
    const from = Math.max(span.fromMs, fromMs);
    const to = Math.min(span.toMs + 1, toMs);
    return sum + (Math.max(0, to - from) / (span.toMs + 1 - span.fromMs)) * span.bytes;
  }, 0);
}

describe('the windows of a month', () => {
  it('are one where everything fits', () => {
    expect(windowsOf([{ bytes: 100, fromMs: 0, toMs: 9 }], FIRST, 100)).toEqual([
      { fromMs: FIRST, toMs: END },
    ]);
    expect(windowsOf([], 5, 100)).toEqual([{ fromMs: 5, toMs: END }]);
  });

  it('cut what follows each other in time, and begin where the fold goes on', () => {
    const days = [0, 100, 200, 300].map((fromMs) => ({ bytes: 100, fromMs, toMs: fromMs + 99 }));
    expect(windowsOf(days, FIRST, 100).map(({ toMs }) => toMs)).toEqual([100, 200, 300, END]);
    expect(windowsOf(days, 250, 100)).toEqual([
      { fromMs: 250, toMs: 350 },
      { fromMs: 350, toMs: END },
    ]);
  });

  it('cut what was stored in any order of time, too', () => {
    const all = [1, 2, 3, 4].map(() => ({ bytes: 100, fromMs: 0, toMs: 999 }));
    expect(windowsOf(all, FIRST, 100).map(({ toMs }) => toMs)).toEqual([250, 500, 750, END]);
  });

  it('follow each other without gaps, none with much more than its share', () => {
    const span = fc
      .tuple(fc.integer({ min: 0, max: 5_000 }), fc.nat(2_000), fc.integer({ min: 1, max: 900 }))
      .map(([fromMs, length, bytes]) => ({ bytes, fromMs, toMs: fromMs + length }));
    const from = fc.oneof(fc.constant(FIRST), fc.integer({ min: 0, max: 6_000 }));
    fc.assert(
      fc.property(
        fc.array(span, { maxLength: 12 }),
        from,
        fc.integer({ min: 50, max: 2_000 }),
        (spans, fromMs, most) => {
          const windows = windowsOf(spans, fromMs, most);
          expect(windows[0]!.fromMs).toBe(fromMs);
          expect(windows.at(-1)!.toMs).toBe(END);
          const begins = windows.slice(1).map((window) => window.fromMs);
          expect(begins).toEqual(windows.slice(0, -1).map(({ toMs }) => toMs));
          // A window has a millisecond at least.
          const inOneMs = spans.reduce(
            (sum, { bytes, fromMs: first, toMs }) => sum + bytes / (toMs + 1 - first),
            0,
          );
          for (const { fromMs: begins, toMs } of windows) {
            expect(toMs).toBeGreaterThan(begins);
            expect(bytesIn(spans, begins, toMs)).toBeLessThanOrEqual(most + inOneMs + 1e-6);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
