import { transitionIndex } from '../kernel/index.js';
import { type RecordBatch, serviceCodes } from '../mediation/thread.js';
import { bandAt } from './bands.js';
import { type PriceBook, SUBSCRIBER, type TrunkList } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { BAND_POLICY, PricingLookup } from './contract-pricing.js';
import type { Plan, RateNotes, TermsSpan } from './rate-notes.js';
import type { RatedBatch } from './rated-batch.js';
import { SERVICES } from './rated-columns.js';

const NO_VERSION = -1;

/** What a level has in place of a price list: nothing to price, no list, no terms in force. */
export const NOT_PRICED = { NOTHING: -1, NO_LIST: -2, NO_TERMS: -3 } as const;

/**
 * Gives each level of each row its contract version, civil day, price list and band. Chains are
 * few and their terms change seldom, so what was found for one record is kept for the next.
 */
export class ChainPlanner {
  /** Band that is in force at the row's time in the level's list, 0 for none. */
  readonly band: Int32Array;
  /** 1 where more than the tariff decides: see {@link Plan.special}. */
  readonly special: Uint8Array;
  readonly pricing: PricingLookup;
  readonly #book: PriceBook;
  readonly #notes: RateNotes | null;
  readonly #chainPlans: (Plan | undefined)[] = [];
  readonly #costPlans: (Plan | undefined)[] = [];
  readonly #foldsOfPlan: Uint8Array;
  readonly #zoneHint: Int32Array;
  // The wall clock of the last instant and zone that was asked for; levels share both mostly.
  #lastZone = -1;
  #lastMs = Number.NaN;
  #lastLocal = 0;
  #lastDay = 0;

  /** What it finds out is told to `notes`. */
  constructor(book: PriceBook, rows: number, notes: RateNotes | null) {
    this.#book = book;
    this.#notes = notes;
    this.pricing = new PricingLookup(book);
    this.#foldsOfPlan = foldsByPlan(book, this.pricing);
    notes?.useFoldsOfPlan(this.#foldsOfPlan);
    this.#zoneHint = new Int32Array(book.zones.length);
    this.band = new Int32Array(rows * MAX_LEVELS);
    this.special = new Uint8Array(rows * MAX_LEVELS);
  }

  /** Prepares all levels of one row. */
  plan(records: RecordBatch, row: number, rated: RatedBatch): void {
    const startedMs = records.startedMs[row]!;
    const service = records.service[row]!;
    const cost = this.#costPlan(records.outTrunk[row]!, service, startedMs);
    this.#take(cost, 0, row * MAX_LEVELS, row, records, rated);
    const chain = this.#chainPlan(rated.chain[row]!, service, startedMs);
    const levels = rated.levels[row]!;
    for (let level = 1; level < levels; level += 1) {
      this.#take(chain, level - 1, row * MAX_LEVELS + level, row, records, rated);
    }
    const subscriber = rated.subscription[row]! * 8;
    const plan = this.#book.guide.subscribers.words[subscriber + SUBSCRIBER.PLAN]!;
    if ((this.#foldsOfPlan[plan]! >> service) % 2 === 1) {
      rated.folded[row * MAX_LEVELS + levels - 1] = 1;
    }
  }

  /** Seconds of the local clock of a zone, by its place in the book. */
  local(zone: number, utcMs: number): number {
    if (utcMs === this.#lastMs && zone === this.#lastZone) return this.#lastLocal;
    const table = this.#book.zones[zone]!;
    const utcSeconds = Math.floor(utcMs / 1000);
    const index = transitionIndex(table, utcSeconds, this.#zoneHint[zone]);
    this.#zoneHint[zone] = index;
    this.#notes?.placeZone(zone, index);
    this.#lastZone = zone;
    this.#lastMs = utcMs;
    this.#lastLocal = utcSeconds + table.offsetSeconds[index]!;
    this.#lastDay = Math.floor(this.#lastLocal / 86_400);
    return this.#lastLocal;
  }

  #take(
    plan: Plan,
    place: number,
    at: number,
    row: number,
    records: RecordBatch,
    rated: RatedBatch,
  ): void {
    const version = plan.versions[place]!;
    let list = plan.lists[place]!;
    rated.rateId[at] = 0;
    rated.billed[at] = 0;
    rated.amount[at] = 0;
    rated.version[at] = version;
    rated.folded[at] = plan.folds[place]!;
    this.special[at] = plan.special[place]!;
    if (plan.trunkLists !== null) list = trunkList(plan, place, row, records) ?? list;
    rated.list[at] = list;
    if (version === NO_VERSION) return;
    const local = this.local(plan.zones[place]!, records.startedMs[row]!);
    rated.day[at] = this.#lastDay;
    // What was not answered costs nothing and needs no price.
    if (records.quantity[row] === 0) rated.list[at] = NOT_PRICED.NOTHING;
    else if (list >= 0) {
      const bands = this.#book.bandsOf[list]!;
      this.band[at] = bands === null ? 0 : bandAt(bands, local);
    }
  }

  #chainPlan(chain: number, service: number, atMs: number): Plan {
    const key = chain * SERVICES + service;
    const known = this.#chainPlans[key];
    const isKnown = known !== undefined && atMs >= known.fromMs && atMs < known.toMs;
    const plan = isKnown ? known : this.#make(this.#book.guide.chains[chain]!, service, atMs);
    this.#chainPlans[key] = plan;
    this.#notes?.placePlan('CHAIN_PLANS', key, plan);
    return plan;
  }

  #costPlan(trunk: number, service: number, atMs: number): Plan {
    const key = trunk * SERVICES + service;
    const known = this.#costPlans[key];
    const isKnown = known !== undefined && atMs >= known.fromMs && atMs < known.toMs;
    const contract = this.#book.guide.trunkCost[trunk]!;
    const plan = isKnown ? known : this.#make(Int32Array.of(contract), service, atMs);
    this.#costPlans[key] = plan;
    this.#notes?.placePlan('COST_PLANS', key, plan);
    return plan;
  }

  #make(contracts: Int32Array, service: number, atMs: number): Plan {
    const book = this.#book.contracts;
    const length = contracts.length;
    const plan = {
      fromMs: Number.NEGATIVE_INFINITY,
      toMs: Number.POSITIVE_INFINITY,
      versions: new Int32Array(length).fill(NO_VERSION),
      lists: new Int32Array(length).fill(NOT_PRICED.NOTHING),
      zones: new Int32Array(length),
      trunkLists: null as (readonly TrunkList[] | undefined)[] | null,
      special: new Uint8Array(length),
      folds: new Uint8Array(length),
    };
    contracts.forEach((contract, place) => {
      if (contract < 0) return;
      // The last contract is the one that the subscription or the trunk names.
      const isNamed = place === length - 1;
      const successors = isNamed ? undefined : this.#book.guide.successors.get(contract);
      const version = this.#versionInForce(successors ?? [contract], atMs, plan);
      plan.versions[place] = version;
      if (version < 0) {
        plan.lists[place] = NOT_PRICED.NO_TERMS;
        return;
      }
      const list = book.versionList[version * SERVICES + service]!;
      plan.lists[place] = list < 0 ? NOT_PRICED.NO_LIST : list;
      plan.zones[place] = book.versionZone[version]!;
      const ofTrunks = trunkListsFor(book.versionTrunkLists[version], service);
      if (ofTrunks.length > 0) {
        plan.trunkLists ??= new Array(length).fill(undefined);
        plan.trunkLists[place] = ofTrunks;
      }
      const pricing = this.pricing.of(book.versionContract[version]!);
      plan.folds[place] = (pricing.folds >> service) & 1;
      plan.special[place] = this.#isSpecial(version, service, ofTrunks, list) ? 1 : 0;
    });
    return plan;
  }

