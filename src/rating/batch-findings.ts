import {
  faultCodes,
  MICRO_BATCH,
  type RecordBatch,
  ratingFaults,
  recordFaults,
} from '../mediation/thread.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { CreditSums } from './credit-sums.js';
import { faultContract } from './fault-contract.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

/** A list that has grown larger is not kept for the next batch. */
const KEPT_LIST_BYTES = 16 * 1024 * 1024;

const isOfRating = Uint8Array.from(faultCodes, (code) => (code && ratingFaults.has(code) ? 1 : 0));

/** A line that goes to suspense, as columns of `suspense_record`. */
export interface Suspended {
  readonly byteOffset: number;
  readonly line: number;
  readonly state: 'REJECTED' | 'HELD';
  readonly code: string;
  readonly field: string | null;
  readonly message: string;
  /** The contract whose price is missing or refused; null where the fault is no contract's. */
  readonly contractId: number | null;
  readonly raw: Buffer;
}

export interface DuplicateLine {
  readonly byteOffset: number;
  readonly line: number;
  readonly identity: string;
}

/** How many records ended in which way. */
export interface Counts {
  received: number;
  rated: number;
  rejected: number;
  duplicate: number;
  held: number;
}

/** Identities in the bytes that they are stored in. */
class IdentityList {
  count = 0;
  #view = new DataView(new ArrayBuffer(16 * MICRO_BATCH));

  add(records: RecordBatch, row: number): void {
    const at = this.count * 16;
    if (at === this.#view.byteLength) this.#grow();
    const view = this.#view;
    view.setInt32(at, records.identity0[row]!);
    view.setInt32(at + 4, records.identity1[row]!);
    view.setInt32(at + 8, records.identity2[row]!);
    view.setInt32(at + 12, records.identity3[row]!);
    this.count += 1;
  }

  get capacityBytes(): number {
    return this.#view.byteLength;
  }

  bytes(): Uint8Array {
    return Buffer.from(this.#view.buffer, 0, this.count * 16);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#view.byteLength * 2);
    larger.set(new Uint8Array(this.#view.buffer));
    this.#view = new DataView(larger.buffer);
  }
}

// The list of the batch before: memory is asked for once a thread and not once a batch.
let spareList: IdentityList | null = null;

function takeList(): IdentityList {
  const list = spareList ?? new IdentityList();
  spareList = null;
  list.count = 0;
  return list;
}

/** What one batch found besides its xDRs: counts, suspended lines, duplicates, identities. */
export class BatchFindings {
  readonly priceBookId: number;
  readonly counts: Counts = { received: 0, rated: 0, rejected: 0, duplicate: 0, held: 0 };
  readonly suspended: Suspended[] = [];
  readonly duplicates: DuplicateLine[] = [];
  /** What the subscribers are charged for these records. */
  readonly credit: CreditSums;
  lines = 0;
  bytes = 0;
  readonly #book: PriceBook;
  readonly #identities = takeList();
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(book: PriceBook) {
    this.#book = book;
    this.priceBookId = book.id;
    this.credit = new CreditSums(book.guide.startsMs.length);
  }

  /** What is kept with the completed batch; `totals` are added up over the run. */
  result(): object {
    return { totals: this.counts, lines: this.lines, priceBookId: this.priceBookId };
  }

  get identityCount(): number {
    return this.#identities.count;
  }

  /** When the first and the last of the records of {@link identities} began. */
  get firstMs(): number {
    return this.#firstMs;
  }

  get lastMs(): number {
    return this.#lastMs;
  }

  /**
   * The identities that this batch was the first to bring, 16 bytes each, big-endian; good until
   * `release`.
   */
  identities(): Uint8Array {
    return this.#identities.bytes();
  }

  /** Gives memory back that the next batch of this thread can use; the last thing to be called. */
  release(): void {
    if (this.#identities.capacityBytes <= KEPT_LIST_BYTES) spareList = this.#identities;
  }

  /**
   * Takes note of a rated micro batch. `base` is the file offset of `bytes[0]`; identities are
   * noted unless the rows owned theirs before.
   */
  note(
    bytes: Buffer,
    base: number,
    records: RecordBatch,
    rated: RatedBatch,
    columnName: (column: number) => string | null,
    ownIdentities: boolean,
  ): void {
    let ratedCount = 0;
    for (let row = 0; row < records.count; row += 1) {
      const outcome = rated.outcome[row]!;
      if (outcome === OUTCOME.RATED) ratedCount += 1;
      else this.#noteRest(bytes, base, records, rated, row, columnName);
    }
    this.counts.received += records.count;
    this.counts.rated += ratedCount;
    if (ownIdentities) this.#noteIdentities(records, rated);
  }

  /** Adds what the subscribers are charged: the last level of their records. */
  noteCredit(records: RecordBatch, rated: RatedBatch): void {
    const { outcome, levels, amount, day, subscription } = rated;
    for (let row = 0; row < records.count; row += 1) {
      if (outcome[row] !== OUTCOME.RATED) continue;
      const last = row * MAX_LEVELS + levels[row]! - 1;
      this.credit.add(subscription[row]!, day[last]!, amount[last]!);
    }
  }

  #noteIdentities(records: RecordBatch, rated: RatedBatch): void {
    const { count, startedMs, fault } = records;
    const { outcome } = rated;
    let first = this.#firstMs;
    let last = this.#lastMs;
    for (let row = 0; row < count; row += 1) {
      if (outcome[row] !== OUTCOME.RATED && isOfRating[fault[row]!] === 0) continue;
      this.#identities.add(records, row);
      const atMs = startedMs[row]!;
      if (atMs < first) first = atMs;
      if (atMs > last) last = atMs;
    }
    this.#firstMs = first;
    this.#lastMs = last;
  }

  #noteRest(
    bytes: Buffer,
    base: number,
    records: RecordBatch,
    rated: RatedBatch,
    row: number,
    columnName: (column: number) => string | null,
  ): void {
    if (rated.outcome[row] === OUTCOME.DUPLICATE) {
      this.counts.duplicate += 1;
      this.duplicates.push({
        byteOffset: base + records.lineFrom[row]!,
        line: records.lineNumber[row]!,
        identity: uuidOf(records, row),
      });
      return;
    }
    const held = rated.outcome[row] === OUTCOME.HELD;
    this.counts[held ? 'held' : 'rejected'] += 1;
    const code = faultCodes[records.fault[row]!]!;
    this.suspended.push({
      byteOffset: base + records.lineFrom[row]!,
      line: records.lineNumber[row]!,
      state: held ? 'HELD' : 'REJECTED',
      code,
      field: columnName(records.faultColumn[row]!),
      message: recordFaults[code],
      contractId: faultContract(this.#book, records, rated, row),
      raw: Buffer.from(bytes.subarray(records.lineFrom[row]!, records.lineTo[row]!)),
    });
  }
}

function uuidOf(records: RecordBatch, row: number): string {
  const words = [
    records.identity0[row]!,
    records.identity1[row]!,
    records.identity2[row]!,
    records.identity3[row]!,
  ];
  return words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}
