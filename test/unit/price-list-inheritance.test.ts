import { describe, expect, it } from 'vitest';
import {
  type DestinationPrefixes,
  effectiveTable,
  findRate,
  type OriginRanks,
  type PricingTerms,
  type RateRow,
} from '../../src/catalog/index.js';
import { parseAmount } from '../../src/kernel/index.js';
import { aRate } from '../fixtures/book.js';

function price(
  lists: readonly (readonly RateRow[])[],
  number: string,
  at: number,
  band: number | null = null,
  destinations: DestinationPrefixes = new Map(),
  origins?: OriginRanks,
) {
  const chain = lists.map((rows, listId) => ({ listId, rows }));
  const found = findRate(effectiveTable(chain, destinations), number, band, at, origins);
  return found && { ...found.rate, prefix: found.entry.prefix };
}

const TWO_TIERS: PricingTerms = {
  model: 'GRADUATED',
  minCharge: 3n,
  maxCharge: 900n,
  schedule: {
    id: 5,
    scope: 'CONTRACT',
    period: 'MONTH',
    steps: [
      { upTo: 100, price: 25n, rateUnit: 60, flatFee: 15n, block: false },
      { upTo: null, price: 4n, rateUnit: 60, flatFee: 0n, block: true },
    ],
  },
};

