import type { RecordBatch } from '../mediation/index.js';
import { MAX_LEVELS } from './compile-guide.js';
import type { ShownBatch } from './rerate-shown.js';

/** Columns of a record in the order in which {@link XdrDecoder} reads them, before its levels. */
export const XDR_READ_COLUMNS = `x.id, x.started_at, x.identity, x.partner_id, x.subscription_id,
  x.service, x.a_number, x.b_number, x.quantity, x.in_trunk_id, x.out_trunk_id, x.destination_id,
  x.value`;

const FIELDS = 16;
/** Signature, flags and length of extension in front of the first row. */
const HEADER_BYTES = 19;
/** Where the length of the first field stands whose place differs from row to row. */
const LEGS = 140;
/** Dimensions, flags, type, length and lower bound of an array with one dimension. */
const ARRAY_HEAD = 20;
const TWO_32 = 4_294_967_296;
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** Reads rows of binary COPY into the two batches; allocates nothing. */
export class XdrDecoder {
  readonly #records: RecordBatch;
  readonly #shown: ShownBatch;
  #begun = false;

  constructor(records: RecordBatch, shown: ShownBatch) {
    this.#records = records;
    this.#shown = shown;
  }

  /** Reads one message, which is one row, into the next place; answers whether it was one. */
  read(bytes: Buffer, from: number, to: number): boolean {
    const at = this.#begun ? from : from + HEADER_BYTES;
    this.#begun = true;
    if (at >= to || bytes.readInt16BE(at) !== FIELDS) return false;
    const row = this.#records.count;
    this.#fixed(bytes, at, row);
    this.#levels(bytes, at + LEGS, row);
    this.#records.count = row + 1;
    return true;
  }

  // None of these columns is null, so each field stands at the same distance from the start.
  #fixed(bytes: Buffer, at: number, row: number): void {
    const [records, shown] = [this.#records, this.#shown];
    shown.id[row] = int8(bytes, at + 6);
    records.startedMs[row] = int8(bytes, at + 18) / 1000 + POSTGRES_EPOCH_MS;
    records.identity0[row] = bytes.readInt32BE(at + 30);
    records.identity1[row] = bytes.readInt32BE(at + 34);
    records.identity2[row] = bytes.readInt32BE(at + 38);
    records.identity3[row] = bytes.readInt32BE(at + 42);
    shown.partnerId[row] = bytes.readInt32BE(at + 50);
    shown.subscriptionId[row] = bytes.readInt32BE(at + 58);
    records.service[row] = bytes[at + 67]!;
    records.aNumber[row] = int8(bytes, at + 72);
    records.bNumber[row] = int8(bytes, at + 84);
    records.quantity[row] = int8(bytes, at + 96);
    records.inTrunk[row] = bytes.readInt32BE(at + 108);
    records.outTrunk[row] = bytes.readInt32BE(at + 116);
    shown.destinationId[row] = bytes.readInt32BE(at + 124);
    records.value[row] = int8(bytes, at + 132);
  }

  #levels(bytes: Buffer, from: number, row: number): void {
    const shown = this.#shown;
    const levels = bytes.readInt32BE(from) >> 3;
    shown.levels[row] = levels;
    const first = row * MAX_LEVELS;
    for (let level = 0; level < levels; level += 1) {
      shown.version[first + level] = bytes.readInt32BE(from + 4 + level * 8);
      shown.rateId[first + level] = bytes.readInt32BE(from + 8 + level * 8);
    }
    const amounts = from + 4 + levels * 8;
    let at = amounts + 4 + ARRAY_HEAD;
    for (let level = 0; level < levels; level += 1) {
      shown.amount[first + level] = int8(bytes, at + 4);
      at += 12;
    }
    const batches = amounts + 4 + bytes.readInt32BE(amounts);
    const corrected = bytes.readInt32BE(batches) >= 0;
    at = batches + 4 + ARRAY_HEAD;
    for (let level = 0; level < levels; level += 1) {
      shown.batch[first + level] = corrected ? bytes.readInt32BE(at + 4) : 0;
      at += 8;
    }
  }
}

function int8(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}
