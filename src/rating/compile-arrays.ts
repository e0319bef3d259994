import type { Packed } from './book.js';
import { shared } from './prefix-tree.js';

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

/** Room for so many packed facts. */
export function sharedPacked(count: number): Packed {
  const numbers = shared(Float64Array, count * 4);
  return { numbers, words: new Int32Array(numbers.buffer) };
}
