import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cancelRefusal,
  retryDelayMs,
  runStateAfter,
  unitsPerSecond,
} from '../../src/platform/index.js';

const counts = (total: number, done: number, parked = 0, running = 0, failed = 0) => ({
  total,
  done,
  parked,
  running,
  failed,
});

describe('a run', () => {
  it.each([
    ['RUNNING', counts(3, 1), 'RUNNING'],
    ['RUNNING', counts(3, 3), 'DONE'],
    ['RUNNING', counts(3, 2, 1), 'PARKED'],
    ['READY', counts(1, 0, 1), 'PARKED'],
    ['CANCELLED', counts(3, 3), 'CANCELLED'],
  ] as const)('that is %s with %o becomes %s', (current, after, expected) => {
    expect(runStateAfter(current, after)).toBe(expected);
  });

  it.each([
    ['BILL', 'READY', counts(3, 0), true],
    ['BILL', 'RUNNING', counts(3, 2, 0, 1), true],
    ['BILL', 'PARKED', counts(3, 2, 1), true],
    ['BILL', 'DONE', counts(3, 3), false],
    ['BILL', 'CANCELLED', counts(3, 1), false],
    ['IMPORT', 'READY', counts(3, 0), true],
    ['IMPORT', 'RUNNING', counts(3, 0, 0, 1), false],
    ['IMPORT', 'RUNNING', counts(3, 1), false],
    ['IMPORT', 'RUNNING', counts(3, 0, 0, 0, 1), false],
    ['BILL', 'RUNNING', counts(3, 0, 0, 0, 1), true],
    ['IMPORT', 'PARKED', counts(1, 0, 1), false],
    ['ERASE', 'READY', counts(3, 0), false],
    ['ERASE', 'PARKED', counts(3, 0, 3), false],
  ] as const)('of kind %s that is %s with %o can be cancelled: %s', (kind, state, now, can) => {
    expect(cancelRefusal(kind, state, now) === null).toBe(can);
  });

  it('waits longer after every failure, never more than five minutes', () => {
    expect([1, 2, 3, 4, 5].map((attempts) => retryDelayMs(attempts, 1000))).toEqual([
      1000, 2000, 4000, 8000, 16000,
    ]);
    expect(retryDelayMs(60, 1000)).toBe(300_000);
  });

  it('has the rate of its units over its time', () => {
    const startedAt = new Date('2026-11-01T00:00:00Z');
    const endedAt = new Date('2026-11-01T00:00:04Z');
    expect(unitsPerSecond({ unitsDone: 10, startedAt, endedAt })).toBe(2.5);
    expect(unitsPerSecond({ unitsDone: 10, startedAt: null, endedAt })).toBe(0);
    expect(unitsPerSecond({ unitsDone: 10, startedAt: endedAt, endedAt })).toBe(0);
  });

  it('is over exactly when every batch is done or parked', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(50), (done, parked, left) => {
        const state = runStateAfter('RUNNING', counts(done + parked + left, done, parked));
        expect(state).toBe(left > 0 ? 'RUNNING' : parked > 0 ? 'PARKED' : 'DONE');
      }),
    );
  });
});
