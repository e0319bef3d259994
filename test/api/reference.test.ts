import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CREATE_DESTINATION, CREATE_PROFILE, profileInput } from '../fixtures/catalog.js';
import { aWorld, call, refusal, type World } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const FOR_NUMBER = 'query ($number: String!) { destinationForNumber(number: $number) { name } }';
const SET = `mutation ($input: SetExchangeRateInput!) {
  setExchangeRate(input: $input) { id rate baseCurrency quoteCurrency }
}`;
const WITHDRAW = `mutation ($id: ID!, $key: String) {
  withdrawExchangeRate(exchangeRateId: $id, idempotencyKey: $key) { id supersededAt }
}`;
const LIST = `query ($currency: String!, $asKnownAt: DateTime) {
  exchangeRates(currency: $currency, asKnownAt: $asKnownAt) { nodes { rate source } }
}`;
const CONVERT = `query (
  $amount: Decimal!, $from: String!, $to: String!, $asOf: DateTime, $asKnownAt: DateTime
) {
  convertAmount(amount: $amount, from: $from, to: $to, asOf: $asOf, asKnownAt: $asKnownAt) {
    amount currency rate { rate }
  }
}`;
const PLAN = `mutation ($input: CreateServicePlanInput!) {
  createServicePlan(input: $input) { id name currency fees { name kind amount } }
}`;
const FEE = `mutation ($id: ID!, $fee: PlanFeeInput!) {
  addPlanFee(servicePlanId: $id, fee: $fee) { fees { name kind amount } }
}`;
const FROM = '2026-01-01T00:00:00Z';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

describe('destinations', () => {
  it('are found by the longest prefix of a number', async () => {
    const make = (name: string, prefixes: string[]) =>
      call(app, world.hubToken, CREATE_DESTINATION, { input: { name, prefixes } });
    await make('Germany', ['49']);
    const made = await make('Berlin', ['4930', '4930', '493000']);
    expect(made.prefixes.nodes.map((node: { prefix: string }) => node.prefix)).toEqual([
      '4930',
      '493000',
    ]);
    const named = async (number: string) =>
      (await call(app, world.tokenA, FOR_NUMBER, { number }))?.name ?? null;
    expect(await named('4930123')).toBe('Berlin');
    expect(await named('4940123')).toBe('Germany');
    expect(await named('33')).toBeNull();
    expect(await refusal(app, world.tokenA, FOR_NUMBER, { number: '+49' })).toBe('INVALID_NUMBER');
  });

  it.each([
    ['a name twice', { name: 'Twice', prefixes: ['882'] }, 'DESTINATION_NAME_TAKEN'],
    ['a prefix twice', { name: 'Other', prefixes: ['88', '881'] }, 'DESTINATION_PREFIX_TAKEN'],
    ['letters', { name: 'Letters', prefixes: ['88a'] }, 'INVALID_PREFIX'],
    ['no country', { name: 'Nowhere', country: 'XQ', prefixes: ['882'] }, 'INVALID_COUNTRY'],
    ['small letters', { name: 'Small', country: 'de', prefixes: ['882'] }, 'INVALID_COUNTRY'],
    ['a country of the past', { name: 'Past', country: 'YU', prefixes: ['38'] }, 'INVALID_COUNTRY'],
    ['no prefix', { name: 'None', prefixes: [] }, 'BAD_USER_INPUT'],
  ])('refuse %s and leave nothing behind', async (_, input, code) => {
    const twice = { input: { name: 'Twice', prefixes: ['881'] } };
    await app.graphql(CREATE_DESTINATION, twice, world.hubToken);
    expect(await refusal(app, world.hubToken, CREATE_DESTINATION, { input })).toBe(code);
    const list =
      'query ($filter: DestinationFilter!) { destinations(filter: $filter) { nodes { name } } }';
    const { nodes } = await call(app, world.hubToken, list, { filter: { name: input.name } });
    expect(nodes).toHaveLength(input.name === 'Twice' ? 1 : 0);
  });

  it('are not all that there are when an empty country or currency is asked for', async () => {
    const any = { input: { name: 'Any', prefixes: ['883'] } };
    await call(app, world.hubToken, CREATE_DESTINATION, any);
    await call(app, world.hubToken, SET, { input: fx({ quoteCurrency: 'NOK' }) });
    const destinations = '{ destinations(filter: { country: "" }) { nodes { id } } }';
    expect(await refusal(app, world.hubToken, destinations)).toBe('INVALID_COUNTRY');
    const rates = '{ exchangeRates(currency: "") { nodes { id } } }';
    expect(await refusal(app, world.hubToken, rates)).toBe('INVALID_CURRENCY');
  });

  it('are kept by the hub, as are time profiles and exchange rates', async () => {
    const input = { name: 'Mine', prefixes: ['999'] };
    expect(await refusal(app, world.tokenA, CREATE_DESTINATION, { input })).toBe('NOT_HUB');
    const profile = { input: profileInput('Mine') };
    expect(await refusal(app, world.tokenA, CREATE_PROFILE, profile)).toBe('NOT_HUB');
    const rate = { input: fx({}) };
    expect(await refusal(app, world.tokenA, SET, rate)).toBe('NOT_HUB');
  });
});

