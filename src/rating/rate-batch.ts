import { type RoundingCode, transitionIndex } from '../kernel/index.js';
import {
  faultCodes,
  faultNumber,
  heldFaults,
  type IdentityTable,
  type RecordBatch,
  SEEN,
} from '../mediation/index.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { guideRecord } from './guide.js';
import { classOf } from './prefix-tree.js';
import { amountOf, billedQuantity } from './price.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

const SERVICES = 5;
const NO_VERSION = -1;
// 1970-01-01 was a Thursday; weeks of a time profile begin on Monday.
const FIRST_WEEKDAY = 3;

const isHeld = Uint8Array.from(faultCodes, (code) => (code && heldFaults.has(code) ? 1 : 0));

/** Slots that a batch has claimed in the identity table, kept until it commits. */
export interface Claims {
  push(slot: number): unknown;
}

/**
 * Guides, de-duplicates and rates records, a stage at a time over all rows, so that the memory
 * that one row waits for is fetched while the next one is worked on.
 */
export class BatchRater {
  readonly #book: PriceBook;
  readonly #zoneHint: Int32Array;

  constructor(book: PriceBook) {
    this.#book = book;
    this.#zoneHint = new Int32Array(book.zones.length);
  }

  /**
   * Fills `rated` for every row of `records` and sets `fault` where a row could not be rated.
   * With `identities` null nothing is compared: the rows own their identities already, as held
   * records do when they are tried again.
   */
  rate(
    records: RecordBatch,
    rated: RatedBatch,
    identities: IdentityTable | null,
    claims: Claims,
  ): void {
    const { count, fault } = records;
    for (let row = 0; row < count; row += 1) {
      if (fault[row] === 0) fault[row] = guideRecord(this.#book.guide, records, row, rated);
    }
    this.#deduplicate(records, rated, identities, claims);
    const { tree, destinationOf } = this.#book;
    for (let row = 0; row < count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      rated.prefixClass[row] = classOf(tree, records.bNumber[row]!);
    }
    for (let row = 0; row < count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      rated.destinationId[row] = destinationOf[rated.prefixClass[row]!]!;
      this.#chain(records, row, rated);
    }
    for (let row = 0; row < count; row += 1) {
      const code = fault[row]!;
      if (code !== 0) rated.outcome[row] = isHeld[code] ? OUTCOME.HELD : OUTCOME.REJECTED;
    }
  }

  #deduplicate(
    records: RecordBatch,
    rated: RatedBatch,
    identities: IdentityTable | null,
    claims: Claims,
  ): void {
    const { count, fault, identity0, identity1, identity2, identity3 } = records;
    for (let row = 0; row < count; row += 1) {
      rated.outcome[row] = fault[row] === 0 ? OUTCOME.RATED : OUTCOME.REJECTED;
      if (fault[row] !== 0) continue;
      if (identities === null) continue;
      const slot = identities.claim(
        identity0[row]!,
        identity1[row]!,
        identity2[row]!,
        identity3[row]!,
      );
      if (slot === SEEN) rated.outcome[row] = OUTCOME.DUPLICATE;
      else claims.push(slot);
    }
  }

