import type { EffectiveRate, PricingTerms, TableEntry } from '../catalog/index.js';
import { invariant } from '../kernel/index.js';
import { SLOT, type Slots, TARIFF } from './book.js';
import { shared } from './prefix-tree.js';

const SLOT_WORDS = 8;
const ANY_ORIGIN = -1;
const FOREVER = Number.POSITIVE_INFINITY;

/** Writes slots and their prices straight into memory that the worker threads will share. */
export class SlotBuilder {
  readonly #tariffs = new TariffList();
  readonly #entryFrom: number[] = [];
  readonly #entryTo: number[] = [];
  readonly #entryBand: number[] = [];
  readonly #entryOrigin: number[] = [];
  readonly #entryTariff: number[] = [];
  readonly #entryRateId: number[] = [];
  #memory: SharedArrayBuffer;
  #times: Float64Array;
  #words: Int32Array;
  // Slot 0 stands for none.
  #count = 1;

  /** `expected` slots fit without growing. */
  constructor(
    expected: number,
    readonly originPlace: ReadonlyMap<number, number>,
  ) {
    this.#memory = new SharedArrayBuffer((expected + 1) * SLOT_WORDS * 4);
    this.#times = new Float64Array(this.#memory);
    this.#words = new Int32Array(this.#memory);
  }

  /** Adds the slot of one prefix from its entries, one a band; answers its place. */
  add(entries: readonly TableEntry[], shorter: number): number {
    const slot = this.#next();
    this.#words[slot * SLOT_WORDS + SLOT.SHORTER] = shorter;
    const only = entries.length === 1 ? entries[0]! : undefined;
    const plain = only !== undefined && only.bandId === 0 && only.originSetId === 0;
    if (plain && only.versions.length === 1) {
      const { from, to, value } = only.versions[0]!;
      this.#times[slot * 4] = from;
      this.#times[slot * 4 + 1] = to ?? FOREVER;
      this.#words[slot * SLOT_WORDS + SLOT.TARIFF] = this.#tariffs.placeOf(value);
      this.#words[slot * SLOT_WORDS + SLOT.RATE_ID] = value.path[0]!;
      return slot;
    }
    const first = this.#entryFrom.length;
    for (const entry of entries) {
      const origin = this.#originOf(entry);
      for (const { from, to, value } of entry.versions) {
        this.#entryFrom.push(from);
        this.#entryTo.push(to ?? FOREVER);
        this.#entryBand.push(entry.bandId);
        this.#entryOrigin.push(origin);
        this.#entryTariff.push(this.#tariffs.placeOf(value));
        this.#entryRateId.push(value.path[0]!);
      }
    }
    this.#words[slot * SLOT_WORDS + SLOT.TARIFF] = this.#entryFrom.length - first;
    this.#words[slot * SLOT_WORDS + SLOT.ENTRIES] = first + 1;
    return slot;
  }

  finish(): { slots: Slots; tariffs: Float64Array; terms: PricingTerms[] } {
    return {
      slots: {
        times: this.#times,
        words: this.#words,
        entryFrom: sharedCopy(Float64Array, this.#entryFrom),
        entryTo: sharedCopy(Float64Array, this.#entryTo),
        entryBand: sharedCopy(Int32Array, this.#entryBand),
        entryOrigin: sharedCopy(Int32Array, this.#entryOrigin),
        entryTariff: sharedCopy(Int32Array, this.#entryTariff),
        entryRateId: sharedCopy(Int32Array, this.#entryRateId),
      },
      ...this.#tariffs.finish(),
    };
  }

  #originOf({ originSetId }: TableEntry): number {
    if (originSetId === 0) return ANY_ORIGIN;
    const place = this.originPlace.get(originSetId);
    invariant(place !== undefined, 'the set of origins of every rate is in the book');
    return place;
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

  finish(): { tariffs: Float64Array; terms: PricingTerms[] } {
    const terms = new TermsList();
    const tariffs = shared(Float64Array, this.#rates.length * 8);
    this.#rates.forEach((rate, place) => {
      tariffs[place * 8 + TARIFF.PRICE] = exact(rate.price);
      tariffs[place * 8 + TARIFF.CONNECTION_FEE] = exact(rate.connectionFee);
      tariffs[place * 8 + TARIFF.RATE_UNIT] = rate.rateUnit;
      tariffs[place * 8 + TARIFF.FIRST_INCREMENT] = rate.firstIncrement;
      tariffs[place * 8 + TARIFF.NEXT_INCREMENT] = rate.nextIncrement;
      tariffs[place * 8 + TARIFF.MINIMUM] = rate.minimum;
      tariffs[place * 8 + TARIFF.GRACE] = rate.grace;
      tariffs[place * 8 + TARIFF.TERMS] = terms.numberOf(rate.terms);
    });
    return { tariffs, terms: terms.all };
  }
}

function equal(one: EffectiveRate, other: EffectiveRate): boolean {
  return (
    one.connectionFee === other.connectionFee &&
    one.rateUnit === other.rateUnit &&
    one.firstIncrement === other.firstIncrement &&
    one.nextIncrement === other.nextIncrement &&
    one.minimum === other.minimum &&
    one.grace === other.grace &&
    (one.terms === other.terms || termsKey(one.terms) === termsKey(other.terms))
  );
}

/** Equal terms are kept once, whatever objects they come as. */
class TermsList {
  readonly all: PricingTerms[] = [];
  readonly #numbers = new Map<string, number>();

  /** One plus the place of the terms, 0 for none. */
  numberOf(terms: PricingTerms | null): number {
    if (terms === null) return 0;
    const key = termsKey(terms);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.all.push(terms);
    this.#numbers.set(key, number);
    return number;
  }
}

function termsKey(terms: PricingTerms | null): string {
  return JSON.stringify(terms, (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
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
