import { countryCodeLength, invariant } from '../kernel/index.js';

/** Digits of a person's number that always change. */
const LEAST_HIDDEN = 4;
const TRIES = 1_000;

/** A keyed hash; whoever has lost the key cannot find out what a hash was made from. */
export type KeyedHash = (text: string) => Uint8Array;

/** Numbers of the person, one after the other, and what begins the numbers in their place. */
export interface OwnNumbers {
  readonly from: string;
  readonly to: string;
  readonly as: string;
}

/**
 * Takes numbers away and puts others in their place, the same for the same. Every prefix that a
 * price, a destination or a set of origins is found by stays, so amounts can still be explained;
 * digits behind it are those of a keyed hash.
 */
export class Pseudonyms {
  readonly #hash: KeyedHash;
  readonly #prefixes: ReadonlySet<string>;

  constructor(hash: KeyedHash, prefixes: ReadonlySet<string>) {
    this.#hash = hash;
    this.#prefixes = prefixes;
  }

  /** A number of somebody whom the person called. Numbers that are priced whole are nobody's. */
  ofOther(number: string): string {
    const prefix = this.#prefixOf(number);
    const keep = keptOf(number, prefix);
    return this.#draw(number, keep, (found) => this.#prefixOf(found) === prefix);
  }

  /**
   * The beginning of numbers in the place of the person's own, from one number to another. None of
   * them may be in use: `isFree` is asked. At least four digits change, whatever is priced.
   */
  ofOwn(from: string, to: string, isFree: (from: string, to: string) => boolean): string {
    const span = BigInt(to) - BigInt(from);
    const prefix = this.#prefixOf(from);
    const keep = Math.min(keptOf(from, prefix), from.length - LEAST_HIDDEN);
    return this.#draw(from, Math.max(keep, 1), (found) => {
      const last = String(BigInt(found) + span);
      const kept = keep < prefix.length || this.#prefixOf(found) === prefix;
      return kept && last.startsWith(found.slice(0, keep)) && isFree(found, last);
    });
  }

  #prefixOf(number: string): string {
    for (let length = number.length; length > 0; length -= 1) {
      const prefix = number.slice(0, length);
      if (this.#prefixes.has(prefix)) return prefix;
    }
    return '';
  }

  #draw(number: string, keep: number, fits: (found: string) => boolean): string {
    const hidden = number.length - keep;
    if (hidden <= 0) return number;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const hash = this.#hash(`${number}:${attempt}`);
      const digits = [...hash.subarray(0, hidden)].map((byte) => byte % 10).join('');
      const found = number.slice(0, keep) + digits;
      if (found !== number && !found.startsWith('0') && fits(found)) return found;
    }
    // Prefixes leave nothing free: all numbers of this beginning are priced one by one.
    invariant(hidden < LEAST_HIDDEN, 'some number of the same beginning is free');
    return number;
  }
}

// The country stays even where nothing has a price yet, since its records may wait for one.
function keptOf(number: string, prefix: string): number {
  return Math.max(prefix.length, countryCodeLength(number));
}

/** What takes the place of a number of the person; null when it is none of his. */
export function ownPseudonym(number: string, own: readonly OwnNumbers[]): string | null {
  const value = BigInt(number);
  for (const { from, to, as } of own) {
    if (value >= BigInt(from) && value <= BigInt(to)) {
      return String(BigInt(as) + value - BigInt(from));
    }
  }
  return null;
}
