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
  /** For six leading digits: a node of the tree, or minus one minus the class where it ends. */
  readonly table: Int32Array;
  /** Ten for each node, each as in `table`: no walk goes on to where it can only end. */
  readonly children: Int32Array;
  readonly nodeClass: Int32Array;
  /** For each class the class of the next shorter prefix, 0 for none. */
  readonly parentClass: Int32Array;
  readonly classes: number;
}

/** Builds the tree. `prefixes` are distinct digit strings in order of length. */
export function buildPrefixTree(prefixes: readonly string[]): PrefixTree {
  const builder = new PrefixTreeBuilder();
  for (const prefix of prefixes) builder.add(prefix);
  const { tree } = builder.finish();
  invariant(tree.classes === prefixes.length + 1, 'a prefix stands twice');
  return tree;
}

/** Takes prefixes in any order and as often as they come. */
export class PrefixTreeBuilder {
  #children = new Int32Array(10 * 1024);
  #isPrefix = new Uint8Array(1024);
  #nodes = 1;

  /** The node at which a prefix of digits ends. */
  add(prefix: string): number {
    let node = 0;
    for (let at = 0; at < prefix.length; at += 1) {
      node = this.#child(node, prefix.charCodeAt(at) - 48);
    }
    this.#isPrefix[node] = 1;
    return node;
  }

  /** As {@link add}, from the bytes of the digits. */
  addBytes(bytes: Uint8Array, from: number, to: number): number {
    let node = 0;
    for (let at = from; at < to; at += 1) node = this.#child(node, bytes[at]! - 48);
    this.#isPrefix[node] = 1;
    return node;
  }

  /** Builds the tree, which ends the taking. */
  finish(): BuiltTree {
    const nodes = this.#nodes;
    const isPrefix = this.#isPrefix;
    const children = shared(Int32Array, nodes * 10);
    children.set(this.#children.subarray(0, nodes * 10));
    const nodeClass = shared(Int32Array, nodes);
    const nodeDigits = new Float64Array(nodes);
    const count = isPrefix.reduce((sum, one) => sum + one, 0);
    const parentClass = shared(Int32Array, count + 1);
    const digits = new Float64Array(count + 1);
    // Level by level, digit by digit: prefixes come in order of length, and then of digits. Every
    // node takes the class of the nearest prefix at or above it, so that a walk ends with the
    // answer wherever it ends.
    const queue = new Int32Array(nodes);
    const isBranch = new Uint8Array(nodes);
    let classes = isPrefix[0]!;
    nodeClass[0] = classes;
    nodeDigits[0] = 1;
    digits[classes] = 1;
    for (let head = 0, tail = 1; head < tail; head += 1) {
      const node = queue[head]!;
      const above = nodeClass[node]!;
      for (let digit = 0; digit < 10; digit += 1) {
        const child = children[node * 10 + digit]!;
        if (child === 0) continue;
        queue[tail] = child;
        tail += 1;
        isBranch[node] = 1;
        nodeDigits[child] = nodeDigits[node]! * 10 + digit;
        if (isPrefix[child] === 0) nodeClass[child] = above;
        else {
          classes += 1;
          nodeClass[child] = classes;
          parentClass[classes] = above;
          digits[classes] = nodeDigits[child]!;
        }
      }
    }
    for (let at = 0; at < children.length; at += 1) {
      const child = children[at]!;
      if (isBranch[child] === 1 && child !== 0) continue;
      const ending = child === 0 ? Math.floor(at / 10) : child;
      children[at] = -1 - nodeClass[ending]!;
    }
    const table = shared(Int32Array, TABLE_SIZE);
    fillTable(children, table);
    const tree = { table, children, nodeClass, parentClass, classes: count + 1 };
    return { tree, prefixOf: (prefixClass) => String(digits[prefixClass]).slice(1) };
  }

  #child(node: number, digit: number): number {
    const at = node * 10 + digit;
    const found = this.#children[at]!;
    if (found !== 0) return found;
    const made = this.#nodes;
    this.#nodes += 1;
    if (this.#nodes > this.#isPrefix.length) {
      this.#children = larger(this.#children, new Int32Array(this.#children.length * 2));
      this.#isPrefix = larger(this.#isPrefix, new Uint8Array(this.#isPrefix.length * 2));
    }
    this.#children[at] = made;
    return made;
  }
}

/** A tree; the class of a prefix that was added is that of its node. */
export interface BuiltTree {
  readonly tree: PrefixTree;
  /** The digits of a class. */
  readonly prefixOf: (prefixClass: number) => string;
}

function larger<T extends Int32Array | Uint8Array>(values: T, into: T): T {
  into.set(values);
  return into;
}

/** The class of the longest prefix of an E.164 number given as an integer. */
export function classOf(tree: PrefixTree, number: number): number {
  let digits = number < 1e9 ? 1 : 9;
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
  const { children } = tree;
  let node = from;
  let rest = digitsLeft;
  for (let left = count; left > 0; left -= 1) {
    const power = POWERS[left - 1]!;
    const digit = Math.floor(rest / power);
    node = children[node * 10 + digit]!;
    if (node < 0) return -1 - node;
    rest -= digit * power;
  }
  return tree.nodeClass[node]!;
}

function fillTable(children: Int32Array, table: Int32Array): void {
  const visit = (node: number, depth: number, head: number): void => {
    const span = POWERS[TABLE_DIGITS - depth]!;
    if (node < 0) table.fill(node, head * span, (head + 1) * span);
    else if (depth === TABLE_DIGITS) table[head] = node;
    else {
      for (let digit = 0; digit < 10; digit += 1) {
        visit(children[node * 10 + digit]!, depth + 1, head * 10 + digit);
      }
    }
  };
  visit(0, 0, 0);
}

interface SharedArrayType<T> {
  new (buffer: SharedArrayBuffer): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** A typed array that all worker threads see without a copy. */
export function shared<T>(type: SharedArrayType<T>, length: number): T {
  return new type(new SharedArrayBuffer(Math.max(1, length) * type.BYTES_PER_ELEMENT));
}
