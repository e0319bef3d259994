import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  aPriceList,
  aRate,
  CREATE_DESTINATION,
  CREATE_PROFILE,
  profileInput,
} from '../fixtures/catalog.js';
import { aWorld, call, refusal, tokenOf, type World } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const SHEET = `id name state complete rowCount errorCount contentHash activatedAt
  counts { status rows } priceList { id }`;
const IMPORT = `mutation ($input: ImportRateSheetInput!, $key: String) {
  importRateSheet(input: $input, idempotencyKey: $key) { ${SHEET} }
}`;
const ACTIVATE = `mutation ($id: ID!, $skip: Boolean! = false) {
  activateRateSheet(id: $id, skipErrors: $skip) { ${SHEET} }
}`;
const DISCARD = `mutation ($id: ID!) { discardRateSheet(id: $id) { ${SHEET} } }`;
const ROWS = `query ($id: ID!, $filter: RateSheetRowFilter!, $first: Int! = 100) {
  rateSheet(id: $id) { counts { status rows } rows(filter: $filter, first: $first) { nodes {
    line raw errorCode errorField errorMessage status prefix destinationName price oldPrice
    firstIncrement nextIncrement connectionFee validFrom validTo band { name } destination { id }
  } } }
}`;
const RATES = `query ($id: ID!, $filter: RateFilter!) { rates(priceListId: $id, filter: $filter) {
  nodes { id prefix kind price firstIncrement validFrom validTo } } }`;
const FROM = '2026-07-01T00:00:00Z';

let app: TestApp;
let world: World;
let profileId: string;
let destinationId: string;

beforeAll(async () => {
  app = await testApp();
  world = await aWorld(app);
  const profile = { input: profileInput('Business') };
  profileId = (await call(app, world.hubToken, CREATE_PROFILE, profile)).id;
  const input = { name: 'Germany mobile', prefixes: ['4915', '4916'] };
  destinationId = (await call(app, world.hubToken, CREATE_DESTINATION, { input })).id;
});
afterAll(() => app.stop());

const aList = async (given: object = {}) =>
  (await aPriceList(app, world.hubToken, world.hub, given)).id;

function sheet(priceListId: string, csv: string, given: object = {}) {
  return {
    priceListId,
    name: 'Sheet',
    csv,
    columns: { prefix: 'code', price: 'rate' },
    effectiveFrom: FROM,
    ...given,
  };
}

const load = (priceListId: string, csv: string, given: object = {}) =>
  call(app, world.hubToken, IMPORT, { input: sheet(priceListId, csv, given) });
const rowsOf = async (id: string, filter: object = {}) =>
  (await call(app, world.hubToken, ROWS, { id, filter })).rows.nodes;
const activate = (id: string, skip = false) => call(app, world.hubToken, ACTIVATE, { id, skip });
const ratesOf = async (id: string, at: string | null = null) => {
  const { nodes } = await call(app, world.hubToken, RATES, { id, filter: { asOf: at } });
  return nodes
    .map((one: { prefix: string; price: string }) => `${one.prefix}=${Number(one.price)}`)
    .sort();
};

