import { isoFromEpochDay } from '../kernel/index.js';
import type { RecordBatch } from '../mediation/index.js';
import { EntryWriter, FLAG, flagsOf, NUMBER, SHARDS, WORD } from './allowance-entry.js';
import { type PriceBook, SUBSCRIBER } from './book.js';
import type { ChargeTariff } from './charge.js';
import { MAX_LEVELS } from './compile-guide.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

/** Entries of one shard and month, as they go into `allowance_entry`. */
export interface EntrySegment {
  readonly shard: number;
  /** First day of the month, YYYY-MM-01. */
  readonly month: string;
  readonly entries: Buffer;
  /** When its first and last record began; null where the month is folded as a whole. */
  readonly span: { readonly fromMs: number; readonly toMs: number } | null;
}

/** What the collector asks the rater that has just rated the batch. */
export interface RatedTariffs {
  /** The tariff of a level, or of one of its slices. */
  tariffAt(
    row: number,
    at: number,
    tariff: number,
    startedMs: number,
    rated: RatedBatch,
  ): ChargeTariff;
  carried(
    row: number,
    at: number,
    tariff: ChargeTariff,
    records: RecordBatch,
    rated: RatedBatch,
  ): number;
  minuteOfWeek(at: number, startedMs: number, rated: RatedBatch): number;
}

/** Stands with entries that nothing is charged for. */
const NO_TARIFF: ChargeTariff = {
  price: 0n,
  connectionFee: 0n,
  rateUnit: 1,
  terms: null,
  conversion: null,
  shareConversion: null,
  step: 1n,
  rounding: 'HALF_UP',
};

/** Keeps what the months of contracts with allowances, tiers or volume rules are folded from. */
export class AllowanceCollector {
  readonly #book: PriceBook;
  readonly #batchId: number;
  readonly #months = new Map<string, (EntryWriter | undefined)[]>();
  readonly #writersOfDay = new Map<number, (EntryWriter | undefined)[]>();

  constructor(book: PriceBook, batchId: number) {
    this.#book = book;
    this.#batchId = batchId;
  }

  /** Takes the levels that are folded; `ordinal` is that of the first rated row of the batch. */
  add(records: RecordBatch, rated: RatedBatch, tariffs: RatedTariffs, ordinal: number): void {
    let next = ordinal;
    for (let row = 0; row < records.count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      const xdrId = this.#batchId * 2 ** 24 + next;
      next += 1;
      const levels = rated.levels[row]!;
      for (let level = 0; level < levels; level += 1) {
        const at = row * MAX_LEVELS + level;
        if (rated.folded[at] === 0 || rated.billed[at] === 0) continue;
        this.addLevel(records, rated, tariffs, row, level, xdrId);
      }
    }
  }

  /** Segments whose bytes are good until {@link release}. */
  finish(): EntrySegment[] {
    return [...this.#months].flatMap(([month, writers]) =>
      writers.flatMap((writer, shard) =>
        writer === undefined ? [] : [{ month, shard, span: writer.span, entries: writer.finish() }],
      ),
    );
  }

  /** Gives the memory of the segments to later ones; the last thing to be called. */
  release(): void {
    for (const writers of this.#months.values()) {
      for (const writer of writers) writer?.release();
    }
    this.#months.clear();
    this.#writersOfDay.clear();
  }

  /** Takes one level of a record whose id is known. */
  addLevel(
    records: RecordBatch,
    rated: RatedBatch,
    tariffs: RatedTariffs,
    row: number,
    level: number,
    xdrId: number,
  ): void {
    const at = row * MAX_LEVELS + level;
    const slices = rated.slices.size === 0 ? undefined : rated.slices.get(at);
    if (slices === undefined) {
      const tariff = tariffs.tariffAt(row, at, rated.tariff[at]!, records.startedMs[row]!, rated);
      this.#write(records, rated, tariffs, row, level, xdrId, 0, tariff, rated.billed[at]!);
      return;
    }
    slices.forEach((slice, n) => {
      const tariff = tariffs.tariffAt(row, at, slice.tariff, records.startedMs[row]!, rated);
      this.#write(records, rated, tariffs, row, level, xdrId, n, tariff, slice.billed);
    });
  }

