import { afterEach, describe, expect, it } from 'vitest';
import {
  aPriceList,
  aRate,
  CREATE_DESTINATION,
  CREATE_PROFILE,
  profileInput,
} from '../fixtures/catalog.js';
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
import type { BuiltPartner } from '../fixtures/partner-builder.js';
import {
  ACTIVATE_SHEET,
  COMPARE_SHEET,
  FROM,
  IMPORT_SHEET,
  pricesOf,
  sheetInput,
} from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const MARGIN = `query ($id: ID!, $filter: MarginFindingFilter! = {}, $first: Int, $after: String) {
  rateSheet(id: $id) { margin { findingCount policy hash missingExchangeRates
    pairs { findingCount policy supplier { id } costList { id } sellList { id } }
    findings(filter: $filter, first: $first, after: $after) { nodes {
      policy prefix validFrom validTo costPrice costRateUnit sellPrice sellRateUnit costAmount
      margin marginPercent supplier { id } costList { id } sellList { id }
      costBand { name } sellBand { name }
    } pageInfo { hasNextPage endCursor } } } } }`;
const SET_FX = 'mutation ($input: SetExchangeRateInput!) { setExchangeRate(input: $input) { id } }';
const CLOSE = 'mutation ($id: ID!, $at: DateTime!) { closeRate(rateId: $id, at: $at) { id } }';
const ALARMS = '{ alarms { nodes { probableCause text details } } }';

let app: TestApp;
let world: World;
afterEach(() => app.stop());

/** Each test has an installation of its own: contracts of others would be compared, too. */
async function fresh(): Promise<World> {
  app = await testApp({ start: false });
  world = await aWorld(app);
  return world;
}

interface Sold {
  readonly seller?: BuiltPartner;
  readonly buyer: BuiltPartner;
  readonly level?: string;
  readonly currency?: string;
  readonly policy?: string;
  readonly service?: string;
  readonly timeZone?: string;
  readonly list?: object;
  /** Prices from before the contract, of which nobody watches the margin. */
  readonly prices?: readonly (readonly [string, string, object?])[];
}

/** A list with a contract that uses it. */
async function aSold({ seller, buyer, level = 'WHOLESALE', currency = 'EUR', ...given }: Sold) {
  const { hub, hubToken } = world;
  const owner = seller ?? hub;
  const { id } = await aPriceList(app, hubToken, owner, { currency, ...given.list });
  for (const [prefix, price, more] of given.prices ?? []) await rate(id, prefix, price, more);
  const party = level === 'COST' ? owner : buyer;
  const account = await anAccount(app, hubToken, party);
  const made = contractInput({
    seller: owner,
    buyer,
    accountId: account.id,
    priceListId: id,
    level,
  });
  const priceLists = [{ service: given.service ?? 'ANY', priceListId: id }];
  const { policy: marginPolicy = 'NONE', timeZone = made.terms.timeZone } = given;
  const terms = { ...made.terms, currency, priceLists, marginPolicy, timeZone };
  await call(app, hubToken, CREATE_CONTRACT, { input: { ...made, terms } });
  return id;
}

const aCost = (given: Partial<Sold> = {}) =>
  aSold({ seller: world.supplier, buyer: world.hub, level: 'COST', ...given });
const rate = (list: string, prefix: string, price: string, given: object = {}) =>
  aRate(app, world.hubToken, list, { prefix, price, ...given });
const load = async (list: string, csv: string, given: object = {}) =>
  (await call(app, world.hubToken, IMPORT_SHEET, { input: sheetInput(list, csv, given) })).id;
const marginOf = async (id: string, given: object = {}) =>
  (await call(app, world.hubToken, MARGIN, { id, ...given })).margin;
const activated = (id: string, margins: string | null = null) =>
  refusal(app, world.hubToken, ACTIVATE_SHEET, { id, margins });

interface Finding {
  readonly prefix: string;
  readonly costPrice: string;
  readonly sellPrice: string;
  readonly costAmount: string;
  readonly margin: string;
  readonly marginPercent: string;
}
const brief = (one: Finding) =>
  [one.prefix, one.costPrice, one.sellPrice, one.costAmount, one.margin, one.marginPercent]
    .map((text, at) => (at === 0 ? text : String(Number(text))))
    .join(' ');