  #isSpecial(
    version: number,
    service: number,
    ofTrunks: readonly TrunkList[],
    list: number,
  ): boolean {
    const { contracts, lists, bandsOf } = this.#book;
    const used = [list, ...ofTrunks.map((entry) => entry.list)].filter((place) => place >= 0);
    if (used.some((place) => contracts.conversions.has(version * lists + place))) return true;
    const cuts =
      service === serviceCodes.VOICE && contracts.versionBandPolicy[version] !== BAND_POLICY.START;
    if (cuts && used.some((place) => bandsOf[place] !== null)) return true;
    const { rules } = this.pricing.of(contracts.versionContract[version]!);
    return rules.some((rule) => rule.service === null || serviceCodes[rule.service] === service);
  }

  /** Terms of the first contract that has any at an instant; cuts the span to where that is so. */
  #versionInForce(contracts: Iterable<number>, atMs: number, span: TermsSpan): number {
    for (const contract of contracts) {
      const version = this.#versionAt(contract, atMs, span);
      if (version !== NO_VERSION) return version;
    }
    return NO_VERSION;
  }

  // Terms before and after the instant cut the span too, in case there are none between them.
  #versionAt(contract: number, atMs: number, span: TermsSpan): number {
    const { firstVersion, versionCount, versionFrom, versionTo } = this.#book.contracts;
    const first = firstVersion[contract]!;
    for (let version = first + versionCount[contract]! - 1; version >= first; version -= 1) {
      const [fromMs, toMs] = [versionFrom[version]!, versionTo[version]!];
      if (atMs < fromMs) span.toMs = Math.min(span.toMs, fromMs);
      else if (atMs >= toMs) span.fromMs = Math.max(span.fromMs, toMs);
      else {
        span.fromMs = Math.max(span.fromMs, fromMs);
        span.toMs = Math.min(span.toMs, toMs);
        return version;
      }
    }
    return NO_VERSION;
  }
}

// Ids of plans are small: one look says which services the allowances of a plan act on.
function foldsByPlan(book: PriceBook, pricing: PricingLookup): Uint8Array {
  const { words } = book.guide.subscribers;
  let most = 0;
  for (let at = SUBSCRIBER.PLAN; at < words.length; at += 8) most = Math.max(most, words[at]!);
  return Uint8Array.from({ length: most + 1 }, (_, id) => pricing.foldsOfPlan(id));
}

function trunkListsFor(
  all: readonly TrunkList[] | undefined,
  service: number,
): readonly TrunkList[] {
  if (all === undefined) return [];
  return all
    .filter((entry) => entry.service === service)
    .map((entry) => (entry.list < 0 ? { ...entry, list: NOT_PRICED.NO_LIST } : entry));
}

// The trunk by which the record comes in goes before that by which it leaves.
function trunkList(
  plan: Plan,
  place: number,
  row: number,
  records: RecordBatch,
): number | undefined {
  const lists = plan.trunkLists![place];
  if (lists === undefined) return undefined;
  const [came, left] = [records.inTrunk[row], records.outTrunk[row]];
  const found = lists.find(({ trunkId }) => trunkId === came || trunkId === left);
  if (found === undefined || found.trunkId === came) return found?.list;
  const { isGeneral } = found;
  return (lists.find((one) => one.trunkId === came && one.isGeneral === isGeneral) ?? found).list;
}
