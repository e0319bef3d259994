import { countryCodeLength, E164_MAX_DIGITS } from '../kernel/index.js';

/** A number and what takes its place, both E.164 digits of one length. */
export interface Replacement {
  readonly number: string;
  readonly by: string;
}

/** What takes the place of written digits, with a plus before them or not; null for nothing. */
export type FindNumber = (digits: string, plus: boolean) => Replacement | null;

// Groups of digits with the signs between them that numbers are written with.
const SEQUENCE = /\d+(?:[ \t()[\]/._-]{1,3}\d+)*/g;
/** Fewer digits are no number but in the columns of numbers, nor a national one. */
const LEAST_DIGITS = 6;
const INTERNATIONAL = ['', '00', '011', '0011', '010', '810'];
/** What is dialled before a national number where it is not 0; in Italy 0 begins numbers. */
const TRUNK: Readonly<Record<string, string>> = { '7': '8', '36': '06', '39': '' };
/** No number is written with more: those of E.164, a prefix, and a zero in brackets. */
const MOST_WRITTEN = 20;
/** Nothing but digits and the signs between them. */
const WRITTEN = /^[\d \t()[\]/.+-]*$/;
// `2026-10-05 10` of a time, and `1697794800.12`, by which Asterisk knows a call.
const NO_NUMBER = /^(?:(?:19|20)\d\d-[01]\d-[0-3]\d(?: \d\d)?|1\d{9}\.\d+)$/;
// Asterisk names a channel by its peer and eight more digits: `SIP/2025550123-00000012`.
const CHANNEL = /-\d{8}$/;

/** Numbers, found however they are dialled: with or without country code and prefixes. */
export class KnownNumbers {
  readonly #full = new Map<string, Replacement>();
  readonly #national = new Map<string, Replacement>();

  constructor(replacements: Iterable<Replacement>) {
    for (const each of replacements) {
      if (each.number === each.by) continue;
      const code = each.number.slice(0, countryCodeLength(each.number));
      const national = each.number.slice(code.length);
      const trunk = TRUNK[code] ?? '0';
      this.#full.set(each.number, each);
      // +49 (0)151 …
      this.#full.set(`${code}${trunk}${national}`, each);
      if (national.length < LEAST_DIGITS) continue;
      this.#national.set(national, each).set(`${trunk}${national}`, each);
    }
  }

  /**
   * The number that these digits are. One that only ends in the same digits, such as one of
   * another country, is another number.
   */
  readonly find = (digits: string, plus: boolean): Replacement | null => {
    if (plus) return this.#full.get(digits) ?? null;
    for (const prefix of INTERNATIONAL) {
      if (!digits.startsWith(prefix)) continue;
      const found = this.#full.get(digits.slice(prefix.length));
      if (found !== undefined) return found;
    }
    return this.#national.get(digits) ?? null;
  };
}

/**
 * Replaces numbers in text, however they are written. A digit takes the place of a digit, so that
 * nothing moves. What is one number as a whole is never replaced in part.
 */
export function replaceNumbers(text: string, find: FindNumber): string {
  return text.replace(SEQUENCE, (found, at: number) => {
    if (NO_NUMBER.test(found)) return found;
    const groups = [...found.matchAll(/\d+/g)].map(({ 0: digits, index: from }) => {
      return { from, to: from + digits.length, digits };
    });
    const plus = /\+[([]?$/.test(text.slice(Math.max(0, at - 2), at));
    const digits = groups.map((group) => group.digits).join('');
    if (digits.length < LEAST_DIGITS) return found;
    const whole = find(digits, plus);
    if (whole !== null) return exchanged(found, whole);
    const [first, end] = searched(text, found, at, groups, plus);
    return inGroups(found, groups.slice(first, end), plus && first === 0, find);
  });
}

/**
 * Replaces the number that a text is, or ends in behind prefixes with which it is none by the
 * rules of its format, such as that of a carrier.
 */
export function replaceNumber(text: string, number: string | null, find: FindNumber): string {
  if (number !== null) {
    const found = find(number, true);
    return found === null ? text : exchanged(text, found);
  }
  const changed = replaceNumbers(text, find);
  const digits = text.replace(/\D/g, '');
  if (changed !== text || digits.length <= E164_MAX_DIGITS || !WRITTEN.test(text)) return changed;
  for (let from = 1; digits.length - from > LEAST_DIGITS; from += 1) {
    const found = find(digits.slice(from), false);
    if (found !== null) return exchanged(text, found);
  }
  return text;
}

/** The digits of a written number, which may have prefixes before it, exchanged. */
function exchanged(written: string, { number, by }: Replacement): string {
  let left = written.replace(/\D/g, '').length;
  const hidden = Math.min(number.length - commonStart(number, by), left);
  const ending = by.slice(by.length - hidden);
  return written.replace(/\d/g, (digit) => {
    left -= 1;
    return left < hidden ? (ending[hidden - 1 - left] as string) : digit;
  });
}

interface Group {
  readonly from: number;
  readonly to: number;
  readonly digits: string;
}

// Which groups, from one to before another, may be numbers of their own: all of what is too long
// to be one number, else those between groups that belong to a name, and mostly none.
function searched(
  text: string,
  found: string,
  at: number,
  groups: readonly Group[],
  plus: boolean,
): [number, number] {
  const digits = groups.map((group) => group.digits).join('');
  const prefix = plus ? 0 : (/^(?:0?011|00|0)/.exec(digits)?.[0].length ?? 0);
  // What begins with one zero is without its country code, which takes a digit at least.
  const most = prefix === 1 ? E164_MAX_DIGITS - 1 : E164_MAX_DIGITS;
  if (digits.length - prefix > most) return [0, groups.length];
  const first = isLetter(text[at - 1]) ? 1 : 0;
  const named = isLetter(text[at + found.length]) || CHANNEL.test(found);
  const end = named ? groups.length - 1 : groups.length;
  return first === 0 && !named ? [0, 0] : [first, end];
}

function inGroups(
  found: string,
  groups: readonly Group[],
  plus: boolean,
  find: FindNumber,
): string {
  let [changed, done] = ['', 0];
  for (let n = 0; n < groups.length; ) {
    const run = longestRun(groups, n, plus && n === 0, find);
    if (run === null) n += 1;
    else {
      const from = (groups[n] as Group).from;
      const to = (groups[run.end - 1] as Group).to;
      changed += found.slice(done, from) + exchanged(found.slice(from, to), run.by);
      done = to;
      n = run.end;
    }
  }
  return changed + found.slice(done);
}

function longestRun(
  groups: readonly Group[],
  first: number,
  plus: boolean,
  find: FindNumber,
): { readonly end: number; readonly by: Replacement } | null {
  let digits = '';
  let longest: { end: number; by: Replacement } | null = null;
  for (let n = first; n < groups.length; n += 1) {
    digits += (groups[n] as Group).digits;
    if (digits.length > MOST_WRITTEN) break;
    const by = digits.length < LEAST_DIGITS ? null : find(digits, plus);
    if (by !== null) longest = { end: n + 1, by };
  }
  return longest;
}

function isLetter(sign: string | undefined): boolean {
  return sign !== undefined && /[A-Za-z]/.test(sign);
}

function commonStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
