import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPriceList } from '../fixtures/catalog.js';
import { aSource } from '../fixtures/mediation.js';
import { aWorld, call, refusal, tokenOf, type World } from '../fixtures/partner.js';
import {
  ACTIVATE_SHEET,
  IMPORT_SHEET,
  ratesOf,
  sheetInput,
  sheetRows,
  uploadSheet,
} from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { archive, aWorkbook, textCells, workbookParts } from '../fixtures/workbook.js';

const SAVE = `mutation ($input: SaveSheetMappingInput!) { saveSheetMapping(input: $input) {
  id partner { id } priceList { id } definition { skipRows delimiter dateFormat worksheet
    columns { prefix price } defaults { firstIncrement rateUnit } }
} }`;
const MAPPINGS = 'query ($id: ID) { sheetMappings(partnerId: $id) { nodes { id } } }';
const REMOVE = 'mutation ($id: ID!) { removeSheetMapping(id: $id) }';
const READING = `query ($id: ID!) { rateSheet(id: $id) { reading { skipRows dateFormat delimiter
  decimalComma timeZone encoding worksheet columns { price } } } }`;
const FOUND = `query ($id: ID!) { rateSheet(id: $id) { reading { columns { price prefix destination
  connectionFee increments band effectiveFrom } } } }`;
const IMPORT_USAGE = `mutation ($fileId: ID!, $sourceId: ID!) {
  importUsageFile(fileId: $fileId, sourceId: $sourceId) { id }
}`;
const FILES = `query ($filter: UsageFileFilter!) { usageFiles(filter: $filter) {
  nodes { id state rateSheet }
} }`;

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await testApp({ start: false });
  await app.app.services.uploads.open(new Date());
  world = await aWorld(app);
});
afterAll(() => app.stop());

const aList = async () => (await aPriceList(app, world.hubToken, world.supplier)).id;
const imported = (input: object) => call(app, world.hubToken, IMPORT_SHEET, { input });
const refused = (input: object) => refusal(app, world.hubToken, IMPORT_SHEET, { input });

async function fileInput(bytes: string | Buffer, given: object = {}) {
  const fileId = await uploadSheet(app, world.hubToken, bytes);
  return sheetInput(await aList(), null, { fileId, ...given });
}

const filesOf = async (rateSheet: boolean) =>
  (await call(app, world.hubToken, FILES, { filter: { rateSheet } })).nodes;
const rowsOf = (id: string, filter: object = {}) => sheetRows(app, world.hubToken, id, filter);

