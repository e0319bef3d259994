/** A seeded generator of 32-bit numbers (xorshift128), so that every run has the same input. */
export class Random {
  #a: number;
  #b = 362436069;
  #c = 521288629;
  #d = 88675123;

  constructor(seed: number) {
    this.#a = seed | 0 || 1;
    for (let turn = 0; turn < 20; turn += 1) this.next();
  }

  /** A number from 0 to 2^32 - 1. */
  next(): number {
    let t = this.#a ^ (this.#a << 11);
    this.#a = this.#b;
    this.#b = this.#c;
    this.#c = this.#d;
    t = t ^ (t >>> 8) ^ this.#d ^ (this.#d >>> 19);
    this.#d = t | 0;
    return t >>> 0;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor((this.next() / 4_294_967_296) * limit);
  }

  chance(share: number): boolean {
    return this.next() < share * 4_294_967_296;
  }
}
