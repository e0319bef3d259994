import { type EntryList, FLAG, NUMBER, WORD } from './allowance-entry.js';

/**
 * The records of each contract in order of time and identity, as the places of their first
 * entries. Of entries for the same record and level those that were added last count, and a
 * withdrawn record is left out.
 */
export function orderByContract(
  list: EntryList,
  wanted: (contractId: number) => boolean,
  replaces: boolean,
): Map<number, Int32Array> {
  const current = replaces ? lastOfEach(list) : null;
  const places = new Map<number, PlaceList>();
  // Entries of a contract follow each other often.
  let [last, known]: [number, PlaceList | undefined] = [-1, undefined];
  for (let entry = 0; entry < list.count; entry += 1) {
    if (list.slice(entry) !== 0) continue;
    const contract = list.word(entry, WORD.CONTRACT);
    if (!wanted(contract)) continue;
    if (current !== null && current.get(recordKey(list, entry)) !== entry) continue;
    if (contract !== last || known === undefined) {
      [last, known] = [contract, places.get(contract)];
      if (known === undefined) {
        known = new PlaceList();
        places.set(contract, known);
      }
    }
    if (!list.has(entry, FLAG.WITHDRAWN)) known.push(entry);
  }
  const ordered = new Map<number, Int32Array>();
  for (const [contract, entries] of places) ordered.set(contract, sorted(list, entries.take()));
  return ordered;
}

/** Places of entries, however many they become. */
class PlaceList {
  #places = new Int32Array(64);
  #count = 0;

  push(place: number): void {
    if (this.#count === this.#places.length) {
      const larger = new Int32Array(this.#count * 2);
      larger.set(this.#places);
      this.#places = larger;
    }
    this.#places[this.#count] = place;
    this.#count += 1;
  }

  take(): Int32Array {
    return this.#places.subarray(0, this.#count);
  }
}

function lastOfEach(list: EntryList): Map<string, number> {
  const last = new Map<string, number>();
  for (let entry = 0; entry < list.count; entry += 1) {
    if (list.slice(entry) === 0) last.set(recordKey(list, entry), entry);
  }
  return last;
}

function recordKey(list: EntryList, entry: number): string {
  return `${list.number(entry, NUMBER.XDR_ID)}:${list.level(entry)}`;
}

/** Entries that a place in one number can tell apart, behind 32 bits of time. */
const MOST_PLACES = 2 ** 21;
const MOST_TIME = 2 ** 32;

// Records come nearly in order of time: often only those of the same millisecond are out of it.
function sorted(list: EntryList, order: Int32Array): Int32Array {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  let before = Number.NEGATIVE_INFINITY;
  let isInTime = true;
  for (let place = 0; place < order.length; place += 1) {
    const at = list.number(order[place]!, NUMBER.STARTED_MS);
    if (at < first) first = at;
    if (at > last) last = at;
    if (at < before) isInTime = false;
    before = at;
  }
  if (isInTime) return settleAll(list, order);
  if (order.length > MOST_PLACES || last - first >= MOST_TIME) {
    return order.sort((a, b) => compare(list, a, b));
  }
  return settleAll(list, sortedByTime(list, order, first));
}

// Numbers are sorted many times faster than entries are compared: the time since the first, and
// behind it the place of the entry.
function sortedByTime(list: EntryList, order: Int32Array, first: number): Int32Array {
  const keys = new Float64Array(order.length);
  for (let place = 0; place < order.length; place += 1) {
    const time = list.number(order[place]!, NUMBER.STARTED_MS) - first;
    keys[place] = time * MOST_PLACES + place;
  }
  keys.sort();
  return Int32Array.from(keys, (key) => {
    return order[key - Math.floor(key / MOST_PLACES) * MOST_PLACES]!;
  });
}

// Puts entries of the same millisecond in order, which follow each other.
function settleAll(list: EntryList, order: Int32Array): Int32Array {
  let same = 0;
  for (let place = 1; place <= order.length; place += 1) {
    const isSame =
      place < order.length &&
      list.number(order[place]!, NUMBER.STARTED_MS) ===
        list.number(order[same]!, NUMBER.STARTED_MS);
    if (isSame) continue;
    if (place - same > 1) settle(list, order, same, place);
    same = place;
  }
  return order;
}

/** So many entries are put in order one by one. */
const FEW = 16;

function settle(list: EntryList, order: Int32Array, from: number, to: number): void {
  if (to - from > FEW) {
    order.subarray(from, to).sort((a, b) => compare(list, a, b));
    return;
  }
  for (let place = from + 1; place < to; place += 1) {
    const entry = order[place]!;
    let into = place;
    while (into > from && compare(list, order[into - 1]!, entry) > 0) {
      order[into] = order[into - 1]!;
      into -= 1;
    }
    order[into] = entry;
  }
}

// Identities decide between records of the same instant, so that no order of arrival does.
function compare(list: EntryList, a: number, b: number): number {
  const earlier = list.number(a, NUMBER.STARTED_MS) - list.number(b, NUMBER.STARTED_MS);
  if (earlier !== 0) return earlier;
  for (let word = WORD.IDENTITY; word < WORD.IDENTITY + 4; word += 1) {
    const difference = (list.word(a, word) >>> 0) - (list.word(b, word) >>> 0);
    if (difference !== 0) return difference;
  }
  return list.level(a) - list.level(b);
}
