import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  aPriceList,
  aRate,
  CREATE_DESTINATION,
  CREATE_PRICE_LIST,
  CREATE_PROFILE,
  profileInput,
  rateInput,
  SET_RATE,
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
import { CREATE_ORIGINS } from '../fixtures/pricing.js';
import { FROM } from '../fixtures/rate-sheet.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aBranch, type Tier, type Tiers } from '../fixtures/tiers.js';

const RATE_FOR = `query ($id: ID!, $number: String!, $asOf: DateTime, $zone: String! = "UTC") {
  rateFor(priceListId: $id, number: $number, asOf: $asOf, timeZone: $zone) {
    prefix price connectionFee rateUnit clamped band { name }
    derivation { id kind price priceList { id } }
  }
}`;
const EFFECTIVE = `query (
  $id: ID!, $asOf: DateTime, $prefix: String! = "", $first: Int, $after: String
) {
  effectiveRates(priceListId: $id, asOf: $asOf, prefix: $prefix, first: $first, after: $after) {
    nodes { prefix price band { name } derivation { id } } pageInfo { hasNextPage endCursor }
  }
}`;
const RATES = `query ($id: ID!, $filter: RateFilter!) { rates(priceListId: $id, filter: $filter) {
  nodes { id prefix price validFrom validTo supersededAt } } }`;
const AS_KNOWN = `query ($id: ID!, $asOf: DateTime, $asKnownAt: DateTime) {
  priceList(id: $id) { id }
  rateFor(priceListId: $id, number: "4930", asOf: $asOf, asKnownAt: $asKnownAt) { price }
  effectiveRates(priceListId: $id, asOf: $asOf, asKnownAt: $asKnownAt) { nodes { price } }
  rates(priceListId: $id, filter: { asOf: $asOf, asKnownAt: $asKnownAt }) { nodes { price } }
}`;
const RECORDED = 'query ($id: ID!) { rates(priceListId: $id) { nodes { recordedAt } } }';
const CLOSE = `mutation ($id: ID!, $at: DateTime!, $key: String) {
  closeRate(rateId: $id, at: $at, idempotencyKey: $key) { id } }`;
const AT = '2026-06-01T12:00:00Z';

let app: TestApp;
let world: World;
let destination: string;
let profile: { id: string; bands: { id: string; name: string }[] };

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  const input = { name: 'Germany mobile', kind: 'MOBILE', prefixes: ['4915', '4916', '4917'] };
  destination = (await call(app, world.hubToken, CREATE_DESTINATION, { input })).id;
  profile = await call(app, world.hubToken, CREATE_PROFILE, { input: profileInput('Business') });
});
afterAll(() => app.stop());

const hubList = (given: object = {}) => aPriceList(app, world.hubToken, world.hub, given);
const rate = (list: string, given: object) => aRate(app, world.hubToken, list, given);
const rateFor = (id: string, number: string, at = AT, zone = 'UTC') =>
  call(app, world.hubToken, RATE_FOR, { id, number, asOf: at, zone });

