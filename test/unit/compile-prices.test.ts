import { describe, expect, it } from 'vitest';
import {
  type EffectiveTable,
  effectiveTable,
  findRate,
  type ListRows,
  type RateRow,
} from '../../src/catalog/index.js';
import type { BookFacts } from '../../src/rating/book.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { classOf } from '../../src/rating/prefix-tree.js';
import { RateFinder } from '../../src/rating/rate-finder.js';
import { aBook, aList, aRate } from '../fixtures/book.js';
import { Draw } from '../fixtures/draw.js';
import { randomBook } from '../fixtures/random-book.js';

const seed = Number(process.env.KONTOR_TEST_SEED ?? Date.now() % 2 ** 31);
// Mutation testing asks for few books, each of them thousands of times.
const BOOKS = 5 * Number(process.env.KONTOR_TEST_BOOKS ?? 30);

/** The price of a list as inheritance is defined. */
class Definition {
  readonly #facts: BookFacts;
  readonly #tables = new Map<number, EffectiveTable>();

  constructor(facts: BookFacts) {
    this.#facts = facts;
    const prefixes = new Map<number, string[]>();
    for (const { id, prefix } of facts.destinations) {
      prefixes.set(id, [...(prefixes.get(id) ?? []), prefix]);
    }
    for (const { id } of facts.lists) {
      this.#tables.set(id, effectiveTable(this.#ancestors(id), prefixes));
    }
  }

  #ancestors(listId: number): ListRows[] {
    const list = this.#facts.lists.find(({ id }) => id === listId)!;
    const above = list.parentId === null ? [] : this.#ancestors(list.parentId);
    return [...above, { listId, rows: list.rows }];
  }

  find(listId: number, number: string, band: number, atMs: number, calling: string) {
    const origins = new Map<number, number>();
    for (const { id, prefixes } of this.#facts.originSets) {
      const lengths = prefixes.flatMap((one) => (calling.startsWith(one) ? [one.length] : []));
      if (lengths.length > 0) origins.set(id, Math.max(...lengths));
    }
    const found = findRate(this.#tables.get(listId)!, number, band, atMs, origins);
    if (found === undefined) return null;
    const { path, clamped, ...tariff } = found.rate;
    return { rateId: path[0], ...tariff };
  }
}

/** The same from the compiled book. */
class Compiled {
  readonly #book;
  readonly #finder: RateFinder;

  constructor(readonly facts: BookFacts) {
    this.#book = compileBook(1, facts);
    this.#finder = new RateFinder(this.#book, null);
  }

  find(listId: number, number: string, band: number, atMs: number, calling: string) {
    const { tree, slotOf, lists } = this.#book;
    const list = this.facts.lists.findIndex(({ id }) => id === listId);
    const slot = slotOf[classOf(tree, Number(number)) * lists + list]!;
    const place = this.#finder.find(list, slot, band, atMs, Number(calling));
    if (place < 0) return null;
    return { rateId: this.#finder.rateId, ...this.#finder.tariffs.at(place) };
  }
}

function compare(facts: BookFacts, draw: Draw, times: number): { priced: number } {
  const definition = new Definition(facts);
  const compiled = new Compiled(facts);
  const rows = facts.lists.flatMap((list) => list.rows);
  const heads = [
    ...rows.flatMap(({ prefix }) => prefix ?? []),
    ...facts.destinations.map(({ prefix }) => prefix),
    '',
  ];
  const edges = [...new Set(rows.flatMap((row) => [row.validFrom, row.validTo ?? 0])), 1e12];
  const bands = [0, ...new Set(rows.flatMap(({ bandId }) => bandId ?? []))];
  const origins = ['7', ...facts.originSets.flatMap(({ prefixes }) => prefixes)];
  let priced = 0;
  for (let n = 0; n < times; n += 1) {
    const head = draw.pick(heads);
    const tail = draw.chance(0.5) ? '' : String(draw.below(1e4));
    const number = (draw.chance(0.2) ? head.slice(0, -1) : head + tail).slice(0, 15);
    if (number.startsWith('0')) continue;
    const { id } = draw.pick(facts.lists);
    const at = draw.pick(edges) + draw.pick([0, 0, -1, 1, 1000]);
    const calling = `${draw.pick(origins)}${draw.below(100)}`.slice(0, 15);
    const question = [id, number, draw.pick(bands), at, calling] as const;
    const expected = definition.find(...question);
    if (expected !== null) priced += 1;
    const answer = compiled.find(...question);
    if (!same(answer, expected))
      expect({ question, answer }).toEqual({ question, answer: expected });
  }
  return { priced };
}

function same(one: unknown, other: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, each) => {
      if (typeof each === 'bigint') return `${each}n`;
      if (each === null || typeof each !== 'object' || Array.isArray(each)) return each;
      return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
    });
  return text(one) === text(other);
}