describe('time profiles', () => {
  it('divide the week into bands', async () => {
    const made = await call(app, world.hubToken, CREATE_PROFILE, { input: profileInput('Week') });
    expect(made.bands).toMatchObject([
      { name: 'Peak', rules: [{ from: '08:00', to: '18:00' }] },
      {
        name: 'Weekend',
        rules: [{ weekdays: ['SATURDAY', 'SUNDAY'], from: '00:00', to: '24:00' }],
      },
    ]);
  });

  it.each([
    ['bands that share a minute', [rule('A', '08:00', '12:01'), rule('B', '12:00', '13:00')]],
    ['a rule over midnight', [rule('A', '22:00', '06:00')]],
    ['a rule without days', [{ name: 'A', rules: [{ weekdays: [] }] }]],
    ['a time that is none', [rule('A', '8:00', '12:00')]],
    ['a time after 24:00', [rule('A', '08:00', '24:01')]],
    ['two bands of one name', [rule('A', '08:00', '09:00'), rule('A', '10:00', '11:00')]],
  ])('refuse %s', async (_, bands) => {
    const input = { name: 'Refused', bands };
    expect(await refusal(app, world.hubToken, CREATE_PROFILE, { input })).toBe(
      'TIME_BANDS_REFUSED',
    );
  });

  it('refuse a name twice', async () => {
    const request = { input: profileInput('Once') };
    await call(app, world.hubToken, CREATE_PROFILE, request);
    expect(await refusal(app, world.hubToken, CREATE_PROFILE, request)).toBe(
      'TIME_PROFILE_NAME_TAKEN',
    );
  });
});

describe('exchange rates', () => {
  it('convert by the newest rate at the instant, quoted either way, rounded once', async () => {
    await call(app, world.hubToken, SET, { input: fx({ rate: '1.25' }) });
    await call(app, world.hubToken, SET, {
      input: fx({ rate: '1.5', validFrom: '2026-06-01T00:00:00Z' }),
    });
    const convert = (amount: string, from: string, to: string, asOf: string) =>
      call(app, world.tokenA, CONVERT, { amount, from, to, asOf });
    expect(await convert('10', 'EUR', 'USD', '2026-03-01T00:00:00Z')).toMatchObject({
      amount: '12.5',
      currency: 'USD',
      rate: { rate: '1.2500000000' },
    });
    expect(await convert('10', 'USD', 'EUR', '2026-06-01T00:00:00Z')).toMatchObject({
      amount: '6.66666667',
    });
    expect(await convert('10', 'EUR', 'EUR', FROM)).toMatchObject({ amount: '10', rate: null });
    const huge = { amount: '9'.repeat(30), from: 'EUR', to: 'USD' };
    expect(await refusal(app, world.tokenA, CONVERT, huge)).toBe('INVALID_MONEY');
    const unknown = { amount: '1', from: 'EUR', to: 'USD', asKnownAt: '2025-12-31T00:00:00Z' };
    expect(await refusal(app, world.tokenA, CONVERT, unknown)).toBe('EXCHANGE_RATE_MISSING');
    const early = { amount: '1', from: 'EUR', to: 'USD', asOf: '2025-12-31T00:00:00Z' };
    expect(await refusal(app, world.tokenA, CONVERT, early)).toBe('EXCHANGE_RATE_MISSING');
  });

  it.each([
    ['zero', { rate: '0' }, 'EXCHANGE_RATE_REFUSED'],
    ['one below zero', { rate: '-1' }, 'EXCHANGE_RATE_REFUSED'],
    ['a currency to itself', { quoteCurrency: 'EUR' }, 'EXCHANGE_RATE_REFUSED'],
    ['an unknown currency', { quoteCurrency: 'XYZ' }, 'INVALID_CURRENCY'],
    ['a second rate from one instant', {}, 'EXCHANGE_RATE_EXISTS'],
  ])('refuse %s', async (_, given, code) => {
    await app.graphql(SET, { input: fx({}) }, world.hubToken);
    expect(await refusal(app, world.hubToken, SET, { input: fx(given) })).toBe(code);
  });
});

