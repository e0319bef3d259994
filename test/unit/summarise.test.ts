import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICRO_BATCH, RecordBatch } from '../../src/mediation/index.js';
import type { PriceBook } from '../../src/rating/book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { ChunkPool, type CopyRows } from '../../src/rating/copy-rows.js';
import { OUTCOME, RatedBatch } from '../../src/rating/rated-batch.js';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import { UsageSummary } from '../../src/rating/summarise.js';
import type { ThreadStages } from '../../src/rating/thread-stages.js';

const VERSIONS = 6;
// As many contracts as versions; ids tell places from what they stand for.
const places = Int32Array.from({ length: VERSIONS }, (_, place) => place);
const ids = (base: number) => places.map((place) => base + place);
const book = {
  contracts: {
    versionContract: places,
    partnerId: ids(100),
    id: ids(200),
    versionId: ids(300),
    accountId: ids(400),
  },
} as unknown as PriceBook;

interface Level {
  readonly version: number;
  readonly day: number;
  readonly billed: number;
  readonly amount: number;
}

interface Row {
  readonly rated: boolean;
  readonly service: number;
  readonly destination: number;
  readonly quantity: number;
  readonly levels: readonly Level[];
}

/** Version, day, service, destination and what was added up. */
type Sum = readonly bigint[];

function summed(rows: readonly Row[], stages: ThreadStages | null = null): Sum[] {
  const summary = new UsageSummary(stages);
  // Stages find the bundles of batches before; those of a batch itself are begun in JavaScript.
  const size = stages === null ? MICRO_BATCH : 7;
  for (let from = 0; from < rows.length; from += size) {
    const records = stages?.records ?? new RecordBatch();
    const rated = stages?.rated ?? new RatedBatch();
    // What an earlier batch left behind must not count.
    rated.day.fill(77);
    rows.slice(from, from + size).forEach((row, at) => {
      write(records, rated, at, row);
    });
    summary.add(records, rated);
  }
  const leaves = summary.encode(book, 9, new ChunkPool());
  return [...leaves].flatMap(([month, leaf]) => rowsOf(leaf, month));
}

function write(records: RecordBatch, rated: RatedBatch, at: number, row: Row): void {
  records.count = at + 1;
  records.service[at] = row.service;
  records.quantity[at] = row.quantity;
  rated.outcome[at] = row.rated ? OUTCOME.RATED : OUTCOME.HELD;
  rated.destinationId[at] = row.destination;
  rated.levels[at] = row.levels.length;
  row.levels.forEach((level, n) => {
    const place = at * MAX_LEVELS + n;
    rated.version[place] = level.version;
    if (level.version >= 0) rated.day[place] = level.day;
    rated.billed[place] = level.billed;
    rated.amount[place] = level.amount;
  });
}

const FIELD_BYTES = [4, 4, 4, 4, 4, 4, 2, 4, 4, 8, 8, 8];

function rowsOf(leaf: CopyRows, month: number): Sum[] {
  const found: Sum[] = [];
  const bytes = Buffer.concat(leaf.finish().map((chunk) => chunk.seal().subarray(5)));
  for (let at = 19; bytes.readInt16BE(at) !== -1; ) {
    expect(bytes.readInt16BE(at)).toBe(FIELD_BYTES.length);
    at += 2;
    const fields = FIELD_BYTES.map((length) => {
      expect(bytes.readInt32BE(at)).toBe(length);
      at += 4 + length;
      if (length === 8) return bytes.readBigInt64BE(at - 8);
      return BigInt(length === 4 ? bytes.readInt32BE(at - 4) : bytes.readInt16BE(at - 2));
    });
    const [batch, day, partner, contract, version, account, service, destination, ...sums] = fields;
    const place = Number(version) - 300;
    expect([batch, partner, contract, account].map(Number)).toEqual([
      9,
      100 + place,
      200 + place,
      400 + place,
    ]);
    const date = new Date((Number(day) + 10_957) * 86_400_000);
    expect(Date.UTC(date.getUTCFullYear(), date.getUTCMonth())).toBe(month * 86_400_000);
    found.push([BigInt(place), day! + 10_957n, service!, destination!, ...sums]);
  }
  return found;
}

