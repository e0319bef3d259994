import { Decimal } from 'decimal.js';
import { afterAll, describe, expect, it } from 'vitest';
import { isoFromEpochDay } from '../../src/kernel/index.js';
import {
  faultCodes,
  heldFaults,
  IdentityTable,
  MICRO_BATCH,
  type RecordBatch,
} from '../../src/mediation/index.js';
import type { BookFacts, PriceBook } from '../../src/rating/book.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { faultContract } from '../../src/rating/fault-contract.js';
import { subscriptionIdAt } from '../../src/rating/guide.js';
import { BatchRater } from '../../src/rating/rate-batch.js';
import { OUTCOME, RatedBatch } from '../../src/rating/rated-batch.js';
import { IS_RATED_AT } from '../../src/rating/rated-columns.js';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import { aBook, aRecord, type PlainRecord, recordBatch } from '../fixtures/book.js';
import { Draw } from '../fixtures/draw.js';
import { randomBook } from '../fixtures/random-book.js';
import { type Answer, type LevelAnswer, ReferenceRater } from '../fixtures/reference-rater.js';

const FEW = process.env.KONTOR_TEST_BOOKS;
const BOOKS = Number(FEW ?? 130);
const BATCHES_A_BOOK = FEW === undefined ? 2 : 1;

function levelOf(book: PriceBook, rated: RatedBatch, at: number): LevelAnswer {
  const version = rated.version[at]!;
  return {
    versionId: version < 0 ? null : book.contracts.versionId[version]!,
    rateId: rated.rateId[at]!,
    billed: rated.billed[at]!,
    amount: new Decimal(rated.amount[at]!).div(1e8).toFixed(8),
    day: version < 0 ? null : isoFromEpochDay(rated.day[at]!),
  };
}

/** The arrays of one row as the reference would say it. */
function answerOf(
  book: PriceBook,
  records: RecordBatch,
  rated: RatedBatch,
  row: number,
): Answer | string {
  const fault = faultCodes[records.fault[row]!];
  const outcome = rated.outcome[row]!;
  if (fault !== undefined) {
    const expected = heldFaults.has(fault) ? OUTCOME.HELD : OUTCOME.REJECTED;
    if (outcome !== expected) return `outcome ${outcome} with the fault ${fault}`;
    return { fault, faults: [{ fault, contractId: faultContract(book, records, rated, row) }] };
  }
  if (outcome !== OUTCOME.RATED) return `outcome ${outcome} without a fault`;
  const first = row * MAX_LEVELS;
  return {
    subscriptionId: subscriptionIdAt(book.guide, rated.subscription[row]!),
    destinationId: rated.destinationId[row]!,
    levels: Array.from({ length: rated.levels[row]! }, (_, n) => levelOf(book, rated, first + n)),
  };
}

const stages = stagesOfThread();
const rowsHere = { rated: 0, of: 0 };

/**
 * Rates a batch with the stages that run as WebAssembly: once to find out what its book asks for,
 * and once more by what was found out. Answers how that differs from what was rated without them.
 */
function differsHere(rater: BatchRater, records: RecordBatch, rated: RatedBatch): string[] {
  const found: string[] = [];
  for (const time of ['first', 'second']) {
    copyColumns(records, stages.records);
    stages.records.count = records.count;
    stages.records.fault.fill(0);
    // Written only where a contract watches its margin.
    stages.rated.belowCost.fill(0);
    rater.rate(stages.records, stages.rated, null);
    for (let row = 0; row < records.count; row += 1) {
      const here = columnsOf(stages.records, stages.rated, row);
      const there = columnsOf(records, rated, row);
      if (here !== there) found.push(`row ${row}, the ${time} time: ${here} and not ${there}`);
    }
  }
  const isRated = new Uint8Array(stages.memory.buffer, IS_RATED_AT, records.count);
  rowsHere.rated += isRated.reduce((sum, one) => sum + one, 0);
  rowsHere.of += rated.outcome.subarray(0, records.count).filter((one) => one === 1).length;
  return found;
}

function copyColumns(from: RecordBatch, to: RecordBatch): void {
  for (const [name, column] of Object.entries(from)) {
    if (ArrayBuffer.isView(column)) to[name as 'quantity'].set(column as Float64Array);
  }
}

/** A book whose levels ask for prices and tiers alone: no rules, bands, origins or versions. */
function plainer(facts: BookFacts): BookFacts {
  const lists = facts.lists.map((list) => {
    const rows = new Map<string, (typeof list.rows)[number]>();
    for (const row of list.rows) {
      const alone = { ...row, bandId: null, originSetId: null };
      rows.set(`${row.destinationId} ${row.prefix}`, alone);
    }
    return { ...list, timeProfileId: null, currency: 'EUR', rows: [...rows.values()] };
  });
  const versions = facts.versions.map((version) => ({
    ...version,
    currency: 'EUR',
    bandPolicy: 'START' as const,
    lists: version.lists.map((list) => ({ ...list, trunkId: null })),
  }));
  return { ...facts, lists, versions, pricing: { ...facts.pricing, rules: [] } };
}

