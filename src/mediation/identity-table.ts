import { invariant } from '../kernel/index.js';

/** Where an identity stands: new and now remembered, or seen before. */
export const SEEN = -1;

const WORDS = 2;
/** Second word of a slot whose claimer has not written it yet. */
const PENDING = 0;
/** Second word of a slot that was released. */
const RELEASED = -2147483648;

/**
 * The identities of a domain, shared by the worker threads of a process. A slot is chosen by one
 * half of the 128-bit identity and holds two words of the other half. Claiming a slot is one
 * atomic exchange, so of two threads that meet the same record exactly one is told it is new.
 *
 * The table is a cache of the committed identity segments plus the claims of batches that are
 * still running. A batch that fails releases its claims, and is run again until it commits; that
 * is why a record may be dropped as duplicate of one whose batch has not committed yet.
 */
export class IdentityTable {
  readonly words: Int32Array;
  readonly #mask: number;

  /** `buffer` is shared with the other threads; its slot count is a power of two. */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    const slots = this.words.length / WORDS;
    invariant(Number.isInteger(Math.log2(slots)), 'an identity table has a power of two of slots');
    this.#mask = slots - 1;
  }

  /** An empty table that stays quick up to `identities` entries. */
  static allocate(identities: number): IdentityTable {
    let slots = 1024;
    while (slots * 0.6 < identities) slots *= 2;
    return new IdentityTable(new SharedArrayBuffer(slots * WORDS * 4));
  }

  get slots(): number {
    return this.#mask + 1;
  }

  /**
   * Brings the slots of identities into the cache, all at once: the exchanges of `claim` wait
   * for each other, plain reads do not. Answers a number that only keeps the reads alive.
   */
  prefetch(i0: Int32Array, i1: Int32Array, count: number): number {
    const { words } = this;
    let sum = 0;
    for (let row = 0; row < count; row += 1) {
      sum ^= words[((i0[row]! ^ (i1[row]! << 7)) & this.#mask) * WORDS]!;
    }
    return sum;
  }

  /**
   * Remembers an identity. Returns the slot that now holds it, or {@link SEEN}. The slot is what
   * {@link release} needs.
   */
  claim(i0: number, i1: number, i2: number, i3: number): number {
    const { words } = this;
    const first = i2 === 0 ? 1 : i2;
    const second = i3 === PENDING || i3 === RELEASED ? i3 ^ 1 : i3;
    let slot = (i0 ^ (i1 << 7)) & this.#mask;
    for (let probes = 0; probes <= this.#mask; probes += 1) {
      const at = slot * WORDS;
      let held = words[at]!;
      if (held === 0) {
        held = Atomics.compareExchange(words, at, 0, first);
        if (held === 0) {
          Atomics.store(words, at + 1, second);
          return slot;
        }
      }
      if (held === first && this.#second(at + 1) === second) return SEEN;
      slot = (slot + 1) & this.#mask;
    }
    throw new Error('identity table is full');
  }

  /** Forgets a claim of a batch that did not commit. The slot stays unusable until a rebuild. */
  release(slot: number): void {
    Atomics.store(this.words, slot * WORDS + 1, RELEASED);
  }

  // Between claiming a slot and writing its second word a thread is a few instructions away.
  #second(at: number): number {
    let value = Atomics.load(this.words, at);
    while (value === PENDING) value = Atomics.load(this.words, at);
    return value;
  }
}