describe('price lists that inherit', () => {
  it('work a price out through three lists and name the rows that made it', async () => {
    const root = (await hubList()).id;
    const middle = (await hubList({ parentId: root })).id;
    const leaf = (await hubList({ parentId: middle })).id;
    const base = await rate(root, { prefix: '49', price: '0.10', connectionFee: '0.02' });
    const half = await rate(middle, { prefix: '', kind: 'PERCENT', price: '50' });
    const plus = await rate(leaf, { prefix: '49', kind: 'DIFFERENCE', price: '0.005' });
    expect(await rateFor(leaf, '4930123')).toEqual({
      prefix: '49',
      price: '0.155',
      connectionFee: '0.03',
      rateUnit: 60,
      clamped: false,
      band: null,
      derivation: [
        { id: base.id, kind: 'ABSOLUTE', price: '0.10000000', priceList: { id: root } },
        { id: half.id, kind: 'PERCENT', price: '50.00000000', priceList: { id: middle } },
        { id: plus.id, kind: 'DIFFERENCE', price: '0.00500000', priceList: { id: leaf } },
      ],
    });
    expect(await rateFor(leaf, '33123')).toBeNull();
  });

  it('page effective prices by prefix and show those of destinations', async () => {
    const root = (await hubList()).id;
    const leaf = (await hubList({ parentId: root })).id;
    await rate(root, { destinationId: destination, price: '0.20' });
    await rate(root, { prefix: '4916', price: '0.30' });
    await rate(root, { prefix: '1', price: '0.01', validTo: '2026-02-01T00:00:00Z' });
    await rate(leaf, { prefix: '49', kind: 'PERCENT', price: '10' });
    await rate(leaf, { prefix: '44', price: '0.05' });
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: {
        nodes: { prefix: string; price: string }[];
        pageInfo: { hasNextPage: boolean; endCursor: string };
      } = await call(app, world.hubToken, EFFECTIVE, { id: leaf, asOf: AT, first: 2, after });
      seen.push(...page.nodes.map((node) => `${node.prefix} ${node.price}`));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toEqual(['44 0.05', '4915 0.22', '4916 0.33', '4917 0.22']);
    const some = await call(app, world.hubToken, EFFECTIVE, { id: leaf, asOf: AT, prefix: '4917' });
    expect(some.nodes).toMatchObject([{ prefix: '4917' }]);
  });

  it('name list and destination where percentages stack up to what no number says', async () => {
    const root = (await hubList()).id;
    await rate(root, { destinationId: destination, price: '9999999999' });
    let id = root;
    for (let level = 0; level < 3; level += 1) {
      id = (await hubList({ parentId: id })).id;
      await rate(id, { prefix: '49', kind: 'PERCENT', price: '9999999999' });
    }
    for (const [query, given] of [
      [RATE_FOR, { number: '4915123', zone: 'UTC' }],
      [EFFECTIVE, {}],
    ] as const) {
      const answer = await app.graphql(query, { id, asOf: AT, ...given }, world.hubToken);
      expect(answer.errors[0]?.extensions).toEqual({
        code: 'VALUE_OUT_OF_RANGE',
        details: { priceListId: id, prefix: '4915', destination: 'Germany mobile' },
      });
    }
  });

  it('choose the band by the clock of the given zone', async () => {
    const list = (await hubList({ timeProfileId: profile.id })).id;
    const peak = profile.bands.find((band) => band.name === 'Peak')?.id;
    await rate(list, { prefix: '49', price: '0.10' });
    await rate(list, { prefix: '49', price: '0.20', bandId: peak });
    // Friday 2026-06-05 16:30 UTC is 18:30 in Berlin and 12:30 in New York.
    const at = '2026-06-05T16:30:00Z';
    expect(await rateFor(list, '49301', at)).toMatchObject({
      price: '0.20',
      band: { name: 'Peak' },
    });
    expect(await rateFor(list, '49301', at, 'Europe/Berlin')).toMatchObject({ price: '0.10' });
    expect(await rateFor(list, '49301', at, 'America/New_York')).toMatchObject({ price: '0.20' });
    expect(
      await refusal(app, world.hubToken, RATE_FOR, { id: list, number: '49', zone: 'Nowhere' }),
    ).toBe('INVALID_TIME_ZONE');
  });

  it.each([
    ['another currency', (parentId: string) => ({ parentId, currency: 'USD' })],
    ['another time profile', (parentId: string) => ({ parentId, timeProfileId: profile.id })],
  ])('refuse a child with %s', async (_, given) => {
    const { id } = await hubList();
    const input = {
      partnerId: world.hub.globalId,
      name: 'Child',
      currency: 'EUR',
      ...given(id),
    };
    expect(await refusal(app, world.hubToken, CREATE_PRICE_LIST, { input })).toBe(
      'PRICE_LIST_PARENT_REFUSED',
    );
  });

  it('refuse a parent of a partner beside, and a hidden one as if there were none', async () => {
    const ofA = { partnerId: world.resellerA.globalId, name: 'C', currency: 'EUR' };
    const { id: beside } = await aPriceList(app, world.hubToken, world.resellerB);
    const input = { ...ofA, parentId: beside };
    expect(await refusal(app, world.hubToken, CREATE_PRICE_LIST, { input })).toBe(
      'PRICE_LIST_PARENT_REFUSED',
    );
    for (const parentId of [beside, (await hubList()).id, toGlobalId('PriceList', 999_999)]) {
      const hidden = { ...ofA, parentId };
      expect(await refusal(app, world.tokenA, CREATE_PRICE_LIST, { input: hidden })).toBe(
        'NOT_FOUND',
      );
    }
  });

  it('refuse a name twice and an unknown currency', async () => {
    const input = { partnerId: world.hub.globalId, name: 'Same', currency: 'EUR' };
    await call(app, world.hubToken, CREATE_PRICE_LIST, { input });
    expect(await refusal(app, world.hubToken, CREATE_PRICE_LIST, { input })).toBe(
      'PRICE_LIST_NAME_TAKEN',
    );
    const odd = { input: { ...input, name: 'Odd', currency: 'EURO' } };
    expect(await refusal(app, world.hubToken, CREATE_PRICE_LIST, odd)).toBe('INVALID_CURRENCY');
  });
});

