import { DomainError } from '../kernel/index.js';
import type { VectorErrorCode } from './errors.js';

/** What a shape says about itself in the words of JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Reads a value found at a path of a JSON document, or refuses with VECTOR_INVALID. */
export interface Shape<T> {
  (value: unknown, path: string): T;
  readonly schema: JsonSchema;
}

const INVALID: VectorErrorCode = 'VECTOR_INVALID';

export function refused(path: string, rule: string): DomainError {
  return new DomainError(INVALID, `${path} ${rule}.`, { path });
}

function shape<T>(schema: JsonSchema, read: (value: unknown, path: string) => T): Shape<T> {
  return Object.assign(read, { schema });
}

function matching(pattern: RegExp, rule: string): Shape<string> {
  return shape({ type: 'string', pattern: pattern.source }, (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw refused(path, rule);
    return value;
  });
}

/** Text of at least one character. */
export const text: Shape<string> = matching(/[\s\S]/, 'is text');

export const flag: Shape<boolean> = shape({ type: 'boolean' }, (value, path) => {
  if (typeof value !== 'boolean') throw refused(path, 'is true or false');
  return value;
});

/** A whole number that is not below zero. */
export const whole: Shape<number> = shape({ type: 'integer', minimum: 0 }, (value, path) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw refused(path, 'is a whole number that is not below zero');
  }
  return value as number;
});

const MOST_UNITS = 999_999_999_999_999;

/** What a record used: no file says more. */
export const quantity: Shape<number> = shape(
  { ...whole.schema, maximum: MOST_UNITS },
  (value, path) => {
    const found = whole(value, path);
    if (found > MOST_UNITS) throw refused(path, 'is a whole number of at most 15 digits');
    return found;
  },
);

/** Decimal text, so that no value passes through a floating point number. */
export const decimal: Shape<string> = matching(
  /^-?\d{1,18}(?:\.\d{1,8})?$/,
  'is decimal text such as "0.0125"',
);

/** Money that a record carries: no file says more. */
export const carriedMoney: Shape<string> = matching(
  /^\d{1,7}(?:\.\d{1,8})?$/,
  'is decimal text of at most 7 digits before and 8 after the point',
);

/** Decimal text of an exchange rate, which has two decimals more than money. */
export const exchangeRate: Shape<string> = matching(
  /^(?=.*[1-9])\d{1,10}(?:\.\d{1,10})?$/,
  'is decimal text above zero such as "0.9512345678"',
);

/** Digits of a quantity, or of a prefix that the catalogue has its own word about. */
export const digits: Shape<string> = matching(/^\d{0,15}$/, 'is text of up to 15 digits');

/** A number as records carry it, or '' for one that is not known. */
export const phoneNumber: Shape<string> = matching(
  /^(?:[1-9]\d{0,14})?$/,
  'is text of up to 15 digits, the first of them 1 to 9',
);

/** How numbers begin. */
export const prefix: Shape<string> = matching(
  /^[1-9]\d{0,14}$/,
  'is text of 1 to 15 digits, the first of them 1 to 9',
);

const instantText = matching(
  /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/,
  'is an instant such as "2026-03-29T00:59:30Z"',
);

/** An instant with its offset, as epoch milliseconds. */
export const instant: Shape<number> = shape(instantText.schema, (value, path) => {
  const found = instantText(value, path);
  const at = Date.parse(found);
  if (Number.isNaN(at) || !isDay(found.slice(0, 10)))
    throw refused(path, 'is an instant that exists');
  return at;
});

const [EARLIEST, LATEST] = [Date.UTC(2000, 0, 1), Date.UTC(2100, 0, 1)];

/** When a record began: no file says an earlier or a later time. */
export const recordInstant: Shape<number> = shape(instant.schema, (value, path) => {
  const at = instant(value, path);
  if (at < EARLIEST || at >= LATEST) throw refused(path, 'lies in the years 2000 to 2099');
  return at;
});

const dayText = matching(/^\d{4}-\d\d-\d\d$/, 'is a day such as 2026-12-25');

// Dates of a month that is over are read as those of the next one.
function isDay(iso: string): boolean {
  const at = Date.parse(iso);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(iso);
}

/** A day of the calendar. */
export const day: Shape<string> = shape(dayText.schema, (value, path) => {
  const found = dayText(value, path);
  if (!isDay(found)) throw refused(path, 'is a day of the calendar');
  return found;
});

export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  return shape({ enum: words }, (value, path) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw refused(path, `is one of ${words.join(', ')}`);
    return found;
  });
}

export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  return shape({ type: 'array', items: item.schema }, (value, path) => {
    if (!Array.isArray(value)) throw refused(path, 'is a list');
    return value.map((one, place) => item(one, `${path}[${place}]`));
  });
}

/** Things by their names, in the order in which they are written. */
export function mapOf<T>(item: Shape<T>): Shape<ReadonlyMap<string, T>> {
  return shape({ type: 'object', additionalProperties: item.schema }, (value, path) => {
    const entries = Object.entries(objectAt(value, path));
    return new Map(entries.map(([name, one]) => [name, item(one, `${path}.${name}`)]));
  });
}

/** The first shape that fits the kind of the value: text, or anything else. */
export function textOr<T, U>(ofText: Shape<T>, other: Shape<U>): Shape<T | U> {
  return shape({ anyOf: [ofText.schema, other.schema] }, (value, path): T | U =>
    typeof value === 'string' ? ofText(value, path) : other(value, path),
  );
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
  const fields = Object.entries({ ...required, ...optional });
  const known = new Map(fields);
  const schema = {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(required),
    properties: Object.fromEntries(fields.map(([name, one]) => [name, one.schema])),
  };
  return shape(schema, (value, path) => {
    const given = objectAt(value, path);
    for (const name of Object.keys(required)) {
      if (!(name in given)) throw refused(`${path}.${name}`, 'is missing');
    }
    const read: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(given)) {
      const one = known.get(name);
      if (one === undefined) throw refused(`${path}.${name}`, 'is not a field that is known here');
      read[name] = one(field, `${path}.${name}`);
    }
    return read as Values<R> & Options<O>;
  });
}

function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(path, 'is an object');
  }
  return value as Record<string, unknown>;
}
