import { type EffectiveTable, mergeList } from '../catalog/index.js';
import { invariant } from '../kernel/index.js';
import { type BookFacts, type PriceBook, SLOT, type Slots, TARIFF } from './book.js';
import { buildPrefixTree, shared } from './prefix-tree.js';

export type CompiledPrices = Pick<
  PriceBook,
  'tree' | 'destinationOf' | 'slotOf' | 'slots' | 'tariffs' | 'bandsOf'
> & {
  /** Place of each list by its id. */
  readonly listPlace: ReadonlyMap<number, number>;
};

const MINUTES_A_WEEK = 7 * 1440;

/** Flattens inheritance, destinations and validity into slots by class of one prefix tree. */
export function compilePrices(facts: BookFacts): CompiledPrices {
  const tables = effectiveTables(facts);
  const prefixes = unionOfPrefixes(facts, [...tables.values()]);
  const tree = buildPrefixTree(prefixes);
  const classByPrefix = new Map(prefixes.map((prefix, index) => [prefix, index + 1]));
  const slots = new SlotBuilder();
  const slotOf = [...tables.values()].map((table) =>
    slotsOfList(table, prefixes, tree.parentClass, classByPrefix, slots),
  );
  return {
    tree,
    destinationOf: destinationsOf(facts, prefixes, tree.parentClass),
    slotOf,
    ...slots.finish(),
    bandsOf: facts.lists.map((list) => weekOf(facts, list.timeProfileId)),
    listPlace: new Map(facts.lists.map((list, place) => [list.id, place])),
  };
}

function effectiveTables(facts: BookFacts): Map<number, EffectiveTable> {
  const byId = new Map(facts.lists.map((list) => [list.id, list]));
  const destinationPrefixes = new Map<number, string[]>();
  for (const { id, prefix } of facts.destinations) {
    const known = destinationPrefixes.get(id);
    if (known === undefined) destinationPrefixes.set(id, [prefix]);
    else known.push(prefix);
  }
  const done = new Map<number, EffectiveTable>();
  const tableOf = (id: number, depth: number): EffectiveTable => {
    invariant(depth < 100, 'price lists inherit in a circle');
    const known = done.get(id);
    if (known !== undefined) return known;
    const list = byId.get(id);
    invariant(list !== undefined, 'the parent of every price list is in the book');
    const parent = list.parentId === null ? new Map() : tableOf(list.parentId, depth + 1);
    const table = mergeList(parent, list.rows, destinationPrefixes);
    done.set(id, table);
    return table;
  };
  return new Map(facts.lists.map((list) => [list.id, tableOf(list.id, 0)]));
}