describe('a mistyped exchange rate', () => {
  it('is withdrawn once, by the hub, and stays in what was known', async () => {
    const zloty = (rate: string) => fx({ quoteCurrency: 'PLN', rate });
    const wrong = await call(app, world.hubToken, SET, { input: zloty('42') });
    await new Promise((resolve) => setTimeout(resolve, 3));
    const known = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 3));
    expect(await refusal(app, world.tokenA, WITHDRAW, { id: wrong.id })).toBe('NOT_HUB');
    const withdraw = { id: wrong.id, key: 'wrong' };
    await call(app, world.hubToken, WITHDRAW, withdraw);
    expect(await call(app, world.hubToken, WITHDRAW, withdraw)).toMatchObject({ id: wrong.id });
    expect(await refusal(app, world.hubToken, WITHDRAW, { id: wrong.id })).toBe(
      'EXCHANGE_RATE_WITHDRAWN',
    );
    await call(app, world.hubToken, SET, { input: zloty('4.2') });
    const convert = async (asKnownAt: string | null) =>
      (
        await call(app, world.tokenA, CONVERT, {
          amount: '1',
          from: 'EUR',
          to: 'PLN',
          asOf: FROM,
          asKnownAt,
        })
      ).amount;
    expect([await convert(null), await convert(known)]).toEqual(['4.2', '42']);
    const list = async (asKnownAt: string | null) =>
      (await call(app, world.tokenA, LIST, { currency: 'PLN', asKnownAt })).nodes.map(
        (node: { rate: string }) => node.rate,
      );
    expect(await list(null)).toEqual(['4.2000000000']);
    expect(await list(known)).toEqual(['42.0000000000']);
  });
});

describe('service plans', () => {
  it('carry one-time and monthly fees and take more', async () => {
    const plan = await call(app, world.tokenA, PLAN, { input: planInput() });
    expect(plan).toMatchObject({
      name: 'Flat',
      fees: [
        { name: 'Set-up', kind: 'ONE_TIME', amount: '49.00000000' },
        { name: 'Monthly', kind: 'PERIODIC', amount: '9.90000000' },
      ],
    });
    const fee = { name: 'Extra', kind: 'PERIODIC', amount: '1', validFrom: FROM };
    const more = await call(app, world.tokenA, FEE, { id: plan.id, fee });
    expect(more.fees).toHaveLength(3);
    expect(await refusal(app, world.tokenB, FEE, { id: plan.id, fee })).toBe('NOT_FOUND');
    const query = 'query ($id: ID!) { servicePlan(id: $id) { id } }';
    expect(await call(app, world.tokenB, query, { id: plan.id })).toBeNull();
    expect(await refusal(app, world.tokenA, PLAN, { input: planInput() })).toBe(
      'SERVICE_PLAN_NAME_TAKEN',
    );
  });

  it('refuse a fee below zero or that ends before it begins', async () => {
    const bad = [{ amount: '-1' }, { validTo: '2025-01-01T00:00:00Z' }];
    for (const given of bad) {
      const fee = { name: 'Bad', kind: 'ONE_TIME', amount: '1', validFrom: FROM, ...given };
      const input = { ...planInput(), name: 'Bad', fees: [fee] };
      expect(await refusal(app, world.tokenA, PLAN, { input })).toBe('FEE_REFUSED');
    }
  });
});

function planInput() {
  return {
    partnerId: world.resellerA.globalId,
    name: 'Flat',
    currency: 'EUR',
    fees: [
      { name: 'Set-up', kind: 'ONE_TIME', amount: '49', validFrom: FROM },
      { name: 'Monthly', kind: 'PERIODIC', amount: '9.90', validFrom: FROM },
    ],
  };
}

function fx(given: object) {
  const pair = { baseCurrency: 'EUR', quoteCurrency: 'USD' };
  return { ...pair, rate: '1.25', validFrom: FROM, source: 'ECB', ...given };
}

function rule(name: string, from: string, to: string) {
  return { name, rules: [{ weekdays: ['MONDAY'], from, to }] };
}
