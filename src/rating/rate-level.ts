import { invariant, type RoundingCode } from '../kernel/index.js';
import { MICRO_BATCH, type RecordBatch } from '../mediation/thread.js';
import type { RatedTariffs } from './allowance-collector.js';
import { minuteOfWeek } from './bands.js';
import { type PriceBook, TARIFF } from './book.js';
import { ChainPlanner, NOT_PRICED } from './chain-plan.js';
import type { ChargeTariff } from './charge.js';
import { MAX_LEVELS } from './compile-guide.js';
import type { ListTariffs } from './list-tariffs.js';
import { amountOf, billedQuantity } from './price.js';
import { RateFinder } from './rate-finder.js';
import { GeneralRater } from './rate-general.js';
import type { RateNotes } from './rate-notes.js';
import type { RatedBatch } from './rated-batch.js';
import type { KeptLevels } from './rerate-kept.js';
import { graduatedNumber, type NumberTiers, tiersOfTerms } from './tiers.js';

/**
 * Rates one level of all rows of a batch: which list, which rate, which amount, in three turns
 * over the rows that have such a level. What a plain price per unit cannot say is left to the
 * general way, which takes the levels of a row together at the end.
 */
export class LevelRater implements RatedTariffs {
  readonly #book: PriceBook;
  readonly #planner: ChainPlanner;
  readonly #finder: RateFinder;
  readonly #general: GeneralRater;
  readonly #row = new Int32Array(MICRO_BATCH);
  readonly #slot = new Int32Array(MICRO_BATCH);
  readonly #later = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  readonly #tiersOfTerms: (NumberTiers | null | undefined)[] = [];
  #laterCount = 0;

  /** What it finds out is told to `notes`. */
  constructor(book: PriceBook, notes: RateNotes | null) {
    this.#book = book;
    this.#planner = new ChainPlanner(book, MICRO_BATCH, notes);
    this.#finder = new RateFinder(book, notes);
    this.#general = new GeneralRater(book, this.#planner, this.#finder);
  }

  /** All tariffs so far. */
  get tariffs(): ListTariffs {
    return this.#finder.tariffs;
  }

  /**
   * Finds the terms of all levels of `rows`; comes before the levels are rated, but for those
   * that are kept.
   */
  prepare(
    rows: Int32Array,
    records: RecordBatch,
    rated: RatedBatch,
    kept: KeptLevels | null,
  ): void {
    const { fault } = records;
    this.#laterCount = 0;
    this.#general.kept = kept;
    for (let n = 0; n < rows.length; n += 1) {
      const row = rows[n]!;
      if (fault[row] !== 0) continue;
      this.#planner.plan(records, row, rated);
      kept?.keep(row, rated);
    }
  }

  rate(level: number, rows: Int32Array, records: RecordBatch, rated: RatedBatch): void {
    const due = this.#findSlots(level, rows, records, rated);
    const found = this.#findRates(level, due, records, rated);
    this.#charge(level, found, records, rated);
  }

  /** Charges what the levels left over; comes after the last of them. */
  finish(records: RecordBatch, rated: RatedBatch): void {
    // Shares are taken of the last level, so a row's levels go from the last to the first.
    for (let n = this.#laterCount - 1; n >= 0; n -= 1) {
      const at = this.#later[n]!;
      const row = Math.floor(at / MAX_LEVELS);
      if (records.fault[row] === 0) this.#general.rate(row, at - row * MAX_LEVELS, records, rated);
    }
  }

  tariffAt(
    row: number,
    at: number,
    tariff: number,
    startedMs: number,
    rated: RatedBatch,
  ): ChargeTariff {
    const found = this.#general.tariffAt(row, at, tariff, startedMs, rated);
    invariant(found !== null, 'a rated level has a tariff');
    return found;
  }

  carried(
    row: number,
    at: number,
    tariff: ChargeTariff,
    records: RecordBatch,
    rated: RatedBatch,
  ): number {
    return this.#general.carried(row, at, tariff, records, rated);
  }

