import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DestinationPrefixes,
  effectiveTable,
  findRate,
  type ListRows,
  type OriginRanks,
  type RateRow,
} from '../../src/catalog/index.js';
import { aRate } from '../fixtures/book.js';

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
  originSetId: fc.constantFrom(null, null, 1, 2),
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
          ...aRate(),
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

/** The same rules, read one instant and key at a time straight from the rows. */
function naivePrice(
  lists: readonly ListRows[],
  prefix: string,
  band: number | null,
  set: number | null,
  at: number,
): { price: string; fee: string; path: number[] } | undefined {
  const list = lists[lists.length - 1];
  if (list === undefined) return undefined;
  const valid = list.rows.filter(
    (candidate) => candidate.validFrom <= at && (candidate.validTo ?? 99) > at,
  );
  const named = (
    head: string,
    [ofSet, ofBand]: readonly [number | null, number | null],
    kinds: readonly string[],
  ) => {
    const matching = valid.filter(
      (candidate) =>
        candidate.bandId === ofBand &&
        candidate.originSetId === ofSet &&
        kinds.includes(candidate.kind),
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
  const own = named(prefix, [set, band], ['ABSOLUTE']);
  if (own) {
    return { price: String(own.price), fee: String(own.connectionFee), path: [own.id] };
  }
  const inherited = naivePrice(lists.slice(0, -1), prefix, band, set, at);
  if (inherited === undefined) return undefined;
  for (let length = prefix.length; length >= 0; length -= 1) {
    for (const key of strongestFirst([...(set === null ? [] : [set]), null], band)) {
      const by = named(prefix.slice(0, length), key, ['PERCENT', 'DIFFERENCE']);
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

function strongestFirst(sets: readonly (number | null)[], band: number | null) {
  const bands = band === null ? [null] : [band, null];
  return sets.flatMap((set) => bands.map((ofBand) => [set, ofBand] as const));
}

function naiveRate(
  lists: readonly ListRows[],
  number: string,
  band: number | null,
  sets: readonly (number | null)[],
  at: number,
) {
  for (let length = number.length; length >= 0; length -= 1) {
    const prefix = number.slice(0, length);
    for (const [set, ofBand] of strongestFirst(sets, band)) {
      const found = naivePrice(lists, prefix, ofBand, set, at);
      if (found) return { ...found, prefix, band: ofBand ?? 0, set: set ?? 0 };
    }
  }
  return undefined;
}

/** Ranks of the sets 1 and 2, and the order in which they are looked at, written out by hand. */
const HELD: readonly (readonly [OriginRanks, readonly (number | null)[]])[] = [
  [new Map(), [null]],
  [new Map([[1, 3]]), [1, null]],
  [new Map([[2, 1]]), [2, null]],
  [
    new Map([
      [1, 2],
      [2, 4],
    ]),
    [2, 1, null],
  ],
  [
    new Map([
      [2, 4],
      [1, 4],
    ]),
    [1, 2, null],
  ],
];

describe('inheritance against reading the rows one by one', () => {
  it('gives the same price and derivation for every list, number, band, origin and time', () => {
    Decimal.set({ precision: 60 });
    fc.assert(
      fc.property(
        chains,
        fc.stringMatching(/^[12]{1,4}$/),
        fc.constantFrom(...BANDS),
        fc.constantFrom(...HELD),
        fc.integer({ min: 0, max: 12 }),
        (lists, number, band, [ranks, sets], at) => {
          const found = findRate(effectiveTable(lists, DESTINATIONS), number, band, at, ranks);
          const seen = found && {
            price: String(found.rate.price),
            fee: String(found.rate.connectionFee),
            path: [...found.rate.path],
            prefix: found.entry.prefix,
            band: found.entry.bandId,
            set: found.entry.originSetId,
          };
          expect(seen).toEqual(naiveRate(lists, number, band, sets, at));
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
