import type { RoundingCode } from '../kernel/index.js';
import { faultNumber, MICRO_BATCH, type RecordBatch } from '../mediation/index.js';
import { type PriceBook, SLOT, TARIFF } from './book.js';
import { ChainPlanner, NOT_PRICED } from './chain-plan.js';
import { MAX_LEVELS } from './compile-guide.js';
import { amountOf, billedQuantity } from './price.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

/** A row that this level does not price. */
const NO_SLOT = -1;

/** Rates one level of all rows of a batch: which list, which rate, which amount, in three turns. */
export class LevelRater {
  readonly #book: PriceBook;
  readonly #planner: ChainPlanner;
  readonly #slot = new Int32Array(MICRO_BATCH);
  readonly #tariff = new Int32Array(MICRO_BATCH);

  constructor(book: PriceBook) {
    this.#book = book;
    this.#planner = new ChainPlanner(book, MICRO_BATCH);
  }

  /** Finds the terms of all levels of all rows; comes before the levels are rated. */
  prepare(records: RecordBatch, rated: RatedBatch): void {
    const { count, fault } = records;
    for (let row = 0; row < count; row += 1) {
      if (rated.outcome[row] === OUTCOME.RATED && fault[row] === 0) {
        this.#planner.plan(records, row, rated);
      }
    }
  }

  rate(level: number, records: RecordBatch, rated: RatedBatch): void {
    const { count, fault } = records;
    const { slotOf, lists } = this.#book;
    const { list } = this.#planner;
    for (let row = 0; row < count; row += 1) {
      let slot = NO_SLOT;
      const due = rated.outcome[row] === OUTCOME.RATED && fault[row] === 0;
      if (due && level < rated.levels[row]!) {
        const place = list[row * MAX_LEVELS + level]!;
        if (place >= 0) slot = slotOf[rated.prefixClass[row]! * lists + place]!;
        else if (place === NOT_PRICED.NO_LIST) fault[row] = faultNumber.NO_PRICE_LIST;
        else if (place === NOT_PRICED.NO_TERMS) fault[row] = faultNumber.NO_CONTRACT;
      }
      this.#slot[row] = slot;
    }
    this.#findRates(level, records, rated);
    this.#charge(level, records, rated);
  }

  #fault(records: RecordBatch, row: number, fault: number): number {
    records.fault[row] = fault;
    return NO_SLOT;
  }

  #findRates(level: number, records: RecordBatch, rated: RatedBatch): void {
    const { times, words } = this.#book.slots;
    const { count, startedMs } = records;
    for (let row = 0; row < count; row += 1) {
      let slot = this.#slot[row]!;
      if (slot === NO_SLOT) continue;
      const atMs = startedMs[row]!;
      const at = row * MAX_LEVELS + level;
      let tariff = -1;
      // A prefix without a price valid now gives way to the next shorter one.
      for (; slot !== 0; slot = words[slot * 8 + SLOT.SHORTER]!) {
        if (words[slot * 8 + SLOT.ENTRIES] !== 0) {
          const entry = this.#entry(slot, this.#planner.band[at]!, atMs);
          if (entry < 0) continue;
          tariff = this.#book.slots.entryTariff[entry]!;
          rated.rateId[at] = this.#book.slots.entryRateId[entry]!;
          break;
        }
        if (atMs >= times[slot * 4]! && atMs < times[slot * 4 + 1]!) {
          tariff = words[slot * 8 + SLOT.TARIFF]!;
          rated.rateId[at] = words[slot * 8 + SLOT.RATE_ID]!;
          break;
        }
      }
      this.#tariff[row] = tariff;
      if (tariff < 0) this.#slot[row] = this.#fault(records, row, faultNumber.NO_RATE);
    }
  }

  // Of the versions of one prefix the band's own price before the price without band.
  #entry(slot: number, band: number, atMs: number): number {
    const { words, entryFrom, entryTo, entryBand } = this.#book.slots;
    const first = words[slot * 8 + SLOT.ENTRIES]! - 1;
    const end = first + words[slot * 8 + SLOT.TARIFF]!;
    let found = -1;
    for (let entry = first; entry < end; entry += 1) {
      if (atMs < entryFrom[entry]! || atMs >= entryTo[entry]!) continue;
      const entryFor = entryBand[entry]!;
      if (entryFor === band) return entry;
      if (entryFor === 0) found = entry;
    }
    return found;
  }

  #charge(level: number, records: RecordBatch, rated: RatedBatch): void {
    const { tariffs, contracts } = this.#book;
    const { count, quantity } = records;
    for (let row = 0; row < count; row += 1) {
      if (this.#slot[row] === NO_SLOT) continue;
      const tariff = this.#tariff[row]! * 8;
      const at = row * MAX_LEVELS + level;
      const version = rated.version[at]!;
      const billed = billedQuantity(
        quantity[row]!,
        tariffs[tariff + TARIFF.FIRST_INCREMENT]!,
        tariffs[tariff + TARIFF.NEXT_INCREMENT]!,
        tariffs[tariff + TARIFF.MINIMUM]!,
        tariffs[tariff + TARIFF.GRACE]!,
      );
      const amount = amountOf(
        billed,
        tariffs[tariff + TARIFF.PRICE]!,
        tariffs[tariff + TARIFF.CONNECTION_FEE]!,
        tariffs[tariff + TARIFF.RATE_UNIT]!,
        contracts.versionStep[version]!,
        contracts.versionRounding[version]! as RoundingCode,
      );
      if (Number.isNaN(amount)) {
        records.fault[row] = faultNumber.AMOUNT_TOO_LARGE;
        continue;
      }
      rated.billed[at] = billed;
      rated.amount[at] = amount;
    }
  }
}