  minuteOfWeek(at: number, startedMs: number, rated: RatedBatch): number {
    const zone = this.#book.contracts.versionZone[rated.version[at]!]!;
    return minuteOfWeek(this.#planner.local(zone, startedMs));
  }

  // The rows to price, each with the slot of its prefix.
  #findSlots(level: number, rows: Int32Array, records: RecordBatch, rated: RatedBatch): number {
    const { fault } = records;
    const { slotOf, lists } = this.#book;
    const { list } = rated;
    const { kept } = this.#general;
    let due = 0;
    for (let n = 0; n < rows.length; n += 1) {
      const row = rows[n]!;
      if (level >= rated.levels[row]!) continue;
      if (fault[row] !== 0 || kept?.has(row * MAX_LEVELS + level)) continue;
      const place = list[row * MAX_LEVELS + level]!;
      if (place >= 0) {
        this.#row[due] = row;
        this.#slot[due] = slotOf[rated.prefixClass[row]! * lists + place]!;
        due += 1;
      } else if (place === NOT_PRICED.NO_LIST) rated.fail(records, row, level, 'NO_PRICE_LIST');
      else if (place === NOT_PRICED.NO_TERMS) rated.fail(records, row, level, 'NO_CONTRACT');
    }
    return due;
  }

  #findRates(level: number, due: number, records: RecordBatch, rated: RatedBatch): number {
    const { band } = this.#planner;
    const { list } = rated;
    const { startedMs } = records;
    let found = 0;
    // The slots of one class lie side by side, so that those of later levels come along.
    if (level === 0) this.#finder.touch(this.#slot, due);
    for (let n = 0; n < due; n += 1) {
      const row = this.#row[n]!;
      const at = row * MAX_LEVELS + level;
      const tariff = this.#finder.find(
        list[at]!,
        this.#slot[n]!,
        band[at]!,
        startedMs[row]!,
        records.aNumber[row]!,
      );
      if (tariff < 0 && !this.#general.looksFurther(at, rated)) {
        rated.fail(records, row, level, 'NO_RATE');
        continue;
      }
      rated.tariff[at] = tariff;
      rated.rateId[at] = this.#finder.rateId;
      this.#row[found] = row;
      found += 1;
    }
    return found;
  }

  #charge(level: number, found: number, records: RecordBatch, rated: RatedBatch): void {
    const { contracts } = this.#book;
    const tariffs = this.#finder.tariffs.numbers;
    const { special } = this.#planner;
    const { quantity } = records;
    for (let n = 0; n < found; n += 1) {
      const row = this.#row[n]!;
      const at = row * MAX_LEVELS + level;
      const tariff = rated.tariff[at]! * 8;
      const terms = tariff < 0 ? 0 : tariffs[tariff + TARIFF.TERMS]!;
      const isPlain = tariff >= 0 && isExact(tariffs, tariff);
      if (!isPlain || special[at] !== 0 || (terms !== 0 && this.#tiers(terms) === null)) {
        this.#later[this.#laterCount] = at;
        this.#laterCount += 1;
        continue;
      }
      const version = rated.version[at]!;
      const billed = billedQuantity(
        quantity[row]!,
        tariffs[tariff + TARIFF.FIRST_INCREMENT]!,
        tariffs[tariff + TARIFF.NEXT_INCREMENT]!,
        tariffs[tariff + TARIFF.MINIMUM]!,
        tariffs[tariff + TARIFF.GRACE]!,
      );
      const step = contracts.versionStep[version]!;
      const rounding = contracts.versionRounding[version]! as RoundingCode;
      const fee = tariffs[tariff + TARIFF.CONNECTION_FEE]!;
      let amount = Number.NaN;
      if (terms === 0) {
        const unit = tariffs[tariff + TARIFF.RATE_UNIT]!;
        amount = amountOf(billed, tariffs[tariff + TARIFF.PRICE]!, fee, unit, step, rounding);
        if (Number.isNaN(amount)) {
          rated.fail(records, row, level, 'AMOUNT_TOO_LARGE');
          continue;
        }
      } else {
        if (billed > 0) {
          amount = graduatedNumber(this.#tiers(terms)!, 0, billed, fee, step, rounding);
        } else amount = 0;
        if (Number.isNaN(amount)) {
          this.#later[this.#laterCount] = at;
          this.#laterCount += 1;
          continue;
        }
        rated.folded[at] = 1;
      }
      rated.billed[at] = billed;
      rated.amount[at] = amount;
    }
  }

  #tiers(terms: number): NumberTiers | null {
    let tiers = this.#tiersOfTerms[terms];
    if (tiers === undefined) {
      tiers = tiersOfTerms(this.#finder.tariffs.terms[terms - 1]!);
      this.#tiersOfTerms[terms] = tiers;
    }
    return tiers;
  }
}

/** Whether the amounts of a tariff are plain numbers: those of 90 million and more are none. */
function isExact(tariffs: Float64Array, tariff: number): boolean {
  return !Number.isNaN(tariffs[tariff + TARIFF.PRICE]! + tariffs[tariff + TARIFF.CONNECTION_FEE]!);
}
