import { describe, expect, it } from 'vitest';
import { readSheetColumns } from '../../src/catalog/sheet-columns.js';
import { SheetNames } from '../../src/catalog/sheet-names.js';
import { SheetReader } from '../../src/catalog/sheet-reader.js';
import { readSheetRow, type SheetReading } from '../../src/catalog/sheet-row.js';
import { expandPrefixes, mayBegin } from '../../src/catalog/sheet-target.js';
import { refusal } from '../fixtures/refusal.js';

const reading: SheetReading = {
  columns: new Map([
    ['prefix', 0],
    ['price', 1],
    ['effectiveFrom', 2],
  ]),
  defaults: {
    connectionFee: '0',
    rateUnit: 60,
    firstIncrement: 1,
    nextIncrement: 1,
    minimum: 0,
    grace: 0,
  },
  currency: 'EUR',
  decimalComma: false,
  dateFormat: 'ISO',
  timeZone: 'Europe/Berlin',
  effectiveFrom: 7,
  bands: new Map(),
  destinations: new Map(),
};

function faultOf(...cells: string[]): string {
  const read = readSheetRow(cells, reading);
  return 'fault' in read ? read.fault.code : 'none';
}

describe('prefixes of a cell', () => {
  it.each([
    ['4915', '', ['4915']],
    ['+4915', '', ['4915']],
    ['15,16 17;18', '49', ['4915', '4916', '4917', '4918']],
    ['4916-4919', '', ['4916', '4917', '4918', '4919']],
    ['008-010', '1', ['1008', '1009', '1010']],
    ['49,49', '', ['49']],
    ['', '+49', ['49']],
    ['', '', []],
  ])('reads %j behind %j', (text, code, expected) => {
    expect(expandPrefixes(text, code)).toEqual({ prefixes: expected, unread: [] });
  });

  it.each([
    ['0049'],
    ['00-09'],
    ['4919-4916'],
    ['491-4920'],
    ['1-2-3'],
    ['4x'],
    ['-49'],
    ['49-'],
    ['1234567890123456'],
  ])('refuses %j', (text) => {
    expect(faultOf(text, '0.1', '')).toBe('INVALID_PREFIX');
  });

  it('are read beside parts that are none', () => {
    const expected = { prefixes: ['4915', '4917'], unread: ['16x', '19-18'] };
    expect(expandPrefixes('15,16x 17;19-18', '49')).toEqual(expected);
  });

  it.each([
    ['491x', '', '491'],
    ['49O1', '', '49'],
    ['0049', '', '49'],
    ['15x', '+49', '4915'],
    ['-', '49', '49'],
    ['(49)', '', '49'],
    ['4919-4916', '', '491'],
    ['4916\u20134919', '', '491'],
    ['16-19x', '49', '491'],
    ['49-51x', '', ''],
    ['49/50', '', ''],
    ['x49', '', ''],
    ['15', '4x', ''],
    ['1234567890123456', '', ''],
    ['', '', ''],
  ])('that may be meant by %j behind %j begin with %j', (part, code, expected) => {
    expect(mayBegin(part, code)).toBe(expected);
  });

  it('refuses a range that is wider than any list', () => {
    expect(faultOf('10000-19999', '0.1', '')).toBe('none');
    expect(faultOf('10000-20000', '0.1', '')).toBe('INVALID_PREFIX');
  });
});

describe('a faulty row', () => {
  const named: SheetReading = {
    ...reading,
    columns: new Map([...reading.columns, ['destination', 3]]),
    destinations: new SheetNames([{ id: 8, name: 'France mobile' }]),
  };
  const about = (prefix: string, price: string, name = '') => {
    const read = readSheetRow([prefix, price, '', name], named);
    if (!('fault' in read)) return 'no fault';
    return read.targets.map((one) => one.prefix ?? one.destinationId ?? one.meant);
  };

  it.each<[string, string, string, (string | number | null)[]]>([
    ['49 491', 'O.21', '', ['49', '491']],
    ['49,491x,492y', '0.1', '', ['49', '491', '492']],
    ['49', 'O.21', 'France mobile', ['49']],
    ['', 'O.21', 'france MOBILE', [8]],
    ['491x', '0.1', 'France mobile', [8, '491']],
    ['', '0.1', 'Frnace mobile', ['-']],
    ['x49', '0.1', '', ['']],
    ['', '0.1', '', ['']],
    ['', 'rate', '', [null]],
    ['', '', 'Europe', [null]],
    ['Prices are in EUR', '', '', [null]],
  ])('for %j at %j, %j is about %j', (prefix, price, name, expected) => {
    expect(about(prefix, price, name)).toEqual(expected);
  });
});

