import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromGlobalId, isTimeZone, toGlobalId, zonedIso } from '../../src/kernel/index.js';
import { isPlacedZone } from '../../src/partner/contract-rules.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  refusal,
  TERMS,
  tokenOf,
  type World,
} from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!, $key: String) {
  amendContract(contractId: $id, terms: $terms, idempotencyKey: $key) { ...Versions }
}
fragment Versions on Contract { id versions { id validFrom validTo taxPercent recordedAt } }`;
const CREATE_TRUNK = 'mutation ($input: CreateTrunkInput!) { createTrunk(input: $input) { id } }';
const VERSION = `query ($id: ID!, $asOf: DateTime, $asKnownAt: DateTime) {
  contract(id: $id) { version(asOf: $asOf, asKnownAt: $asKnownAt) {
    id validFrom validTo taxPercent currency priceLists { service priceList { id } }
  } }
}`;

let app: TestApp;
let world: World;
let hubList: string;
let listA: string;
let costList: string;
let accountA: string;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  const { hubToken, hub, resellerA, supplier } = world;
  hubList = (await aPriceList(app, hubToken, hub)).id;
  listA = (await aPriceList(app, hubToken, resellerA)).id;
  costList = (await aPriceList(app, hubToken, supplier)).id;
  accountA = (await anAccount(app, hubToken, resellerA)).id;
});
afterAll(() => app.stop());

function wholesale(given: object = {}) {
  const { hub, resellerA } = world;
  const input = contractInput({
    seller: hub,
    buyer: resellerA,
    accountId: accountA,
    priceListId: hubList,
  });
  return { ...input, ...given };
}

function terms(given: object = {}) {
  return { ...TERMS, priceLists: [{ priceListId: hubList }], ...given };
}

describe('creating a contract', () => {
  it('records the first terms with a price list for each service', async () => {
    const made = await call(app, world.hubToken, CREATE_CONTRACT, {
      input: wholesale({
        terms: terms({
          priceLists: [
            { service: 'ANY', priceListId: hubList },
            { service: 'SMS', priceListId: hubList },
          ],
        }),
      }),
    });
    expect(made).toMatchObject({
      level: 'WHOLESALE',
      status: 'ACTIVE',
      seller: { id: world.hub.globalId },
      buyer: { id: world.resellerA.globalId },
      account: { id: accountA },
      versions: [
        {
          validFrom: '2026-01-01T00:00:00.000Z',
          validTo: null,
          priceLists: [
            { service: 'ANY', priceList: { id: hubList } },
            { service: 'SMS', priceList: { id: hubList } },
          ],
        },
      ],
    });
    expect(made.number).toMatch(/^C\d{7}$/);
  });

  it('lets the hub buy at cost from a supplier by his list', async () => {
    const { hub, supplier, hubToken } = world;
    const account = await anAccount(app, hubToken, supplier);
    const input = contractInput({
      level: 'COST',
      seller: supplier,
      buyer: hub,
      accountId: account.id,
      priceListId: costList,
    });
    expect(await call(app, hubToken, CREATE_CONTRACT, { input })).toMatchObject({ level: 'COST' });
    const supplierToken = await tokenOf(app, supplier);
    expect(await refusal(app, supplierToken, CREATE_CONTRACT, { input })).toBe('NOT_FOUND');
  });

  it('does it once for one key', async () => {
    const request = { input: wholesale(), key: 'c1' };
    const first = await call(app, world.hubToken, CREATE_CONTRACT, request);
    expect(await call(app, world.hubToken, CREATE_CONTRACT, request)).toEqual(first);
  });

  it.each([
    [
      'a seller who is not the parent',
      () => ({ sellerId: world.resellerB.globalId }),
      'CONTRACT_SIDES_REFUSED',
    ],
    ['a reseller at cost', () => ({ level: 'COST' }), 'CONTRACT_SIDES_REFUSED'],
    ["a list of another's", () => ({ terms: terms(using(listA)) }), 'PRICE_LIST_NOT_OF_SELLER'],
    ['another currency', () => ({ terms: terms({ currency: 'USD' }) }), 'PRICE_LIST_CURRENCY'],
    ['no currency', () => ({ terms: terms({ currency: 'EUX' }) }), 'INVALID_CURRENCY'],
    ['no zone', () => ({ terms: terms({ timeZone: 'Europe/Nowhere' }) }), 'INVALID_TIME_ZONE'],
    ['a zone by its letters', () => ({ terms: terms({ timeZone: 'BST' }) }), 'INVALID_TIME_ZONE'],
    ['a zone without a place', () => ({ terms: terms({ timeZone: 'CET' }) }), 'INVALID_TIME_ZONE'],
    [
      'too high a tax',
      () => ({ terms: terms({ taxPercent: '100.01' }) }),
      'CONTRACT_TERMS_REFUSED',
    ],
    ['no price list', () => ({ terms: terms({ priceLists: [] }) }), 'CONTRACT_TERMS_REFUSED'],
    [
      'two lists for one service',
      () => ({
        terms: terms({ priceLists: [{ priceListId: hubList }, { priceListId: hubList }] }),
      }),
      'CONTRACT_SERVICE_TWICE',
    ],
    ['an end before the beginning', () => ({ terms: terms(endingBefore) }), 'INVALID_PERIOD'],
    ['nine decimals', () => ({ terms: terms({ roundingDecimals: 9 }) }), 'BAD_USER_INPUT'],
    ['an unknown list', () => ({ terms: terms(using(toGlobalId('PriceList', 9e6))) }), 'NOT_FOUND'],
    ['an unknown account', () => ({ accountId: toGlobalId('Account', 9e6) }), 'NOT_FOUND'],
  ])('refuses %s', async (_, given, code) => {
    const request = { input: wholesale(given()) };
    expect(await refusal(app, world.hubToken, CREATE_CONTRACT, request)).toBe(code);
  });

  it("refuses an account of another partner and a number that is somebody's", async () => {
    const other = await anAccount(app, world.hubToken, world.resellerB);
    const crossing = { input: wholesale({ accountId: other.id }) };
    expect(await refusal(app, world.hubToken, CREATE_CONTRACT, crossing)).toBe(
      'ACCOUNT_OF_OTHER_PARTNER',
    );
    await call(app, world.hubToken, CREATE_CONTRACT, { input: wholesale({ number: 'K-1' }) });
    const again = { input: wholesale({ number: 'K-1' }) };
    expect(await refusal(app, world.hubToken, CREATE_CONTRACT, again)).toBe(
      'CONTRACT_NUMBER_TAKEN',
    );
  });

  it('takes no zone that the database reads in another way than rating does', async () => {
    const known: { name: string }[] = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT name FROM pg_timezone_names UNION SELECT abbrev FROM pg_timezone_abbrevs'),
    );
    const names = [...known.map(({ name }) => name), ...Intl.supportedValuesOf('timeZone')].filter(
      (name) => isTimeZone(name) && isPlacedZone(name),
    );
    expect(names.length).toBeGreaterThan(400);
    // Of a year for which both know the same: laws change, and their tables are of different age.
    const clocks: { zone: string; at: Date; clock: string }[] = await app.app.database.read(
      SYSTEM_SCOPE,
      (tx) =>
        tx.query(
          `SELECT zone, at, to_char(at AT TIME ZONE zone, 'YYYY-MM-DD"T"HH24:MI') AS clock
           FROM unnest($1::text[]) AS zone,
             unnest('{2024-01-15T00:00Z,2024-07-15T00:00Z}'::timestamptz[]) AS at`,
          [names],
        ),
    );
    const differing = clocks.filter(({ zone, at, clock }) => !zonedIso(at, zone).startsWith(clock));
    expect(differing.map(({ zone }) => zone)).toEqual([]);
  });

  const endingBefore = { validTo: '2025-01-01T00:00:00Z' };
  function using(priceListId: string) {
    return { priceLists: [{ priceListId }] };
  }
});

describe('amending a contract', () => {
  async function aContract(): Promise<string> {
    const made = await call(app, world.hubToken, CREATE_CONTRACT, { input: wholesale() });
    return made.id;
  }

  async function versionAt(id: string, asOf: string, asKnownAt?: string) {
    const found = await call(app, world.hubToken, VERSION, { id, asOf, asKnownAt });
    return found.version;
  }

  it('shortens what was, adds what is new, and still knows what was known', async () => {
    const id = await aContract();
    const before = new Date(Date.now()).toISOString();
    await new Promise((done) => setTimeout(done, 5));
    const amended = await call(app, world.hubToken, AMEND, {
      id,
      terms: terms({ validFrom: '2026-07-01T00:00:00Z', taxPercent: '16' }),
    });
    expect(amended.versions).toMatchObject([
      { validTo: '2026-07-01T00:00:00.000Z', taxPercent: '19.0000' },
      { validFrom: '2026-07-01T00:00:00.000Z', validTo: null, taxPercent: '16.0000' },
    ]);
    expect(await versionAt(id, '2026-06-30T23:59:59.999Z')).toMatchObject({
      taxPercent: '19.0000',
      priceLists: [{ service: 'ANY', priceList: { id: hubList } }],
    });
    expect(await versionAt(id, '2026-07-01T00:00:00Z')).toMatchObject({ taxPercent: '16.0000' });
    expect(await versionAt(id, '2026-07-01T00:00:00Z', before)).toMatchObject({
      taxPercent: '19.0000',
      validTo: null,
    });
    expect(await versionAt(id, '2025-12-31T00:00:00Z')).toBeNull();
    const { recordedAt } = amended.versions[1];
    expect(await versionAt(id, '2026-07-01T00:00:00Z', recordedAt)).toMatchObject({
      taxPercent: '16.0000',
    });
  });

  it('cuts a middle out and keeps both sides', async () => {
    const id = await aContract();
    const amended = await call(app, world.hubToken, AMEND, {
      id,
      terms: terms({
        validFrom: '2026-03-01T00:00:00Z',
        validTo: '2026-04-01T00:00:00Z',
        taxPercent: '7',
      }),
    });
    expect(amended.versions.map((one: { taxPercent: string }) => one.taxPercent)).toEqual([
      '19.0000',
      '7.0000',
      '19.0000',
    ]);
    expect(amended.versions[2].validFrom).toBe('2026-04-01T00:00:00.000Z');
  });

  it('keeps the notice and the margin policy on both sides of an amendment', async () => {
    const guarded = terms({
      notice: { policy: 'SHIFT', increaseDays: 7, closedDays: 14 },
      marginPolicy: 'HOLD',
    });
    const made = { input: wholesale({ terms: guarded }) };
    const { id } = await call(app, world.hubToken, CREATE_CONTRACT, made);
    await call(app, world.hubToken, AMEND, {
      id,
      terms: terms({ validFrom: '2026-03-01T00:00:00Z', validTo: '2026-04-01T00:00:00Z' }),
    });
    const query = `query ($id: ID!) { contract(id: $id) { versions { marginPolicy notice {
      policy newDays increaseDays decreaseDays changedDays closedDays } } } }`;
    const days = { newDays: 0, increaseDays: 7, decreaseDays: 0, changedDays: 0, closedDays: 14 };
    const kept = { marginPolicy: 'HOLD', notice: { policy: 'SHIFT', ...days } };
    const { versions } = await call(app, world.hubToken, query, { id });
    expect(versions).toEqual([kept, { marginPolicy: 'NONE', notice: null }, kept]);
  });

  it('names price lists by trunk, band policy and conversion, on both sides', async () => {
    const { id: dollars } = await aPriceList(app, world.hubToken, world.hub, { currency: 'USD' });
    const input = { name: 'berlin-1', partnerId: world.supplier.globalId };
    const { id: trunkId } = await call(app, world.hubToken, CREATE_TRUNK, { input });
    const priceLists = [
      { priceListId: hubList },
      { service: 'VOICE', priceListId: hubList },
      { service: 'VOICE', trunkId, priceListId: dollars },
    ];
    const given = terms({ bandPolicy: 'SPLIT', conversion: 'RECORD', priceLists });
    const made = { input: wholesale({ terms: given }) };
    const { id } = await call(app, world.hubToken, CREATE_CONTRACT, made);
    const middle = { validFrom: '2026-03-01T00:00:00Z', validTo: '2026-04-01T00:00:00Z' };
    await call(app, world.hubToken, AMEND, { id, terms: terms(middle) });
    const query = `query ($id: ID!) { contract(id: $id) { versions { bandPolicy conversion
      priceLists { service forTrunk trunk { name } priceList { id } } } } }`;
    const plain = { forTrunk: false, trunk: null, priceList: { id: hubList } };
    const kept = {
      bandPolicy: 'SPLIT',
      conversion: 'RECORD',
      priceLists: [
        { service: 'ANY', ...plain },
        { service: 'VOICE', ...plain },
        {
          service: 'VOICE',
          forTrunk: true,
          trunk: { name: 'berlin-1' },
          priceList: { id: dollars },
        },
      ],
    };
    const between = { bandPolicy: 'START', conversion: 'NONE' };
    const { versions } = await call(app, world.hubToken, query, { id });
    expect(versions).toMatchObject([kept, between, kept]);
    const seen = await call(app, world.tokenA, query, { id });
    expect(seen.versions[0].priceLists[2]).toMatchObject({ forTrunk: true, trunk: null });
  });

  it('refuses a list of another currency unconverted, a trunk twice and a hidden one', async () => {
    const { id: dollars } = await aPriceList(app, world.hubToken, world.hub, { currency: 'USD' });
    const input = { name: 'berlin-2', partnerId: world.supplier.globalId };
    const { id: trunkId } = await call(app, world.hubToken, CREATE_TRUNK, { input });
    const refused = (given: object, token = world.hubToken) =>
      refusal(app, token, CREATE_CONTRACT, { input: wholesale({ terms: terms(given) }) });
    const foreign = { priceLists: [{ priceListId: dollars }] };
    expect(await refused(foreign)).toBe('PRICE_LIST_CURRENCY');
    const overTrunk = { service: 'VOICE', trunkId, priceListId: hubList };
    expect(await refused({ priceLists: [overTrunk, overTrunk] })).toBe('CONTRACT_SERVICE_TWICE');
    const unknown = { ...overTrunk, trunkId: toGlobalId('Trunk', 999_999) };
    expect(await refused({ priceLists: [unknown] })).toBe('NOT_FOUND');
    const { id: accountId } = await anAccount(app, world.tokenA, world.customerA);
    const sides = { seller: world.resellerA, buyer: world.customerA, level: 'RETAIL' };
    const retail = contractInput({ ...sides, accountId, priceListId: listA });
    const hidden = terms({ priceLists: [{ trunkId, priceListId: listA }] });
    const asked = { input: { ...retail, terms: hidden } };
    expect(await refusal(app, world.tokenA, CREATE_CONTRACT, asked)).toBe('NOT_FOUND');
  });

  it('refuses days that are none and a margin policy where nothing is sold', async () => {
    const refused = (given: object) =>
      refusal(app, world.hubToken, CREATE_CONTRACT, { input: wholesale(given) });
    const days = (count: number) => terms({ notice: { newDays: count } });
    expect(await refused({ terms: days(-1) })).toBe('BAD_USER_INPUT');
    expect(await refused({ terms: days(366) })).toBe('BAD_USER_INPUT');
    const { supplier, hub, hubToken } = world;
    const { id: accountId } = await anAccount(app, hubToken, supplier);
    const cost = contractInput({
      seller: supplier,
      buyer: hub,
      accountId,
      priceListId: costList,
      level: 'COST',
    });
    const guarded = { ...cost, terms: { ...cost.terms, marginPolicy: 'WARN' } };
    expect(await refused(guarded)).toBe('CONTRACT_TERMS_REFUSED');
  });

  it('leaves one version per instant however many amend at once', async () => {
    const id = await aContract();
    const months = ['02', '03', '04', '05', '06'];
    const answers = await Promise.all(
      months.map((month) =>
        app.graphql(
          AMEND,
          {
            id,
            terms: terms({
              validFrom: `2026-${month}-01T00:00:00Z`,
              taxPercent: String(Number(month)),
            }),
          },
          world.hubToken,
        ),
      ),
    );
    expect(answers.flatMap((answer) => answer.codes)).toEqual([]);
    const { versions } = await call(
      app,
      world.hubToken,
      'query ($id: ID!) { contract(id: $id) { versions { validFrom validTo } } }',
      { id },
    );
    versions.forEach((version: { validFrom: string }, i: number) => {
      if (i > 0) expect(versions[i - 1].validTo <= version.validFrom).toBe(true);
    });
    expect(versions.at(-1).validTo).toBeNull();
  });

  it('edits no row: what was recorded is superseded and stays', async () => {
    const id = await aContract();
    const read = () => rowsOf(id);
    const [first] = await read();
    await call(app, world.hubToken, AMEND, {
      id,
      terms: terms({ validFrom: '2026-05-01T00:00:00Z' }),
    });
    const rows = await read();
    expect(rows).toHaveLength(3);
    expect(rows[0]).toEqual({ ...first, superseded: true });
  });

  async function rowsOf(id: string): Promise<object[]> {
    const number = fromGlobalId('Contract', id);
    return app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT id, valid_from, valid_to, tax_percent, recorded_at,
           superseded_at IS NOT NULL AS superseded
         FROM contract_version WHERE contract_id = $1 ORDER BY id`,
        [number],
      ),
    );
  }

  it('is for the side that sets the terms alone', async () => {
    const id = await aContract();
    const request = { id, terms: terms({ validFrom: '2026-05-01T00:00:00Z' }) };
    const seen = await call(app, world.tokenA, VERSION, { id, asOf: '2026-05-01T00:00:00Z' });
    expect(seen.version).toMatchObject({ currency: 'EUR', priceLists: [{ priceList: null }] });
    expect(await refusal(app, world.tokenA, AMEND, request)).toBe('NOT_SELLER');
    expect(await refusal(app, world.tokenB, AMEND, request)).toBe('NOT_FOUND');
    expect(await call(app, world.tokenB, VERSION, { id })).toBeNull();
    const reader = await tokenOf(app, world.hub, ['contract.read']);
    expect(await refusal(app, reader, AMEND, request)).toBe('FORBIDDEN');
  });
});
