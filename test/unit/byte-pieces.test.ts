import { describe, expect, it } from 'vitest';
import { PIECE_BYTES, PieceJoiner, PieceRows } from '../../src/rating/byte-pieces.js';
import { ChunkPool } from '../../src/rating/copy-rows.js';

const PREAMBLE_BYTES = 19;

/** The rows of binary COPY: their ints, and the bytes of the last field. */
function rowsOf(pieces: PieceRows): { ints: number[]; bytes: Buffer }[] {
  const found: { ints: number[]; bytes: Buffer }[] = [];
  const chunks = pieces.rows.finish().map((chunk) => chunk.seal().subarray(5));
  const all = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)));
  let at = PREAMBLE_BYTES;
  for (let fields = all.readInt16BE(at); fields >= 0; fields = all.readInt16BE(at)) {
    at += 2;
    const values = Array.from({ length: fields }, () => {
      const length = all.readInt32BE(at);
      at += 4 + length;
      return all.subarray(at - length, at);
    });
    const bytes = values.pop()!;
    found.push({ ints: values.map((value) => value.readInt32BE(0)), bytes });
  }
  expect(at + 2).toBe(all.length);
  return found;
}

const bytesOf = (length: number) =>
  Buffer.from(Array.from({ length }, (_, n) => (n * 7 + (n >> 8)) % 251));

describe('a value in pieces', () => {
  it.each([1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 40 * PIECE_BYTES + 16])(
    'of %i bytes comes together again',
    (length) => {
      const value = bytesOf(length);
      const pieces = new PieceRows(new ChunkPool());
      pieces.add([7, -3], value);
      const rows = rowsOf(pieces);
      expect(rows.map(({ ints }) => ints)).toEqual(rows.map((_, n) => [7, -3, n]));
      expect(rows).toHaveLength(Math.ceil(length / PIECE_BYTES));
      const joiner = new PieceJoiner();
      const joined = rows.map(({ bytes }) => joiner.take(bytes, length));
      expect(joined.slice(0, -1).every((whole) => whole === null)).toBe(true);
      expect(joined.at(-1)?.equals(value)).toBe(true);
    },
  );

  it('of no bytes has none, and several follow each other', () => {
    const values = [bytesOf(PIECE_BYTES + 5), bytesOf(0), bytesOf(12), bytesOf(3 * PIECE_BYTES)];
    const pieces = new PieceRows(new ChunkPool());
    values.forEach((value, n) => {
      pieces.add([n], value);
    });
    const rows = rowsOf(pieces);
    expect(rows.map(({ ints }) => ints.join())).toEqual(['0,0', '0,1', '2,0', '3,0', '3,1', '3,2']);
    const joiner = new PieceJoiner();
    const joined = rows.flatMap(({ ints, bytes }) => {
      const whole = joiner.take(bytes, values[ints[0]!]!.length);
      return whole === null ? [] : [Buffer.from(whole)];
    });
    expect(joined).toEqual([values[0], values[2], values[3]]);
    expect(() => joiner.end(3)).not.toThrow();
    expect(() => joiner.end(4)).toThrow(/all its pieces/);
  });

  it('is refused where a piece is missing or stands twice', () => {
    const joiner = new PieceJoiner();
    expect(joiner.take(bytesOf(10), 20)).toBeNull();
    expect(() => joiner.end(0)).toThrow(/all its pieces/);
    expect(() => joiner.take(bytesOf(11), 20)).toThrow(/no more than their value/);
  });
});
