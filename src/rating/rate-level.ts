import { type RoundingCode, transitionIndex } from '../kernel/index.js';
import { faultNumber, MICRO_BATCH, type RecordBatch } from '../mediation/index.js';
import { type PriceBook, SLOT, TARIFF } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { amountOf, billedQuantity } from './price.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

const SERVICES = 5;
const NO_VERSION = -1;
/** A row that this level does not price. */
const NO_SLOT = -1;
// 1970-01-01 was a Thursday; weeks of a time profile begin on Monday.
const FIRST_WEEKDAY = 3;

/** Rates one level of all rows of a batch: which list, which rate, which amount, in three turns. */
export class LevelRater {
  readonly #book: PriceBook;
  readonly #slot = new Int32Array(MICRO_BATCH);
  readonly #band = new Int32Array(MICRO_BATCH);
  readonly #tariff = new Int32Array(MICRO_BATCH);
  readonly #zoneHint: Int32Array;
  // The wall clock of the last instant and zone that was asked for; levels share both mostly.
  #lastZone = -1;
  #lastMs = Number.NaN;
  #lastLocal = 0;

  constructor(book: PriceBook) {
    this.#book = book;
    this.#zoneHint = new Int32Array(book.zones.length);
  }

  rate(level: number, records: RecordBatch, rated: RatedBatch): void {
    const { count, fault } = records;
    for (let row = 0; row < count; row += 1) {
      const due = rated.outcome[row] === OUTCOME.RATED && fault[row] === 0;
      this.#slot[row] =
        due && level < rated.levels[row]! ? this.#list(level, records, row, rated) : NO_SLOT;
    }
    this.#findRates(level, records, rated);
    this.#charge(level, records, rated);
  }

  // The slot of the row's prefix in the list that prices it; sets the fault when there is none.
  #list(level: number, records: RecordBatch, row: number, rated: RatedBatch): number {
    const { contracts, guide, bandsOf, slotOf } = this.#book;
    const contract =
      level === 0
        ? guide.trunkCost[records.outTrunk[row]!]!
        : guide.chains[rated.chain[row]!]![level - 1]!;
    const at = row * MAX_LEVELS + level;
    rated.rateId[at] = 0;
    rated.billed[at] = 0;
    rated.amount[at] = 0;
    rated.version[at] = NO_VERSION;
    if (contract < 0) return NO_SLOT;
    const startedMs = records.startedMs[row]!;
    const version = this.#versionAt(contract, startedMs);
    if (version < 0) return this.#fault(records, row, faultNumber.NO_CONTRACT);
    const local = this.#local(contracts.versionZone[version]!, startedMs);
    rated.version[at] = version;
    rated.day[at] = Math.floor(local / 86_400);
    if (records.quantity[row] === 0) return NO_SLOT;
    const list = contracts.versionList[version * SERVICES + records.service[row]!]!;
    if (list < 0) return this.#fault(records, row, faultNumber.NO_PRICE_LIST);
    const week = bandsOf[list]!;
    this.#band[row] = week === null ? 0 : week[minuteOfWeek(local)]!;
    return slotOf[list]![rated.prefixClass[row]!]!;
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
          const entry = this.#entry(slot, this.#band[row]!, atMs);
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

  #versionAt(contract: number, atMs: number): number {
    const { firstVersion, versionCount, versionFrom, versionTo } = this.#book.contracts;
    const first = firstVersion[contract]!;
    for (let version = first + versionCount[contract]! - 1; version >= first; version -= 1) {
      if (atMs >= versionFrom[version]! && atMs < versionTo[version]!) return version;
    }
    return -1;
  }

  #local(zone: number, utcMs: number): number {
    if (utcMs === this.#lastMs && zone === this.#lastZone) return this.#lastLocal;
    const table = this.#book.zones[zone]!;
    const utcSeconds = Math.floor(utcMs / 1000);
    const index = transitionIndex(table, utcSeconds, this.#zoneHint[zone]);
    this.#zoneHint[zone] = index;
    this.#lastZone = zone;
    this.#lastMs = utcMs;
    this.#lastLocal = utcSeconds + table.offsetSeconds[index]!;
    return this.#lastLocal;
  }
}

function minuteOfWeek(localSeconds: number): number {
  const minutes = Math.floor(localSeconds / 60) + FIRST_WEEKDAY * 1440;
  return minutes % 10_080;
}
