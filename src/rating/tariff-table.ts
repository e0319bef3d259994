import type { EffectiveRate, PricingTerms } from '../catalog/index.js';
import { TARIFF, type WideAmounts } from './book.js';

/** What a rate charges, without when and where it holds. */
export type TariffFacts = Pick<
  EffectiveRate,
  | 'price'
  | 'connectionFee'
  | 'rateUnit'
  | 'firstIncrement'
  | 'nextIncrement'
  | 'minimum'
  | 'grace'
  | 'terms'
>;

const FIELDS = 8;
const EXACT = 2n ** 53n;

/**
 * Distinct tariffs, eight numbers each as {@link TARIFF} says. Equal ones are kept once, since
 * real lists have a few hundred of them.
 */
export class TariffTable {
  numbers = new Float64Array(64 * FIELDS);
  count = 0;
  readonly terms: PricingTerms[] = [];
  /** Amounts of tariffs that say NaN. */
  readonly wide = new Map<number, WideAmounts>();
  readonly #termsNumber = new Map<string, number>();
  readonly #wideByKey = new Map<string, number>();
  /** One plus the place of a tariff, by its hash and on. */
  #places = new Int32Array(256);
  /** Tariffs at the beginning that are not kept apart from equal ones. */
  #foreign = 0;

  /** A table that goes on behind the tariffs of a book; of these, equal ones may stand twice. */
  static behind(
    numbers: Float64Array,
    terms: readonly PricingTerms[],
    wide: ReadonlyMap<number, WideAmounts>,
  ): TariffTable {
    const table = new TariffTable();
    table.numbers = new Float64Array(numbers.length + 1024 * FIELDS);
    table.numbers.set(numbers);
    table.count = Math.floor(numbers.length / FIELDS);
    table.#foreign = table.count;
    table.terms.push(...terms);
    for (const [place, amounts] of wide) table.wide.set(place, amounts);
    return table;
  }