describe('a sheet as a workbook', () => {
  const header = textCells('Code', 'Rate', 'From', 'Incr');
  const columns = { prefix: 'code', price: 'rate', effectiveFrom: 'from', increments: 'incr' };

  it('is read cell by cell as a person sees it', async () => {
    const bytes = aWorkbook({
      strings: ['<t>4915, 4916</t>', '<r><t>60</t></r><r><t>/1</t></r><rPh><t>x</t></rPh>'],
      rows: [
        header,
        '<c r="A2" t="s"><v>0</v></c><c r="B2" s="3"><v>1.2500000000000001E-2</v></c>' +
          '<c r="C2" s="1"><v>47665</v></c><c r="D2" t="s"><v>1</v></c>',
        '<c r="A3"><v>4930</v></c><c r="B3"><f>B2*2</f><v>2.5000000000000001E-2</v></c>' +
          '<c r="C3" s="2"><v>47665.75</v></c>',
        '<c r="A4" s="1"/>',
        `<c r="A5" t="str"><f>"4"&amp;"4"</f><v>44</v></c><c r="B5"><v>0.1</v></c>`,
      ],
    });
    const made = await imported(await fileInput(bytes, { columns, timeZone: 'Europe/Berlin' }));
    expect(made).toMatchObject({ rowCount: 4, errorCount: 0 });
    expect(await rowsOf(made.id)).toMatchObject([
      {
        line: 2,
        prefix: '4915',
        price: '0.01250000',
        firstIncrement: 60,
        nextIncrement: 1,
        validFrom: '2030-06-30T22:00:00.000Z',
        raw: '4915, 4916\t0.0125\t2030-07-01\t60/1',
      },
      { line: 2, prefix: '4916' },
      { line: 3, prefix: '4930', price: '0.02500000', validFrom: '2030-07-01T16:00:00.000Z' },
      { line: 5, prefix: '44', price: '0.10000000', validFrom: '2030-07-01T00:00:00.000Z' },
    ]);
  });

  it('keeps rows whose formula has no value, failed, or has too many digits', async () => {
    const bytes = aWorkbook({
      rows: [
        header,
        '<c r="A2"><v>1</v></c><c r="B2"><f>B1*2</f></c>',
        '<c r="A3"><v>2</v></c><c r="B3" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        '<c r="A4"><v>3</v></c><c r="B4"><f>1/3</f><v>0.33333333333333331</v></c>',
        '<c r="A5"><v>4</v></c><c r="B5"><v>1</v></c><c r="C5"><f>TODAY()</f></c>',
      ],
    });
    const made = await imported(await fileInput(bytes, { columns }));
    const rows = await rowsOf(made.id);
    expect(rows.map((row: { errorCode: string; raw: string }) => [row.errorCode, row.raw])).toEqual(
      [
        ['INVALID_DECIMAL', '1\t=B1*2'],
        ['INVALID_DECIMAL', '2\t#DIV/0!'],
        ['INVALID_DECIMAL', '3\t0.333333333333333'],
        ['INVALID_DATE', '4\t1\t=TODAY()'],
      ],
    );
  });

  it('has an empty cell where a formula came to an empty text', async () => {
    const bytes = aWorkbook({
      rows: [
        header,
        '<c r="A2"><v>1</v></c><c r="B2"><v>1</v></c><c r="C2" t="str"><f>IF(1,"")</f><v></v></c>',
        '<c r="A3"><v>2</v></c><c r="B3"><v>1</v></c><c r="C3" t="str"><f>IF(1,"")</f></c>',
      ],
    });
    const made = await imported(await fileInput(bytes, { columns }));
    expect(await rowsOf(made.id)).toMatchObject([
      { prefix: '1', errorCode: null, validFrom: '2030-07-01T00:00:00.000Z' },
      { errorCode: 'INVALID_DATE' },
    ]);
  });

  it('has no readings of characters in its cells', async () => {
    const code = '<is><t>49</t><rPh sb="0" eb="1"><t>30</t></rPh></is>';
    const bytes = aWorkbook({
      rows: [header, `<c r="A2" t="inlineStr">${code}</c><c r="B2"><v>1</v></c>`],
    });
    const made = await imported(await fileInput(bytes, { columns }));
    expect(await rowsOf(made.id)).toMatchObject([{ prefix: '49', errorCode: null }]);
  });

  it('has numbers with a point and texts with a comma under a decimal comma', async () => {
    const bytes = aWorkbook({
      rows: [
        header,
        '<c r="A2"><v>1</v></c><c r="B2"><v>1.25</v></c>',
        '<c r="A3"><v>2</v></c><c r="B3"><f>B2*2</f><v>2.5000000000000001E-2</v></c>',
        `<c r="A4"><v>3</v></c>${textCells('0,05')}`,
        `<c r="A5"><v>4</v></c>${textCells('1.250')}`,
      ],
    });
    const made = await imported(await fileInput(bytes, { columns, decimalComma: true }));
    const rows = await rowsOf(made.id);
    expect(rows.map((row: { price: string | null }) => row.price)).toEqual([
      '1.25000000',
      '0.02500000',
      '0.05000000',
      null,
    ]);
  });

  const sheets =
    '<sheet name="Old" sheetId="3" state="hidden" r:id="rId2"/>' +
    '<sheet name="Rates" sheetId="1" r:id="rId1"/><sheet name="Cover" sheetId="2" r:id="rId2"/>';

  it('is the first worksheet that is not hidden, or the one that is named', async () => {
    const rows = [textCells('code', 'rate'), textCells('1', '0.1')];
    const bytes = aWorkbook({ rows, sheets, from1904: true });
    expect(await imported(await fileInput(bytes))).toMatchObject({ rowCount: 1 });
    const named = await fileInput(bytes, { worksheet: 'rates' });
    expect(await imported(named)).toMatchObject({ rowCount: 1, errorCount: 0 });
    expect(await refused(await fileInput(bytes, { worksheet: 'Cover' }))).toBe(
      'SHEET_COLUMN_MISSING',
    );
    expect(await refused(await fileInput(bytes, { worksheet: 'Prices' }))).toBe(
      'SHEET_WORKSHEET_MISSING',
    );
  });

  it('is refused when it is damaged, too old, or unpacks to more than it says', async () => {
    const parts = workbookParts({ rows: [textCells('code', 'rate'), textCells('1', '0.1')] });
    const whole = archive(parts);
    const { 'xl/worksheets/sheet1.xml': sheet, ...others } = parts;
    const name = 'xl/worksheets/sheet1.xml';
    const entity = '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet>&a;</worksheet>';
    const cases: [Buffer, string][] = [
      [whole.subarray(0, whole.length - 30), 'SHEET_UNREADABLE'],
      [archive(others), 'SHEET_UNREADABLE'],
      [archive({ ...parts, [name]: (sheet as string).slice(0, -40) }), 'SHEET_UNREADABLE'],
      [archive({ ...parts, [name]: entity }), 'SHEET_UNREADABLE'],
      [archive(parts, { [name]: 10 }), 'SHEET_UNREADABLE'],
      [archive(parts, { [name]: 2 ** 31 }), 'SHEET_TOO_LARGE'],
      [Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'SHEET_FORMAT_REFUSED'],
    ];
    for (const [bytes, code] of cases) expect(await refused(await fileInput(bytes))).toBe(code);
  });

  it('is refused when a million bytes are packed into few', async () => {
    const cell = textCells('x'.repeat(200_000));
    const long = aWorkbook({ rows: [textCells('code', 'rate'), cell] });
    expect(long.length).toBeLessThan(4_000);
    expect(await refused(await fileInput(long))).toBe('SHEET_UNREADABLE');
  });
});

