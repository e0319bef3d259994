// What Kontor uses of WebAssembly, which the types of Node leave to those of browsers.
declare global {
  namespace WebAssembly {
    class Memory {
      constructor(descriptor: { initial: number; maximum: number; shared: true });
      readonly buffer: SharedArrayBuffer;
      /** Adds pages of 64 KiB; answers how many there were. */
      grow(pages: number): number;
    }
    class Module {
      constructor(bytes: Uint8Array);
    }
    class Instance {
      constructor(module: Module, imports: { env: { memory: Memory } });
      readonly exports: object;
    }
  }
}

const PAGE_BYTES = 65_536;
/** Two gigabytes, so that each place is a number of 31 bits. */
const MOST_PAGES = 32_768;
const FIRST_PAGES = 32;
/** Pieces begin at a line of the cache. */
const LINE_BYTES = 64;

interface Piece {
  readonly at: number;
  readonly bytes: number;
}

/**
 * The memory that one thread's stages share with WebAssembly. It is declared as shared among
 * threads only because such memory grows without taking the views away that TypeScript has of it.
 */
export class ThreadMemory {
  readonly wasm = new WebAssembly.Memory({
    initial: FIRST_PAGES,
    maximum: MOST_PAGES,
    shared: true,
  });
  #view = new DataView(this.wasm.buffer);
  // Each time the memory grows it is seen by another buffer.
  readonly #buffers = new WeakSet<ArrayBufferLike>([this.wasm.buffer]);
  #end: number;
  /** What was released, ascending, no two of them side by side. */
  #free: Piece[] = [];

  /** With `reserved` bytes at its start for what has a place of its own. */
  constructor(reserved: number) {
    this.#end = whole(reserved);
    this.#reach(this.#end);
  }

  /** All of it; another one after each allocation. */
  get view(): DataView {
    return this.#view;
  }

  get buffer(): SharedArrayBuffer {
    return this.wasm.buffer;
  }

  /** Whether bytes lie in it. */
  holds(bytes: Uint8Array): boolean {
    return this.#buffers.has(bytes.buffer);
  }

  /** A place for bytes, whatever they hold by now. */
  allocate(bytes: number): number {
    const needed = whole(bytes);
    const index = this.#free.findIndex((piece) => piece.bytes >= needed);
    const found = this.#free[index];
    if (found === undefined) {
      const at = this.#end;
      this.#end = at + needed;
      this.#reach(this.#end);
      return at;
    }
    const rest = { at: found.at + needed, bytes: found.bytes - needed };
    this.#free.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []));
    return found.at;
  }

  /** The same as bytes. */
  allocateBytes(bytes: number): Buffer {
    // The buffer of the memory may be another one afterwards.
    const at = this.allocate(bytes);
    return Buffer.from(this.buffer, at, bytes);
  }

  /** Gives back what was allocated with as many bytes. */
  release(at: number, bytes: number): void {
    const pieces = [...this.#free, { at, bytes: whole(bytes) }].sort((a, b) => a.at - b.at);
    const joined: Piece[] = [];
    for (const piece of pieces) {
      const last = joined.at(-1);
      if (last === undefined || last.at + last.bytes < piece.at) joined.push(piece);
      else joined[joined.length - 1] = { at: last.at, bytes: last.bytes + piece.bytes };
    }
    this.#free = joined;
  }

  // Stages look some bytes further than what they read.
  #reach(end: number): void {
    const missing = end + LINE_BYTES - this.wasm.buffer.byteLength;
    if (missing <= 0) return;
    this.wasm.grow(Math.ceil(missing / PAGE_BYTES));
    this.#view = new DataView(this.wasm.buffer);
    this.#buffers.add(this.wasm.buffer);
  }
}

function whole(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}