describe('rates in versions', () => {
  it('closes the open rate where a new one begins, and edits nothing', async () => {
    const { id } = await hubList();
    const first = await rate(id, { prefix: '49', price: '0.10' });
    await rate(id, { prefix: '49', price: '0.12', validFrom: '2026-07-01T00:00:00Z' });
    const rows = await call(app, world.hubToken, RATES, { id, filter: { history: true } });
    expect(rows.nodes).toMatchObject([
      { id: first.id, validTo: null, supersededAt: expect.any(String) },
      { price: '0.10000000', validTo: '2026-07-01T00:00:00.000Z', supersededAt: null },
      { price: '0.12000000', validTo: null, supersededAt: null },
    ]);
    expect(await rateFor(id, '49', '2026-06-30T23:59:59Z')).toMatchObject({ price: '0.10' });
    expect(await rateFor(id, '49', '2026-07-01T00:00:00Z')).toMatchObject({ price: '0.12' });
  });

  it('tells what was known at an instant about another one', async () => {
    const { id: root } = await hubList();
    const { id } = await hubList({ parentId: root });
    await rate(root, { prefix: '49', price: '0.10' });
    const known = [new Date().toISOString()];
    for (const [list, price] of [
      [root, '0.20'],
      [id, '0.30'],
    ] as const) {
      await new Promise((done) => setTimeout(done, 5));
      await rate(list, { prefix: '49', price, validFrom: '2026-03-01T00:00:00Z' });
      known.push(new Date().toISOString());
    }
    const seen = async (asOf: string, asKnownAt: string | null, list = id) => {
      const { data } = await app.graphql(AS_KNOWN, { id: list, asOf, asKnownAt }, world.hubToken);
      return [data.rateFor, ...data.effectiveRates.nodes, ...data.rates.nodes].map((one) =>
        Number(one?.price),
      );
    };
    expect(await seen(AT, null)).toEqual([0.3, 0.3, 0.3]);
    expect(await seen(AT, known[2] as string)).toEqual([0.3, 0.3, 0.3]);
    expect(await seen(AT, known[1] as string)).toEqual([0.2, 0.2]);
    expect(await seen(AT, known[0] as string)).toEqual([0.1, 0.1]);
    expect(await seen('2026-02-01T00:00:00Z', null)).toEqual([0.1, 0.1]);
    expect(await seen(AT, '2025-01-01T00:00:00Z')).toEqual([Number.NaN]);
    // The API gives the millisecond in which it was recorded: by the end of that it is known.
    const [own] = (await call(app, world.hubToken, RECORDED, { id })).nodes;
    expect(await seen(AT, own.recordedAt)).toEqual([0.3, 0.3, 0.3]);
    const before = new Date(Date.parse(own.recordedAt) - 1).toISOString();
    expect(await seen(AT, before)).toEqual([0.2, 0.2]);
    const { id: other } = await hubList();
    const only = await call(app, world.hubToken, SET_RATE, {
      input: rateInput(other, { prefix: '49' }),
    });
    expect(await seen(AT, only.recordedAt, other)).toEqual([0.1, 0.1, 0.1]);
  });

  it("ends a rate so that the parent's shows again, or withdraws it", async () => {
    const { id: root } = await hubList();
    const { id } = await hubList({ parentId: root });
    await rate(root, { prefix: '49', price: '0.10' });
    const own = await rate(id, { prefix: '49', price: '0.50' });
    const end = { id: own.id, at: '2026-03-01T00:00:00Z', key: `end of ${own.id}` };
    const ended = await call(app, world.hubToken, CLOSE, end);
    expect(await call(app, world.hubToken, CLOSE, end)).toEqual(ended);
    expect(await rateFor(id, '49', '2026-02-01T00:00:00Z')).toMatchObject({ price: '0.50' });
    expect(await rateFor(id, '49')).toMatchObject({ price: '0.10' });
    const late = { id: own.id, at: '2026-02-01T00:00:00Z' };
    expect(await refusal(app, world.hubToken, CLOSE, late)).toBe('RATE_NOT_CLOSABLE');
    const wrong = await rate(id, { prefix: '49', price: '9', validFrom: '2026-05-01T00:00:00Z' });
    await call(app, world.hubToken, CLOSE, { id: wrong.id, at: '2026-05-01T00:00:00Z' });
    expect(await rateFor(id, '49')).toMatchObject({ price: '0.10' });
  });

  it.each([
    ['a second rate from the same instant', { price: '0.2' }, 'RATE_OVERLAPS'],
    ['one across it', { validFrom: '2025-01-01T00:00:00Z' }, 'RATE_OVERLAPS'],
    ['neither prefix nor destination', { prefix: null }, 'RATE_REFUSED'],
    ['letters for a prefix', { prefix: '49a' }, 'RATE_REFUSED'],
    ['a prefix as it is dialled', { prefix: '0049' }, 'RATE_REFUSED'],
    ['a price below zero', { price: '-0.1' }, 'RATE_REFUSED'],
    ['nine decimals', { price: '0.123456789' }, 'RATE_REFUSED'],
    ['eleven digits', { price: '12345678901' }, 'RATE_REFUSED'],
    ['no next increment', { nextIncrement: 0 }, 'RATE_REFUSED'],
    ['an adjustment of nothing', { kind: 'PERCENT', price: '5' }, 'RATE_WITHOUT_PARENT'],
    ['an end before the beginning', { validTo: '2025-01-01T00:00:00Z' }, 'INVALID_PERIOD'],
    ['an unknown destination', () => ({ prefix: null, ...nowhere }), 'NOT_FOUND'],
    ['a band of no profile', () => ({ bandId: profile.bands[0]?.id }), 'BAND_NOT_OF_PROFILE'],
  ])('refuses %s', async (_, given, code) => {
    const { id } = await hubList();
    await rate(id, { prefix: '49', price: '0.10' });
    const more = typeof given === 'function' ? given() : given;
    const input = rateInput(id, { prefix: '49', ...more });
    expect(await refusal(app, world.hubToken, SET_RATE, { input })).toBe(code);
  });
  const nowhere = { destinationId: toGlobalId('Destination', 999_999) };

  it('refuses a difference that provably goes below zero, and takes others', async () => {
    const { id: root } = await hubList();
    const { id } = await hubList({ parentId: root });
    await rate(root, { prefix: '4915', price: '0.10' });
    await rate(root, { prefix: '33', price: '0.01' });
    const less = rateInput(id, { prefix: '49', kind: 'DIFFERENCE', price: '-0.10' });
    await call(app, world.hubToken, SET_RATE, { input: less });
    const below = rateInput(id, { prefix: '33', kind: 'DIFFERENCE', price: '-0.02' });
    expect(await refusal(app, world.hubToken, SET_RATE, { input: below })).toBe('RATE_BELOW_ZERO');
    const rows = await call(app, world.hubToken, RATES, { id, filter: {} });
    expect(rows.nodes).toHaveLength(1);
  });

  it('refuses an adjustment that shares out more than a revenue, and takes others', async () => {
    const { id: root } = await hubList();
    const { id } = await hubList({ parentId: root });
    await rate(root, { prefix: '49900', model: 'REVENUE_SHARE', price: '60' });
    await rate(root, { prefix: '49', price: '90' });
    const adjust = (prefix: string, kind: string, price: string) =>
      app.graphql(SET_RATE, { input: rateInput(id, { prefix, kind, price }) }, world.hubToken);
    for (const [prefix, kind, price, codes] of [
      ['499', 'PERCENT', '66.67', ['RATE_ABOVE_REVENUE']],
      ['49900', 'DIFFERENCE', '40.00000001', ['RATE_ABOVE_REVENUE']],
      ['4990', 'DIFFERENCE', '40', []],
      ['499', 'PERCENT', '66.66', []],
      ['49', 'PERCENT', '500', []],
      ['', 'PERCENT', '-50', []],
    ] as const) {
      expect([prefix, (await adjust(prefix, kind, price)).codes]).toEqual([prefix, codes]);
    }
    const rows = await call(app, world.hubToken, RATES, { id, filter: {} });
    expect(rows.nodes).toHaveLength(4);
  });

  it('sets one rate when twenty come at once', async () => {
    const { id } = await hubList();
    const input = rateInput(id, { prefix: '49' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => app.graphql(SET_RATE, { input }, world.hubToken)),
    );
    const codes = answers.map((answer) => answer.codes.join(' '));
    expect(codes.filter((code) => code === '')).toHaveLength(1);
    expect(codes.filter((code) => code === 'RATE_OVERLAPS')).toHaveLength(19);
  });
});

