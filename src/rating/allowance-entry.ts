import { type RoundingMode, roundingModes } from '../kernel/index.js';
import type { ChargeTariff } from './charge.js';

/** Contracts are folded in so many groups, by their id. */
export const SHARDS = 64;

const HEADER_BYTES = 8;
const ENTRY_BYTES = 96;
const NUMBERS = ENTRY_BYTES / 8;
const WORDS = ENTRY_BYTES / 4;

/** Places among the numbers of an entry. Amounts have scale 8. */
export const NUMBER = { XDR_ID: 0, STARTED_MS: 1, BILLED: 2, BASE: 3, CARRIED: 4 } as const;

/** Places among the words of an entry. */
export const WORD = {
  IDENTITY: 10,
  SUBSCRIPTION: 14,
  ROOT_ACCOUNT: 15,
  CONTRACT: 16,
  VERSION: 17,
  DESTINATION: 18,
  /** Civil day in the contract's zone, in days since 1970-01-01. */
  DAY: 19,
  TARIFF: 20,
  MINUTE_OF_WEEK: 21,
  /** Bits 0-3 service, 4-7 level, 8-15 slice, 16 last level, 17 withdrawn. */
  FLAGS: 22,
  PLAN: 23,
} as const;

export const FLAG = { LAST_LEVEL: 1 << 16, WITHDRAWN: 1 << 17 } as const;

/** Service, level and slice of an entry's flags. */
export function flagsOf(service: number, level: number, slice: number, further: number): number {
  return service | (level << 4) | (slice << 8) | further;
}

/**
 * Entries of one shard and month as they are stored: numbers and words are two views of the same
 * memory, twelve numbers or twenty-four words an entry. An entry is one record at one level, or
 * one slice of it; the slices of a record follow each other.
 */
export class EntryList {
  count = 0;
  /** Where the entries begin that belong to a moment, with that moment. */
  readonly tariffs: ChargeTariff[] = [];
  #numbers: Float64Array;
  #words: Int32Array;
  /** The moment up to which facts were known when the entry was written. */
  #knownAt: Float64Array;

  constructor(capacity = 1024) {
    const buffer = new ArrayBuffer(capacity * ENTRY_BYTES);
    this.#numbers = new Float64Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#knownAt = new Float64Array(capacity);
  }

  number(entry: number, place: number): number {
    return this.#numbers[entry * NUMBERS + place]!;
  }

  word(entry: number, place: number): number {
    return this.#words[entry * WORDS + place]!;
  }

  knownAt(entry: number): number {
    return this.#knownAt[entry]!;
  }

  service(entry: number): number {
    return this.word(entry, WORD.FLAGS) & 15;
  }

  level(entry: number): number {
    return (this.word(entry, WORD.FLAGS) >> 4) & 15;
  }

  slice(entry: number): number {
    return (this.word(entry, WORD.FLAGS) >> 8) & 255;
  }

  has(entry: number, flag: number): boolean {
    return (this.word(entry, WORD.FLAGS) & flag) !== 0;
  }

