import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workbookLines } from '../../src/catalog/sheet-workbook.service.js';
import { permissionNames } from '../../src/identity/index.js';
import { aPriceList, aRate, CREATE_DESTINATION, CREATE_PROFILE } from '../fixtures/catalog.js';
import { csvRows, type Fetched, fetchExport, HOSTILE, said } from '../fixtures/exports.js';
import { aWorld, call, tokenOf, type World } from '../fixtures/partner.js';
import { IMPORT_SHEET, uploadSheet } from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const PEAK = '=Peak, "the" +hour';
const AS_OF = 'asOf=2026-06-15T12:00:00Z';
const BEFORE = '2026-06-01T00:00:00Z';
/** Eighteen digits, of which a spreadsheet would keep fifteen. */
const LONG = '1234567890.12345678';

let app: TestApp;
let world: World;
let destinationId: string;
let profileId: string;
let peakId: string;

beforeAll(async () => {
  app = await testApp({ start: false });
  await app.app.services.uploads.open(new Date());
  world = await aWorld(app);
  const destination = { name: HOSTILE.destination, country: 'DE', prefixes: ['4915'] };
  destinationId = (await create(CREATE_DESTINATION, destination)).id;
  const bands = [{ name: PEAK, rules: [{ weekdays: ['MONDAY'], from: '08:00', to: '18:00' }] }];
  const profile = await create(CREATE_PROFILE, { name: 'Office', bands });
  profileId = profile.id;
  peakId = profile.bands[0].id;
});
afterAll(async () => app?.stop());

const create = (query: string, input: object) => call(app, world.hubToken, query, { input });

/** A list with every kind of rate that a sheet can say. */
async function aList(): Promise<string> {
  const { id } = await aPriceList(app, world.hubToken, world.hub, { timeProfileId: profileId });
  const rates: object[] = [
    { prefix: '49', price: '0.0471', firstIncrement: 60, nextIncrement: 60 },
    { prefix: '49', price: '0.05', bandId: peakId, connectionFee: '0.00000001' },
    { prefix: '33', price: LONG, rateUnit: 1, minimum: 30, grace: 3 },
    { destinationId, price: '0.2', minCharge: '0.01', maxCharge: '9.99' },
    { prefix: '4915', price: '0.3' },
    { prefix: '7', price: '0.1', validTo: '2026-09-01T00:00:00Z' },
    { prefix: '7', price: '0.2', validFrom: '2026-09-01T00:00:00Z' },
  ];
  for (const given of rates) await aRate(app, world.hubToken, id, given);
  return id;
}

const file = (id: string, ending: string, more = '', token = world.hubToken) =>
  fetchExport(app, token, `price-lists/${id}/rates.${ending}?${AS_OF}${more}`);

/** Imports a file with nothing said of how it is read; answers what it would do. */
async function again(id: string, { bytes, status, text }: Fetched) {
  expect(status, text).toBe(200);
  const fileId = await uploadSheet(app, world.hubToken, bytes);
  const input = { priceListId: id, name: 'Again', fileId, effectiveFrom: BEFORE, complete: true };
  const { errorCount, counts } = await create(IMPORT_SHEET, input);
  return { errorCount, counts };
}

const UNCHANGED = { errorCount: 0, counts: [{ status: 'UNCHANGED', rows: 7 }] };

