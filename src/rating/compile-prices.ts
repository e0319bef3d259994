import { type EffectiveTable, mergeList, type TableEntry } from '../catalog/index.js';
import { invariant } from '../kernel/index.js';
import type { BookFacts, PriceBook } from './book.js';
import { buildPrefixTree, shared } from './prefix-tree.js';
import { SlotBuilder } from './slot-builder.js';

export type CompiledPrices = Pick<
  PriceBook,
  'tree' | 'destinationOf' | 'slotOf' | 'lists' | 'slots' | 'tariffs' | 'terms'
> & {
  /** Place of each list by its id. */
  readonly listPlace: ReadonlyMap<number, number>;
};

/** Flattens inheritance, destinations and validity into slots by class of one prefix tree. */
export function compilePrices(
  facts: BookFacts,
  originPlace: ReadonlyMap<number, number>,
): CompiledPrices {
  const tables = effectiveTables(facts);
  const prefixes = unionOfPrefixes(facts, [...tables.values()]);
  const tree = buildPrefixTree(prefixes);
  const classByPrefix = new Map(prefixes.map((prefix, index) => [prefix, index + 1]));
  const expected = [...tables.values()].reduce((sum, table) => sum + table.size, 0);
  const slots = new SlotBuilder(expected, originPlace);
  const entries = [...tables.values()].map((table) => entriesByClass(table, classByPrefix));
  const slotOf = slotsByClass(entries, tree.parentClass, slots);
  return {
    tree,
    destinationOf: destinationsOf(facts, prefixes, tree.parentClass),
    slotOf,
    lists: tables.size,
    ...slots.finish(),
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

type EntriesByClass = readonly (readonly TableEntry[] | undefined)[];

function entriesByClass(
  table: EffectiveTable,
  classByPrefix: ReadonlyMap<string, number>,
): EntriesByClass {
  const entriesOf: (TableEntry[] | undefined)[] = new Array(classByPrefix.size + 1);
  for (const entry of table.values()) {
    const prefixClass = classByPrefix.get(entry.prefix)!;
    const known = entriesOf[prefixClass];
    if (known === undefined) entriesOf[prefixClass] = [entry];
    else known.push(entry);
  }
  return entriesOf;
}

// All lists of one class lie side by side, the slots as well as their places: the levels of a
// record then share the memory lines that the first of them had to wait for.
function slotsByClass(
  lists: readonly EntriesByClass[],
  parentClass: Int32Array,
  slots: SlotBuilder,
): Int32Array {
  const slotOf = shared(Int32Array, parentClass.length * lists.length);
  for (let prefixClass = 1; prefixClass < parentClass.length; prefixClass += 1) {
    const above = parentClass[prefixClass]! * lists.length;
    lists.forEach((entriesOf, list) => {
      const shorter = slotOf[above + list]!;
      const entries = entriesOf[prefixClass];
      slotOf[prefixClass * lists.length + list] =
        entries === undefined ? shorter : slots.add(entries, shorter);
    });
  }
  return slotOf;
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
