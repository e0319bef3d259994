import { DomainError, invariant } from './errors.js';

const MAX_ID_TEXT = 512;
const MAX_CURSOR_TEXT = 16_384;
const LAST_ROW = 2n ** 63n - 1n;
const typeName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The opaque identifier that the API shows for a row: base64url of `Type:id`. */
export function toGlobalId(type: string, id: number | bigint | string): string {
  invariant(typeName.test(type), 'a type is named as in the schema');
  const key = String(id);
  const bytes = Buffer.from(`${type}:${key}`, 'utf8');
  invariant(isKey(key) && bytes.toString('utf8').endsWith(key), 'an identifier can be encoded');
  return bytes.toString('base64url');
}

/**
 * The row's own identifier inside an opaque one. Refuses with INVALID_ID what was not made by
 * {@link toGlobalId} for this very type; every identifier has one spelling only.
 */
export function fromGlobalId(type: string, text: string): string {
  const plain = text.length <= MAX_ID_TEXT ? decodeBase64Url(text) : null;
  const key = plain?.startsWith(`${type}:`) ? plain.slice(type.length + 1) : '';
  if (!isKey(key)) throw invalidId(type, text);
  return key;
}

/**
 * As {@link fromGlobalId} for rows counted by a bigint column: decimal digits from 1 to 2^63 - 1,
 * so that a forged identifier refuses with INVALID_ID before it reaches the database.
 */
export function fromGlobalRowId(type: string, text: string): string {
  const key = fromGlobalId(type, text);
  if (!/^[1-9]\d{0,18}$/.test(key) || BigInt(key) > LAST_ROW) throw invalidId(type, text);
  return key;
}

/**
 * An opaque position in a list from the sort values of a row: base64url of a JSON list. A bigint
 * comes back as a bigint; numbers must be finite, dates be given as
 * text, and text hold no NUL.
 */
export function encodeCursor(values: readonly unknown[]): string {
  for (const value of values) invariant(isScalar(value), 'a cursor holds plain scalar values');
  const json = JSON.stringify(values, (_, value: unknown) => {
    if (typeof value === 'bigint') return { big: value.toString() };
    return value;
  });
  return Buffer.from(json, 'utf8').toString('base64url');
}

/**
 * The sort values inside a cursor. Refuses with INVALID_CURSOR what {@link encodeCursor} cannot
 * have made, or what holds another count of values than `length`, when that is given.
 */
export function decodeCursor(text: string, length?: number): unknown[] {
  const json = text.length <= MAX_CURSOR_TEXT ? decodeBase64Url(text) : null;
  const values = json === null ? null : parseScalars(json);
  const fits = values !== null && (length === undefined || values.length === length);
  if (!fits || encodeCursor(values) !== text) {
    throw new DomainError('INVALID_CURSOR', 'The cursor is not one that this API issued.', {
      cursor: text.slice(0, 64),
    });
  }
  return values;
}

function parseScalars(json: string): unknown[] | null {
  let list: unknown;
  try {
    list = JSON.parse(json);
  } catch {
    return null;
  }
  if (!Array.isArray(list)) return null;
  const values: unknown[] = list.map(reviveBigint);
  return values.every(isScalar) ? values : null;
}

function reviveBigint(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('big' in value)) return value;
  const { big } = value;
  return typeof big === 'string' && /^-?\d{1,40}$/.test(big) ? BigInt(big) : value;
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'string') return !value.includes('\0');
  return value === null || typeof value === 'boolean' || typeof value === 'bigint';
}

/** Control characters are no part of a key, and PostgreSQL cannot hold the first of them. */
function isKey(key: string): boolean {
  return key !== '' && !/\p{Cc}/u.test(key);
}

function invalidId(type: string, text: string): DomainError {
  return new DomainError('INVALID_ID', 'The identifier is not one of this type.', {
    type,
    id: text.slice(0, 64),
  });
}

/** The text inside base64url, or null when it is not spelt as this module spells it. */
function decodeBase64Url(text: string): string | null {
  const plain = Buffer.from(text, 'base64url').toString('utf8');
  return Buffer.from(plain, 'utf8').toString('base64url') === text ? plain : null;
}