// All that later stages read of a row.
function columnsOf(records: RecordBatch, rated: RatedBatch, row: number): string {
  const { outcome, faultLevel, levels } = rated;
  const fault = faultCodes[records.fault[row]!];
  if (fault !== undefined) return `${outcome[row]} ${fault} at ${faultLevel[row]}`;
  const { subscription, chain, destinationId, belowCost } = rated;
  const ofRow = [outcome, subscription, chain, destinationId, belowCost].map((each) => each[row]);
  const ofLevels = Array.from({ length: levels[row]! }, (_, level) => {
    const at = row * MAX_LEVELS + level;
    const { version, rateId, billed, amount, folded, day, list } = rated;
    const isBought = version[at]! >= 0;
    const all = [version, rateId, billed, amount, folded].map((each) => each[at]);
    return [...all, isBought && day[at], isBought && list[at]].join(' ');
  });
  return [...ofRow, ...ofLevels].join(', ');
}

/** Rates batches one after the other with one rater and one result, as a worker does. */
function rateAll(facts: BookFacts, all: readonly PlainRecord[]): (Answer | string)[] {
  const book = compileBook(1, facts);
  const rater = new BatchRater(book);
  const rated = new RatedBatch();
  const answers: (Answer | string)[] = [];
  for (let at = 0; at < all.length; at += MICRO_BATCH) {
    const records = recordBatch(all.slice(at, at + MICRO_BATCH));
    try {
      rater.rate(records, rated, null);
    } catch (error) {
      // No record may stop a batch; one that does is shown like any other difference.
      answers.push(...all.slice(at, at + MICRO_BATCH).map(() => `thrown: ${error}`));
      continue;
    }
    for (let row = 0; row < records.count; row += 1) {
      answers.push(answerOf(book, records, rated, row));
    }
  }
  return answers;
}

function same(answered: Answer | string, expected: Answer): boolean {
  if ('fault' in expected) {
    // Of a record with several faults it does not matter which of them is told.
    const faults = expected.faults.map((fault) => JSON.stringify(fault));
    if (typeof answered === 'string' || !('fault' in answered)) return false;
    return faults.includes(JSON.stringify(answered.faults[0]));
  }
  return JSON.stringify(ordered(answered)) === JSON.stringify(ordered(expected));
}

function ordered(answer: Answer | string): unknown {
  if (typeof answer === 'string' || 'fault' in answer) return answer;
  const { subscriptionId, destinationId, levels } = answer;
  return [
    subscriptionId,
    destinationId,
    levels.map((level) => [level.versionId, level.rateId, level.billed, level.amount, level.day]),
  ];
}

/** Whether a level was priced by another contract than the first of its two partners. */
function isSuccessor({ contracts, versions }: BookFacts, { versionId }: LevelAnswer): boolean {
  const contractId = versions.find(({ id }) => id === versionId)?.contractId;
  const own = contracts.find(({ id }) => id === contractId);
  return contracts.some(
    ({ id, level, sellerPartnerId, buyerPartnerId }) =>
      own !== undefined &&
      id < own.id &&
      level === own.level &&
      sellerPartnerId === own.sellerPartnerId &&
      buyerPartnerId === own.buyerPartnerId,
  );
}

/** How the two answers differ, by the fault of each; null when they agree. */
function difference(facts: BookFacts, record: PlainRecord): string | null {
  const answered = rateAll(facts, [record])[0]!;
  const expected = new ReferenceRater(facts).rate(record);
  if (same(answered, expected)) return null;
  return [answered, expected].map(kindOf).join();
}

function kindOf(answer: Answer | string): string {
  return typeof answer === 'string' ? answer : 'fault' in answer ? answer.fault : 'rated';
}

type Shrinkable = { readonly facts: BookFacts; readonly record: PlainRecord };

/** Every smaller book or plainer record that is one step away. */
function* simpler({ facts, record }: Shrinkable): Generator<Shrinkable> {
  for (const part of Object.keys(facts) as (keyof BookFacts)[]) {
    const items = facts[part];
    if (part === 'pricing') {
      for (const pricing of plainerItem({ ...facts.pricing }, plainestRule)) {
        yield { facts: { ...facts, pricing: pricing as never }, record };
      }
    }
    if (!Array.isArray(items)) continue;
    for (const without of withoutEach(items))
      yield { facts: { ...facts, [part]: without }, record };
    for (const [at, item] of items.entries()) {
      for (const plainer of plainerItem(item as Record<string, unknown>)) {
        yield { facts: { ...facts, [part]: items.with(at, plainer) }, record };
      }
    }
  }
  for (const plainer of plainerItem({ ...record })) yield { facts, record: plainer as never };
}