describe('whose prices', () => {
  it("cannot be read, changed or used by another tenant's users", async () => {
    const { id } = await aPriceList(app, world.hubToken, world.resellerB);
    const made = await aRate(app, world.tokenB, id, { prefix: '49' });
    const query = 'query ($id: ID!) { priceList(id: $id) { id } }';
    expect(await call(app, world.tokenA, query, { id })).toBeNull();
    const set = { input: rateInput(id, { prefix: '49' }) };
    const asked: [string, object][] = [
      [SET_RATE, set],
      [CLOSE, { id: made.id, at: AT }],
      [RATES, { id, filter: {} }],
      [RATE_FOR, { id, number: '49' }],
      [EFFECTIVE, { id }],
    ];
    for (const [operation, variables] of asked) {
      expect(await refusal(app, world.tokenA, operation, variables)).toBe('NOT_FOUND');
    }
  });

  it('of a supplier are kept by the hub and not by the supplier', async () => {
    const { id } = await aPriceList(app, world.hubToken, world.supplier);
    const token = await tokenOf(app, world.supplier);
    const input = rateInput(id, { prefix: '49' });
    expect(await refusal(app, token, SET_RATE, { input })).toBe('PRICE_LIST_READ_ONLY');
    const reader = await tokenOf(app, world.hub, ['catalog.read']);
    expect(await refusal(app, reader, SET_RATE, { input })).toBe('FORBIDDEN');
  });
});

