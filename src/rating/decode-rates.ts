import type { PricingModel, PricingTerms, TierSchedule } from '../catalog/index.js';
import { termsOf } from './pricing-terms.js';
import { NO_NODE, RATE_KINDS, type RateTable } from './rate-table.js';

/** Columns of a rate in the order in which {@link RateDecoder} reads them. */
export const RATE_COLUMNS = `price_list_id, id, prefix, destination_id, time_band_id,
  origin_set_id, kind, price, connection_fee, rate_unit, first_increment, next_increment, minimum,
  grace, valid_from, valid_to, model, min_charge, max_charge, tier_schedule_id`;

const FIELDS = 20;
/** Signature, flags and length of extension in front of the first row. */
const HEADER_BYTES = 19;
const LIMIT = 2 ** 53;
const TWO_32 = 4_294_967_296;
/** Timestamps count microseconds from 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;
const POWERS = Float64Array.from({ length: 8 }, (_, n) => 10_000 ** n);
const NEGATIVE = 0x4000;

/** Reads rows of binary COPY into columns; allocates nothing for a plain rate. */
export class RateDecoder {
  readonly #table: RateTable;
  readonly #listPlace: Int32Array;
  readonly #schedules: ReadonlyMap<number, TierSchedule>;
  readonly #termsOf = new Map<string, number>();
  #begun = false;
  #at = 0;
  /** The number that {@link #amount} could not say exactly. */
  #large = 0n;

  /** `listPlace` is one plus the place of a list by its id, 0 for lists that are not wanted. */
  constructor(
    table: RateTable,
    listPlace: Int32Array,
    schedules: ReadonlyMap<number, TierSchedule>,
  ) {
    this.#table = table;
    this.#listPlace = listPlace;
    this.#schedules = schedules;
  }

  /** Reads one message of the COPY, which is one row, the first with the header before it. */
  read(bytes: Buffer, from: number, to: number): void {
    this.#at = from;
    if (!this.#begun) {
      this.#begun = true;
      this.#at += HEADER_BYTES;
    }
    if (this.#at >= to) return;
    const fields = bytes.readInt16BE(this.#at);
    this.#at += 2;
    if (fields === FIELDS) this.#row(bytes);
  }

  #row(bytes: Buffer): void {
    const table = this.#table;
    const list = this.#listPlace[this.#int(bytes)] ?? 0;
    if (list === 0) return;
    const row = table.next();
    table.list[row] = list - 1;
    table.id[row] = this.#int(bytes);
    const digits = this.#length(bytes);
    table.node[row] = digits < 0 ? NO_NODE : this.#prefix(bytes, digits);
    table.destination[row] = this.#int(bytes);
    table.band[row] = this.#int(bytes);
    table.origin[row] = this.#int(bytes);
    table.kind[row] = this.#kind(bytes);
    const price = this.#amount(bytes);
    const largePrice = this.#large;
    const fee = this.#amount(bytes);
    const largeFee = this.#large;
    const rateUnit = this.#int(bytes);
    const firstIncrement = this.#int(bytes);
    const nextIncrement = this.#int(bytes);
    const minimum = this.#int(bytes);
    const grace = this.#int(bytes);
    table.from[row] = this.#instant(bytes, Number.NEGATIVE_INFINITY);
    table.to[row] = this.#instant(bytes, Number.POSITIVE_INFINITY);
    const terms = this.#terms(bytes);
    table.tariff[row] = Number.isNaN(price + fee)
      ? table.tariffs.placeOf({
          price: Number.isNaN(price) ? largePrice : BigInt(price),
          connectionFee: Number.isNaN(fee) ? largeFee : BigInt(fee),
          rateUnit,
          firstIncrement,
          nextIncrement,
          minimum,
          grace,
          terms: table.tariffs.terms[terms - 1] ?? null,
        })
      : table.tariffs.intern(
          price,
          fee,
          rateUnit,
          firstIncrement,
          nextIncrement,
          minimum,
          grace,
          terms,
        );
  }

  #length(bytes: Buffer): number {
    const length = bytes.readInt32BE(this.#at);
    this.#at += 4;
    return length;
  }

  /** An int4, 0 for none. */
  #int(bytes: Buffer): number {
    const at = this.#at;
    if (bytes[at] === 0xff) {
      this.#at = at + 4;
      return 0;
    }
    this.#at = at + 8;
    return bytes.readInt32BE(at + 4);
  }

