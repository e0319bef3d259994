import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Bug,
  canonicalJson,
  type DomainError,
  decodeCursor,
  encodeCursor,
  fromGlobalId,
  fromGlobalRowId,
  toGlobalId,
} from '../../src/kernel/index.js';

const refusing = (code: string) => expect.objectContaining({ code }) as DomainError;
const base64url = (text: string) => Buffer.from(text, 'utf8').toString('base64url');

describe('global ids', () => {
  it('come back as the row key for their own type only', () => {
    expect(fromGlobalId('Invoice', toGlobalId('Invoice', 42))).toBe('42');
    expect(fromGlobalId('Invoice', toGlobalId('Invoice', 2n ** 63n - 1n))).toBe(
      '9223372036854775807',
    );
    expect(fromGlobalId('Xdr', toGlobalId('Xdr', '2026-01:7'))).toBe('2026-01:7');
    expect(() => fromGlobalId('Partner', toGlobalId('Invoice', 42))).toThrow(
      refusing('INVALID_ID'),
    );
    expect(() => fromGlobalId('Inv', toGlobalId('Invoice', 42))).toThrow(refusing('INVALID_ID'));
  });

  it('have one spelling: garbage and other spellings refuse', () => {
    const good = toGlobalId('Invoice', 42);
    const bad = [
      '',
      '42',
      'Invoice:42',
      `${good}=`,
      `${good}A`,
      ` ${good}`,
      `${good}\n`,
      good.slice(1),
      base64url('Invoice'),
      base64url('Invoice:'),
      base64url('invoice:42'),
      base64url(`Invoice:${'9'.repeat(1000)}`),
      '!!!!',
      '\u0000',
      Buffer.from('Invoice:42').toString('base64'),
      'A'.repeat(100_000),
      Buffer.from([...Buffer.from('Invoice:4'), 0xff]).toString('base64url'),
    ];
    for (const text of bad) {
      expect(() => fromGlobalId('Invoice', text), text.slice(0, 40)).toThrow(
        refusing('INVALID_ID'),
      );
    }
  });

  it('hold any key, and never one of another type', () => {
    const type = fc.stringMatching(/^[A-Za-z_]\w{0,12}$/);
    const key = fc
      .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
      .filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(type, type, key, (own, other, id) => {
        const text = toGlobalId(own, id);
        expect(text).toMatch(/^[\w-]+$/);
        expect(fromGlobalId(own, text)).toBe(id);
        if (own !== other) expect(() => fromGlobalId(other, text)).toThrow(refusing('INVALID_ID'));
      }),
    );
  });

  it('of counted rows are whole numbers that a bigint column holds', () => {
    for (const id of [1, 42, 2n ** 63n - 1n]) {
      expect(fromGlobalRowId('Invoice', toGlobalId('Invoice', id))).toBe(String(id));
    }
    for (const id of [0, -1, 2n ** 63n, '1e3', '042', ' 1', 'x', '9'.repeat(50)]) {
      expect(() => fromGlobalRowId('Invoice', toGlobalId('Invoice', id)), String(id)).toThrow(
        refusing('INVALID_ID'),
      );
    }
    expect(() => fromGlobalRowId('Partner', toGlobalId('Invoice', 1))).toThrow(
      refusing('INVALID_ID'),
    );
  });

  it('treat a key that cannot come back as a bug', () => {
    expect(() => toGlobalId('Invoice', '')).toThrow(Bug);
    expect(() => toGlobalId('Invoice', '4\n')).toThrow(Bug);
    expect(() => toGlobalId('In:voice', 1)).toThrow(Bug);
    expect(() => toGlobalId('Invoice', '\ud800')).toThrow(Bug);
  });
});

describe('cursors', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
    fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.boolean(),
    fc.constant(null),
  );

  it('come back as the values they were made from', () => {
    fc.assert(
      fc.property(fc.array(scalar, { maxLength: 6 }), (values) => {
        const text = encodeCursor(values);
        expect(text).toMatch(/^[\w-]+$/);
        expect(decodeCursor(text)).toStrictEqual(values);
        expect(decodeCursor(text, values.length)).toStrictEqual(values);
        expect(() => decodeCursor(text, values.length + 1)).toThrow(refusing('INVALID_CURSOR'));
      }),
    );
  });

  it('refuse garbage', () => {
    const good = encodeCursor(['2026-01-01', 5n]);
    const bad = [
      '',
      'garbage',
      `${good}=`,
      good.slice(1),
      base64url('{}'),
      base64url('"x"'),
      base64url('['),
      base64url('[ 1]'),
      base64url('[[1]]'),
      base64url('[{"a":1}]'),
      base64url('[{"big":"x"}]'),
      base64url('[{"big":"1","b":2}]'),
      base64url('[{"big":"01"}]'),
      base64url('null'),
      base64url('[1e999]'),
      encodeCursor(['x'.repeat(20_000)]),
      'A'.repeat(100_000),
    ];
    for (const text of bad) {
      expect(() => decodeCursor(text), text.slice(0, 40)).toThrow(refusing('INVALID_CURSOR'));
    }
  });

  it('treat values that have no order of their own as bugs', () => {
    for (const value of [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      {},
      [],
      new Date(0),
      'a\0',
    ]) {
      expect(() => encodeCursor([value])).toThrow(Bug);
    }
  });
});

describe('canonicalJson', () => {
  it.each<[unknown, string]>([
    [{ b: 1, a: [true, null, 'x'] }, '{"a":[true,null,"x"],"b":1}'],
    [{ z: { d: 1, c: 2 }, a: 12n }, '{"a":"12","z":{"c":2,"d":1}}'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [[undefined], '[null]'],
    [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['"\u2028\ud800', '"\\"\u2028\\ud800"'],
    [{ '\u00e9': 1, z: 2, Z: 3, '10': 4, '9': 5 }, '{"10":4,"9":5,"Z":3,"z":2,"\u00e9":1}'],
    [-0, '0'],
    [Object.assign(Object.create(null), { b: 1, a: 2 }), '{"a":2,"b":1}'],
    [JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
  ])('writes case %# in its one spelling', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('is equal for equal content in any order of keys, and says the same as JSON', () => {
    const shuffle = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffle);
      if (typeof value !== 'object' || value === null) return value;
      const pairs = Object.entries(value).reverse();
      return Object.fromEntries(pairs.map(([key, item]) => [key, shuffle(item)]));
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffle(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('differs for different content', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = canonicalJson(a) === canonicalJson(b);
        const equal = JSON.parse(JSON.stringify(a));
        if (same) expect(equal).toEqual(JSON.parse(JSON.stringify(b)));
        expect(canonicalJson([a])).not.toBe(canonicalJson({ a }));
      }),
    );
  });

  it('refuses what is no number and treats what is no data as a bug', () => {
    expect(() => canonicalJson({ a: Number.NaN })).toThrow(refusing('INVALID_NUMBER'));
    const loop: unknown[] = [];
    loop.push(loop);
    for (const value of [() => 1, Symbol('x'), new Map(), new Set(), loop]) {
      expect(() => canonicalJson({ value })).toThrow(Bug);
    }
  });
});