  /** The place of a tariff whose amounts are exact numbers; `terms` is as in {@link termsOf}. */
  intern(
    price: number,
    connectionFee: number,
    rateUnit: number,
    firstIncrement: number,
    nextIncrement: number,
    minimum: number,
    grace: number,
    terms: number,
  ): number {
    const { numbers } = this;
    const mask = this.#places.length - 1;
    let at =
      mask &
      mixed(price, connectionFee, rateUnit, firstIncrement * 64 + nextIncrement, minimum, terms);
    for (let place = this.#places[at]!; place !== 0; place = this.#places[at]!) {
      const first = (place - 1) * FIELDS;
      if (
        numbers[first + TARIFF.PRICE] === price &&
        numbers[first + TARIFF.CONNECTION_FEE] === connectionFee &&
        numbers[first + TARIFF.RATE_UNIT] === rateUnit &&
        numbers[first + TARIFF.FIRST_INCREMENT] === firstIncrement &&
        numbers[first + TARIFF.NEXT_INCREMENT] === nextIncrement &&
        numbers[first + TARIFF.MINIMUM] === minimum &&
        numbers[first + TARIFF.GRACE] === grace &&
        numbers[first + TARIFF.TERMS] === terms
      ) {
        return place - 1;
      }
      at = (at + 1) & mask;
    }
    const made = this.#append(price, connectionFee);
    const last = made * FIELDS;
    this.numbers[last + TARIFF.RATE_UNIT] = rateUnit;
    this.numbers[last + TARIFF.FIRST_INCREMENT] = firstIncrement;
    this.numbers[last + TARIFF.NEXT_INCREMENT] = nextIncrement;
    this.numbers[last + TARIFF.MINIMUM] = minimum;
    this.numbers[last + TARIFF.GRACE] = grace;
    this.numbers[last + TARIFF.TERMS] = terms;
    this.#places[at] = made + 1;
    if ((this.count - this.#foreign) * 2 > this.#places.length) this.#rehash();
    return made;
  }

  /** The place of a tariff of any size. */
  placeOf(tariff: TariffFacts): number {
    const { price, connectionFee, rateUnit, firstIncrement, nextIncrement } = tariff;
    const { minimum, grace } = tariff;
    const terms = this.termsOf(tariff.terms);
    const rest = [rateUnit, firstIncrement, nextIncrement, minimum, grace, terms] as const;
    if (isExact(price) && isExact(connectionFee)) {
      return this.intern(Number(price), Number(connectionFee), ...rest);
    }
    // The price that is no number keeps others from being taken for equal.
    const key = [price, connectionFee, ...rest].join(' ');
    const known = this.#wideByKey.get(key);
    if (known !== undefined) return known;
    const made = this.#append(toNumber(price), toNumber(connectionFee));
    this.numbers.set(rest, made * FIELDS + TARIFF.RATE_UNIT);
    this.wide.set(made, { price, connectionFee });
    this.#wideByKey.set(key, made);
    return made;
  }

  /** One plus the place in `terms`, 0 for none; equal terms are kept once. */
  termsOf(terms: PricingTerms | null): number {
    if (terms === null) return 0;
    const key = JSON.stringify(terms, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    const known = this.#termsNumber.get(key);
    if (known !== undefined) return known;
    const number = this.terms.push(terms);
    this.#termsNumber.set(key, number);
    return number;
  }

  at(place: number): TariffFacts {
    return tariffAt(this.numbers, place, this.terms, this.wide);
  }

  #append(price: number, connectionFee: number): number {
    const made = this.count;
    this.count += 1;
    if (this.count * FIELDS > this.numbers.length) {
      const larger = new Float64Array(this.numbers.length * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[made * FIELDS + TARIFF.PRICE] = price;
    this.numbers[made * FIELDS + TARIFF.CONNECTION_FEE] = connectionFee;
    return made;
  }

  #rehash(): void {
    const { numbers, count } = this;
    const places = new Int32Array(this.#places.length * 4);
    const mask = places.length - 1;
    for (let place = this.#foreign; place < count; place += 1) {
      const first = place * FIELDS;
      let at =
        mask &
        mixed(
          numbers[first + TARIFF.PRICE]!,
          numbers[first + TARIFF.CONNECTION_FEE]!,
          numbers[first + TARIFF.RATE_UNIT]!,
          numbers[first + TARIFF.FIRST_INCREMENT]! * 64 + numbers[first + TARIFF.NEXT_INCREMENT]!,
          numbers[first + TARIFF.MINIMUM]!,
          numbers[first + TARIFF.TERMS]!,
        );
      while (places[at] !== 0) at = (at + 1) & mask;
      places[at] = place + 1;
    }
    this.#places = places;
  }
}

function mixed(
  price: number,
  connectionFee: number,
  rateUnit: number,
  increments: number,
  minimum: number,
  terms: number,
): number {
  let hash = Math.imul(price | 0, 0x9e3779b1) ^ Math.imul((price / 4_294_967_296) | 0, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ connectionFee, 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 13) ^ rateUnit, 0x297a2d39);
  hash = Math.imul(hash ^ (hash >>> 16) ^ increments ^ (minimum << 8), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ terms, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** A tariff as exact amounts, from the numbers that a book or table keeps of it. */
export function tariffAt(
  numbers: Float64Array,
  place: number,
  terms: readonly PricingTerms[],
  wide: ReadonlyMap<number, WideAmounts>,
): TariffFacts {
  const first = place * FIELDS;
  const large = wide.get(place);
  return {
    price: large?.price ?? BigInt(numbers[first + TARIFF.PRICE]!),
    connectionFee: large?.connectionFee ?? BigInt(numbers[first + TARIFF.CONNECTION_FEE]!),
    rateUnit: numbers[first + TARIFF.RATE_UNIT]!,
    firstIncrement: numbers[first + TARIFF.FIRST_INCREMENT]!,
    nextIncrement: numbers[first + TARIFF.NEXT_INCREMENT]!,
    minimum: numbers[first + TARIFF.MINIMUM]!,
    grace: numbers[first + TARIFF.GRACE]!,
    terms: terms[numbers[first + TARIFF.TERMS]! - 1] ?? null,
  };
}

function isExact(amount: bigint): boolean {
  return amount < EXACT && amount > -EXACT;
}

// A price of 90 million and more is no exact number: it is charged by `wide`, the general way.
function toNumber(amount: bigint): number {
  return isExact(amount) ? Number(amount) : Number.NaN;
}
