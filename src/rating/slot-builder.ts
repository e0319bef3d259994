import { SLOT, type Slots, TARIFF } from './book.js';
import type { Candidate, Piece } from './overlay-prices.js';
import { shared } from './prefix-tree.js';
import type { TariffTable } from './tariff-table.js';

const SLOT_WORDS = 8;
/** In place of the first entry of a slot whose prices are not known yet. */
const PENDING = -1;
const FIRST_ENTRIES = 1024;
const ANY_ORIGIN = -1;

/** Writes slots and their prices straight into memory that the worker threads will share. */
export class SlotBuilder {
  #memory: SharedArrayBuffer;
  #times: Float64Array;
  #words: Int32Array;
  // Slot 0 stands for none.
  #count = 1;
  #entries = 0;
  #entryFrom = new Float64Array(FIRST_ENTRIES);
  #entryTo = new Float64Array(FIRST_ENTRIES);
  #entryBand = new Int32Array(FIRST_ENTRIES);
  #entryOrigin = new Int32Array(FIRST_ENTRIES);
  #entryTariff = new Int32Array(FIRST_ENTRIES);
  #entryRateId = new Int32Array(FIRST_ENTRIES);

  /** `expected` slots fit without growing. */
  constructor(expected: number) {
    this.#memory = new SharedArrayBuffer((expected + 1) * SLOT_WORDS * 4);
    this.#times = new Float64Array(this.#memory);
    this.#words = new Int32Array(this.#memory);
  }

  /** A new slot of a class, whose prices follow. */
  open(prefixClass: number): number {
    const slot = this.#count;
    this.#count += 1;
    if (this.#count * SLOT_WORDS > this.#words.length) this.#grow();
    this.#words[slot * SLOT_WORDS + SLOT.CLASS] = prefixClass;
    this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] = PENDING;
    return slot;
  }

