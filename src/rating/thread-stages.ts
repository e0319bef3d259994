import {
  type LineStage,
  MAX_LINE_BYTES,
  QuickLines,
  RecordBatch,
  ThreadMemory,
} from '../mediation/thread.js';
import { BundleMemory } from './bundle-memory.js';
import { RatedBatch } from './rated-batch.js';
import {
  BUNDLE_AT,
  DERIVED_BYTES,
  DERIVED_ENTRIES,
  HASH_AT,
  LEFT_ROWS_AT,
  POWERS_AT,
  RATED_COLUMNS_END,
} from './rated-columns.js';

/** What is read of a file at once. */
export const BLOCK_BYTES = 512 * 1024;
/** What a reader of lines is given, with room for the longest line before and behind a block. */
export const READ_BYTES = BLOCK_BYTES + 2 * MAX_LINE_BYTES;

/** What `rate-rows.stage.ts` exports. */
interface RateStage {
  rateRows(count: number): number;
  derivedEntry(key: number, tariff: number): number;
}

/** What `encode-rows.stage.ts` exports. */
interface EncodeStage {
  encodeRows(
    from: number,
    to: number,
    start: number,
    end: number,
    fromMs: number,
    toMs: number,
    batch: number,
    ordinal: number,
  ): number;
  rowsWritten(): number;
  rowsEnd(): number;
}

/** What `sum-rows.stage.ts` exports. */
interface SumStage {
  findBundles(count: number, slots: number, mask: number, bundles: number): number;
  sumRows(count: number, bundles: number, bound: number): number;
}

/**
 * The stages of a thread that run as WebAssembly, and the batches in the memory that they share.
 * There is one for each thread: what it holds is good until the next micro batch.
 */
export class ThreadStages {
  readonly memory = new ThreadMemory(RATED_COLUMNS_END);
  readonly records = new RecordBatch(this.memory.buffer);
  readonly rated = new RatedBatch(this.memory.buffer);
  readonly leftRows = new Int32Array(this.memory.buffer, LEFT_ROWS_AT, this.records.fault.length);
  readonly hash = new Int32Array(this.memory.buffer, HASH_AT, this.records.fault.length);
  readonly bundle = new Int32Array(this.memory.buffer, BUNDLE_AT, this.records.fault.length);
  /** Where the bytes of a file are read to. */
  readonly input: Buffer;
  readonly lines: QuickLines;
  readonly exports: RateStage & SumStage & EncodeStage;
  readonly bundles = new BundleMemory(this.memory);
  /** Where derived tariffs are kept, whatever the book. */
  readonly derivedAt: number;
  /** Whose facts are in the memory. */
  #owner: object | null = null;
  /** What they have allocated. */
  readonly #pieces = new Map<number, number>();

  constructor(module: WebAssembly.Module) {
    const { memory } = this;
    this.input = memory.allocateBytes(READ_BYTES);
    this.derivedAt = memory.allocate(DERIVED_ENTRIES * DERIVED_BYTES);
    for (let digits = 0; digits < 16; digits += 1) {
      memory.view.setFloat64(POWERS_AT + digits * 8, 10 ** digits, true);
    }
    const { exports } = new WebAssembly.Instance(module, { env: { memory: memory.wasm } });
    const stages = exports as unknown as LineStage & ThreadStages['exports'];
    this.lines = new QuickLines(memory, stages);
    this.exports = stages;
  }

  get owner(): object | null {
    return this.#owner;
  }

  /** Takes what is in the memory out, for the facts of another owner. */
  begin(owner: object): void {
    for (const [at, bytes] of this.#pieces) this.memory.release(at, bytes);
    this.#pieces.clear();
    this.#owner = owner;
  }

  /** A place for bytes of the owner. */
  allocate(bytes: number): number {
    const at = this.memory.allocate(bytes);
    this.#pieces.set(at, bytes);
    return at;
  }

  /** Gives back what the owner has allocated. */
  free(at: number, bytes: number): void {
    this.#pieces.delete(at);
    this.memory.release(at, bytes);
  }

  /** Copies facts of the owner; answers where they stand. */
  put(facts: ArrayBufferView): number {
    const at = this.allocate(facts.byteLength);
    const bytes = new Uint8Array(facts.buffer, facts.byteOffset, facts.byteLength);
    new Uint8Array(this.memory.buffer, at).set(bytes);
    return at;
  }
}
