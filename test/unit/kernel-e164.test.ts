import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  E164_MAX_DIGITS,
  type NumberFault,
  type NumberRules,
  normaliseNumber,
  numberFaults,
} from '../../src/kernel/index.js';

const german: NumberRules = {
  countryCode: '49',
  trunkPrefix: '0',
  internationalPrefixes: ['00', '011'],
  nationalMin: 5,
};
const american: NumberRules = {
  countryCode: '1',
  trunkPrefix: '1',
  internationalPrefixes: ['011'],
  bare: 'NATIONAL',
  nationalMin: 10,
};
const italian: NumberRules = {
  countryCode: '39',
  trunkPrefix: '',
  internationalPrefixes: ['00'],
  bare: 'NATIONAL',
};

describe('normaliseNumber', () => {
  it.each<[string, NumberRules, string]>([
    ['+49 30 123456', german, '4930123456'],
    ['0049-30-123456', german, '4930123456'],
    ['030/123456', german, '4930123456'],
    ['(030) 123.456', german, '4930123456'],
    ['[030]\t123456', german, '4930123456'],
    ['4930123456', german, '4930123456'],
    ['01149 30 123456', german, '4930123456'],
    [' (+49) 30123456 ', german, '4930123456'],
    ['01512345678', german, '491512345678'],
    ['00 1 212 555 0100', german, '12125550100'],
    ['+49 (0)30 123456', german, '49030123456'],
    ['2125550100', american, '12125550100'],
    ['1 (212) 555-0100', american, '12125550100'],
    ['011 49 30 123456', american, '4930123456'],
    ['06 1234567', italian, '39061234567'],
    ['+39 06 1234567', italian, '39061234567'],
    ['0039061234567', italian, '39061234567'],
    ['+123456789012345', german, '123456789012345'],
    ['112', german, '112'],
  ])('reads %j as %o says', (text, rules, digits) => {
    expect(normaliseNumber(text, rules)).toEqual({ digits });
  });

  it.each<[string, NumberRules, NumberFault]>([
    ['', german, 'EMPTY'],
    [' -()', german, 'EMPTY'],
    ['+', german, 'EMPTY'],
    ['00', german, 'EMPTY'],
    ['0', german, 'EMPTY'],
    ['anonymous', german, 'ALPHANUMERIC'],
    ['0800FLOWERS', german, 'ALPHANUMERIC'],
    ['030 12a*', german, 'ALPHANUMERIC'],
    ['030 12*a', german, 'INVALID_CHARACTER'],
    ['*100#', german, 'INVALID_CHARACTER'],
    ['++4930', german, 'INVALID_CHARACTER'],
    ['49+30', german, 'INVALID_CHARACTER'],
    ['030\u00a0123456', german, 'INVALID_CHARACTER'],
    ['030\u0661\u0662', german, 'INVALID_CHARACTER'],
    ['030😀', german, 'INVALID_CHARACTER'],
    ['030\n12345', german, 'INVALID_CHARACTER'],
    ['01101', german, 'LEADING_ZERO'],
    ['0110', german, 'LEADING_ZERO'],
    ['01234', german, 'TOO_SHORT'],
    ['5550100', american, 'TOO_SHORT'],
    ['+1234567890123456', german, 'TOO_LONG'],
    ['0123456789012345', german, 'TOO_LONG'],
    ['000123456', german, 'LEADING_ZERO'],
    ['+0123456', german, 'LEADING_ZERO'],
    ['+0123456789012345', german, 'TOO_LONG'],
  ])('refuses %j', (text, rules, error) => {
    expect(normaliseNumber(text, rules)).toEqual({ error });
  });

  it('takes the longest international prefix that fits, in any order of the list', () => {
    const prefixes = ['0', '00', '0011'];
    for (const internationalPrefixes of [prefixes, [...prefixes].reverse()]) {
      const rules = { countryCode: '61', trunkPrefix: '0', internationalPrefixes };
      expect(normaliseNumber('0011 49 30123', rules)).toEqual({ digits: '4930123' });
      expect(normaliseNumber('00 49 30123', rules)).toEqual({ digits: '4930123' });
    }
  });

  const code = fc.constantFrom('1', '7', '39', '49', '351', '977');
  const national = fc.stringMatching(/^[1-9]\d{4,10}$/);
  const separators = fc.constantFrom('', ' ', '-', '.', '/', '(', ')', ' [', '\t');

  it('gives every way to write a number the same digits, however it is cut up', () => {
    fc.assert(
      fc.property(code, national, fc.array(separators, { maxLength: 20 }), (cc, number, cuts) => {
        const rules = { countryCode: cc, trunkPrefix: '0', internationalPrefixes: ['00'] };
        const scatter = (text: string) =>
          [...text].map((sign, i) => (cuts[i] ?? '') + sign).join('');
        const expected = { digits: cc + number };
        for (const written of [`+${cc}${number}`, `00${cc}${number}`, `0${number}`, cc + number]) {
          expect(normaliseNumber(scatter(written), rules)).toEqual(expected);
        }
        expect(normaliseNumber(number, { ...rules, bare: 'NATIONAL' })).toEqual(expected);
      }),
    );
  });

  it('answers any text with at most 15 digits or a known fault, and is stable', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({ unit: fc.constantFrom(...'+0123456789 -()a*'), maxLength: 24 }),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(german, american, italian), (input, rules) => {
        const answer = normaliseNumber(input, rules);
        if ('error' in answer) {
          expect(Object.hasOwn(numberFaults, answer.error)).toBe(true);
          return;
        }
        expect(answer.digits).toMatch(/^[1-9]\d*$/);
        expect(answer.digits.length).toBeLessThanOrEqual(E164_MAX_DIGITS);
        expect(normaliseNumber(`+${answer.digits}`, rules)).toEqual(answer);
      }),
      { numRuns: 1000 },
    );
  });
});
