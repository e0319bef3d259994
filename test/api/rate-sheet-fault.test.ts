import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aPriceList,
  aRate,
  CREATE_DESTINATION,
  CREATE_PROFILE,
  profileInput,
} from '../fixtures/catalog.js';
import { aWorld, call, type World } from '../fixtures/partner.js';
import {
  ACTIVATE_SHEET,
  FROM,
  IMPORT_SHEET,
  pricesOf,
  sheetInput,
  sheetRows,
} from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let world: World;
const destinations: string[] = [];
beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  for (const [name, prefix] of [
    ['France mobile', '336'],
    ['Spain mobile', '346'],
  ]) {
    const input = { name, prefixes: [prefix] };
    destinations.push((await call(app, world.hubToken, CREATE_DESTINATION, { input })).id);
  }
});
afterAll(() => app.stop());

const PREFIXES = ['1', '33', '49', '491', '4915', '4920'];

/** A list with the prefixes at 0.1, France mobile at 0.2 and Spain mobile at 0.3. */
async function aList(): Promise<string> {
  const { id } = await aPriceList(app, world.hubToken, world.hub);
  for (const prefix of PREFIXES) {
    await aRate(app, world.hubToken, id, { prefix, price: '0.1' });
  }
  for (const [at, destinationId] of destinations.entries()) {
    await aRate(app, world.hubToken, id, { destinationId, price: `0.${at + 2}` });
  }
  return id;
}

const load = (id: string, csv: string, given: object) =>
  call(app, world.hubToken, IMPORT_SHEET, { input: sheetInput(id, csv, given) });

describe('a complete sheet whose faulty rows are skipped', () => {
  // Each sheet names 1, too; what is left of the list is what the row kept from being closed.
  it.each([
    ['a destination', 'France mobile,,O.21', ['null=0.2']],
    ['prefixes of one cell', ',"49,491x",0.2', ['49=0.1', '491=0.1', '4915=0.1']],
    ['a range that is none', ',4919-4910,0.2', ['491=0.1', '4915=0.1']],
    ['a prefix that is dialled', ',0049,0.2', ['49=0.1', '491=0.1', '4915=0.1', '4920=0.1']],
    ['prefix or destination', 'France mobile,n.a.,', ['null=0.2']],
    ['any destination', 'Frnace mobile,,0.2', ['null=0.2', 'null=0.3']],
    [
      'anything',
      ',x49,0.2',
      ['33=0.1', '49=0.1', '491=0.1', '4915=0.1', '4920=0.1', 'null=0.2', 'null=0.3'],
    ],
    ['nothing', 'Europe,,', []],
  ])('closes no rate of %s that a row may mean', async (_, row, kept) => {
    const id = await aList();
    const columns = { destination: 'zone', prefix: 'code', price: 'rate' };
    const made = await load(id, `zone,code,rate\n${row}\n,1,0.1\n`, { columns, complete: true });
    await call(app, world.hubToken, ACTIVATE_SHEET, { id: made.id, skip: true });
    expect(await pricesOf(app, world.hubToken, id, FROM)).toEqual(['1=0.1', ...kept].sort());
  });

  it('closes no rate of any band that a row may mean', async () => {
    const { hub, hubToken } = world;
    const profile = await call(app, hubToken, CREATE_PROFILE, { input: profileInput('Peaks') });
    const { id } = await aPriceList(app, hubToken, hub, { timeProfileId: profile.id });
    const bandId = profile.bands[0].id;
    const [destinationId] = destinations;
    for (const target of [{ prefix: '33' }, { prefix: '49' }, { destinationId }]) {
      await aRate(app, hubToken, id, { ...target, bandId, price: '0.1' });
    }
    const columns = { destination: 'zone', prefix: 'code', price: 'rate' };
    const csv = 'zone,code,rate\n,49,O.2\nFrance mobile,,O.2\n,1,0.1\n';
    const made = await load(id, csv, { columns, complete: true });
    const closed = await sheetRows(app, hubToken, made.id, { statuses: ['CLOSED'] });
    expect(closed).toMatchObject([{ prefix: '33' }]);
  });

  it('shows each prefix that it has read', async () => {
    const made = await load(await aList(), 'code,rate\n"49,491x",0.2\n', { complete: true });
    expect(made).toMatchObject({ rowCount: 2, errorCount: 2 });
    const rows = await sheetRows(app, world.hubToken, made.id, { errors: true });
    expect(rows).toMatchObject([
      { line: 2, prefix: '49', errorCode: 'INVALID_PREFIX', errorField: 'prefix' },
      { line: 2, prefix: null, errorCode: 'INVALID_PREFIX', raw: '"49,491x",0.2' },
    ]);
  });
});

describe('a row whose date', () => {
  const columns = { prefix: 'code', price: 'rate', effectiveFrom: 'from' };

  it('no database holds is faulty, and the others are read', async () => {
    const days = ['0000-01-01', '0001-01-01T00:00:00+02:00', '9999-12-31T23:00:00-02:00'];
    const csv = days.map((day, at) => `7${at},0.2,${day}\n`).join('');
    const made = await load(await aList(), `code,rate,from\n${csv}79,0.2,2030-08-01\n`, {
      columns,
    });
    const rows = await sheetRows(app, world.hubToken, made.id);
    expect(rows.map((row: { errorCode: string | null }) => row.errorCode)).toEqual([
      'INVALID_DATE',
      'INVALID_DATE',
      'INVALID_DATE',
      null,
    ]);
  });

  it('does not exist is faulty, with a zone as without', async () => {
    const csv = 'code,rate,from\n70,0.2,2030-02-30\n71,0.2,2030-02-30T00:00:00Z\n';
    const made = await load(await aList(), csv, { columns });
    const rows = await sheetRows(app, world.hubToken, made.id);
    const fault = { errorCode: 'INVALID_DATE', errorField: 'effectiveFrom' };
    expect(rows).toMatchObject([fault, fault]);
  });

  it('is the first or the last of all is as good as others', async () => {
    const id = await aList();
    const csv = 'code,rate,from\n70,0.2,0001-01-01T00:00:00Z\n71,0.2,9999-12-31T23:59:59.999Z\n';
    const made = await load(id, csv, { columns });
    const rows = await sheetRows(app, world.hubToken, made.id);
    expect(rows.map((row: { validFrom: string }) => row.validFrom)).toEqual([
      '0001-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
    ]);
    await call(app, world.hubToken, ACTIVATE_SHEET, { id: made.id });
    expect(await pricesOf(app, world.hubToken, id)).toContain('71=0.2');
  });
});
