import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  LEAST_ALONE,
  LEAST_WITH_TOTP,
  MOST_CHARACTERS,
  passwordFault,
} from '../../src/identity/password-policy.js';

const COMMON = new Set(['password', 'iloveyou', 'baseball', 'trustno1']);
const RULES = { least: LEAST_WITH_TOTP, words: ['ada.martens@nordhafen.example', 'Ada Martens'] };

function faultOf(password: string, least = LEAST_WITH_TOTP): string | null {
  return passwordFault(password, { ...RULES, least }, COMMON);
}

describe('a new password', () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['seven 7', 'SHORT'],
    ['nine grey otters', null],
    ['ninegrey', null],
    ['password', 'COMMON'],
    ['PASSWORD', 'COMMON'],
    ['Password1!', 'COMMON'],
    ['2026iloveyou', 'COMMON'],
    ['--baseball--', 'COMMON'],
    // What stands around a common word is long enough to count.
    ['baseball 7294 1183 5520', null],
    ['aaaaaaaa', 'PREDICTABLE'],
    ['abababababab', 'PREDICTABLE'],
    ['abcdefghijkl', 'PREDICTABLE'],
    ['87654321', 'PREDICTABLE'],
    ['adamartens', 'PREDICTABLE'],
    ['MartensAda1', 'PREDICTABLE'],
    ['nordhafen1!', 'PREDICTABLE'],
    ['nordhafen and nine otters', null],
    // Four letters of four bytes each are four characters.
    ['😀😁😂🤣', 'SHORT'],
    ['😀😁😂😃😄😅😆😇', 'PREDICTABLE'],
    ['дом сад река лес', null],
  ];
  for (const [password, fault] of cases) {
    it(`${JSON.stringify(password)} is ${fault === null ? 'good' : `refused as ${fault}`}`, () => {
      expect(faultOf(password)).toBe(fault);
    });
  }

  it('has as many characters as the rules say, and 128 at most', () => {
    const text = (length: number) => 'x9 q2 k7 ab vz mn 31 '.repeat(8).slice(0, length);
    for (const least of [LEAST_WITH_TOTP, LEAST_ALONE]) {
      expect(faultOf(text(least - 1), least)).toBe('SHORT');
      expect(faultOf(text(least), least)).toBeNull();
    }
    expect(faultOf(text(MOST_CHARACTERS))).toBeNull();
    expect(faultOf(text(MOST_CHARACTERS + 1))).toBe('LONG');
  });

  it('is judged alike however its characters are composed', () => {
    expect(faultOf('e\u0301e\u0301e\u0301e\u0301abc')).toBe('SHORT');
    expect(faultOf('ｐａｓｓｗｏｒｄ')).toBe('COMMON');
  });

  it('is good when it is long and drawn at random', () => {
    const drawn = fc.string({ minLength: 15, maxLength: 60, unit: 'binary-ascii' });
    fc.assert(
      fc.property(drawn, (password) => {
        fc.pre(new Set(password).size >= 12);
        return faultOf(password, LEAST_ALONE) === null;
      }),
      { numRuns: 500 },
    );
  });
});
