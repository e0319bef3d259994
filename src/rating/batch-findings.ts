import { faultCodes, MICRO_BATCH, type RecordBatch, recordFaults } from '../mediation/index.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

/** A line that goes to suspense, as columns of `suspense_record`. */
export interface Suspended {
  readonly byteOffset: number;
  readonly line: number;
  readonly state: 'REJECTED' | 'HELD';
  readonly code: string;
  readonly field: string | null;
  readonly message: string;
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

/** What one batch found besides its xDRs: counts, suspended lines, duplicates, identities. */
export class BatchFindings {
  readonly counts: Counts = { received: 0, rated: 0, rejected: 0, duplicate: 0, held: 0 };
  readonly suspended: Suspended[] = [];
  readonly duplicates: DuplicateLine[] = [];
  /** Usage charges of subscriptions with a credit limit, by `place * 4096 + month`. */
  readonly credit = new Map<number, bigint>();
  lines = 0;
  bytes = 0;
  firstDay = Number.POSITIVE_INFINITY;
  lastDay = Number.NEGATIVE_INFINITY;
  #identities = new Int32Array(4 * MICRO_BATCH);
  #identityCount = 0;

  constructor(readonly priceBookId: number) {}

  /** What is kept with the completed batch; `totals` are added up over the run. */
  result(): object {
    return { totals: this.counts, lines: this.lines, priceBookId: this.priceBookId };
  }

  get identityCount(): number {
    return this.#identityCount;
  }

  /** The identities that this batch was the first to bring, 16 bytes each, big-endian. */
  identities(): Buffer {
    const bytes = Buffer.from(this.#identities.slice(0, this.#identityCount * 4).buffer);
    return bytes.swap32();
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
    for (let row = 0; row < records.count; row += 1) {
      const outcome = rated.outcome[row]!;
      this.counts.received += 1;
      if (outcome === OUTCOME.RATED) {
        this.counts.rated += 1;
        if (ownIdentities) this.#noteIdentity(records, row);
      } else if (outcome === OUTCOME.DUPLICATE) {
        this.counts.duplicate += 1;
        this.duplicates.push({
          byteOffset: base + records.lineFrom[row]!,
          line: records.lineNumber[row]!,
          identity: uuidOf(records, row),
        });
      } else {
        const held = outcome === OUTCOME.HELD;
        this.counts[held ? 'held' : 'rejected'] += 1;
        if (held && ownIdentities) this.#noteIdentity(records, row);
        this.#suspend(bytes, base, records, row, held, columnName);
      }
    }
  }

  /** Adds the charges of subscriptions that have a credit limit. */
  noteCredit(book: PriceBook, records: RecordBatch, rated: RatedBatch): void {
    const { limited } = book.guide;
    for (let row = 0; row < records.count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      const place = rated.subscription[row]!;
      if (limited[place] === 0) continue;
      const last = row * MAX_LEVELS + rated.levels[row]! - 1;
      const amount = rated.amount[last]!;
      if (amount === 0) continue;
      const key = place * 4096 + monthNumber(rated.day[last]!);
      this.credit.set(key, (this.credit.get(key) ?? 0n) + BigInt(amount));
    }
  }

  #noteIdentity(records: RecordBatch, row: number): void {
    const at = this.#identityCount * 4;
    if (at === this.#identities.length) {
      const larger = new Int32Array(this.#identities.length * 2);
      larger.set(this.#identities);
      this.#identities = larger;
    }
    this.#identities[at] = records.identity0[row]!;
    this.#identities[at + 1] = records.identity1[row]!;
    this.#identities[at + 2] = records.identity2[row]!;
    this.#identities[at + 3] = records.identity3[row]!;
    this.#identityCount += 1;
    const day = Math.floor(records.startedMs[row]! / 86_400_000);
    if (day < this.firstDay) this.firstDay = day;
    if (day > this.lastDay) this.lastDay = day;
  }

  #suspend(
    bytes: Buffer,
    base: number,
    records: RecordBatch,
    row: number,
    held: boolean,
    columnName: (column: number) => string | null,
  ): void {
    const code = faultCodes[records.fault[row]!]!;
    this.suspended.push({
      byteOffset: base + records.lineFrom[row]!,
      line: records.lineNumber[row]!,
      state: held ? 'HELD' : 'REJECTED',
      code,
      field: columnName(records.faultColumn[row]!),
      message: recordFaults[code],
      raw: Buffer.from(bytes.subarray(records.lineFrom[row]!, records.lineTo[row]!)),
    });
  }
}

/** Months since 1970-01 of a day counted from 1970-01-01. */
function monthNumber(day: number): number {
  const date = new Date(day * 86_400_000);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/** The first day of a month counted from 1970-01, as YYYY-MM-01. */
export function firstDayOf(month: number): string {
  const text = String((month % 12) + 1).padStart(2, '0');
  return `${1970 + Math.floor(month / 12)}-${text}-01`;
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
