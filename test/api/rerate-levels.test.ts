import { afterEach, beforeEach, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { TERMS, tokenOf } from '../fixtures/partner.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER } from '../fixtures/traffic.js';

let desk: RerateDesk;

beforeEach(async () => {
  desk = await RerateDesk.open();
});

afterEach(async () => desk.close());

// Two days before an hour that clocks show twice.
const aCall = () => desk.calls(['c1', '23', CUSTOMER_NUMBER, '33123456789', 90, '01:30']);

const share = (price: string, validFrom: string) =>
  desk.price(desk.world.lists.lowerBuys, { price, model: 'REVENUE_SHARE', validFrom });

it('a share that is rated anew alone is one of what the subscriber is charged', async () => {
  await share('30', '2026-10-01T00:00:00Z');
  await aCall();
  expect((await desk.amounts())[0]!.slice(-2)).toEqual(['0.09', '0.30']);
  // Known, but nobody has rated the record anew at RETAIL.
  await desk.retailPrice('0.80');
  await share('40', '2026-10-02T00:00:00Z');
  await desk.applied({ contractId: desk.world.contracts.lower });
  expect((await desk.amounts())[0]!.slice(-2)).toEqual(['0.12', '0.30']);
  expect(await explained()).toEqual([true, '0.3']);
  // The share was one of what was shown then, also where that is another by now.
  await desk.applied({ levels: ['RETAIL'] });
  expect((await desk.amounts())[0]!.slice(-2)).toEqual(['0.12', '1.20']);
  expect(await explained()).toEqual([true, '0.3']);
  await desk.applied();
  expect((await desk.amounts())[0]!.slice(-2)).toEqual(['0.48', '1.20']);
  expect(await explained()).toEqual([true, '1.2']);
});

// Whether all levels are as they were, and what the share was taken of.
async function explained(): Promise<unknown[]> {
  const [{ equal, levels }] = await desk.explained();
  return [equal, levels.at(-2).carriedValue];
}

it('a level that is not selected keeps its price and holds nobody up', async () => {
  await aCall();
  const [cost, ...others] = (await desk.amounts())[0]!;
  await closeCost();
  await desk.retailPrice('0.80');
  const lower = await tokenOf(desk.kontor, desk.world.lower);
  const theirs = await desk.previewed({}, lower);
  const { outcome } = await desk.shown(theirs, 'PREVIEW', lower);
  expect(outcome).toMatchObject({ changed: '1', findings: [] });
  await desk.applied({ levels: ['RETAIL'] });
  expect(await desk.amounts()).toEqual([[cost, ...others.slice(0, -1), '1.20']]);
  expect((await desk.explained())[0].equal).toBe(true);
  const all = await desk.previewed();
  expect((await desk.shown(all)).outcome.findings).toEqual([{ code: 'NO_RATE', records: '1' }]);
  // Once, though it leaves the sums of other terms of the contract.
  await amendRounding();
  const amended = await desk.previewed({ levels: ['RETAIL'] });
  expect((await desk.shown(amended)).outcome).toMatchObject({
    changed: '1',
    totals: [{ records: '1', before: '1.20', after: '1.20' }],
  });
});

async function amendRounding(): Promise<void> {
  const { contracts, lists } = desk.world;
  const priceLists = [{ priceListId: lists.lowerRetail }];
  const terms = { ...TERMS, validFrom: '2026-10-01T00:00:00Z', roundingDecimals: 3, priceLists };
  await desk.query(
    `mutation ($id: ID!, $terms: ContractTermsInput!) {
      amendContract(contractId: $id, terms: $terms) { id }
    }`,
    { id: contracts.customer, terms },
  );
}

// What the call was bought for has no price any more.
async function closeCost(): Promise<void> {
  const text =
    'query ($id: ID!) { rates(priceListId: $id, filter: {}, first: 100) { nodes { id prefix } } }';
  const { nodes } = await desk.query(text, { id: desk.world.lists.cost });
  const rate = nodes.find(({ prefix }: { prefix: string }) => prefix === '33');
  await desk.query(
    'mutation ($id: ID!, $at: DateTime!) { closeRate(rateId: $id, at: $at) { id } }',
    { id: rate.id, at: '2026-10-01T00:00:00Z' },
  );
}

it('a margin is watched where a level is rated anew, by what others go on costing', async () => {
  await aCall();
  const { lower, customer } = desk.world.contracts;
  await desk.price(desk.world.lists.lowerBuys, { price: '9.00' });
  await desk.retailPrice('0.80');
  await margin(customer, 'HOLD');
  // Bought at 0.1155 and for 13.50 anew, sold at 0.30, and at 1.20 anew.
  const bought = await desk.previewed({ contractId: lower });
  expect((await desk.shown(bought)).outcome).toMatchObject({ changed: '1', findings: [] });
  const enough = await desk.previewed({ contractId: customer });
  expect((await desk.shown(enough)).outcome).toMatchObject({ changed: '1', findings: [] });
  await margin(customer, 'NONE');
  await desk.retailPrice('0.05', '2026-10-02T00:00:00Z');
  await margin(customer, 'HOLD');
  const sold = await desk.previewed({ contractId: customer });
  expect((await desk.shown(sold)).outcome).toMatchObject({
    changed: '0',
    findings: [{ code: 'MARGIN_HELD', records: '1' }],
  });
});

async function margin(contractId: string, policy: string): Promise<void> {
  await desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE contract_version SET margin_policy = $2 WHERE contract_id = $1', [
      rowNumber('Contract', contractId),
      policy,
    ]),
  );
}
