import type { ReferenceDestination } from '../reference/destinations.js';
import { drawTable, type Random } from './random.js';

// Where Germans call: relative shares by country.
const HOT_COUNTRIES: readonly (readonly [country: string, share: number])[] = [
  ['DE', 520],
  ['AT', 60],
  ['CH', 55],
  ['PL', 45],
  ['TR', 45],
  ['GB', 40],
  ['FR', 40],
  ['IT', 35],
  ['NL', 30],
  ['US', 30],
  ['ES', 25],
  ['RO', 20],
  ['CZ', 15],
  ['GR', 12],
  ['HR', 10],
  ['UA', 10],
  ['BE', 8],
];
const PREFIXES_PER_COUNTRY = 16;
/** The country itself gets as many calls as all of its networks. */
const ROOT_SHARE = 16;
const TABLE = 8192;
const HOT_PERCENT = 80;
const PARTS = 65_536;

/** Codes that no country has: nobody has a price for them. */
const UNASSIGNED = ['999', '210', '259', '8511', '6938'];

/** The part of the world that a partner deals with. */
export interface Circle {
  /** Tells the circles of partners apart. */
  readonly seed: number;
  /** How many destinations it holds; the first of them are called most. */
  readonly size: number;
}

/**
 * Numbers that people call: four calls of five go to one prefix of a hundred, the others to the
 * destinations that the caller's partner deals with. All circles together are the world.
 */
export class CalledNumbers {
  readonly #hot: Uint8Array[];
  readonly #table: Uint16Array;
  readonly #cold: Uint8Array[][];
  readonly #unassigned = UNASSIGNED.map((prefix) => Buffer.from(prefix));

  constructor(destinations: readonly ReferenceDestination[]) {
    const hot: string[] = [];
    const weights: number[] = [];
    for (const [country, share] of HOT_COUNTRIES) {
      const own = hotPrefixes(destinations, country);
      const shares = own.map((_, place) => (place === 0 ? ROOT_SHARE : 1 + 12 / (place + 1)));
      const all = shares.reduce((sum, each) => sum + each, 0);
      hot.push(...own);
      weights.push(...shares.map((each) => (share * each) / all));
    }
    this.#hot = hot.map((prefix) => Buffer.from(prefix));
    this.#table = drawTable(weights, TABLE);
    this.#cold = destinations
      .filter(({ kind }) => kind !== 'SPECIAL')
      .map(({ prefixes }) => prefixes.map((prefix) => Buffer.from(prefix)));
  }

  /** Writes the digits of a number that has a price and answers how many there are. */
  draw(random: Random, into: Uint8Array, circle: Circle): number {
    const hot = random.below(100) < HOT_PERCENT;
    if (hot)
      return extend(this.#hot[this.#table[random.below(TABLE)] ?? 0] ?? UNKNOWN, random, into);
    const part = random.below(PARTS) / PARTS;
    const place = placeOf(circle.seed, Math.floor(part * part * circle.size));
    const destination = this.#cold[place % this.#cold.length] ?? [];
    return extend(destination[random.below(destination.length)] ?? UNKNOWN, random, into);
  }

  /** Writes the digits of a number that nobody has a price for. */
  drawUnassigned(random: Random, into: Uint8Array): number {
    const prefix = this.#unassigned[random.below(this.#unassigned.length)];
    return extend(prefix ?? UNKNOWN, random, into);
  }
}

const UNKNOWN = Buffer.from('999');

/** A number that looks random and is always the same for the nth destination of a circle. */
function placeOf(seed: number, n: number): number {
  let hash = Math.imul(seed ^ (n + 1), 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function hotPrefixes(destinations: readonly ReferenceDestination[], country: string): string[] {
  return destinations
    .filter((each) => each.country === country)
    .flatMap(({ prefixes }) => prefixes)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .slice(0, PREFIXES_PER_COUNTRY);
}

// The first digit behind the prefix is not 0: a national number with its trunk prefix 0 would
// begin with 00 and be read as an international one.
function extend(prefix: Uint8Array, random: Random, into: Uint8Array): number {
  into.set(prefix);
  const length = Math.max(11, prefix.length + 3);
  let bits = random.next();
  into[prefix.length] = 49 + (bits % 9);
  bits = random.next();
  for (let at = prefix.length + 1; at < length; at += 1) {
    into[at] = 48 + (bits % 10);
    bits = (bits / 10) | 0 || random.next();
  }
  return length;
}
