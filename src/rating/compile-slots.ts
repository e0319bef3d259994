import { effectiveTable, type RateRow, type TableEntry } from '../catalog/index.js';
import { invariant } from '../kernel/index.js';
import type { Slots } from './book.js';
import type { Lineage } from './compile-lineage.js';
import type { ClassedRates } from './compile-rows.js';
import { type Candidate, overlayPrices } from './overlay-prices.js';
import { shared } from './prefix-tree.js';
import { NO_NODE } from './rate-table.js';
import { BookTariffs, SlotBuilder } from './slot-builder.js';

const ANY_ORIGIN = -1;
const FOREVER = Number.POSITIVE_INFINITY;
/** So many rows of one prefix and list are laid over each other; more go the slow way. */
const FEW = 32;

/**
 * Gives each list and class its slot. A list shares the slots of the list that it inherits from
 * wherever it says nothing else. Rows that meet in time, with each other or with inherited prices,
 * are laid over each other at once; where some of the inherited prices are adjusted, the definition
 * of inheritance is asked afterwards.
 */
export class SlotFiller {
  readonly #rates: ClassedRates;
  readonly #lineage: Lineage;
  readonly #covered: readonly (Uint8Array | null)[];
  readonly #adjuster: Int32Array;
  readonly #originPlace: ReadonlyMap<number, number>;
  readonly #slots: SlotBuilder;
  readonly #tariffs: BookTariffs;
  /** Classes and slots that the definition must fill, by list. */
  readonly #pending: { prefixClass: number; slot: number }[][];

  constructor(
    rates: ClassedRates,
    lineage: Lineage,
    covered: readonly (Uint8Array | null)[],
    adjuster: Int32Array,
    originPlace: ReadonlyMap<number, number>,
  ) {
    this.#rates = rates;
    this.#lineage = lineage;
    this.#covered = covered;
    this.#adjuster = adjuster;
    this.#originPlace = originPlace;
    this.#slots = new SlotBuilder(rates.rows.length);
    this.#tariffs = new BookTariffs(rates.table.tariffs);
    this.#pending = Array.from(lineage.order, () => []);
  }

  // All lists of one class lie side by side, the slots as well as their places: the levels of a
  // record then share the memory lines that the first of them had to wait for.
  fill(): Int32Array {
    const { tree, rows, first, table } = this.#rates;
    const { order, parent } = this.#lineage;
    const { parentClass, classes } = tree;
    const lists = order.length;
    const slotOf = shared(Int32Array, classes * lists);
    for (let prefixClass = 1; prefixClass < classes; prefixClass += 1) {
      const here = prefixClass * lists;
      const above = parentClass[prefixClass]! * lists;
      let next = first[prefixClass]!;
      const end = first[prefixClass + 1]!;
      for (const list of order) {
        const from = next;
        while (next < end && table.list[rows[next]!] === list) next += 1;
        const heir = parent[list]!;
        // The inherited slot, where the parent has one for this very prefix.
        let inherited = heir < 0 ? 0 : slotOf[here + heir]!;
        if (heir >= 0 && inherited === slotOf[above + heir]) inherited = 0;
        if (next > from) {
          slotOf[here + list] = this.#own(list, prefixClass, from, next, inherited);
        } else if (inherited === 0) slotOf[here + list] = slotOf[above + list]!;
        else {
          const touched = this.#covered[list]?.[prefixClass] === 1;
          slotOf[here + list] = touched ? this.#later(list, prefixClass) : inherited;
        }
      }
    }
    for (const list of order) this.#fillPending(list);
    return slotOf;
  }

