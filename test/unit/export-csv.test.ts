import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvHead, csvLines } from '../../src/integration/csv.js';
import type { Column } from '../../src/integration/table.js';
import { bareCell, guardCell } from '../../src/kernel/index.js';
import { actsIn, HOSTILE_TEXTS, hostileText, isFormula } from '../fixtures/hostile-cell.js';

interface Cells {
  readonly words: string | null;
  readonly amount: string | null;
}

const columns: readonly Column<Cells>[] = [
  { name: 'words', kind: 'TEXT', cell: ({ words }) => words },
  { name: 'amount', kind: 'NUMBER', cell: ({ amount }) => amount },
];
const style = { delimiter: ',', decimalComma: false, mark: false };

function written(rows: readonly Cells[], given = style): string {
  return csvHead(columns, given) + csvLines(columns, rows, given);
}

describe('a guarded cell', () => {
  it.each(HOSTILE_TEXTS)('of %j begins with an apostrophe and is read back', (text) => {
    const cell = guardCell(text, ',');
    expect(cell[0]).toBe("'");
    expect(actsIn(cell)).toBe(false);
    expect(bareCell(cell, ',')).toBe(text);
  });

  it.each(['', 'Müller & Söhne', "'s-Hertogenbosch", 'a-b', 'x=1', '49 301', '1-2', 'a@b.example'])(
    'of %j stays as it is',
    (text) => expect(guardCell(text, ',')).toBe(text),
  );

  it('guards what a reader that splits by another separator would see as a cell', () => {
    expect(guardCell('a;=1+1', ',')).toBe("a;'=1+1");
    expect(guardCell('a,=1+1', ';')).toBe("a,'=1+1");
    expect(guardCell('a\n@x', ',')).toBe("a\n'@x");
    // The file's own separator stands between quotes there.
    expect(guardCell('Germany, +49', ',')).toBe('Germany, +49');
  });

  it('is read back and never acts, whatever the text', () => {
    fc.assert(
      fc.property(hostileText, fc.constantFrom(',', ';', '\t'), (text, delimiter) => {
        const cell = guardCell(text, delimiter);
        expect(bareCell(cell, delimiter)).toBe(text);
        const others = { ',': /[;\t\r\n]/, ';': /[,\t\r\n]/, '\t': /[,;\r\n]/ }[delimiter];
        for (const part of cell.split(others as RegExp)) expect(isFormula(part)).toBe(false);
        expect(actsIn(cell)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes a time that grows with the text alone', () => {
    const began = performance.now();
    for (const text of ['\t', ';', "'", '=', '\n"', ' ;']) guardCell(text.repeat(50_000), ',');
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe('a CSV file', () => {
  it('leaves negative amounts as they are and guards the same as a text', () => {
    const text = written([{ words: '-12.50', amount: '-12.50' }]);
    expect(text).toBe("words,amount\r\n'-12.50,-12.50\r\n");
  });

  it('refuses words in a column of numbers', () => {
    expect(() => written([{ words: '', amount: '=1' }])).toThrow('amount holds what it is for');
  });

  it('quotes by RFC 4180, ends lines with CRLF, and is read back by another parser', () => {
    const rows = ['a"b', 'a,b', 'a\nb', 'a\rb', 'a\r\nb', ' a ', '', 'ä€😀'].map((words) => ({
      words,
      amount: '1',
    }));
    const text = written(rows);
    expect(text.startsWith('words,amount\r\n"a""b",1\r\n"a,b",1\r\n"a\nb",1\r\n')).toBe(true);
    expect(parse(text, { record_delimiter: '\r\n' }).slice(1)).toEqual(
      rows.map(({ words, amount }) => [words, amount]),
    );
  });

  it('begins with the mark of UTF-8 when asked, and writes decimal commas', () => {
    const given = { delimiter: ';', decimalComma: true, mark: true };
    const text = written(
      [
        { words: 'a;b', amount: '-0.05' },
        { words: null, amount: null },
      ],
      given,
    );
    expect(text).toBe('\ufeffwords;amount\r\n"a;b";-0,05\r\n;\r\n');
  });
});
