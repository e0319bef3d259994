/** Finds small whole numbers by names that are still bytes, without making strings. */
export class ByteDictionary {
  readonly #mask: number;
  readonly #slots: Int32Array;
  readonly #names: Uint8Array[] = [];
  readonly #values: number[] = [];

  constructor(entries: Iterable<readonly [name: string, value: number]>) {
    const encoder = new TextEncoder();
    for (const [name, value] of entries) {
      this.#names.push(encoder.encode(name));
      this.#values.push(value);
    }
    let size = 16;
    while (size < this.#names.length * 2) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size).fill(-1);
    this.#names.forEach((name, index) => {
      let slot = hashOf(new DataView(name.buffer, name.byteOffset), 0, name.length) & this.#mask;
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index;
    });
  }

  /** The value of the name at `[from, to)`, or -1. */
  find(view: DataView, from: number, to: number): number {
    let slot = hashOf(view, from, to) & this.#mask;
    for (;;) {
      const index = this.#slots[slot]!;
      if (index === -1) return -1;
      if (equal(this.#names[index]!, view, from, to)) return this.#values[index]!;
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** Also the hash of `read-lines.stage.ts`. */
export function hashOf(view: DataView, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
  return hash ^ (hash >>> 15);
}

function equal(name: Uint8Array, view: DataView, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let at = 0; at < name.length; at += 1) {
    if (name[at] !== view.getUint8(from + at)) return false;
  }
  return true;
}
