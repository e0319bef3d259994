import {
  GraphQLError,
  GraphQLScalarType,
  Kind,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';
import { Bug, epochDayFromIso } from '../kernel/index.js';

const plainDecimal = /^-?(0|[1-9]\d{0,29})(\.\d{1,18})?$/;
const plainInteger = /^-?(0|[1-9]\d{0,18})$/;
const instant =
  /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const civil = /^\d{4}-\d\d-\d\d$/;
// Instants whose year has four digits in UTC; PostgreSQL counts years from 1, ISO 8601 from 0.
const FIRST_INSTANT = Date.parse('0001-01-01T00:00:00Z');
const END_OF_INSTANTS = Date.parse('9999-12-31T23:59:59.999Z') + 1;
const INT64_MAX = 2n ** 63n - 1n;

/** Exact decimal: a string on the wire and in JS, so that no float ever touches an amount. */
export const DecimalScalar = textScalar(
  'Decimal',
  'An exact decimal number as a string, for example "12.50": no exponent, no leading plus or ' +
    'zeros, at most 30 digits before and 18 after the point.',
  (text) => (plainDecimal.test(text) ? text : null),
  (value) => (typeof value === 'bigint' ? value.toString() : value),
);

/** Whole number of up to 64 bits: a string on the wire and in JS. */
export const BigIntScalar = textScalar(
  'BigInt',
  'A whole number of up to 64 bits as a string, for example "625000000".',
  (text) => (plainInteger.test(text) && fitsInt64(BigInt(text)) ? text : null),
  (value) => {
    return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : value;
  },
);

/** Day of the calendar without time or zone: `YYYY-MM-DD` on the wire and in JS. */
export const DateScalar = textScalar(
  'Date',
  'A day of the calendar, YYYY-MM-DD, without time and zone.',
  (text) => (civil.test(text) && isDay(text) ? text : null),
  (value) => value,
);

/** Instant: RFC 3339 on the wire (written in UTC with milliseconds), `Date` in JS. */
export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description:
    'An instant, RFC 3339 with at most milliseconds; answers are in UTC, for example ' +
    '"2026-11-01T00:00:00.000Z".',
  serialize(value) {
    if (!(value instanceof Date) || Number.isNaN(value.getTime())) {
      throw new Bug('a DateTime field holds a valid Date');
    }
    return value.toISOString();
  },
  parseValue: (value) => parseInstant(value),
  parseLiteral: (node) => parseInstant(stringOf(node)),
});

/** Any JSON value. */
export const JsonScalar = new GraphQLScalarType<unknown, unknown>({
  name: 'JSON',
  description: 'Any JSON value; what it holds is said where it is used.',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
});

function textScalar(
  name: string,
  description: string,
  accept: (text: string) => string | null,
  textOf: (value: unknown) => unknown,
): GraphQLScalarType<string, string> {
  const parse = (value: unknown): string => {
    const accepted = typeof value === 'string' ? accept(value) : null;
    if (accepted === null) throw refusal(name, value, description);
    return accepted;
  };
  return new GraphQLScalarType<string, string>({
    name,
    description,
    serialize(value) {
      const text = textOf(value);
      const accepted = typeof text === 'string' ? accept(text) : null;
      if (accepted === null) throw new Bug(`a ${name} field holds a ${name}, not ${typeof value}`);
      return accepted;
    },
    parseValue: parse,
    parseLiteral: (node) => parse(stringOf(node)),
  });
}

function parseInstant(value: unknown): Date {
  const parts = typeof value === 'string' ? instant.exec(value) : null;
  const time = parts !== null && isDay(parts[1] ?? '') ? Date.parse(parts[0]) : Number.NaN;
  if (!(time >= FIRST_INSTANT && time < END_OF_INSTANTS)) {
    throw refusal('DateTime', value, 'It is RFC 3339 with a zone, like "2026-11-01T00:00:00Z".');
  }
  return new Date(time);
}

function isDay(text: string): boolean {
  try {
    epochDayFromIso(text);
    return !text.startsWith('0000');
  } catch {
    return false;
  }
}

function fitsInt64(value: bigint): boolean {
  return value <= INT64_MAX && value >= -INT64_MAX - 1n;
}

function stringOf(node: ValueNode): string | undefined {
  return node.kind === Kind.STRING ? node.value : undefined;
}

function refusal(name: string, value: unknown, rule: string): GraphQLError {
  const shown =
    typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : `a ${typeof value}`;
  return new GraphQLError(`${shown} is not a ${name}. ${rule}`, {
    extensions: { code: 'BAD_USER_INPUT' },
  });
}