function unionOfPrefixes(facts: BookFacts, tables: readonly EffectiveTable[]): string[] {
  const all = new Set<string>();
  for (const { prefix } of facts.destinations) all.add(prefix);
  for (const table of tables) for (const entry of table.values()) all.add(entry.prefix);
  return [...all].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

function slotsOfList(
  table: EffectiveTable,
  prefixes: readonly string[],
  parentClass: Int32Array,
  classByPrefix: ReadonlyMap<string, number>,
  slots: SlotBuilder,
): Int32Array {
  const entriesOf = new Map<number, SlotEntry[]>();
  for (const entry of table.values()) {
    const prefixClass = classByPrefix.get(entry.prefix)!;
    const known = entriesOf.get(prefixClass) ?? [];
    for (const { from, to, value } of entry.versions) {
      known.push({ from, to: to ?? Number.POSITIVE_INFINITY, band: entry.bandId, rate: value });
    }
    entriesOf.set(prefixClass, known);
  }
  const slotOf = shared(Int32Array, prefixes.length + 1);
  for (let prefixClass = 1; prefixClass <= prefixes.length; prefixClass += 1) {
    const shorter = slotOf[parentClass[prefixClass]!]!;
    const entries = entriesOf.get(prefixClass);
    slotOf[prefixClass] = entries === undefined ? shorter : slots.add(entries, shorter);
  }
  return slotOf;
}

interface SlotEntry {
  readonly from: number;
  readonly to: number;
  readonly band: number;
  readonly rate: EffectiveRateOf;
}

type EffectiveRateOf =
  EffectiveTable extends ReadonlyMap<string, infer Entry>
    ? Entry extends { readonly versions: readonly { readonly value: infer Rate }[] }
      ? Rate
      : never
    : never;

/** Collects slots; equal tariffs are kept once, since real lists have a few hundred of them. */
class SlotBuilder {
  readonly #slot: { first: number; count: number; shorter: number }[] = [
    { first: 0, count: 0, shorter: 0 },
  ];
  readonly #entry: { from: number; to: number; band: number; tariff: number; rateId: number }[] =
    [];
  readonly #tariff: EffectiveRateOf[] = [];
  readonly #tariffByKey = new Map<string, number>();
  // Lists that inherit share the very objects, which spares making their keys again.
  readonly #tariffByRate = new Map<EffectiveRateOf, number>();

  add(entries: readonly SlotEntry[], shorter: number): number {
    const first = this.#entry.length;
    for (const { from, to, band, rate } of entries) {
      this.#entry.push({ from, to, band, tariff: this.#intern(rate), rateId: rate.path[0]! });
    }
    this.#slot.push({ first, count: entries.length, shorter });
    return this.#slot.length - 1;
  }

  #intern(rate: EffectiveRateOf): number {
    const known = this.#tariffByRate.get(rate);
    if (known !== undefined) return known;
    const key = [
      rate.price,
      rate.connectionFee,
      rate.rateUnit,
      rate.firstIncrement,
      rate.nextIncrement,
      rate.minimum,
      rate.grace,
    ].join(' ');
    let place = this.#tariffByKey.get(key);
    if (place === undefined) {
      place = this.#tariff.length;
      this.#tariff.push(rate);
      this.#tariffByKey.set(key, place);
    }
    this.#tariffByRate.set(rate, place);
    return place;
  }

  finish(): { slots: Slots; tariffs: Float64Array } {
    const memory = new SharedArrayBuffer(this.#slot.length * 32);
    const times = new Float64Array(memory);
    const words = new Int32Array(memory);
    this.#slot.forEach(({ first, count, shorter }, place) => {
      const only = count === 1 ? this.#entry[first]! : undefined;
      words[place * 8 + SLOT.SHORTER] = shorter;
      if (only !== undefined && only.band === 0) {
        times[place * 4] = only.from;
        times[place * 4 + 1] = only.to;
        words[place * 8 + SLOT.TARIFF] = only.tariff;
        words[place * 8 + SLOT.RATE_ID] = only.rateId;
      } else {
        words[place * 8 + SLOT.TARIFF] = count;
        words[place * 8 + SLOT.ENTRIES] = first + 1;
      }
    });
    return { slots: { times, words, ...this.#entries() }, tariffs: this.#tariffs() };
  }

  #entries(): Omit<Slots, 'times' | 'words'> {
    return {
      entryFrom: floats(this.#entry, (entry) => entry.from),
      entryTo: floats(this.#entry, (entry) => entry.to),
      entryBand: ints(this.#entry, (entry) => entry.band),
      entryTariff: ints(this.#entry, (entry) => entry.tariff),
      entryRateId: ints(this.#entry, (entry) => entry.rateId),
    };
  }

  #tariffs(): Float64Array {
    const tariffs = shared(Float64Array, this.#tariff.length * 8);
    this.#tariff.forEach((rate, place) => {
      tariffs[place * 8 + TARIFF.PRICE] = exact(rate.price);
      tariffs[place * 8 + TARIFF.CONNECTION_FEE] = exact(rate.connectionFee);
      tariffs[place * 8 + TARIFF.RATE_UNIT] = rate.rateUnit;
      tariffs[place * 8 + TARIFF.FIRST_INCREMENT] = rate.firstIncrement;
      tariffs[place * 8 + TARIFF.NEXT_INCREMENT] = rate.nextIncrement;
      tariffs[place * 8 + TARIFF.MINIMUM] = rate.minimum;
      tariffs[place * 8 + TARIFF.GRACE] = rate.grace;
    });
    return tariffs;
  }
}

// A price of 90 million and more is no exact number; charging by it answers AMOUNT_TOO_LARGE.
function exact(price: bigint): number {
  return price < 2n ** 53n ? Number(price) : Number.NaN;
}

/** A shared Int32Array of one value of each item. */
export function ints<T>(items: readonly T[], value: (item: T) => number): Int32Array {
  const array = shared(Int32Array, items.length);
  items.forEach((item, place) => {
    array[place] = value(item);
  });
  return array;
}

/** A shared Float64Array of one value of each item. */
export function floats<T>(items: readonly T[], value: (item: T) => number): Float64Array {
  const array = shared(Float64Array, items.length);
  items.forEach((item, place) => {
    array[place] = value(item);
  });
  return array;
}

// Destinations are the dial plan's; a class that only price lists know takes the nearest above.
function destinationsOf(
  facts: BookFacts,
  prefixes: readonly string[],
  parentClass: Int32Array,
): Int32Array {
  const byPrefix = new Map(facts.destinations.map(({ id, prefix }) => [prefix, id]));
  const destinationOf = shared(Int32Array, prefixes.length + 1);
  prefixes.forEach((prefix, index) => {
    const above = destinationOf[parentClass[index + 1]!]!;
    destinationOf[index + 1] = byPrefix.get(prefix) ?? above;
  });
  return destinationOf;
}

/** The band of every minute of the week of a profile; weekday bit 0 is Monday. */
function weekOf(facts: BookFacts, profileId: number | null): Int32Array | null {
  const profile = facts.profiles.find(({ id }) => id === profileId);
  if (profile === undefined) return null;
  const week = shared(Int32Array, MINUTES_A_WEEK);
  for (const rule of profile.rules) {
    for (let day = 0; day < 7; day += 1) {
      if ((rule.weekdays >> day) % 2 === 0) continue;
      week.fill(rule.bandId, day * 1440 + rule.fromMinute, day * 1440 + rule.toMinute);
    }
  }
  return week;
}
