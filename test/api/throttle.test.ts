import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  countAttempt,
  countInStreak,
  endStreak,
  refundAttempt,
  streakOf,
  sweepAttempts,
} from '../../src/identity/throttle.store.js';
import { SYSTEM_SCOPE, type Tx } from '../../src/platform/index.js';
import { type PlainDatabase, plainDatabase } from '../fixtures/plain-database.js';

const ALLOWANCE = { attempts: 4, windowSeconds: 60 };
const BEGIN = Date.parse('2026-11-21T10:00:00Z');

let plain: PlainDatabase;
let serial = 0;

beforeAll(async () => {
  plain = await plainDatabase();
});
afterAll(() => plain?.drop());

function write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
  return plain.database.write(SYSTEM_SCOPE, work);
}

function at(second: number): Date {
  return new Date(BEGIN + second * 1000);
}

function newKey(): string {
  serial += 1;
  return `key ${serial}`;
}

describe('an allowance', () => {
  it('holds in any stretch of time, and says when to come back', async () => {
    const gap = fc.integer({ min: 0, max: 40 });
    const step = fc.record({ gap, refunded: fc.integer({ min: 0, max: 3 }) });
    const steps = fc.array(step, { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const key = newKey();
        let [now, refused] = [0, 0];
        let kept: number[] = [];
        for (const { gap: wait, refunded } of given) {
          now += wait;
          kept = kept.filter((one) => one > now - ALLOWANCE.windowSeconds);
          const counted = await write((tx) => countAttempt(tx, key, ALLOWANCE, at(now)));
          if (kept.length < ALLOWANCE.attempts) {
            kept.push(now);
            refused = 0;
            expect(counted).toEqual({ wait: 0, isFirstRefusal: false });
            if (refunded > 0) continue;
            await write((tx) => refundAttempt(tx, key, at(now)));
            kept.pop();
          } else {
            refused += 1;
            const left = Math.max(1, (kept[0] ?? 0) + ALLOWANCE.windowSeconds - now);
            expect(counted).toEqual({ wait: left, isFirstRefusal: refused === 1 });
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('lets exactly as many through when all come at once', async () => {
    const key = newKey();
    const many = Array.from({ length: 40 }, () =>
      write((tx) => countAttempt(tx, key, ALLOWANCE, at(0))),
    );
    const counted = await Promise.all(many);
    expect(counted.filter(({ wait }) => wait === 0)).toHaveLength(4);
    expect(counted.filter(({ isFirstRefusal }) => isFirstRefusal)).toHaveLength(1);
  });
});

describe('failures in a row', () => {
  it('are counted one by one, and forgotten by a success or after thirty quiet days', async () => {
    const key = newKey();
    const counts = await Promise.all(
      Array.from({ length: 20 }, () => write((tx) => countInStreak(tx, key, at(0)))),
    );
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    const days = (count: number) => at(count * 86_400);
    expect(await write((tx) => countInStreak(tx, key, days(29)))).toBe(21);
    expect(await write((tx) => countInStreak(tx, key, days(58)))).toBe(22);
    expect(await write((tx) => streakOf(tx, key, days(88)))).toBe(0);
    expect(await write((tx) => countInStreak(tx, key, days(88)))).toBe(1);
    await write((tx) => endStreak(tx, key, 'another'));
    expect(await write((tx) => countInStreak(tx, key, days(88)))).toBe(1);
  });
});

describe('what is over', () => {
  it('is swept away, and nothing else', async () => {
    const [old, young] = [newKey(), newKey()];
    await write(async (tx) => {
      await countAttempt(tx, old, ALLOWANCE, at(0));
      await countAttempt(tx, young, ALLOWANCE, at(50));
      await sweepAttempts(tx, at(61));
    });
    const rows = await write((tx) =>
      tx.query<{ ends: Date }[]>('SELECT ends_at AS ends FROM sign_in_throttle'),
    );
    expect(rows.filter(({ ends }) => ends <= at(61))).toEqual([]);
    const again = { attempts: 1, windowSeconds: 60 };
    expect((await write((tx) => countAttempt(tx, young, again, at(61)))).wait).toBe(49);
  });
});
