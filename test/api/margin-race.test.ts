import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockMargin } from '../../src/catalog/margin.store.js';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList, aRate, CREATE_PRICE_LIST } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  refusal,
  type World,
} from '../fixtures/partner.js';
import type { BuiltPartner } from '../fixtures/partner-builder.js';
import {
  ACTIVATE_SHEET,
  FROM,
  IMPORT_SHEET,
  sheetInput,
  UNDO_SHEET,
} from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aBranch,
  brief,
  marginAlarms,
  pricedTiers,
  type Tier,
  type Tiers,
} from '../fixtures/tiers.js';

const ALL = `{ rateSheetMargins(first: 10) { nodes {
  findings(first: 10) { nodes { prefix costPrice sellPrice } } } } }`;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

const branch = (policies: { upper?: string } = {}) => aBranch(app, { ...world, policies });
const priced = (tiers: Tiers) => pricedTiers(app, tiers);
const rate = ({ token, list }: Tier, prefix: string, price: string, given: object = {}) =>
  aRate(app, token, list, { prefix, price, ...given });
const load = async ({ token, list }: Tier, csv: string): Promise<string> =>
  (await call(app, token, IMPORT_SHEET, { input: sheetInput(list, csv) })).id;
const told = () => app.app.margins.runUntilIdle();
const marginsOf = async (token: string) => (await call(app, token, ALL)).nodes;
const alarmsOf = (token: string) => marginAlarms(app, token);

describe('a single price of a partner above', () => {
  const CLOSE = 'mutation ($id: ID!, $at: DateTime!) { closeRate(rateId: $id, at: $at) { id } }';

  it('tells each seller below who watches what it pays and charges, and him alone', async () => {
    const { hub, upper, lower } = await priced(await branch({ upper: 'WARN' }));
    await rate(upper, '49', '0.12', { validFrom: FROM });
    await rate(lower, '49', '0.125', { validFrom: FROM });
    const { id } = await rate(hub, '49', '0.13', { validFrom: FROM });
    await told();
    const [alarm, ...more] = await alarmsOf(upper.token);
    expect(more).toEqual([]);
    expect(alarm).toMatchObject({ subjectType: 'PriceList', subjectId: upper.list });
    const takesEffectAt = FROM.replace('Z', '.000Z');
    const where = { sellListId: upper.list, costContractId: hub.sale, policy: 'WARN' };
    expect(alarm.details).toMatchObject({
      takesEffectAt,
      findings: 1,
      shown: [{ ...where, prefix: '49', costPrice: '0.13', sellPrice: '0.12' }],
    });
    // Partners above see that there is an alarm, and from when on.
    const seen = (await alarmsOf(hub.token)).filter(
      (one: { subjectId: string }) => one.subjectId === upper.list,
    );
    expect(seen).toMatchObject([{ details: { takesEffectAt } }]);
    expect(Object.keys(seen[0].details)).toEqual(['takesEffectAt']);
    expect(await alarmsOf(lower.token)).toEqual([]);
    await call(app, hub.token, CLOSE, { id, at: FROM });
    await told();
    expect(await alarmsOf(upper.token)).toMatchObject([{ state: 'CLEARED' }]);
  });

  it('tells nothing of what has been taken back since', async () => {
    const { hub, upper } = await priced(await branch({ upper: 'REFUSE' }));
    await rate(upper, '49', '0.12', { validFrom: FROM });
    const { id } = await rate(hub, '49', '0.13', { validFrom: FROM });
    await call(app, hub.token, CLOSE, { id, at: FROM });
    await told();
    expect(await alarmsOf(upper.token)).toEqual([]);
  });
});

