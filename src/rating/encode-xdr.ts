import type { RecordBatch } from '../mediation/index.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { CopyRows } from './copy-rows.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

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
  'legs',
  'amounts',
] as const;

/** Records that one batch can number: 24 bits of an xDR's id are its place in the batch. */
const MAX_BATCH_RECORDS = 2 ** 24;

const DAY_MS = 86_400_000;
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** Writes rated records as rows for the leaf of their UTC day. */
export class XdrEncoder {
  /** Rows by day, counted in days since 1970-01-01. */
  readonly leaves = new Map<number, CopyRows>();
  readonly #book: PriceBook;
  readonly #batchId: number;
  readonly #versionIds = new Int32Array(MAX_LEVELS);
  readonly #rateIds = new Int32Array(MAX_LEVELS);
  #ordinal = 0;
  #day = Number.NaN;
  #rows: CopyRows | undefined;

  constructor(book: PriceBook, batchId: number) {
    this.#book = book;
    this.#batchId = batchId;
  }

  encode(records: RecordBatch, rated: RatedBatch): void {
    for (let row = 0; row < records.count; row += 1) {
      if (rated.outcome[row] === OUTCOME.RATED) this.#encodeRow(records, rated, row);
    }
  }

  #encodeRow(records: RecordBatch, rated: RatedBatch, row: number): void {
    const { guide, contracts } = this.#book;
    const startedMs = records.startedMs[row]!;
    const out = this.#leaf(Math.floor(startedMs / DAY_MS));
    const place = rated.subscription[row]!;
    const batch = this.#batchId;
    const ordinal = this.#ordinal;
    if (ordinal === MAX_BATCH_RECORDS) throw new Error('a batch has too many records');
    this.#ordinal = ordinal + 1;
    out.begin(XDR_COLUMNS.length);
    out.int8Words(batch >>> 8, (batch << 24) | ordinal);
    out.int8((startedMs - POSTGRES_EPOCH_MS) * 1000);
    out.uuidWords(
      records.identity0[row]!,
      records.identity1[row]!,
      records.identity2[row]!,
      records.identity3[row]!,
    );
    out.int4(guide.partnerId[place]!);
    out.int4(guide.accountId[place]!);
    out.int4(guide.subscriptionId[place]!);
    out.int2(records.service[row]!);
    out.int8(records.aNumber[row]!);
    out.int8(records.bNumber[row]!);
    out.int8(records.quantity[row]!);
    out.int4(records.inTrunk[row]!);
    out.int4(records.outTrunk[row]!);
    out.int4(rated.destinationId[row]!);
    const levels = rated.levels[row]!;
    const first = row * MAX_LEVELS;
    for (let level = 0; level < levels; level += 1) {
      const version = rated.version[first + level]!;
      this.#versionIds[level] = version < 0 ? 0 : contracts.versionId[version]!;
      this.#rateIds[level] = rated.rateId[first + level]!;
    }
    out.pairs(this.#versionIds, this.#rateIds, levels);
    out.int8Array(rated.amount, first, levels);
  }

  #leaf(day: number): CopyRows {
    if (day === this.#day) return this.#rows!;
    let rows = this.leaves.get(day);
    if (rows === undefined) {
      rows = new CopyRows();
      this.leaves.set(day, rows);
    }
    this.#day = day;
    this.#rows = rows;
    return rows;
  }
}
