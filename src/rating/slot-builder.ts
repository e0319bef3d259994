import type { EffectiveRate, TableEntry } from '../catalog/index.js';
import { SLOT, type Slots, TARIFF } from './book.js';
import { shared } from './prefix-tree.js';

const SLOT_WORDS = 8;
const FOREVER = Number.POSITIVE_INFINITY;

/** Writes slots and their prices straight into memory that the worker threads will share. */
export class SlotBuilder {
  readonly #tariffs = new TariffList();
  readonly #entryFrom: number[] = [];
  readonly #entryTo: number[] = [];
  readonly #entryBand: number[] = [];
  readonly #entryTariff: number[] = [];
  readonly #entryRateId: number[] = [];
  #memory: SharedArrayBuffer;
  #times: Float64Array;
  #words: Int32Array;
  // Slot 0 stands for none.
  #count = 1;

  /** `expected` slots fit without growing. */
  constructor(expected: number) {
    this.#memory = new SharedArrayBuffer((expected + 1) * SLOT_WORDS * 4);
    this.#times = new Float64Array(this.#memory);
    this.#words = new Int32Array(this.#memory);
  }

  /** Adds the slot of one prefix from its entries, one a band; answers its place. */
  add(entries: readonly TableEntry[], shorter: number): number {
    const slot = this.#next();
    this.#words[slot * SLOT_WORDS + SLOT.SHORTER] = shorter;
    const only = entries.length === 1 ? entries[0]! : undefined;
    if (only !== undefined && only.bandId === 0 && only.versions.length === 1) {
      const { from, to, value } = only.versions[0]!;
      this.#times[slot * 4] = from;
      this.#times[slot * 4 + 1] = to ?? FOREVER;
      this.#words[slot * SLOT_WORDS + SLOT.TARIFF] = this.#tariffs.placeOf(value);
      this.#words[slot * SLOT_WORDS + SLOT.RATE_ID] = value.path[0]!;
      return slot;
    }
    const first = this.#entryFrom.length;
    for (const entry of entries) {
      for (const { from, to, value } of entry.versions) {
        this.#entryFrom.push(from);
        this.#entryTo.push(to ?? FOREVER);
        this.#entryBand.push(entry.bandId);
        this.#entryTariff.push(this.#tariffs.placeOf(value));
        this.#entryRateId.push(value.path[0]!);
      }
    }
    this.#words[slot * SLOT_WORDS + SLOT.TARIFF] = this.#entryFrom.length - first;
    this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] = first + 1;
    return slot;
  }

  finish(): { slots: Slots; tariffs: Float64Array } {
    return {
      slots: {
        times: this.#times,
        words: this.#words,
        entryFrom: sharedCopy(Float64Array, this.#entryFrom),
        entryTo: sharedCopy(Float64Array, this.#entryTo),
        entryBand: sharedCopy(Int32Array, this.#entryBand),
        entryTariff: sharedCopy(Int32Array, this.#entryTariff),
        entryRateId: sharedCopy(Int32Array, this.#entryRateId),
      },
      tariffs: this.#tariffs.finish(),
    };
  }

  #next(): number {
    const slot = this.#count;
    this.#count += 1;
    if (this.#count * SLOT_WORDS > this.#words.length) {
      const larger = new SharedArrayBuffer(this.#memory.byteLength * 2 + SLOT_WORDS * 8);
      new Int32Array(larger).set(this.#words);
      this.#memory = larger;
      this.#times = new Float64Array(larger);
      this.#words = new Int32Array(larger);
    }
    return slot;
  }
}

/** Equal tariffs are kept once, since real lists have a few hundred of them. */
class TariffList {
  readonly #rates: EffectiveRate[] = [];
  readonly #byPrice = new Map<bigint, number[]>();

  placeOf(rate: EffectiveRate): number {
    const samePrice = this.#byPrice.get(rate.price);
    if (samePrice === undefined) {
      this.#byPrice.set(rate.price, [this.#rates.length]);
      return this.#rates.push(rate) - 1;
    }
    for (const place of samePrice) if (equal(this.#rates[place]!, rate)) return place;
    samePrice.push(this.#rates.length);
    return this.#rates.push(rate) - 1;
  }

  finish(): Float64Array {
    const tariffs = shared(Float64Array, this.#rates.length * 8);
    this.#rates.forEach((rate, place) => {
      tariffs[place * 8 + TARIFF.PRICE] = exact(rate.price);
      tariffs[place * 8 + TARIFF.CONNECTION_FEE] = exact(rate.connectionFee);
      tariffs[place * 8 + TARIFF.RATE_UNIT] = rate.rateUnit;
      tariffs[place * 8 + TARIFF.FIRST_INCREMENT] = rate.firstIncrement;
      tariffs[place * 8 + TARIFF.NEXT_INCREMENT] = rate.nextIncrement;
      tariffs[place * 8 + TARIFF.MINIMUM] = rate.minimum;
      tariffs[place * 8 + TARIFF.GRACE] = rate.grace;
    });
    return tariffs;
  }
}

function equal(one: EffectiveRate, other: EffectiveRate): boolean {
  return (
    one.connectionFee === other.connectionFee &&
    one.rateUnit === other.rateUnit &&
    one.firstIncrement === other.firstIncrement &&
    one.nextIncrement === other.nextIncrement &&
    one.minimum === other.minimum &&
    one.grace === other.grace
  );
}

// A price of 90 million and more is no exact number; charging by it answers AMOUNT_TOO_LARGE.
function exact(price: bigint): number {
  return price < 2n ** 53n ? Number(price) : Number.NaN;
}

interface SharedArrayType<T> {
  new (buffer: SharedArrayBuffer): T;
  readonly BYTES_PER_ELEMENT: number;
}

function sharedCopy<T extends Int32Array | Float64Array>(
  type: SharedArrayType<T>,
  values: readonly number[],
): T {
  const array = shared(type, values.length);
  array.set(values);
  return array;
}