  /** The slot has one price for everybody and all bands. */
  setPlain(slot: number, from: number, to: number, tariff: number, rateId: number): void {
    this.#times[slot * 4] = from;
    this.#times[slot * 4 + 1] = to;
    this.#words[slot * SLOT_WORDS + SLOT.TARIFF] = tariff;
    this.#words[slot * SLOT_WORDS + SLOT.RATE_ID] = rateId;
    this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] = 0;
  }

  /** The slot has these prices, none of which holds while another of its key does. */
  setPrices(slot: number, pieces: readonly Piece[]): void {
    const only = pieces.length === 1 ? pieces[0]! : null;
    if (only !== null && only.price.band === 0 && only.price.origin === ANY_ORIGIN) {
      this.setPlain(slot, only.from, only.to, only.price.tariff, only.price.rateId);
      return;
    }
    this.#words[slot * SLOT_WORDS + SLOT.TARIFF] = pieces.length;
    this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] = this.#entries + 1;
    for (const { from, to, price } of pieces) this.#addEntry(from, to, price);
  }

  #addEntry(from: number, to: number, price: Candidate): void {
    const entry = this.#entries;
    this.#entries += 1;
    if (entry === this.#entryFrom.length) this.#growEntries(entry * 2);
    this.#entryFrom[entry] = from;
    this.#entryTo[entry] = to;
    this.#entryBand[entry] = price.band;
    this.#entryOrigin[entry] = price.origin;
    this.#entryTariff[entry] = price.tariff;
    this.#entryRateId[entry] = price.rateId;
  }

  /** Whether the prices of a slot are not known yet. */
  isPending(slot: number): boolean {
    return this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] === PENDING;
  }

  /** Whether the slot has one price, and that not before an instant. */
  beginsBehind(slot: number, instant: number): boolean {
    const plain = this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] === 0;
    return plain && this.#times[slot * 4]! >= instant;
  }

  /** The prices of a slot, as a list inherits them. */
  pricesOf(slot: number): Candidate[] {
    const tariff = this.#words[slot * SLOT_WORDS + SLOT.TARIFF]!;
    const rateId = this.#words[slot * SLOT_WORDS + SLOT.RATE_ID]!;
    const first = this.#words[slot * SLOT_WORDS + SLOT.ENTRIES]! - 1;
    if (first < 0) {
      const [from, to] = [this.#times[slot * 4]!, this.#times[slot * 4 + 1]!];
      return [{ from, to, band: 0, origin: ANY_ORIGIN, tariff, rateId, layer: 0 }];
    }
    return Array.from({ length: tariff }, (_, n) => ({
      from: this.#entryFrom[first + n]!,
      to: this.#entryTo[first + n]!,
      band: this.#entryBand[first + n]!,
      origin: this.#entryOrigin[first + n]!,
      tariff: this.#entryTariff[first + n]!,
      rateId: this.#entryRateId[first + n]!,
      layer: 0,
    }));
  }

  finish(): Slots {
    const count = this.#entries;
    return {
      times: this.#times,
      words: this.#words,
      entryFrom: sharedCopy(Float64Array, this.#entryFrom, count),
      entryTo: sharedCopy(Float64Array, this.#entryTo, count),
      entryBand: sharedCopy(Int32Array, this.#entryBand, count),
      entryOrigin: sharedCopy(Int32Array, this.#entryOrigin, count),
      entryTariff: sharedCopy(Int32Array, this.#entryTariff, count),
      entryRateId: sharedCopy(Int32Array, this.#entryRateId, count),
    };
  }

  #grow(): void {
    const larger = new SharedArrayBuffer(this.#memory.byteLength * 2 + SLOT_WORDS * 8);
    new Int32Array(larger).set(this.#words);
    this.#memory = larger;
    this.#times = new Float64Array(larger);
    this.#words = new Int32Array(larger);
  }

  #growEntries(length: number): void {
    const grown = <T extends Float64Array | Int32Array>(old: T, into: T): T => {
      into.set(old);
      return into;
    };
    this.#entryFrom = grown(this.#entryFrom, new Float64Array(length));
    this.#entryTo = grown(this.#entryTo, new Float64Array(length));
    this.#entryBand = grown(this.#entryBand, new Int32Array(length));
    this.#entryOrigin = grown(this.#entryOrigin, new Int32Array(length));
    this.#entryTariff = grown(this.#entryTariff, new Int32Array(length));
    this.#entryRateId = grown(this.#entryRateId, new Int32Array(length));
  }
}

const NO_OWNER = -1;

/**
 * The tariffs of a book: those of the rates, one for each list whose adjustments must tell its own
 * prices from inherited ones.
 */
export class BookTariffs {
  readonly #rates: TariffTable;
  readonly #places: number[] = [];
  readonly #owners: number[] = [];
  /** One plus the tariff of the book, by the tariff of the rates; for no owner, and by owner. */
  #unowned = new Int32Array(1024);
  readonly #owned = new Map<number, Map<number, number>>();

  constructor(rates: TariffTable) {
    this.#rates = rates;
  }

  /** The tariff of the book for one of the rates' in prices that an adjusting list owns. */
  placeOf(tariff: number, owner: number): number {
    if (owner === NO_OWNER) {
      if (tariff >= this.#unowned.length) this.#grow(tariff);
      const known = this.#unowned[tariff]!;
      if (known !== 0) return known - 1;
      const made = this.#add(tariff, owner);
      this.#unowned[tariff] = made + 1;
      return made;
    }
    const byTariff = this.#owned.get(owner) ?? new Map<number, number>();
    this.#owned.set(owner, byTariff);
    const known = byTariff.get(tariff);
    if (known !== undefined) return known;
    const made = this.#add(tariff, owner);
    byTariff.set(tariff, made);
    return made;
  }

  finish() {
    const { numbers, wide, terms } = this.#rates;
    const tariffs = shared(Float64Array, this.#places.length * 8);
    const tariffOwner = shared(Int32Array, this.#places.length);
    const wideOfBook = new Map<number, { price: bigint; connectionFee: bigint }>();
    this.#places.forEach((tariff, place) => {
      for (let field = 0; field <= TARIFF.TERMS; field += 1) {
        tariffs[place * 8 + field] = numbers[tariff * 8 + field]!;
      }
      tariffOwner[place] = this.#owners[place]!;
      const amounts = wide.get(tariff);
      if (amounts !== undefined) wideOfBook.set(place, amounts);
    });
    return { tariffs, terms, tariffOwner, wide: wideOfBook };
  }

  #add(tariff: number, owner: number): number {
    this.#owners.push(owner);
    return this.#places.push(tariff) - 1;
  }

  #grow(tariff: number): void {
    const larger = new Int32Array(Math.max(this.#unowned.length * 2, tariff + 1));
    larger.set(this.#unowned);
    this.#unowned = larger;
  }
}

interface SharedArrayType<T> {
  new (buffer: SharedArrayBuffer): T;
  readonly BYTES_PER_ELEMENT: number;
}

function sharedCopy<T extends Int32Array | Float64Array>(
  type: SharedArrayType<T>,
  values: T,
  count: number,
): T {
  const array = shared(type, count);
  array.set(values.subarray(0, count));
  return array;
}