describe('a sheet as text', () => {
  const TEXT = 'code,name,rate\n49,Düsseldorf,0.1\n33,"Île, et",0.2\n';

  it.each([
    ['UTF-16 with a mark', Buffer.from(`\uFEFF${TEXT}`, 'utf16le')],
    ['UTF-16 without a mark', Buffer.from(TEXT, 'utf16le')],
    ['UTF-16, high byte first', Buffer.from(`\uFEFF${TEXT}`, 'utf16le').swap16()],
    ['UTF-16, high byte first, without a mark', Buffer.from(TEXT, 'utf16le').swap16()],
    ['UTF-8 with a mark', Buffer.from(`\uFEFF${TEXT}`, 'utf8')],
  ])('may be %s', async (_, bytes) => {
    const made = await imported(await fileInput(bytes));
    expect(made).toMatchObject({ rowCount: 2, errorCount: 0 });
    const rows = await rowsOf(made.id);
    expect(rows.map((row: { raw: string }) => row.raw)).toEqual([
      '49,Düsseldorf,0.1',
      '33,"Île, et",0.2',
    ]);
  });

  it('is refused in another encoding unless that is said', async () => {
    const bytes = Buffer.from(TEXT, 'latin1');
    expect(await refused(await fileInput(bytes))).toBe('SHEET_ENCODING_REFUSED');
    const made = await imported(await fileInput(bytes, { encoding: 'WINDOWS_1252' }));
    expect((await rowsOf(made.id))[0].raw).toBe('49,Düsseldorf,0.1');
    const half = Buffer.from(`code,rate\n${'1,0.1\n'.repeat(20_000)}2,\xff\n`, 'latin1');
    expect(await refused(await fileInput(half))).toBe('SHEET_ENCODING_REFUSED');
  });

  it.each([
    ['a column twice', 'code,Rate,rate\n1,2,3\n', {}, 'SHEET_COLUMN_TWICE'],
    ['two usual names', 'code,price,rate\n1,2,3\n', { columns: null }, 'SHEET_COLUMN_TWICE'],
    ['no usual names', 'who,what\n1,2\n', { columns: null }, 'SHEET_COLUMNS_REFUSED'],
  ])('is refused with %s', async (_, csv, given, code) => {
    expect(await refused(sheetInput(await aList(), csv, given))).toBe(code);
  });

  it('finds columns by their usual names when nothing names them', async () => {
    const csv =
      'Destination Name,Dial Code,Rate (min),Billing Increments,Effective Date,Min Charge\n' +
      'x,4930,0.1,60+1,1-Aug-2030,0.05\n';
    const renamed = csv.replace('Rate (min)', 'Price');
    const made = await imported(sheetInput(await aList(), renamed, { columns: null }));
    expect(await rowsOf(made.id)).toMatchObject([
      {
        prefix: '4930',
        price: '0.10000000',
        firstIncrement: 60,
        nextIncrement: 1,
        minCharge: '0.05000000',
        maxCharge: null,
        validFrom: '2030-08-01T00:00:00.000Z',
      },
    ]);
  });

  it('finds the German name of the date, however its umlaut is written', async () => {
    for (const name of ['Gültig ab', 'gu\u0308ltig ab', 'Gueltig ab']) {
      const csv = `Code,Preis,${name}\n4930,0.1,2030-08-01\n`;
      const made = await imported(sheetInput(await aList(), csv, { columns: null }));
      expect(await rowsOf(made.id)).toMatchObject([{ validFrom: '2030-08-01T00:00:00.000Z' }]);
    }
  });

  it('tells which columns it has found, so that one that was passed over is seen', async () => {
    const csv = ' Dial Code ,"Rate\0",Connection Charge,Effective Date\n4930,0.1,0.05,2030-08-01\n';
    const made = await imported(sheetInput(await aList(), csv, { columns: null }));
    expect((await call(app, world.hubToken, FOUND, { id: made.id })).reading.columns).toEqual({
      price: 'Rate\uFFFD',
      prefix: 'Dial Code',
      destination: null,
      connectionFee: null,
      increments: null,
      band: null,
      effectiveFrom: 'Effective Date',
    });
  });
});

