import { validateSync } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { E164Digits, PlainLines, PlainText } from '../../src/platform/plain-text.js';

class Input {
  @PlainText(1, 20)
  name = 'x';

  @PlainText(0, 20)
  note = '';

  @PlainLines(0, 20)
  lines = '';

  @PlainLines(1, 20)
  reason = 'x';

  @E164Digits()
  number = '49301234567';
}

function faults(given: Partial<Input>): string[] {
  return validateSync(Object.assign(new Input(), given)).map(({ property }) => property);
}

describe('plain text', () => {
  it.each(['Kontor', 'Ærø Telecom', 'شركة الاتصالات', '电信', '👩‍👩‍👧 Co', 'a b'])(
    'may be %s',
    (text) => {
      expect(faults({ name: text, note: text, lines: text, reason: text })).toEqual([]);
    },
  );

  it.each([
    ['a control character', 'a\u0007b'],
    ['half a character', 'a\ud800b'],
    ['the other half', 'a\udc00b'],
    ['a mark that turns what follows', 'a\u202eb'],
    ['a mark that embeds', 'a\u202ab'],
    ['a mark that isolates', 'a\u2066b'],
    ['its end', 'a\u2069b'],
    ['a carriage return', 'a\rb'],
  ])('has not %s', (_, text) => {
    const all = { name: text, note: text, lines: text, reason: text };
    expect(faults(all)).toEqual(['name', 'note', 'lines', 'reason']);
  });

  it('has line feeds only where there are lines, and not blanks alone where it must be', () => {
    expect(faults({ name: 'a\nb', note: 'a\nb', lines: 'a\nb\n' })).toEqual(['name', 'note']);
    expect(faults({ reason: ' \n because\nof this' })).toEqual([]);
    const blank = { name: ' \u00a0 ', note: ' ', lines: ' \n ', reason: ' \n ' };
    expect(faults(blank)).toEqual(['name', 'reason']);
    expect(faults({ name: '', note: '', lines: '', reason: '' })).toEqual(['name', 'reason']);
    const long = 'x'.repeat(21);
    const all = { name: long, note: long, lines: long, reason: long };
    expect(faults(all)).toEqual(['name', 'note', 'lines', 'reason']);
  });
});

describe('a number', () => {
  it.each(['+4930', '0030', '', '49 30', '1234567890123456'])('is not %j', (number) => {
    expect(faults({ number })).toEqual(['number']);
  });

  it('is 1 to 15 digits', () => {
    for (const number of ['1', '493012345678901']) expect(faults({ number })).toEqual([]);
  });
});

describe('the rule that a field breaks', () => {
  it('is told in words and not as a regular expression', () => {
    const wrong = { name: 'a\u0007b', note: 'a\nb', lines: '\r', reason: '\r', number: '+49' };
    const broken = validateSync(Object.assign(new Input(), wrong));
    const told = broken.flatMap(({ constraints }) => Object.values(constraints ?? {}));
    expect(told).toEqual([
      'name is text that is more than blanks on one line, without control characters',
      'note is text on one line, without control characters',
      'lines is text, without control characters but line feeds',
      'reason is text that is more than blanks, without control characters but line feeds',
      'number is 1 to 15 digits from the country code on, without plus, 0 or 00',
    ]);
  });
});
