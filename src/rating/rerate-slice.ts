import { isoFromEpochDay } from '../kernel/index.js';
import { faultCodes, faultNumber, type RecordBatch } from '../mediation/thread.js';
import { AllowanceCollector } from './allowance-collector.js';
import type { Guide, PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import type { ChunkPool } from './copy-rows.js';
import { CreditSums } from './credit-sums.js';
import { subscriptionIdAt } from './guide.js';
import type { BatchRater } from './rate-batch.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';
import { CHAIN_CHANGED, Comparison } from './rerate-compare.js';
import { CountedLevels } from './rerate-counted.js';
import { CorrectionEncoder } from './rerate-encode.js';
import { KeptLevels } from './rerate-kept.js';
import { isPartial, type RerateScope } from './rerate-selection.js';
import { batchOfRecord, type ShownBatch } from './rerate-shown.js';
import { type RerateLevel, RerateSums } from './rerate-sums.js';

/** Records that a finding names at most. */
const SAMPLES = 20;

/** What rating anew asks about contract versions that the book may not know any more. */
export interface KnownVersions {
  selected(scope: RerateScope): Uint8Array;
  of(id: number): { readonly contractId: number; readonly currency: string };
  dayOf(id: number, startedMs: number): number;
}

/** What a slice is rated with. */
export interface SliceTools {
  readonly book: PriceBook;
  readonly rater: BatchRater;
  readonly versions: KnownVersions;
  /** Units that a rate bills of a quantity; null where nobody asks how many were billed. */
  readonly billed: ((rateId: number, quantity: number) => number) | null;
  /** Which months may hold records from before. */
  readonly before: { readonly isEmpty: boolean; has(contractId: number, month: string): boolean };
  /** Rows of corrections go into chunks of this pool; null where nothing is corrected. */
  readonly pool: ChunkPool | null;
}

/** Records without a price, by code. */
export interface SliceFinding {
  records: number;
  /** Instant in microseconds and id of a few of them, as in the opaque id of a record. */
  readonly samples: string[];
}

/** Rates the records of a slice anew and keeps what differs: sums, corrections, entries. */
export class RerateSlice {
  readonly counts = { records: 0, changed: 0, findings: 0 };
  readonly findings = new Map<string, SliceFinding>();
  readonly sums = new RerateSums();
  /** Change of what subscribers are charged. */
  readonly credit: CreditSums;
  readonly corrections: CorrectionEncoder | null;
  /** Levels that are in the sums and go to the fold, too. */
  readonly counted = new CountedLevels();
  readonly #tools: SliceTools;
  readonly #comparison: Comparison;
  /** Levels that are not selected; null where all are. */
  readonly #kept: KeptLevels | null;
  readonly #entries: AllowanceCollector;
  /** One plus the place of a subscription by its id. */
  readonly #placeOf: Int32Array;
  readonly #level: RerateLevel = {
    version: 0,
    day: 0,
    service: 0,
    destination: 0,
    quantity: 0,
    billed: 0,
    amount: 0,
  };

  constructor(tools: SliceTools, scope: RerateScope, batchId: number) {
    const { book, versions, pool } = tools;
    this.#tools = tools;
    const [selects, isPart] = [versions.selected(scope), isPartial(scope)];
    this.#comparison = new Comparison(book, selects, isPart);
    const currencyOf = (id: number) => versions.of(id).currency;
    this.#kept = isPart ? new KeptLevels(book, selects, currencyOf) : null;
    this.#entries = new AllowanceCollector(book, batchId);
    this.corrections = pool === null ? null : new CorrectionEncoder(book, batchId, pool);
    this.#placeOf = placesOf(book.guide);
    this.credit = new CreditSums(book.guide.startsMs.length);
  }

  get entries(): ReturnType<AllowanceCollector['finish']> {
    return this.#entries.finish();
  }

  /** Takes the rows that are in the batches and empties them. */
  take(records: RecordBatch, rated: RatedBatch, shown: ShownBatch): void {
    const { rater, before } = this.#tools;
    const { count, fault } = records;
    for (let row = 0; row < count; row += 1) {
      const place = (this.#placeOf[shown.subscriptionId[row]!] ?? 0) - 1;
      fault[row] = place < 0 ? faultNumber.UNKNOWN_SUBSCRIBER : 0;
      rated.subscription[row] = place;
      rated.outcome[row] = place < 0 ? OUTCOME.REJECTED : OUTCOME.RATED;
    }
    this.#kept?.show(shown);
    rater.rateAnew(records, rated, shown.destinationId, this.#kept);
    const changed = this.#comparison.compare(records, rated, shown);
    this.counts.records += count;
    this.counts.changed += changed;
    if (changed > 0) {
      this.corrections?.encode(records, rated, shown, this.#comparison);
      this.#addUp(records, rated, shown);
    }
    if (rater.mayFold || !before.isEmpty) this.#fold(records, rated, shown);
    this.#note(records, shown);
    records.count = 0;
  }

  #note(records: RecordBatch, shown: ShownBatch): void {
    for (let row = 0; row < records.count; row += 1) {
      const number = this.#comparison.finding[row]!;
      if (number === 0) continue;
      const code = number === CHAIN_CHANGED ? 'CHAIN_CHANGED' : faultCodes[number]!;
      const found = this.findings.get(code) ?? { records: 0, samples: [] };
      found.records += 1;
      if (found.samples.length < SAMPLES) {
        const micros = Math.round(records.startedMs[row]! * 1000);
        found.samples.push(`${micros}.${shown.id[row]}`);
      }
      this.findings.set(code, found);
      this.counts.findings += 1;
    }
  }

  #addUp(records: RecordBatch, rated: RatedBatch, shown: ShownBatch): void {
    const { changed, moved } = this.#comparison;
    for (let row = 0; row < records.count; row += 1) {
      const bits = changed[row]!;
      if (bits === 0) continue;
      const source = batchOfRecord(shown.id[row]!);
      const all = moved[row] === 1;
      for (let level = 0; level < shown.levels[row]!; level += 1) {
        if (all || (bits >> level) % 2 === 1) {
          this.#addBefore(source, row, row * MAX_LEVELS + level, records, rated, shown, all);
        }
      }
      for (let level = 0; level < rated.levels[row]!; level += 1) {
        if ((bits >> level) % 2 === 1) {
          this.#addAfter(source, row, row * MAX_LEVELS + level, records, rated, shown);
        }
      }
      if (this.corrections !== null) this.#noteCredit(row, all, records, rated, shown);
    }
  }

  #addBefore(
    source: number,
    row: number,
    at: number,
    records: RecordBatch,
    rated: RatedBatch,
    shown: ShownBatch,
    moved: boolean,
  ): void {
    const { billed } = this.#tools;
    const version = shown.version[at]!;
    if (version === 0) return;
    const one = this.#level;
    const rateId = shown.rateId[at]!;
    const quantity = records.quantity[row]!;
    one.version = version;
    one.day = this.#dayBefore(row, at, records, rated, shown, moved);
    one.service = records.service[row]!;
    one.destination = shown.destinationId[row]!;
    one.quantity = quantity;
    if (billed === null) one.billed = 0;
    else if (!moved && rateId === rated.rateId[at]) one.billed = rated.billed[at]!;
    else one.billed = billed(rateId, quantity);
    one.amount = shown.amount[at]!;
    this.sums.addBefore(source, one);
  }

  #addAfter(
    source: number,
    row: number,
    at: number,
    records: RecordBatch,
    rated: RatedBatch,
    shown: ShownBatch,
  ): void {
    const version = this.#comparison.newVersion(at, rated);
    if (version === 0) return;
    const one = this.#level;
    one.version = version;
    one.day = rated.day[at]!;
    one.service = records.service[row]!;
    one.destination = shown.destinationId[row]!;
    one.quantity = records.quantity[row]!;
    one.billed = this.#tools.billed === null ? 0 : rated.billed[at]!;
    one.amount = rated.amount[at]!;
    this.sums.addAfter(source, one);
  }

  #dayBefore(
    row: number,
    at: number,
    records: RecordBatch,
    rated: RatedBatch,
    shown: ShownBatch,
    moved: boolean,
  ): number {
    const version = shown.version[at]!;
    if (!moved && version === this.#comparison.newVersion(at, rated)) return rated.day[at]!;
    return this.#tools.versions.dayOf(version, records.startedMs[row]!);
  }

  // What the subscriber is charged, at the last level of either chain.
  #noteCredit(
    row: number,
    moved: boolean,
    records: RecordBatch,
    rated: RatedBatch,
    shown: ShownBatch,
  ): void {
    const wasLast = row * MAX_LEVELS + shown.levels[row]! - 1;
    const isLast = row * MAX_LEVELS + rated.levels[row]! - 1;
    if ((this.#comparison.changed[row]! >> (rated.levels[row]! - 1)) % 2 === 0) return;
    const place = rated.subscription[row]!;
    const dayBefore =
      shown.version[wasLast] === 0
        ? rated.day[isLast]!
        : this.#dayBefore(row, wasLast, records, rated, shown, moved);
    this.credit.add(place, dayBefore, -shown.amount[wasLast]!);
    this.credit.add(place, rated.day[isLast]!, rated.amount[isLast]!);
  }

  // Every selected record is folded anew, since what is known of buckets may have changed though
  // its own price has not.
  #fold(records: RecordBatch, rated: RatedBatch, shown: ShownBatch): void {
    const { finding, selected, moved } = this.#comparison;
    for (let row = 0; row < records.count; row += 1) {
      if (finding[row] !== 0 || selected[row] === 0) continue;
      const all = moved[row] === 1;
      const levels = Math.max(rated.levels[row]!, shown.levels[row]!);
      for (let level = 0; level < levels; level += 1) {
        if (!all && (selected[row]! >> level) % 2 === 0) continue;
        this.#foldLevel(row, level, all, records, rated, shown);
      }
    }
  }

  #foldLevel(
    row: number,
    level: number,
    moved: boolean,
    records: RecordBatch,
    rated: RatedBatch,
    shown: ShownBatch,
  ): void {
    const { before, rater, versions } = this.#tools;
    const at = row * MAX_LEVELS + level;
    const id = shown.id[row]!;
    const folds = level < rated.levels[row]! && rated.folded[at] === 1 && rated.billed[at]! > 0;
    const was = level < shown.levels[row]! ? shown.version[at]! : 0;
    if (was !== 0) {
      const { contractId } = versions.of(was);
      const day = this.#dayBefore(row, at, records, rated, shown, moved);
      const is = folds ? this.#comparison.newVersion(at, rated) : 0;
      const stays =
        is !== 0 &&
        versions.of(is).contractId === contractId &&
        monthOf(rated.day[at]!) === monthOf(day);
      // Comes before the new entry, which may lie in the same row of the table and counts last.
      if (!stays && before.has(contractId, monthOf(day))) {
        this.#entries.withdraw(id, level, contractId, day);
      }
    }
    if (folds) this.#entries.addLevel(records, rated, rater.tariffs, row, level, id);
    if ((this.#comparison.changed[row]! >> level) % 2 === 0) return;
    for (const version of [was, folds ? this.#comparison.newVersion(at, rated) : 0]) {
      if (version !== 0) this.counted.add(versions.of(version).contractId, id, level);
    }
  }
}

/** First day (YYYY-MM-01) of the month that a civil day lies in. */
export function monthOf(day: number): string {
  return `${isoFromEpochDay(day).slice(0, 7)}-01`;
}

function placesOf(guide: Guide): Int32Array {
  const count = Math.floor(guide.subscribers.words.length / 8);
  let most = 0;
  for (let place = 0; place < count; place += 1) {
    most = Math.max(most, subscriptionIdAt(guide, place));
  }
  const places = new Int32Array(most + 1);
  for (let place = 0; place < count; place += 1) places[subscriptionIdAt(guide, place)] = place + 1;
  return places;
}
