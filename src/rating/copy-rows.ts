const CHUNK_BYTES = 262_144;
/** Longest row that any of our tables can have in COPY's binary form. */
const MAX_ROW_BYTES = 1024;
const HEADER = Uint8Array.from([
  ...[80, 71, 67, 79, 80, 89, 10, 255, 13, 10, 0],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
]);
const TRAILER = Uint8Array.from([255, 255]);

/**
 * Rows of one table in PostgreSQL's binary COPY form, written into chunks that are sent as they
 * are. The caller asks for room once a row and then writes its fields in order.
 */
export class CopyRows {
  rows = 0;
  readonly #full: Uint8Array[] = [];
  #bytes = freshChunk();
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  constructor() {
    this.#bytes.set(HEADER);
    this.#at = HEADER.length;
  }

  /** Bytes that wait in full chunks. */
  get waitingBytes(): number {
    return this.#full.length * CHUNK_BYTES;
  }

  /** Takes the chunks that are full. */
  takeFull(): Uint8Array[] {
    return this.#full.splice(0);
  }

  /** Takes everything that is left, ended by COPY's trailer; further rows need a new COPY. */
  finish(): Uint8Array[] {
    if (this.#at + TRAILER.length > CHUNK_BYTES) this.#turn();
    this.#bytes.set(TRAILER, this.#at);
    this.#at += TRAILER.length;
    this.#turn();
    this.#bytes.set(HEADER);
    this.#at = HEADER.length;
    return this.takeFull();
  }

  begin(fields: number): void {
    if (this.#at + MAX_ROW_BYTES > CHUNK_BYTES) this.#turn();
    this.#view.setInt16(this.#at, fields);
    this.#at += 2;
    this.rows += 1;
  }

  int2(value: number): void {
    this.#view.setInt32(this.#at, 2);
    this.#view.setInt16(this.#at + 4, value);
    this.#at += 6;
  }

  int4(value: number): void {
    this.#view.setInt32(this.#at, 4);
    this.#view.setInt32(this.#at + 4, value);
    this.#at += 8;
  }

  /** A bigint from a number below 2^53 in size. */
  int8(value: number): void {
    this.#view.setInt32(this.#at, 8);
    this.#eight(this.#at + 4, value);
    this.#at += 12;
  }

  /** A bigint from its upper and lower 32 bits. */
  int8Words(high: number, low: number): void {
    this.#view.setInt32(this.#at, 8);
    this.#view.setInt32(this.#at + 4, high);
    this.#view.setInt32(this.#at + 8, low);
    this.#at += 12;
  }

  uuidWords(w0: number, w1: number, w2: number, w3: number): void {
    const at = this.#at;
    this.#view.setInt32(at, 16);
    this.#view.setInt32(at + 4, w0);
    this.#view.setInt32(at + 8, w1);
    this.#view.setInt32(at + 12, w2);
    this.#view.setInt32(at + 16, w3);
    this.#at = at + 20;
  }

  /** A bytea of pairs of int4. */
  pairs(left: Int32Array, right: Int32Array, count: number): void {
    this.#view.setInt32(this.#at, count * 8);
    let at = this.#at + 4;
    for (let n = 0; n < count; n += 1) {
      this.#view.setInt32(at, left[n]!);
      this.#view.setInt32(at + 4, right[n]!);
      at += 8;
    }
    this.#at = at;
  }

  /** A one-dimensional bigint[] of numbers below 2^53. */
  int8Array(values: Float64Array, from: number, count: number): void {
    const view = this.#view;
    let at = this.#at;
    view.setInt32(at, 20 + count * 12);
    view.setInt32(at + 4, 1);
    view.setInt32(at + 8, 0);
    view.setInt32(at + 12, 20);
    view.setInt32(at + 16, count);
    view.setInt32(at + 20, 1);
    at += 24;
    for (let n = 0; n < count; n += 1) {
      view.setInt32(at, 8);
      this.#eight(at + 4, values[from + n]!);
      at += 12;
    }
    this.#at = at;
  }

  null(): void {
    this.#view.setInt32(this.#at, -1);
    this.#at += 4;
  }

  #eight(at: number, value: number): void {
    const high = Math.floor(value / 4_294_967_296);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * 4_294_967_296);
  }

  #turn(): void {
    this.#full.push(this.#bytes.subarray(0, this.#at));
    this.#bytes = freshChunk();
    this.#view = new DataView(this.#bytes.buffer);
    this.#at = 0;
  }
}

// Memory of its own that is not cleared first: every byte that is sent has been written.
function freshChunk(): Uint8Array {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES);
}
