import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatCount,
  formatDate,
  formatExact,
  formatMinor,
  formatQuantity,
  formatScaled,
  quantityUnit,
} from '../../src/billing/number-format.js';
import { parseAmount } from '../../src/kernel/index.js';

describe('numbers for people', () => {
  it('are grouped by the custom of the language', () => {
    const amount = parseAmount('1234567.89');
    expect(formatMinor(amount, 'EUR', 'en')).toBe('1,234,567.89');
    expect(formatMinor(amount, 'EUR', 'de-AT')).toBe('1.234.567,89');
    expect(formatMinor(amount, 'EUR', 'pl')).toBe('1\u00a0234\u00a0567,89');
    expect(formatMinor(-parseAmount('0.05'), 'EUR', 'en')).toBe('\u22120.05');
    expect(formatMinor(parseAmount('1234567'), 'JPY', 'en')).toBe('1,234,567');
    expect(formatMinor(parseAmount('1.5'), 'KWD', 'de')).toBe('1,500');
    expect(formatCount(999n, 'de')).toBe('999');
    expect(formatCount(1000n, 'de')).toBe('1.000');
    expect(formatMinor(amount, 'EUR', 'xx')).toBe('1,234,567.89');
  });

  it('never hide a fraction of a minor unit', () => {
    expect(() => formatMinor(1n, 'EUR', 'en')).toThrow('whole minor units');
  });

  it('agree with the number they show', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 25n), 10n ** 25n),
        fc.integer({ min: 0, max: 8 }),
        fc.constantFrom('en', 'de', 'pl'),
        (value, decimals, language) => {
          const text = formatScaled(value, decimals, language);
          const digits = text.replace('\u2212', '-').replace(/[^-\d]/g, '');
          expect(BigInt(digits)).toBe(value);
          const [whole = '', ...rest] = text
            .replace('\u2212', '')
            .split(language === 'en' ? '.' : ',');
          expect(rest.join('').length).toBe(decimals);
          const groups = whole.split(/[^\d]/);
          expect(groups[0]).toMatch(/^\d{1,3}$/);
          for (const group of groups.slice(1)) expect(group).toMatch(/^\d{3}$/);
        },
      ),
    );
  });

  it('show seconds as minutes and octets as megabytes', () => {
    expect(formatQuantity(90n, 'VOICE', 'en')).toBe('1.50');
    expect(formatQuantity(7_407_407n, 'VOICE', 'de')).toBe('123.456,78');
    expect(formatQuantity(12n, 'SMS', 'en')).toBe('12');
    expect(formatQuantity(1_234_567_890n, 'DATA', 'en')).toBe('1,234.57');
    expect(quantityUnit('DATA')).toBe('MEGABYTE');
  });

  it('show a rate without needless zeros', () => {
    expect(formatExact(parseAmount('19'), 0, 'en')).toBe('19');
    expect(formatExact(parseAmount('8.1'), 0, 'de')).toBe('8,1');
    expect(formatExact(parseAmount('29.9'), 2, 'de')).toBe('29,90');
    expect(formatExact(parseAmount('0.0123'), 2, 'en')).toBe('0.0123');
  });

  it('show dates by the custom of the language', () => {
    expect(formatDate('2026-10-05', 'en')).toBe('5 Oct 2026');
    expect(formatDate('2026-10-05', 'de')).toBe('05.10.2026');
  });
});
