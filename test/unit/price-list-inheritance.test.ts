import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DestinationPrefixes,
  effectiveTable,
  findRate,
  type ListRows,
  type RateRow,
} from '../../src/catalog/index.js';
import { parseAmount } from '../../src/kernel/index.js';

let nextId = 1;

function row(fields: Partial<RateRow> & { amount?: string } = {}): RateRow {
  const { amount = '0.10', ...rest } = fields;
  nextId += 1;
  return {
    id: nextId,
    destinationId: null,
    prefix: rest.destinationId === undefined || rest.destinationId === null ? '49' : null,
    bandId: null,
    originSetId: null,
    kind: 'ABSOLUTE',
    price: parseAmount(amount),
    connectionFee: 0n,
    rateUnit: 60,
    firstIncrement: 60,
    nextIncrement: 60,
    minimum: 0,
    grace: 0,
    terms: null,
    validFrom: 0,
    validTo: null,
    ...rest,
  };
}

function price(
  lists: readonly (readonly RateRow[])[],
  number: string,
  at: number,
  band: number | null = null,
  destinations: DestinationPrefixes = new Map(),
): { price: bigint; prefix: string; path: readonly number[]; clamped: boolean } | undefined {
  const chain = lists.map((rows, listId) => ({ listId, rows }));
  const found = findRate(effectiveTable(chain, destinations), number, band, at);
  if (found === undefined) return undefined;
  const { rate, entry } = found;
  return { price: rate.price, prefix: entry.prefix, path: rate.path, clamped: rate.clamped };
}

