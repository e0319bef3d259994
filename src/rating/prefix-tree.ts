import { invariant } from '../kernel/index.js';

const TABLE_DIGITS = 6;
const TABLE_SIZE = 10 ** TABLE_DIGITS;
const POWERS = Float64Array.from({ length: 16 }, (_, n) => 10 ** n);

/**
 * Finds the longest of a set of prefixes that a number begins with. The first six digits are one
 * look into a table, the rest a walk through a tree of digits. The answer is the class of the
 * prefix: its place among the prefixes in order of length, from 1; 0 when none fits.
 */
export interface PrefixTree {
  /** For six leading digits: a node of the tree, or minus one minus the class found so far. */
  readonly table: Int32Array;
  readonly children: Int32Array;
  readonly nodeClass: Int32Array;
  /** For each class the class of the next shorter prefix, 0 for none. */
  readonly parentClass: Int32Array;
  readonly classes: number;
}

/** Builds the tree. `prefixes` are distinct digit strings in order of length. */
export function buildPrefixTree(prefixes: readonly string[]): PrefixTree {
  const children = new NodeList();
  const classes: number[] = [0];
  const parentClass = shared(Int32Array, prefixes.length + 1);
  prefixes.forEach((prefix, index) => {
    let node = 0;
    let above = classes[0]!;
    for (let at = 0; at < prefix.length; at += 1) {
      node = children.child(node, prefix.charCodeAt(at) - 48);
      if (node === classes.length) classes.push(0);
      if (classes[node]! !== 0) above = classes[node]!;
    }
    invariant(classes[node] === 0, `prefix ${prefix} stands twice`);
    parentClass[index + 1] = prefix === '' ? 0 : above;
    classes[node] = index + 1;
  });
  const nodeClass = shared(Int32Array, classes.length);
  const nodes = children.trim();
  const table = shared(Int32Array, TABLE_SIZE);
  fill(nodes, classes, nodeClass, table);
  return { table, children: nodes, nodeClass, parentClass, classes: prefixes.length + 1 };
}

/** The class of the longest prefix of an E.164 number given as an integer. */
export function classOf(tree: PrefixTree, number: number): number {
  let digits = 1;
  while (digits < 16 && number >= POWERS[digits]!) digits += 1;
  if (number < 1 || digits === 16) return tree.nodeClass[0]!;
  if (digits < TABLE_DIGITS) return walk(tree, 0, number, digits);
  // Quotients of integers below 2^53 are never rounded up to the next integer.
  const power = POWERS[digits - TABLE_DIGITS]!;
  const head = Math.floor(number / power);
  const found = tree.table[head]!;
  if (found < 0) return -1 - found;
  return walk(tree, found, number - head * power, digits - TABLE_DIGITS);
}

function walk(tree: PrefixTree, from: number, digitsLeft: number, count: number): number {
  const { children, nodeClass } = tree;
  let node = from;
  let rest = digitsLeft;
  for (let left = count; left > 0; left -= 1) {
    const power = POWERS[left - 1]!;
    const digit = Math.floor(rest / power);
    const next = children[node * 10 + digit]!;
    if (next === 0) break;
    node = next;
    rest -= digit * power;
  }
  return nodeClass[node]!;
}

// Every node takes the class of the nearest prefix at or above it, so that a walk ends with the
// answer wherever it ends.
function fill(
  children: Int32Array,
  classes: readonly number[],
  nodeClass: Int32Array,
  table: Int32Array,
): void {
  const visit = (node: number, inherited: number, depth: number, head: number): void => {
    const own = classes[node]! === 0 ? inherited : classes[node]!;
    nodeClass[node] = own;
    if (depth === TABLE_DIGITS) table[head] = node;
    for (let digit = 0; digit < 10; digit += 1) {
      const next = children[node * 10 + digit]!;
      const at = head * 10 + digit;
      if (next !== 0) visit(next, own, depth + 1, at);
      else if (depth < TABLE_DIGITS) {
        const span = POWERS[TABLE_DIGITS - depth - 1]!;
        table.fill(-1 - own, at * span, (at + 1) * span);
      }
    }
  };
  visit(0, 0, 0, 0);
}

class NodeList {
  #nodes = new Int32Array(10 * 1024);
  #count = 1;

  child(node: number, digit: number): number {
    const at = node * 10 + digit;
    const found = this.#nodes[at]!;
    if (found !== 0) return found;
    if ((this.#count + 1) * 10 > this.#nodes.length) {
      const larger = new Int32Array(this.#nodes.length * 2);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    this.#nodes[at] = this.#count;
    this.#count += 1;
    return this.#count - 1;
  }

  trim(): Int32Array {
    const nodes = shared(Int32Array, this.#count * 10);
    nodes.set(this.#nodes.subarray(0, this.#count * 10));
    return nodes;
  }
}

interface SharedArrayType<T> {
  new (buffer: SharedArrayBuffer): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** A typed array that all worker threads see without a copy. */
export function shared<T>(type: SharedArrayType<T>, length: number): T {
  return new type(new SharedArrayBuffer(Math.max(1, length) * type.BYTES_PER_ELEMENT));
}
