import type { PriceBook } from './book.js';
import type { ListTariffs } from './list-tariffs.js';
import type { Plan, PlanKind, RateNotes } from './rate-notes.js';
import {
  ASKS_FOLD,
  ASKS_MORE,
  BOOK_WORDS_AT,
  BookWord,
  DERIVED_BYTES,
  PLAN_BYTES,
  PLAN_LEVEL_BYTES,
  PLAN_LEVELS,
  SERVICES,
  TIER_STEP_BYTES,
  TIER_STEPS,
  ZONE_BYTES,
} from './rated-columns.js';
import type { ThreadStages } from './thread-stages.js';
import { tiersOfTerms } from './tiers.js';

const TARIFF_BYTES = 64;
/** Times of which the stages tell the day: from 1970-01-02 on, and before seconds pass 32 bits. */
const EARLIEST_MS = 86_400_000;
const LATEST_MS = 4_200_000_000_000;
/** A larger book is not copied: there is room for two gigabytes, and batches need some of it. */
const MOST_BYTES = 1024 * 1024 * 1024;
/** Lists whose place a key of derived tariffs can hold. */
const MOST_LISTS = 65_536;

/**
 * What rows are rated by as WebAssembly: a copy of the parts of a book that each record asks for,
 * in the memory of the thread. Plans, zones and derived tariffs are added as the rater, which
 * rates the rows that are left to it, finds them out.
 */
