import type { NamedIds } from './sheet-names.js';

/** What a row of a sheet is for. */
export interface SheetTarget {
  readonly prefixes: readonly string[];
  /** Parts of the cell of prefixes that are neither a prefix nor a range. */
  readonly unread: readonly string[];
  /** The destination of the row's name, unless prefixes say all. */
  readonly destinationId: number | null;
}

/** Something that a faulty row is about. */
export interface FaultyTarget {
  readonly prefix: string | null;
  readonly destinationId: number | null;
  /** Digits that begin what it may mean; NO_PREFIX is any destination, '' is anything. */
  readonly meant: string | null;
}

/** Stands for the prefix of rates that have none: those of destinations. Others are digits. */
export const NO_PREFIX = '-';

/** A range of prefixes wider than this is a mistake. */
const MAX_RANGE = 10_000;

/** The cells that say what a row is for, as they are written. */
export interface TargetCells {
  readonly prefix: string;
  readonly countryCode: string;
  readonly destination: string;
}

/** Reads what a row is for. Never refuses: what can't be read is told with what can. */
export function readTarget(cells: TargetCells, destinations: NamedIds): SheetTarget {
  const read = expandPrefixes(cells.prefix, cells.countryCode);
  const said = read.prefixes.length > 0 && read.unread.length === 0;
  const named = said ? undefined : destinations.get(cells.destination);
  return { ...read, destinationId: named ?? null };
}

/**
 * The prefixes that a cell lists: digits, several by comma, semicolon or blank, ranges of equal
 * length by a hyphen. `countryCode` is put before each. Each comes once, in order. None begins
 * with 0: numbers are E.164, and such a prefix would price nothing.
 */
export function expandPrefixes(
  text: string,
  countryCode = '',
): { readonly prefixes: string[]; readonly unread: string[] } {
  const found = new Set<string>();
  const unread: string[] = [];
  const code = plainCode(countryCode);
  const parts = text.split(/[,;\s]+/).filter((part) => part !== '');
  if (parts.length === 0 && code !== '') parts.push('');
  for (const part of parts) {
    const prefixes = prefixesOf(part, code);
    if (prefixes === null) unread.push(part);
    else for (const prefix of prefixes) found.add(prefix);
  }
  return { prefixes: [...found], unread };
}

/**
 * Everything that a faulty row may mean. One with a price is for something: where no digits tell
 * for what, it may be anything. One without is a heading or a note.
 */
export function mayMean(target: SheetTarget, cells: TargetCells, priced: boolean): FaultyTarget[] {
  const nothing = { prefix: null, destinationId: null, meant: null };
  const { prefixes, unread, destinationId } = target;
  const meant = unread.map((part) => mayBegin(part, cells.countryCode));
  if (prefixes.length + unread.length === 0 && destinationId === null) {
    meant.push(cells.destination === '' ? '' : NO_PREFIX);
  }
  const kept = new Set(meant.filter((digits) => /\d/.test(digits) || priced));
  const all = [
    ...prefixes.map((prefix) => ({ ...nothing, prefix })),
    ...(destinationId === null ? [] : [{ ...nothing, destinationId }]),
    ...[...kept].map((digits) => ({ ...nothing, meant: digits })),
  ];
  return all.length === 0 ? [nothing] : all;
}

/** The digits that begin whatever an unread part means, as far as that can be told. */
export function mayBegin(part: string, countryCode = ''): string {
  const code = plainCode(countryCode);
  if (!/^\d*$/.test(code)) return '';
  const pieces = part.split(/[^\p{L}\p{N}]+/u).filter((piece) => piece !== '');
  if (pieces.length === 0) pieces.push('');
  // Zeros before a number are the way out of a country.
  const heads = pieces.map((piece) => /^0*([1-9]\d{0,14})(?!\d)/.exec(code + piece)?.[1] ?? '');
  return heads.reduce(commonHead);
}

function commonHead(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

function plainCode(countryCode: string): string {
  return countryCode.replace(/^\+/, '');
}

function prefixesOf(part: string, code: string): string[] | null {
  const [low = '', high, ...more] = part.replace(/^\+/, '').split('-');
  const range = high === undefined ? [low] : rangeOf(low, high);
  if (more.length > 0 || range === null) return null;
  const prefixes = range.map((prefix) => code + prefix);
  return prefixes.every((prefix) => /^[1-9]\d{0,14}$/.test(prefix)) ? prefixes : null;
}

function rangeOf(low: string, high: string): string[] | null {
  const sound = /^\d{1,15}$/.test(low) && /^\d{1,15}$/.test(high) && low.length === high.length;
  const first = Number(low);
  const count = Number(high) - first + 1;
  if (!sound || count < 1 || count > MAX_RANGE) return null;
  return Array.from({ length: count }, (_, i) => String(first + i).padStart(low.length, '0'));
}
