/** Running sums by thing and by holder and period. */
export class Counters {
  readonly #sums = new Map<number, Map<number, number>>();

  read(id: number, key: number): number {
    return this.#sums.get(id)?.get(key) ?? 0;
  }

  /** Adds and answers the new sum. */
  add(id: number, key: number, value: number): number {
    let inner = this.#sums.get(id);
    if (inner === undefined) {
      inner = new Map();
      this.#sums.set(id, inner);
    }
    const sum = (inner.get(key) ?? 0) + value;
    inner.set(key, sum);
    return sum;
  }

  /** How many sums there are. */
  get size(): number {
    let size = 0;
    for (const inner of this.#sums.values()) size += inner.size;
    return size;
  }

  /** All sums with their thing and key. */
  all(): { readonly id: number; readonly key: number; readonly sum: number }[] {
    return [...this.#sums].flatMap(([id, inner]) =>
      [...inner].map(([key, sum]) => ({ id, key, sum })),
    );
  }
}

/** One key for a holder and a period of a civil month; days differ in their last six bits. */
export function periodKey(holderId: number, period: 'DAY' | 'MONTH', day: number): number {
  return holderId * 64 + (period === 'DAY' ? day & 63 : 0);
}
