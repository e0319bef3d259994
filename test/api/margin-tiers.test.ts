import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tellSellers } from '../../src/catalog/index.js';
import { pricePermissions } from '../../src/partner/index.js';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  refusal,
  tokenOf,
  type World,
} from '../fixtures/partner.js';
import { aPartner } from '../fixtures/partner-builder.js';
import {
  ACTIVATE_SHEET,
  COMPARE_SHEET,
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

const MARGIN = `id findingCount policy hash missingExchangeRates takesEffectAt
  rateSheet { id } pairs { findingCount policy supplier { id } costList { id } sellList { id }
    costContract { id } }
  findings(filter: $filter, first: 10) { nodes { policy prefix costPrice sellPrice margin
    supplier { id } costList { id } sellList { id } costContract { id } } }`;
const OF_SHEET = `query ($id: ID!, $filter: MarginFindingFilter! = {}) {
  rateSheet(id: $id) { margin { ${MARGIN} } } }`;
const ONE = `query ($id: ID!, $filter: MarginFindingFilter! = {}) {
  rateSheetMargin(id: $id) { ${MARGIN} } }`;
const ALL = `query ($filter: MarginFindingFilter! = {}) {
  rateSheetMargins(first: 10) { nodes { ${MARGIN} } } }`;
const SET_FX = 'mutation ($input: SetExchangeRateInput!) { setExchangeRate(input: $input) { id } }';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

const branch = (policies: { upper?: string; lower?: string } = {}) =>
  aBranch(app, { ...world, policies });
const rate = ({ token, list }: Tier, prefix: string, price: string, given: object = {}) =>
  aRate(app, token, list, { prefix, price, ...given });
const load = async ({ token, list }: Tier, csv: string, by = token): Promise<string> =>
  (await call(app, by, IMPORT_SHEET, { input: sheetInput(list, csv) })).id;
const activated = (token: string, id: string, margins: string | null = null) =>
  refusal(app, token, ACTIVATE_SHEET, { id, margins });
const marginOf = async (token: string, id: string, filter: object = {}) =>
  (await call(app, token, OF_SHEET, { id, filter })).margin;
const marginsOf = async (token: string) => (await call(app, token, ALL)).nodes;
const told = () => app.app.margins.runUntilIdle();
const alarmsOf = (token: string) => marginAlarms(app, token);
const priced = (tiers: Tiers) => pricedTiers(app, tiers);

describe("a sheet of a reseller's own list", () => {
  it('is held against the prices it pays, and all that its list inherits unseen', async () => {
    const { hub, upper } = await priced(await branch());
    // 4915 stays at 0.24 by the hidden list, although the prefix before it becomes cheaper.
    const id = await load(upper, 'code,rate\n49,0.09\n');
    const margin = await marginOf(upper.token, id);
    expect(brief(margin)).toEqual(['49 0.1 > 0.09']);
    const hidden = { costList: null, supplier: null, sellList: { id: upper.list } };
    const seen = { ...hidden, costContract: { id: hub.sale } };
    expect(margin).toMatchObject({
      rateSheet: { id },
      findingCount: 1,
      policy: 'NONE',
      pairs: [{ ...seen, findingCount: 1, policy: 'NONE' }],
      findings: { nodes: [seen] },
    });
    const found = async (filter: object) => brief(await marginOf(upper.token, id, filter));
    expect(await found({ costContractId: hub.sale, sellListId: upper.list })).toHaveLength(1);
    expect(await found({ costListId: hub.list })).toEqual([]);
    expect(await found({ supplierId: hub.partner.globalId })).toEqual([]);
    await rate(hub, '49', '0.08', { validFrom: FROM });
    await call(app, upper.token, COMPARE_SHEET, { id });
    expect(await marginOf(upper.token, id)).toMatchObject({ findingCount: 0, policy: null });
  });

  it('compares what the lower tier pays, not what that costs above', async () => {
    const { upper, lower } = await priced(await branch());
    const id = await load(lower, 'code,rate\n49,0.11\n4915,0.26\n');
    const margin = await marginOf(lower.token, id);
    expect(brief(margin)).toEqual(['49 0.12 > 0.11']);
    expect(margin.pairs).toMatchObject([{ costContract: { id: upper.sale }, costList: null }]);
    for (const token of [upper.token, world.hubToken]) {
      expect(await marginOf(token, id)).toBeNull();
    }
  });

  it('follows the policy of its own contracts', async () => {
    const { hub, upper, lower } = await priced(await branch({ upper: 'HOLD', lower: 'REFUSE' }));
    const refused = await load(lower, 'code,rate\n49,0.11\n');
    expect(await activated(lower.token, refused, 'x')).toBe('MARGIN_REFUSED');
    const id = await load(upper, 'code,rate\n49,0.09\n');
    const { hash, policy } = await marginOf(upper.token, id);
    expect(policy).toBe('HOLD');
    expect(await activated(upper.token, id)).toBe('MARGIN_HELD');
    // What the upper reseller pays has changed: the findings are not those any more.
    await rate(hub, '49', '0.11', { validFrom: FROM });
    expect(await activated(upper.token, id, hash)).toBe('MARGIN_HELD');
    await call(app, upper.token, COMPARE_SHEET, { id });
    const now = await marginOf(upper.token, id);
    expect(brief(now)).toEqual(['49 0.11 > 0.09']);
    expect(await activated(upper.token, id, now.hash)).toBe('');
    expect(await alarmsOf(upper.token)).toMatchObject([
      { subjectType: 'RateSheet', subjectId: id, details: { findings: 1 }, state: 'RAISED' },
    ]);
    await call(app, upper.token, UNDO_SHEET, { id });
    expect(await alarmsOf(upper.token)).toMatchObject([{ state: 'CLEARED' }]);
  });

  it('is not activated under a strict policy while currencies cannot be compared', async () => {
    const { upper } = await priced(await branch({ upper: 'REFUSE' }));
    const buyer = await aPartner(app, { parentId: upper.partner.id, kind: 'BUSINESS_CUSTOMER' });
    const { id: accountId } = await anAccount(app, upper.token, buyer);
    const sold = await aPriceList(app, upper.token, upper.partner, { currency: 'USD' });
    const seller = upper.partner;
    const made = contractInput({ seller, buyer, accountId, priceListId: sold.id });
    const terms = { ...made.terms, currency: 'USD', marginPolicy: 'HOLD' };
    await call(app, upper.token, CREATE_CONTRACT, { input: { ...made, terms } });
    const dollars = { ...upper, list: sold.id };
    const id = await load(dollars, 'code,rate\n49,0.10\n');
    const margin = { findingCount: 0, missingExchangeRates: ['EUR/USD'] };
    expect(await marginOf(upper.token, id)).toMatchObject(margin);
    expect(await activated(upper.token, id)).toBe('EXCHANGE_RATE_MISSING');
    const pair = { baseCurrency: 'EUR', quoteCurrency: 'USD', rate: '1.25', source: 'ECB' };
    const input = { ...pair, validFrom: '2026-01-01T00:00:00Z' };
    await call(app, world.hubToken, SET_FX, { input });
    await call(app, upper.token, COMPARE_SHEET, { id });
    const { findings } = await marginOf(upper.token, id);
    expect(findings.nodes).toMatchObject([
      { prefix: '49', margin: '-0.02500000' },
      { prefix: '4915', margin: '-0.15000000' },
    ]);
  });

  it('is decided by its policies also when a partner above brings it', async () => {
    const { upper } = await priced(await branch({ upper: 'HOLD' }));
    const id = await load(upper, 'code,rate\n49,0.09\n', world.hubToken);
    expect(await marginOf(world.hubToken, id)).toBeNull();
    expect(await activated(world.hubToken, id)).toBe('MARGIN_HELD');
    await told();
    expect(await marginOf(world.hubToken, id)).toBeNull();
    const { hash, ...margin } = await marginOf(upper.token, id);
    expect(brief(margin as never)).toEqual(['49 0.1 > 0.09']);
    const there = await app.graphql(OF_SHEET, { id }, world.hubToken, upper.partner.globalId);
    expect(there.data.rateSheet.margin).toMatchObject({ hash });
    expect(await activated(world.hubToken, id, hash)).toBe('');
    expect(await alarmsOf(upper.token)).toMatchObject([{ subjectId: id }]);
  });
});

/** A sheet of the hub that leaves the upper reseller nothing of 4915, the lower nothing of 33. */
async function underWater(tiers: Tiers): Promise<string> {
  await rate(tiers.upper, '4915', '0.22');
  await rate(tiers.lower, '33', '0.05');
  return load(tiers.hub, 'code,rate\n4915,0.23\n33,0.045\n');
}

describe('a sheet of a partner above', () => {
  it('tells each seller below of its own prices alone, once it is active', async () => {
    const tiers = await priced(await branch({ upper: 'WARN', lower: 'REFUSE' }));
    const { hub, upper, lower } = tiers;
    const id = await underWater(tiers);
    await told();
    expect(await marginsOf(upper.token)).toEqual([]);
    // What buyers demand of their own contracts does not bind who sells to them.
    expect(await activated(hub.token, id)).toBe('');
    await told();
    const [ofUpper, ...more] = await marginsOf(upper.token);
    expect(more).toEqual([]);
    expect(brief(ofUpper)).toEqual(['4915 0.23 > 0.22']);
    const hidden = { supplier: null, costList: null };
    expect(ofUpper).toMatchObject({
      rateSheet: null,
      policy: 'WARN',
      hash: null,
      takesEffectAt: FROM.replace('Z', '.000Z'),
      pairs: [{ ...hidden, costContract: { id: hub.sale }, sellList: { id: upper.list } }],
    });
    const [ofLower] = await marginsOf(lower.token);
    expect(brief(ofLower)).toEqual(['33 0.054 > 0.05']);
    expect(ofLower).toMatchObject({ pairs: [{ ...hidden, costContract: { id: upper.sale } }] });
    for (const [tier, margin] of [
      [upper, ofUpper],
      [lower, ofLower],
    ] as const) {
      const own = { subjectType: 'RateSheetMargin', subjectId: margin.id };
      expect(await alarmsOf(tier.token)).toContainEqual(expect.objectContaining(own));
      expect(await call(app, tier.token, ONE, { id: margin.id })).toMatchObject({ id: margin.id });
    }
    // Nobody above or below is shown what is another's.
    for (const token of [hub.token, lower.token, world.tokenB]) {
      expect(await call(app, token, ONE, { id: ofUpper.id })).toBeNull();
      expect((await marginsOf(token)).map((one: { id: string }) => one.id)).not.toContain(
        ofUpper.id,
      );
    }
    const seen = JSON.stringify([await alarmsOf(lower.token), ofLower]);
    expect(seen).not.toMatch(/0\.23|0\.22|0\.045|"Sheet"/);
  });

  it('is told without an alarm to who wants none, and taken back with the sheet', async () => {
    const tiers = await priced(await branch({ lower: 'HOLD' }));
    const { hub, upper, lower } = tiers;
    const id = await underWater(tiers);
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    await told();
    expect(await marginsOf(upper.token)).toMatchObject([{ policy: 'NONE', findingCount: 1 }]);
    expect(await marginsOf(lower.token)).toMatchObject([{ policy: 'HOLD', hash: null }]);
    expect(await alarmsOf(lower.token)).toMatchObject([{ state: 'RAISED' }]);
    await call(app, hub.token, UNDO_SHEET, { id });
    await told();
    expect(await marginsOf(upper.token)).toEqual([]);
    expect(await marginsOf(lower.token)).toEqual([]);
    expect(await alarmsOf(upper.token)).toMatchObject([{ state: 'CLEARED' }]);
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    await told();
    expect(await marginsOf(lower.token)).toHaveLength(1);
    const states = (await alarmsOf(lower.token)).map((one: { state: string }) => one.state);
    expect(states).toEqual(['RAISED', 'CLEARED']);
  });

  it('tells who loses where a cost rises again, by an undo or by a later sheet', async () => {
    const { hub, upper, lower } = await priced(await branch({ upper: 'WARN', lower: 'HOLD' }));
    const id = await load(hub, 'code,rate\n49,0.05\n');
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    await rate(upper, '49', '0.08', { validFrom: FROM });
    await call(app, hub.token, UNDO_SHEET, { id });
    // What lists, or the draft, have become since is not what the undo did.
    await rate(hub, '49', '0.05', { validFrom: FROM });
    await call(app, hub.token, COMPARE_SHEET, { id });
    await told();
    const [margin] = await marginsOf(upper.token);
    expect(brief(margin)).toEqual(['49 0.1 > 0.08']);
    expect(margin).toMatchObject({ hash: null, takesEffectAt: FROM.replace('Z', '.000Z') });
    const own = { subjectType: 'RateSheetMargin', subjectId: margin.id };
    expect(await alarmsOf(upper.token)).toMatchObject([{ ...own, state: 'RAISED' }]);
    expect(await marginsOf(lower.token)).toEqual([]);
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    await told();
    expect(await marginsOf(upper.token)).toEqual([]);
    expect(await alarmsOf(upper.token)).toMatchObject([{ state: 'CLEARED' }]);
    const later = await load(hub, 'code,rate\n49,0.10\n');
    await call(app, hub.token, ACTIVATE_SHEET, { id: later });
    await told();
    expect((await marginsOf(upper.token)).map(brief)).toEqual([['49 0.1 > 0.08']]);
  });

  it('tells who decided of a loss by its undo, which activating again takes away', async () => {
    const { hub, upper } = await priced(await branch({ upper: 'REFUSE' }));
    await rate(upper, '49', '0.12', { validFrom: FROM });
    const id = await load(upper, 'code,rate\n49,0.20\n');
    await call(app, upper.token, ACTIVATE_SHEET, { id });
    await rate(hub, '49', '0.15', { validFrom: FROM });
    await call(app, upper.token, UNDO_SHEET, { id });
    await told();
    const text = 'Undoing the rate sheet "Sheet" has us sell below cost.';
    const loss = { subjectType: 'RateSheet', subjectId: id, text, details: { findings: 1 } };
    expect(await alarmsOf(upper.token)).toMatchObject([{ ...loss, state: 'RAISED' }]);
    await call(app, upper.token, ACTIVATE_SHEET, { id });
    expect(await alarmsOf(upper.token)).toMatchObject([{ ...loss, state: 'CLEARED' }]);
  });

  it('is compared as it was activated, whatever has become of lists since', async () => {
    const tiers = await priced(await branch());
    const { hub, upper } = tiers;
    const id = await underWater(tiers);
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    await rate(upper, '4915', '0.30', { validFrom: FROM });
    await told();
    expect((await marginsOf(upper.token)).map(brief)).toEqual([['4915 0.23 > 0.22']]);
  });

  it('leaves those for the next task whose turn has not come, and tells each once', async () => {
    const tiers = await priced(await branch({ upper: 'WARN', lower: 'WARN' }));
    const { hub, upper, lower } = tiers;
    const id = await underWater(tiers);
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    const payload = { sheetId: rowNumber('RateSheet', id) };
    const task = () =>
      app.app.database.write(SYSTEM_SCOPE, (tx) => tellSellers(tx, { payload }, 0));
    await task();
    const [first] = await marginsOf(upper.token);
    expect(first).toMatchObject({ findingCount: 1 });
    expect(await marginsOf(lower.token)).toEqual([]);
    await told();
    expect(await marginsOf(lower.token)).toMatchObject([{ findingCount: 1 }]);
    const again = await marginsOf(upper.token);
    expect(again).toEqual([first]);
    expect(await alarmsOf(lower.token)).toHaveLength(1);
  });
});

describe('what is hidden', () => {
  it('takes the permissions of the levels of both sides', async () => {
    const { hub, upper } = await priced(await branch());
    const id = await load(upper, 'code,rate\n49,0.09\n');
    const both = ['catalog.read', 'price.wholesale.read', 'price.retail.read', 'contract.read'];
    const clerk = await tokenOf(app, upper.partner, both);
    expect(await marginOf(clerk, id)).toMatchObject({ findingCount: 1 });
    for (const missing of both) {
      const given = both.filter((one) => one !== missing);
      const token = await tokenOf(app, upper.partner, given);
      expect(await refusal(app, token, OF_SHEET, { id })).toBe('FORBIDDEN');
      expect(await refusal(app, token, ALL)).toBe('FORBIDDEN');
    }
    const own = await load(hub, 'code,rate\n49,0.11\n');
    expect(await marginOf(hub.token, own)).toMatchObject({ findingCount: 0 });
    const atHub = await tokenOf(app, hub.partner, both);
    expect(await marginOf(atHub, own)).toBeNull();
    expect(await marginsOf(atHub)).toEqual([]);
  });

  it('takes the permission of contracts for those by which the seller buys', async () => {
    const { hub, upper } = await priced(await branch());
    const id = await load(upper, 'code,rate\n49,0.09\n');
    const both = ['catalog.read', 'price.wholesale.read', 'price.retail.read'];
    const clerk = await tokenOf(app, upper.partner, both);
    const seer = await tokenOf(app, upper.partner, [...both, 'contract.read']);
    const asked = { MarginPair: 'pairs {', MarginFinding: 'findings { nodes {' };
    for (const [type, open] of Object.entries(asked)) {
      const query = (field: string) => `query ($id: ID!) {
        rateSheet(id: $id) { margin { ${open} ${field} }${'}'.repeat(open.split('{').length)} }`;
      const answer = await app.graphql(query('costContract { id }'), { id }, clerk);
      expect(answer).toMatchObject({ data: null, codes: ['FORBIDDEN'] });
      expect(answer.errors[0]?.extensions.details).toEqual({
        ...{ permission: 'contract.read', field: `${type}.costContract` },
      });
      expect(await refusal(app, clerk, query('sellList { id }'), { id })).toBe('');
      const { text } = await app.graphql(query('costContract { id }'), { id }, seer);
      expect(text).toContain(`"costContract":{"id":"${hub.sale}"}`);
    }
  });

  it('is kept by the database from all but its partner', async () => {
    const tiers = await priced(await branch({ upper: 'WARN', lower: 'WARN' }));
    const { hub, upper, lower } = tiers;
    const id = await underWater(tiers);
    await call(app, hub.token, ACTIVATE_SHEET, { id });
    await told();
    const ownersSeenBy = (partnerId: number) =>
      app.app.database.read({ partnerId }, async (tx) => {
        const rows = await tx.query<{ id: number }[]>(
          `SELECT partner_id AS id FROM margin_report UNION
           SELECT partner_id FROM rate_sheet_margin`,
        );
        return rows.map((row) => row.id);
      });
    for (const { partner } of [upper, lower]) {
      expect(await ownersSeenBy(partner.id)).toEqual([partner.id]);
    }
    expect(await ownersSeenBy(hub.partner.id)).not.toContain(upper.partner.id);
    expect(await ownersSeenBy(world.resellerB.id)).toEqual([]);
    const write = app.app.database.write({ partnerId: hub.partner.id }, (tx) =>
      tx.query(
        `INSERT INTO margin_report (rate_sheet_id, partner_id, finding_count, pairs, gaps)
         VALUES ($1, $2, 0, '[]', '[]')`,
        [rowNumber('RateSheet', id), upper.partner.id],
      ),
    );
    await expect(write).rejects.toThrow(/row-level security/);
  });

  it('is kept by the code as well, where the database would show it', async () => {
    const tiers = await priced(await branch());
    const id = await underWater(tiers);
    await call(app, tiers.hub.token, ACTIVATE_SHEET, { id });
    await told();
    const [{ id: ofUpper }] = await marginsOf(tiers.upper.token);
    const { margins } = app.app.services;
    const seenAt = (partnerId: number) =>
      app.app.database.read(SYSTEM_SCOPE, async (tx) => {
        const viewer = { partnerId, permissions: new Set(pricePermissions) } as never;
        const one = await margins.find(tx, viewer, ofUpper);
        const { nodes } = await margins.list(tx, viewer, { first: 500 });
        return [one !== null, nodes.some((each) => each.globalId === ofUpper)];
      });
    expect(await seenAt(tiers.upper.partner.id)).toEqual([true, true]);
    for (const { partner } of [tiers.hub, tiers.lower]) {
      expect(await seenAt(partner.id)).toEqual([false, false]);
    }
  });

  it('is read by who buys by it, and by nobody further down', async () => {
    const { hub, upper, lower } = await priced(await branch());
    const list = rowNumber('PriceList', hub.list);
    const other = rowNumber('PriceList', (await aPriceList(app, hub.token, hub.partner)).id);
    const readBy = (partnerId: number, id: number) =>
      app.app.database.read({ partnerId }, async (tx) => {
        const now = new Date();
        const lists = await tx.query('SELECT id FROM guarded_lists(ARRAY[$1::int], $2)', [id, now]);
        const sql = 'SELECT guarded_rates($1, $2, NULL, NULL, NULL) AS rows';
        const [found] = await tx.query<{ rows: unknown[] | null }[]>(sql, [id, now]);
        const sellers = await tx.query('SELECT guarded_sellers(ARRAY[$1::int], $2)', [id, now]);
        return [lists.length, found?.rows?.length ?? 0, sellers.length];
      });
    expect(await readBy(hub.partner.id, list)).toEqual([1, 2, 1]);
    expect(await readBy(upper.partner.id, list)).toEqual([1, 2, 1]);
    for (const below of [lower.partner.id, world.resellerB.id]) {
      expect(await readBy(below, list)).toEqual([0, 0, 0]);
    }
    expect(await readBy(upper.partner.id, other)).toEqual([0, 0, 0]);
  });
});
