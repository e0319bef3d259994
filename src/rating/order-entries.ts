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
  const places = new Map<number, number[]>();
  for (let entry = 0; entry < list.count; entry += 1) {
    if (list.slice(entry) !== 0) continue;
    const contract = list.word(entry, WORD.CONTRACT);
    if (!wanted(contract)) continue;
    if (current !== null && current.get(recordKey(list, entry)) !== entry) continue;
    const known = places.get(contract);
    if (list.has(entry, FLAG.WITHDRAWN)) {
      if (known === undefined) places.set(contract, []);
      continue;
    }
    if (known === undefined) places.set(contract, [entry]);
    else known.push(entry);
  }
  const ordered = new Map<number, Int32Array>();
  for (const [contract, entries] of places) ordered.set(contract, sorted(list, entries));
  return ordered;
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

function sorted(list: EntryList, entries: readonly number[]): Int32Array {
  const order = Int32Array.from(entries);
  if (isSorted(list, order)) return order;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const entry of order) {
    const at = list.number(entry, NUMBER.STARTED_MS);
    if (at < first) first = at;
    if (at > last) last = at;
  }
  if (order.length > MOST_PLACES || last - first >= MOST_TIME) {
    return order.sort((a, b) => compare(list, a, b));
  }
  return sortedByTime(list, order, first);
}

// Numbers are sorted many times faster than entries are compared: the time since the first, and
// behind it the place of the entry. Then only entries of the same millisecond are compared.
function sortedByTime(list: EntryList, order: Int32Array, first: number): Int32Array {
  const keys = new Float64Array(order.length);
  for (let place = 0; place < order.length; place += 1) {
    const time = list.number(order[place]!, NUMBER.STARTED_MS) - first;
    keys[place] = time * MOST_PLACES + place;
  }
  keys.sort();
  const result = new Int32Array(order.length);
  let same = 0;
  for (let place = 0; place < keys.length; place += 1) {
    const key = keys[place]!;
    const time = Math.floor(key / MOST_PLACES);
    result[place] = order[key - time * MOST_PLACES]!;
    if (Math.floor(keys[same]! / MOST_PLACES) === time) continue;
    settle(list, result.subarray(same, place));
    same = place;
  }
  settle(list, result.subarray(same));
  return result;
}

function settle(list: EntryList, sameTime: Int32Array): void {
  if (sameTime.length > 1) sameTime.sort((a, b) => compare(list, a, b));
}

function isSorted(list: EntryList, order: Int32Array): boolean {
  for (let n = 1; n < order.length; n += 1) {
    if (compare(list, order[n - 1]!, order[n]!) > 0) return false;
  }
  return true;
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
