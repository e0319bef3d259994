/** Cells of a workbook (ECMA-376) as the text that a person sees in them. */

/** Columns are counted from 0; -1 for text that is no cell reference. */
export function columnOf(reference: string): number {
  let column = 0;
  let at = 0;
  for (; at < reference.length; at += 1) {
    const letter = reference.charCodeAt(at) - 64;
    if (letter < 1 || letter > 26) break;
    column = column * 26 + letter;
  }
  return at === 0 || at > 3 ? -1 : column - 1;
}

/**
 * A stored number as plain decimal text. Workbooks store binary floating point with 17 digits,
 * of which 15 are meant: 1.2500000000000001E-2 is 0.0125.
 */
export function plainNumber(stored: string): string {
  const value = Number(stored);
  if (stored.trim() === '' || !Number.isFinite(value)) return stored;
  const [mantissa = '', exponent] = value.toPrecision(15).split('e');
  if (exponent === undefined) return trimmed(mantissa);
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  const plain =
    point <= 0
      ? `0.${'0'.repeat(-point)}${digits}`
      : `${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point)}`;
  return (value < 0 ? '-' : '') + trimmed(plain);
}

function trimmed(plain: string): string {
  if (!plain.includes('.')) return plain;
  let end = plain.length;
  while (plain[end - 1] === '0') end -= 1;
  return plain.slice(0, plain[end - 1] === '.' ? end - 1 : end);
}

const DAY_MS = 86_400_000;
/** Day 0 of the two date systems; one takes 1900 for a leap year, so its days 1 to 59 differ. */
const EPOCH_1900 = Date.UTC(1899, 11, 30);
const EPOCH_1904 = Date.UTC(1904, 0, 1);
const LAST_DAY = 2_958_465;

/** A stored date as YYYY-MM-DD, with HH:MM:SS when it has a time; the text itself if it is none. */
export function plainDate(stored: string, from1904: boolean): string {
  const serial = Number(stored);
  if (stored.trim() === '' || !(serial >= 1 && serial < LAST_DAY)) return stored;
  const leap = !from1904 && serial < 60 ? 1 : 0;
  const seconds = Math.round((serial + leap) * 86_400);
  const text = new Date((from1904 ? EPOCH_1904 : EPOCH_1900) + seconds * 1000).toISOString();
  const day = text.slice(0, 10);
  return (seconds * 1000) % DAY_MS === 0 ? day : `${day} ${text.slice(11, 19)}`;
}

/** Whether numbers of a format are dates, by the number of a built-in format or by its code. */
export function isDateFormat(id: number, code: string | undefined): boolean {
  if (code === undefined) return (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || isLocal(id);
  // Quoted and escaped text, colours and currencies stand beside what the format does.
  // What is not closed is one of them to its end, so that no part of a long code is read twice.
  const bare = code.replace(/"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]?/g, '').split(';')[0] as string;
  return /[dy]/i.test(bare) || (/m/i.test(bare) && /h|s/i.test(bare));
}

function isLocal(id: number): boolean {
  return (id >= 45 && id <= 47) || (id >= 50 && id <= 58);
}

/** Text in which characters that XML cannot hold are written _x000D_. */
export function plainText(stored: string): string {
  if (!stored.includes('_x')) return stored;
  return stored.replace(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