  /** Takes a record out of the months of a contract that it was folded in before. */
  withdraw(xdrId: number, level: number, contractId: number, day: number): void {
    const writer = this.#writer(day, contractId);
    writer.markWhole();
    const room = writer.next(NO_TARIFF);
    room.numbers[room.numberAt + NUMBER.XDR_ID] = xdrId;
    room.numbers[room.numberAt + NUMBER.STARTED_MS] = 0;
    room.words[room.wordAt + WORD.CONTRACT] = contractId;
    room.words[room.wordAt + WORD.DAY] = day;
    room.words[room.wordAt + WORD.FLAGS] = flagsOf(0, level, 0, FLAG.WITHDRAWN);
  }

  #write(
    records: RecordBatch,
    rated: RatedBatch,
    tariffs: RatedTariffs,
    row: number,
    level: number,
    xdrId: number,
    slice: number,
    tariff: ChargeTariff,
    billed: number,
  ): void {
    const { guide, contracts } = this.#book;
    const subscribers = guide.subscribers.words;
    const at = row * MAX_LEVELS + level;
    const version = rated.version[at]!;
    const contractId = contracts.id[contracts.versionContract[version]!]!;
    const startedMs = records.startedMs[row]!;
    const place = rated.subscription[row]! * 8;
    const room = this.#writer(rated.day[at]!, contractId).next(tariff);
    const { numbers, words, numberAt, wordAt } = room;
    const last = rated.levels[row]! - 1;
    numbers[numberAt + NUMBER.XDR_ID] = xdrId;
    numbers[numberAt + NUMBER.STARTED_MS] = startedMs;
    numbers[numberAt + NUMBER.BILLED] = billed;
    numbers[numberAt + NUMBER.BASE] = slice === 0 ? rated.amount[at]! : 0;
    numbers[numberAt + NUMBER.CARRIED] = tariffs.carried(row, at, tariff, records, rated);
    words[wordAt + WORD.IDENTITY] = records.identity0[row]!;
    words[wordAt + WORD.IDENTITY + 1] = records.identity1[row]!;
    words[wordAt + WORD.IDENTITY + 2] = records.identity2[row]!;
    words[wordAt + WORD.IDENTITY + 3] = records.identity3[row]!;
    words[wordAt + WORD.SUBSCRIPTION] = subscribers[place + SUBSCRIBER.ID]!;
    words[wordAt + WORD.ROOT_ACCOUNT] = subscribers[place + SUBSCRIBER.ROOT_ACCOUNT]!;
    words[wordAt + WORD.CONTRACT] = contractId;
    words[wordAt + WORD.VERSION] = contracts.versionId[version]!;
    words[wordAt + WORD.DESTINATION] = rated.destinationId[row]!;
    words[wordAt + WORD.DAY] = rated.day[at]!;
    words[wordAt + WORD.MINUTE_OF_WEEK] = tariffs.minuteOfWeek(at, startedMs, rated);
    words[wordAt + WORD.FLAGS] = flagsOf(
      records.service[row]!,
      level,
      slice,
      level === last ? FLAG.LAST_LEVEL : 0,
    );
    words[wordAt + WORD.PLAN] = subscribers[place + SUBSCRIBER.PLAN]!;
  }

  #writer(day: number, contractId: number): EntryWriter {
    let writers = this.#writersOfDay.get(day);
    if (writers === undefined) {
      const month = `${isoFromEpochDay(day).slice(0, 7)}-01`;
      writers = this.#months.get(month) ?? [];
      this.#months.set(month, writers);
      this.#writersOfDay.set(day, writers);
    }
    const shard = contractId % SHARDS;
    let writer = writers[shard];
    if (writer === undefined) {
      writer = new EntryWriter(this.#book.pricing.knownAt);
      writers[shard] = writer;
    }
    return writer;
  }
}
