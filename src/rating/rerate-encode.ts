import type { RecordBatch } from '../mediation/index.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { type ChunkPool, CopyRows, putInt4, putInt8 } from './copy-rows.js';
import type { RatedBatch } from './rated-batch.js';
import type { Comparison } from './rerate-compare.js';
import type { ShownBatch } from './rerate-shown.js';

/** Columns of a leaf of `xdr_correction` in the order in which they are written. */
export const CORRECTION_COLUMNS = [
  'id',
  'started_at',
  'batch_id',
  'partner_id',
  'legs',
  'amounts',
  'batches',
] as const;

const POSTGRES_EPOCH_MS = 946_684_800_000;
/** Bytes before the levels, of the three fields of levels when empty, and of each level. */
const FIXED_BYTES = 42;
const EMPTY_LEVELS_BYTES = 52;
const LEVEL_BYTES = 28;
const INT8_TYPE = 20;
const INT4_TYPE = 23;

/** Writes what changed records cost now as rows for the leaf of their UTC day. */
export class CorrectionEncoder {
  readonly rows: CopyRows;
  readonly #versionId: Int32Array;
  readonly #batchId: number;

  constructor(book: PriceBook, batchId: number, pool: ChunkPool) {
    this.rows = new CopyRows(pool);
    this.#versionId = book.contracts.versionId;
    this.#batchId = batchId;
  }

  encode(records: RecordBatch, rated: RatedBatch, shown: ShownBatch, found: Comparison): void {
    for (let row = 0; row < records.count; row += 1) {
      if (found.finding[row] !== 0 || found.changed[row] === 0) continue;
      const levels = found.moved[row] === 1 ? rated.levels[row]! : shown.levels[row]!;
      const at = this.rows.row(FIXED_BYTES + EMPTY_LEVELS_BYTES + levels * LEVEL_BYTES);
      const { view } = this.rows;
      view.setInt16(at, CORRECTION_COLUMNS.length);
      putInt8(view, at + 2, shown.id[row]!);
      putInt8(view, at + 14, Math.round((records.startedMs[row]! - POSTGRES_EPOCH_MS) * 1000));
      putInt4(view, at + 26, this.#batchId);
      putInt4(view, at + 34, shown.partnerId[row]!);
      this.#levels(view, at + FIXED_BYTES, row, levels, rated, shown, found);
    }
  }

  #levels(
    view: DataView,
    from: number,
    row: number,
    levels: number,
    rated: RatedBatch,
    shown: ShownBatch,
    found: Comparison,
  ): void {
    view.setInt32(from, levels * 8);
    const amounts = from + 4 + levels * 8;
    const batches = putArray(view, amounts, INT8_TYPE, levels, 12);
    putArray(view, batches, INT4_TYPE, levels, 8);
    for (let level = 0; level < levels; level += 1) {
      const at = row * MAX_LEVELS + level;
      const isNew = (found.changed[row]! >> level) % 2 === 1;
      const place = rated.version[at]!;
      const version = isNew ? (place < 0 ? 0 : this.#versionId[place]!) : shown.version[at]!;
      view.setInt32(from + 4 + level * 8, version);
      view.setInt32(from + 8 + level * 8, isNew ? rated.rateId[at]! : shown.rateId[at]!);
      putInt8(view, amounts + 24 + level * 12, isNew ? rated.amount[at]! : shown.amount[at]!);
      putInt4(view, batches + 24 + level * 8, isNew ? this.#batchId : shown.batch[at]!);
    }
  }
}

// Writes length and head of an array with one dimension; answers where the next field begins.
function putArray(
  view: DataView,
  at: number,
  type: number,
  length: number,
  bytesEach: number,
): number {
  view.setInt32(at, 20 + length * bytesEach);
  view.setInt32(at + 4, 1);
  view.setInt32(at + 8, 0);
  view.setInt32(at + 12, type);
  view.setInt32(at + 16, length);
  view.setInt32(at + 20, 1);
  return at + 24 + length * bytesEach;
}