describe('a sheet of a supplier', () => {
  it('shows which lists it brings below cost, by the longest prefixes of both', async () => {
    const { resellerA, resellerB, customerA } = await fresh();
    const cost = await aCost();
    const sold = await aSold({ buyer: resellerA, policy: 'WARN' });
    const other = await aSold({ buyer: resellerB });
    await aSold({ seller: resellerA, buyer: customerA });
    await rate(cost, '49', '0.01');
    await rate(cost, '33', '0.01');
    await rate(sold, '49', '0.02');
    await rate(sold, '4915', '0.05');
    await rate(sold, '33', '0.02');
    await rate(sold, '331', '0.005');
    await rate(other, '', '0.10');
    // 4915 becomes dearer than 0.05 and than the 0.02 of 491; 331 was below cost before.
    const id = await load(cost, 'code,rate\n4915,0.06\n4917,0.03\n33,0.01\n');
    const margin = await marginOf(id);
    expect(margin).toMatchObject({ findingCount: 2, policy: 'WARN', hash: null });
    expect(margin.findings.nodes.map(brief)).toEqual([
      '4915 0.06 0.05 0.06 -0.01 -20',
      '4917 0.03 0.02 0.03 -0.01 -50',
    ]);
    expect(margin.findings.nodes[0]).toMatchObject({
      policy: 'WARN',
      validFrom: FROM.replace('Z', '.000Z'),
      validTo: null,
      supplier: { id: world.supplier.globalId },
      costList: { id: cost },
      sellList: { id: sold },
      costBand: null,
    });
    // What was below cost is no news where it costs less now.
    const cheaper = await load(cost, 'code,rate\n33,0.008\n');
    expect(await marginOf(cheaper)).toMatchObject({ findingCount: 0 });
    const dearer = await load(cost, 'code,rate\n4915,0.5\n');
    const all = await marginOf(dearer, { first: 1 });
    expect(all).toMatchObject({ findingCount: 2, findings: { pageInfo: { hasNextPage: true } } });
    const supplier = { id: world.supplier.globalId };
    const pair = { findingCount: 1, supplier, costList: { id: cost } };
    expect(all.pairs).toEqual([
      { ...pair, policy: 'WARN', sellList: { id: sold } },
      { ...pair, policy: 'NONE', sellList: { id: other } },
    ]);
    const after = all.findings.pageInfo.endCursor;
    const rest = await marginOf(dearer, { after });
    expect(rest.findings.nodes.map(brief)).toEqual(['4915 0.5 0.1 0.5 -0.4 -400']);
    const filter = { sellListId: other, supplierId: world.supplier.globalId };
    expect((await marginOf(dearer, { filter })).findings.nodes).toHaveLength(1);
    expect(
      (await marginOf(dearer, { filter: { policies: ['HOLD'] } })).findings.nodes,
    ).toHaveLength(0);
  });

  it('is compared by the unit, in the currency of the customer, at a dated rate', async () => {
    const { resellerA } = await fresh();
    const cost = await aCost({ currency: 'USD' });
    const prices = [['1', '0.90', { rateUnit: 60 }]] as const;
    await aSold({ buyer: resellerA, policy: 'HOLD', prices });
    const csv = 'code,rate\n1,0.018\n';
    const perSecond = { defaults: { rateUnit: 1 } };
    const early = await load(cost, csv, perSecond);
    expect(await marginOf(early)).toMatchObject({
      findingCount: 0,
      missingExchangeRates: ['USD/EUR'],
    });
    expect(await activated(early)).toBe('EXCHANGE_RATE_MISSING');
    const publish = (value: string, validFrom: string) => {
      const pair = { baseCurrency: 'EUR', quoteCurrency: 'USD', source: 'ECB' };
      return call(app, world.hubToken, SET_FX, { input: { ...pair, rate: value, validFrom } });
    };
    await publish('1.25', '2026-01-01T00:00:00Z');
    await publish('1.20', '2030-07-01T00:00:00Z');
    // 0.018 a second is 1.08 dollars a minute: 0.90 euro at 1.20, which is no loss.
    const id = await load(cost, csv, perSecond);
    expect(await marginOf(id)).toMatchObject({ findingCount: 0, missingExchangeRates: [] });
    const dearer = await load(cost, 'code,rate\n1,0.01800001\n', perSecond);
    const { findings } = await marginOf(dearer);
    expect(findings.nodes.map(brief)).toEqual(['1 0.01800001 0.9 0.9000005 -5e-7 -0.0001']);
    // The same prices are a loss once a rate holds that is published for later.
    await publish('1.00', '2031-01-01T00:00:00Z');
    const later = await marginOf(await load(cost, csv, perSecond));
    expect(later.findings.nodes.map(brief)).toEqual(['1 0.018 0.9 1.08 -0.18 -20']);
  });

  it('meets each band with those of the other list that its clock shows', async () => {
    const { resellerA } = await fresh();
    const input = profileInput('Business');
    const profile = await call(app, world.hubToken, CREATE_PROFILE, { input });
    const cost = await aCost({ list: { timeProfileId: profile.id } });
    const sold = await aSold({ buyer: resellerA, list: { timeProfileId: profile.id } });
    const flat = await aSold({ buyer: world.resellerB });
    const bandId = profile.bands.find((band: { name: string }) => band.name === 'Peak').id;
    await rate(sold, '1', '0.10');
    await rate(sold, '1', '0.30', { bandId });
    await rate(flat, '1', '0.10');
    const columns = { prefix: 'code', price: 'rate', band: 'band' };
    const id = await load(cost, 'code,rate,band\n1,0.05,\n1,0.20,Peak\n', { columns });
    const { findings } = await marginOf(id);
    expect(findings.nodes.map(brief)).toEqual(['1 0.2 0.1 0.2 -0.1 -100']);
    expect(findings.nodes[0]).toMatchObject({
      sellList: { id: flat },
      costBand: { name: 'Peak' },
      sellBand: null,
    });
    // Peak of Berlin begins in the night of New York, whose own peak is no loss.
    const timeZone = 'America/New_York';
    const list = { timeProfileId: profile.id };
    const abroad = await aSold({ buyer: world.resellerA, timeZone, list });
    await rate(abroad, '1', '0.10');
    await rate(abroad, '1', '0.30', { bandId });
    await call(app, world.hubToken, COMPARE_SHEET, { id });
    const { nodes } = (await marginOf(id, { filter: { sellListId: abroad } })).findings;
    expect(nodes.map(brief)).toEqual(['1 0.2 0.1 0.2 -0.1 -100']);
    expect(nodes[0]).toMatchObject({ costBand: { name: 'Peak' }, sellBand: null });
  });

  it('follows prices over time, also where one falls through to a shorter prefix', async () => {
    const { resellerA } = await fresh();
    const cost = await aCost();
    const sold = await aSold({ buyer: resellerA });
    await rate(cost, '4', '0.50');
    await rate(cost, '49', '0.05');
    await rate(sold, '49', '0.10');
    const until = { validFrom: '2031-01-01T00:00:00Z' };
    await rate(sold, '49', '0.60', until);
    const id = await load(cost, 'code,rate\n4,0.50\n', { complete: true });
    const { findings } = await marginOf(id);
    expect(findings.nodes.map(brief)).toEqual(['49 0.5 0.1 0.5 -0.4 -400']);
    expect(findings.nodes[0]).toMatchObject({ validTo: '2031-01-01T00:00:00.000Z' });
  });

  it('is compared only with lists that sell the same service', async () => {
    const { resellerA } = await fresh();
    const cost = await aCost({ service: 'VOICE' });
    const sms = await aSold({ buyer: resellerA, service: 'SMS' });
    await rate(sms, '1', '0.01');
    const id = await load(cost, 'code,rate\n1,0.50\n');
    expect(await marginOf(id)).toMatchObject({ findingCount: 0 });
    const any = await aSold({ buyer: world.resellerB });
    await rate(any, '1', '0.01');
    await call(app, world.hubToken, COMPARE_SHEET, { id });
    expect(await marginOf(id)).toMatchObject({ findingCount: 1 });
  });
});

