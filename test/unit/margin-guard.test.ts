import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveTable, findRate } from '../../src/catalog/inherit.js';
import { type GuardedList, searchMargins } from '../../src/catalog/margin-guard.js';
import { PriceLines } from '../../src/catalog/price-line.js';
import type { PricingModel, RateRow } from '../../src/catalog/rate-row.js';
import { rowsAfterSheet, type SheetChange } from '../../src/catalog/sheet-effect.js';

const SCALE = 100_000_000;
let serial = 0;

interface Given {
  readonly prefix: string;
  readonly price: number;
  readonly unit?: number;
  readonly from?: number;
  readonly to?: number | null;
  readonly band?: number;
  readonly model?: PricingModel;
}

function row({ prefix, price, unit = 60, from = 0, to = null, band, model }: Given): RateRow {
  serial += 1;
  return {
    id: serial,
    destinationId: null,
    prefix,
    bandId: band ?? null,
    originSetId: null,
    kind: 'ABSOLUTE',
    price: BigInt(Math.round(price * SCALE)),
    connectionFee: 0n,
    rateUnit: unit,
    firstIncrement: 1,
    nextIncrement: 1,
    minimum: 0,
    grace: 0,
    terms: model === undefined ? null : { model, minCharge: 0n, maxCharge: null, schedule: null },
    validFrom: from,
    validTo: to,
  };
}

const FROM = 100;
const PLAIN = { week: new Int32Array(10_080), holiday: null };

function aList(rows: readonly RateRow[], changes: readonly SheetChange[] = []): GuardedList {
  const lines = (all: readonly RateRow[]) =>
    new PriceLines(effectiveTable([{ listId: 1, rows: all }], new Map()), FROM);
  return { before: lines(rows), after: lines(rowsAfterSheet(rows, changes)), clock: PLAIN };
}

function change(given: Given, status: SheetChange['status'] = 'INCREASED'): SheetChange {
  return { status, row: row({ from: FROM, ...given }) };
}

interface Question {
  readonly cost: GuardedList;
  readonly sell: GuardedList;
  readonly changed: readonly string[];
  readonly worth?: readonly [bigint, bigint];
  /** Percent of `worth` that it comes to, by the instant from which on it does. */
  readonly turns?: Readonly<Record<number, bigint>>;
}

function found({ cost, sell, changed, worth = [1n, 1n], turns = {} }: Question) {
  const [num, den] = worth;
  const set = new Set(changed);
  const worthAt = (at: number) => {
    const percent = Object.entries(turns).findLast(([from]) => Number(from) <= at)?.[1] ?? 100n;
    return { num: num * percent, den: den * 100n };
  };
  const times = { from: FROM, leads: [0], turns: Object.keys(turns).map(Number), worthAt };
  const question = { cost, sell, changed: set, ...times };
  const search = searchMargins(question);
  let step = search.next();
  while (!step.done) step = search.next();
  return step.value;
}

