import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  refusal,
  type World,
} from '../fixtures/partner.js';
import {
  ACTIVATE_SHEET,
  COMPARE_SHEET,
  IMPORT_SHEET,
  pricesOf,
  sheetInput,
  sheetRows,
} from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id } }`;

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

interface Given {
  readonly notice: object | null;
  readonly timeZone?: string;
  readonly validFrom?: string;
}

/** A supplier's list under a COST contract that demands notice; prices 1 to 5 are 0.10. */
async function costList(given: Given) {
  const { hub, supplier, hubToken } = world;
  const list = await aPriceList(app, hubToken, supplier);
  const account = await anAccount(app, hubToken, supplier);
  const input = contractInput({
    seller: supplier,
    buyer: hub,
    accountId: account.id,
    priceListId: list.id,
    level: 'COST',
  });
  const terms = { ...input.terms, timeZone: 'UTC', ...given };
  const contract = { input: { ...input, terms } };
  const made = await call(app, hubToken, CREATE_CONTRACT, contract);
  for (const prefix of ['1', '2', '3', '4', '5']) {
    await aRate(app, hubToken, list.id, { prefix, price: '0.10' });
  }
  return { id: list.id, contractId: made.id as string, terms };
}

const DAYS = { newDays: 1, increaseDays: 7, decreaseDays: 0, changedDays: 3, closedDays: 14 };
const CSV = 'code,rate,first\n1,0.11,1\n2,0.09,1\n3,0.10,30\n4,0.10,1\n6,0.10,1\n';
const RECEIVED = '2030-07-01T15:00:00Z';

function input(list: string, effectiveFrom: string, given: object = {}) {
  const columns = { prefix: 'code', price: 'rate', firstIncrement: 'first' };
  const moment = { effectiveFrom, receivedAt: RECEIVED };
  return sheetInput(list, CSV, { columns, complete: true, ...moment, ...given });
}

const load = (list: string, from: string, given: object = {}) =>
  call(app, world.hubToken, IMPORT_SHEET, { input: input(list, from, given) });
const activate = (id: string) => call(app, world.hubToken, ACTIVATE_SHEET, { id });
const prices = (id: string, at: string) => pricesOf(app, world.hubToken, id, at);

async function findings(id: string) {
  const rows = await sheetRows(app, world.hubToken, id, { findings: true });
  return rows.map((row: Record<string, string>) =>
    [row.prefix, row.status, row.findingCode, row.earliestFrom, row.validFrom].join(' '),
  );
}

describe('the notice that a contract demands', () => {
  it('is measured by what each price does, in civil days of the contract', async () => {
    const list = await costList({ notice: { policy: 'WARN', ...DAYS } });
    const made = await load(list.id, '2030-07-02T00:00:00Z');
    expect(made).toMatchObject({ noticeCount: 3, noticePolicy: 'WARN' });
    const from = '2030-07-02T00:00:00.000Z';
    expect(await findings(made.id)).toEqual([
      `1 INCREASED NOTICE_TOO_SHORT 2030-07-08T00:00:00.000Z ${from}`,
      `3 CHANGED NOTICE_TOO_SHORT 2030-07-04T00:00:00.000Z ${from}`,
      `5 CLOSED NOTICE_TOO_SHORT 2030-07-15T00:00:00.000Z ${from}`,
    ]);
    await activate(made.id);
    const after = ['1=0.11', '2=0.09', '3=0.1', '4=0.1', '6=0.1'];
    expect(await prices(list.id, '2030-07-02T00:00:00Z')).toEqual(after);
  });

  it('counts days by the clock of the contract', async () => {
    const notice = { policy: 'WARN', increaseDays: 7 };
    const list = await costList({ notice, timeZone: 'Asia/Tokyo' });
    // In Tokyo it is the 2nd already, so that the 9th is the first day.
    expect((await load(list.id, '2030-07-08T15:00:00Z')).noticeCount).toBe(0);
    const made = await load(list.id, '2030-07-08T14:59:59Z');
    expect(await findings(made.id)).toEqual([
      '1 INCREASED NOTICE_TOO_SHORT 2030-07-08T15:00:00.000Z 2030-07-08T14:59:59.000Z',
    ]);
  });

  it('is that of the terms in force when the sheet was received', async () => {
    const notice = { policy: 'REFUSE', ...DAYS };
    const list = await costList({ notice, validFrom: '2030-07-01T15:00:01Z' });
    expect((await load(list.id, '2030-07-02T00:00:00Z')).noticeCount).toBe(0);
    const late = { receivedAt: '2030-07-01T15:00:01Z' };
    expect((await load(list.id, '2030-07-02T00:00:00Z', late)).noticeCount).toBe(3);
  });

  it('refuses a sheet where that is agreed, until it is imported with other dates', async () => {
    const list = await costList({ notice: { policy: 'REFUSE', ...DAYS } });
    const made = await load(list.id, '2030-07-14T00:00:00Z');
    expect(made).toMatchObject({ noticeCount: 1, noticePolicy: 'REFUSE' });
    const request = { id: made.id };
    expect(await refusal(app, world.hubToken, ACTIVATE_SHEET, request)).toBe(
      'SHEET_NOTICE_TOO_SHORT',
    );
    const later = await load(list.id, '2030-07-15T00:00:00Z');
    expect(later).toMatchObject({ noticeCount: 0, noticePolicy: null });
    expect(await activate(later.id)).toMatchObject({ state: 'ACTIVATED' });
  });

  it('moves prices to the first day that is allowed, each by what it does', async () => {
    const list = await costList({ notice: { policy: 'SHIFT', ...DAYS } });
    const made = await load(list.id, '2030-07-02T00:00:00Z');
    expect(made).toMatchObject({
      noticePolicy: 'SHIFT',
      noticeCount: 3,
      takesEffectAt: '2030-07-02T00:00:00.000Z',
    });
    const rows = await sheetRows(app, world.hubToken, made.id, { statuses: ['INCREASED'] });
    expect(rows).toMatchObject([
      { announcedFrom: '2030-07-02T00:00:00.000Z', validFrom: '2030-07-08T00:00:00.000Z' },
    ]);
    await activate(made.id);
    const steps: [string, string[]][] = [
      ['2030-07-01', ['1=0.1', '2=0.1', '3=0.1', '4=0.1', '5=0.1']],
      ['2030-07-02', ['1=0.1', '2=0.09', '3=0.1', '4=0.1', '5=0.1', '6=0.1']],
      ['2030-07-08', ['1=0.11', '2=0.09', '3=0.1', '4=0.1', '5=0.1', '6=0.1']],
      ['2030-07-15', ['1=0.11', '2=0.09', '3=0.1', '4=0.1', '6=0.1']],
    ];
    for (const [day, expected] of steps) {
      expect(await prices(list.id, `${day}T00:00:00Z`)).toEqual(expected);
    }
  });

  it('lets a later price overtake one that its notice moves behind it', async () => {
    const list = await costList({ notice: { policy: 'SHIFT', increaseDays: 7 } });
    const csv = 'code,rate,first,from\n1,0.20,1,2030-07-02\n1,0.05,1,2030-07-04\n';
    const columns = {
      prefix: 'code',
      price: 'rate',
      firstIncrement: 'first',
      effectiveFrom: 'from',
    };
    const made = await load(list.id, RECEIVED, { csv, columns, complete: false });
    expect(made.counts).toEqual([
      { status: 'DECREASED', rows: 1 },
      { status: 'OVERTAKEN', rows: 1 },
    ]);
    await activate(made.id);
    const seen = await Promise.all(
      ['03', '04', '09'].map(async (day) => (await prices(list.id, `2030-07-${day}T00:00:00Z`))[0]),
    );
    expect(seen).toEqual(['1=0.1', '1=0.05', '1=0.05']);
  });

  describe('that moves a price', () => {
    const AT = {
      prefix: 'code',
      price: 'rate',
      firstIncrement: 'first',
      effectiveFrom: 'from',
    };

    /** Brings prices of 8, by days of July, to a list that rises on the 4th and on the 6th. */
    async function moved(sheet: Record<string, string>) {
      const notice = { policy: 'SHIFT', increaseDays: 14, changedDays: 7 };
      const list = await costList({ notice });
      await aRate(app, world.hubToken, list.id, { prefix: '8', price: '0.10' });
      for (const [day, price] of [
        ['04', '0.20'],
        ['06', '0.22'],
      ]) {
        const validFrom = `2030-07-${day}T00:00:00Z`;
        await aRate(app, world.hubToken, list.id, { prefix: '8', price, validFrom });
      }
      const rows = Object.entries(sheet).map(([day, price]) => `8,${price},1,2030-07-${day}\n`);
      const csv = `code,rate,first,from\n${rows.join('')}`;
      const given = { csv, columns: AT, complete: false };
      const made = await load(list.id, RECEIVED, given);
      await activate(made.id);
      const found = await sheetRows(app, world.hubToken, made.id);
      const day = (at: string | null) => at?.slice(5, 10) ?? '-';
      return {
        rows: found.map((row: Record<string, string>) =>
          [row.status, day(row.validFrom ?? null), day(row.validTo ?? null)].join(' '),
        ),
        early: found.map((row: Record<string, string>) => day(row.earliestFrom ?? null)),
        prices: await Promise.all(
          ['02', '04', '06', '14', '15'].map(async (at) =>
            (await prices(list.id, `2030-07-${at}T00:00:00Z`)).at(-1),
          ),
        ),
      };
    }

    it('leaves the list as it is until then, also the rises it knows already', async () => {
      expect(await moved({ '02': '0.10', '04': '0.25' })).toEqual({
        rows: ['UNCHANGED 07-02 07-04', 'INCREASED 07-15 -'],
        early: ['-', '07-15'],
        prices: ['8=0.1', '8=0.2', '8=0.22', '8=0.22', '8=0.25'],
      });
    });

    it('does so after a price that was overtaken', async () => {
      expect(await moved({ '02': '0.15', '04': '0.20', '06': '0.25' })).toEqual({
        rows: ['OVERTAKEN 07-15 07-04', 'UNCHANGED 07-04 07-06', 'INCREASED 07-15 -'],
        early: ['07-15', '-', '07-15'],
        prices: ['8=0.1', '8=0.2', '8=0.22', '8=0.22', '8=0.25'],
      });
    });

    it('lets one last that comes after a change, and marks it', async () => {
      expect(await moved({ '02': '0.08', '04': '0.20', '06': '0.25' })).toEqual({
        rows: ['DECREASED 07-02 07-04', 'CHANGED 07-04 07-15', 'INCREASED 07-15 -'],
        early: ['-', '07-08', '07-15'],
        prices: ['8=0.08', '8=0.2', '8=0.2', '8=0.2', '8=0.25'],
      });
    });
  });

  it('needs no end for a rate that ends by itself before its notice is over', async () => {
    const list = await costList({ notice: { policy: 'SHIFT', closedDays: 14 } });
    const short = { validFrom: '2030-01-01T00:00:00Z', validTo: '2030-07-10T00:00:00Z' };
    await aRate(app, world.hubToken, list.id, { prefix: '7', price: '0.70', ...short });
    const made = await load(list.id, '2030-07-02T00:00:00Z');
    expect(await findings(made.id)).toEqual([
      '5 CLOSED NOTICE_TOO_SHORT 2030-07-15T00:00:00.000Z 2030-07-15T00:00:00.000Z',
    ]);
    await activate(made.id);
    expect(await prices(list.id, '2030-07-09T00:00:00Z')).toContain('7=0.7');
  });

  it('is asked again when the sheet is compared or activated', async () => {
    const list = await costList({ notice: null });
    const made = await load(list.id, '2030-07-02T00:00:00Z');
    expect(made).toMatchObject({ noticeCount: 0, noticePolicy: null });
    const terms = { ...list.terms, notice: { policy: 'SHIFT', ...DAYS } };
    await call(app, world.hubToken, AMEND, { id: list.contractId, terms });
    const compared = await call(app, world.hubToken, COMPARE_SHEET, { id: made.id });
    expect(compared).toMatchObject({ noticeCount: 3, noticePolicy: 'SHIFT' });
    const relaxed = { ...list.terms, notice: { policy: 'SHIFT', increaseDays: 2 } };
    await call(app, world.hubToken, AMEND, { id: list.contractId, terms: relaxed });
    expect(await activate(made.id)).toMatchObject({ noticeCount: 1, noticePolicy: 'SHIFT' });
    expect(await prices(list.id, '2030-07-02T00:00:00Z')).toEqual([
      '1=0.1',
      '2=0.09',
      '3=0.1',
      '4=0.1',
      '6=0.1',
    ]);
    expect(await prices(list.id, '2030-07-03T00:00:00Z')).toContain('1=0.11');
  });

  it('is that of contracts whose lists inherit from the one that the sheet is for', async () => {
    const { hub, resellerA, resellerB, hubToken } = world;
    const base = await aPriceList(app, hubToken, hub);
    const child = await aPriceList(app, hubToken, hub, { parentId: base.id });
    for (const [buyer, priceListId, increaseDays] of [
      [resellerA, base.id, 3],
      [resellerB, child.id, 5],
    ] as const) {
      const account = await anAccount(app, hubToken, buyer);
      const made = contractInput({ seller: hub, buyer, accountId: account.id, priceListId });
      const notice = { policy: 'REFUSE', increaseDays };
      const terms = { ...made.terms, timeZone: 'UTC', notice };
      await call(app, hubToken, CREATE_CONTRACT, { input: { ...made, terms } });
    }
    await aRate(app, hubToken, base.id, { prefix: '1', price: '0.10' });
    const given = { csv: 'code,rate,first\n1,0.2,1\n', complete: false };
    const early = await load(base.id, '2030-07-05T00:00:00Z', given);
    expect(early).toMatchObject({ noticeCount: 1, noticePolicy: 'REFUSE' });
    expect(await load(base.id, '2030-07-06T00:00:00Z', given)).toMatchObject({ noticeCount: 0 });
  });
});