describe('the currency of a row', () => {
  const columns = readSheetColumns(null, ['Code', 'Rate', 'Währung']);
  const read = (currency: string) =>
    readSheetRow(['49,4915', '0.1', currency], { ...reading, columns });

  it.each(['EUR', ' eur ', ''])('may be %j in a list of EUR', (currency) => {
    expect(read(currency)).toMatchObject({ prices: [{ prefix: '49' }, { prefix: '4915' }] });
  });

  it.each(['USD', '€', 'EURO'])('is not %j, and its prefixes are not taken as missing', (text) => {
    const message =
      `The list is in EUR, the row in "${text}". If that is the same, ` +
      'name the columns without this one.';
    expect(read(text)).toMatchObject({
      fault: { code: 'WRONG_CURRENCY', field: 'currency', message },
      targets: [{ prefix: '49' }, { prefix: '4915' }],
    });
  });
});

describe('dates of a row', () => {
  const at = (text: string) => {
    const read = readSheetRow(['49', '0.1', text], reading);
    return 'prices' in read ? read.prices[0]?.validFrom : read.fault.code;
  };

  it('begin with the day of the zone, or stand where they are written', () => {
    expect(at('')).toBe(7);
    expect(at('2026-07-01')).toBe(Date.parse('2026-06-30T22:00:00Z'));
    expect(at('2026-01-01 08:30')).toBe(Date.parse('2026-01-01T07:30:00Z'));
    expect(at('2026-01-01T08:30:00Z')).toBe(Date.parse('2026-01-01T08:30:00Z'));
  });

  it.each([['2026-02-30'], ['01.07.2026'], ['2026-13-01'], ['2026-01-01T25:00:00Z'], ['soon']])(
    'refuse %j',
    (text) => {
      expect(at(text)).toBe('INVALID_DATE');
    },
  );
});

describe('columns of a sheet', () => {
  it('are found by name in any case', () => {
    const columns = readSheetColumns({ prefix: 'CODE', price: ' rate' }, ['Rate ', 'code']);
    expect([...columns]).toEqual([
      ['price', 0],
      ['prefix', 1],
    ]);
  });

  it('are refused when they are missing or say too little or too much', () => {
    const header = ['code', 'rate', 'incr', 'first'];
    const read = (names: object) => refusal(() => readSheetColumns(names, header));
    expect(read({ prefix: 'code', price: 'rate', increments: 'incr' })).toBe('none');
    expect(read({ prefix: 'code', price: 'cost' })).toBe('SHEET_COLUMN_MISSING');
    expect(read({ price: 'rate' })).toBe('SHEET_COLUMNS_REFUSED');
    const twice = { prefix: 'code', price: 'rate', increments: 'incr', firstIncrement: 'first' };
    expect(read(twice)).toBe('SHEET_COLUMNS_REFUSED');
  });
});

describe('the rows of a sheet', () => {
  it('come out one per prefix, and what is said twice is an error of the later row', () => {
    const reader = new SheetReader();
    reader.begin(reading);
    reader.row(2, '49,0.1,\r\n', ['49', '0.1', '']);
    reader.row(3, '48-50,0.2,\n', ['48-50', '0.2', '']);
    reader.row(4, 'x', ['49', '0.3', '2026-07-01']);
    reader.row(5, 'a\0b', ['51', 'oops', '']);
    expect(reader.waiting).toBe(6);
    const rows = reader.take();
    expect(rows.map((row) => [row.line, row.prefix, row.fault?.code ?? null])).toEqual([
      [2, '49', null],
      [3, '48', null],
      [3, '49', 'DUPLICATE_ROW'],
      [3, '50', null],
      [4, '49', null],
      [5, '51', 'INVALID_DECIMAL'],
    ]);
    expect(rows[0]?.raw).toBe('49,0.1,');
    expect(rows[5]?.raw).toBe('a\uFFFDb');
    reader.row(6, '5\0,0.1,', ['5\0', '0.1', '']);
    const [quoted] = reader.take();
    expect(quoted?.fault?.code).toBe('INVALID_PREFIX');
    expect(JSON.stringify(quoted)).not.toContain('\\u0000');
    expect([reader.rowCount, reader.errorCount, reader.waiting]).toEqual([7, 3, 0]);
  });
});
