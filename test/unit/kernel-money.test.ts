import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AMOUNT_SCALE,
  AMOUNT_UNIT,
  addMoney,
  Bug,
  compareMoney,
  currencyCodes,
  DomainError,
  formatAmount,
  invariant,
  isCurrency,
  kernelErrors,
  type Money,
  minorUnits,
  money,
  negateMoney,
  parseAmount,
  parseMoney,
  roundAmount,
  roundingModes,
  roundMoney,
  subtractMoney,
  sumMoney,
} from '../../src/kernel/index.js';
import { refusal } from '../fixtures/refusal.js';

const Exact = Decimal.clone({ precision: 60 });
const amounts = fc.bigInt({ min: -(10n ** 28n) + 1n, max: 10n ** 28n - 1n });

describe('errors', () => {
  it('keeps code, message and details of a refusal', () => {
    const error = new DomainError('SOME_CODE', 'Some reason.', { line: 3 });
    expect(error).toBeInstanceOf(Error);
    expect({ ...error, message: error.message }).toMatchObject({
      code: 'SOME_CODE',
      message: 'Some reason.',
      details: { line: 3 },
    });
  });

  it('makes a broken assumption a bug and not a refusal', () => {
    expect(() => invariant(false, 'reason')).toThrow(new Bug('reason'));
    expect(() => invariant(1, 'reason')).not.toThrow();
    expect(new Bug('x')).not.toBeInstanceOf(DomainError);
  });

  it('describes every code in a sentence', () => {
    for (const [code, sentence] of Object.entries(kernelErrors)) {
      expect(code).toMatch(/^[A-Z][A-Z_]+$/);
      expect(sentence).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('money arithmetic', () => {
  const eur = (amount: bigint): Money => money(amount, 'EUR');

  it('adds, subtracts, negates and compares one currency', () => {
    expect(addMoney(eur(1n), eur(2n))).toEqual(eur(3n));
    expect(subtractMoney(eur(1n), eur(3n))).toEqual(eur(-2n));
    expect(negateMoney(eur(5n))).toEqual(eur(-5n));
    expect([eur(3n), eur(-1n), eur(2n)].sort(compareMoney).map((m) => m.amount)).toEqual([
      -1n,
      2n,
      3n,
    ]);
    expect(compareMoney(eur(2n), eur(2n))).toBe(0);
  });

  it('sums a list and an empty list', () => {
    expect(sumMoney([eur(1n), eur(2n), eur(-7n)], 'EUR')).toEqual(eur(-4n));
    expect(sumMoney([], 'JPY')).toEqual(money(0n, 'JPY'));
  });

  it('refuses to mix currencies', () => {
    const usd = money(1n, 'USD');
    for (const mix of [addMoney, subtractMoney, compareMoney]) {
      expect(refusal(() => mix(eur(1n), usd))).toBe('CURRENCY_MISMATCH');
    }
    expect(refusal(() => sumMoney([eur(1n), usd], 'EUR'))).toBe('CURRENCY_MISMATCH');
    expect(refusal(() => sumMoney([usd], 'EUR'))).toBe('CURRENCY_MISMATCH');
  });

  it('refuses an unknown currency', () => {
    for (const code of ['', 'eur', 'EURO', 'XXX', 'XAU', 'DEM', '__proto__', 'constructor']) {
      expect(refusal(() => money(1n, code))).toBe('INVALID_CURRENCY');
      expect(isCurrency(code)).toBe(false);
    }
    expect(refusal(() => sumMoney([], 'ABC'))).toBe('INVALID_CURRENCY');
  });

  it('rounds to decimals and stays at scale 8', () => {
    expect(roundMoney(parseMoney('1.23456789', 'EUR'), 2, 'HALF_UP')).toEqual(
      parseMoney('1.23', 'EUR'),
    );
    expect(roundAmount(parseAmount('-0.005'), 2, 'HALF_UP')).toBe(parseAmount('-0.01'));
    expect(roundAmount(parseAmount('-0.005'), 2, 'HALF_EVEN')).toBe(0n);
    expect(roundAmount(parseAmount('2.5'), 0, 'HALF_EVEN')).toBe(parseAmount('2'));
    expect(roundAmount(12345678n, 8, 'UP')).toBe(12345678n);
    for (const decimals of [-1, 9, 1.5]) {
      expect(() => roundAmount(1n, decimals, 'UP')).toThrow(Bug);
    }
  });

  it('rounding moves an amount by less than one unit of the last decimal and is final', () => {
    const decimals = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(amounts, decimals, fc.constantFrom(...roundingModes), (amount, places, mode) => {
        const rounded = roundAmount(amount, places, mode);
        const unit = 10n ** BigInt(AMOUNT_SCALE - places);
        const moved = rounded > amount ? rounded - amount : amount - rounded;
        expect(rounded % unit).toBe(0n);
        expect(moved).toBeLessThan(unit);
        expect(roundAmount(rounded, places, mode)).toBe(rounded);
      }),
      { numRuns: 500 },
    );
  });
});

describe('currencies', () => {
  it('knows minor units', () => {
    expect(['EUR', 'USD', 'JPY', 'KWD', 'CLF', 'XDR', 'ISK'].map(minorUnits)).toEqual([
      2, 2, 0, 3, 4, 2, 0,
    ]);
  });

  it('lists every code once, none of them unknown to the platform', () => {
    const known = new Set(Intl.supportedValuesOf('currency'));
    // Funds, units of account and codes newer than the data of some supported versions of Node.
    const special = 'BOV CHE CHW CLF COU MXV USN UYI UYW VED XAD XCG XDR ZWG'.split(' ');
    expect(new Set(currencyCodes).size).toBe(currencyCodes.length);
    expect(currencyCodes.filter((code) => !known.has(code) && !special.includes(code))).toEqual([]);
    const retired = 'ANG BGN CUC HRK SLL XSU ZWL'.split(' ');
    expect([...known].filter((code) => !isCurrency(code) && !retired.includes(code))).toEqual([]);
  });
});

describe('parseAmount', () => {
  it.each([
    ['0', 0n],
    ['-0', 0n],
    ['1', AMOUNT_UNIT],
    ['-1.5', -150_000_000n],
    ['0.00000001', 1n],
    ['-0.00000001', -1n],
    ['007.10', 710_000_000n],
    ['12345678901234567890.12345678', 1234567890123456789012345678n],
  ])('reads %s', (text, amount) => {
    expect(parseAmount(text)).toBe(amount);
  });

  it.each([
    '',
    ' ',
    '-',
    '.',
    '1.',
    '.5',
    '+1',
    '1e3',
    '1E3',
    'NaN',
    'Infinity',
    '0x10',
    '1,5',
    '1 000',
    ' 1',
    '1 ',
    '1\n',
    '--1',
    '1.2.3',
    '1_000',
    '0.123456789',
    '１２',
    '1n',
    '−1',
    '1.-5',
    '123456789012345678901',
  ])('refuses %j', (text) => {
    expect(refusal(() => parseAmount(text))).toBe('INVALID_MONEY');
  });

  it('agrees with decimal.js on any decimal text', () => {
    const digits = fc.stringMatching(/^\d{1,18}$/);
    const decimals = fc.stringMatching(/^\d{1,8}$/);
    fc.assert(
      fc.property(fc.boolean(), digits, fc.option(decimals), (negative, whole, fraction) => {
        const text = `${negative ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}`;
        expect(parseAmount(text)).toBe(BigInt(new Exact(text).mul(1e8).toFixed()));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('formatAmount', () => {
  it.each([
    [0n, 2, '0.00'],
    [0n, 0, '0'],
    [1n, 2, '0.00000001'],
    [-1n, 2, '-0.00000001'],
    [150_000_000n, 2, '1.50'],
    [150_000_000n, 0, '1.5'],
    [-100_000_000n, 0, '-1'],
    [1_000_000_000n, 0, '10'],
    [123_400_000n, 2, '1.234'],
    [123_400_000n, 8, '1.23400000'],
  ])('writes %d with at least %d decimals as %s', (amount, decimals, text) => {
    expect(formatAmount(amount, decimals)).toBe(text);
  });

  it('keeps two decimals unless told otherwise', () => {
    expect(formatAmount(AMOUNT_UNIT)).toBe('1.00');
    expect(() => formatAmount(1n, 9)).toThrow(Bug);
  });

  it('is read back as the same amount, and equals decimal.js in value', () => {
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 8 }), (amount, decimals) => {
        const text = formatAmount(amount, decimals);
        expect(parseAmount(text)).toBe(amount);
        expect(BigInt(new Exact(text).mul(1e8).toFixed())).toBe(amount);
        const written = text.split('.')[1] ?? '';
        expect(written.length).toBeGreaterThanOrEqual(decimals);
        if (written.length > decimals) expect(written.endsWith('0')).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
