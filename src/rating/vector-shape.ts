import { DomainError } from '../kernel/index.js';
import type { VectorErrorCode } from './errors.js';

/** Reads a value found at a path of a JSON document, or refuses with VECTOR_INVALID. */
export type Shape<T> = (value: unknown, path: string) => T;

const INVALID: VectorErrorCode = 'VECTOR_INVALID';

export function refused(path: string, rule: string): DomainError {
  return new DomainError(INVALID, `${path} ${rule}.`, { path });
}

/** Text of at least one character. */
export const text: Shape<string> = (value, path) => {
  if (typeof value !== 'string' || value === '') throw refused(path, 'is text');
  return value;
};

export const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw refused(path, 'is true or false');
  return value;
};

/** A whole number that is not below zero. */
export const whole: Shape<number> = (value, path) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw refused(path, 'is a whole number that is not below zero');
  }
  return value as number;
};

/** Decimal text, so that no value passes through a floating point number. */
export const decimal: Shape<string> = (value, path) => {
  if (typeof value !== 'string' || !/^-?\d{1,18}(?:\.\d{1,10})?$/.test(value)) {
    throw refused(path, 'is decimal text such as "0.0125"');
  }
  return value;
};

/** Digits, or '' for a number that is not known. */
export const digits: Shape<string> = (value, path) => {
  if (typeof value !== 'string' || !/^\d{0,15}$/.test(value)) {
    throw refused(path, 'is text of up to 15 digits');
  }
  return value;
};

/** An instant with its offset, as epoch milliseconds. */
export const instant: Shape<number> = (value, path) => {
  const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;
  const at = typeof value === 'string' && pattern.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) throw refused(path, 'is an instant such as "2026-03-29T00:59:30Z"');
  return at;
};

/** A day of the calendar. */
export const day: Shape<string> = (value, path) => {
  const isDay = typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
  if (!isDay || Number.isNaN(Date.parse(value))) throw refused(path, 'is a day such as 2026-12-25');
  return value;
};

export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  return (value, path) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw refused(path, `is one of ${words.join(', ')}`);
    return found;
  };
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw refused(path, 'is a list');
    return value.map((item, place) => shape(item, `${path}[${place}]`));
  };
}

/** Things by their names, in the order in which they are written. */
export function mapOf<T>(shape: Shape<T>): Shape<ReadonlyMap<string, T>> {
  return (value, path) => {
    const entries = Object.entries(objectAt(value, path));
    return new Map(entries.map(([name, item]) => [name, shape(item, `${path}.${name}`)]));
  };
}

/** The first shape that fits the kind of the value: text, or anything else. */
export function textOr<T, U>(ofText: Shape<T>, other: Shape<U>): Shape<T | U> {
  return (value, path) => (typeof value === 'string' ? ofText(value, path) : other(value, path));
}

type Shapes = Readonly<Record<string, Shape<unknown>>>;
type Values<S extends Shapes> = { readonly [Name in keyof S]: ReturnType<S[Name]> };
type Options<S extends Shapes> = {
  readonly [Name in keyof S]?: ReturnType<S[Name]> | undefined;
};

/** An object with the fields given, and no others. */
export function object<R extends Shapes, O extends Shapes>(
  required: R,
  optional: O,
): Shape<Values<R> & Options<O>> {
  const known = new Map(Object.entries({ ...required, ...optional }));
  return (value, path) => {
    const fields = objectAt(value, path);
    for (const name of Object.keys(required)) {
      if (!(name in fields)) throw refused(`${path}.${name}`, 'is missing');
    }
    const read: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const shape = known.get(name);
      if (shape === undefined)
        throw refused(`${path}.${name}`, 'is not a field that is known here');
      read[name] = shape(field, `${path}.${name}`);
    }
    return read as Values<R> & Options<O>;
  };
}

function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(path, 'is an object');
  }
  return value as Record<string, unknown>;
}