/** The sums by key, worked out with big integers; rows with one key are added together. */
function totals(sums: readonly Sum[]): Map<string, bigint[]> {
  const all = new Map<string, bigint[]>();
  for (const sum of sums) {
    const key = sum.slice(0, 4).join(' ');
    const known = all.get(key) ?? [0n, 0n, 0n, 0n];
    all.set(
      key,
      known.map((value, n) => value + sum[n + 4]!),
    );
  }
  return new Map([...all].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function expected(rows: readonly Row[]): Map<string, bigint[]> {
  return totals(
    rows.flatMap(({ rated, service, destination, quantity, levels }) =>
      levels
        .filter(({ version }) => rated && version >= 0)
        .map(({ version, day, billed, amount }) =>
          [version, day, service, destination, 1, quantity, billed, amount].map(BigInt),
        ),
    ),
  );
}

const whole = (max: number) => fc.integer({ min: 0, max });
const huge = fc.oneof(whole(1000), fc.constantFrom(2 ** 53 - 1, 2 ** 52, 2 ** 51 + 1));
const level = fc.record({
  version: fc.integer({ min: -1, max: VERSIONS - 1 }),
  day: fc.integer({ min: 20_400, max: 20_402 }),
  billed: huge,
  amount: huge,
});
const anyRow: fc.Arbitrary<Row> = fc.record({
  rated: fc.boolean(),
  service: fc.integer({ min: 1, max: 4 }),
  destination: whole(3),
  quantity: huge,
  levels: fc.array(level, { minLength: 1, maxLength: MAX_LEVELS }),
});

/** Rows that share their keys often, and differ in one of them. */
const alikeRow: fc.Arbitrary<Row> = fc.record({
  rated: fc.constant(true),
  service: fc.integer({ min: 1, max: 2 }),
  destination: whole(1),
  quantity: huge,
  levels: fc.array(
    fc.record({
      version: fc.integer({ min: -1, max: 1 }),
      day: fc.constantFrom(20_400, 20_400, 20_401),
      billed: huge,
      amount: huge,
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

describe.each([
  ['in JavaScript', null],
  ['as WebAssembly', stagesOfThread()],
])('sums of a batch %s', (_, stages) => {
  it('are what big integers say, whatever the size of the amounts', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyRow, alikeRow), { maxLength: 60 }), (rows) => {
        const sums = summed(rows, stages);
        expect(totals(sums)).toEqual(expected(rows));
        for (const sum of sums) for (const value of sum) expect(value < 2n ** 53n).toBe(true);
      }),
    );
  });

  it('tell records apart that differ in how many levels they have', () => {
    const level = (version: number): Level => ({ version, day: 20_400, billed: 7, amount: 11 });
    const row = (versions: readonly number[]): Row => {
      const levels = versions.map(level);
      return { rated: true, service: 1, destination: 2, quantity: 5, levels };
    };
    const long = Array.from({ length: 8 }, () => row([1, 2, 2]));
    const short = Array.from({ length: 8 }, () => row([1, 2]));
    const rows = [...long, ...short, ...long, ...short];
    expect(totals(summed(rows, stages))).toEqual(expected(rows));
  });

  it('hold thousands of keys, one row for each', () => {
    const rows = Array.from({ length: 12_000 }, (_, n): Row => {
      const day = 20_400 + (n % 40);
      const versions = [n % 2, 2 + (n % 4)];
      const levels = versions.map((version) => ({ version, day, billed: n, amount: n * 1000 }));
      return { rated: n % 7 !== 0, service: 1, destination: n % 3001, quantity: n, levels };
    });
    const sums = summed(rows, stages);
    expect(totals(sums)).toEqual(expected(rows));
    expect(sums.length).toBe(totals(sums).size);
  });
});
