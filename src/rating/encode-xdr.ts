import type { RecordBatch } from '../mediation/index.js';
import { type PriceBook, SUBSCRIBER } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { type ChunkPool, CopyRows, putInt2, putInt4, putInt8 } from './copy-rows.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';
import type { ThreadStages } from './thread-stages.js';

/** Columns of a leaf of `xdr` in the order in which {@link XdrEncoder} writes them. */
export const XDR_COLUMNS = [
  'id',
  'started_at',
  'identity',
  'partner_id',
  'account_id',
  'subscription_id',
  'service',
  'a_number',
  'b_number',
  'quantity',
  'in_trunk_id',
  'out_trunk_id',
  'destination_id',
  'value',
  'legs',
  'amounts',
] as const;

/** Records that one batch can number: 24 bits of an xDR's id are its place in the batch. */
const MAX_BATCH_RECORDS = 2 ** 24;

const DAY_MS = 86_400_000;
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** Bytes of the fields before legs and amounts, of those two when empty, and of each level. */
const FIXED_BYTES = 148;
const EMPTY_LEVELS_BYTES = 28;
const LEVEL_BYTES = 20;
const INT8_TYPE = 20;

/** Writes rated records as rows for the leaf of their UTC day. */
export class XdrEncoder {
  /** Rows by day, counted in days since 1970-01-01. */
  readonly leaves = new Map<number, CopyRows>();
  readonly #book: PriceBook;
  readonly #stages: ThreadStages | null;
  readonly #batchId: number;
  readonly #pool: ChunkPool;
  #ordinal = 0;
  #day = Number.NaN;
  #rows: CopyRows | undefined;

  /** With `stages`, in whose memory batches and chunks are, rows are written as WebAssembly. */
  constructor(
    book: PriceBook,
    batchId: number,
    pool: ChunkPool,
    stages: ThreadStages | null = null,
  ) {
    this.#book = book;
    this.#stages = stages;
    this.#batchId = batchId;
    this.#pool = pool;
  }

  encode(records: RecordBatch, rated: RatedBatch): void {
    if (this.#stages === null) this.#encodeRows(records, rated);
    else this.#encodeByStage(this.#stages.exports, records, rated);
  }

  #encodeByStage(
    stage: ThreadStages['exports'],
    { count, startedMs }: RecordBatch,
    { outcome }: RatedBatch,
  ): void {
    let row = 0;
    while (row < count) {
      if (outcome[row] !== OUTCOME.RATED) {
        row += 1;
        continue;
      }
      const day = Math.floor(startedMs[row]! / DAY_MS);
      const out = this.#leaf(day);
      const { start, end } = out.room;
      const [fromMs, toMs] = [day * DAY_MS, (day + 1) * DAY_MS];
      const batch = this.#batchId;
      row = stage.encodeRows(row, count, start, end, fromMs, toMs, batch, this.#ordinal);
      const rows = stage.rowsWritten();
      out.filled(rows, stage.rowsEnd() - start);
      this.#ordinal += rows;
      if (this.#ordinal > MAX_BATCH_RECORDS) throw new Error('a batch has too many records');
      if (row < count && Math.floor(startedMs[row]! / DAY_MS) === day) out.turn();
    }
  }

  #encodeRows(records: RecordBatch, rated: RatedBatch): void {
    const { outcome, levels } = rated;
    for (let row = 0; row < records.count; row += 1) {
      if (outcome[row] !== OUTCOME.RATED) continue;
      const out = this.#leaf(Math.floor(records.startedMs[row]! / DAY_MS));
      const at = out.row(FIXED_BYTES + EMPTY_LEVELS_BYTES + levels[row]! * LEVEL_BYTES);
      this.#fixed(out.view, at, records, rated, row);
      this.#levels(out.view, at + FIXED_BYTES, rated, row);
    }
  }

  // Every field stands at the same distance from the start of the row, since none is null.
  #fixed(view: DataView, at: number, records: RecordBatch, rated: RatedBatch, row: number): void {
    const { words } = this.#book.guide.subscribers;
    const place = rated.subscription[row]! * 8;
    const batch = this.#batchId;
    view.setInt16(at, XDR_COLUMNS.length);
    view.setInt32(at + 2, 8);
    view.setInt32(at + 6, batch >>> 8);
    view.setInt32(at + 10, (batch << 24) | this.#nextOrdinal());
    putInt8(view, at + 14, (records.startedMs[row]! - POSTGRES_EPOCH_MS) * 1000);
    view.setInt32(at + 26, 16);
    view.setInt32(at + 30, records.identity0[row]!);
    view.setInt32(at + 34, records.identity1[row]!);
    view.setInt32(at + 38, records.identity2[row]!);
    view.setInt32(at + 42, records.identity3[row]!);
    putInt4(view, at + 46, words[place + SUBSCRIBER.PARTNER]!);
    putInt4(view, at + 54, words[place + SUBSCRIBER.ACCOUNT]!);
    putInt4(view, at + 62, words[place + SUBSCRIBER.ID]!);
    putInt2(view, at + 70, records.service[row]!);
    putInt8(view, at + 76, records.aNumber[row]!);
    putInt8(view, at + 88, records.bNumber[row]!);
    putInt8(view, at + 100, records.quantity[row]!);
    putInt4(view, at + 112, records.inTrunk[row]!);
    putInt4(view, at + 120, records.outTrunk[row]!);
    putInt4(view, at + 128, rated.destinationId[row]!);
    putInt8(view, at + 136, records.value[row]!);
  }

  // Legs are pairs of integers in a bytea, amounts an array of bigint with one dimension.
  #levels(view: DataView, from: number, rated: RatedBatch, row: number): void {
    const { versionId } = this.#book.contracts;
    const levels = rated.levels[row]!;
    const first = row * MAX_LEVELS;
    view.setInt32(from, levels * 8);
    let leg = from + 4;
    let amount = leg + levels * 8;
    view.setInt32(amount, 20 + levels * 12);
    view.setInt32(amount + 4, 1);
    view.setInt32(amount + 8, 0);
    view.setInt32(amount + 12, INT8_TYPE);
    view.setInt32(amount + 16, levels);
    view.setInt32(amount + 20, 1);
    amount += 24;
    for (let at = first; at < first + levels; at += 1) {
      const version = rated.version[at]!;
      view.setInt32(leg, version < 0 ? 0 : versionId[version]!);
      view.setInt32(leg + 4, rated.rateId[at]!);
      putInt8(view, amount, rated.amount[at]!);
      leg += 8;
      amount += 12;
    }
  }

  #nextOrdinal(): number {
    const ordinal = this.#ordinal;
    if (ordinal === MAX_BATCH_RECORDS) throw new Error('a batch has too many records');
    this.#ordinal = ordinal + 1;
    return ordinal;
  }

  #leaf(day: number): CopyRows {
    if (day === this.#day) return this.#rows!;
    let rows = this.leaves.get(day);
    if (rows === undefined) {
      rows = new CopyRows(this.#pool);
      this.leaves.set(day, rows);
    }
    this.#day = day;
    this.#rows = rows;
    return rows;
  }
}