describe("a sheet of a customer's list", () => {
  it('is held against every supplier, with lists that inherit from it', async () => {
    const { hub, resellerA, resellerB, hubToken } = await fresh();
    const operator = { buyer: hub, level: 'COST', seller: world.supplier };
    const cheap = await aCost();
    const dear = await aSold(operator);
    const base = await aSold({ buyer: resellerA });
    const child = await aSold({ buyer: resellerB, list: { parentId: base }, policy: 'REFUSE' });
    const prefixes = { name: 'Germany mobile', prefixes: ['4915', '4916'] };
    await call(app, hubToken, CREATE_DESTINATION, { input: prefixes });
    await rate(cheap, '49', '0.02');
    await rate(dear, '49', '0.04');
    await rate(base, '49', '0.10');
    await rate(child, '', '50', { kind: 'PERCENT' });
    const csv = 'name,rate\nGermany mobile,0.03\n';
    const id = await load(base, csv, { columns: { destination: 'name', price: 'rate' } });
    const margin = await marginOf(id);
    // The child sells for 0.045, the base for 0.03.
    expect(margin).toMatchObject({ findingCount: 2, policy: 'NONE' });
    expect(margin.findings.nodes.map(brief)).toEqual([
      '4915 0.04 0.03 0.04 -0.01 -33.3333',
      '4916 0.04 0.03 0.04 -0.01 -33.3333',
    ]);
    expect(await activated(id)).toBe('');
    const lower = await load(base, 'code,rate\n4917,0.02\n');
    expect(await marginOf(lower)).toMatchObject({ findingCount: 2, policy: 'REFUSE' });
    expect(await activated(lower)).toBe('MARGIN_REFUSED');
    expect(await pricesOf(app, hubToken, base, FROM)).not.toContain('4917=0.02');
    // Either of two sheets is sound, both together are not, also when they come at once.
    for (const prefix of ['71', '72', '73', '74']) {
      await rate(dear, prefix, '0.05');
      await rate(base, prefix, '0.10');
      const sheets = [
        await load(dear, `code,rate\n${prefix},0.12\n`),
        await load(base, `code,rate\n${prefix},0.07\n`),
      ];
      const codes = await Promise.all(sheets.map((sheet) => activated(sheet)));
      expect(codes.sort()).toEqual(['', 'MARGIN_REFUSED']);
    }
  });
});

