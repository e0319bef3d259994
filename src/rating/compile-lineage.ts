import { invariant } from '../kernel/index.js';
import type { BookFacts } from './book.js';

/** Which list inherits from which, by their places. */
export interface Lineage {
  /** Place of the list that each inherits from, -1 for none. */
  readonly parent: Int32Array;
  /** Places of all lists, every one behind that which it inherits from. */
  readonly order: Int32Array;
  /** Where each list stands in `order`. */
  readonly rank: Int32Array;
}

export function lineageOf(lists: BookFacts['lists']): Lineage {
  const places = new Map(lists.map(({ id }, place) => [id, place]));
  const parent = Int32Array.from(lists, ({ parentId }) => {
    if (parentId === null) return -1;
    const place = places.get(parentId);
    invariant(place !== undefined, 'the parent of every price list is in the book');
    return place;
  });
  const order: number[] = [];
  const rank = new Int32Array(lists.length).fill(-1);
  const visit = (list: number, depth: number): void => {
    invariant(depth < 100, 'price lists inherit in a circle');
    if (rank[list]! >= 0) return;
    const above = parent[list]!;
    if (above >= 0) visit(above, depth + 1);
    rank[list] = order.push(list) - 1;
  };
  for (let list = 0; list < lists.length; list += 1) visit(list, 0);
  return { parent, order: Int32Array.from(order), rank };
}