describe('a sheet that was uploaded', () => {
  it('is read for whoever keeps prices', async () => {
    const keeper = await tokenOf(app, world.hub, ['catalog.manage', 'catalog.read']);
    const fileId = await uploadSheet(app, keeper, 'code,rate\n4930,0.1\n');
    const input = sheetInput(await aList(), null, { fileId });
    expect(await call(app, keeper, IMPORT_SHEET, { input })).toMatchObject({ rowCount: 1 });
  });

  it('is no file of records, unless one may see their numbers whole', async () => {
    const fileId = await uploadSheet(app, world.hubToken, 'code,rate\n4915112345678,0.1\n');
    const source = await aSource(app, { partnerId: world.hub.id });
    await call(app, world.hubToken, IMPORT_USAGE, { fileId, sourceId: source.globalId });
    const keeping = ['catalog.manage', 'catalog.read'];
    const input = sheetInput(await aList(), null, { fileId });
    for (const more of [[], ['usage.read'], ['subscriber.number.read']]) {
      const keeper = await tokenOf(app, world.hub, [...keeping, ...more]);
      expect(await refusal(app, keeper, IMPORT_SHEET, { input })).toBe('FORBIDDEN');
    }
    expect(await imported(input)).toMatchObject({ rowCount: 1 });
  });

  it('is no file that waits for its import as usage, until it is sent as a sheet', async () => {
    const text = 'code,rate\n4915187654321,0.1\n';
    const keeper = await tokenOf(app, world.hub, ['catalog.manage', 'catalog.read']);
    const fileId = await uploadSheet(app, world.hubToken, text);
    const input = sheetInput(await aList(), null, { fileId });
    const listed = await filesOf(false);
    expect(listed).toContainEqual({ id: fileId, state: 'STORED', rateSheet: false });
    expect(await refusal(app, keeper, IMPORT_SHEET, { input })).toBe('FORBIDDEN');
    expect(await uploadSheet(app, world.hubToken, text, '?for=rate-sheet')).toBe(fileId);
    expect(await filesOf(false)).not.toContainEqual(expect.objectContaining({ id: fileId }));
    expect(await filesOf(true)).toContainEqual({ id: fileId, state: 'STORED', rateSheet: true });
    expect(await call(app, keeper, IMPORT_SHEET, { input })).toMatchObject({ rowCount: 1 });
    const source = await aSource(app, { partnerId: world.hub.id });
    await call(app, world.hubToken, IMPORT_USAGE, { fileId, sourceId: source.globalId });
    const again = sheetInput(await aList(), null, { fileId });
    expect(await refusal(app, keeper, IMPORT_SHEET, { input: again })).toBe('FORBIDDEN');
  });
});

