/** Counters by what they are of and, for each, by holder and period. */
export type Counters = Map<number, Map<number, number>>;

/** A holder and its month, or one day of it: days of one month differ in their last six bits. */
export function periodKey(holderId: number, period: 'DAY' | 'MONTH', day: number): number {
  return holderId * 64 + (period === 'DAY' ? day & 63 : 0);
}

export function read(counters: Counters, id: number, key: number): number {
  return counters.get(id)?.get(key) ?? 0;
}

export function add(counters: Counters, id: number, key: number, value: number): number {
  let inner = counters.get(id);
  if (inner === undefined) {
    inner = new Map();
    counters.set(id, inner);
  }
  const sum = (inner.get(key) ?? 0) + value;
  inner.set(key, sum);
  return sum;
}
