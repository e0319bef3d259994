/** How the numbers of one source are written. */
export type NumberRules = {
  /** Country code of the source, digits only: `49`. */
  readonly countryCode: string;
  /** Digit(s) dialled before a national number, empty where there are none: `0`. */
  readonly trunkPrefix: string;
  /** Digits dialled before a country code: `['00', '011']`. The longest that fits counts. */
  readonly internationalPrefixes: readonly string[];
  /** What a number without any prefix is; a full international number unless told. */
  readonly bare?: 'INTERNATIONAL' | 'NATIONAL';
  /** Fewest digits of a national number behind its trunk prefix; none unless told. */
  readonly nationalMin?: number;
};

/** Why a text is not a number; each is the code of a rejected record. */
export const numberFaults = {
  EMPTY: 'The number holds no digits.',
  ALPHANUMERIC: 'The number holds a letter.',
  INVALID_CHARACTER: 'The number holds a sign that no number is written with.',
  TOO_SHORT: 'The national number is shorter than the shortest of its source.',
  TOO_LONG: 'The number has more than the 15 digits of E.164.',
  LEADING_ZERO: 'The number begins with 0, as no country code does.',
} as const;

/** The code of one {@link numberFaults} entry. */
export type NumberFault = keyof typeof numberFaults;

/** A number as E.164 digits without the plus, or why it is none. */
export type NormalisedNumber = { readonly digits: string } | { readonly error: NumberFault };

/** The most digits that ITU-T E.164 gives a number, country code included. */
export const E164_MAX_DIGITS = 15;

/**
 * One number as its E.164 digits. The reference that faster versions are tested against, so the
 * rules are exact and run in this order:
 *
 * 1. The text is read from left to right. Space, tab and `- . / ( ) [ ]` are dropped wherever
 *    they stand; `+` is noted and dropped when only dropped separators stand before it. The first
 *    other sign decides the refusal: a letter A-Z or a-z is ALPHANUMERIC, everything else
 *    (`*`, `#`, a second `+`, any sign outside ASCII) INVALID_CHARACTER.
 * 2. No digit left: EMPTY.
 * 3. With a plus, the digits are international and no prefix is looked for.
 * 4. Else the longest international prefix that the digits begin with is cut off, and what
 *    follows is international.
 * 5. Else, when the trunk prefix is not empty and the digits begin with it, it is cut off once,
 *    and what follows is national.
 * 6. Else the digits are what `bare` says.
 * 7. Nothing left after a cut: EMPTY.
 * 8. A national number of fewer than `nationalMin` digits is TOO_SHORT; else the country code is
 *    put before it.
 * 9. More than 15 digits are TOO_LONG; then a first digit 0 is LEADING_ZERO.
 *
 * A bracketed trunk prefix behind a country code, `+49 (0)30`, is not undone: records of machines
 * do not write it, and undoing it would damage Italian numbers, whose 0 belongs to them.
 */
export function normaliseNumber(text: string, rules: NumberRules): NormalisedNumber {
  const written = readDigits(text);
  if ('error' in written) return written;
  const { digits, national } = split(written, rules);
  if (digits === '') return { error: 'EMPTY' };
  if (national && digits.length < (rules.nationalMin ?? 0)) return { error: 'TOO_SHORT' };
  const full = national ? rules.countryCode + digits : digits;
  if (full.length > E164_MAX_DIGITS) return { error: 'TOO_LONG' };
  if (full.startsWith('0')) return { error: 'LEADING_ZERO' };
  return { digits: full };
}

type Written = { readonly digits: string; readonly plus: boolean };

function readDigits(text: string): Written | { readonly error: NumberFault } {
  let digits = '';
  let plus = false;
  for (const sign of text) {
    if (sign >= '0' && sign <= '9') digits += sign;
    else if (sign === '+' && digits === '' && !plus) plus = true;
    else if (/[A-Za-z]/.test(sign)) return { error: 'ALPHANUMERIC' };
    else if (!' \t-./()[]'.includes(sign)) return { error: 'INVALID_CHARACTER' };
  }
  return digits === '' ? { error: 'EMPTY' } : { digits, plus };
}

function split(written: Written, rules: NumberRules): { digits: string; national: boolean } {
  const { digits, plus } = written;
  if (plus) return { digits, national: false };
  let longest = '';
  for (const prefix of rules.internationalPrefixes) {
    if (prefix.length > longest.length && digits.startsWith(prefix)) longest = prefix;
  }
  if (longest !== '') return { digits: digits.slice(longest.length), national: false };
  const trunk = rules.trunkPrefix;
  if (trunk !== '' && digits.startsWith(trunk)) {
    return { digits: digits.slice(trunk.length), national: true };
  }
  return { digits, national: rules.bare === 'NATIONAL' };
}
