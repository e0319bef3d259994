import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList } from '../fixtures/catalog.js';
import { aWorld, call, refusal, TERMS, tokenOf, type World } from '../fixtures/partner.js';
import { aSale, CREATE_SUBSCRIPTION, type Sale } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const CREATE_MANY = `mutation ($input: CreateSubscriptionsInput!, $key: String) {
  createSubscriptions(input: $input, idempotencyKey: $key) { id label }
}`;
const ADD = `mutation ($input: AddIdentityInput!) {
  addIdentity(input: $input) { id identities { id kind numberFrom validTo trunk { name } } }
}`;
const END = `mutation ($id: ID!, $at: DateTime!) {
  endIdentity(identityId: $id, at: $at) { identities { id validTo } }
}`;
const verb = (name: string) => `mutation ($id: ID!) { ${name}Subscription(id: $id) { status } }`;
const TERMINATE = `mutation ($id: ID!, $at: DateTime) {
  terminateSubscription(id: $id, at: $at) { status endsAt identities { validTo } }
}`;
const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id }
}`;
const FOR_NUMBER = `query ($number: String!, $at: DateTime) {
  subscriptionForNumber(number: $number, at: $at) { id }
}`;
const LIST = `query ($filter: SubscriptionFilter!) { subscriptions(filter: $filter) {
  nodes { id label } } }`;
const TRUNK = `mutation ($input: CreateTrunkInput!) {
  createTrunk(input: $input) { id name partner { id } costContract { id } }
}`;
const PLAN =
  'mutation ($input: CreateServicePlanInput!) { createServicePlan(input: $input) { id } }';
const FROM = '2026-02-01T00:00:00Z';

let app: TestApp;
let world: World;
let sale: Sale;
let saleB: Sale;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  sale = await aSale(app, world, world.resellerA, world.customerA);
  saleB = await aSale(app, world, world.hub, world.resellerB, 'WHOLESALE');
});
afterAll(() => app.stop());

let serial = 0;
function freshNumber(): string {
  serial += 1;
  return String(493_000_000_000 + serial);
}

function input(given: object = {}) {
  return { ...sale, label: 'Line', startsAt: FROM, ...given };
}

const create = (given: object = {}, token = world.tokenA) =>
  call(app, token, CREATE_SUBSCRIPTION, { input: input(given) });

describe('creating a subscription', () => {
  it('holds numbers, ranges and trunks under a contract and a plan', async () => {
    const plan = await call(app, world.tokenA, PLAN, {
      input: { partnerId: world.resellerA.globalId, name: 'Flat', currency: 'EUR' },
    });
    await call(app, world.tokenA, TRUNK, {
      input: { name: 'pbx-1', partnerId: world.customerA.globalId },
    });
    const made = await create({
      servicePlanId: plan.id,
      creditLimit: '50.5',
      numbers: ['+4930555', '4930100-4930199'],
      trunks: ['pbx-1'],
    });
    expect(made).toMatchObject({
      status: 'ACTIVE',
      creditLimit: '50.50000000',
      creditWarningPercent: 80,
      partner: { id: world.customerA.globalId },
      account: { id: sale.accountId },
      contract: { id: sale.contractId },
      servicePlan: { id: plan.id },
      identities: [
        { kind: 'NUMBER', numberFrom: '4930555', numberTo: '4930555' },
        { kind: 'RANGE', numberFrom: '4930100', numberTo: '4930199' },
        { kind: 'TRUNK', numberFrom: null, trunk: { name: 'pbx-1' } },
      ],
    });
    const found = await call(app, world.tokenA, FOR_NUMBER, { number: '4930150', at: FROM });
    expect(found.id).toBe(made.id);
    const early = { number: '4930150', at: '2026-01-31T23:59:59Z' };
    expect(await call(app, world.tokenA, FOR_NUMBER, early)).toBeNull();
    const listed = await call(app, world.hubToken, LIST, { filter: { number: '4930199' } });
    expect(listed.nodes).toMatchObject([{ id: made.id }]);
    // Taken for none it would list everybody.
    const empty = { filter: { number: '' } };
    expect(await refusal(app, world.hubToken, LIST, empty)).toBe('INVALID_NUMBER');
  });

  it('does it once for one key', async () => {
    const request = { input: input({ numbers: [freshNumber()] }), key: 's1' };
    const first = await call(app, world.tokenA, CREATE_SUBSCRIPTION, request);
    expect(await call(app, world.tokenA, CREATE_SUBSCRIPTION, request)).toEqual(first);
  });

  it('says what a credit limit may be', async () => {
    const given = { input: input({ creditLimit: '10000000000' }) };
    const [told] = (await app.graphql(CREATE_SUBSCRIPTION, given, world.tokenA)).errors;
    expect(told?.message).toContain('below ten thousand million');
    expect(told?.extensions).toEqual({
      code: 'CREDIT_LIMIT_REFUSED',
      details: { limit: '10000000000' },
    });
  });

  it.each([
    ['letters', { numbers: ['49abc'] }, 'INVALID_NUMBER'],
    ['a number from 0', { numbers: ['0301234'] }, 'INVALID_NUMBER'],
    ['sixteen digits', { numbers: ['4930123456789012'] }, 'INVALID_NUMBER'],
    ['a range backwards', { numbers: ['4930200-4930100'] }, 'INVALID_NUMBER'],
    ['a range of two lengths', { numbers: ['493099-4930100'] }, 'INVALID_NUMBER'],
    ['a number twice in itself', { numbers: ['49777001', '49777000-49777009'] }, 'NUMBER_TAKEN'],
    ['an unknown trunk', { trunks: ['nowhere'] }, 'NOT_FOUND'],
    ['no limit at all', { creditLimit: '0' }, 'CREDIT_LIMIT_REFUSED'],
    ['too fine a limit', { creditLimit: '1.123456789' }, 'CREDIT_LIMIT_REFUSED'],
    ['a warning beyond the limit', { creditWarningPercent: 101 }, 'BAD_USER_INPUT'],
    ['a time before the contract', { startsAt: '2025-12-31T23:00:00Z' }, 'CONTRACT_NOT_IN_FORCE'],
    ['an unknown plan', { servicePlanId: toGlobalId('ServicePlan', 9e6) }, 'NOT_FOUND'],
    ['an unknown contract', { contractId: toGlobalId('Contract', 9e6) }, 'NOT_FOUND'],
    [
      "another partner's account",
      () => ({ accountId: saleB.accountId }),
      'ACCOUNT_OF_OTHER_PARTNER',
    ],
  ])('refuses %s and leaves nothing behind', async (_, given, code) => {
    const more = typeof given === 'function' ? given() : given;
    const request = { input: input({ label: 'Refused', ...more }) };
    expect(await refusal(app, world.hubToken, CREATE_SUBSCRIPTION, request)).toBe(code);
    const all = await call(app, world.hubToken, LIST, { filter: { contractId: sale.contractId } });
    expect(all.nodes.map((one: { label: string }) => one.label)).not.toContain('Refused');
  });

  it("refuses a COST contract, another seller's plan and another currency", async () => {
    const cost = await aSale(app, world, world.supplier, world.hub, 'COST');
    expect(await refused(cost)).toBe('SUBSCRIPTION_CONTRACT_REFUSED');
    const planOf = async (partnerId: string, currency: string) =>
      (await call(app, world.hubToken, PLAN, { input: { partnerId, name: currency, currency } }))
        .id;
    const foreign = await planOf(world.resellerB.globalId, 'EUR');
    expect(await refused({ servicePlanId: foreign })).toBe('PLAN_NOT_OF_SELLER');
    const dollars = await planOf(world.resellerA.globalId, 'USD');
    expect(await refused({ servicePlanId: dollars })).toBe('PLAN_CURRENCY');
  });

  it('holds no plan in another currency than terms to come, whichever is first', async () => {
    const { tokenA } = world;
    const { contractId, ...account } = await aSale(app, world, world.resellerA, world.customerA);
    const planOf = async (name: string, currency: string) => {
      const input = { partnerId: world.resellerA.globalId, name, currency };
      return (await call(app, tokenA, PLAN, { input })).id;
    };
    const [euros, dollars] = [await planOf('In euros', 'EUR'), await planOf('In dollars', 'USD')];
    const given = { ...account, contractId, servicePlanId: euros };
    const amended = async (currency: string, validFrom: string, validTo: string | null = null) => {
      const { id: priceListId } = await aPriceList(app, tokenA, world.resellerA, { currency });
      const terms = { ...TERMS, currency, validFrom, validTo, priceLists: [{ priceListId }] };
      const { errors } = await app.graphql(AMEND, { id: contractId, terms }, tokenA);
      const { code, details } = errors[0]?.extensions ?? {};
      return code === undefined ? null : [code, details];
    };
    const { id } = await create(given);
    const named = [{ id: euros, name: 'In euros', currency: 'EUR', subscriptions: 1 }];
    const inTheWay = ['PLAN_CURRENCY', { contract: 'USD', servicePlans: named }];
    expect(await amended('USD', '2026-03-01T00:00:00Z')).toEqual(inTheWay);
    expect(await amended('USD', '2026-01-01T00:00:00Z', FROM)).toBe(null);
    const at = '2026-03-01T00:00:00Z';
    await call(app, tokenA, TERMINATE, { id, at });
    expect(await amended('USD', '2026-02-28T00:00:00Z')).toEqual(inTheWay);
    expect(await amended('USD', at)).toBe(null);
    // It would begin in euros, and go on in dollars.
    expect(await refused(given)).toBe('PLAN_CURRENCY');
    expect(await refused({ ...given, servicePlanId: dollars })).toBe('PLAN_CURRENCY');
    await create({ ...given, startsAt: at, servicePlanId: dollars });
    expect(await amended('USD', at)).toBe(null);
    expect((await amended('EUR', '2026-02-01T00:00:00Z'))?.[0]).toBe('PLAN_CURRENCY');
    // Asked for while an amendment is on its way.
    let asked = Promise.resolve('');
    await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
      const contract = [rowNumber('Contract', contractId)];
      await tx.query('SELECT 1 FROM contract WHERE id = $1 FOR UPDATE', contract);
      await tx.query(
        `UPDATE contract_version SET currency = 'GBP' WHERE contract_id = $1`,
        contract,
      );
      asked = refused({ ...given, startsAt: at, servicePlanId: dollars });
      await delay(300);
    });
    expect(await asked).toBe('PLAN_CURRENCY');
  });

  const refused = (given: object) =>
    refusal(app, world.hubToken, CREATE_SUBSCRIPTION, { input: input(given) });
});

describe('numbers that somebody has', () => {
  it('are refused without telling whose they are', async () => {
    const number = freshNumber();
    const theirs = { input: { ...saleB, label: 'Theirs', startsAt: FROM, numbers: [number] } };
    const made = await call(app, world.hubToken, CREATE_SUBSCRIPTION, theirs);
    const mine = { input: input({ numbers: [freshNumber(), number] }) };
    const { errors, text } = await app.graphql(CREATE_SUBSCRIPTION, mine, world.tokenA);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'NUMBER_TAKEN',
      details: { numbers: [number] },
    });
    expect(text).not.toContain(made.id);
    expect(await call(app, world.tokenA, FOR_NUMBER, { number, at: FROM })).toBeNull();
  });

  it('go to one of twenty who ask at once', async () => {
    const numbers = [freshNumber()];
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        app.graphql(CREATE_SUBSCRIPTION, { input: input({ numbers }) }, world.tokenA),
      ),
    );
    const codes = answers.map((answer) => answer.codes.join(' '));
    expect(codes.filter((code) => code === '')).toHaveLength(1);
    expect(codes.filter((code) => code === 'NUMBER_TAKEN')).toHaveLength(19);
  });

  it('are free again once they have ended', async () => {
    const number = freshNumber();
    const first = await create({ numbers: [number] });
    const end = { id: first.identities[0].id, at: '2026-03-01T00:00:00Z' };
    await call(app, world.tokenA, END, end);
    const second = await create();
    const again = { subscriptionId: second.id, number, validFrom: '2026-03-01T00:00:00Z' };
    await call(app, world.tokenA, ADD, { input: again });
    const at = async (instant: string) =>
      (await call(app, world.tokenA, FOR_NUMBER, { number, at: instant })).id;
    expect(await at('2026-02-28T23:59:59Z')).toBe(first.id);
    expect(await at('2026-03-01T00:00:00Z')).toBe(second.id);
    const late = { id: first.identities[0].id, at: '2026-04-01T00:00:00Z' };
    expect(await refusal(app, world.tokenA, END, late)).toBe('IDENTITY_NOT_ENDABLE');
  });
});

describe('many at once', () => {
  it('creates a thousand in few statements, all or none', async () => {
    const first = 492_000_000_000 + serial;
    const subscriptions = Array.from({ length: 1_000 }, (_, i) => ({
      label: `L${i}`,
      numbers: [String(first + i)],
    }));
    const before = app.app.database.statementCount;
    const many = { input: { ...sale, startsAt: FROM, subscriptions } };
    const made = await call(app, world.tokenA, CREATE_MANY, many);
    expect(app.app.database.statementCount - before).toBeLessThan(30);
    expect(made).toHaveLength(1_000);
    expect(made[999].label).toBe('L999');
    const found = await call(app, world.tokenA, FOR_NUMBER, {
      number: String(first + 999),
      at: FROM,
    });
    expect(found.id).toBe(made[999].id);
    const again = [{ label: 'New', numbers: [freshNumber()] }, subscriptions[7]];
    const clash = { input: { ...sale, startsAt: FROM, subscriptions: again } };
    const { errors } = await app.graphql(CREATE_MANY, clash, world.tokenA);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'NUMBER_TAKEN',
      details: { indexes: [1] },
    });
  });
});

describe('states', () => {
  it('go from active to rest and back and end for good, freeing the numbers', async () => {
    const number = freshNumber();
    const { id } = await create({ numbers: [number] });
    const suspend = verb('suspend');
    expect(await call(app, world.tokenA, suspend, { id })).toEqual({ status: 'SUSPENDED' });
    expect(await refusal(app, world.tokenA, suspend, { id })).toBe(
      'SUBSCRIPTION_TRANSITION_REFUSED',
    );
    expect(await call(app, world.tokenA, verb('resume'), { id })).toEqual({ status: 'ACTIVE' });
    for (const early of ['2026-01-01T00:00:00Z', FROM]) {
      const given = { id, at: early };
      expect(await refusal(app, world.tokenA, TERMINATE, given)).toBe('TERMINATION_REFUSED');
    }
    const at = '2026-03-01T00:00:00.000Z';
    const ended = await call(app, world.tokenA, TERMINATE, { id, at });
    expect(ended).toEqual({ status: 'TERMINATED', endsAt: at, identities: [{ validTo: at }] });
    expect(await refusal(app, world.tokenA, verb('resume'), { id })).toBe(
      'SUBSCRIPTION_TRANSITION_REFUSED',
    );
    const more = { subscriptionId: id, number: freshNumber(), validFrom: at };
    expect(await refusal(app, world.tokenA, ADD, { input: more })).toBe(
      'SUBSCRIPTION_TRANSITION_REFUSED',
    );
    await create({ numbers: [number], startsAt: at });
  });
});

describe('identities', () => {
  it.each([
    ['neither number nor trunk', {}, 'IDENTITY_REFUSED'],
    ['both', { number: '4912345', trunk: 'x' }, 'IDENTITY_REFUSED'],
    ['an empty number', { number: '' }, 'INVALID_NUMBER'],
    ['an empty trunk', { trunk: '' }, 'NOT_FOUND'],
    ['an end before the beginning', { number: '4912345', validTo: FROM }, 'INVALID_PERIOD'],
  ])('refuse %s', async (_, given, code) => {
    const { id } = await create();
    const asked = { subscriptionId: id, validFrom: '2026-03-01T00:00:00Z', ...given };
    expect(await refusal(app, world.tokenA, ADD, { input: asked })).toBe(code);
  });

  it('that have not begun are withdrawn', async () => {
    const { id } = await create();
    const asked = { subscriptionId: id, number: freshNumber(), validFrom: '2090-01-01T00:00:00Z' };
    const { identities } = await call(app, world.tokenA, ADD, { input: asked });
    const end = { id: identities[0].id, at: '2026-03-01T00:00:00Z' };
    expect((await call(app, world.tokenA, END, end)).identities).toEqual([]);
  });
});

describe('trunks', () => {
  it('are bought under a COST contract and identify one subscription', async () => {
    const cost = await aSale(app, world, world.supplier, world.hub, 'COST');
    const trunk = await call(app, world.hubToken, TRUNK, {
      input: { name: 'carrier-1', costContractId: cost.contractId },
    });
    expect(trunk).toMatchObject({
      partner: { id: world.supplier.globalId },
      costContract: { id: cost.contractId },
    });
    const refused = (given: object) =>
      refusal(app, world.hubToken, TRUNK, { input: { name: 'carrier-2', ...given } });
    expect(await refused({ name: 'carrier-1', partnerId: world.hub.globalId })).toBe(
      'TRUNK_NAME_TAKEN',
    );
    expect(await refused({})).toBe('TRUNK_CONTRACT_REFUSED');
    expect(await refused({ costContractId: sale.contractId })).toBe('TRUNK_CONTRACT_REFUSED');
    const crossing = { costContractId: cost.contractId, partnerId: world.hub.globalId };
    expect(await refused(crossing)).toBe('TRUNK_CONTRACT_REFUSED');
    await call(app, world.hubToken, TRUNK, {
      input: { name: 'pbx-2', partnerId: world.customerA.globalId },
    });
    await create({ trunks: ['pbx-2'] });
    const again = { input: input({ trunks: ['pbx-2'] }) };
    expect(await refusal(app, world.tokenA, CREATE_SUBSCRIPTION, again)).toBe('TRUNK_TAKEN');
    const carrier = { input: input({ trunks: ['carrier-1'] }) };
    expect(await refusal(app, world.hubToken, CREATE_SUBSCRIPTION, carrier)).toBe(
      'TRUNK_OF_OTHER_PARTNER',
    );
    expect(await refusal(app, world.tokenA, CREATE_SUBSCRIPTION, carrier)).toBe('NOT_FOUND');
  });
});

describe('whose subscription', () => {
  it('is changed by the side that sells, seen by its partner, and unknown to others', async () => {
    const number = freshNumber();
    const { id, identities } = await create({ numbers: [number] });
    const customer = await tokenOf(app, world.customerA);
    const query = 'query ($id: ID!) { subscription(id: $id) { id } }';
    expect(await call(app, customer, query, { id })).toEqual({ id });
    const asked: [string, object][] = [
      [verb('suspend'), { id }],
      [TERMINATE, { id }],
      [ADD, { input: { subscriptionId: id, number: freshNumber(), validFrom: FROM } }],
      [END, { id: identities[0].id, at: '2026-03-01T00:00:00Z' }],
      [CREATE_SUBSCRIPTION, { input: input() }],
    ];
    for (const [operation, variables] of asked) {
      expect(await refusal(app, customer, operation, variables)).toBe('NOT_SELLER');
      expect(await refusal(app, world.tokenB, operation, variables)).toBe('NOT_FOUND');
    }
    expect(await call(app, world.tokenB, query, { id })).toBeNull();
    expect(await call(app, world.tokenB, FOR_NUMBER, { number, at: FROM })).toBeNull();
    const listed = await call(app, world.tokenB, LIST, { filter: { number } });
    expect(listed.nodes).toEqual([]);
    const reader = await tokenOf(app, world.hub, ['subscription.read']);
    expect(await refusal(app, reader, verb('suspend'), { id })).toBe('FORBIDDEN');
  });
});