describe('what a single price does to margins', () => {
  const ALARMS = '{ alarms { nodes { subjectType details state } } }';
  const SET = `mutation ($input: SetRateInput!, $margins: String) {
    setRate(input: $input, confirmedMargins: $margins) { id } }`;
  const CLOSE = `mutation ($id: ID!, $at: DateTime! = "2030-12-01T00:00:00Z") {
    closeRate(rateId: $id, at: $at) { id } }`;
  const asked = async (query: string, variables: object, token: string) => {
    const { data, errors } = await app.graphql(query, variables, token);
    const { code, details = {} } = errors[0]?.extensions ?? {};
    return { id: data?.setRate?.id, code, details };
  };
  const set = (
    { token, list }: Pick<Tier, 'token' | 'list'>,
    given: object,
    margins: string | null = null,
  ) => {
    const rate = { prefix: '49', price: '0.09', firstIncrement: 1, nextIncrement: 1, rateUnit: 60 };
    const input = { priceListId: list, validFrom: FROM, ...rate, ...given };
    return asked(SET, { input, margins }, token);
  };

  const alarmsOf = async (token: string) => (await call(app, token, ALARMS)).nodes;

  /** A price of 0.10 at the hub, and a fifth more at the reseller. */
  async function priced(policies: { readonly upper: string }): Promise<Tiers> {
    const tiers = await aBranch(app, { ...world, policies });
    await rate(tiers.hub.list, { prefix: '49', price: '0.10' });
    const fifth = { prefix: '', price: '20', kind: 'PERCENT' };
    await aRate(app, tiers.upper.token, tiers.upper.list, fifth);
    return tiers;
  }

  it('is refused by the seller who refuses sheets, with the findings', async () => {
    const { hub, upper } = await priced({ upper: 'REFUSE' });
    expect(await set(upper, {})).toMatchObject({
      code: 'MARGIN_REFUSED',
      details: {
        findings: 1,
        shown: [{ policy: 'REFUSE', prefix: '49', costPrice: '0.10', sellPrice: '0.09' }],
      },
    });
    expect((await set(upper, { price: '0.11' })).code).toBeUndefined();
    expect(await alarmsOf(upper.token)).toEqual([]);
    // Whose costs it knows, and whose permissions, are those of sheets.
    const keeper = await tokenOf(app, upper.partner, ['catalog.manage', 'price.retail.read']);
    for (const token of [hub.token, keeper]) {
      const { details } = await set({ ...upper, token }, { validFrom: '2031-01-01T00:00:00Z' });
      expect(details).toEqual({ findings: 1 });
    }
    // Prices for sets of calling numbers are compared with nothing.
    const partnerId = toGlobalId('Partner', upper.partner.id);
    const input = { partnerId, name: 'Neighbours', prefixes: ['33'] };
    const { id: originSetId } = await call(app, upper.token, CREATE_ORIGINS, { input });
    expect((await set(upper, { originSetId, price: '0.01' })).code).toBeUndefined();
  });

  it('waits under HOLD for whoever accepts just what it brings below cost', async () => {
    const { upper } = await priced({ upper: 'HOLD' });
    const { code, details } = await set(upper, {});
    expect([code, details]).toMatchObject(['MARGIN_HELD', { findings: 1 }]);
    const hash = String(details.hash);
    expect((await set(upper, { price: '0.08' }, hash)).code).toBe('MARGIN_HELD');
    const { code: refused, id } = await set(upper, {}, hash);
    expect(refused).toBeUndefined();
    const about = { subjectType: 'PriceList', details: { prefix: '49', findings: 1 } };
    expect(await alarmsOf(upper.token)).toMatchObject([{ ...about, state: 'RAISED' }]);
    // Withdrawing the price takes it back.
    expect(await asked(CLOSE, { id, at: FROM }, upper.token)).toMatchObject({ code: undefined });
    expect(await alarmsOf(upper.token)).toMatchObject([{ ...about, state: 'CLEARED' }]);
    expect((await set(upper, {}, hash)).code).toBeUndefined();
    // What was below cost by as much is no news, and a price to come mends nothing until then.
    const later = '2031-01-01T00:00:00Z';
    expect((await set(upper, { price: '0.095', validFrom: later })).code).toBeUndefined();
    const last = { price: '0.2', validFrom: '2031-02-01T00:00:00Z' };
    expect((await set(upper, last)).code).toBeUndefined();
    const open = (await alarmsOf(upper.token)).filter(
      ({ state }: { state: string }) => state === 'RAISED',
    );
    expect(open).toMatchObject([about]);
  });

  it('is held against what is sold by the list when it ends', async () => {
    const { upper } = await priced({ upper: 'WARN' });
    const less = { prefix: '', price: '-20', kind: 'PERCENT', validFrom: FROM };
    await aRate(app, upper.token, upper.list, less);
    const [first] = await alarmsOf(upper.token);
    expect(first).toMatchObject({ details: { prefix: '', findings: 1 } });
    const { id } = await set(upper, { price: '0.3', prefix: '4930' });
    expect(await alarmsOf(upper.token)).toHaveLength(1);
    expect(await asked(CLOSE, { id }, upper.token)).toMatchObject({ code: undefined });
    const ended = (await alarmsOf(upper.token)).filter(
      ({ details }: { details: { prefix: string } }) => details.prefix === '4930',
    );
    expect(ended).toMatchObject([{ details: { findings: 1 } }]);
  });

  it('is held against another one of the other side that is set at the same moment', async () => {
    const { hub, hubToken: token, supplier, resellerA } = world;
    const contract = async (seller: BuiltPartner, buyer: BuiltPartner, level: string) => {
      const { id: list } = await aPriceList(app, token, seller);
      await rate(list, { prefix: '88', price: level === 'COST' ? '0.10' : '0.12' });
      const { id: accountId } = await anAccount(app, token, level === 'COST' ? seller : buyer);
      const made = contractInput({ seller, buyer, accountId, priceListId: list, level });
      const terms = { ...made.terms, marginPolicy: level === 'COST' ? 'NONE' : 'REFUSE' };
      await call(app, token, CREATE_CONTRACT, { input: { ...made, terms } });
      return { token, list };
    };
    const cost = await contract(supplier, hub, 'COST');
    const sold = await contract(hub, resellerA, 'WHOLESALE');
    const terms = { kind: 'ABSOLUTE', model: 'PER_UNIT', connectionFee: '0', minCharge: '0' };
    const counts = { rateUnit: 60, firstIncrement: 1, nextIncrement: 1, minimum: 0, grace: 0 };
    const dearer = { priceListId: cost.list, prefix: '88', price: '0.115', ...terms, ...counts };
    const viewer = { partnerId: hub.id, permissions: new Set() };
    const decision = { viewer, confirmedMargins: null } as never;
    const input = { ...dearer, validFrom: new Date(FROM) } as never;
    let asked = Promise.resolve<{ code?: unknown }>({});
    await app.app.database.write({ partnerId: hub.id }, async (tx) => {
      await app.app.services.rates.set(tx, decision, input, null);
      asked = set(sold, { prefix: '88', price: '0.11' });
      await delay(500);
    });
    expect((await asked).code).toBe('MARGIN_REFUSED');
  });
});