describe('the prices of any book', () => {
  it(`are those that inheritance defines (KONTOR_TEST_SEED=${seed})`, () => {
    const draw = new Draw(seed);
    let priced = 0;
    for (let n = 0; n < BOOKS; n += 1) priced += compare(randomBook(draw).facts, draw, 500).priced;
    expect(priced).toBeGreaterThan(100 * BOOKS);
  });

  it(`are so below lists that adjust everything (KONTOR_TEST_SEED=${seed})`, () => {
    const draw = new Draw(seed + 1);
    let priced = 0;
    for (let n = 0; n < 2 * BOOKS; n += 1) priced += compare(family(draw), draw, 300).priced;
    expect(priced).toBeGreaterThan(250 * BOOKS);
  });

  it('are so below a chain that adjusts more prefixes than groups can be counted', () => {
    const first = 100_000;
    const each = 4_096;
    const lists = Array.from({ length: 18 }, (_, depth) => {
      if (depth === 0) return [aRate({ prefix: '1' }), aRate({ prefix: '1111119', amount: '2' })];
      const from = first + (depth - 1) * each;
      return Array.from({ length: depth === 1 ? 1 : each }, (_unused, n) =>
        aRate({ prefix: depth === 1 ? '1' : String(from + n), kind: 'PERCENT', amount: '10' }),
      );
    });
    const last = String(first + 17 * each - 1);
    lists[0]!.push(aRate({ prefix: last }));
    const facts = aBook({
      lists: lists.map((rows, n) => aList({ id: n + 1, parentId: n === 0 ? null : n, rows })),
    });
    const compiled = new Compiled(facts);
    // Ten percent by the list of '1', and ten more by the last list alone.
    expect(compiled.find(17, `${last}5`, 0, 0, '7')).toMatchObject({ price: 11_000_000n });
    expect(compiled.find(18, `${last}5`, 0, 0, '7')).toMatchObject({ price: 12_100_000n });
    expect(compiled.find(18, '11111195', 0, 0, '7')).toMatchObject({ price: 242_000_000n });
  });
});

const EDGES = [0, 1000, 2000, 3000, 4000];

/** Lists below each other: prices of few prefixes at the top, adjustments with holes below. */
function family(draw: Draw): BookFacts {
  const prefixes = ['', '1', '12', '123', '1234', '2', '21'];
  const destinations = [
    { id: 71, prefix: '12' },
    { id: 71, prefix: '2' },
    { id: 72, prefix: '1234' },
  ];
  const originSets = [
    { id: 9, prefixes: ['49', '4930'] },
    { id: 8, prefixes: ['493'] },
  ];
  const row = (kind: RateRow['kind'], everything: number): RateRow => {
    const from = draw.below(4);
    const all = draw.chance(everything);
    const byDestination = !all && draw.chance(0.2);
    return aRate({
      kind,
      ...(byDestination
        ? { destinationId: draw.pick([71, 72]) }
        : { prefix: all ? '' : draw.pick(prefixes) }),
      bandId: !all && draw.chance(0.2) ? draw.pick([5, 6]) : null,
      originSetId: !all && draw.chance(0.2) ? draw.pick([8, 9]) : null,
      amount: draw.pick(kind === 'ABSOLUTE' ? ['0.1', '0.2', '99999999.5', '3'] : AMOUNTS),
      connectionFee: BigInt(draw.below(3)) * 5n,
      validFrom: EDGES[from]!,
      validTo: draw.chance(0.5) ? null : EDGES[from + 1 + draw.below(4 - from)]!,
      terms: draw.chance(0.1) && kind === 'ABSOLUTE' ? TIERED : null,
    });
  };
  const parents = [null, 1, draw.pick([1, 2]), draw.pick([1, 2, 3]), draw.pick([null, 3, 4])];
  const lists = parents.map((parentId, n) =>
    aList({
      id: n + 1,
      parentId,
      rows: [
        ...draw.many(parentId === null ? 4 : 0, parentId === null ? 8 : 2, () =>
          row('ABSOLUTE', 0),
        ),
        ...draw.many(0, 2, () => row(draw.pick(['PERCENT', 'DIFFERENCE'] as const), 0.8)),
      ],
    }),
  );
  return aBook({ lists: draw.shuffled(lists), destinations, originSets });
}

const AMOUNTS = ['-99', '10', '12.5', '-0.15', '33.33333333'];
const TIERED = {
  model: 'GRADUATED',
  minCharge: 0n,
  maxCharge: null,
  schedule: {
    id: 3,
    scope: 'CONTRACT',
    period: 'MONTH',
    steps: [
      { upTo: 10, price: 100n, rateUnit: 60, flatFee: 0n, block: false },
      { upTo: null, price: 50n, rateUnit: 60, flatFee: 7n, block: true },
    ],
  },
} as const;
