import { invariant } from '../kernel/index.js';

/** Where an identity stands: new and now remembered, or seen before. */
export const SEEN = -1;

const WORDS = 2;
const PAGE_WORDS = 1024;
/** How much of a table may be taken, so that a search ends after a few slots. */
const FULL = 0.6;
const VALUES = 2 ** 32;
/** Second word of a slot whose claimer has not written it yet. */
const PENDING = 0;
/** Looks at a pending slot before its claimer counts as lost. */
const PATIENCE = 100_000_000;

/**
 * The identities of a domain, shared by the worker threads of a process. A slot is chosen by one
 * half of the 128-bit identity and holds two words of the other half. Claiming a slot is one
 * atomic exchange, so of two threads that meet the same record exactly one is told it is new.
 *
 * The table is a cache of the committed identity segments plus the claims of batches that are
 * still running. A batch is run again until it commits, which is why a record may be dropped as
 * duplicate of one whose batch has not committed yet; and after a failure the table is built again
 * from the segments, so that a batch never meets its own claims of an attempt before.
 */
export class IdentityTable {
  readonly words: Int32Array;
  readonly slots: number;
  /** Slots for each of the 2^32 values that one is chosen by: tables can be of any size. */
  readonly #scale: number;

  /** `buffer` is shared with the other threads. */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.slots = this.words.length / WORDS;
    invariant(this.slots >= 1 && this.slots <= VALUES, 'an identity table has a slot for a value');
    this.#scale = this.slots / VALUES;
  }

  /** What a table takes that stays quick up to `identities` entries. */
  static bytesFor(identities: number): number {
    return Math.max(1024, Math.ceil(identities / FULL)) * WORDS * 4;
  }

  /** An empty table that stays quick up to `identities` entries. */
  static allocate(identities: number): IdentityTable {
    const table = new IdentityTable(new SharedArrayBuffer(IdentityTable.bytesFor(identities)));
    // The system gives memory page by page when it is first written to. Where a page is read
    // before, as by `prefetch`, it does so twice and stops all threads in between.
    for (let at = 0; at < table.words.length; at += PAGE_WORDS) table.words[at] = 0;
    return table;
  }

  /** Forgets all; no other thread may be using the table. */
  clear(): void {
    this.words.fill(0);
  }

  /** Whether it stays quick with so many entries. */
  holds(identities: number): boolean {
    return identities <= this.slots * FULL;
  }

  /**
   * Brings the slots of identities into the cache, all at once: the exchanges of `claim` wait
   * for each other, plain reads do not. Answers a number that only keeps the reads alive.
   */
  prefetch(i0: Int32Array, i1: Int32Array, count: number): number {
    const { words } = this;
    let sum = 0;
    for (let row = 0; row < count; row += 1) {
      sum ^= words[this.#slotOf(i0[row]!, i1[row]!) * WORDS]!;
    }
    return sum;
  }

  /** Remembers an identity. Returns the slot that now holds it, or {@link SEEN}. */
  claim(i0: number, i1: number, i2: number, i3: number): number {
    const { words } = this;
    const first = i2 === 0 ? 1 : i2;
    const second = i3 === PENDING ? 1 : i3;
    let slot = this.#slotOf(i0, i1);
    for (let probes = 0; probes < this.slots; probes += 1) {
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
      slot = slot + 1 === this.slots ? 0 : slot + 1;
    }
    throw new Error('identity table is full');
  }

  #slotOf(i0: number, i1: number): number {
    return Math.floor(((i0 ^ (i1 << 7)) >>> 0) * this.#scale);
  }

  // Between claiming a slot and writing its second word lie a few instructions. A thread that died
  // there leaves the word pending; failing then leads to a rebuild.
  #second(at: number): number {
    let value = Atomics.load(this.words, at);
    for (let looks = 0; value === PENDING; looks += 1) {
      if (looks === PATIENCE) throw new Error('a claim was never finished');
      value = Atomics.load(this.words, at);
    }
    return value;
  }
}
