/**
 * A small generator of pseudo-random numbers (xorshift128). The same seed gives the same numbers
 * on every machine, which is the point: it decides nothing that has to be unguessable.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#a = 0x9e3779b9 ^ seed;
    this.#b = Math.imul(seed + 1, 0x85ebca6b);
    this.#c = Math.imul(seed + 2, 0xc2b2ae35);
    this.#d = 0x27d4eb2f;
    for (let round = 0; round < 16; round += 1) this.next();
  }

  /** The next 32 bits as a number from 0. */
  next(): number {
    const t = this.#d ^ (this.#d << 11);
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = this.#a;
    this.#a = this.#a ^ (this.#a >>> 19) ^ t ^ (t >>> 8);
    return this.#a >>> 0;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** True once in `times` on average. */
  onceIn(times: number): boolean {
    return this.next() < 0x1_0000_0000 / times;
  }
}

/** The same 32 bits for the same text everywhere (FNV-1a, mixed at the end). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Places `0 .. weights.length - 1` in a table such that a draw at random from the table gives
 * each place as often as its weight says.
 */
export function drawTable(weights: readonly number[], size: number): Uint16Array {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const table = new Uint16Array(size);
  let at = 0;
  let sum = 0;
  weights.forEach((weight, place) => {
    sum += weight;
    const end = Math.round((sum / all) * size);
    table.fill(place, at, end);
    at = end;
  });
  return table;
}
