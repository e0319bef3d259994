import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { rowNumber } from '../../src/platform/index.js';
import { aPriceList, aRate, CREATE_PRICE_LIST, rateInput, SET_RATE } from '../fixtures/catalog.js';
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
import { aPartner, type BuiltPartner } from '../fixtures/partner-builder.js';
import { CREATE_ORIGINS, CREATE_SCHEDULE, scheduleInput } from '../fixtures/pricing.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const LIST = `query ($id: ID!) {
  priceList(id: $id) { name inherits parent { id name } partner { id } }
}`;
const EFFECTIVE = `query ($id: ID!, $at: DateTime, $known: DateTime, $after: String, $first: Int) {
  effectiveRates(priceListId: $id, asOf: $at, asKnownAt: $known, after: $after, first: $first) {
    nodes {
      prefix price model forOrigins originSet { id } tiers { price }
      derivation { price priceList { id } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
const RATE_FOR = `query ($id: ID!, $number: String!, $from: String) {
  rateFor(priceListId: $id, number: $number, callingNumber: $from) { price }
}`;
const RATES = 'query ($id: ID!) { rates(priceListId: $id, filter: {}) { nodes { id } } }';
const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id }
}`;

let app: TestApp;
let world: World;
let hubList: string;
let contract: string;

/** A contract by which a partner buys from its parent, with one list for each service given. */
async function aPurchase(buyer: BuiltPartner, seller: BuiltPartner, lists: object[]) {
  const { id: accountId } = await anAccount(app, world.hubToken, buyer);
  const input = contractInput({ seller, buyer, accountId, priceListId: '' });
  const terms = { ...TERMS, priceLists: lists };
  const made = await call(app, world.hubToken, CREATE_CONTRACT, { input: { ...input, terms } });
  return made.id as string;
}

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  hubList = (await aPriceList(app, world.hubToken, world.hub)).id;
  const other = await aPriceList(app, world.hubToken, world.hub);
  contract = await aPurchase(world.resellerA, world.hub, [
    { service: 'VOICE', priceListId: hubList },
    { service: 'SMS', priceListId: other.id },
  ]);
  await aRate(app, world.hubToken, hubList, { prefix: '49', price: '0.10' });
  await aRate(app, world.hubToken, hubList, { prefix: '44', price: '0.20' });
});
afterAll(() => app.stop());

let serial = 0;
const listInput = (partner: BuiltPartner, given: object) => {
  serial += 1;
  return { partnerId: partner.globalId, name: `Child ${serial}`, currency: 'EUR', ...given };
};
const ownList = async (service = 'VOICE'): Promise<string> => {
  const parentContract = { contractId: contract, service };
  const input = listInput(world.resellerA, { parentContract });
  return (await call(app, world.tokenA, CREATE_PRICE_LIST, { input })).id;
};
const effective = async (token: string, id: string, given: object = {}) =>
  (await call(app, token, EFFECTIVE, { id, ...given })).nodes;

describe('a list that inherits from the list its owner buys by', () => {
  it('shows its own prices and nothing of the list above', async () => {
    const id = await ownList();
    const margin = rateInput(id, { prefix: '4', kind: 'PERCENT', price: '20' });
    await call(app, world.tokenA, SET_RATE, { input: margin });
    const own = [{ price: '20.00000000', priceList: { id } }];
    expect(await effective(world.tokenA, id)).toMatchObject([
      { prefix: '44', price: '0.24', derivation: own },
      { prefix: '49', price: '0.12', derivation: own },
    ]);
    expect(await call(app, world.tokenA, LIST, { id })).toMatchObject({
      inherits: true,
      parent: null,
      partner: { id: world.resellerA.globalId },
    });
    expect(await call(app, world.tokenA, LIST, { id: hubList })).toBeNull();
    for (const query of [RATES, EFFECTIVE]) {
      expect(await refusal(app, world.tokenA, query, { id: hubList })).toBe('NOT_FOUND');
    }
    expect(await call(app, world.hubToken, LIST, { id })).toMatchObject({
      parent: { id: hubList },
    });
    const seen = await effective(world.hubToken, id);
    expect(seen[0].derivation).toHaveLength(2);
  });

  it('follows the list above, at any instant and as known at any moment', async () => {
    const root = (await aPriceList(app, world.hubToken, world.hub)).id;
    await aRate(app, world.hubToken, root, { prefix: '49', price: '0.10' });
    const input = listInput(world.resellerA, { parentId: root });
    const { id } = await call(app, world.hubToken, CREATE_PRICE_LIST, { input });
    await new Promise((resolve) => setTimeout(resolve, 3));
    const known = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 3));
    const july = '2026-07-01T00:00:00Z';
    await aRate(app, world.hubToken, root, { prefix: '49', price: '0.08', validFrom: july });
    const price = async (at: string, asKnown: string | null = null) =>
      (await effective(world.tokenA, id, { at, known: asKnown }))[0]?.price;
    expect(await price('2026-06-30T23:59:59Z')).toBe('0.10');
    expect(await price(july)).toBe('0.08');
    expect(await price(july, known)).toBe('0.10');
  });

  it('takes tiers and origins of the list above without showing whose they are', async () => {
    const { hub } = world;
    const schedule = await call(app, world.hubToken, CREATE_SCHEDULE, {
      input: scheduleInput(hub, { name: 'Hidden' }),
    });
    const { id: originSetId } = await call(app, world.hubToken, CREATE_ORIGINS, {
      input: { partnerId: hub.globalId, name: 'Hidden', prefixes: ['49'] },
    });
    const root = (await aPriceList(app, world.hubToken, hub)).id;
    await aRate(app, world.hubToken, root, { prefix: '1', price: '0.30' });
    const tiered = { model: 'VOLUME', price: '0', tierScheduleId: schedule.id, originSetId };
    await aRate(app, world.hubToken, root, { prefix: '1', ...tiered });
    const input = listInput(world.resellerA, { parentId: root });
    const { id } = await call(app, world.hubToken, CREATE_PRICE_LIST, { input });
    const margin = rateInput(id, { prefix: '', kind: 'PERCENT', price: '100' });
    await call(app, world.tokenA, SET_RATE, { input: margin });
    expect(await effective(world.tokenA, id)).toMatchObject([
      { prefix: '1', price: '0.60', model: 'PER_UNIT', forOrigins: false, tiers: [] },
      {
        prefix: '1',
        model: 'VOLUME',
        forOrigins: true,
        originSet: null,
        tiers: [{ price: '0.20' }, { price: '0.10' }],
      },
    ]);
    const paged: string[] = [];
    for (let after: string | null = null; ; ) {
      const page: { nodes: { model: string }[]; pageInfo: { endCursor: string | null } } =
        await call(app, world.tokenA, EFFECTIVE, { id, first: 1, after });
      paged.push(...page.nodes.map((node) => node.model));
      after = page.pageInfo.endCursor;
      if (after === null) break;
    }
    expect(paged).toEqual(['PER_UNIT', 'VOLUME']);
    const from = async (calling: string | null) =>
      (await call(app, world.tokenA, RATE_FOR, { id, number: '1212', from: calling })).price;
    expect([await from(null), await from('4930'), await from('3312')]).toEqual([
      '0.60',
      '0.00',
      '0.60',
    ]);
    const query = 'query ($id: ID!) { tierSchedule(id: $id) { id } }';
    expect(await call(app, world.tokenA, query, { id: schedule.id })).toBeNull();
  });

  it('goes on through resellers of resellers, each seeing his own', async () => {
    const middle = await ownList();
    const tenth = { prefix: '', kind: 'PERCENT', price: '10' };
    await call(app, world.tokenA, SET_RATE, { input: rateInput(middle, tenth) });
    const sub = await aPartner(app, { parentId: world.resellerA.id, kind: 'RESELLER' });
    const purchase = await aPurchase(sub, world.resellerA, [{ priceListId: middle }]);
    const token = await tokenOf(app, sub);
    const parentContract = { contractId: purchase, service: 'DATA' };
    const input = listInput(sub, { parentContract });
    const { id } = await call(app, token, CREATE_PRICE_LIST, { input });
    const plus = { prefix: '49', kind: 'DIFFERENCE', price: '0.01' };
    await call(app, token, SET_RATE, { input: rateInput(id, plus) });
    expect(await effective(token, id)).toMatchObject([
      { prefix: '44', price: '0.22', derivation: [] },
      { prefix: '49', price: '0.12', derivation: [{ price: '0.01000000' }] },
    ]);
    expect((await effective(world.tokenA, id))[1].derivation).toHaveLength(2);
    expect((await effective(world.hubToken, id))[1].derivation).toHaveLength(3);
    expect(await refusal(app, world.tokenB, EFFECTIVE, { id })).toBe('NOT_FOUND');
  });
});

describe('a parent by contract', () => {
  const attempt = (
    token: string,
    partner: BuiltPartner,
    contractId: string,
    given: object = {},
  ) => {
    const parentContract = { contractId, service: 'VOICE', ...given };
    const input = listInput(partner, { parentContract });
    return refusal(app, token, CREATE_PRICE_LIST, { input });
  };

  it('is refused alike for contracts that are not there, hidden, or buy nothing', async () => {
    const { resellerA, resellerB, tokenA, tokenB } = world;
    const refused = 'PRICE_LIST_PARENT_REFUSED';
    expect(await attempt(tokenB, resellerB, contract)).toBe(refused);
    expect(await attempt(tokenB, resellerB, toGlobalId('Contract', 999_999))).toBe(refused);
    expect(await attempt(tokenA, resellerA, contract, { service: 'DATA' })).toBe(refused);
    expect(await attempt(tokenA, resellerA, contract, { service: 'ANY' })).toBe(refused);
    // The hub sees the contract, but another partner buys under it.
    expect(await attempt(world.hubToken, resellerB, contract)).toBe(refused);
    const both = listInput(resellerA, {
      parentId: hubList,
      parentContract: { contractId: contract, service: 'VOICE' },
    });
    expect(await refusal(app, world.hubToken, CREATE_PRICE_LIST, { input: both })).toBe(refused);
  });

  it('needs the currency of the list, and terms that are in force', async () => {
    const { resellerB, tokenB } = world;
    const later = await aPurchase(resellerB, world.hub, [{ priceListId: hubList }]);
    const input = listInput(resellerB, {
      currency: 'USD',
      parentContract: { contractId: later, service: 'VOICE' },
    });
    expect(await refusal(app, tokenB, CREATE_PRICE_LIST, { input })).toBe(
      'PRICE_LIST_PARENT_REFUSED',
    );
    const dollars = (await aPriceList(app, world.hubToken, world.hub, { currency: 'USD' })).id;
    const terms = { ...TERMS, currency: 'USD', priceLists: [{ priceListId: dollars }] };
    await call(app, world.hubToken, AMEND, { id: later, terms });
    const made = await call(app, tokenB, CREATE_PRICE_LIST, { input });
    expect(made).toMatchObject({ currency: 'USD', parent: null });
  });
});

describe('the functions that read lists above', () => {
  it('answer nothing for a list or contract that the caller does not see', async () => {
    const { resellerA, resellerB, hub } = world;
    const list = rowNumber('PriceList', hubList);
    const own = rowNumber('PriceList', await ownList());
    const calls = (id: number): [string, unknown[]][] => [
      ['price_list_chain($1)', [id]],
      ['inherited_rates($1, NULL, NULL, NULL)', [id]],
      ["inherited_keys($1, NULL, $2, '', NULL, 0, 0, 100)", [id, '2026-06-01']],
    ];
    const count = (partnerId: number, [name, values]: [string, unknown[]]) =>
      app.app.database.read({ partnerId }, async (tx) => {
        const rows = await tx.query<unknown[]>(`SELECT * FROM ${name}`, values);
        return rows.length;
      });
    const seen = async (partner: BuiltPartner, id: number) => {
      const counts: number[] = [];
      for (const one of calls(id)) counts.push(await count(partner.id, one));
      return counts;
    };
    expect(await seen(resellerA, list)).toEqual([0, 0, 0]);
    expect(await seen(resellerA, own)).toEqual([2, 2, 2]);
    expect(await seen(resellerB, own)).toEqual([0, 0, 0]);
    expect(await seen(hub, list)).toEqual([1, 2, 2]);
    const bought: [string, unknown[]] = [
      "bought_price_list($1, $2, 'VOICE', $3)",
      [rowNumber('Contract', contract), resellerA.id, '2026-06-01'],
    ];
    expect(await count(resellerA.id, bought)).toBe(1);
    expect(await count(resellerB.id, bought)).toBe(0);
  });
});
