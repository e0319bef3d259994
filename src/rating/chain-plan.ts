import { transitionIndex } from '../kernel/index.js';
import type { RecordBatch } from '../mediation/index.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import type { RatedBatch } from './rated-batch.js';

const SERVICES = 5;
const NO_VERSION = -1;
// 1970-01-01 was a Thursday; weeks of a time profile begin on Monday.
const FIRST_WEEKDAY = 3;

/** What a level has in place of a price list: nothing to price, no list, no terms in force. */
export const NOT_PRICED = { NOTHING: -1, NO_LIST: -2, NO_TERMS: -3 } as const;

/** Terms of every level of one chain for one service, the same for all of `[fromMs, toMs)`. */
interface Plan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly versions: Int32Array;
  readonly lists: Int32Array;
  readonly zones: Int32Array;
}

/**
 * Gives each level of each row its contract version, civil day, price list and band. Chains are
 * few and their terms change seldom, so what was found for one record is kept for the next.
 */
export class ChainPlanner {
  /** Place of the price list by row and level, or one of {@link NOT_PRICED}. */
  readonly list: Int32Array;
  /** Band that is in force at the row's time in the level's list, 0 for none. */
  readonly band: Int32Array;
  readonly #book: PriceBook;
  readonly #chainPlans: (Plan | undefined)[] = [];
  readonly #costPlans: (Plan | undefined)[] = [];
  readonly #zoneHint: Int32Array;
  // The wall clock of the last instant and zone that was asked for; levels share both mostly.
  #lastZone = -1;
  #lastMs = Number.NaN;
  #lastLocal = 0;

  constructor(book: PriceBook, rows: number) {
    this.#book = book;
    this.#zoneHint = new Int32Array(book.zones.length);
    this.list = new Int32Array(rows * MAX_LEVELS);
    this.band = new Int32Array(rows * MAX_LEVELS);
  }

  /** Prepares all levels of one row. */
  plan(records: RecordBatch, row: number, rated: RatedBatch): void {
    const startedMs = records.startedMs[row]!;
    const service = records.service[row]!;
    const unpriced = records.quantity[row] === 0;
    const trunk = records.outTrunk[row]!;
    const cost = this.#costPlan(trunk, service, startedMs);
    this.#take(cost, 0, row * MAX_LEVELS, startedMs, unpriced, rated);
    const chain = this.#chainPlan(rated.chain[row]!, service, startedMs);
    for (let level = 1; level < rated.levels[row]!; level += 1) {
      this.#take(chain, level - 1, row * MAX_LEVELS + level, startedMs, unpriced, rated);
    }
  }

  #take(
    plan: Plan,
    place: number,
    at: number,
    startedMs: number,
    unpriced: boolean,
    rated: RatedBatch,
  ): void {
    const version = plan.versions[place]!;
    const list = plan.lists[place]!;
    rated.rateId[at] = 0;
    rated.billed[at] = 0;
    rated.amount[at] = 0;
    rated.version[at] = version;
    this.list[at] = list;
    if (version === NO_VERSION) return;
    const local = this.#local(plan.zones[place]!, startedMs);
    rated.day[at] = Math.floor(local / 86_400);
    // What was not answered costs nothing and needs no price.
    if (unpriced) this.list[at] = NOT_PRICED.NOTHING;
    else if (list >= 0) {
      const week = this.#book.bandsOf[list]!;
      this.band[at] = week === null ? 0 : week[minuteOfWeek(local)]!;
    }
  }

  #chainPlan(chain: number, service: number, atMs: number): Plan {
    const key = chain * SERVICES + service;
    const known = this.#chainPlans[key];
    if (known !== undefined && atMs >= known.fromMs && atMs < known.toMs) return known;
    const plan = this.#make(this.#book.guide.chains[chain]!, service, atMs);
    this.#chainPlans[key] = plan;
    return plan;
  }

  #costPlan(trunk: number, service: number, atMs: number): Plan {
    const key = trunk * SERVICES + service;
    const known = this.#costPlans[key];
    if (known !== undefined && atMs >= known.fromMs && atMs < known.toMs) return known;
    const contract = this.#book.guide.trunkCost[trunk]!;
    const plan = this.#make(Int32Array.of(contract), service, atMs);
    this.#costPlans[key] = plan;
    return plan;
  }

  #make(contracts: Int32Array, service: number, atMs: number): Plan {
    const book = this.#book.contracts;
    const plan = {
      fromMs: Number.NEGATIVE_INFINITY,
      toMs: Number.POSITIVE_INFINITY,
      versions: new Int32Array(contracts.length).fill(NO_VERSION),
      lists: new Int32Array(contracts.length).fill(NOT_PRICED.NOTHING),
      zones: new Int32Array(contracts.length),
    };
    contracts.forEach((contract, place) => {
      if (contract < 0) return;
      const version = this.#versionAt(contract, atMs);
      plan.versions[place] = version;
      if (version < 0) {
        // Where no terms are in force nothing says until when; the next record asks again.
        plan.lists[place] = NOT_PRICED.NO_TERMS;
        plan.toMs = Number.NEGATIVE_INFINITY;
        return;
      }
      const list = book.versionList[version * SERVICES + service]!;
      plan.lists[place] = list < 0 ? NOT_PRICED.NO_LIST : list;
      plan.zones[place] = book.versionZone[version]!;
      plan.fromMs = Math.max(plan.fromMs, book.versionFrom[version]!);
      plan.toMs = Math.min(plan.toMs, book.versionTo[version]!);
    });
    return plan;
  }

  #versionAt(contract: number, atMs: number): number {
    const { firstVersion, versionCount, versionFrom, versionTo } = this.#book.contracts;
    const first = firstVersion[contract]!;
    for (let version = first + versionCount[contract]! - 1; version >= first; version -= 1) {
      if (atMs >= versionFrom[version]! && atMs < versionTo[version]!) return version;
    }
    return NO_VERSION;
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