describe('what a contract says about prices below cost', () => {
  it('lets them pass with an alarm under WARN', async () => {
    const { resellerA } = await fresh();
    const cost = await aCost();
    const sold = await aSold({ buyer: resellerA, policy: 'WARN' });
    await rate(sold, '1', '0.01');
    await rate(sold, '2', '0.00000001', { rateUnit: 1_073_741_824 });
    const above = await aCost({ list: { parentId: cost } });
    await rate(above, '', '9999999999', { kind: 'PERCENT' });
    const id = await load(cost, 'code,rate\n1,500\n2,0.50\n');
    // 500 times a hundred million is no price that a list could say: it is counted alone.
    const { findingCount, findings } = await marginOf(id);
    expect([findingCount, findings.nodes.length]).toEqual([4, 3]);
    expect(await activated(id)).toBe('');
    const { nodes } = await call(app, world.hubToken, ALARMS);
    expect(nodes).toMatchObject([{ probableCause: 'NEGATIVE_MARGIN', details: { findings: 4 } }]);
  });

  it('waits under HOLD until just these findings are confirmed', async () => {
    const { resellerA } = await fresh();
    const cost = await aCost();
    const sold = await aSold({ buyer: resellerA, policy: 'HOLD' });
    await rate(sold, '1', '0.01');
    const id = await load(cost, 'code,rate\n1,0.50\n2,0.50\n');
    const { hash } = await marginOf(id);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await activated(id)).toBe('MARGIN_HELD');
    expect(await activated(id, 'x')).toBe('MARGIN_HELD');
    await rate(sold, '2', '0.02');
    expect(await activated(id, hash)).toBe('MARGIN_HELD');
    await call(app, world.hubToken, COMPARE_SHEET, { id });
    const now = await marginOf(id);
    expect(now).toMatchObject({ findingCount: 2, policy: 'HOLD' });
    expect(now.hash).not.toBe(hash);
    // A loss that ends with a price is another one where it goes on.
    const rise = { validFrom: '2031-01-01T00:00:00Z' };
    const risen = await rate(sold, '1', '0.60', rise);
    await call(app, world.hubToken, COMPARE_SHEET, { id });
    const passing = await marginOf(id);
    await call(app, world.hubToken, CLOSE, { id: risen.id, at: rise.validFrom });
    await rate(sold, '1', '0.01', rise);
    expect(await activated(id, passing.hash)).toBe('MARGIN_HELD');
    await call(app, world.hubToken, COMPARE_SHEET, { id });
    expect(await activated(id, (await marginOf(id)).hash)).toBe('');
    expect(await pricesOf(app, world.hubToken, cost, FROM)).toEqual(['1=0.5', '2=0.5']);
  });

  it("is the hub's alone to see, with the permission to see costs", async () => {
    const { resellerA, supplier, hub } = await fresh();
    const cost = await aCost();
    const sold = await aSold({ buyer: resellerA, policy: 'WARN' });
    await rate(sold, '1', '0.01');
    const id = await load(cost, 'code,rate\n1,0.50\n');
    const clerk = await tokenOf(app, hub, ['catalog.read']);
    expect(await refusal(app, clerk, MARGIN, { id })).toBe('FORBIDDEN');
    const seller = await tokenOf(app, supplier);
    expect((await call(app, seller, MARGIN, { id })).margin).toBeNull();
  });
});
