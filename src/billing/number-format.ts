import { AMOUNT_SCALE, invariant, minorUnits, mulDiv, roundToScale } from '../kernel/index.js';

/** Thousands separator and decimal mark of a language. */
interface Marks {
  readonly group: string;
  readonly point: string;
}

const NO_BREAK_SPACE = '\u00a0';
const english: Marks = { group: ',', point: '.' };
const continental: Marks = { group: '.', point: ',' };
const spaced: Marks = { group: NO_BREAK_SPACE, point: ',' };

/** Languages (ISO 639-1) by how they write numbers; any other is written as English. */
const marksByLanguage: ReadonlyMap<string, Marks> = new Map([
  ...['da', 'de', 'el', 'es', 'hr', 'id', 'it', 'nl', 'pt', 'ro', 'sl', 'sr', 'tr'].map(
    (language): [string, Marks] => [language, continental],
  ),
  ...['bg', 'cs', 'et', 'fi', 'fr', 'hu', 'lt', 'lv', 'nb', 'no', 'pl', 'ru', 'sk', 'sv', 'uk'].map(
    (language): [string, Marks] => [language, spaced],
  ),
]);

/** The language of a tag such as `de-AT`. */
export function languageOf(tag: string): string {
  return (tag.split(/[-_]/)[0] ?? '').toLowerCase();
}

/**
 * A whole number of 10^-decimals as a person reads it: grouped by thousands, with the decimal
 * mark of the language and a real minus sign.
 */
export function formatScaled(value: bigint, decimals: number, language: string): string {
  invariant(Number.isInteger(decimals) && decimals >= 0, 'decimals are a whole number');
  const marks = marksByLanguage.get(languageOf(language)) ?? english;
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  const whole = grouped(digits.slice(0, point), marks.group);
  const fraction = decimals === 0 ? '' : marks.point + digits.slice(point);
  return `${value < 0n ? '\u2212' : ''}${whole}${fraction}`;
}

/** Digits in groups of three, counted from the end. */
function grouped(digits: string, mark: string): string {
  const first = digits.length % 3;
  const groups = digits.slice(first).match(/.{3}/g) ?? [];
  return (first === 0 ? groups : [digits.slice(0, first), ...groups]).join(mark);
}

/** A count. */
export function formatCount(value: bigint, language: string): string {
  return formatScaled(value, 0, language);
}

/** An amount (scale 8) that is already in whole minor units of its currency. */
export function formatMinor(amount: bigint, currency: string, language: string): string {
  const decimals = minorUnits(currency);
  const minor = roundToScale(amount, AMOUNT_SCALE, decimals, 'HALF_UP');
  invariant(
    roundToScale(minor, decimals, AMOUNT_SCALE, 'HALF_UP') === amount,
    'a document shows whole minor units only',
  );
  return formatScaled(minor, decimals, language);
}

/** A percentage (scale 8) without needless zeros, with at least `least` decimals. */
export function formatExact(amount: bigint, least: number, language: string): string {
  let value = amount;
  let decimals = AMOUNT_SCALE;
  while (decimals > least && value % 10n === 0n) {
    value /= 10n;
    decimals -= 1;
  }
  return formatScaled(value, decimals, language);
}

/** What a quantity of a service is counted in on a document. */
export type QuantityUnit = 'MINUTE' | 'MESSAGE' | 'MEGABYTE' | 'EVENT';

const units: Readonly<Record<string, { unit: QuantityUnit; size: bigint; decimals: number }>> = {
  VOICE: { unit: 'MINUTE', size: 60n, decimals: 2 },
  SMS: { unit: 'MESSAGE', size: 1n, decimals: 0 },
  DATA: { unit: 'MEGABYTE', size: 1_000_000n, decimals: 2 },
  EVENT: { unit: 'EVENT', size: 1n, decimals: 0 },
};

/** The unit in which a service's quantity is shown. */
export function quantityUnit(service: string): QuantityUnit {
  const found = units[service];
  invariant(found !== undefined, `unknown service ${service}`);
  return found.unit;
}

/** Seconds as minutes, octets as megabytes (10^6), messages and events as they are. */
export function formatQuantity(quantity: bigint, service: string, language: string): string {
  const found = units[service];
  invariant(found !== undefined, `unknown service ${service}`);
  const scaled = mulDiv(quantity, 10n ** BigInt(found.decimals), found.size, 'HALF_UP');
  return formatScaled(scaled, found.decimals, language);
}

const englishMonths = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** A civil date: `31.10.2026` where points are the custom, `31 Oct 2026` in English. */
export function formatDate(isoDate: string, language: string): string {
  const [year = '', month = '', day = ''] = isoDate.split('-');
  if (!marksByLanguage.has(languageOf(language))) {
    return `${Number(day)} ${englishMonths[Number(month) - 1] ?? ''} ${year}`;
  }
  return `${day}.${month}.${year}`;
}
