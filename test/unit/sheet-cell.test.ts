import { describe, expect, it } from 'vitest';
import {
  columnOf,
  isDateFormat,
  plainDate,
  plainNumber,
  plainText,
} from '../../src/catalog/sheet-cell.js';
import { type DateFormat, readInstant } from '../../src/catalog/sheet-date.js';

describe('cells of a workbook', () => {
  it.each([
    ['A1', 0],
    ['Z99', 25],
    ['AA1', 26],
    ['XFD1048576', 16_383],
    ['1', -1],
    ['ABCD1', -1],
  ])('%s stands in column %i', (reference, column) => {
    expect(columnOf(reference)).toBe(column);
  });

  it.each([
    ['1.2500000000000001E-2', '0.0125'],
    ['1.1000000000000001E-2', '0.011'],
    ['0.1', '0.1'],
    ['0', '0'],
    ['-0.5', '-0.5'],
    ['4915', '4915'],
    ['491512345678901', '491512345678901'],
    ['1E+20', '100000000000000000000'],
    ['1.5E-9', '0.0000000015'],
    ['-2.5E-10', '-0.00000000025'],
    ['100', '100'],
    ['', ''],
    ['x', 'x'],
    ['1E999', '1E999'],
  ])('the number %s is %s', (stored, text) => {
    expect(plainNumber(stored)).toBe(text);
  });

  it('numbers with up to 15 digits come out as they went in', () => {
    for (let at = 1; at < 2_000; at += 1) {
      const text = `${at % 7}.${String(at * 7_919_993)
        .padStart(8, '0')
        .slice(-8)}`;
      const digits = text.replace(/\.?0+$/, '');
      expect(plainNumber(String(Number(text)))).toBe(digits);
    }
  });

  it.each([
    ['1', false, '1900-01-01'],
    ['59', false, '1900-02-28'],
    ['61', false, '1900-03-01'],
    ['47665', false, '2030-07-01'],
    ['47665.75', false, '2030-07-01 18:00:00'],
    ['47665.999994', false, '2030-07-01 23:59:59'],
    ['47665.999999', false, '2030-07-02'],
    ['46203', true, '2030-07-01'],
    ['0.5', false, '0.5'],
    ['-1', false, '-1'],
    ['9999999', false, '9999999'],
    ['x', false, 'x'],
  ])('the date %s (from 1904: %s) is %s', (stored, from1904, text) => {
    expect(plainDate(stored, from1904)).toBe(text);
  });

  it.each([
    [14, undefined, true],
    [22, undefined, true],
    [2, undefined, false],
    [10, undefined, false],
    [164, 'yyyy\\-mm\\-dd', true],
    [164, '[$-409]d/m/yy h:mm', true],
    [164, 'mm:ss', true],
    [164, '0.0000', false],
    [164, '#,##0.00 "day"', false],
    [164, '0.00" m"', false],
    [164, '[Red]0.00;[Blue]-0.00', false],
    [164, 'General', false],
  ])('format %i %s is a date: %s', (id, code, expected) => {
    expect(isDateFormat(id, code)).toBe(expected);
  });

  it('text may hold characters that XML cannot', () => {
    expect(plainText('a_x000D_b_x0041_ _x41_')).toBe('a\rbA _x41_');
  });
});

describe('dates of a sheet', () => {
  const day = Date.UTC(2030, 6, 31);
  it.each<[string, DateFormat, number | null]>([
    ['2030-07-31', 'ISO', day],
    ['2030-07-31', 'DAY_MONTH_YEAR', day],
    ['31.07.2030', 'DAY_MONTH_YEAR', day],
    ['31/7/2030', 'DAY_MONTH_YEAR', day],
    ['7/31/2030', 'MONTH_DAY_YEAR', day],
    ['31-Jul-2030', 'ISO', day],
    ['31 July 2030', 'ISO', day],
    ['31-July-2030 06:30', 'MONTH_DAY_YEAR', day + 6.5 * 3_600_000],
    ['2030-07-31T00:00:00+02:00', 'ISO', day - 2 * 3_600_000],
    ['31.07.2030', 'ISO', null],
    ['31.07.2030', 'MONTH_DAY_YEAR', null],
    ['31.06.2030', 'DAY_MONTH_YEAR', null],
    ['31.07.30', 'DAY_MONTH_YEAR', null],
    ['31-Foo-2030', 'ISO', null],
    ['2030-07-31 25:00', 'ISO', null],
    ['soon', 'ISO', null],
    ['2030-02-30T00:00:00Z', 'ISO', null],
    ['2030-06-31T12:00+02:00', 'ISO', null],
    ['2029-02-29T00:00:00Z', 'ISO', null],
    ['2028-02-29T00:00:00Z', 'ISO', Date.UTC(2028, 1, 29)],
    ['2030-07-31T00:00:60Z', 'ISO', null],
    ['0001-01-01', 'ISO', Date.parse('0001-01-01T00:00:00Z')],
    ['0000-12-31', 'ISO', null],
    ['31.12.0000 23:59:59', 'DAY_MONTH_YEAR', null],
    ['0001-01-01T00:00:00+02:00', 'ISO', null],
    ['9999-12-31T23:59:59.999Z', 'ISO', Date.parse('9999-12-31T23:59:59.999Z')],
    ['9999-12-31T23:00:00-02:00', 'ISO', null],
  ])('%s by %s is %s', (text, format, at) => {
    expect(readInstant(text, 'UTC', format)).toBe(at);
  });

  it('are days of the zone', () => {
    const at = readInstant('31.07.2030', 'Europe/Berlin', 'DAY_MONTH_YEAR');
    expect(at).toBe(day - 2 * 3_600_000);
  });

  it('end with the year 9999, by whatever clock', () => {
    expect(readInstant('9999-12-31 23:00', 'America/New_York', 'ISO')).toBe(null);
    expect(readInstant('0001-01-01', 'Europe/Berlin', 'ISO')).toBe(null);
  });
});
