import { validateSync } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { PlainLines, PlainText } from '../../src/platform/plain-text.js';

class Input {
  @PlainText(1, 20)
  name = 'x';

  @PlainText(0, 20)
  note = '';

  @PlainLines(20)
  lines = '';
}

function faults(given: Partial<Input>): string[] {
  return validateSync(Object.assign(new Input(), given)).map(({ property }) => property);
}

describe('plain text', () => {
  it.each(['Kontor', 'Ærø Telecom', 'شركة الاتصالات', '电信', '👩‍👩‍👧 Co', 'a b'])(
    'may be %s',
    (text) => {
      expect(faults({ name: text, note: text, lines: text })).toEqual([]);
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
    expect(faults({ name: text, note: text, lines: text })).toEqual(['name', 'note', 'lines']);
  });

  it('has line feeds only where there are lines, and not blanks alone where it must be', () => {
    expect(faults({ name: 'a\nb', note: 'a\nb', lines: 'a\nb\n' })).toEqual(['name', 'note']);
    expect(faults({ name: ' \u00a0 ', note: ' ', lines: ' \n ' })).toEqual(['name']);
    expect(faults({ name: '', note: '', lines: '' })).toEqual(['name']);
    const long = 'x'.repeat(21);
    expect(faults({ name: long, note: long, lines: long })).toEqual(['name', 'note', 'lines']);
  });
});