function* withoutEach(items: readonly unknown[]): Generator<unknown[]> {
  for (const at of items.keys()) yield items.toSpliced(at, 1);
}

const plainest: Record<string, unknown> = {
  ...{ validFrom: 0, validTo: null, startsAt: 0, endsAt: null, limited: false },
  ...{ timeZone: 'UTC', roundingDecimals: 8, roundingMode: 'DOWN', timeProfileId: null },
  ...{ price: 100_000_000n, connectionFee: 0n, rateUnit: 1, firstIncrement: 0, nextIncrement: 1 },
  ...{ minimum: 0, grace: 0, bandId: null, kind: 'ABSOLUTE', parentId: null },
  ...{ bandPolicy: 'START', marginPolicy: 'NONE', terms: null, value: 0, originSetId: null },
  ...{ costContractId: null, quantity: 1, service: 'VOICE', inTrunk: 0, outTrunk: 0, aNumber: '' },
};

const plainestRule: Record<string, unknown> = {
  ...{ validFrom: 0, validTo: null, recordedAt: 0, supersededAt: null, effect: 'FIXED' },
  ...{ customerGroupId: null, buyerPartnerId: null, service: null, destinationIds: null },
  ...{ weekdays: null, fromMinute: null, toMinute: null, measure: null, cap: null },
  ...{ subscriptionId: null, contractId: null, level: null, stacking: 'ORDERED', priority: 0 },
};

function* plainerItem(
  item: Record<string, unknown>,
  plain = plainest,
): Generator<Record<string, unknown>> {
  for (const [name, value] of Object.entries(item)) {
    if (name in plain && value !== plain[name] && !Array.isArray(value)) {
      yield { ...item, [name]: plain[name] };
    }
    if (!Array.isArray(value)) continue;
    for (const without of withoutEach(value)) yield { ...item, [name]: without };
    for (const [at, inner] of value.entries()) {
      if (typeof inner !== 'object') continue;
      for (const plainer of plainerItem(inner as Record<string, unknown>, plain)) {
        yield { ...item, [name]: value.with(at, plainer) };
      }
    }
  }
}

// The register keeps a trunk for as long as something names it.
function isSound({ facts, record }: Shrinkable): boolean {
  const known = new Set<number | null>([null, 0, ...facts.trunks.map(({ id }) => id)]);
  const named = facts.identities.map(({ trunkId }) => trunkId);
  return [...named, record.inTrunk, record.outTrunk].every((id) => known.has(id));
}

/** The smallest case found in which the two still answer differently in the same way. */
function smallest(found: Shrinkable): Shrinkable {
  const kind = difference(found.facts, found.record);
  for (const candidate of simpler(found)) {
    if (!isSound(candidate)) continue;
    try {
      if (difference(candidate.facts, candidate.record) === kind) return smallest(candidate);
    } catch {
      // What cannot be compiled is no smaller case.
    }
  }
  return found;
}

function written(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));
}

function report({ facts, record }: Shrinkable, where: string): string {
  const parts = Object.entries(facts).map(([name, items]) => {
    const lines = Array.isArray(items) ? items.map((item) => `\n    ${written(item)}`) : [];
    if (lines.length === 0) lines.push(written(items));
    return `  ${name}: ${lines.join('')}`;
  });
  const startedAt = new Date(record.startedMs).toISOString();
  return [
    `The compiled book rates a record differently (${where}).`,
    ...parts,
    `  record: ${written(record)} at ${startedAt}`,
    `  expected: ${written(new ReferenceRater(facts).rate(record))}`,
    `  answered: ${written(rateAll(facts, [record])[0])}`,
  ].join('\n');
}