describe('sheets of two sellers that come at once', () => {
  /** The hub makes 49 as dear as what the upper reseller is about to sell it for. */
  async function twoSheets(policy: string) {
    const { hub, upper } = await priced(await branch({ upper: policy }));
    const above = await load(hub, 'code,rate\n49,0.11\n');
    const below = await load(upper, 'code,rate\n49,0.105\n');
    return { hub, upper, above, below };
  }

  // Activates one sheet, and asks for an act on the other one before that is committed. Answers
  // how that one was refused, and whether it waited.
  async function during(
    first: string,
    by: Tier,
    id: string,
    then: Tier,
    act = ACTIVATE_SHEET,
  ): Promise<[code: string, waited: boolean]> {
    const given = { skipErrors: false, confirmedMargins: null };
    const { rateSheets } = app.app.services;
    let asked: Promise<string> = Promise.resolve('');
    let waited = false;
    await app.app.database.write({ partnerId: by.partner.id }, async (tx) => {
      await rateSheets.activate(tx, first, given, new Date());
      asked = refusal(app, then.token, act, { id });
      let isOver = false;
      const over = asked.finally(() => {
        isOver = true;
      });
      over.catch(() => undefined);
      while (!isOver && !waited) {
        await delay(10);
        waited = await isWaiting();
      }
      await told();
    });
    return [await asked, waited];
  }

  const isWaiting = async (): Promise<boolean> => {
    const sql = `SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND NOT l.granted`;
    return (await app.app.database.read(SYSTEM_SCOPE, (tx) => tx.query(sql))).length > 0;
  };

  it.each([
    ['REFUSE', 'MARGIN_REFUSED'],
    ['HOLD', 'MARGIN_HELD'],
  ])('have the later one below looked at by what it will pay, under %s', async (policy, code) => {
    const { hub, upper, above, below } = await twoSheets(policy);
    expect(await during(above, hub, below, upper)).toEqual([code, true]);
    await told();
    expect(await alarmsOf(upper.token)).toEqual([]);
  });

  it('tell the seller below when his own came first', async () => {
    const { hub, upper, above, below } = await twoSheets('REFUSE');
    expect(await during(below, upper, above, hub)).toEqual(['', true]);
    await told();
    expect((await marginsOf(upper.token)).map(brief)).toContainEqual(['49 0.11 > 0.105']);
    expect(await alarmsOf(upper.token)).toMatchObject([{ state: 'RAISED' }]);
  });

  it('tell who went below a cost that an undo raises at that moment', async () => {
    const { hub, upper } = await priced(await branch({ upper: 'REFUSE' }));
    const above = await load(hub, 'code,rate\n49,0.05\n');
    await call(app, hub.token, ACTIVATE_SHEET, { id: above });
    const below = await load(upper, 'code,rate\n49,0.08\n');
    expect(await during(below, upper, above, hub, UNDO_SHEET)).toEqual(['', true]);
    await told();
    expect((await marginsOf(upper.token)).map(brief)).toContainEqual(['49 0.1 > 0.08']);
  });

  /** A list of the hub that inherits from one below, and a supplier of the hub. */
  async function listFromBelow(prefix: string) {
    const { hub, hubToken, supplier, resellerA } = world;
    const { hub: above, upper } = await branch();
    await rate(upper, prefix, '0.12');
    const input = { partnerId: hub.globalId, name: `From ${upper.list}`, currency: 'EUR' };
    const parent = { ...input, parentId: upper.list };
    const { id: sold } = await call(app, hubToken, CREATE_PRICE_LIST, { input: parent });
    const { id: bought } = await aPriceList(app, hubToken, supplier);
    await aRate(app, hubToken, bought, { prefix, price: '0.10' });
    const sell = async (seller: BuiltPartner, buyer: BuiltPartner, list: string, level: string) => {
      const { id: accountId } = await anAccount(app, hubToken, level === 'COST' ? seller : buyer);
      const made = contractInput({ seller, buyer, accountId, priceListId: list, level });
      const terms = { ...made.terms, marginPolicy: level === 'COST' ? 'NONE' : 'REFUSE' };
      await call(app, hubToken, CREATE_CONTRACT, { input: { ...made, terms } });
    };
    await sell(supplier, hub, bought, 'COST');
    await sell(hub, resellerA, sold, 'WHOLESALE');
    const cost = await load({ ...above, list: bought }, `code,rate\n${prefix},0.11\n`);
    const below = await load(upper, `code,rate\n${prefix},0.105\n`);
    return { hub: above, upper, cost, below };
  }

  it('have the later one above looked at by what its list inherits from below', async () => {
    const { hub, upper, cost, below } = await listFromBelow('88');
    expect(await during(below, upper, cost, hub)).toEqual(['MARGIN_REFUSED', true]);
    const next = await listFromBelow('87');
    expect(await during(next.cost, next.hub, next.below, next.upper)).toEqual(['', true]);
    await told();
    expect((await marginsOf(hub.token)).map(brief)).toContainEqual(['87 0.11 > 0.105']);
  });

  it('wait by one lock for all where one is held against too many others', async () => {
    const { hub, upper } = await branch({ upper: 'REFUSE' });
    const tables = `SELECT objid::int AS id, mode FROM pg_locks
      WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND classid::bigint =
        (hashtext('margin of sheets')::bigint & 4294967295) ORDER BY id`;
    const sellerId = upper.partner.id;
    const listIds = [rowNumber('PriceList', upper.list)];
    for (const many of [2, 1]) {
      await app.app.database.write({ partnerId: sellerId }, async (tx) => {
        await lockMargin(tx, { sellerId, from: new Date(FROM), listIds }, many);
        const own = { id: sellerId, mode: 'ExclusiveLock' };
        const locks = [
          { id: 0, mode: 'ShareLock' },
          { id: hub.partner.id, mode: 'ShareLock' },
          own,
        ];
        const all = [{ id: 0, mode: 'ExclusiveLock' }, own];
        expect(await tx.query(tables)).toEqual(many === 2 ? locks : all);
      });
    }
  });

  it('do not wait for each other where nobody watches the margin', async () => {
    const { hub, upper, above, below } = await twoSheets('NONE');
    expect(await during(above, hub, below, upper)).toEqual(['', false]);
  });
});
