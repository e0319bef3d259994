import { describe, expect, it } from 'vitest';
import {
  EntryList,
  EntryWriter,
  FLAG,
  flagsOf,
  NUMBER,
  WORD,
} from '../../src/rating/allowance-entry.js';
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
  readonly xdrId?: number;
  readonly contract?: number;
  readonly slice?: number;
  readonly withdrawn?: boolean;
}

function listOf(entries: readonly Entry[]): EntryList {
  const writer = new EntryWriter(0);
  for (const { startedMs, identity, level, ...more } of entries) {
    const { numbers, words, numberAt, wordAt } = writer.next(TARIFF);
    numbers[numberAt + NUMBER.STARTED_MS] = startedMs;
    words.fill(0, wordAt + WORD.IDENTITY, wordAt + WORD.IDENTITY + 4);
    words[wordAt + WORD.IDENTITY + 3] = identity;
    numbers[numberAt + NUMBER.XDR_ID] = more.xdrId ?? 0;
    words[wordAt + WORD.CONTRACT] = more.contract ?? 7;
    const further = more.withdrawn ? FLAG.WITHDRAWN : 0;
    words[wordAt + WORD.FLAGS] = flagsOf(1, level, more.slice ?? 0, further);
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

/** An entry of a record at an instant. */
function at(startedMs: number, xdrId: number, more: Partial<Entry> = {}): Entry {
  return { startedMs, xdrId, identity: xdrId, level: 0, ...more };
}

function byContract(
  entries: readonly Entry[],
  replaces: boolean,
  wanted: (contract: number) => boolean = () => true,
): Record<number, number[]> {
  const orders = orderByContract(listOf(entries), wanted, replaces);
  return Object.fromEntries([...orders].map(([contract, order]) => [contract, [...order]]));
}

describe('entries of several contracts', () => {
  it('are put in order for each that is wanted', () => {
    const entries = [
      at(3, 1, { contract: 8 }),
      at(2, 2),
      at(1, 3, { contract: 9 }),
      at(1, 4),
      at(2, 5, { contract: 8 }),
    ];
    expect(byContract(entries, false)).toEqual({ 7: [3, 1], 8: [4, 0], 9: [2] });
    expect(byContract(entries, false, (contract) => contract !== 8)).toEqual({ 7: [3, 1], 9: [2] });
  });

  it('stand for their further slices', () => {
    const entries = [at(2, 1), at(2, 1, { slice: 1 }), at(2, 1, { slice: 2 }), at(1, 2)];
    expect(byContract(entries, false)).toEqual({ 7: [3, 0] });
    expect(byContract(entries, true)).toEqual({ 7: [3, 0] });
  });
});

describe('entries that came again', () => {
  it('take the place of those of the same record and level', () => {
    const entries = [
      at(1, 1),
      at(2, 2),
      at(2, 2, { level: 1 }),
      at(3, 2),
      at(4, 1, { contract: 8 }),
    ];
    expect(byContract(entries, true)).toEqual({ 7: [2, 3], 8: [4] });
    // Where none replaces another, all of them count.
    expect(byContract(entries, false)).toEqual({ 7: [0, 1, 2, 3], 8: [4] });
  });

  it('tell a record by its id and level together', () => {
    const entries = [at(1, 1, { level: 1 }), at(2, 11, { level: 0 }), at(3, 1, { level: 0 })];
    expect(byContract(entries, true)).toEqual({ 7: [0, 1, 2] });
  });

  it('leave out what was withdrawn, and name its contract even without another record', () => {
    const withdrawn = { withdrawn: true };
    const entries = [
      at(1, 1),
      at(2, 2),
      at(0, 2, withdrawn),
      at(3, 3, { contract: 8 }),
      at(0, 3, { contract: 8, ...withdrawn }),
      at(0, 4, { contract: 9, ...withdrawn }),
      at(5, 4, { contract: 10 }),
    ];
    expect(byContract(entries, true)).toEqual({ 7: [0], 8: [], 10: [6] });
    const before = [at(0, 5, { contract: 8, ...withdrawn }), at(1, 6, { contract: 8 })];
    expect(byContract(before, true)).toEqual({ 8: [1] });
  });
});
