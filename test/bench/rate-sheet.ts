import type { DatabaseUrls } from '../../src/platform/index.js';
import { aPriceList } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  type World,
} from '../fixtures/partner.js';
import { ACTIVATE_SHEET, IMPORT_SHEET, sheetInput, uploadSheet } from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aWorkbook } from '../fixtures/workbook.js';

/** Customers' lists that a sheet is compared with, of a quarter as many prefixes each. */
const CUSTOMERS = 7;

/** Seconds from the upload to prices in force, of a sheet that comes as text and as a workbook. */
export interface SheetFigures {
  readonly rates: number;
  readonly text: { readonly imported: number; readonly active: number };
  readonly workbook: { readonly imported: number; readonly active: number };
}

/** Prefixes of 4 to 9 digits, as many as wanted, no two the same. */
function prefixes(count: number): string[] {
  const found = new Set<string>();
  for (let at = 1; found.size < count; at += 1) {
    const digits = String(1_000_003 * at).padStart(9, '1');
    found.add(`${(at % 9) + 1}${digits.slice(-(3 + (at % 6)))}`);
  }
  return [...found];
}

const priceOf = (at: number, factor: number) => (((at % 900) + 100) * factor) / 1e6;

function asText(all: readonly string[], factor: number): string {
  const lines = all.map((prefix, at) => `${prefix},Somewhere ${at},${priceOf(at, factor)},60/1`);
  return `code,name,rate,increments\n${lines.join('\n')}\n`;
}

function asWorkbook(all: readonly string[], factor: number): Buffer {
  const strings = ['<t>code</t>', '<t>name</t>', '<t>rate</t>', '<t>increments</t>', '<t>60/1</t>'];
  const rows = all.map((prefix, at) => {
    const n = at + 2;
    const name = strings.push(`<t>Somewhere ${at}</t>`) - 1;
    return (
      `<c r="A${n}"><v>${prefix}</v></c><c r="B${n}" t="s"><v>${name}</v></c>` +
      `<c r="C${n}" s="3"><v>${priceOf(at, factor)}</v></c><c r="D${n}" t="s"><v>4</v></c>`
    );
  });
  const head = [0, 1, 2, 3].map((at) => `<c t="s"><v>${at}</v></c>`).join('');
  return aWorkbook({ strings, rows: [head, ...rows] });
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  const result = await work();
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const { rss } = process.memoryUsage();
  console.log(
    `${what.padEnd(44)} ${seconds.toFixed(1).padStart(6)} s  ${Math.round(rss / 2 ** 20)} MiB`,
  );
  return [result, seconds];
}

async function sheetOf(app: TestApp, world: World, list: string, body: string | Buffer) {
  const fileId = await uploadSheet(app, world.hubToken, body);
  const columns = { prefix: 'code', price: 'rate', increments: 'increments' };
  const input = sheetInput(list, null, { fileId, columns, complete: true });
  return call(app, world.hubToken, IMPORT_SHEET, { input });
}

async function withContract(app: TestApp, world: World, level: 'COST' | 'WHOLESALE') {
  const { hub, supplier, resellerA, hubToken } = world;
  const [seller, buyer] = level === 'COST' ? [supplier, hub] : [hub, resellerA];
  const list = await aPriceList(app, hubToken, seller);
  const account = await anAccount(app, hubToken, level === 'COST' ? supplier : resellerA);
  const input = contractInput({
    seller,
    buyer,
    accountId: account.id,
    priceListId: list.id,
    level,
  });
  await call(app, hubToken, CREATE_CONTRACT, { input });
  return list.id;
}

/**
 * How long a large rate sheet takes from the API to the database, and its margins: imports one of
 * so many rates as text and again, dearer, as a workbook, activates both, and shows what sheets do
 * to customers' lists before they are activated.
 */
export async function measureSheets(urls: DatabaseUrls, rates: number): Promise<SheetFigures> {
  const app = await testApp({
    start: false,
    env: { KONTOR_STATEMENT_TIMEOUT_MS: '60000' },
    database: { urls, drop: async () => undefined },
  });
  try {
    await app.app.services.uploads.open(new Date());
    const world = await aWorld(app);
    const all = prefixes(rates);
    const plain = await aPriceList(app, world.hubToken, world.supplier);
    const text = asText(all, 1);
    const activate = (id: string) => call(app, world.hubToken, ACTIVATE_SHEET, { id });
    const inForce = async (what: string, body: string | Buffer) => {
      const [{ id }, imported] = await timed(`${what}: import`, () =>
        sheetOf(app, world, plain.id, body),
      );
      const [, active] = await timed(`${what}: activation`, () => activate(id));
      return { imported, active };
    };
    const figures = {
      rates,
      text: await inForce(`${rates} rates as text`, text),
      workbook: await inForce(`${rates} dearer rates as a workbook`, asWorkbook(all, 2)),
    };
    await compare(app, world, all.slice(0, Math.ceil(rates / 4)), activate);
    return figures;
  } finally {
    await app.stop();
  }
}

async function compare(
  app: TestApp,
  world: World,
  some: readonly string[],
  activate: (id: string) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < CUSTOMERS; at += 1) {
    const list = await withContract(app, world, 'WHOLESALE');
    const sheet = await sheetOf(app, world, list, asText(some, 1.5));
    await activate(sheet.id);
  }
  const cost = await withContract(app, world, 'COST');
  const compared = async (what: string, prices: readonly string[], factor: number) => {
    const [sheet] = await timed(`${what}: import, compared`, () =>
      sheetOf(app, world, cost, asText(prices, factor)),
    );
    return sheet;
  };
  const cheap = await compared(`${some.length} cheap rates`, some, 1);
  await activate(cheap.id);
  const few = await compared(`100 rates against ${CUSTOMERS} lists`, some.slice(0, 100), 1.4);
  console.log(`  ${few.rowCount} rows, ${few.noticeCount} findings of notice`);
  const dear = await compared(`${some.length} dear rates`, some, 2);
  const query = 'query ($id: ID!) { rateSheet(id: $id) { margin { findingCount } } }';
  const { margin } = await call(app, world.hubToken, query, { id: dear.id });
  console.log(`  ${margin.findingCount} prices below cost`);
}
