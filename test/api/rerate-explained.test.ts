import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeCursor } from '../../src/kernel/index.js';
import { refusal, TERMS } from '../fixtures/partner.js';
import { bucketInput, CREATE_BUCKET } from '../fixtures/pricing.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER, DIRECT_NUMBER } from '../fixtures/traffic.js';

const OCTOBER = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' };
const XDRS = 'query ($filter: XdrFilter!) { xdrs(filter: $filter, first: 9) { nodes { id } } }';
const EXPLAIN = `query ($id: ID!) { explainXdr(id: $id) {
  equal guiding { by equal identityId numberFrom subscriptionId }
  levels { level amount conversion { rate source } }
} }`;
const IDENTITIES = 'query ($id: ID!) { subscription(id: $id) { identities { id } } }';
const END = `mutation ($id: ID!) {
  endIdentity(identityId: $id, at: "2026-10-10T00:00:00Z") { id }
}`;
const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id }
}`;
const SET_RATE = `mutation ($input: SetExchangeRateInput!) {
  setExchangeRate(input: $input) { id }
}`;
const BILL = 'mutation ($input: StartBillRunInput!) { startBillRun(input: $input) { id } }';
const BY_INVOICE = `query ($id: ID!) { rerate(id: $id) { outcome(step: PREVIEW) {
  differences(by: [INVOICE], first: 9) { nodes { invoice { currency } currency before after } }
} } }`;
const WITHDRAW = 'mutation ($id: ID!) { withdrawExchangeRate(exchangeRateId: $id) { id } }';

let desk: RerateDesk;
let central: { readonly id: string };

beforeAll(async () => {
  desk = await RerateDesk.open();
}, 60_000);
afterAll(() => desk.close());

async function explained() {
  const { nodes } = await desk.query(XDRS, { filter: OCTOBER });
  return desk.query(EXPLAIN, { id: nodes[0].id });
}

it('names the source of the exchange rate by which each level was converted', async () => {
  const { contracts, lists } = desk.world;
  const terms = { ...TERMS, validFrom: OCTOBER.from, currency: 'USD', conversion: 'RECORD' };
  for (const [id, priceListId] of [
    [contracts.lower, lists.lowerBuys],
    [contracts.customer, lists.lowerRetail],
  ]) {
    await desk.query(AMEND, { id, terms: { ...terms, priceLists: [{ priceListId }] } });
  }
  const pair = { baseCurrency: 'EUR', quoteCurrency: 'USD', validFrom: OCTOBER.from };
  const typo = await desk.query(SET_RATE, { input: { ...pair, rate: '1.10', source: 'Typo' } });
  await desk.calls(['a', '12', CUSTOMER_NUMBER, '33140000000', 600]);
  await desk.query(WITHDRAW, { id: typo.id });
  central = await desk.query(SET_RATE, { input: { ...pair, rate: '1.20', source: 'ECB' } });
  await desk.applied({ levels: ['RETAIL'] });
  const { equal, levels } = await explained();
  expect(equal).toBe(true);
  expect(levels.slice(2)).toEqual([
    { level: 'WHOLESALE', amount: '0.847', conversion: { rate: '1.1', source: 'Typo' } },
    { level: 'RETAIL', amount: '2.40', conversion: { rate: '1.2', source: 'ECB' } },
  ]);
});

it('tells what led to the subscription, not what would lead there now', async () => {
  const subscriptionId = desk.world.subscriptions.customer;
  const { identities } = await desk.query(IDENTITIES, { id: subscriptionId });
  const identityId = identities[0].id;
  const guided = { by: 'NUMBER', equal: true, numberFrom: '4930111000' };
  const guiding = { ...guided, identityId, subscriptionId };
  expect((await explained()).guiding).toEqual(guiding);
  await desk.query(END, { id: identityId });
  await desk.retailPrice('0.10');
  await desk.applied({ levels: ['RETAIL'] });
  expect((await explained()).guiding).toEqual(guiding);
});

it('goes by what was handed to the month last, though its own price stays the same', async () => {
  await desk.query(CREATE_BUCKET, {
    target: { contractId: desk.world.contracts.customer },
    bucket: bucketInput({ amount: '10' }),
  });
  await desk.calls(['b', '05', CUSTOMER_NUMBER, '33140000000', 60]);
  const retail = async () => {
    const { equal, levels } = await explained();
    return [equal, levels.at(-1).amount, levels.at(-1).conversion];
  };
  expect(await retail()).toEqual([true, '0.10', { rate: '1.2', source: 'ECB' }]);
  await desk.query(WITHDRAW, { id: central.id });
  const pair = { baseCurrency: 'EUR', quoteCurrency: 'USD', validFrom: OCTOBER.from };
  await desk.query(SET_RATE, { input: { ...pair, rate: '1.2001', source: 'Bank' } });
  // 0.12 and 0.12001 are both 0.1200.
  const id = await desk.applied({ levels: ['RETAIL'], to: '2026-10-06T00:00:00Z' });
  expect((await desk.shown(id, 'APPLY')).outcome).toMatchObject({ records: '1', changed: '0' });
  expect(await retail()).toEqual([true, '0.10', { rate: '1.2001', source: 'Bank' }]);
});

it('lists differences after cursors of their own alone', async () => {
  await desk.retailPrice('0.30', '2026-10-02T00:00:00Z');
  const id = await desk.previewed({ levels: ['RETAIL'] });
  const text = `query ($id: ID!, $after: String) { rerate(id: $id) { outcome(step: PREVIEW) {
    differences(by: [LEVEL], after: $after) { nodes { level } pageInfo { endCursor } }
  } } }`;
  const { nodes, pageInfo } = (await desk.query(text, { id })).outcome.differences;
  expect(nodes).toEqual([{ level: 'RETAIL' }]);
  const more = await desk.query(text, { id, after: pageInfo.endCursor });
  expect(more.outcome.differences.nodes).toEqual([]);
  for (const [place, value] of [
    [0, 'x'],
    [1, 0.5],
    [3, 2 ** 31],
    [6, 7],
  ] as const) {
    const after = encodeCursor([0, 0, 'RETAIL', 0, 0, 0, 'EUR'].with(place, value));
    const { kontor, world } = desk;
    expect(await refusal(kontor, world.token, text, { id, after })).toBe('INVALID_CURSOR');
  }
});

it('tells records under the invoice of their currency, where a day went onto two', async () => {
  const { contracts, lists, hub } = desk.world;
  const inDollars = {
    ...TERMS,
    validFrom: '2026-10-20T12:00:00Z',
    currency: 'USD',
    conversion: 'RECORD',
    priceLists: [{ priceListId: lists.hubRetail }],
  };
  await desk.query(AMEND, { id: contracts.direct, terms: inDollars });
  await desk.calls(
    ['eur', '20', DIRECT_NUMBER, '33123456789', 90],
    ['usd', '20', DIRECT_NUMBER, '33123456789', 120, '14:00'],
  );
  await desk.query(BILL, { input: { period: '2026-10', sellerPartnerId: hub.globalId } });
  await desk.settled();
  await desk.price(lists.hubRetail, { price: '0.80' });
  const id = await desk.previewed({ contractId: contracts.direct });
  // A euro is 1.2001 dollars since the test before last.
  const { outcome } = await desk.query(BY_INVOICE, { id });
  expect(outcome.differences.nodes).toEqual([
    { invoice: { currency: 'EUR' }, currency: 'EUR', before: '0.1839', after: '1.20' },
    { invoice: { currency: 'USD' }, currency: 'USD', before: '0.2207', after: '1.9202' },
  ]);
});