describe('rates of a list', () => {
  it.each(['csv', 'xlsx'])('come back as %s without a difference', async (ending) => {
    const id = await aList();
    expect(await again(id, await file(id, ending))).toEqual(UNCHANGED);
  });

  it('come back to destinations and bands whose names differ in their case alone', async () => {
    const names = ['France Mobile', 'France mobile', 'İstanbul', 'ΟΔΟΣ'];
    const made = await Promise.all(
      names.map((name, at) =>
        create(CREATE_DESTINATION, { name, country: 'FR', prefixes: [`33${at}`] }),
      ),
    );
    const rules = (from: string, to: string) => [{ weekdays: ['MONDAY'], from, to }];
    const bands = [
      { name: 'Peak', rules: rules('08:00', '12:00') },
      { name: 'peak', rules: rules('12:00', '18:00') },
    ];
    const profile = await create(CREATE_PROFILE, { name: 'Two peaks', bands });
    const given = { timeProfileId: profile.id };
    const { id } = await aPriceList(app, world.hubToken, world.hub, given);
    for (const [at, { id: destinationId }] of made.entries()) {
      await aRate(app, world.hubToken, id, { destinationId, price: `0.${at + 1}` });
    }
    for (const [at, { id: bandId }] of profile.bands.entries()) {
      await aRate(app, world.hubToken, id, { prefix: '49', price: `0.${at + 7}`, bandId });
    }
    const unchanged = { errorCount: 0, counts: [{ status: 'UNCHANGED', rows: 6 }] };
    const csv = await file(id, 'csv');
    expect(await again(id, csv)).toEqual(unchanged);
    // Whichever of the two is meant, the other would get its price.
    const unclear = csv.text.replace('France Mobile', 'FRANCE MOBILE').replace('İs', 'i̇S');
    expect(await again(id, { ...csv, bytes: Buffer.from(unclear) })).toEqual({
      errorCount: 1,
      counts: [{ status: 'UNCHANGED', rows: 5 }],
    });
  });

  it('come back by the mapping that is stored for the list', async () => {
    const id = await aList();
    const save = `mutation ($input: SaveSheetMappingInput!) {
      saveSheetMapping(input: $input) { id }
    }`;
    const columns = {
      prefix: '=Code',
      destination: 'Where',
      price: 'Preis',
      connectionFee: 'Fee',
      rateUnit: 'Unit',
      increments: 'Steps',
      minimum: 'Least',
      grace: 'Free',
      minCharge: 'From',
      maxCharge: 'Up to',
      band: 'When',
      effectiveFrom: 'Since',
    };
    const more = { delimiter: ';', decimalComma: true, skipRows: 3, dateFormat: 'DAY_MONTH_YEAR' };
    await create(save, { priceListId: id, columns, worksheet: 'Preise', ...more });
    const csv = await file(id, 'csv');
    expect(csv.text.split('\r\n')[3]).toMatch(/^Preis;'=Code;Where;/);
    expect(csv.text).toContain('0,0471');
    expect(await again(id, csv)).toEqual(UNCHANGED);
    expect(await again(id, await file(id, 'xlsx'))).toEqual(UNCHANGED);
    const usual = await file(id, 'csv', '&mapping=usual');
    expect(usual.text.split('\r\n')[0]).toMatch(/^Price,Prefix,Destination,Currency,/);
    // An encoding that has no sign for some characters would lose them.
    await create(save, { priceListId: id, encoding: 'WINDOWS_1252' });
    expect((await file(id, 'csv')).code).toBe('EXPORT_REFUSED');
    await create(save, { priceListId: id, encoding: 'UTF_16BE' });
    expect(await again(id, await file(id, 'csv'))).toEqual(UNCHANGED);
  });

  it('tell of an instant alone when asked, and show what ends', async () => {
    const id = await aList();
    const rows = csvRows((await file(id, 'csv', '&upcoming=false')).text);
    expect(rows.map((row) => [row.Prefix, row.Price])).toEqual([
      ['33', LONG],
      ['49', '0.0471'],
      ['49', '0.05'],
      ['4915', '0.3'],
      ['7', '0.1'],
      ['', '0.2'],
    ]);
    expect(rows[4]?.Ends).toBe('2026-09-01T00:00:00.000Z');
    expect([said(rows[2]?.Band), said(rows[5]?.Destination)]).toEqual([PEAK, HOSTILE.destination]);
  });

  it('keep every digit in a workbook, where texts are texts', async () => {
    const id = await aList();
    const { bytes, headers } = await file(id, 'xlsx');
    expect(headers.get('content-disposition')).toMatch(/filename="rates-\d+-2026-06-15\.xlsx"$/);
    const lines: (readonly string[])[] = [];
    const limits = { unpackedBytes: 1e8, rowBytes: 65_536 };
    for await (const { cells } of workbookLines(bytes, 'Rates', limits)) lines.push(cells);
    const names = lines[0] as string[];
    const of = (name: string) => lines.slice(1).map((cells) => cells[names.indexOf(name)]);
    expect(of('Price')).toEqual([LONG, '0.0471', '0.05', '0.3', '0.1', '0.2', '0.2']);
    expect(of('Band')).toContain(PEAK);
    expect(of('Destination')).toContain(HOSTILE.destination);
  });

  it('that no sheet can say are not passed over in silence', async () => {
    const parent = await aPriceList(app, world.hubToken, world.hub);
    await aRate(app, world.hubToken, parent.id, { prefix: '49', price: '0.1' });
    const given = { parentId: parent.id };
    const { id } = await aPriceList(app, world.hubToken, world.hub, given);
    await aRate(app, world.hubToken, id, { prefix: '', kind: 'PERCENT', price: '-20' });
    await aRate(app, world.hubToken, id, { prefix: '33', price: '0.3' });
    const refused = await file(id, 'csv');
    expect([refused.status, refused.code]).toEqual([400, 'SHEET_CANNOT_SAY']);
    const some = await file(id, 'csv', '&leaveOut=true');
    expect(some.headers.get('kontor-left-out')).toBe('1');
    expect(csvRows(some.text).map((row) => row.Prefix)).toEqual(['33']);
    const path = `price-lists/${id}/effective-rates.csv?${AS_OF}`;
    const all = await fetchExport(app, world.hubToken, path);
    expect(csvRows(all.text).map((row) => [row.prefix, row.effective_price])).toEqual([
      ['33', '0.30'],
      ['49', '0.08'],
    ]);
    // Nobody takes them for the list's own by importing them.
    const input = { priceListId: id, name: 'No', csv: all.text, effectiveFrom: BEFORE };
    const { codes } = await app.graphql(IMPORT_SHEET, { input }, world.hubToken);
    expect(codes).toEqual(['SHEET_COLUMNS_REFUSED']);
  });

  it('are for those alone who may see the prices of the list', async () => {
    const id = await aList();
    const without = (name: string) =>
      tokenOf(
        app,
        world.hub,
        permissionNames.filter((each) => each !== name),
      );
    for (const name of ['catalog.read', 'catalog.manage']) {
      const refused = await file(id, 'csv', '', await without(name));
      expect([refused.status, refused.code]).toEqual([403, 'FORBIDDEN']);
    }
    const foreign = await file(id, 'csv', '', world.tokenA);
    expect([foreign.status, foreign.code]).toEqual([404, 'NOT_FOUND']);
  });
});
