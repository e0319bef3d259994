import { type GraphQLScalarType, Kind } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  BigIntScalar,
  DateScalar,
  DateTimeScalar,
  DecimalScalar,
  JsonScalar,
} from '../../src/platform/index.js';

/** The same text given as a variable and written into the document. */
function both(scalar: GraphQLScalarType, value: string): unknown[] {
  return [scalar.parseValue(value), scalar.parseLiteral({ kind: Kind.STRING, value }, undefined)];
}

describe('Decimal', () => {
  it.each(['0', '12.50', '-0.00000001', '999999999999999999999999999999.999999999999999999'])(
    'takes %s as it is',
    (text) => {
      expect(both(DecimalScalar, text)).toEqual([text, text]);
      expect(DecimalScalar.serialize(text)).toBe(text);
    },
  );

  it.each(['', '1.', '.5', '1e3', '+1', '01', ' 1', '1,5', 'NaN', 'Infinity', '0x1', '1_0'])(
    'refuses %j',
    (text) => {
      expect(() => DecimalScalar.parseValue(text)).toThrow('is not a Decimal');
    },
  );

  it('never meets a float, inside or outside', () => {
    expect(() => DecimalScalar.parseValue(1.5)).toThrow('is not a Decimal');
    const literal = { kind: Kind.FLOAT, value: '1.5' } as const;
    expect(() => DecimalScalar.parseLiteral(literal, undefined)).toThrow('is not a Decimal');
    expect(() => DecimalScalar.serialize(0.1 + 0.2)).toThrow('a Decimal field holds a Decimal');
    expect(DecimalScalar.serialize(15n)).toBe('15');
  });
});

describe('BigInt', () => {
  it('takes whole numbers up to 64 bits', () => {
    const most = '9223372036854775807';
    expect(both(BigIntScalar, most)).toEqual([most, most]);
    expect(both(BigIntScalar, '-9223372036854775808')[0]).toBe('-9223372036854775808');
    expect(BigIntScalar.serialize(625_000_000)).toBe('625000000');
  });

  it.each(['9223372036854775808', '-9223372036854775809', '1.0', '1e3', '', '00'])(
    'refuses %s',
    (text) => {
      expect(() => BigIntScalar.parseValue(text)).toThrow('is not a BigInt');
    },
  );

  it('refuses a number that lost digits', () => {
    expect(() => BigIntScalar.serialize(2 ** 53)).toThrow('a BigInt field holds a BigInt');
  });
});

describe('Date', () => {
  it('takes days of the calendar', () => {
    expect(both(DateScalar, '2024-02-29')).toEqual(['2024-02-29', '2024-02-29']);
  });

  it.each(['2023-02-29', '2024-13-01', '2024-1-1', '0000-01-01', '2024-01-01T00:00:00Z', 'today'])(
    'refuses %s',
    (text) => {
      expect(() => DateScalar.parseValue(text)).toThrow('is not a Date');
    },
  );

  it('does not guess the day of an instant', () => {
    expect(() => DateScalar.serialize(new Date())).toThrow('a Date field holds a Date');
  });
});

describe('DateTime', () => {
  it('takes RFC 3339 with a zone and answers in UTC with milliseconds', () => {
    const [instant] = both(DateTimeScalar, '2026-11-01T00:30:00.5+01:00') as [Date];
    expect(instant.toISOString()).toBe('2026-10-31T23:30:00.500Z');
    expect(DateTimeScalar.serialize(instant)).toBe('2026-10-31T23:30:00.500Z');
  });

  it.each([
    '2026-11-01T00:00:00',
    '2026-02-30T00:00:00Z',
    '2026-11-01T24:00:00Z',
    '2026-11-01T00:60:00Z',
    '2026-11-01T00:00:60Z',
    '2026-11-01T00:00:00.123456Z',
    '2026-11-01 00:00:00Z',
    '2026-11-01T00:00:00+25:00',
    '1793491200',
    '0000-12-31T23:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59.999-00:01',
  ])('refuses %s', (text) => {
    expect(() => DateTimeScalar.parseValue(text)).toThrow('is not a DateTime');
  });

  it('refuses to show what is no instant', () => {
    expect(() => DateTimeScalar.serialize(new Date(Number.NaN))).toThrow('holds a valid Date');
    expect(() => DateTimeScalar.serialize('2026-11-01')).toThrow('holds a valid Date');
  });
});

describe('JSON', () => {
  it('takes any value, written or given', () => {
    const value = { a: [1, 'b', null], c: { d: true } };
    expect(JsonScalar.parseValue(value)).toEqual(value);
    const literal = { kind: Kind.LIST, values: [{ kind: Kind.INT, value: '4' }] } as const;
    expect(JsonScalar.parseLiteral(literal, undefined)).toEqual([4]);
  });
});
