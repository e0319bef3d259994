import { Bug, DomainError, invariant } from './errors.js';

/** Deeper nesting is refused, which also stops a value that contains itself. */
const MAX_DEPTH = 64;

/**
 * A value as JSON text of one spelling, fit for hashing: keys sorted by code unit, no blanks,
 * bigint as a string, `toJSON` honoured, absent (`undefined`) properties left out. Two requests
 * with equal content give equal text whatever the order of their keys. Refuses with
 * INVALID_NUMBER a number that is not finite; functions, symbols, maps and sets are bugs.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  invariant(depth <= MAX_DEPTH, 'a value for hashing is nested too deeply');
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'bigint':
      return `"${value}"`;
    case 'number':
      return writeNumber(value);
    case 'undefined':
      return 'null';
    case 'object':
      return value === null ? 'null' : writeObject(value, depth);
    default:
      throw new Bug(`a ${typeof value} cannot be hashed`);
  }
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) {
    throw new DomainError('INVALID_NUMBER', 'The number is not finite.', { value: String(value) });
  }
  return JSON.stringify(value);
}

function writeObject(value: object, depth: number): string {
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return write(value.toJSON(), depth + 1);
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  invariant(!(value instanceof Map || value instanceof Set), 'maps and sets cannot be hashed');
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${write(item, depth + 1)}`);
  return `{${fields.join(',')}}`;
}