  /** Adds what {@link EntryWriter.finish} made. */
  read(bytes: Uint8Array, places: Map<string, number>): void {
    const { knownAt, tariffs, from } = headerOf(bytes);
    const added = (bytes.length - from) / ENTRY_BYTES;
    this.#reserve(this.count + added);
    const target = new Uint8Array(this.#numbers.buffer, this.count * ENTRY_BYTES);
    target.set(bytes.subarray(from));
    const placeOf = tariffs.map((text) => {
      let place = places.get(text);
      if (place === undefined) {
        place = this.tariffs.push(tariffFrom(text)) - 1;
        places.set(text, place);
      }
      return place;
    });
    for (let entry = this.count; entry < this.count + added; entry += 1) {
      const at = entry * WORDS + WORD.TARIFF;
      this.#words[at] = placeOf[this.#words[at]!]!;
      this.#knownAt[entry] = knownAt;
    }
    this.count += added;
  }

  #reserve(count: number): void {
    if (count <= this.#knownAt.length) return;
    const capacity = Math.max(count, this.#knownAt.length * 2);
    const buffer = new ArrayBuffer(capacity * ENTRY_BYTES);
    new Uint8Array(buffer).set(new Uint8Array(this.#numbers.buffer, 0, this.count * ENTRY_BYTES));
    this.#numbers = new Float64Array(buffer);
    this.#words = new Int32Array(buffer);
    const known = new Float64Array(capacity);
    known.set(this.#knownAt.subarray(0, this.count));
    this.#knownAt = known;
  }
}

/** Writes the entries of one shard and month. */
export class EntryWriter {
  count = 0;
  #numbers = new Float64Array(64 * NUMBERS);
  #words = new Int32Array(this.#numbers.buffer);
  readonly #tariffs: string[] = [];
  readonly #places = new Map<ChargeTariff, number>();

  constructor(readonly knownAt: number) {}

  /** Room for the next entry; the caller fills all numbers and words by the places named above. */
  next(tariff: ChargeTariff): EntryRoom {
    if ((this.count + 1) * NUMBERS > this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
      this.#words = new Int32Array(larger.buffer);
    }
    const [numberAt, wordAt] = [this.count * NUMBERS, this.count * WORDS];
    this.count += 1;
    this.#words[wordAt + WORD.TARIFF] = this.#placeOf(tariff);
    return { numbers: this.#numbers, words: this.#words, numberAt, wordAt };
  }

  finish(): Buffer {
    const text = [this.knownAt, ...this.#tariffs].join('\n');
    // Entries lie on a boundary of eight bytes behind a header that is filled up with blanks.
    const length = Math.ceil(Buffer.byteLength(text) / 8) * 8;
    const header = Buffer.alloc(HEADER_BYTES + length, 0x20);
    header.writeUInt32LE(1, 0);
    header.writeUInt32LE(length, 4);
    header.write(text, HEADER_BYTES);
    const entries = new Uint8Array(this.#numbers.buffer, 0, this.count * ENTRY_BYTES);
    return Buffer.concat([header, entries]);
  }

  #placeOf(tariff: ChargeTariff): number {
    let place = this.#places.get(tariff);
    if (place === undefined) {
      place = this.#tariffs.push(tariffText(tariff)) - 1;
      this.#places.set(tariff, place);
    }
    return place;
  }
}

export interface EntryRoom {
  readonly numbers: Float64Array;
  readonly words: Int32Array;
  readonly numberAt: number;
  readonly wordAt: number;
}

function headerOf(bytes: Uint8Array): { knownAt: number; tariffs: string[]; from: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = buffer.readUInt32LE(4);
  const from = HEADER_BYTES + length;
  const [knownAt, ...tariffs] = buffer.toString('utf8', HEADER_BYTES, from).trimEnd().split('\n');
  return { knownAt: Number(knownAt), tariffs, from };
}

// A tariff is written into many segments.
const texts = new WeakMap<ChargeTariff, string>();

function tariffText(tariff: ChargeTariff): string {
  let text = texts.get(tariff);
  if (text === undefined) {
    text = isPlain(tariff) ? plainText(tariff) : fullText(tariff);
    texts.set(tariff, text);
  }
  return text;
}

function isPlain({ terms, conversion, shareConversion }: ChargeTariff): boolean {
  return terms === null && conversion === null && shareConversion === null;
}

// Most tariffs are a price, a fee and a unit; lists have thousands of them.
function plainText({ price, connectionFee, rateUnit, step, rounding }: ChargeTariff): string {
  return `${price} ${connectionFee} ${rateUnit} ${step} ${rounding}`;
}

// Whole numbers of any size are written as text with an n behind.
function fullText(tariff: ChargeTariff): string {
  return JSON.stringify(tariff, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}

function tariffFrom(text: string): ChargeTariff {
  if (!text.startsWith('{')) return plainFrom(text.split(' '));
  return JSON.parse(text, (key, value) => {
    if (key === 'rounding') return roundingOf(value);
    return typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
  });
}

function plainFrom(parts: readonly string[]): ChargeTariff {
  const [price, connectionFee, rateUnit, step, rounding] = parts as [
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    price: BigInt(price),
    connectionFee: BigInt(connectionFee),
    rateUnit: Number(rateUnit),
    terms: null,
    conversion: null,
    shareConversion: null,
    step: BigInt(step),
    rounding: roundingOf(rounding),
  };
}

function roundingOf(value: string): RoundingMode {
  const mode = roundingModes.find((known) => known === value);
  if (mode === undefined) throw new Error('an entry has a rounding mode that is not known');
  return mode;
}
