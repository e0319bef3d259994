import type { ThreadMemory } from '../mediation/thread.js';

const CHUNK_BYTES = 131_072;
/** Chunks that are kept for the next rows; more are left to the garbage collector. */
const KEPT_CHUNKS = 64;
/** What a message of the wire protocol begins with: the letter `d` and its length. */
const FRAME_BYTES = 5;
const COPY_DATA = 0x64;
const HEADER = Uint8Array.from([
  ...[80, 71, 67, 79, 80, 89, 10, 255, 13, 10, 0],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
]);
const TRAILER = Uint8Array.from([255, 255]);
const HIGH_WORD = 4_294_967_296;

/** Part of a COPY with room for its frame in front, so that it can be sent as it stands. */
export class CopyChunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  used = FRAME_BYTES;

  /** In the memory of a thread's stages, or in memory of its own. */
  constructor(memory: ThreadMemory | null) {
    // Not cleared first: every byte that is sent has been written.
    this.bytes =
      memory === null ? Buffer.allocUnsafeSlow(CHUNK_BYTES) : memory.allocateBytes(CHUNK_BYTES);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, CHUNK_BYTES);
  }

  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** Writes the frame; answers the whole message. */
  seal(): Buffer {
    this.bytes[0] = COPY_DATA;
    this.view.setInt32(1, this.used - 1);
    return this.bytes.subarray(0, this.used);
  }
}

/**
 * Chunks that were sent, to be filled again: memory that is asked from the system for each chunk
 * costs page faults, and V8 collects its whole heap the more often the more of it there is.
 */
export class ChunkPool {
  readonly #free: CopyChunk[] = [];
  readonly #memory: ThreadMemory | null;
  /** Takes the place of chunks back that nobody has given: those of a batch that failed. */
  readonly #lost: FinalizationRegistry<number>;

  constructor(memory: ThreadMemory | null = null) {
    this.#memory = memory;
    this.#lost = new FinalizationRegistry((at) => memory?.release(at, CHUNK_BYTES));
  }

  take(): CopyChunk {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const chunk = new CopyChunk(this.#memory);
    if (this.#memory !== null) this.#lost.register(chunk, chunk.bytes.byteOffset);
    return chunk;
  }

  readonly give = (chunk: CopyChunk): void => {
    if (this.#free.length === KEPT_CHUNKS) return;
    chunk.used = FRAME_BYTES;
    this.#free.push(chunk);
  };
}

/**
 * Rows of one table in PostgreSQL's binary COPY form. The caller asks for room for a row and
 * writes its fields into the view, each a length and that many bytes, all in network order.
 */
export class CopyRows {
  rows = 0;
  readonly #pool: ChunkPool;
  readonly #full: CopyChunk[] = [];
  /** The chunk that is being filled; null until somebody writes. */
  #chunk: CopyChunk | null = null;
  #isBegun = false;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Where the row that was asked for last is to be written. */
  get view(): DataView {
    return this.#open().view;
  }

  /** Bytes that wait in full chunks. */
  get waitingBytes(): number {
    return this.#full.length * CHUNK_BYTES;
  }

  /** Where further rows may be written, as addresses in the memory of the chunks. */
  get room(): { readonly start: number; readonly end: number } {
    const { bytes, used } = this.#open();
    return { start: bytes.byteOffset + used, end: bytes.byteOffset + CHUNK_BYTES };
  }

  /** Takes the chunks that are full. */
  takeFull(): CopyChunk[] {
    return this.#full.splice(0);
  }

  /** Takes everything that is left, ended by COPY's trailer; further rows need a new COPY. */
  finish(): CopyChunk[] {
    if (this.#open().used + TRAILER.length > CHUNK_BYTES) this.turn();
    this.#open().put(TRAILER);
    this.turn();
    this.#isBegun = false;
    return this.takeFull();
  }

  /** Makes room for a row of so many bytes; answers where it begins in {@link view}. */
  row(bytes: number): number {
    if (this.#open().used + bytes > CHUNK_BYTES) this.turn();
    const chunk = this.#open();
    const at = chunk.used;
    chunk.used = at + bytes;
    this.rows += 1;
    return at;
  }

  /** Counts rows that were written from the start of {@link room} on. */
  filled(rows: number, bytes: number): void {
    this.#open().used += bytes;
    this.rows += rows;
  }

  /** Goes on to the next chunk. */
  turn(): void {
    if (this.#chunk !== null) this.#full.push(this.#chunk);
    this.#chunk = null;
  }

  #open(): CopyChunk {
    if (this.#chunk === null) {
      this.#chunk = this.#pool.take();
      if (!this.#isBegun) this.#chunk.put(HEADER);
      this.#isBegun = true;
    }
    return this.#chunk;
  }
}

/** Writes a bigint field with its length, 12 bytes, from a whole number below 2^53 in size. */
export function putInt8(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / HIGH_WORD);
  view.setInt32(at, 8);
  view.setInt32(at + 4, high);
  view.setInt32(at + 8, (value - high * HIGH_WORD) | 0);
}

/** Days since 1970-01-01 as a date of PostgreSQL's, which counts from 2000-01-01. */
export function dateOf(day: number): number {
  return day - 10_957;
}

/** Writes an int field with its length, 8 bytes. */
export function putInt4(view: DataView, at: number, value: number): void {
  view.setInt32(at, 4);
  view.setInt32(at + 4, value);
}

/** Writes a smallint field with its length, 6 bytes. */
export function putInt2(view: DataView, at: number, value: number): void {
  view.setInt32(at, 2);
  view.setInt16(at + 4, value);
}