  // COST first, then every contract of the subscription's chain from the top downwards.
  #chain(records: RecordBatch, row: number, rated: RatedBatch): void {
    const { guide } = this.#book;
    const chainPlace = guide.chainOf[rated.subscription[row]!]!;
    if (chainPlace < 0) {
      records.fault[row] = faultNumber.NO_CONTRACT;
      return;
    }
    const chain = guide.chains[chainPlace]!;
    rated.levels[row] = chain.length + 1;
    const cost = guide.trunkCost[records.outTrunk[row]!]!;
    let fault = cost < 0 ? this.#nothing(row, rated) : this.#level(cost, 0, records, row, rated);
    for (let at = 0; at < chain.length && fault === 0; at += 1) {
      fault = this.#level(chain[at]!, at + 1, records, row, rated);
    }
    records.fault[row] = fault;
  }

  #nothing(row: number, rated: RatedBatch): number {
    const at = row * MAX_LEVELS;
    rated.version[at] = NO_VERSION;
    rated.rateId[at] = 0;
    rated.billed[at] = 0;
    rated.amount[at] = 0;
    return 0;
  }

  // Rates one level of one record and answers the fault, 0 for none.
  #level(
    contract: number,
    level: number,
    records: RecordBatch,
    row: number,
    rated: RatedBatch,
  ): number {
    const { contracts, slotOf, bandsOf } = this.#book;
    const startedMs = records.startedMs[row]!;
    const version = this.#versionAt(contract, startedMs);
    if (version < 0) return faultNumber.NO_CONTRACT;
    const at = row * MAX_LEVELS + level;
    const localSeconds = this.#local(contracts.versionZone[version]!, startedMs);
    rated.version[at] = version;
    rated.day[at] = Math.floor(localSeconds / 86_400);
    const quantity = records.quantity[row]!;
    if (quantity === 0) {
      rated.rateId[at] = 0;
      rated.billed[at] = 0;
      rated.amount[at] = 0;
      return 0;
    }
    const list = contracts.versionList[version * SERVICES + records.service[row]!]!;
    if (list < 0) return faultNumber.NO_PRICE_LIST;
    const week = bandsOf[list]!;
    const band = week === null ? 0 : week[minuteOfWeek(localSeconds)]!;
    const slot = slotOf[list]![rated.prefixClass[row]!]!;
    const entry = this.#entry(slot, band, startedMs);
    if (entry < 0) return faultNumber.NO_RATE;
    return this.#charge(entry, version, quantity, at, rated);
  }

  #charge(entry: number, version: number, quantity: number, at: number, rated: RatedBatch): number {
    const { slots, tariffs, contracts } = this.#book;
    const tariff = slots.entryTariff[entry]!;
    const billed = billedQuantity(
      quantity,
      tariffs.firstIncrement[tariff]!,
      tariffs.nextIncrement[tariff]!,
      tariffs.minimum[tariff]!,
      tariffs.grace[tariff]!,
    );
    const amount = amountOf(
      billed,
      tariffs.price[tariff]!,
      tariffs.connectionFee[tariff]!,
      tariffs.rateUnit[tariff]!,
      contracts.versionStep[version]!,
      contracts.versionRounding[version]! as RoundingCode,
    );
    if (Number.isNaN(amount)) return faultNumber.AMOUNT_TOO_LARGE;
    rated.rateId[at] = slots.entryRateId[entry]!;
    rated.billed[at] = billed;
    rated.amount[at] = amount;
    return 0;
  }

  #versionAt(contract: number, atMs: number): number {
    const { firstVersion, versionCount, versionFrom, versionTo } = this.#book.contracts;
    const first = firstVersion[contract]!;
    for (let version = first + versionCount[contract]! - 1; version >= first; version -= 1) {
      if (atMs >= versionFrom[version]! && atMs < versionTo[version]!) return version;
    }
    return -1;
  }

  // At each length the band's own price before the price without band; a prefix without a valid
  // price gives way to the next shorter one.
  #entry(slotAtNumber: number, band: number, atMs: number): number {
    const { first, count, shorter, entryFrom, entryTo, entryBand } = this.#book.slots;
    for (let slot = slotAtNumber; slot !== 0; slot = shorter[slot]!) {
      let found = -1;
      const end = first[slot]! + count[slot]!;
      for (let entry = first[slot]!; entry < end; entry += 1) {
        if (atMs < entryFrom[entry]! || atMs >= entryTo[entry]!) continue;
        const entryFor = entryBand[entry]!;
        if (entryFor === band) return entry;
        if (entryFor === 0) found = entry;
      }
      if (found >= 0) return found;
    }
    return -1;
  }

  #local(zone: number, utcMs: number): number {
    const table = this.#book.zones[zone]!;
    const utcSeconds = Math.floor(utcMs / 1000);
    const index = transitionIndex(table, utcSeconds, this.#zoneHint[zone]);
    this.#zoneHint[zone] = index;
    return utcSeconds + table.offsetSeconds[index]!;
  }
}

function minuteOfWeek(localSeconds: number): number {
  const minutes = Math.floor(localSeconds / 60) + FIRST_WEEKDAY * 1440;
  return minutes % 10_080;
}
