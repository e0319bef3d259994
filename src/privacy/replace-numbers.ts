import { countryCodeLength } from '../kernel/index.js';

/** A number and what takes its place, both E.164 digits of one length. */
export interface Replacement {
  readonly number: string;
  readonly by: string;
}

const SEQUENCE = /\d(?:[ ()/._-]{0,3}\d){5,}/g;
const LEAST_DIGITS = 6;

/**
 * Replaces numbers in lines, however they are written: with or without country code and prefixes,
 * with signs between the digits. A digit takes the place of a digit, so that nothing moves.
 */
export class NumberReplacer {
  readonly #own: ReadonlyMap<string, Replacement>;
  readonly #others: ReadonlyMap<string, Replacement>;

  /** `others` are replaced only in lines that hold one of `own`. */
  constructor(own: readonly Replacement[], others: readonly Replacement[]) {
    this.#own = byEnd(own);
    this.#others = byEnd(others);
  }

  /** The line without the numbers; the line itself when it holds none of the person's. */
  replace(line: string): string {
    if (!this.#holdsOwn(line)) return line;
    return line.replace(SEQUENCE, (found) => {
      const digits = found.replace(/\D/g, '');
      const replacement = endOf(digits, this.#own) ?? endOf(digits, this.#others);
      return replacement === null ? found : exchanged(found, digits, replacement);
    });
  }

  #holdsOwn(line: string): boolean {
    for (const [found] of line.matchAll(SEQUENCE)) {
      if (endOf(found.replace(/\D/g, ''), this.#own) !== null) return true;
    }
    return false;
  }
}

/** By what a number ends in however it is dialled: its digits without the country code. */
function byEnd(replacements: readonly Replacement[]): ReadonlyMap<string, Replacement> {
  return new Map(
    replacements
      .filter(({ number, by }) => number !== by)
      .map((each) => {
        const national = each.number.slice(countryCodeLength(each.number));
        return [national.length < LEAST_DIGITS ? each.number : national, each];
      }),
  );
}

function endOf(digits: string, known: ReadonlyMap<string, Replacement>): Replacement | null {
  for (let from = 0; digits.length - from >= LEAST_DIGITS; from += 1) {
    const found = known.get(digits.slice(from));
    if (found !== undefined) return found;
  }
  return null;
}

function exchanged(found: string, digits: string, { number, by }: Replacement): string {
  const common = commonStart(number, by);
  const hidden = Math.min(number.length - common, digits.length);
  const ending = by.slice(by.length - hidden);
  let left = digits.length;
  return found.replace(/\d/g, (digit) => {
    left -= 1;
    return left < hidden ? (ending[hidden - 1 - left] as string) : digit;
  });
}

function commonStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
