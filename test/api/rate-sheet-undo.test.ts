import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import { aWorld, call, refusal, tokenOf, type World } from '../fixtures/partner.js';
import {
  ACTIVATE_SHEET,
  FROM,
  IMPORT_SHEET,
  pricesOf,
  ratesOf,
  sheetInput,
  UNDO_SHEET,
} from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const DISCARD = 'mutation ($id: ID!) { discardRateSheet(id: $id) { state } }';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

const CSV = 'code,rate,from\n1,0.11,\n2,0.09,2030-08-01\n4,0.10,\n6,0.10,\n';

async function filledList(): Promise<string> {
  const { id } = await aPriceList(app, world.hubToken, world.hub);
  for (const prefix of ['1', '2', '4', '5']) {
    await aRate(app, world.hubToken, id, { prefix, price: '0.10' });
  }
  const later = { prefix: '5', price: '0.50', validFrom: '2031-01-01T00:00:00Z' };
  await aRate(app, world.hubToken, id, later);
  return id;
}

async function load(list: string, csv = CSV, given: object = {}): Promise<string> {
  const columns = { prefix: 'code', price: 'rate', effectiveFrom: 'from' };
  const input = sheetInput(list, csv, { columns, complete: true, ...given });
  return (await call(app, world.hubToken, IMPORT_SHEET, { input })).id;
}

const activate = (id: string) => call(app, world.hubToken, ACTIVATE_SHEET, { id });
const undo = (id: string) => call(app, world.hubToken, UNDO_SHEET, { id });
const refused = (query: string, id: string) => refusal(app, world.hubToken, query, { id });

/** What the list says of every instant, without the numbers of its rows. */
async function state(list: string) {
  const rows = await ratesOf(app, world.hubToken, list, {});
  return rows.map(({ id: _, ...row }: { id: string }) => JSON.stringify(row)).sort() as string[];
}

const known = async () => {
  await new Promise((done) => setTimeout(done, 5));
  const at = new Date().toISOString();
  await new Promise((done) => setTimeout(done, 5));
  return at;
};

describe('an activation before it takes effect', () => {
  it('is taken back to the last rate, and can be done again', async () => {
    const list = await filledList();
    const before = await state(list);
    const id = await load(list);
    expect(await activate(id)).toMatchObject({ takesEffectAt: FROM.replace('Z', '.000Z') });
    const active = await state(list);
    const meanwhile = await known();
    const undone = await undo(id);
    expect(undone).toMatchObject({
      state: 'DRAFT',
      activatedAt: null,
      undoneAt: expect.any(String),
    });
    expect(await state(list)).toEqual(before);
    expect(await undo(id)).toEqual(undone);
    expect(await activate(id)).toMatchObject({ state: 'ACTIVATED', undoneAt: null });
    expect(await state(list)).toEqual(active);
    const then = await ratesOf(app, world.hubToken, list, { asKnownAt: meanwhile });
    expect(then).toHaveLength(active.length);
    await undo(id);
    expect(await state(list)).toEqual(before);
  });

  it('can be put aside once it is taken back', async () => {
    const id = await load(await filledList());
    await activate(id);
    await undo(id);
    expect(await call(app, world.hubToken, DISCARD, { id })).toEqual({ state: 'DISCARDED' });
    expect(await refused(ACTIVATE_SHEET, id)).toBe('SHEET_DISCARDED');
  });

  it('is taken back in the reverse order when one came on the other', async () => {
    const list = await filledList();
    const states = [await state(list)];
    const sheets: string[] = [];
    for (const price of ['0.20', '0.30', '0.40']) {
      const id = await load(list, `code,rate,from\n1,${price},\n9,${price},\n`);
      await activate(id);
      sheets.push(id);
      states.push(await state(list));
    }
    expect(await refused(UNDO_SHEET, sheets[0] as string)).toBe('SHEET_CHANGED_SINCE');
    expect(await state(list)).toEqual(states[3]);
    for (const at of [2, 1, 0]) {
      await undo(sheets[at] as string);
      expect(await state(list)).toEqual(states[at]);
    }
  });

  it.each([
    ['a rate of the sheet was replaced', { prefix: '1', validFrom: '2030-09-01T00:00:00Z' }],
    ['a rate stands where a closed one was', { prefix: '5', validFrom: '2032-01-01T00:00:00Z' }],
  ])('stays when %s', async (_, given) => {
    const list = await filledList();
    const id = await load(list);
    await activate(id);
    await aRate(app, world.hubToken, list, { price: '0.77', ...given });
    const before = await state(list);
    expect(await refused(UNDO_SHEET, id)).toBe('SHEET_CHANGED_SINCE');
    expect(await state(list)).toEqual(before);
  });

  it('is not hindered by changes of other rates', async () => {
    const list = await filledList();
    const id = await load(list);
    await activate(id);
    await aRate(app, world.hubToken, list, { prefix: '8', price: '0.80' });
    await undo(id);
    expect(await pricesOf(app, world.hubToken, list, FROM)).toEqual([
      '1=0.1',
      '2=0.1',
      '4=0.1',
      '5=0.1',
      '8=0.8',
    ]);
  });
});

describe('taking back', () => {
  it('is refused once a rate is in force, and for a sheet that never was active', async () => {
    const list = await filledList();
    const id = await load(list, CSV, { effectiveFrom: '2026-02-01T00:00:00Z' });
    expect(await refused(UNDO_SHEET, id)).toBe('SHEET_NOT_ACTIVATED');
    await activate(id);
    expect(await refused(UNDO_SHEET, id)).toBe('SHEET_IN_FORCE');
  });

  it('is one when ten ask at once, as is activating again', async () => {
    const list = await filledList();
    const before = await state(list);
    const id = await load(list);
    await activate(id);
    const active = await state(list);
    const ten = (query: string) =>
      Promise.all(Array.from({ length: 10 }, () => app.graphql(query, { id }, world.hubToken)));
    expect((await ten(UNDO_SHEET)).flatMap(({ codes }) => codes)).toEqual([]);
    expect(await state(list)).toEqual(before);
    expect((await ten(ACTIVATE_SHEET)).flatMap(({ codes }) => codes)).toEqual([]);
    expect(await state(list)).toEqual(active);
  });

  it('needs the permission to activate, and a sheet that one sees', async () => {
    const id = await load(await filledList());
    await activate(id);
    const clerk = await tokenOf(app, world.hub, ['catalog.read', 'catalog.manage']);
    expect(await refusal(app, clerk, UNDO_SHEET, { id })).toBe('FORBIDDEN');
    expect(await refusal(app, world.tokenA, UNDO_SHEET, { id })).toBe('NOT_FOUND');
  });
});
