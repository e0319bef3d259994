import { invariant } from '../kernel/index.js';
import { type ChunkPool, CopyRows, putInt4 } from './copy-rows.js';

/** Bytes of a piece: whole identities, and with its row no more than a page of PostgreSQL holds. */
export const PIECE_BYTES = 8064;

/**
 * Rows in which large values are stored: keys, the number of the piece from 0 on, and its bytes.
 * As one value PostgreSQL would cut it into parts of 2 kB, each with an index entry (ADR 0020).
 */
export class PieceRows {
  readonly rows: CopyRows;

  constructor(pool: ChunkPool) {
    this.rows = new CopyRows(pool);
  }

  add(keys: readonly number[], bytes: Uint8Array): void {
    for (let from = 0, piece = 0; from < bytes.length; from += PIECE_BYTES, piece += 1) {
      this.#row([...keys, piece], bytes.subarray(from, from + PIECE_BYTES));
    }
  }

  #row(ints: readonly number[], bytes: Uint8Array): void {
    const start = this.rows.row(2 + 8 * ints.length + 4 + bytes.length);
    const { view } = this.rows;
    view.setInt16(start, ints.length + 1);
    let at = start + 2;
    for (const int of ints) {
      putInt4(view, at, int);
      at += 8;
    }
    view.setInt32(at, bytes.length);
    new Uint8Array(view.buffer, view.byteOffset + at + 4, bytes.length).set(bytes);
  }
}

/** Puts values together again whose pieces come one after the other, all or not at all. */
export class PieceJoiner {
  #memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #filled = 0;
  #values = 0;

  /**
   * Takes a piece of a value of so many bytes; the whole value, good until the next call, once it
   * has them all.
   */
  take(piece: Uint8Array, length: number): Buffer | null {
    invariant(this.#filled + piece.length <= length, 'pieces are no more than their value');
    if (this.#memory.length < length) {
      const larger = Buffer.allocUnsafeSlow(length);
      this.#memory.copy(larger, 0, 0, this.#filled);
      this.#memory = larger;
    }
    this.#memory.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < length) return null;
    this.#filled = 0;
    this.#values += 1;
    return this.#memory.subarray(0, length);
  }

  /** Comes after the last piece; fails where any of so many values is not whole. */
  end(values: number): void {
    const isWhole = this.#filled === 0 && this.#values === values;
    invariant(isWhole, 'a stored value has all its pieces');
  }
}