describe('a sheet of many rows', () => {
  const count = 12_001;
  const prefixOf = (at: number) => String(100_000 + at);
  const priceOf = (at: number) => ((at % 900) / 1_000 + 0.001).toFixed(3);

  it.each(['text', 'workbook'])(
    'is stored in pieces and activated at once, as %s',
    async (kind) => {
      const all = Array.from({ length: count }, (_, at) => [prefixOf(at), priceOf(at)] as const);
      const text = `code,rate\n${all.map((cells) => cells.join(',')).join('\n')}\n1,0.5\n1,0.6\n`;
      const last = [textCells('1', '0.5'), textCells('1', '0.6')];
      const rows = [textCells('code', 'rate'), ...all.map((cells) => textCells(...cells)), ...last];
      const input = await fileInput(kind === 'text' ? text : aWorkbook({ rows }));
      const made = await imported(input);
      expect(made).toMatchObject({ rowCount: count + 2, errorCount: 1 });
      expect(await rowsOf(made.id, { errors: true })).toMatchObject([
        { line: count + 3, errorCode: 'DUPLICATE_ROW' },
      ]);
      const skip = { id: made.id, skip: true };
      const done = await call(app, world.hubToken, ACTIVATE_SHEET, skip);
      expect(done.counts).toEqual([{ status: 'NEW', rows: count + 1 }]);
      for (const at of [0, 5_000, count - 1]) {
        const filter = { prefix: prefixOf(at) };
        expect(await ratesOf(app, world.hubToken, input.priceListId, filter)).toMatchObject([
          { prefix: prefixOf(at), price: `${priceOf(at)}00000` },
        ]);
      }
    },
  );
});