export class PlacedBook implements RateNotes {
  readonly #stages: ThreadStages;
  readonly #book: PriceBook;
  readonly #plans: Readonly<Record<PlanKind, (Plan | undefined)[]>> = {
    COST_PLANS: [],
    CHAIN_PLANS: [],
  };
  readonly #zones: Int32Array;
  #foldsOfPlan: Uint8Array = new Uint8Array(0);
  // How many tariffs and terms are in place, and for how many tariffs there is room.
  #tariffs = 0;
  #terms = 0;
  #room = 0;

  /** Whether a book is small enough for the memory of a thread. */
  static fits({ tree, slotOf, slots, tariffs, guide }: PriceBook, most = MOST_BYTES): boolean {
    const { table, children, nodeClass } = tree;
    const { subscribers } = guide;
    const facts = [table, children, nodeClass, slotOf, slots.words, tariffs, subscribers.words];
    return facts.reduce((sum, { byteLength }) => sum + byteLength, 0) <= most;
  }

  constructor(stages: ThreadStages, book: PriceBook) {
    this.#stages = stages;
    this.#book = book;
    this.#zones = new Int32Array(book.zones.length);
  }

  useFoldsOfPlan(foldsOfPlan: Uint8Array): void {
    this.#foldsOfPlan = foldsOfPlan;
  }

  /** Rates guided rows; answers those that are left to the rater. */
  rate(tariffs: ListTariffs, count: number): Int32Array {
    if (!this.#isPlaced) this.#place();
    if (this.#tariffs < tariffs.count) this.#placeTariffs(tariffs);
    if (this.#terms < tariffs.terms.length) this.#placeTiers(tariffs);
    const left = this.#stages.exports.rateRows(count);
    return this.#stages.leftRows.subarray(0, left);
  }

  placePlan(kind: PlanKind, number: number, plan: Plan): void {
    if (!this.#isPlaced || this.#plans[kind][number] === plan) return;
    this.#plans[kind][number] = plan;
    const plansAt = this.#word(BookWord[kind]);
    const known = this.#view.getInt32(plansAt + number * 4, true);
    const at = known === 0 ? this.#stages.allocate(PLAN_BYTES) : known;
    const view = this.#view;
    view.setInt32(plansAt + number * 4, at, true);
    view.setFloat64(at, plan.fromMs, true);
    view.setFloat64(at + 8, plan.toMs, true);
    plan.versions.forEach((version, place) => {
      const levelAt = at + PLAN_LEVELS + place * PLAN_LEVEL_BYTES;
      const list = plan.lists[place]!;
      const hasBands = list >= 0 && this.#book.bandsOf[list] !== null;
      const asksMore =
        plan.special[place] === 1 || plan.trunkLists?.[place] !== undefined || hasBands;
      view.setInt32(levelAt, version, true);
      view.setInt32(levelAt + 4, list, true);
      view.setInt32(levelAt + 8, plan.zones[place]!, true);
      const asks = (plan.folds[place] === 1 ? ASKS_FOLD : 0) | (asksMore ? ASKS_MORE : 0);
      view.setInt32(levelAt + 12, asks, true);
    });
  }

  placeZone(zone: number, index: number): void {
    if (!this.#isPlaced || index < 0 || this.#zones[zone] === index + 1) return;
    this.#zones[zone] = index + 1;
    const { atSeconds, untilSeconds, offsetSeconds } = this.#book.zones[zone]!;
    const at = this.#word(BookWord.ZONES) + zone * ZONE_BYTES;
    const view = this.#view;
    const until = atSeconds[index + 1] ?? untilSeconds;
    view.setFloat64(at, Math.max(EARLIEST_MS, atSeconds[index]! * 1000), true);
    view.setFloat64(at + 8, Math.min(LATEST_MS, until * 1000), true);
    view.setFloat64(at + 16, offsetSeconds[index]!, true);
  }

  placeDerived(
    list: number,
    group: number,
    tariff: number,
    derived: number,
    fromMs: number,
    toMs: number,
  ): void {
    if (!this.#isPlaced || list >= MOST_LISTS) return;
    const key = (list << 16) | group;
    const at = this.#derivedAt(key, tariff);
    const view = this.#view;
    view.setInt32(at, key, true);
    view.setInt32(at + 4, tariff, true);
    view.setInt32(at + 8, derived, true);
    view.setInt32(at + 12, this.#word(BookWord.GENERATION), true);
    view.setFloat64(at + 16, fromMs, true);
    view.setFloat64(at + 24, toMs, true);
  }

  // One of the two places of a key: its own, one that is free, or else the first.
  #derivedAt(key: number, tariff: number): number {
    const view = this.#view;
    const generation = this.#word(BookWord.GENERATION);
    const first = this.#stages.exports.derivedEntry(key, tariff);
    const places = [first, first ^ 1].map((entry) => {
      return this.#word(BookWord.DERIVED) + entry * DERIVED_BYTES;
    });
    const isOwn = (at: number) =>
      view.getInt32(at, true) === key && view.getInt32(at + 4, true) === tariff;
    const isFree = (at: number) => view.getInt32(at + 12, true) !== generation;
    return places.find(isOwn) ?? places.find(isFree) ?? places[0]!;
  }

  get #isPlaced(): boolean {
    return this.#stages.owner === this;
  }

  get #view(): DataView {
    return this.#stages.memory.view;
  }

  #word(word: BookWord): number {
    return this.#view.getInt32(BOOK_WORDS_AT + word * 4, true);
  }

  #setWord(word: BookWord, value: number): void {
    this.#view.setInt32(BOOK_WORDS_AT + word * 4, value, true);
  }

  #place(): void {
    const { tree, destinationOf, slotOf, lists, slots, guide, contracts, adjustments } = this.#book;
    this.#stages.begin(this);
    for (const plans of Object.values(this.#plans)) plans.length = 0;
    this.#zones.fill(0);
    [this.#tariffs, this.#terms, this.#room] = [0, 0, 0];
    const put = (word: BookWord, facts: ArrayBufferView) => {
      this.#setWord(word, this.#stages.put(facts));
    };
    put(BookWord.TABLE, tree.table);
    put(BookWord.CHILDREN, tree.children);
    put(BookWord.NODE_CLASS, tree.nodeClass);
    put(BookWord.DESTINATION_OF, destinationOf);
    put(BookWord.SUBSCRIBERS, guide.subscribers.words);
    put(
      BookWord.CHAIN_LEVELS,
      Uint8Array.from(guide.chains, ({ length }) => length + 1),
    );
    put(BookWord.FOLDS_OF_PLAN, this.#foldsOfPlan);
    put(BookWord.COST_PLANS, new Int32Array(guide.trunkCost.length * SERVICES));
    put(BookWord.CHAIN_PLANS, new Int32Array(guide.chains.length * SERVICES));
    this.#setWord(BookWord.TRUNKS, guide.trunkCost.length);
    put(BookWord.ZONES, new Uint8Array(this.#book.zones.length * ZONE_BYTES));
    put(BookWord.SLOT_OF, slotOf);
    this.#setWord(BookWord.LISTS, lists);
    put(BookWord.SLOTS, slots.words);
    put(BookWord.ADJUSTS, adjustments.adjuster);
    const groups = adjustments.groupOf.map((of) => (of === null ? 0 : this.#stages.put(of)));
    put(BookWord.GROUPS, Int32Array.from(groups));
    put(BookWord.VERSION_STEP, contracts.versionStep);
    put(BookWord.VERSION_ROUNDING, contracts.versionRounding);
    put(BookWord.VERSION_ID, contracts.versionId);
    this.#setWord(BookWord.DERIVED, this.#stages.derivedAt);
    this.#setWord(BookWord.GENERATION, this.#word(BookWord.GENERATION) + 1);
  }

  // Room for twice as many, since lists go on deriving them.
  #placeTariffs({ numbers, count }: ListTariffs): void {
    if (count > this.#room) {
      const at = this.#word(BookWord.TARIFFS);
      if (this.#room > 0) this.#stages.free(at, this.#room * TARIFF_BYTES);
      this.#room = count * 2;
      this.#setWord(BookWord.TARIFFS, this.#stages.allocate(this.#room * TARIFF_BYTES));
      this.#tariffs = 0;
    }
    const first = this.#tariffs * 8;
    const at = this.#word(BookWord.TARIFFS) + first * 8;
    new Float64Array(this.#view.buffer, at).set(numbers.subarray(first, count * 8));
    this.#tariffs = count;
  }

  // Few books have more than a handful of terms: all are placed anew.
  #placeTiers({ terms }: ListTariffs): void {
    const places = terms.map((each) => {
      const tiers = tiersOfTerms(each);
      if (tiers === null) return 0;
      const { rateUnit, ends, prices } = tiers;
      const at = this.#stages.allocate(TIER_STEPS + ends.length * TIER_STEP_BYTES);
      const view = this.#view;
      view.setInt32(at, ends.length, true);
      view.setFloat64(at + 8, rateUnit, true);
      ends.forEach((end, step) => {
        const stepAt = at + TIER_STEPS + step * TIER_STEP_BYTES;
        view.setFloat64(stepAt, end, true);
        view.setFloat64(stepAt + 8, prices[step]!, true);
      });
      return at;
    });
    this.#setWord(BookWord.TIERS, this.#stages.put(Int32Array.of(0, ...places)));
    this.#terms = terms.length;
  }
}