describe('inheritance of price lists', () => {
  it('gives the root its own rows, longest prefix first', () => {
    const short = aRate({ prefix: '49', amount: '0.10' });
    const long = aRate({ prefix: '4915', amount: '0.20' });
    expect(price([[short, long]], '491512', 5)).toMatchObject({
      prefix: '4915',
      price: 20_000_000n,
      path: [long.id],
    });
    expect(price([[short, long]], '4930', 5)).toMatchObject({ path: [short.id] });
    expect(price([[short, long]], '33', 5)).toBeUndefined();
  });

  it('falls through a closed long prefix to the shorter one', () => {
    const short = aRate({ prefix: '49' });
    const long = aRate({ prefix: '4915', validFrom: 10, validTo: 20 });
    const at = (instant: number) => price([[short, long]], '4915', instant)?.prefix;
    expect([9, 10, 19, 20].map(at)).toEqual(['49', '4915', '4915', '49']);
  });

  it('lets a newer short prefix never beat an older long one', () => {
    const short = aRate({ prefix: '49', validFrom: 1_000 });
    const long = aRate({ prefix: '4915', validFrom: 0 });
    expect(price([[short, long]], '4915', 2_000)?.path).toEqual([long.id]);
  });

  it("shows the parent's price again when the child's row ends", () => {
    const parent = aRate({ amount: '0.10' });
    const child = aRate({ amount: '0.30', validFrom: 10, validTo: 20 });
    const at = (instant: number) => price([[parent], [child]], '49', instant)?.path;
    expect([9, 10, 20].map(at)).toEqual([[parent.id], [child.id], [parent.id]]);
  });

  it('multiplies price and connection fee by a percentage, half to even at 8 decimals', () => {
    const parent = aRate({ amount: '0.00000005', connectionFee: parseAmount('0.00000015') });
    const child = aRate({ prefix: '', kind: 'PERCENT', amount: '10' });
    const table = effectiveTable(
      [
        { listId: 1, rows: [parent] },
        { listId: 2, rows: [child] },
      ],
      new Map(),
    );
    // 5.5 and 16.5 units of 10^-8 are ties: one goes up to 6, the other down to 16.
    expect(findRate(table, '49', null, 0)?.rate).toMatchObject({
      price: 6n,
      connectionFee: 16n,
      path: [parent.id, child.id],
    });
  });

  it('adds a difference to the price alone and holds at zero with a mark', () => {
    const parent = aRate({ amount: '0.10', connectionFee: 7n });
    const less = aRate({ kind: 'DIFFERENCE', amount: '-0.03' });
    expect(price([[parent], [less]], '49', 0)).toMatchObject({ price: 7_000_000n, clamped: false });
    const tooMuch = aRate({ kind: 'DIFFERENCE', amount: '-0.11' });
    expect(price([[parent], [tooMuch]], '49', 0)).toMatchObject({ price: 0n, clamped: true });
  });

  it('takes the longest adjusting prefix, and one of the band before one without', () => {
    const parent = [aRate({ prefix: '4915', bandId: 1 }), aRate({ prefix: '4915' })];
    const all = aRate({ prefix: '', kind: 'PERCENT', amount: '1' });
    const country = aRate({ prefix: '49', kind: 'PERCENT', amount: '2' });
    const peak = aRate({ prefix: '49', kind: 'PERCENT', amount: '3', bandId: 1 });
    const other = aRate({ prefix: '4916', kind: 'PERCENT', amount: '4' });
    const child = [all, country, peak, other];
    expect(price([parent, child], '4915', 0, 1)?.path[1]).toBe(peak.id);
    expect(price([parent, child], '4915', 0, null)?.path[1]).toBe(country.id);
    expect(price([parent, [all]], '4915', 0, 1)?.path[1]).toBe(all.id);
  });

  it('adjusts tiers instead of the price that they stand for, limits of the charge aside', () => {
    const parent = aRate({ amount: '0', connectionFee: 5n, terms: TWO_TIERS });
    const adjusted = (by: RateRow) => price([[parent], [by]], '49', 0);
    // 10 percent of 25, 15, 4 and 5 are ties or not: 27.5 -> 28, 16.5 -> 16, 4.4 -> 4, 5.5 -> 6.
    const more = adjusted(aRate({ prefix: '', kind: 'PERCENT', amount: '10' }));
    expect(more).toMatchObject({ price: 0n, connectionFee: 6n, clamped: false });
    expect(more?.terms).toEqual({
      ...TWO_TIERS,
      schedule: {
        ...TWO_TIERS.schedule,
        steps: [
          { upTo: 100, price: 28n, rateUnit: 60, flatFee: 16n, block: false },
          { upTo: null, price: 4n, rateUnit: 60, flatFee: 0n, block: true },
        ],
      },
    });
    const less = adjusted(aRate({ prefix: '', kind: 'DIFFERENCE', amount: '-0.00000006' }));
    expect(less).toMatchObject({ price: 0n, connectionFee: 5n, clamped: true });
    expect(less?.terms?.schedule?.steps).toMatchObject([
      { price: 19n, flatFee: 15n },
      { price: 0n, flatFee: 0n },
    ]);
    expect(parent.terms).toBe(TWO_TIERS);
  });

  it('gives the sets that hold the calling number in order before the price for all', () => {
    const all = aRate({ amount: '0.01' });
    const peak = aRate({ amount: '0.02', bandId: 1 });
    const home = aRate({ amount: '0.03', originSetId: 7 });
    const homePeak = aRate({ amount: '0.04', originSetId: 7, bandId: 1 });
    const abroad = aRate({ amount: '0.05', originSetId: 8, bandId: 1 });
    const paid = (origins: [number, number][], band: number | null) =>
      price([[all, peak, home, homePeak, abroad]], '49', 0, band, new Map(), new Map(origins));
    expect(paid([], 1)?.path).toEqual([peak.id]);
    expect(paid([[7, 2]], null)?.path).toEqual([home.id]);
    expect(paid([[7, 2]], 1)?.path).toEqual([homePeak.id]);
    expect(paid([[7, 2]], 2)?.path).toEqual([home.id]);
    // The longer prefix of a set wins; of equal ones the set with the lower id.
    const both = (rank7: number, rank8: number): [number, number][] => [
      [8, rank8],
      [7, rank7],
    ];
    expect(paid(both(2, 3), 1)?.path).toEqual([abroad.id]);
    expect(paid(both(3, 2), 1)?.path).toEqual([homePeak.id]);
    expect(paid(both(2, 2), 1)?.path).toEqual([homePeak.id]);
    // A set without a price in the band gives way to the next set.
    expect(paid(both(2, 3), null)?.path).toEqual([home.id]);
  });

  it('lets a longer prefix for all beat a shorter one for the origin', () => {
    const home = aRate({ prefix: '49', originSetId: 7 });
    const mobile = aRate({ prefix: '4915' });
    const held = new Map([[7, 2]]);
    expect(price([[home, mobile]], '4915', 0, null, new Map(), held)?.path).toEqual([mobile.id]);
    expect(price([[home, mobile]], '4930', 0, null, new Map(), held)?.path).toEqual([home.id]);
    expect(price([[home, mobile]], '4930', 0)).toBeUndefined();
  });

  it('lets adjustments of a set act on its prices alone, others on all', () => {
    const plain = aRate();
    const home = aRate({ originSetId: 7 });
    const forAll = aRate({ prefix: '', kind: 'PERCENT', amount: '1' });
    const forHome = aRate({ prefix: '', kind: 'PERCENT', amount: '2', originSetId: 7 });
    const path = (rows: RateRow[], origins: [number, number][]) =>
      price([[plain, home], rows], '49', 0, null, new Map(), new Map(origins))?.path;
    expect(path([forAll], [[7, 1]])).toEqual([home.id, forAll.id]);
    expect(path([forAll, forHome], [[7, 1]])).toEqual([home.id, forHome.id]);
    expect(path([forHome], [])).toEqual([plain.id]);
    const longer = aRate({ prefix: '4', kind: 'PERCENT', amount: '3' });
    expect(path([forHome, longer], [[7, 1]])).toEqual([home.id, longer.id]);
  });

  it('adjusts again at each depth and keeps the derivation', () => {
    const root = aRate({ amount: '1' });
    const middle = aRate({ prefix: '', kind: 'PERCENT', amount: '50' });
    const leaf = aRate({ prefix: '', kind: 'DIFFERENCE', amount: '0.25' });
    expect(price([[root], [middle], [leaf]], '49', 0)).toMatchObject({
      price: 175_000_000n,
      path: [root.id, middle.id, leaf.id],
    });
  });

  it('lets a destination stand for its prefixes and an explicit prefix beat it', () => {
    const destinations = new Map([[7, ['4915', '4916']]]);
    const whole = aRate({ destinationId: 7, prefix: null });
    const explicit = aRate({ prefix: '4915', validFrom: 10, validTo: 20 });
    const at = (number: string, instant: number) =>
      price([[whole, explicit]], number, instant, null, destinations)?.path[0];
    expect(at('49150', 15)).toBe(explicit.id);
    expect(at('49150', 25)).toBe(whole.id);
    expect(at('49160', 15)).toBe(whole.id);
    expect(at('49170', 15)).toBeUndefined();
  });

  it('shares untouched entries with the parent and stays fast at 400,000 rows', () => {
    const rows: RateRow[] = [];
    for (let i = 0; i < 400_000; i += 1) {
      rows.push(aRate({ prefix: String(1_000_000 + i), validFrom: i % 7 }));
    }
    const child = [
      aRate({ prefix: '1', kind: 'PERCENT', amount: '5', validFrom: 3, validTo: 1_000 }),
      aRate({ prefix: '11', kind: 'PERCENT', amount: '6' }),
      ...rows.slice(0, 1_000).map((parent) => aRate({ prefix: parent.prefix, validFrom: 50 })),
    ];
    const before = process.cpuUsage();
    const table = effectiveTable(
      [
        { listId: 1, rows },
        { listId: 2, rows: child },
      ],
      new Map(),
    );
    expect(table.size).toBe(400_000);
    // What was computed (2.4 s), not what passed meanwhile: others may keep the machine busy.
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(8_000_000);
  });
});