  #prefix(bytes: Buffer, length: number): number {
    const from = this.#at;
    this.#at = from + length;
    return this.#table.prefixes.addBytes(bytes, from, this.#at);
  }

  #text(bytes: Buffer): string {
    const length = this.#length(bytes);
    this.#at += length;
    return bytes.toString('latin1', this.#at - length, this.#at);
  }

  #kind(bytes: Buffer): number {
    const length = this.#length(bytes);
    this.#at += length;
    if (bytes[this.#at - length] === 0x41) return 0;
    const kind = bytes.toString('latin1', this.#at - length, this.#at);
    return (RATE_KINDS as readonly string[]).indexOf(kind);
  }

  /** A numeric of eight decimals at most, at scale 8; NaN and `#large` where that is not exact. */
  #amount(bytes: Buffer): number {
    const digits = bytes.readInt16BE(this.#at + 4);
    const weight = bytes.readInt16BE(this.#at + 6);
    const negative = bytes.readUInt16BE(this.#at + 8) === NEGATIVE;
    const first = this.#at + 12;
    this.#at = first + digits * 2;
    let value = 0;
    for (let n = 0; n < digits; n += 1) {
      value += bytes.readUInt16BE(first + n * 2) * POWERS[weight + 2 - n]!;
    }
    if (value >= LIMIT) {
      this.#large = 0n;
      for (let n = 0; n < digits; n += 1) {
        this.#large +=
          BigInt(bytes.readUInt16BE(first + n * 2)) * 10_000n ** BigInt(weight + 2 - n);
      }
      if (negative) this.#large = -this.#large;
      return Number.NaN;
    }
    return negative ? 0 - value : value;
  }

  /** A timestamptz in epoch milliseconds. */
  #instant(bytes: Buffer, none: number): number {
    if (this.#length(bytes) < 0) return none;
    const high = bytes.readInt32BE(this.#at);
    const low = bytes.readUInt32BE(this.#at + 4);
    this.#at += 8;
    const micros = high * TWO_32 + low + EPOCH_MICROS;
    if (micros < LIMIT && micros > -LIMIT) return micros / 1000;
    if (high === 0x7fffffff && low === 0xffffffff) return Number.POSITIVE_INFINITY;
    if (high === -0x80000000 && low === 0) return Number.NEGATIVE_INFINITY;
    // Instants so far away are rounded once, as the database rounds them.
    const exact = (BigInt(high) << 32n) + BigInt(low) + BigInt(EPOCH_MICROS);
    return Number(
      `${exact / 1000n}.${String(exact % 1000n)
        .replace('-', '')
        .padStart(3, '0')}`,
    );
  }

  /** What the last four columns say beyond numbers, as tariffs number it. */
  #terms(bytes: Buffer): number {
    const from = this.#at;
    const modelLength = bytes.readInt32BE(from);
    // PER_UNIT, a numeric without digits (0), null and null: nearly every rate.
    const plain =
      modelLength === 8 &&
      bytes[from + 8] === 0x55 &&
      bytes.readInt32BE(from + 12) === 8 &&
      bytes.readInt16BE(from + 16) === 0 &&
      bytes[from + 24] === 0xff &&
      bytes[from + 28] === 0xff;
    if (plain) {
      this.#at = from + 32;
      return 0;
    }
    return this.#specialTerms(bytes, from);
  }

  #specialTerms(bytes: Buffer, from: number): number {
    const model = this.#text(bytes) as PricingModel;
    const minimum = this.#exactAmount(bytes);
    const maximum = bytes[this.#at] === 0xff ? this.#none() : this.#exactAmount(bytes);
    const schedule = this.#int(bytes);
    const key = bytes.toString('latin1', from, this.#at);
    const known = this.#termsOf.get(key);
    if (known !== undefined) return known;
    const tiers = this.#schedules.get(schedule) ?? null;
    const terms: PricingTerms | null = termsOf(model, minimum, maximum, tiers);
    const number = this.#table.tariffs.termsOf(terms);
    this.#termsOf.set(key, number);
    return number;
  }

  #exactAmount(bytes: Buffer): bigint {
    const amount = this.#amount(bytes);
    return Number.isNaN(amount) ? this.#large : BigInt(amount);
  }

  #none(): null {
    this.#at += 4;
    return null;
  }
}