describe('reading a sheet', () => {
  it('separates prefixes, ranges and country codes and reads every column', async () => {
    const list = await aList({ timeProfileId: profileId });
    const csv = [
      'Country;Codes;Name;Rate;Fee;Incr;Min;Grace;Band;From;Unit',
      '49;"15, 160-162";Germany mobile;0,0123;0,01;30/6;25;3;peak;2026-08-01;60',
      '33;;France;1;;;;;;2026-08-01T00:00:00+02:00;1',
      ';;Germany mobile;0,5;;;;;;;',
    ].join('\r\n');
    const columns = {
      countryCode: 'country',
      prefix: 'CODES',
      destination: 'Name',
      price: 'rate',
      connectionFee: 'fee',
      increments: 'incr',
      minimum: 'min',
      grace: 'grace',
      band: 'band',
      effectiveFrom: 'from',
      rateUnit: 'unit',
    };
    const made = await load(list, csv, {
      columns,
      delimiter: ';',
      decimalComma: true,
      timeZone: 'Europe/Berlin',
      defaults: { firstIncrement: 60, nextIncrement: 60 },
    });
    expect(made).toMatchObject({ state: 'DRAFT', rowCount: 6, errorCount: 0 });
    expect(made.counts).toEqual([{ status: 'NEW', rows: 6 }]);
    const rows = await rowsOf(made.id);
    expect(rows.map((row: { prefix: string }) => row.prefix)).toEqual([
      '4915',
      '49160',
      '49161',
      '49162',
      '33',
      null,
    ]);
    expect(rows[0]).toMatchObject({
      line: 2,
      raw: csv.split('\r\n')[1],
      price: '0.01230000',
      connectionFee: '0.01000000',
      firstIncrement: 30,
      nextIncrement: 6,
      band: { name: 'Peak' },
      validFrom: '2026-07-31T22:00:00.000Z',
    });
    expect(rows[4]).toMatchObject({ line: 3, firstIncrement: 60, nextIncrement: 60, band: null });
    expect(rows[5]).toMatchObject({
      destination: { id: destinationId },
      validFrom: '2026-07-01T00:00:00.000Z',
    });
  });

  it('keeps every faulty row with line, field, code and text', async () => {
    const list = await aList({ timeProfileId: profileId });
    const csv = [
      'code,name,rate,fee,incr,unit,band,from',
      '49,,0.1,,,,,',
      '49x,,0.1,,,,,',
      '4910-4909,,0.1,,,,,',
      ',,0.1,,,,,',
      ',Atlantis,0.1,,,,,',
      '50,,abc,,,,,',
      '51,,-1,,,,,',
      '52,,0.1,1.123456789,,,,',
      '53,,0.1,,60,,,',
      '54,,0.1,,60/0,,,',
      '55,,0.1,,,x,,',
      '56,,0.1,,,,Night,',
      '57,,0.1,,,,,2026-02-30',
      '49,,0.2,,,,,',
      '58,,"0.1"x,,,,,',
      '59,,0.1,,,,,',
    ].join('\n');
    const columns = {
      prefix: 'code',
      destination: 'name',
      price: 'rate',
      connectionFee: 'fee',
      increments: 'incr',
      rateUnit: 'unit',
      band: 'band',
      effectiveFrom: 'from',
    };
    const made = await load(list, csv, { columns });
    const faults = await rowsOf(made.id, { errors: true });
    expect(
      faults.map((row: { line: number; errorCode: string; errorField: string }) =>
        [row.line, row.errorCode, row.errorField].join(' '),
      ),
    ).toEqual([
      '3 INVALID_PREFIX prefix',
      '4 INVALID_PREFIX prefix',
      '5 MISSING_TARGET prefix',
      '6 UNKNOWN_DESTINATION destination',
      '7 INVALID_DECIMAL price',
      '8 VALUE_REFUSED price',
      '9 INVALID_DECIMAL connectionFee',
      '10 INVALID_INCREMENTS increments',
      '11 VALUE_REFUSED nextIncrement',
      '12 INVALID_INTEGER rateUnit',
      '13 UNKNOWN_BAND band',
      '14 INVALID_DATE effectiveFrom',
      '15 DUPLICATE_ROW prefix',
      '16 INVALID_DECIMAL price',
    ]);
    expect(faults[12].errorMessage).toContain('Line 2');
    expect(faults[13].raw).toContain('58,,"0.1"x');
    expect(made).toMatchObject({ rowCount: 16, errorCount: 14 });
    expect(
      (await rowsOf(made.id, { errors: false })).map((row: { line: number }) => row.line),
    ).toEqual([2, 17]);
  });

  it.each([
    ['no source', { csv: null }, 'SHEET_SOURCE_REFUSED'],
    ['two sources', { fileId: toGlobalId('UsageFile', 1) }, 'SHEET_SOURCE_REFUSED'],
    ['a file that is not', { csv: null, fileId: toGlobalId('UsageFile', 9e6) }, 'NOT_FOUND'],
    ['a column that is not', { columns: { prefix: 'x', price: 'rate' } }, 'SHEET_COLUMN_MISSING'],
    ['half a character', { columns: { prefix: 'x\ud800', price: 'rate' } }, 'BAD_USER_INPUT'],
    ['an empty name', { columns: { prefix: 'code', price: ' ' } }, 'BAD_USER_INPUT'],
    ['no column of targets', { columns: { price: 'rate' } }, 'SHEET_COLUMNS_REFUSED'],
    ['an empty sheet', { csv: '' }, 'SHEET_UNREADABLE'],
    ['a quote that does not end', { csv: 'code,rate\n1,0.1\n2,"0.1\n3,0.1\n' }, 'SHEET_UNREADABLE'],
    ['a header alone', { csv: 'code,rate\n' }, 'SHEET_UNREADABLE'],
    ['a zone that is none', { timeZone: 'Mars' }, 'INVALID_TIME_ZONE'],
    ['an empty zone', { timeZone: '' }, 'INVALID_TIME_ZONE'],
    ['defaults that no rate has', { defaults: { nextIncrement: 0 } }, 'RATE_REFUSED'],
    ['an odd delimiter', { delimiter: 'ab' }, 'BAD_USER_INPUT'],
  ])('refuses %s and leaves nothing behind', async (_, given, code) => {
    const list = await aList();
    const input = sheet(list, 'code,rate\n49,0.1\n', given);
    expect(await refusal(app, world.hubToken, IMPORT, { input })).toBe(code);
    const query = 'query ($id: ID!) { priceList(id: $id) { rateSheets { nodes { id } } } }';
    const { rateSheets } = await call(app, world.hubToken, query, { id: list });
    expect(rateSheets.nodes).toEqual([]);
  });

  it('does it once for one key', async () => {
    const request = { input: sheet(await aList(), 'code,rate\n49,0.1'), key: 'sheet 1' };
    const first = await call(app, world.hubToken, IMPORT, request);
    expect((await call(app, world.hubToken, IMPORT, request)).id).toBe(first.id);
  });

  async function upload(body: string | Buffer<ArrayBuffer>): Promise<string> {
    const answer = await fetch(`${app.url}/files/sheet.csv`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${world.hubToken}` },
      body,
    });
    return ((await answer.json()) as { fileId: string }).fileId;
  }

  it('takes an uploaded file of the same tenant', async () => {
    const fileId = await upload('code,rate\n49,0.1\n');
    const made = await load(await aList(), '', { csv: null, fileId });
    expect(made).toMatchObject({ rowCount: 1, errorCount: 0 });
    const { id: listA } = await aPriceList(app, world.tokenA, world.resellerA);
    const input = sheet(listA, '', { csv: null, fileId });
    expect(await refusal(app, world.tokenA, IMPORT, { input })).toBe('NOT_FOUND');
  });

  it('names what is wrong with a first line when more bytes are to come', async () => {
    const fileId = await upload(`price per minute\n${'4930 0.01\n'.repeat(100_000)}`);
    const input = sheet(await aList(), '', { csv: null, fileId });
    expect(await refusal(app, world.hubToken, IMPORT, { input })).toBe('SHEET_COLUMN_MISSING');
  });

  it('refuses a row without end', async () => {
    const fileId = await upload(`code,rate\n1,0.1\n2,"${'x'.repeat(70_000)}"\n`);
    const input = sheet(await aList(), '', { csv: null, fileId });
    const { errors } = await app.graphql(IMPORT, { input }, world.hubToken);
    expect(errors[0]?.extensions).toMatchObject({ code: 'SHEET_UNREADABLE', details: { line: 3 } });
  });
});

describe('comparing a sheet with its list', () => {
  async function filledList(): Promise<string> {
    const list = await aList();
    for (const [prefix, price] of [
      ['1', '0.10'],
      ['2', '0.10'],
      ['3', '0.10'],
      ['4', '0.10'],
      ['5', '0.10'],
    ]) {
      await aRate(app, world.hubToken, list, { prefix, price, firstIncrement: 60 });
    }
    return list;
  }
  const CSV = 'code,rate,first\n1,0.11,60\n2,0.09,60\n3,0.10,30\n4,0.10,60\n6,0.10,60\n';
  const given = {
    columns: { prefix: 'code', price: 'rate', firstIncrement: 'first' },
    complete: true,
  };

  it('tells new, increased, decreased, changed, unchanged and closed', async () => {
    const made = await load(await filledList(), CSV, given);
    const rows = await rowsOf(made.id);
    expect(
      rows.map((row: { prefix: string; status: string }) => `${row.prefix} ${row.status}`),
    ).toEqual(['1 INCREASED', '2 DECREASED', '3 CHANGED', '4 UNCHANGED', '6 NEW', '5 CLOSED']);
    expect(rows[0]).toMatchObject({ oldPrice: '0.10000000', price: '0.11000000' });
    expect(rows[5].line).toBeNull();
    const closed = await rowsOf(made.id, { statuses: ['CLOSED', 'NEW'] });
    expect(closed).toHaveLength(2);
  });

  it('compares by the unit and not by the number', async () => {
    const list = await aList();
    await aRate(app, world.hubToken, list, { prefix: '1', price: '0.60', rateUnit: 60 });
    const made = await load(list, 'code,rate,unit\n1,0.02,1\n', {
      columns: { prefix: 'code', price: 'rate', rateUnit: 'unit' },
    });
    expect(made.counts).toEqual([{ status: 'INCREASED', rows: 1 }]);
  });

  it('activates all at once when the prices take effect, once', async () => {
    const list = await filledList();
    const made = await load(list, CSV, given);
    const done = await activate(made.id);
    expect(done).toMatchObject({ state: 'ACTIVATED', activatedAt: expect.any(String) });
    const before = ['1=0.1', '2=0.1', '3=0.1', '4=0.1', '5=0.1'];
    expect(await ratesOf(list, '2026-06-30T23:59:59Z')).toEqual(before);
    const after = ['1=0.11', '2=0.09', '3=0.1', '4=0.1', '6=0.1'];
    expect(await ratesOf(list, FROM)).toEqual(after);
    const rows = (await call(app, world.hubToken, RATES, { id: list, filter: {} })).nodes;
    expect(await activate(made.id)).toEqual(done);
    const again = (await call(app, world.hubToken, RATES, { id: list, filter: {} })).nodes;
    expect(again).toEqual(rows);
    const unchanged = rows.filter((row: { prefix: string }) => row.prefix === '4');
    expect(unchanged).toMatchObject([{ validFrom: '2026-01-01T00:00:00.000Z', validTo: null }]);
  });

  it('goes by the list as it is when the sheet is activated, not as it was read', async () => {
    const list = await filledList();
    const made = await load(list, CSV, given);
    await aRate(app, world.hubToken, list, { prefix: '7', price: '0.70' });
    await aRate(app, world.hubToken, list, {
      prefix: '1',
      price: '0.50',
      validFrom: '2026-08-01T00:00:00Z',
    });
    await activate(made.id);
    const after = ['1=0.11', '2=0.09', '3=0.1', '4=0.1', '6=0.1'];
    expect(await ratesOf(list, FROM)).toEqual(after);
    expect(await ratesOf(list, '2026-09-01T00:00:00Z')).toEqual(after);
  });

  it('follows several dates of one prefix and leaves the rest of a partial list', async () => {
    const list = await filledList();
    const csv = 'code,rate,from\n1,0.3,2026-09-01\n1,0.2,2026-08-01\n1,0.1,2026-07-01\n';
    const made = await load(list, csv, {
      columns: { prefix: 'code', price: 'rate', effectiveFrom: 'from' },
      defaults: { firstIncrement: 60 },
    });
    await activate(made.id);
    const first = async (at: string) => (await ratesOf(list, at))[0];
    expect(await first('2026-07-15T00:00:00Z')).toBe('1=0.1');
    expect(await first('2026-08-15T00:00:00Z')).toBe('1=0.2');
    expect(await first('2026-09-15T00:00:00Z')).toBe('1=0.3');
    expect(await ratesOf(list, '2026-09-15T00:00:00Z')).toHaveLength(5);
  });

  it('keeps a price that was there already behind a new one', async () => {
    const list = await aList();
    await aRate(app, world.hubToken, list, { prefix: '1', price: '0.1' });
    const august = { prefix: '1', price: '0.2', validFrom: '2026-08-01T00:00:00Z' };
    await aRate(app, world.hubToken, list, august);
    const csv = 'code,rate,from\n1,0.3,2026-07-01\n1,0.2,2026-08-01\n';
    const made = await load(list, csv, {
      columns: { prefix: 'code', price: 'rate', effectiveFrom: 'from' },
    });
    expect(made.counts).toEqual([
      { status: 'INCREASED', rows: 1 },
      { status: 'UNCHANGED', rows: 1 },
    ]);
    await activate(made.id);
    const at = ['2026-06-15', '2026-07-15', '2026-08-15'];
    const seen = await Promise.all(at.map((day) => ratesOf(list, `${day}T00:00:00Z`)));
    expect(seen).toEqual([['1=0.1'], ['1=0.3'], ['1=0.2']]);
  });

  it('refuses a sheet with errors unless they are to be skipped, closing none', async () => {
    const list = await filledList();
    const csv = 'code,rate\n1,0.2\n2,oops\n3,0.2\n4,0.2\n';
    const made = await load(list, csv, { complete: true });
    const request = { id: made.id };
    expect(await refusal(app, world.hubToken, ACTIVATE, request)).toBe('SHEET_HAS_ERRORS');
    await activate(made.id, true);
    expect(await ratesOf(list, FROM)).toEqual(['1=0.2', '2=0.1', '3=0.2', '4=0.2']);
  });

  it('activates once when ten ask at once', async () => {
    const list = await filledList();
    const made = await load(list, CSV, given);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => app.graphql(ACTIVATE, { id: made.id }, world.hubToken)),
    );
    expect(answers.flatMap((answer) => answer.codes)).toEqual([]);
    expect(await ratesOf(list, FROM)).toHaveLength(5);
  });

  it('puts aside what is not wanted, and not what is active', async () => {
    const list = await filledList();
    const made = await load(list, CSV, given);
    expect(await call(app, world.hubToken, DISCARD, { id: made.id })).toMatchObject({
      state: 'DISCARDED',
    });
    expect(await refusal(app, world.hubToken, ACTIVATE, { id: made.id })).toBe('SHEET_DISCARDED');
    const other = await load(list, CSV, given);
    await activate(other.id);
    expect(await refusal(app, world.hubToken, DISCARD, { id: other.id })).toBe('SHEET_ACTIVATED');
  });
});

describe('whose sheet', () => {
  it("cannot be read or activated by another tenant's users, nor without permission", async () => {
    const { id: list } = await aPriceList(app, world.hubToken, world.resellerB);
    const made = await load(list, 'code,rate\n49,0.1\n');
    const query = 'query ($id: ID!) { rateSheet(id: $id) { id } }';
    expect(await call(app, world.tokenA, query, { id: made.id })).toBeNull();
    expect(await refusal(app, world.tokenA, ACTIVATE, { id: made.id })).toBe('NOT_FOUND');
    expect(await refusal(app, world.tokenA, DISCARD, { id: made.id })).toBe('NOT_FOUND');
    const clerk = await tokenOf(app, world.hub, ['catalog.read', 'catalog.manage']);
    expect(await refusal(app, clerk, ACTIVATE, { id: made.id })).toBe('FORBIDDEN');
  });
});
