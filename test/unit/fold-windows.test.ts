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

  it('cut what was stored in any order of time, too, but do not read all of it many times', () => {
    const across = (bytes: number) => [1, 2, 3, 4].map(() => ({ bytes, fromMs: 0, toMs: 999 }));
    expect(windowsOf(across(100), FIRST, 100).map(({ toMs }) => toMs)).toEqual([
      250,
      500,
      750,
      END,
    ]);
    expect(windowsOf(across(1_000), FIRST, 100)).toHaveLength(3);
  });

  it('hold no more than their share of what follows each other', () => {
    const part = fc.record({ gap: fc.nat(50), length: fc.nat(2_000), share: fc.nat(100) });
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 30 }),
        fc.integer({ min: 200, max: 2 ** 31 }),
        (parts, most) => {
          let at = 0;
          const spans = parts.map(({ gap, length, share }) => {
            const span = { bytes: (most * share) / 200, fromMs: at + gap, toMs: at + gap + length };
            at = span.toMs + 1;
            return span;
          });
          for (const { fromMs, toMs } of windowsOf(spans, FIRST, most)) {
            // A window has a millisecond at least, in which half of its share may begin.
            expect(bytesIn(spans, fromMs, toMs)).toBeLessThanOrEqual(1.5 * most + 1e-6);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('follow each other without gaps, and read nothing more often than four times', () => {
    const span = fc
      .tuple(fc.integer({ min: 0, max: 5_000 }), fc.nat(2_000), fc.integer({ min: 1, max: 900 }))
      .map(([fromMs, length, bytes]) => ({ bytes, fromMs, toMs: fromMs + length }));
    const from = fc.oneof(fc.constant(FIRST), fc.integer({ min: 0, max: 6_000 }));
    const most = fc.integer({ min: 50, max: 2_000 });
    fc.assert(
      fc.property(fc.array(span, { maxLength: 12 }), from, most, (spans, fromMs, windowBytes) => {
        const windows = windowsOf(spans, fromMs, windowBytes);
        expect(windows[0]!.fromMs).toBe(fromMs);
        expect(windows.at(-1)!.toMs).toBe(END);
        const begins = windows.slice(1).map((window) => window.fromMs);
        expect(begins).toEqual(windows.slice(0, -1).map(({ toMs }) => toMs));
        for (const window of windows) expect(window.toMs).toBeGreaterThan(window.fromMs);
        const read = windows.flatMap((window) =>
          spans.filter((one) => one.fromMs < window.toMs && one.toMs >= window.fromMs),
        );
        const bytes = (all: readonly EntrySpan[]) => all.reduce((sum, one) => sum + one.bytes, 0);
        expect(bytes(read)).toBeLessThanOrEqual(4 * bytes(spans));
      }),
      { numRuns: 2_000 },
    );
  });
});
