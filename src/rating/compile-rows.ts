import type { RateRow } from '../catalog/index.js';
import type { BookFacts } from './book.js';
import type { Lineage } from './compile-lineage.js';
import { type PrefixTree, shared } from './prefix-tree.js';
import { NO_NODE, type RateTable } from './rate-table.js';

const ABSOLUTE = 0;
const NO_CLASSES = new Int32Array(0);

/** The rows of all lists by the class of their prefix. */
export interface ClassedRates {
  readonly table: RateTable;
  readonly tree: PrefixTree;
  /** Reference destination of each class; 0 when the dial plan has none. */
  readonly destinationOf: Int32Array;
  readonly prefixOf: (prefixClass: number) => string;
  /** Prefixes of destinations, as inheritance wants them. */
  readonly destinationPrefixes: ReadonlyMap<number, readonly string[]>;
  /** Class of the prefix '', 0 when nobody has it. */
  readonly emptyClass: number;
  /** Classes of the prefix, or of the prefixes of the destination, that a row names. */
  readonly classesOf: (row: number) => Int32Array;
  /** A row as its list has it. */
  readonly rateAt: (row: number) => RateRow;
  /** Rows that adjust, by the place of their list. */
  readonly adjusting: readonly (readonly number[])[];
  /**
   * Rows with prices of their own: those of class c stand in `rows[first[c]]` up to
   * `rows[first[c + 1]]`, by the rank of their list.
   */
  readonly rows: Int32Array;
  readonly first: Int32Array;
}

/** Builds the tree over all prefixes of rows and destinations, and sorts the rows by it. */
export function classRates(facts: BookFacts, table: RateTable, lineage: Lineage): ClassedRates {
  const nodes = new Map<number, number[]>();
  const destinationPrefixes = new Map<number, string[]>();
  for (const { id, prefix } of facts.destinations) {
    const node = table.prefixes.add(prefix);
    const known = nodes.get(id);
    if (known === undefined) nodes.set(id, [node]);
    else known.push(node);
    const prefixes = destinationPrefixes.get(id);
    if (prefixes === undefined) destinationPrefixes.set(id, [prefix]);
    else prefixes.push(prefix);
  }
  const { tree, prefixOf } = table.prefixes.finish();
  const { nodeClass } = tree;
  const classesOfDestination = new Map(
    [...nodes].map(([id, all]) => [id, Int32Array.from(all, (node) => nodeClass[node]!)]),
  );
  const classesOf = (row: number): Int32Array => {
    const node = table.node[row]!;
    if (node !== NO_NODE) return Int32Array.of(nodeClass[node]!);
    return classesOfDestination.get(table.destination[row]!) ?? NO_CLASSES;
  };
  return {
    table,
    tree,
    destinationOf: destinationsOf(classesOfDestination, tree),
    prefixOf,
    destinationPrefixes,
    emptyClass: prefixOf(nodeClass[0]!) === '' ? nodeClass[0]! : 0,
    classesOf,
    rateAt: (row) => table.rateAt(row, prefixOf(nodeClass[Math.max(0, table.node[row]!)]!)),
    adjusting: adjustingRows(table, lineage),
    ...sortedRows(table, lineage, tree, classesOfDestination),
  };
}

function adjustingRows(table: RateTable, { order }: Lineage): number[][] {
  const adjusting: number[][] = Array.from(order, () => []);
  for (let row = 0; row < table.count; row += 1) {
    if (table.kind[row] !== ABSOLUTE) adjusting[table.list[row]!]!.push(row);
  }
  return adjusting;
}

// Counting sorts, by list and then by class; rows of one list and class keep their order.
function sortedRows(
  table: RateTable,
  { rank, order }: Lineage,
  tree: PrefixTree,
  classesOfDestination: ReadonlyMap<number, Int32Array>,
): Pick<ClassedRates, 'rows' | 'first'> {
  const { count, list, kind, node, destination } = table;
  const { nodeClass } = tree;
  const firstOfList = new Int32Array(order.length + 1);
  const first = new Int32Array(tree.classes + 1);
  for (let row = 0; row < count; row += 1) {
    if (kind[row] !== ABSOLUTE) continue;
    firstOfList[rank[list[row]!]! + 1]! += 1;
    if (node[row] !== NO_NODE) first[nodeClass[node[row]!]! + 1]! += 1;
    else
      for (const each of classesOfDestination.get(destination[row]!) ?? []) first[each + 1]! += 1;
  }
  const byList = new Int32Array(accumulate(firstOfList));
  for (let row = 0; row < count; row += 1) {
    if (kind[row] === ABSOLUTE) byList[firstOfList[rank[list[row]!]!]!++] = row;
  }
  const rows = new Int32Array(accumulate(first));
  const next = first.slice();
  for (const row of byList) {
    if (node[row] !== NO_NODE) rows[next[nodeClass[node[row]!]!]!++] = row;
    else
      for (const each of classesOfDestination.get(destination[row]!) ?? [])
        rows[next[each]!++] = row;
  }
  return { rows, first };
}

/** Turns counts, each one place further on, into beginnings; answers their sum. */
function accumulate(counts: Int32Array): number {
  for (let at = 1; at < counts.length; at += 1) counts[at]! += counts[at - 1]!;
  return counts[counts.length - 1]!;
}

// Destinations are the dial plan's; a class that only price lists know takes the nearest above.
function destinationsOf(
  classesOfDestination: ReadonlyMap<number, Int32Array>,
  { parentClass, classes }: PrefixTree,
): Int32Array {
  const destinationOf = shared(Int32Array, classes);
  for (const [id, all] of classesOfDestination) for (const each of all) destinationOf[each] = id;
  for (let each = 1; each < classes; each += 1) {
    if (destinationOf[each] === 0) destinationOf[each] = destinationOf[parentClass[each]!]!;
  }
  return destinationOf;
}
