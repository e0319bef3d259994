import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskNumber, maskNumbersIn } from '../../src/kernel/index.js';
import { maskRaw } from '../../src/privacy/mask-raw.js';

const digits = (min: number, max: number) =>
  fc.stringMatching(new RegExp(`^[1-9][0-9]{${min - 1},${max - 1}}$`));

describe('a masked number', () => {
  it.each([
    ['4915112345567', '+49 151 ****567'],
    ['+49 151 12345567', '+49 151 ****567'],
    ['12025550123', '+1 202 ****123'],
    ['358401234567', '+358 40 ****567'],
    ['493012345', '+49 3 ****45'],
    ['4930123', '+49 ****3'],
    ['493012', '****'],
    ['112', '****'],
    ['', '****'],
  ])('of %j is %j', (number, masked) => {
    expect(maskNumber(number)).toBe(masked);
  });

  it('keeps at least four digits to itself, and looks the same for all that differ in them', () => {
    fc.assert(
      fc.property(digits(8, 15), digits(4, 4), (number, other) => {
        const shown = maskNumber(number).replace(/\D/g, '').length;
        expect(number.length - shown).toBeGreaterThanOrEqual(4);
        const masked = maskNumber(number);
        const at =
          masked.indexOf('*') === -1
            ? 0
            : masked.slice(0, masked.indexOf('*')).replace(/\D/g, '').length;
        const twin = number.slice(0, at) + other + number.slice(at + 4);
        expect(maskNumber(twin)).toBe(masked);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a text with numbers in it', () => {
  it.each([
    ['Line 030/901820-17, flat 3', 'Line 030 ****017, flat 3'],
    ['+49 (151) 123-45678 called', '+49 151 ****678 called'],
    ['since 2026-10-01, 1234 units', 'since 2026-10-01, 1234 units'],
    ['no digits', 'no digits'],
    ['00491511234567 and 4915112345678', '004 ****567 and +49 151 ****678'],
  ])('%j becomes %j', (text, masked) => {
    expect(maskNumbersIn(text)).toBe(masked);
  });

  it('never shows a number of eight or more digits whole, however it is written', () => {
    const separator = fc.constantFrom('', ' ', '-', '/', '.', ') ', ' (');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...'0123456789'), separator), {
          minLength: 8,
          maxLength: 15,
        }),
        fc.constantFrom('', 'call ', '+', 'Mr. X, '),
        (signs, before) => {
          const number = signs.map(([digit]) => digit).join('');
          const written = signs.map(([digit, gap], at) => digit + (at === 7 ? '' : gap)).join('');
          fc.pre(!/^\d{4}-\d{2}-\d{2}/.test(written));
          const bare = (text: string) => text.replace(/\D/g, '');
          expect(bare(maskNumbersIn(before + written))).not.toContain(number);
          expect(bare(maskRaw(before + written))).not.toContain(number);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('a masked line of a source', () => {
  it.each([
    [
      'A-1;2026-10-01 08:15:00;0049 151 1234567;030-1234;60;trunk7',
      'A-1;20**-**-** **:15:00;00** *** *******;03*-****;60;trunk7',
    ],
    ['49151١٢٣٤٥٦٧', '49**********'],
    ['1234,5678', '1234,5678'],
  ])('%j becomes %j, and no column moves', (line, masked) => {
    expect(maskRaw(line)).toBe(masked);
    expect(maskRaw(line)).toHaveLength(line.length);
  });
});
