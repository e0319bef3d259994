import { describe, expect, it } from 'vitest';
import { EntryList, EntryWriter, flagsOf, NUMBER, WORD } from '../../src/rating/allowance-entry.js';
import type { ChargeTariff } from '../../src/rating/charge.js';
import { orderByContract } from '../../src/rating/order-entries.js';
import { Random } from '../bench/random.js';

const TARIFF: ChargeTariff = {
  price: 1n,
  connectionFee: 0n,
  rateUnit: 60,
  terms: null,
  conversion: null,
  shareConversion: null,
  step: 1n,
  rounding: 'HALF_UP',
};

interface Entry {
  readonly startedMs: number;
  readonly identity: number;
  readonly level: number;
}

function listOf(entries: readonly Entry[]): EntryList {
  const writer = new EntryWriter(0);
  for (const { startedMs, identity, level } of entries) {
    const { numbers, words, numberAt, wordAt } = writer.next(TARIFF);
    numbers[numberAt + NUMBER.STARTED_MS] = startedMs;
    words.fill(0, wordAt + WORD.IDENTITY, wordAt + WORD.IDENTITY + 4);
    words[wordAt + WORD.IDENTITY + 3] = identity;
    words[wordAt + WORD.CONTRACT] = 7;
    words[wordAt + WORD.FLAGS] = flagsOf(1, level, 0, 0);
  }
  const list = new EntryList();
  list.read(writer.finish(), new Map());
  writer.release();
  return list;
}

/** The order by its definition: instant, identity without sign, level. */
function expected(entries: readonly Entry[]): number[] {
  return entries
    .map((entry, place) => ({ ...entry, place }))
    .sort(
      (a, b) =>
        a.startedMs - b.startedMs ||
        (a.identity >>> 0) - (b.identity >>> 0) ||
        a.level - b.level ||
        a.place - b.place,
    )
    .map(({ place }) => place);
}

function ordered(entries: readonly Entry[]): number[] {
  return [...orderByContract(listOf(entries), () => true, false).get(7)!];
}

const OCTOBER = Date.UTC(2026, 9, 1);

describe('entries of a month', () => {
  it.each([
    ['a month, few at the same instant', 31 * 86_400_000],
    ['a second, many at the same instant', 1_000],
    ['one instant', 1],
    ['more time than a month has', 2 ** 33],
  ])('come in order of time and identity: %s', (_, span) => {
    const random = new Random(20_261_122);
    const entries = Array.from({ length: 3_000 }, () => ({
      startedMs: OCTOBER + random.below(span),
      identity: random.below(2 ** 31) * 2,
      level: random.below(3),
    }));
    expect(ordered(entries)).toEqual(expected(entries));
    const again = expected(entries).map((place) => entries[place]!);
    expect(ordered(again)).toEqual(expected(again));
  });

  it('of the same instant and identity come by level, and instants before 1970 first', () => {
    const entries = [
      { startedMs: 5, identity: 9, level: 2 },
      { startedMs: 5, identity: 9, level: 1 },
      { startedMs: -5, identity: 9, level: 1 },
      { startedMs: 5, identity: -1, level: 0 },
    ];
    expect(ordered(entries)).toEqual([2, 1, 0, 3]);
  });
});
