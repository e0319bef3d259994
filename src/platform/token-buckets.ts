interface Bucket {
  /** What is left, as of `at`. */
  left: number;
  at: number;
}

/** How fast a bucket fills, and how much fits in. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Beyond this many callers the ones seen least recently are forgotten. */
const MAX_KEYS = 50_000;

/**
 * Budgets that fill at a steady rate, one for each caller. Bounded in memory: a caller that has
 * been forgotten begins with a full bucket, as one that was never seen.
 */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /**
   * Takes from a caller's budget at the moment `now` (milliseconds) and answers 0, or takes
   * nothing and answers the milliseconds until there is enough. An amount above the burst is
   * let through when the bucket is full.
   */
  take(key: string, amount: number, now: number): number {
    const { perSecond, burst } = this.#rate;
    const known = this.#buckets.get(key);
    const filled = known ? known.left + (Math.max(0, now - known.at) * perSecond) / 1000 : burst;
    const left = Math.min(burst, filled);
    const wanted = Math.min(amount, burst);
    const enough = left >= wanted;
    // Set anew, so that the order of the map is that of last use.
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: enough ? left - wanted : left, at: now });
    this.#forget();
    return enough ? 0 : Math.ceil(((wanted - left) / perSecond) * 1000);
  }

  /** Callers that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  #forget(): void {
    if (this.#buckets.size <= MAX_KEYS) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/**
 * The key of an address: one host of IPv4, a /64 of IPv6, since whoever has one address there
 * has all of them.
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