describe('any book and any record', () => {
  const seed = Number(process.env.KONTOR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);

  it(`are rated as by the reference (KONTOR_TEST_SEED=${seed})`, () => {
    for (let n = 0; n < BOOKS; n += 1) {
      const { facts, record } = randomBook(new Draw(seed + n * 7919));
      const reference = new ReferenceRater(facts);
      const records = Array.from({ length: BATCHES_A_BOOK * MICRO_BATCH }, record);
      rateAll(facts, records).forEach((answer, at) => {
        const expected = reference.rate(records[at]!);
        if (!same(answer, expected)) {
          const found = { facts, record: records[at]! };
          // What only shows behind other records cannot be told by one.
          const shown = difference(facts, found.record) === null ? found : smallest(found);
          expect.fail(report(shown, `seed ${seed}, book ${n}, record ${at}`));
        }
        count('records');
        count('fault' in expected ? expected.fault : 'rated');
        if (!('fault' in expected)) countLevels(facts, expected.levels);
      });
    }
    if (FEW !== undefined) return;
    expect(counts.get('records')).toBeGreaterThanOrEqual(100_000);
    // What is compared is worth comparing: much comes through and every refusal occurs.
    expect(counts.get('rated')).toBeGreaterThan(30_000);
    for (const what of [
      ...['UNKNOWN_SUBSCRIBER', 'SUBSCRIPTION_NOT_ACTIVE', 'NO_CONTRACT', 'NO_PRICE_LIST'],
      ...['NO_RATE', 'AMOUNT_TOO_LARGE', 'three or more levels', 'free', 'bought', 'successor'],
    ]) {
      expect(counts.get(what), what).toBeGreaterThan(100);
    }
  }, 300_000);

  it(`are rated the same as WebAssembly (KONTOR_TEST_SEED=${seed})`, () => {
    for (let n = 0; n < BOOKS * 4; n += 1) {
      const { facts, record } = randomBook(new Draw(seed + n * 7919), { allowances: n % 2 === 0 });
      const book = compileBook(1, n % 4 === 3 ? facts : plainer(facts));
      const [rater, raterHere] = [new BatchRater(book), new BatchRater(book, stages)];
      for (let batch = 0; batch < BATCHES_A_BOOK; batch += 1) {
        const records = recordBatch(Array.from({ length: MICRO_BATCH }, record));
        // Files are nearly in order of time, and the stages know the terms of one time only.
        const times = records.startedMs.subarray(0, MICRO_BATCH);
        times.forEach((ms, row) => {
          times[row] = row % 64 === 0 ? ms : times[row - 1]! + (ms % 1000);
        });
        const rated = new RatedBatch();
        rater.rate(records, rated, null);
        expect(differsHere(raterHere, records, rated), `of book ${n}`).toEqual([]);
      }
    }
    // Random books ask for much that the stages do not know.
    console.log(`rated as WebAssembly: ${rowsHere.rated} of ${rowsHere.of}`);
    expect(rowsHere.rated / rowsHere.of).toBeGreaterThan(0.1);
  }, 300_000);

  function countLevels(facts: BookFacts, levels: readonly LevelAnswer[]): void {
    if (levels.length >= 4) count('three or more levels');
    if (levels.slice(1, -1).some((level) => isSuccessor(facts, level))) count('successor');
    if (levels[0]!.versionId !== null) count('bought');
    if (levels.at(-1)!.billed === 0) count('free');
  }

  afterAll(() => {
    console.log([...counts].map(([what, times]) => `${what} ${times}`).join(', '));
  });
});

describe('duplicates', () => {
  function rate(records: RecordBatch, table: IdentityTable | null): number[] {
    const rated = new RatedBatch();
    new BatchRater(compileBook(1, aBook())).rate(records, rated, table);
    return [...rated.outcome.subarray(0, records.count)];
  }

  it('are told from the first of their kind, within a batch and behind it', () => {
    const table = IdentityTable.allocate(100);
    const records = recordBatch([aRecord(), aRecord(), aRecord()]);
    records.identity0[1] = records.identity0[0]!;
    records.identity2[1] = records.identity2[0]!;
    const { RATED, DUPLICATE } = OUTCOME;
    expect(rate(records, table)).toEqual([RATED, DUPLICATE, RATED]);
    expect(rate(records, table)).toEqual([DUPLICATE, DUPLICATE, DUPLICATE]);
  });

  it('are not looked for among records that own their identity already', () => {
    const records = recordBatch([aRecord(), aRecord()]);
    records.identity0.fill(0);
    records.identity2.fill(0);
    const { RATED } = OUTCOME;
    expect(rate(records, null)).toEqual([RATED, RATED]);
  });

  it('of held records are duplicates, rejected lines own no identity', () => {
    const table = IdentityTable.allocate(100);
    const held = aRecord({ bNumber: '33100' });
    const unknown = aRecord({ aNumber: '331' });
    const once = recordBatch([held, unknown]);
    const { HELD, REJECTED, DUPLICATE } = OUTCOME;
    expect(rate(once, table)).toEqual([HELD, REJECTED]);
    expect(rate(recordBatch([held, unknown]), table)).toEqual([DUPLICATE, REJECTED]);
  });

  it('are not looked for among lines that could not be read', () => {
    const table = IdentityTable.allocate(100);
    const records = recordBatch([aRecord()]);
    records.fault[0] = 1;
    expect(rate(records, table)).toEqual([OUTCOME.REJECTED]);
    expect(records.fault[0]).toBe(1);
  });
});
