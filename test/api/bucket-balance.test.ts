import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { holdFolds } from '../../src/rating/index.js';
import { PLAN } from '../fixtures/fee-documents.js';
import { TERMS, tokenOf } from '../fixtures/partner.js';
import { bucketInput, CREATE_BONUS, CREATE_BUCKET } from '../fixtures/pricing.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER, DIRECT_NUMBER } from '../fixtures/traffic.js';

const SINCE = '2026-01-01T00:00:00Z';
const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id }
}`;

let desk: RerateDesk;

beforeAll(async () => {
  desk = await RerateDesk.open();
}, 60_000);
afterAll(() => desk.close());

async function balances(contractId: string, month: string): Promise<unknown[]> {
  const { bucketBalances } = await desk.query(
    `query ($id: ID!, $month: String!) { contract(id: $id) { bucketBalances(month: $month) {
      buckets { holderId granted rolledIn left } } } }`,
    { id: contractId, month },
  );
  return bucketBalances.buckets;
}

it('shows what waits under a WHOLESALE contract for each line sold below it', async () => {
  const { customer, upper } = desk.world.contracts;
  const bucket = bucketInput({
    ...{ amount: '100', rolloverCap: '50', sharing: 'SUBSCRIPTION', validFrom: SINCE },
  });
  for (const contractId of [customer, upper]) {
    await desk.query(CREATE_BUCKET, { target: { contractId }, bucket });
  }
  const holderId = desk.world.subscriptions.customer;
  const unused = [{ holderId, granted: '100', rolledIn: '50', left: '150' }];
  expect(await balances(customer, '2026-10')).toEqual(unused);
  expect(await balances(upper, '2026-10')).toEqual(unused);
  await desk.calls(['w1', '08', CUSTOMER_NUMBER, '33123456789', 60]);
  const used = [{ holderId, granted: '100', rolledIn: '50', left: '90' }];
  expect(await balances(upper, '2026-10')).toEqual(used);
  expect(await balances(upper, '2026-11')).toEqual(unused);
});

it('waits for what earlier months may leave over, as does a quote', async () => {
  const { customer } = desk.world.contracts;
  const pending = async (month: string): Promise<[boolean, boolean]> => {
    const { bucketBalances } = await desk.query(
      `query ($id: ID!, $of: String!) {
        contract(id: $id) { bucketBalances(month: $of) { pending } } }`,
      { id: customer, of: month },
    );
    const input = {
      ...{ aNumber: CUSTOMER_NUMBER, bNumber: '33123456789', quantity: '60', inMonth: true },
      startedAt: `${month}-05T10:00:00Z`,
    };
    const { levels } = await desk.query(
      'query ($input: QuoteInput!) { quote(input: $input) { levels { month { pending } } } }',
      { input },
    );
    return [bucketBalances.pending, levels.at(-1).month.pending];
  };
  const months = async () => Promise.all(['2026-09', '2026-10', '2026-11'].map(pending));
  const { database } = desk.kontor.app;
  await database.write(SYSTEM_SCOPE, async (tx) => {
    await holdFolds(tx, rowNumber('Contract', customer));
    await desk.imported(['w2', '08', CUSTOMER_NUMBER, '33123456789', 60]);
    expect((await months()).flat()).toEqual([false, false, true, true, true, true]);
  });
  await desk.settled();
  expect((await months()).flat()).not.toContain(true);
});

it('says that nothing is to come only with what has come', async () => {
  const { customer } = desk.world.contracts;
  const { database } = desk.kontor.app;
  const asked = () =>
    desk.query(
      `query ($id: ID!) { contract(id: $id) { bucketBalances(month: "2026-10") {
        pending buckets { used } } } }`,
      { id: customer },
    );
  expect((await asked()).bucketBalances).toEqual({ pending: false, buckets: [{ used: '120' }] });
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  // A fold that ends after the question was asked, and before what is due is looked up.
  const [answer, aside] = await database.write(SYSTEM_SCOPE, async (tx) => {
    await holdFolds(tx, rowNumber('Contract', customer));
    await desk.imported(['w3', '08', CUSTOMER_NUMBER, '33123456789', 60]);
    const taken = [1, 2].map(() => database.readAside(SYSTEM_SCOPE, () => released));
    const asking = asked();
    await delay(300);
    return [{ asking }, taken] as const;
  });
  await desk.settled();
  release();
  await Promise.all(aside);
  // All that it holds.
  const full = { pending: false, buckets: [{ used: '150' }] };
  expect((await answer.asking).bucketBalances).toEqual(full);
});

it('tells a supplier nothing of those who use what he grants', async () => {
  const { contracts, supplier, token } = desk.world;
  const target = { contractId: contracts.cost };
  for (const sharing of ['SUBSCRIPTION', 'ACCOUNT', 'CONTRACT']) {
    const bucket = bucketInput({ amount: '10', sharing, validFrom: SINCE });
    await desk.query(CREATE_BUCKET, { target, bucket });
    const rule = {
      ...{ name: 'Points', measure: 'USAGE', threshold: '60', grants: 'POINTS', amount: '1' },
      ...{ sharing, validFrom: SINCE },
    };
    await desk.query(CREATE_BONUS, { target, rule });
  }
  await desk.calls(['s1', '09', CUSTOMER_NUMBER, '33123456789', 60]);
  const holders = async (asker: string): Promise<string[][]> => {
    const { bucketBalances } = await desk.query(
      `query ($id: ID!) { contract(id: $id) { bucketBalances(month: "2026-10") {
        buckets { sharing } points { sharing } } } }`,
      { id: contracts.cost },
      asker,
    );
    const { buckets, points } = bucketBalances;
    return [buckets, points].map((all) => all.map((one: { sharing: string }) => one.sharing));
  };
  // Two lines use it by now, or may.
  const twice = ['SUBSCRIPTION', 'SUBSCRIPTION', 'ACCOUNT', 'ACCOUNT', 'CONTRACT'];
  const once = ['SUBSCRIPTION', 'ACCOUNT', 'CONTRACT'];
  expect(await holders(token)).toEqual([twice, once]);
  const none = [['CONTRACT'], ['CONTRACT']];
  expect(await holders(await tokenOf(desk.kontor, supplier))).toEqual(none);
});

it('refuses a bonus into a bucket that those who earn it do not have', async () => {
  const { hub, contracts, token } = desk.world;
  const plan = async (name: string): Promise<string> => {
    const input = { partnerId: hub.globalId, name, currency: 'EUR', fees: [] };
    return (await desk.query(PLAN, { input })).id;
  };
  const [own, other] = [await plan('A'), await plan('B')];
  const bonus = async (target: object, of: object) => {
    const bucket = bucketInput({ amount: '100' });
    const { id } = await desk.query(CREATE_BUCKET, { target: of, bucket });
    const rule = {
      ...{ name: 'More', measure: 'USAGE', threshold: '60', grants: 'UNITS', amount: '60' },
      ...{ bucketId: id, validFrom: SINCE },
    };
    return (await desk.kontor.graphql(CREATE_BONUS, { target, rule }, token)).codes;
  };
  const refused = ['BONUS_RULE_REFUSED'];
  expect(await bonus({ servicePlanId: own }, { servicePlanId: other })).toEqual(refused);
  expect(await bonus({ servicePlanId: own }, { contractId: contracts.direct })).toEqual(refused);
  expect(await bonus({ contractId: contracts.direct }, { servicePlanId: own })).toEqual(refused);
  expect(await bonus({ servicePlanId: own }, { servicePlanId: own })).toEqual([]);
});

it('gives bonuses as far as they can be counted exactly', async () => {
  const contractId = desk.world.contracts.direct;
  const most = '999999999999999';
  const bucket = bucketInput({ amount: most, sharing: 'CONTRACT', priority: 1 });
  const { id } = await desk.query(CREATE_BUCKET, { target: { contractId }, bucket });
  const purse = bucketInput({
    kind: 'MONEY',
    amount: '1',
    sharing: 'CONTRACT',
    services: ['SMS'],
    priority: 2,
  });
  const money = await desk.query(CREATE_BUCKET, { target: { contractId }, bucket: purse });
  const bonus = (given: object) =>
    desk.query(CREATE_BONUS, {
      target: { contractId },
      rule: {
        ...{ name: 'More', measure: 'USAGE', threshold: '1', repeats: true, sharing: 'CONTRACT' },
        ...{ amount: most, validFrom: SINCE, ...given },
      },
    });
  await bonus({ grants: 'UNITS', bucketId: id });
  await bonus({ grants: 'MONEY', bucketId: money.id, amount: '90071992.5' });
  await bonus({ grants: 'POINTS', amount: '7' });
  await bonus({ grants: 'POINTS' });
  await desk.calls(['b1', '08', DIRECT_NUMBER, '33123456789', 61]);
  const { bucketBalances } = await desk.query(
    `query ($id: ID!) { contract(id: $id) { bucketBalances(month: "2026-10") {
      buckets { granted bonus used left } points { points } } } }`,
    { id: contractId },
  );
  // The first one covers 100 of the 120 units.
  expect(bucketBalances.buckets.slice(1)).toEqual([
    { granted: most, bonus: '8007199254740992', used: '20', left: '9007199254740971' },
    { granted: '1', bonus: '90071991.54740991', used: '0', left: '90071992.54740991' },
  ]);
  const points = bucketBalances.points.map((one: { points: string }) => one.points);
  expect(points).toEqual(['840', '23058430092']);
});

it('names the currency of money, by the terms at the end of the month', async () => {
  const { contracts, lists } = desk.world;
  const { direct } = contracts;
  const currencies = async (month: string): Promise<unknown[]> => {
    const { bucketBalances } = await desk.query(
      `query ($id: ID!, $month: String!) { contract(id: $id) { bucketBalances(month: $month) {
        buckets { kind currency } } } }`,
      { id: direct, month },
    );
    return bucketBalances.buckets;
  };
  const terms = {
    ...{ ...TERMS, validFrom: '2026-11-30T23:00:00Z', currency: 'USD', conversion: 'RECORD' },
    priceLists: [{ priceListId: lists.hubRetail }],
  };
  await desk.query(AMEND, { id: direct, terms });
  expect(await currencies('2026-11')).toContainEqual({ kind: 'MONEY', currency: 'EUR' });
  expect(await currencies('2026-12')).toContainEqual({ kind: 'MONEY', currency: 'USD' });
  expect(await currencies('2026-12')).toContainEqual({ kind: 'UNITS', currency: null });
});