describe('prices below cost', () => {
  it('are compared exactly, by the unit and in one currency', () => {
    const sell = aList([row({ prefix: '1', price: 0.9, unit: 60 })]);
    const at = (price: number) =>
      found({
        cost: aList([], [change({ prefix: '1', price, unit: 1 })]),
        sell,
        changed: ['1'],
        worth: [5n, 6n],
      });
    expect(at(0.018)).toEqual([]);
    expect(at(0.01800001)).toMatchObject([
      { costAmount: 90_000_050n, margin: -50n, marginPercent: -1n },
    ]);
  });

  it('round the cost up, so that a loss is never shown as none', () => {
    const sell = aList([row({ prefix: '1', price: 0.00000001, unit: 1 })]);
    const cost = aList([], [change({ prefix: '1', price: 0.00000007, unit: 6 })]);
    expect(found({ cost, sell, changed: ['1'] })).toMatchObject([
      { costAmount: 2n, margin: -1n, marginPercent: -1_000_000n },
    ]);
  });

  it('have no percentage where nothing is charged', () => {
    const sell = aList([row({ prefix: '1', price: 0 })]);
    const cost = aList([], [change({ prefix: '1', price: 0.1 })]);
    const [finding] = found({ cost, sell, changed: ['1'] });
    expect(finding).toMatchObject({ sellPrice: 0n, marginPercent: null });
  });

  it('have none either where next to nothing is charged, which no column holds', () => {
    const nearly = (unit: number) => {
      const sell = aList([row({ prefix: '1', price: 0.00000001, unit })]);
      return found({
        cost: aList([], [change({ prefix: '1', price: 0.001 })]),
        sell,
        changed: ['1'],
      });
    };
    expect(nearly(60)).toMatchObject([{ marginPercent: -99_999_000_000n }]);
    expect(nearly(1_073_741_824)).toMatchObject([{ marginPercent: null }]);
  });

  it('are told from each later exchange rate on that makes them so, as long as it does', () => {
    const cost = aList([], [change({ prefix: '1', price: 0.9 })]);
    const sell = aList([row({ prefix: '1', price: 1 })]);
    const during = (turns: Record<number, bigint>) =>
      found({ cost, sell, changed: ['1'], turns }).map(({ from, to, costAmount }) => [
        from,
        to,
        Number(costAmount) / SCALE,
      ]);
    expect(during({})).toEqual([]);
    expect(during({ 200: 110n, 300: 120n, 400: 130n, 500: 105n })).toEqual([
      [300, 400, 1.08],
      [400, 500, 1.17],
    ]);
    expect(during({ 200: 110n, 300: 120n })).toEqual([[300, null, 1.08]]);
  });

  it('are no news where they were below cost by as much or more', () => {
    const before = row({ prefix: '1', price: 0.3 });
    const sell = aList([row({ prefix: '1', price: 0.1 })]);
    const withCost = (given: Given) =>
      found({ cost: aList([before], [change(given)]), sell, changed: [given.prefix] });
    expect(withCost({ prefix: '1', price: 0.2 })).toEqual([]);
    expect(withCost({ prefix: '1', price: 0.005, unit: 1 })).toEqual([]);
    expect(withCost({ prefix: '1', price: 0.006, unit: 1 })).toHaveLength(1);
    expect(withCost({ prefix: '12', price: 0.2 })).toEqual([]);
    const withSale = (price: number) => {
      const sold = aList([row({ prefix: '1', price: 0.1 })], [change({ prefix: '1', price })]);
      return found({ cost: aList([before]), sell: sold, changed: ['1'] });
    };
    expect(withSale(0.2)).toEqual([]);
    expect(withSale(0.09)).toHaveLength(1);
  });

  it.each<[PricingModel, PricingModel, number]>([
    ['PER_UNIT', 'PER_UNIT', 1],
    ['PER_EVENT', 'PER_EVENT', 1],
    ['PACKAGE', 'PER_UNIT', 1],
    ['PER_EVENT', 'PER_UNIT', 0],
    ['PERCENTAGE', 'PERCENTAGE', 0],
    ['GRADUATED', 'PER_UNIT', 0],
  ])('with the models %s and %s are compared: %i', (costModel, sellModel, count) => {
    const sell = aList([row({ prefix: '1', price: 0.1, model: sellModel })]);
    const cost = aList([], [change({ prefix: '1', price: 0.2, model: costModel })]);
    expect(found({ cost, sell, changed: ['1'] })).toHaveLength(count);
  });
});

/** Every price of a few prefixes, over three periods. */
const rows = fc.array(
  fc.record({
    prefix: fc.constantFrom('', '1', '12', '121', '122', '2', '21'),
    price: fc.integer({ min: 1, max: 6 }),
    from: fc.constantFrom(0, FROM, 200),
    long: fc.boolean(),
  }),
  { maxLength: 8 },
);

type Drawn = { prefix: string; price: number; from: number; long: boolean }[];

/** One row of each key and beginning; each ends where the next of its key begins. */
function timed(drawn: Drawn): RateRow[] {
  const first = new Map(drawn.map((one) => [`${one.prefix} ${one.from}`, one]));
  const all = [...first.values()];
  return all.map(({ prefix, price, from, long }) => {
    const later = all.filter((one) => one.prefix === prefix && one.from > from);
    const next = Math.min(...later.map((one) => one.from));
    const open = long ? null : from + 100;
    const to = Number.isFinite(next) ? next : open;
    return row({ prefix, price, from, to });
  });
}

describe('the guard', () => {
  it('finds just the losses that a call at some instant would have through the sheet', () => {
    const property = fc.property(rows, rows, rows, (costDrawn, sellDrawn, sheet) => {
      const changes = timed(sheet.map((one) => ({ ...one, from: Math.max(one.from, FROM) })));
      const cost = aList(
        timed(costDrawn),
        changes.map((changed) => ({ status: 'CHANGED', row: changed })),
      );
      const sell = aList(timed(sellDrawn));
      const changed = changes.map(({ prefix }) => prefix as string);
      const findings = found({ cost, sell, changed });
      for (const number of ['1', '12', '121', '1211', '122', '2', '21', '3', '1299']) {
        for (const at of [FROM, FROM + 50, 200, 250, 300, 350]) {
          const paid = findRate(cost.after.table, number, 0, at)?.rate.price;
          const paidBefore = findRate(cost.before.table, number, 0, at)?.rate.price;
          const sold = findRate(sell.after.table, number, 0, at)?.rate.price;
          const loss = paid !== undefined && sold !== undefined && sold < paid;
          const touched = changed.some((prefix) => number.startsWith(prefix));
          const told = findings
            .filter(({ prefix, from, to }) => {
              return number.startsWith(prefix) && from <= at && (to === null || at < to);
            })
            .some(({ costPrice, sellPrice }) => costPrice === paid && sellPrice === sold);
          const isNews = paidBefore === undefined || (paid ?? 0n) > paidBefore;
          if (loss && touched && isNews) expect(told).toBe(true);
          if (told) expect(loss).toBe(true);
        }
      }
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});
