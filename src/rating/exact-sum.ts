/** Beyond it a running sum of whole numbers moves into one of any size. */
export const EXACT = 2 ** 52;

/** The sum of whole numbers below 2^53 in size, however large it grows. */
export class ExactSum {
  #near = 0;
  #far = 0n;

  add(value: number): void {
    if (Math.abs(value) > EXACT) this.#far += BigInt(value);
    else this.#near += value;
    if (Math.abs(this.#near) > EXACT) {
      this.#far += BigInt(this.#near);
      this.#near = 0;
    }
  }

  addExact(value: bigint): void {
    this.#far += value;
  }

  get total(): bigint {
    return this.#far + BigInt(this.#near);
  }
}

const MOST = 2n ** 63n - 1n;

/** A sum in parts of which a column of 64 bits holds each; one at least. */
export function storable(total: bigint): bigint[] {
  const parts: bigint[] = [];
  let rest = total;
  for (; rest > MOST; rest -= MOST) parts.push(MOST);
  for (; rest < -MOST; rest += MOST) parts.push(-MOST);
  return [...parts, rest];
}