describe('inheritance of price lists', () => {
  it('gives the root its own rows, longest prefix first', () => {
    const short = row({ prefix: '49', amount: '0.10' });
    const long = row({ prefix: '4915', amount: '0.20' });
    expect(price([[short, long]], '491512', 5)).toMatchObject({
      prefix: '4915',
      price: 20_000_000n,
      path: [long.id],
    });
    expect(price([[short, long]], '4930', 5)).toMatchObject({ path: [short.id] });
    expect(price([[short, long]], '33', 5)).toBeUndefined();
  });

  it('falls through a closed long prefix to the shorter one', () => {
    const short = row({ prefix: '49' });
    const long = row({ prefix: '4915', validFrom: 10, validTo: 20 });
    const at = (instant: number) => price([[short, long]], '4915', instant)?.prefix;
    expect([9, 10, 19, 20].map(at)).toEqual(['49', '4915', '4915', '49']);
  });

  it('lets a newer short prefix never beat an older long one', () => {
    const short = row({ prefix: '49', validFrom: 1_000 });
    const long = row({ prefix: '4915', validFrom: 0 });
    expect(price([[short, long]], '4915', 2_000)?.path).toEqual([long.id]);
  });

  it("shows the parent's price again when the child's row ends", () => {
    const parent = row({ amount: '0.10' });
    const child = row({ amount: '0.30', validFrom: 10, validTo: 20 });
    const at = (instant: number) => price([[parent], [child]], '49', instant)?.path;
    expect([9, 10, 20].map(at)).toEqual([[parent.id], [child.id], [parent.id]]);
  });

  it('multiplies price and connection fee by a percentage, half to even at 8 decimals', () => {
    const parent = row({ amount: '0.00000005', connectionFee: parseAmount('0.00000015') });
    const child = row({ prefix: '', kind: 'PERCENT', amount: '10' });
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
    const parent = row({ amount: '0.10', connectionFee: 7n });
    const less = row({ kind: 'DIFFERENCE', amount: '-0.03' });
    expect(price([[parent], [less]], '49', 0)).toMatchObject({ price: 7_000_000n, clamped: false });
    const tooMuch = row({ kind: 'DIFFERENCE', amount: '-0.11' });
    expect(price([[parent], [tooMuch]], '49', 0)).toMatchObject({ price: 0n, clamped: true });
  });

  it('takes the longest adjusting prefix, and one of the band before one without', () => {
    const parent = [row({ prefix: '4915', bandId: 1 }), row({ prefix: '4915' })];
    const all = row({ prefix: '', kind: 'PERCENT', amount: '1' });
    const country = row({ prefix: '49', kind: 'PERCENT', amount: '2' });
    const peak = row({ prefix: '49', kind: 'PERCENT', amount: '3', bandId: 1 });
    const other = row({ prefix: '4916', kind: 'PERCENT', amount: '4' });
    const child = [all, country, peak, other];
    expect(price([parent, child], '4915', 0, 1)?.path[1]).toBe(peak.id);
    expect(price([parent, child], '4915', 0, null)?.path[1]).toBe(country.id);
    expect(price([parent, [all]], '4915', 0, 1)?.path[1]).toBe(all.id);
  });

  it('adjusts again at each depth and keeps the derivation', () => {
    const root = row({ amount: '1' });
    const middle = row({ prefix: '', kind: 'PERCENT', amount: '50' });
    const leaf = row({ prefix: '', kind: 'DIFFERENCE', amount: '0.25' });
    expect(price([[root], [middle], [leaf]], '49', 0)).toMatchObject({
      price: 175_000_000n,
      path: [root.id, middle.id, leaf.id],
    });
  });

  it('lets a destination stand for its prefixes and an explicit prefix beat it', () => {
    const destinations = new Map([[7, ['4915', '4916']]]);
    const whole = row({ destinationId: 7, prefix: null });
    const explicit = row({ prefix: '4915', validFrom: 10, validTo: 20 });
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
      rows.push(row({ prefix: String(1_000_000 + i), validFrom: i % 7 }));
    }
    const child = [
      row({ prefix: '1', kind: 'PERCENT', amount: '5', validFrom: 3, validTo: 1_000 }),
      row({ prefix: '11', kind: 'PERCENT', amount: '6' }),
      ...rows.slice(0, 1_000).map((parent) => row({ prefix: parent.prefix, validFrom: 50 })),
    ];
    const started = performance.now();
    const table = effectiveTable(
      [
        { listId: 1, rows },
        { listId: 2, rows: child },
      ],
      new Map(),
    );
    expect(table.size).toBe(400_000);
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});

const BANDS = [null, 1, 2] as const;
const DESTINATIONS: DestinationPrefixes = new Map([
  [1, ['1', '12', '21']],
  [2, ['11', '121']],
]);
const prefixes = fc.stringMatching(/^[12]{0,3}$/);
const instants = fc.integer({ min: 0, max: 8 });

const rowFields = fc.record({
  target: fc.oneof(
    { weight: 4, arbitrary: prefixes.map((prefix) => ({ prefix, destinationId: null })) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(1, 2).map((destinationId) => ({ prefix: null, destinationId })),
    },
  ),
  bandId: fc.constantFrom(...BANDS),
  kind: fc.constantFrom<RateRow['kind']>('ABSOLUTE', 'ABSOLUTE', 'PERCENT', 'DIFFERENCE'),
  size: fc.integer({ min: -9_999_999_999, max: 9_999_999_999 }),
  connectionFee: fc.bigInt({ min: 0n, max: 999n }),
  validFrom: instants,
  length: fc.option(fc.integer({ min: 1, max: 6 })),
});

const chains = fc
  .array(fc.array(rowFields, { maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .map((lists) => {
    let id = 0;
    return lists.map((fields, listId): ListRows => {
      const rows = fields.map(({ target, size, length, ...rest }): RateRow => {
        id += 1;
        const amount = BigInt(rest.kind === 'ABSOLUTE' ? Math.abs(size) : size);
        return {
          ...row(),
          ...target,
          ...rest,
          id,
          price: amount,
          validTo: length === null ? null : rest.validFrom + length,
        };
      });
      return { listId, rows };
    });
  });

/** The same rules, read one instant, prefix and band at a time straight from the rows. */
function naivePrice(
  lists: readonly ListRows[],
  prefix: string,
  band: number | null,
  at: number,
): { price: string; fee: string; path: number[] } | undefined {
  const list = lists[lists.length - 1];
  if (list === undefined) return undefined;
  const valid = list.rows.filter(
    (candidate) => candidate.validFrom <= at && (candidate.validTo ?? 99) > at,
  );
  const named = (head: string, ofBand: number | null, kinds: readonly string[]) => {
    const matching = valid.filter(
      (candidate) => candidate.bandId === ofBand && kinds.includes(candidate.kind),
    );
    const newest = (rows: RateRow[]) =>
      rows.sort((a, b) => b.validFrom - a.validFrom || b.id - a.id)[0];
    return (
      newest(matching.filter((candidate) => candidate.prefix === head)) ??
      newest(
        matching.filter((candidate) =>
          DESTINATIONS.get(candidate.destinationId ?? 0)?.includes(head),
        ),
      )
    );
  };
  const own = named(prefix, band, ['ABSOLUTE']);
  if (own) {
    return { price: String(own.price), fee: String(own.connectionFee), path: [own.id] };
  }
  const inherited = naivePrice(lists.slice(0, -1), prefix, band, at);
  if (inherited === undefined) return undefined;
  for (let length = prefix.length; length >= 0; length -= 1) {
    for (const ofBand of band === null ? [null] : [band, null]) {
      const by = named(prefix.slice(0, length), ofBand, ['PERCENT', 'DIFFERENCE']);
      if (by === undefined) continue;
      const act = (amount: string, difference: boolean) => {
        const exact =
          by.kind === 'PERCENT'
            ? new Decimal(amount).mul(new Decimal(String(by.price)).div(1e10).plus(1))
            : new Decimal(amount).plus(difference ? String(by.price) : 0);
        return Decimal.max(0, exact.toDecimalPlaces(0, Decimal.ROUND_HALF_EVEN)).toFixed();
      };
      return {
        price: act(inherited.price, true),
        fee: act(inherited.fee, false),
        path: [...inherited.path, by.id],
      };
    }
  }
  return inherited;
}

function naiveRate(lists: readonly ListRows[], number: string, band: number | null, at: number) {
  for (let length = number.length; length >= 0; length -= 1) {
    for (const ofBand of band === null ? [null] : [band, null]) {
      const found = naivePrice(lists, number.slice(0, length), ofBand, at);
      if (found) return { ...found, prefix: number.slice(0, length), band: ofBand ?? 0 };
    }
  }
  return undefined;
}

describe('inheritance against reading the rows one by one', () => {
  it('gives the same price and derivation for every list, number, band and time', () => {
    Decimal.set({ precision: 60 });
    fc.assert(
      fc.property(
        chains,
        fc.stringMatching(/^[12]{1,4}$/),
        fc.constantFrom(...BANDS),
        fc.integer({ min: 0, max: 12 }),
        (lists, number, band, at) => {
          const found = findRate(effectiveTable(lists, DESTINATIONS), number, band, at);
          const seen = found && {
            price: String(found.rate.price),
            fee: String(found.rate.connectionFee),
            path: [...found.rate.path],
            prefix: found.entry.prefix,
            band: found.entry.bandId,
          };
          expect(seen).toEqual(naiveRate(lists, number, band, at));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('keeps the versions of every entry in order, apart, and joined when equal', () => {
    fc.assert(
      fc.property(chains, (lists) => {
        for (const { versions } of effectiveTable(lists, DESTINATIONS).values()) {
          versions.forEach((version, i) => {
            expect(version.to === null || version.to > version.from).toBe(true);
            const before = versions[i - 1];
            if (before === undefined) return;
            expect(before.to !== null && before.to <= version.from).toBe(true);
            const touches = before.to === version.from;
            expect(touches && before.value === version.value).toBe(false);
          });
        }
      }),
      { numRuns: 500 },
    );
  });
});
