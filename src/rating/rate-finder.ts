import { type PriceBook, SLOT } from './book.js';
import { ListTariffs } from './list-tariffs.js';
import { classOf } from './prefix-tree.js';
import type { RateNotes } from './rate-notes.js';

/** Finds the tariff that a slot has at an instant, in a band and for a calling number. */
export class RateFinder {
  /** The rate that the last tariff found came from. */
  rateId = 0;
  /** Keeps the reads alive that only fetch memory. */
  touched = 0;
  /** What the answers are places in. */
  readonly tariffs: ListTariffs;
  readonly #book: PriceBook;

  constructor(book: PriceBook, notes: RateNotes | null) {
    this.#book = book;
    this.tariffs = new ListTariffs(book, notes);
  }

  /**
   * The place of the tariff of a list, -1 for none. A prefix without a price valid at the instant
   * gives way to the next shorter one of the list.
   */
  find(list: number, from: number, band: number, atMs: number, aNumber: number): number {
    const { slotOf, lists, tree } = this.#book;
    const { times, words } = this.#book.slots;
    let slot = from;
    while (slot !== 0) {
      const prefixClass = words[slot * 8 + SLOT.CLASS]!;
      if (words[slot * 8 + SLOT.ENTRIES] !== 0) {
        const entry = this.#entry(slot, band, atMs, aNumber);
        if (entry >= 0) {
          this.rateId = this.#book.slots.entryRateId[entry]!;
          return this.tariffs.of(list, this.#book.slots.entryTariff[entry]!, prefixClass, atMs);
        }
      } else if (atMs >= times[slot * 4]! && atMs < times[slot * 4 + 1]!) {
        this.rateId = words[slot * 8 + SLOT.RATE_ID]!;
        return this.tariffs.of(list, words[slot * 8 + SLOT.TARIFF]!, prefixClass, atMs);
      }
      slot = slotOf[tree.parentClass[prefixClass]! * lists + list]!;
    }
    return -1;
  }

  /** Brings slots into the cache, all at once, before they are looked at one by one. */
  touch(slots: Int32Array, count: number): void {
    const { words } = this.#book.slots;
    let touched = 0;
    for (let n = 0; n < count; n += 1) touched ^= words[slots[n]! * 8]!;
    this.touched = touched;
  }

  // A price for a set of origins comes before one for all, then one of the band before one of none.
  #entry(slot: number, band: number, atMs: number, aNumber: number): number {
    const { words, entryFrom, entryTo, entryBand, entryOrigin } = this.#book.slots;
    const first = words[slot * 8 + SLOT.ENTRIES]! - 1;
    const end = first + words[slot * 8 + SLOT.TARIFF]!;
    const { sets } = this.#book.origins;
    let found = -1;
    let best = -1;
    for (let entry = first; entry < end; entry += 1) {
      if (atMs < entryFrom[entry]! || atMs >= entryTo[entry]!) continue;
      const entryFor = entryBand[entry]!;
      if (entryFor !== band && entryFor !== 0) continue;
      const origin = entryOrigin[entry]!;
      const rank = origin < 0 ? 0 : this.#rank(origin, aNumber);
      if (origin >= 0 && rank === 0) continue;
      // Of sets that rank the same the one with the lower place counts before any band.
      const order = rank === 0 ? 0 : rank * sets + sets - origin;
      const score = order * 2 + (entryFor === 0 ? 0 : 1);
      if (score > best) [found, best] = [entry, score];
    }
    return found;
  }

  #rank(set: number, aNumber: number): number {
    const { tree, sets, rank } = this.#book.origins;
    return rank[classOf(tree, aNumber) * sets + set]!;
  }
}
