import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chainOf, comparedRows, sheetChanges } from '../../src/catalog/margin.store.js';
import { lockedSheetState } from '../../src/catalog/margin-report.store.js';
import type { RateRow } from '../../src/catalog/rate-row.js';
import { rowsAfterSheet } from '../../src/catalog/sheet-effect.js';
import { fromGlobalRowId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  type World,
} from '../fixtures/partner.js';
import { ACTIVATE_SHEET, COMPARE_SHEET, IMPORT_SHEET, sheetInput } from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

/** Small whole numbers, the same for the same seed. */
function drawing(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

const DAYS = ['2030-01-01', '2030-02-01', '2030-03-01', '2030-04-01', '2030-05-01'];

async function aNoticedList(seed: number): Promise<string> {
  const { hub, supplier, hubToken } = world;
  const { id } = await aPriceList(app, hubToken, supplier);
  const account = await anAccount(app, hubToken, supplier);
  const parties = { seller: supplier, buyer: hub, level: 'COST' };
  const input = contractInput({ ...parties, accountId: account.id, priceListId: id });
  const notice = { policy: 'SHIFT', increaseDays: 35, closedDays: 20, newDays: seed % 40 };
  const terms = { ...input.terms, timeZone: 'UTC', notice };
  await call(app, hubToken, CREATE_CONTRACT, { input: { ...input, terms } });
  return id;
}

/** What a row says of its price, without its number. */
function said(rows: readonly RateRow[]): string[] {
  return rows
    .map(({ prefix, price, rateUnit, validFrom, validTo }) =>
      [prefix, price, rateUnit, validFrom, validTo].join(' '),
    )
    .sort();
}

describe('what a sheet would do', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is what its activation does: %i', async (seed) => {
    const draw = drawing(seed);
    const { hubToken } = world;
    const list = await aNoticedList(seed);
    for (const prefix of ['1', '2', '3', '4', '5', '6']) {
      for (const day of DAYS.filter(() => draw(3) === 0)) {
        const price = `0.0${draw(5) + 1}`;
        await aRate(app, hubToken, list, { prefix, price, validFrom: `${day}T00:00:00Z` });
      }
    }
    const lines = ['1', '2', '3', '4', '7', '8'].flatMap((prefix) =>
      DAYS.filter(() => draw(3) === 0).map((day) => `${prefix},0.0${draw(5) + 1},${day}`),
    );
    const columns = { prefix: 'code', price: 'rate', effectiveFrom: 'from' };
    const input = sheetInput(list, ['code,rate,from', '9,1,', ...lines].join('\n'), {
      columns,
      complete: seed % 2 === 0,
      effectiveFrom: '2030-02-10T00:00:00Z',
      receivedAt: '2030-01-20T00:00:00Z',
    });
    const { id } = await call(app, hubToken, IMPORT_SHEET, { input });
    const key = { id: Number(fromGlobalRowId('RateSheet', id)), partnerId: 0, priceListId: 0 };
    const listId = Number(fromGlobalRowId('PriceList', list));
    const rows = (activation: string | null = null) =>
      app.app.database.read(SYSTEM_SCOPE, async (tx) => {
        const part = { from: new Date(0), before: activation, near: null, known: new Map() };
        const use = { listId, chain: [listId] };
        const lists = chainOf(use, await comparedRows(tx, [use], part));
        return { before: lists[0]?.rows ?? [], changes: await sheetChanges(tx, key) };
      });
    const { before, changes } = await rows();
    expect(changes.length).toBeGreaterThan(0);
    await call(app, hubToken, COMPARE_SHEET, { id });
    expect((await rows()).changes.length).toBe(changes.length);
    await call(app, hubToken, ACTIVATE_SHEET, { id });
    expect(said((await rows()).before)).toEqual(said(rowsAfterSheet(before, changes)));
    // Sellers who are told later meet the prices that the activation met.
    const { recordedTime } = await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      lockedSheetState(tx, key.id),
    );
    expect(said((await rows(recordedTime)).before)).toEqual(said(before));
  });
});
