import { afterAll, describe, expect, it } from 'vitest';
import type { BookFacts } from '../../src/rating/book.js';
import { Draw } from '../fixtures/draw.js';
import {
  type EngineAnswer,
  engineAnswer,
  type MonthsAnswer,
  type Numbered,
} from '../fixtures/engine.js';
import { randomBook } from '../fixtures/random-book.js';
import { referenceAnswer } from '../fixtures/reference-answer.js';

const FEW = process.env.KONTOR_TEST_BOOKS;
const BOOKS = Number(FEW ?? 40);
const RECORDS = FEW === undefined ? 300 : 100;

const seed = Number(process.env.KONTOR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const counts = new Map<string, number>();

function count(what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

/** Records in files of any size and order, some of them twice. */
function delivered(draw: Draw, all: readonly Numbered[]): Numbered[][] {
  const twice = all.filter(() => draw.chance(0.1));
  const files: Numbered[][] = [];
  for (const sameMoment of byMoment(draw.shuffled([...all, ...twice]))) {
    while (sameMoment.length > 0) files.push(sameMoment.splice(0, 1 + draw.below(200)));
  }
  return draw.shuffled(files);
}

/** Records of one moment each, as a file is rated by one book. */
function byMoment(all: readonly Numbered[]): Numbered[][] {
  const moments = new Set(all.map(({ knownAt }) => knownAt));
  return [...moments].map((moment) => all.filter(({ knownAt }) => knownAt === moment));
}

function differences(answered: MonthsAnswer, expected: MonthsAnswer): string[] {
  const records = [...expected.records].flatMap(([number, wanted]) => {
    const given = answered.records.get(number) ?? 'nothing';
    const faults = wanted.split(' or ');
    if (given === wanted || faults.includes(given)) return [];
    return [`record ${number}: expected ${wanted}, answered ${given}`];
  });
  const wanted = [...expected.pots, ...expected.points];
  const given = [...answered.pots, ...answered.points];
  return [
    ...records,
    ...wanted.filter((line) => !given.includes(line)).map((line) => `expected ${line}`),
    ...given.filter((line) => !wanted.includes(line)).map((line) => `answered ${line}`),
  ];
}

describe('months of any records', () => {
  it(`come to what the reference says, however they arrive (KONTOR_TEST_SEED=${seed})`, () => {
    for (let n = 0; n < BOOKS; n += 1) {
      const draw = new Draw(seed + n * 7919);
      const { facts, record } = randomBook(draw, { allowances: true });
      const { knownAt } = facts.pricing;
      const all = Array.from({ length: RECORDS }, (_, number) => {
        // Some of the month was rated before the last facts were known.
        return { number, record: record(), knownAt: draw.chance(0.3) ? knownAt - 2 : knownAt };
      });
      const expected = referenceAnswer(facts, all);
      const inOrder = engineAnswer(facts, byMoment(all));
      const found = differences(inOrder, expected);
      if (found.length > 0) expect.fail(report(facts, all, found, `seed ${seed}, book ${n}`));
      for (let arrival = 0; arrival < 2; arrival += 1) {
        const other = engineAnswer(facts, delivered(draw, all));
        expect(differences(other, inOrder), `seed ${seed}, book ${n}, shuffled`).toEqual([]);
      }
      countAll(inOrder);
    }
    if (FEW !== undefined) return;
    // What is compared is worth comparing.
    expect(counts.get('adjusted')).toBeGreaterThan(300);
    expect(counts.get('used pots')).toBeGreaterThan(50);
    expect(counts.get('points')).toBeGreaterThan(5);
  }, 300_000);

  function countAll(answer: EngineAnswer): void {
    count('records', answer.records.size);
    count('rated', [...answer.records.values()].filter((text) => text.includes('=')).length);
    count('adjusted', answer.adjusted);
    count('used pots', answer.pots.filter((line) => !line.endsWith(' less 0')).length);
    count('points', answer.points.length);
  }

  afterAll(() => {
    console.log([...counts].map(([what, times]) => `${what} ${times}`).join(', '));
  });
});

/** The fewest records found that still show a difference, with the book in which they do. */
function report(
  facts: BookFacts,
  all: readonly Numbered[],
  found: readonly string[],
  where: string,
): string {
  let fewest = [...all];
  for (let step = Math.ceil(fewest.length / 2); step >= 1; step = step === 1 ? 0 : step >> 1) {
    for (let from = 0; from < fewest.length; ) {
      const without = fewest.toSpliced(from, step);
      if (differs(facts, without)) fewest = without;
      else from += step;
    }
  }
  const plain = (value: unknown) =>
    JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));
  const { pricing, ...rest } = facts;
  return [
    `Months come to something else (${where}): ${found.length} differences.`,
    ...Object.entries(rest).map(([name, items]) => `  ${name}: ${plain(items)}`),
    ...Object.entries(pricing).map(([name, items]) => `  ${name}: ${plain(items)}`),
    ...fewest.map(({ number, record }) => `  ${number}: ${plain(record)}`),
    ...differences(engineAnswer(facts, byMoment(fewest)), referenceAnswer(facts, fewest)),
  ].join('\n');
}

function differs(facts: BookFacts, all: readonly Numbered[]): boolean {
  if (all.length === 0) return false;
  return differences(engineAnswer(facts, byMoment(all)), referenceAnswer(facts, all)).length > 0;
}