describe('a stored mapping', () => {
  const mapping = {
    columns: { prefix: 'Vorwahl', price: 'Preis', effectiveFrom: 'Ab' },
    defaults: { rateUnit: 1, firstIncrement: 30, nextIncrement: 6 },
    delimiter: ';',
    decimalComma: true,
    timeZone: 'Europe/Berlin',
    dateFormat: 'DAY_MONTH_YEAR',
    encoding: 'WINDOWS_1252',
    skipRows: 3,
  };
  const CSV = 'Preisliste für;alle\n\n"gültig\n";x\nVorwahl;Preis;Ab\n4930;0,01;31.07.2030\n';
  const plain = (priceListId: string) => ({
    priceListId,
    name: 'Next',
    csv: CSV,
    effectiveFrom: '2030-07-01T00:00:00Z',
  });
  const save = (given: object) =>
    call(app, world.hubToken, SAVE, { input: { ...mapping, skipRows: 4, ...given } });

  it("reads the supplier's next sheet, and a list's own goes before", async () => {
    const list = await aList();
    const partnerId = world.supplier.globalId;
    const saved = await save({ partnerId, encoding: null });
    expect(saved).toMatchObject({
      partner: { id: partnerId },
      priceList: null,
      definition: { skipRows: 4, delimiter: ';', columns: { prefix: 'Vorwahl' } },
    });
    const made = await imported(plain(list));
    expect(await rowsOf(made.id)).toMatchObject([
      {
        line: 6,
        prefix: '4930',
        price: '0.01000000',
        rateUnit: 1,
        firstIncrement: 30,
        nextIncrement: 6,
        validFrom: '2030-07-30T22:00:00.000Z',
      },
    ]);
    const again = await save({ partnerId, encoding: null, skipRows: 0 });
    expect(again.id).toBe(saved.id);
    const own = await save({ priceListId: list, encoding: null, defaults: null });
    expect(await rowsOf((await imported(plain(list))).id)).toMatchObject([{ rateUnit: 60 }]);
    const given = { ...plain(list), defaults: { rateUnit: 10 } };
    expect(await rowsOf((await imported(given)).id)).toMatchObject([{ rateUnit: 10 }]);
    const { nodes } = await call(app, world.hubToken, MAPPINGS, { id: partnerId });
    expect(nodes).toEqual([{ id: saved.id }, { id: own.id }]);
    for (const { id } of nodes) await call(app, world.hubToken, REMOVE, { id });
    expect(await refused(plain(list))).toBe('SHEET_COLUMNS_REFUSED');
  });

  it('is told by the sheets that were read by it, also when it is gone', async () => {
    const list = await aList();
    const saved = await save({ priceListId: list, encoding: null });
    const made = await imported(plain(list));
    await call(app, world.hubToken, REMOVE, { id: saved.id });
    expect((await call(app, world.hubToken, READING, { id: made.id })).reading).toEqual({
      skipRows: 4,
      dateFormat: 'DAY_MONTH_YEAR',
      delimiter: ';',
      decimalComma: true,
      timeZone: 'Europe/Berlin',
      encoding: 'AUTO',
      worksheet: null,
      columns: { price: 'Preis' },
    });
  });

  it.each([
    ['of nobody', {}, 'SHEET_MAPPING_REFUSED'],
    ['with an odd zone', { timeZone: 'Mars' }, 'INVALID_TIME_ZONE'],
    ['with an empty zone', { timeZone: '' }, 'INVALID_TIME_ZONE'],
    ['with an odd delimiter', { delimiter: 'x' }, 'BAD_USER_INPUT'],
    ['with odd defaults', { defaults: { nextIncrement: 0 } }, 'RATE_REFUSED'],
  ])('%s is refused', async (name, given, code) => {
    const owner = name === 'of nobody' ? {} : { partnerId: world.supplier.globalId };
    const input = { ...mapping, ...owner, ...given };
    expect(await refusal(app, world.hubToken, SAVE, { input })).toBe(code);
  });

  it('is neither seen nor made by other tenants', async () => {
    const saved = await save({ partnerId: world.resellerB.globalId });
    const { nodes } = await call(app, world.tokenA, MAPPINGS, {});
    expect(nodes).not.toContainEqual({ id: saved.id });
    expect(await refusal(app, world.tokenA, REMOVE, { id: saved.id })).toBe('NOT_FOUND');
    const input = { ...mapping, partnerId: world.resellerB.globalId };
    expect(await refusal(app, world.tokenA, SAVE, { input })).toBe('NOT_FOUND');
  });
});
