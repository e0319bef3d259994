import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import { aWorld, call, type World } from '../fixtures/partner.js';
import { IMPORT_SHEET, sheetInput, sheetRows } from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app?.stop());

interface Row {
  readonly line: number;
  readonly prefix: string | null;
  readonly price: string | null;
  readonly errorCode: string | null;
  readonly status: string | null;
}

async function imported(csv: string, given: object = {}, prefixes: readonly string[] = []) {
  const { id } = await aPriceList(app, world.hubToken, world.supplier);
  for (const prefix of prefixes) await aRate(app, world.hubToken, id, { prefix, price: '0.5' });
  const input = { ...sheetInput(id, csv), columns: null, ...given };
  const sheet = await call(app, world.hubToken, IMPORT_SHEET, { input });
  const rows: Row[] = await sheetRows(app, world.hubToken, sheet.id);
  return { sheet, rows };
}

describe('lines of a sheet that end in different ways', () => {
  const MIXED = 'Prefix,Rate,Note\r\n49,0.01,x\n33,0.02,y\n';

  it.each([
    ['CRLF, then LF', MIXED],
    ['LF, then CRLF', 'Prefix,Rate,Note\n49,0.01,x\r\n33,0.02,y'],
    ['CR alone', 'Prefix,Rate,Note\r49,0.01,x\r33,0.02,y\r'],
    ['CR alone, then LF', 'Prefix,Rate,Note\r49,0.01,x\n33,0.02,y\n'],
  ])('are each a row: %s', async (_, csv) => {
    const { sheet, rows } = await imported(csv);
    expect(rows.map(({ line, prefix }) => [line, prefix])).toEqual([
      [2, '49'],
      [3, '33'],
    ]);
    expect(sheet).toMatchObject({ rowCount: 2, errorCount: 0 });
  });

  it('close no price that the sheet names', async () => {
    const { sheet } = await imported(MIXED, { complete: true }, ['33']);
    const closed = sheet.counts.filter((one: { status: string }) => one.status === 'CLOSED');
    expect([sheet.errorCount, closed]).toEqual([0, []]);
  });
});

describe('a row with more cells than there are names', () => {
  it('is an error and no price', async () => {
    const { sheet, rows } = await imported('Prefix,Rate\n49,0,0125\n44,0.02\n');
    expect(rows.map(({ line, price, errorCode }) => [line, price, errorCode])).toEqual([
      [2, null, 'SURPLUS_CELLS'],
      [3, '0.02000000', null],
    ]);
    expect(sheet.errorCount).toBe(1);
  });

  it('has no fee either', async () => {
    const { sheet } = await imported('Prefix,Rate,Connection Fee\n49,0,0125,0\n');
    expect(sheet.errorCount).toBe(1);
  });

  it('is none where they are empty', async () => {
    const { sheet } = await imported('Prefix,Rate\n49,0.01,, ,\n');
    expect(sheet).toMatchObject({ rowCount: 1, errorCount: 0 });
  });

  it.each([
    ['lets no price end when it holds a number', '50,51,0.01', []],
    ['does not count as a price when it is a note', 'all,prices,in,EUR', [{ prefix: '33' }]],
  ])('%s', async (_, row, expected) => {
    const { rows } = await imported(`Prefix,Rate\n49,0.01\n${row}\n`, { complete: true }, ['33']);
    expect(rows.filter(({ status }) => status === 'CLOSED')).toMatchObject(expected);
  });
});

it('takes no point that groups thousands for a decimal one', async () => {
  const { rows } = await imported('Prefix;Rate\n62;1.250\n36;1.234,50\n49;0,05\n1;2\n', {
    delimiter: ';',
    decimalComma: true,
  });
  expect(rows.map(({ price, errorCode }) => [price, errorCode])).toEqual([
    [null, 'INVALID_DECIMAL'],
    [null, 'INVALID_DECIMAL'],
    ['0.05000000', null],
    ['2.00000000', null],
  ]);
});
