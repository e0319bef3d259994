import type { ThreadMemory } from '../mediation/thread.js';

const FIRST_BYTES = 512 * 1024;
const FIRST_SLOTS = 4096;
/** What is taken up again; more than that is given back. */
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * Memory for bundles of sums, in two views, and a table of where each of them begins, in words of
 * eight bytes: 0 stands for none. It grows with the batch, and is taken up again by the next one.
 */
export class BundleMemory {
  ints: Int32Array;
  sums: Float64Array;
  slots: Int32Array;
  readonly #memory: ThreadMemory | null;

  /** In the memory of a thread's stages, or in memory of its own. */
  constructor(memory: ThreadMemory | null = null) {
    this.#memory = memory;
    [this.ints, this.sums] = this.#words(FIRST_BYTES);
    this.slots = this.#emptySlots(FIRST_SLOTS);
  }

  /** Takes every bundle out. */
  clear(): void {
    if (this.sums.byteLength > MOST_BYTES) {
      this.#giveBack(this.sums);
      this.#giveBack(this.slots);
      [this.ints, this.sums] = this.#words(FIRST_BYTES);
      this.slots = this.#emptySlots(FIRST_SLOTS);
      return;
    }
    this.sums.fill(0);
    this.slots.fill(0);
  }

  /** Doubles the room for bundles; what there is keeps its place. */
  enlarge(): void {
    const { ints, sums } = this;
    [this.ints, this.sums] = this.#words(ints.byteLength * 2);
    this.ints.set(ints);
    this.#giveBack(sums);
  }

  /** A table of four times as many slots, all of them empty; answers the one before. */
  reslot(): Int32Array {
    const { slots } = this;
    this.slots = this.#emptySlots(slots.length * 4);
    this.#giveBack(slots);
    return slots;
  }

  #giveBack({ byteOffset, byteLength }: ArrayBufferView): void {
    this.#memory?.release(byteOffset, byteLength);
  }

  #words(bytes: number): [Int32Array, Float64Array] {
    if (this.#memory === null) {
      const own = new ArrayBuffer(bytes);
      return [new Int32Array(own), new Float64Array(own)];
    }
    const at = this.#memory.allocate(bytes);
    const { buffer } = this.#memory;
    const sums = new Float64Array(buffer, at, bytes / 8).fill(0);
    return [new Int32Array(buffer, at, bytes / 4), sums];
  }

  #emptySlots(count: number): Int32Array {
    if (this.#memory === null) return new Int32Array(count);
    const at = this.#memory.allocate(count * 4);
    return new Int32Array(this.#memory.buffer, at, count).fill(0);
  }
}
