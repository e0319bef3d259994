// How long a large rate sheet takes from the API to the database, and its margins.
//
//   node build/test/bench/rate-sheet.js [rates] [lists]
//
// Imports a sheet of that many rates (400,000) as text and again, dearer, as a workbook, activates
// both, and shows the second beforehand what it does to so many customers' lists (7) of a quarter
// as many prefixes each.
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

const rates = Number(process.argv[2] ?? 400_000);
const customers = Number(process.argv[3] ?? 7);

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

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const { rss } = process.memoryUsage();
  console.log(`${what.padEnd(44)} ${seconds.padStart(6)} s  ${Math.round(rss / 2 ** 20)} MiB`);
  return result;
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

async function main(): Promise<void> {
  const app = await testApp({ start: false, env: { KONTOR_STATEMENT_TIMEOUT_MS: '60000' } });
  try {
    await app.app.services.uploads.open(new Date());
    const world = await aWorld(app);
    const all = prefixes(rates);
    const plain = await aPriceList(app, world.hubToken, world.supplier);
    const text = asText(all, 1);
    const first = await timed(`${rates} rates as text: import`, () =>
      sheetOf(app, world, plain.id, text),
    );
    const activate = (id: string) => call(app, world.hubToken, ACTIVATE_SHEET, { id });
    await timed(`${rates} rates: activation`, () => activate(first.id));
    const dearer = asWorkbook(all, 2);
    const second = await timed(`${rates} dearer rates as a workbook: import`, () =>
      sheetOf(app, world, plain.id, dearer),
    );
    await timed(`${rates} dearer rates: activation`, () => activate(second.id));
    const quarter = all.slice(0, Math.ceil(rates / 4));
    for (let at = 0; at < customers; at += 1) {
      const list = await withContract(app, world, 'WHOLESALE');
      const sheet = await sheetOf(app, world, list, asText(quarter, 1.5));
      await activate(sheet.id);
    }
    const cost = await withContract(app, world, 'COST');
    const cheap = await timed(`${quarter.length} cheap rates: import, compared`, () =>
      sheetOf(app, world, cost, asText(quarter, 1)),
    );
    await activate(cheap.id);
    const few = await timed(`100 rates against ${customers} lists: import, compared`, () =>
      sheetOf(app, world, cost, asText(quarter.slice(0, 100), 1.4)),
    );
    console.log(`  ${few.rowCount} rows, ${few.noticeCount} findings of notice`);
    const sheet = await timed(`${quarter.length} dear rates: import, compared`, () =>
      sheetOf(app, world, cost, asText(quarter, 2)),
    );
    const query = 'query ($id: ID!) { rateSheet(id: $id) { margin { findingCount } } }';
    const { margin } = await call(app, world.hubToken, query, { id: sheet.id });
    console.log(`  ${margin.findingCount} prices below cost`);
  } finally {
    await app.stop();
  }
}

await main();