  finish(): { slots: Slots } & ReturnType<BookTariffs['finish']> {
    return { slots: this.#slots.finish(), ...this.#tariffs.finish() };
  }

  #own(list: number, prefixClass: number, from: number, to: number, inherited: number): number {
    const { table, rows } = this.#rates;
    const row = rows[from]!;
    const owner = this.#adjuster[list]!;
    const only = to === from + 1 && table.band[row] === 0 && table.origin[row] === 0;
    if (only && (inherited === 0 || this.#hides(row, inherited))) {
      const slot = this.#slots.open(prefixClass);
      const tariff = this.#tariffs.placeOf(table.tariff[row]!, owner);
      this.#slots.setPlain(slot, table.from[row]!, table.to[row]!, tariff, table.id[row]!);
      return slot;
    }
    const adjusted = inherited !== 0 && this.#covered[list]?.[prefixClass] === 1;
    if (adjusted || this.#slots.isPending(inherited) || to - from > FEW) {
      return this.#later(list, prefixClass);
    }
    // What the list does to all that it inherits is done when the tariff is looked up.
    const candidates = inherited === 0 ? [] : this.#slots.pricesOf(inherited);
    for (let at = from; at < to; at += 1) candidates.push(this.#candidate(rows[at]!, owner));
    const slot = this.#slots.open(prefixClass);
    this.#slots.setPrices(slot, overlayPrices(candidates));
    return slot;
  }

  #candidate(row: number, owner: number): Candidate {
    const { table } = this.#rates;
    return {
      from: table.from[row]!,
      to: table.to[row]!,
      band: table.band[row]!,
      origin: this.#origin(table.origin[row]!),
      tariff: this.#tariffs.placeOf(table.tariff[row]!, owner),
      rateId: table.id[row]!,
      layer: table.node[row] === NO_NODE ? 1 : 2,
    };
  }

  // Nothing is seen of what is inherited from before the row holds, or ever after.
  #hides(row: number, inherited: number): boolean {
    const { from, to } = this.#rates.table;
    return to[row] === FOREVER && this.#slots.beginsBehind(inherited, from[row]!);
  }

  #later(list: number, prefixClass: number): number {
    const slot = this.#slots.open(prefixClass);
    this.#pending[list]!.push({ prefixClass, slot });
    return slot;
  }

  #fillPending(list: number): void {
    const pending = this.#pending[list]!;
    if (pending.length === 0) return;
    const entries = this.#definedEntries(
      list,
      pending.map(({ prefixClass }) => prefixClass),
    );
    for (const { prefixClass, slot } of pending) {
      this.#write(slot, entries.get(this.#rates.prefixOf(prefixClass)) ?? [], list);
    }
  }

  /** The prices of a list for some classes, as inheritance is defined. */
  #definedEntries(list: number, classes: readonly number[]): Map<string, TableEntry[]> {
    const { parent } = this.#lineage;
    const { adjusting, rateAt, destinationPrefixes, prefixOf } = this.#rates;
    const chain: number[] = [];
    for (let at = list; at >= 0; at = parent[at]!) chain.unshift(at);
    const prefixes = new Map(destinationPrefixes);
    const rowsOf = new Map<number, RateRow[]>(
      chain.map((each) => [each, adjusting[each]!.map(rateAt)]),
    );
    for (const each of classes) {
      // What a destination says counts here for one of its prefixes only.
      prefixes.set(-each, [prefixOf(each)]);
      this.#addOwn(each, rowsOf);
    }
    const table = effectiveTable(
      chain.map((each) => ({ listId: each, rows: rowsOf.get(each)! })),
      prefixes,
    );
    const found = new Map<string, TableEntry[]>(classes.map((each) => [prefixOf(each), []]));
    for (const entry of table.values()) found.get(entry.prefix)?.push(entry);
    return found;
  }

  #addOwn(prefixClass: number, rowsOf: ReadonlyMap<number, RateRow[]>): void {
    const { rows, first, table, rateAt } = this.#rates;
    for (let at = first[prefixClass]!; at < first[prefixClass + 1]!; at += 1) {
      const row = rows[at]!;
      const into = rowsOf.get(table.list[row]!);
      if (into === undefined) continue;
      const rate = rateAt(row);
      into.push(rate.destinationId === null ? rate : { ...rate, destinationId: -prefixClass });
    }
  }

  #write(slot: number, entries: readonly TableEntry[], list: number): void {
    const owner = this.#adjuster[list]!;
    const { tariffs } = this.#rates.table;
    const pieces = entries.flatMap(({ versions, bandId, originSetId }) => {
      return versions.map(({ from, to, value }) => {
        const price = {
          from,
          to: to ?? FOREVER,
          band: bandId,
          origin: this.#origin(originSetId),
          tariff: this.#tariffs.placeOf(tariffs.placeOf(value), owner),
          rateId: value.path[0]!,
          layer: 0,
        };
        return { from: price.from, to: price.to, price };
      });
    });
    this.#slots.setPrices(slot, pieces);
  }

  #origin(id: number): number {
    if (id === 0) return ANY_ORIGIN;
    const place = this.#originPlace.get(id);
    invariant(place !== undefined, 'the set of origins of every rate is in the book');
    return place;
  }
}
