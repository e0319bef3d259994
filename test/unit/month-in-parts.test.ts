import { describe, expect, it } from 'vitest';
import type { EntryList } from '../../src/rating/allowance-entry.js';
import { NUMBER } from '../../src/rating/allowance-entry.js';
import { decodePots, decodeRecords } from '../../src/rating/allowance-result.js';
import type { BookFacts } from '../../src/rating/book.js';
import { periodKey } from '../../src/rating/counters.js';
import { EntrySubject } from '../../src/rating/entry-subject.js';
import { type FoldFacts, type FoldStep, foldMonth } from '../../src/rating/fold-month.js';
import {
  type ChunkSizes,
  MonthInParts,
  type ResultChunk,
  type Resumption,
} from '../../src/rating/month-in-parts.js';
import { rulesOfContract } from '../../src/rating/price-rules.js';
import { rateInMemory } from '../../src/rating/rate-in-memory.js';
import { Draw } from '../fixtures/draw.js';
import { identityOf } from '../fixtures/engine.js';
import { randomBook } from '../fixtures/random-book.js';

const seed = Number(process.env.KONTOR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const BOOKS = Number(process.env.KONTOR_TEST_BOOKS ?? 60);
const RECORDS = 120;

/**
 * Numbers of the books to draw: as many as asked for; when nobody asked, more of them until enough
 * was seen, since what a book holds is chance.
 */
function* bookNumbers(isEnough: () => boolean): Generator<number> {
  const most = process.env.KONTOR_TEST_BOOKS === undefined ? BOOKS * 10 : BOOKS;
  for (let n = 0; n < BOOKS || (n < most && !isEnough()); n += 1) yield n;
}

interface DrawnMonth {
  readonly list: EntryList;
  readonly order: Int32Array;
  readonly facts: FoldFacts;
}

/** The months of a random book, without those that only can be folded as a whole. */
function drawnMonths(draw: Draw): DrawnMonth[] {
  const { facts, record } = randomBook(draw, { allowances: true });
  const made = Array.from({ length: RECORDS }, (_, number) => {
    const drawn = record();
    return { ...drawn, value: drawn.value ?? 0, identity: identityOf(number) };
  });
  const { list, contracts } = rateInMemory(facts, [made]).folded;
  const hasVolume = list.tariffs.some((tariff) => tariff.terms?.model === 'VOLUME');
  return hasVolume
    ? []
    : contracts.flatMap(({ contractId, months }) =>
        months.map(({ order }) => ({ list, order, facts: foldFacts(facts, contractId) })),
      );
}

function foldFacts(facts: BookFacts, contractId: number): FoldFacts {
  const { rules, buckets, bonuses, members } = facts.pricing;
  const contract = facts.contracts.find(({ id }) => id === contractId)!;
  const isOurs = (item: { readonly contractId: number | null }) =>
    item.contractId === null || item.contractId === contractId;
  return {
    contract,
    rules: rulesOfContract(rules, contract, members),
    buckets: buckets.filter(isOurs),
    bonuses: bonuses.filter(isOurs),
    members,
    rolledIn: (bucket, holderId) => (bucket.lineageId * 31 + holderId * 7) % 400,
  };
}

/** The month folded in parts that begin at new instants, as a fold window by window does it. */
function inParts(month: DrawnMonth, draw: Draw, from: Resumption | null, sizes: ChunkSizes) {
  const { list, facts } = month;
  const startedMs = (entry: number) => list.number(entry, NUMBER.STARTED_MS);
  const order = month.order.filter((entry) => from === null || startedMs(entry) >= from.atMs);
  const parts = new MonthInParts(facts, from, sizes);
  const chunks: ResultChunk[] = [];
  const adjustments: number[] = [];
  for (let at = 0; at < order.length; ) {
    let to = Math.min(order.length, at + 1 + draw.below(40));
    while (to < order.length && startedMs(order[to]!) === startedMs(order[to - 1]!)) to += 1;
    adjustments.push(...parts.take(list, order.subarray(at, to)).adjustments);
    chunks.push(...parts.takeChunks());
    at = to;
  }
  const { chunks: last, pots } = parts.finish();
  const inOrder = [...chunks, ...last].sort((one, other) => one.number - other.number);
  return { adjustments, chunks: inOrder, pots: decodePots(pots) };
}

describe(`a contract's month (KONTOR_TEST_SEED=${seed})`, () => {
  it('comes to the same in parts, in chunks, and where a later fold goes on', () => {
    let [months, resumed, adjusted] = [0, 0, 0];
    for (const n of bookNumbers(() => Math.min(months, resumed) > 50 && adjusted > 100)) {
      const draw = new Draw(seed + n * 6271);
      for (const month of drawnMonths(draw)) {
        months += 1;
        const whole = foldMonth(month.list, month.order, month.facts);
        const size = { chunkRecords: 1 + draw.below(12), recordsASum: draw.below(3) };
        const inOne = inParts({ ...month }, new Draw(1), null, size);
        const inMany = inParts(month, draw, null, size);
        const where = `seed ${seed}, book ${n}`;
        expect(inMany.adjustments, where).toEqual([...whole.adjustments]);
        expect(inMany, where).toEqual(inOne);
        expect(inMany.pots.points, where).toEqual(whole.points);
        expect(potsOf(inMany.pots), where).toEqual(
          whole.pots.map(({ bucketLineageId, holderId, left }) => [
            bucketLineageId,
            holderId,
            left,
          ]),
        );
        // What is kept is what changed or was covered, and nothing else.
        const kept = inMany.chunks.flatMap(({ records }) => decodeRecords(records));
        const expected = [...whole.adjustments].filter(
          (adjustment, place) => adjustment !== 0 || whole.covered[place] !== 0,
        );
        expect(
          kept.map(({ adjustment }) => adjustment),
          where,
        ).toEqual(expected);
        adjusted += expected.length;
        for (const { number, resumption } of inMany.chunks) {
          if (resumption === null) continue;
          resumed += 1;
          const later = inParts(month, draw, { chunk: number, ...resumption }, size);
          expect(later.chunks, where).toEqual(inMany.chunks.slice(number));
          expect(later.pots, where).toEqual(inMany.pots);
        }
      }
    }
    if (process.env.KONTOR_TEST_BOOKS !== undefined) return;
    expect(months).toBeGreaterThan(50);
    expect(resumed).toBeGreaterThan(50);
    expect(adjusted).toBeGreaterThan(100);
  }, 120_000);
});

describe(`what is told of a contract's month (KONTOR_TEST_SEED=${seed})`, () => {
  it('adds up to what its records cost, with what rules had counted before each', () => {
    let [steps, counting] = [0, 0];
    for (const n of bookNumbers(() => steps > 1000 && counting > 100)) {
      const draw = new Draw(seed + n * 6271);
      for (const { list, order, facts } of drawnMonths(draw)) {
        const told: FoldStep[] = [];
        const traced = foldMonth(list, order, facts, (step) => told.push(step));
        expect(traced, `seed ${seed}, book ${n}`).toEqual(foldMonth(list, order, facts));
        const stored = [...order].map((entry, place) => {
          const final = list.number(entry, NUMBER.BASE) + traced.adjustments[place]!;
          return [entry, billedOf(list, entry), traced.covered[place], final];
        });
        const added = told.map(({ entry, billed, covered, final }) => {
          return [entry, billed, total(covered.map(({ units }) => units)), final];
        });
        expect(added, `seed ${seed}, book ${n}`).toEqual(stored);
        counting += expectCounted(list, told, `seed ${seed}, book ${n}`);
        steps += told.length;
      }
    }
    if (process.env.KONTOR_TEST_BOOKS !== undefined) return;
    expect(steps).toBeGreaterThan(1000);
    expect(counting).toBeGreaterThan(100);
  }, 120_000);
});

const total = (parts: readonly number[]) => parts.reduce((sum, part) => sum + part, 0);

function billedOf(list: EntryList, entry: number): number {
  let billed = list.number(entry, NUMBER.BILLED);
  for (let next = entry + 1; next < list.count && list.slice(next) > 0; next += 1) {
    billed += list.number(next, NUMBER.BILLED);
  }
  return billed;
}

/** Adds up what rules count, and holds what each step tells of them against it. */
function expectCounted(list: EntryList, told: readonly FoldStep[], where: string): number {
  const subject = new EntrySubject(list);
  const volumes = new Map<string, bigint>();
  let seen = 0;
  for (const { entry, billed, counted, paid, final } of told) {
    subject.entry = entry;
    const amount = BigInt(final + total(paid.map((part) => part.amount)));
    for (const { rule, volume, capLeft } of counted) {
      expect(capLeft === null, where).toBe(rule.cap === null);
      if (rule.cap !== null) expect(capLeft! >= 0n && capLeft! <= rule.cap, where).toBe(true);
      expect(volume === null, where).toBe(rule.measure === null);
      if (rule.measure === null) continue;
      const holder = periodKey(subject.holderId(rule.holder), rule.period, subject.day);
      const key = `${rule.lineageId} ${holder}`;
      const before = volumes.get(key) ?? 0n;
      expect(volume, where).toBe(before);
      if (before > 0n) seen += 1;
      const adds = rule.measure === 'QUANTITY' ? BigInt(billed) * 100_000_000n : amount;
      volumes.set(key, before + adds);
    }
  }
  return seen;
}

function potsOf({ pots }: ReturnType<typeof decodePots>) {
  return pots.map(({ bucket, holderId, left }) => [bucket, holderId, left]);
}
