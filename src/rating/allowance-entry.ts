import { invariant, type RoundingMode, roundingModes } from '../kernel/index.js';
import { type ChargeTariff, modelOf } from './charge.js';

/** Contracts are folded in so many groups, by their id. */
export const SHARDS = 64;

/** What a segment begins with: its form and how many entries it holds. */
const HEADER_BYTES = 8;
const FORM = 2;
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
  /** Bits 0-3 service, 4-7 level, 8-15 slice, 16 last level, 17 withdrawn, 18-31 slice / 256. */
  FLAGS: 22,
  PLAN: 23,
} as const;

export const FLAG = { LAST_LEVEL: 1 << 16, WITHDRAWN: 1 << 17 } as const;

/** Service, level and slice of an entry's flags. */
export function flagsOf(service: number, level: number, slice: number, further: number): number {
  return service | (level << 4) | ((slice & 255) << 8) | ((slice >> 8) << 18) | further;
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
    const flags = this.word(entry, WORD.FLAGS);
    return ((flags >> 8) & 255) | ((flags >>> 18) << 8);
  }

  has(entry: number, flag: number): boolean {
    return (this.word(entry, WORD.FLAGS) & flag) !== 0;
  }

  get capacityBytes(): number {
    return this.#numbers.byteLength;
  }

  /** Forgets the entries and keeps the memory. */
  clear(): void {
    this.count = 0;
    this.tariffs.length = 0;
  }

  /** Adds what {@link EntryWriter.finish} made, or of it the entries that are wanted. */
  read(
    bytes: Uint8Array,
    places: Map<string, number>,
    wanted?: (contractId: number, startedMs: number) => boolean,
  ): void {
    const { entries: added, knownAt, tariffs } = tailOf(bytes);
    this.#reserve(this.count + added);
    const target = new Uint8Array(this.#numbers.buffer, this.count * ENTRY_BYTES);
    target.set(bytes.subarray(HEADER_BYTES, HEADER_BYTES + added * ENTRY_BYTES));
    const placeOf = tariffs.map((text) => {
      let place = places.get(text);
      if (place === undefined) {
        place = this.tariffs.push(tariffFrom(text)) - 1;
        places.set(text, place);
      }
      return place;
    });
    const kept = wanted === undefined ? added : this.#keep(added, wanted);
    for (let entry = this.count; entry < this.count + kept; entry += 1) {
      const at = entry * WORDS + WORD.TARIFF;
      this.#words[at] = placeOf[this.#words[at]!]!;
      this.#knownAt[entry] = knownAt;
    }
    this.count += kept;
  }

  // Moves the wanted ones of so many new entries together; answers how many they are.
  #keep(added: number, wanted: (contractId: number, startedMs: number) => boolean): number {
    let to = this.count;
    for (let entry = this.count; entry < this.count + added; entry += 1) {
      if (!wanted(this.word(entry, WORD.CONTRACT), this.number(entry, NUMBER.STARTED_MS))) continue;
      if (to !== entry) {
        this.#numbers.copyWithin(to * NUMBERS, entry * NUMBERS, (entry + 1) * NUMBERS);
      }
      to += 1;
    }
    return to - this.count;
  }

  /** Makes room for the entries of segments of so many bytes together. */
  reserveBytes(bytes: number): void {
    const count = Math.ceil(bytes / ENTRY_BYTES);
    if (this.count + count > this.#knownAt.length) this.#resize(this.count + count);
  }

  #reserve(count: number): void {
    if (count > this.#knownAt.length) this.#resize(Math.max(count, this.#knownAt.length * 2));
  }

  #resize(capacity: number): void {
    const buffer = new ArrayBuffer(capacity * ENTRY_BYTES);
    new Uint8Array(buffer).set(new Uint8Array(this.#numbers.buffer, 0, this.count * ENTRY_BYTES));
    this.#numbers = new Float64Array(buffer);
    this.#words = new Int32Array(buffer);
    const known = new Float64Array(capacity);
    known.set(this.#knownAt.subarray(0, this.count));
    this.#knownAt = known;
  }
}

/** Memory of segments that were stored, for the next ones: see {@link EntryWriter.release}. */
const spare: Float64Array[] = [];
/** Memory beyond this is left to the garbage collector. */
const SPARE_PIECES = 256;
const FIRST_NUMBERS = 64 * NUMBERS;

// The smallest piece that will do, since each shard and month has one.
function takeSpare(numbers: number): Float64Array {
  let best = -1;
  for (let n = 0; n < spare.length; n += 1) {
    const { length } = spare[n]!;
    if (length >= numbers && (best < 0 || length < spare[best]!.length)) best = n;
  }
  if (best < 0) return new Float64Array(numbers);
  const [piece] = spare.splice(best, 1);
  return piece!;
}

/** Writes the entries of one shard and month. */
export class EntryWriter {
  count = 0;
  #numbers = takeSpare(FIRST_NUMBERS);
  #words = new Int32Array(this.#numbers.buffer);
  readonly #tariffs: string[] = [];
  readonly #places = new Map<ChargeTariff, number>();
  #isWhole = false;

  constructor(readonly knownAt: number) {}

  /** Room for the next entry; the caller fills all numbers and words by the places named above. */
  next(tariff: ChargeTariff): EntryRoom {
    // The first number of a segment is its header.
    const numberAt = 1 + this.count * NUMBERS;
    if (numberAt + NUMBERS > this.#numbers.length) this.#grow(this.#numbers.length * 2);
    const wordAt = numberAt * 2;
    this.count += 1;
    this.#words[wordAt + WORD.TARIFF] = this.#placeOf(tariff);
    return { numbers: this.#numbers, words: this.#words, numberAt, wordAt };
  }

  /** Says that the month has to be folded as a whole. */
  markWhole(): void {
    this.#isWhole = true;
  }

  /**
   * When the first and the last of its records began; null where the month has to be folded as a
   * whole: a record is withdrawn, or a tier depends on the volume of all.
   */
  get span(): { readonly fromMs: number; readonly toMs: number } | null {
    if (this.#isWhole) return null;
    let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let entry = 0; entry < this.count; entry += 1) {
      const startedMs = this.#numbers[1 + entry * NUMBERS + NUMBER.STARTED_MS]!;
      if (startedMs < fromMs) fromMs = startedMs;
      if (startedMs > toMs) toMs = startedMs;
    }
    return { fromMs, toMs };
  }

  /** The bytes of the segment, which lie in the writer's memory: good until {@link release}. */
  finish(): Buffer {
    const tail = Buffer.from([this.knownAt, ...this.#tariffs].join('\n'));
    const from = HEADER_BYTES + this.count * ENTRY_BYTES;
    const length = from + tail.length;
    if (length > this.#numbers.byteLength) this.#grow(Math.ceil(length / 8));
    const bytes = Buffer.from(this.#numbers.buffer, 0, length);
    bytes.writeUInt32LE(FORM, 0);
    bytes.writeUInt32LE(this.count, 4);
    bytes.set(tail, from);
    return bytes;
  }

  /** Gives the memory to later writers; the writer is not used any more. */
  release(): void {
    if (spare.length < SPARE_PIECES) spare.push(this.#numbers);
  }

  #grow(numbers: number): void {
    const larger = takeSpare(numbers);
    larger.set(this.#numbers.subarray(0, 1 + this.count * NUMBERS));
    this.release();
    this.#numbers = larger;
    this.#words = new Int32Array(larger.buffer);
  }

  #placeOf(tariff: ChargeTariff): number {
    let place = this.#places.get(tariff);
    if (place === undefined) {
      place = this.#tariffs.push(tariffText(tariff)) - 1;
      this.#places.set(tariff, place);
      if (modelOf(tariff) === 'VOLUME') this.#isWhole = true;
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

function tailOf(bytes: Uint8Array): { entries: number; knownAt: number; tariffs: string[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  invariant(buffer.readUInt32LE(0) === FORM, 'entries have the form that is written now');
  const entries = buffer.readUInt32LE(4);
  const text = buffer.toString('utf8', HEADER_BYTES + entries * ENTRY_BYTES);
  const [knownAt, ...tariffs] = text.split('\n');
  return { entries, knownAt: Number(knownAt), tariffs };
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
