import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE, type Tx } from '../../src/platform/index.js';
import { aPriceList } from '../fixtures/catalog.js';
import { aWorld, call, refusal, TERMS, tokenOf, type World } from '../fixtures/partner.js';
import { aSale, CREATE_SUBSCRIPTION, type Sale } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

const SHOWN = 'status endsAt identities { id numberFrom validFrom validTo trunk { name } }';
const TERMINATE = `mutation ($id: ID!, $at: DateTime, $key: String) {
  terminateSubscription(id: $id, at: $at, idempotencyKey: $key) { ${SHOWN} }
}`;
const WITHDRAW = `mutation ($id: ID!, $key: String) {
  withdrawTermination(id: $id, idempotencyKey: $key) { ${SHOWN} }
}`;
const SHOW = `query ($id: ID!) { subscription(id: $id) { ${SHOWN} } }`;
const LIST = `query ($filter: SubscriptionFilter!) {
  subscriptions(filter: $filter, first: 100) { nodes { id status } }
}`;
const FOR_NUMBER = `query ($number: String!, $at: DateTime) {
  subscriptionForNumber(number: $number, at: $at) { id }
}`;
const ADD = `mutation ($input: AddIdentityInput!) { addIdentity(input: $input) { ${SHOWN} } }`;
const END = `mutation ($id: ID!, $at: DateTime!) {
  endIdentity(identityId: $id, at: $at) { ${SHOWN} }
}`;
const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id }
}`;
const PLAN =
  'mutation ($input: CreateServicePlanInput!) { createServicePlan(input: $input) { id } }';
const TRUNK = 'mutation ($input: CreateTrunkInput!) { createTrunk(input: $input) { id } }';
const BLOCK = 'mutation ($input: BlockInput!) { blockSubscription(input: $input) { blocked } }';
const RELEASE = `mutation ($id: ID!) {
  releaseSubscription(subscriptionId: $id) { blocked }
}`;
const ERASE = `mutation ($input: RequestErasureInput!) {
  requestErasure(input: $input) { state }
}`;
const verb = (name: string) => `mutation ($id: ID!) { ${name}Subscription(id: $id) { status } }`;
const FROM = '2026-02-01T00:00:00.000Z';
const HOUR = 3_600_000;

let app: TestApp;
let world: World;
let sale: Sale;
let token: string;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  token = world.tokenA;
  sale = await aSale(app, world, world.resellerA, world.customerA);
});
afterAll(() => app.stop());

let serial = 0;
function freshNumber(): string {
  serial += 1;
  return String(493_100_000_000 + serial);
}

/** So many hours from now. */
const hours = (count: number) => new Date(app.clock.now().getTime() + count * HOUR).toISOString();
const justBefore = (at: string) => new Date(Date.parse(at) - 1).toISOString();

const input = (given: object) => ({ input: { ...sale, label: 'Line', startsAt: FROM, ...given } });
const create = (given: object = {}) => call(app, token, CREATE_SUBSCRIPTION, input(given));
const end = (id: string, at: string | null) => call(app, token, TERMINATE, { id, at });
const withdraw = (id: string) => call(app, token, WITHDRAW, { id });
const show = (id: string) => call(app, token, SHOW, { id });
const holder = async (number: string, at: string) =>
  (await call(app, token, FOR_NUMBER, { number, at }))?.id ?? null;
const add = (subscriptionId: string, given: object) => ({
  input: { subscriptionId, validFrom: FROM, ...given },
});
const times = (shown: Asked) =>
  shown.identities.map((one: Asked) => [one.validFrom, one.validTo]).sort();

async function listed(statuses: string[]): Promise<string[]> {
  const filter = { contractId: sale.contractId, statuses };
  const { nodes } = await call(app, token, LIST, { filter });
  for (const { status } of nodes) expect(statuses).toContain(status);
  return nodes.map(({ id }: { id: string }) => id);
}

/** The same user's time, later. */
async function goOn(ms: number): Promise<void> {
  app.clock.advance(ms);
  token = await tokenOf(app, world.resellerA);
  world = { ...world, hubToken: await tokenOf(app, world.hub) };
}

describe('an end that is still to come', () => {
  it('leaves the subscription as it is until then, and ends it by itself', async () => {
    const { id } = await create({ numbers: [freshNumber()] });
    const at = hours(1);
    const shown = { status: 'ACTIVE', endsAt: at, identities: [{ validTo: at }] };
    expect(await end(id, at)).toMatchObject(shown);
    expect(await call(app, token, verb('suspend'), { id })).toEqual({ status: 'SUSPENDED' });
    expect(await listed(['SUSPENDED'])).toEqual([id]);
    expect(await call(app, token, verb('resume'), { id })).toEqual({ status: 'ACTIVE' });
    const block = { input: { subscriptionId: id, reason: 'Fraud' } };
    expect(await call(app, token, BLOCK, block)).toEqual({ blocked: true });
    expect(await show(id)).toMatchObject({ ...shown, status: 'BLOCKED' });
    expect(await call(app, token, RELEASE, { id })).toEqual({ blocked: false });
    expect(await listed(['ACTIVE'])).toContain(id);
    const erase = { input: { subscriptionId: id, reason: 'Letter' } };
    expect(await refusal(app, token, ERASE, erase)).toBe('ERASURE_NOT_ENDED');
    expect(await listed(['TERMINATED'])).not.toContain(id);
    await goOn(HOUR);
    expect(await show(id)).toMatchObject({ ...shown, status: 'TERMINATED' });
    expect(await listed(['ACTIVE', 'SUSPENDED', 'BLOCKED'])).not.toContain(id);
    expect(await listed(['TERMINATED'])).toContain(id);
    const refused: [string, object, string][] = [
      [verb('suspend'), { id }, 'SUBSCRIPTION_TRANSITION_REFUSED'],
      [TERMINATE, { id, at: hours(1) }, 'SUBSCRIPTION_TRANSITION_REFUSED'],
      [TERMINATE, { id, at: null }, 'SUBSCRIPTION_TRANSITION_REFUSED'],
      [ADD, add(id, { number: freshNumber() }), 'SUBSCRIPTION_TRANSITION_REFUSED'],
      [WITHDRAW, { id }, 'TERMINATION_NOT_PLANNED'],
      [BLOCK, block, 'SUBSCRIPTION_NOT_ACTIVE'],
      [RELEASE, { id }, 'SUBSCRIPTION_NOT_BLOCKED'],
    ];
    for (const [operation, variables, code] of refused) {
      expect(await refusal(app, token, operation, variables), operation).toBe(code);
    }
    expect(await call(app, token, ERASE, erase)).toEqual({ state: 'REQUESTED' });
  });

  it('finds one suspended or blocked, too, and then it is neither', async () => {
    const [resting, blocked] = [await create(), await create()];
    await call(app, token, verb('suspend'), { id: resting.id });
    const reason = { subscriptionId: blocked.id, reason: 'Fraud' };
    await call(app, token, BLOCK, { input: reason });
    for (const { id } of [resting, blocked]) await end(id, hours(1));
    await goOn(HOUR);
    for (const { id } of [resting, blocked]) expect((await show(id)).status).toBe('TERMINATED');
    const { id } = resting;
    expect(await refusal(app, token, verb('resume'), { id })).toBe(
      'SUBSCRIPTION_TRANSITION_REFUSED',
    );
    const balance = 'query ($id: ID!) { creditBalance(subscriptionId: $id) { blocked } }';
    expect(await call(app, token, balance, { id: blocked.id })).toEqual({ blocked: false });
  });

  it('may be that of a subscription that has not begun, after its beginning', async () => {
    const startsAt = hours(2);
    const { id } = await create({ startsAt });
    for (const at of [null, startsAt]) {
      expect(await refusal(app, token, TERMINATE, { id, at })).toBe('TERMINATION_REFUSED');
    }
    const at = hours(3);
    expect(await end(id, at)).toMatchObject({ status: 'ACTIVE', endsAt: at });
  });

  it('is moved by asking again, to now as well, and taken back', async () => {
    const { id } = await create({ numbers: [freshNumber()] });
    expect(await refusal(app, token, WITHDRAW, { id })).toBe('TERMINATION_NOT_PLANNED');
    for (const at of [hours(5), hours(3), hours(8), hours(8)]) {
      const shown = { status: 'ACTIVE', endsAt: at, identities: [{ validTo: at }] };
      expect(await end(id, at)).toMatchObject(shown);
    }
    const open = { status: 'ACTIVE', endsAt: null, identities: [{ validTo: null }] };
    expect(await withdraw(id)).toMatchObject(open);
    expect(await refusal(app, token, WITHDRAW, { id })).toBe('TERMINATION_NOT_PLANNED');
    await end(id, hours(5));
    const ended = await end(id, null);
    expect(ended.status).toBe('TERMINATED');
    expect(ended.identities[0].validTo).toBe(ended.endsAt);
    expect(await refusal(app, token, WITHDRAW, { id })).toBe('TERMINATION_NOT_PLANNED');
  });

  it('frees numbers and trunks from then on and not before', async () => {
    const number = freshNumber();
    const name = { name: 'pbx-free', partnerId: world.customerA.globalId };
    await call(app, token, TRUNK, { input: name });
    const first = await create({ numbers: [number], trunks: [name.name] });
    const at = hours(4);
    await end(first.id, at);
    const refused = (given: object) => refusal(app, token, CREATE_SUBSCRIPTION, input(given));
    expect(await refused({ numbers: [number], startsAt: justBefore(at) })).toBe('NUMBER_TAKEN');
    expect(await refused({ trunks: [name.name], startsAt: justBefore(at) })).toBe('TRUNK_TAKEN');
    const given = { numbers: [number], trunks: [name.name], startsAt: at };
    const second = await create(given);
    expect(await holder(number, justBefore(at))).toBe(first.id);
    expect(await holder(number, at)).toBe(second.id);
  });
});

describe('identities of a subscription that will end', () => {
  it('go on as they would have, those in their own time and those to come', async () => {
    const { id } = await create({ numbers: [freshNumber()] });
    const [at, later, latest] = [hours(4), hours(6), hours(9)];
    const comes = freshNumber();
    const given = [
      { number: freshNumber(), validTo: hours(2) },
      { number: freshNumber(), validTo: later },
      { number: comes, validFrom: later, validTo: latest },
    ];
    for (const one of given) await call(app, token, ADD, add(id, one));
    const own = times(await show(id));
    expect(own).toEqual([
      [FROM, null],
      [FROM, given[0]?.validTo],
      [FROM, later],
      [later, latest],
    ]);
    const cut = [
      [FROM, given[0]?.validTo],
      [FROM, at],
      [FROM, at],
      [later, later],
    ];
    const having = async () =>
      (await call(app, token, LIST, { filter: { number: comes } })).nodes.length;
    expect(times(await end(id, at))).toEqual(cut);
    expect(await having()).toBe(0);
    expect(await holder(comes, later)).toBe(null);
    await end(id, hours(1));
    expect(times(await end(id, at))).toEqual(cut);
    const between = hours(7);
    const moved = times(await end(id, between));
    expect(moved.at(-1)).toEqual([later, between]);
    expect(await holder(comes, later)).toBe(id);
    expect(times(await withdraw(id))).toEqual(own);
    expect(await having()).toBe(1);
    // What has begun by the end stays as a line in its past; what had not is withdrawn for good.
    const past = await end(id, null);
    expect(past.identities.map((one: Asked) => one.validTo)).not.toContain(latest);
    expect(past.identities).toHaveLength(3);
  });

  it('can be added to its end, and end by themselves before it', async () => {
    const { id, identities } = await create({ numbers: [freshNumber()] });
    const [at, earlier] = [hours(4), hours(2)];
    await end(id, at);
    const late = add(id, { number: freshNumber(), validFrom: at });
    expect(await refusal(app, token, ADD, late)).toBe('INVALID_PERIOD');
    const number = freshNumber();
    const added = await call(app, token, ADD, add(id, { number }));
    expect(added.identities[1]).toMatchObject({ numberFrom: number, validTo: at });
    await call(app, token, ADD, add(id, { number: freshNumber(), validTo: hours(1) }));
    const beyond = { id: identities[0].id, at: hours(5) };
    expect(await refusal(app, token, END, beyond)).toBe('IDENTITY_NOT_ENDABLE');
    await call(app, token, END, { id: identities[0].id, at: earlier });
    const back = await withdraw(id);
    const own = back.identities.map((one: Asked) => one.validTo);
    expect(own.slice(0, 2)).toEqual([earlier, null]);
    expect(own[2]).not.toBe(null);
  });

  it('that would begin after it keep their time, or can be withdrawn themselves', async () => {
    const { id } = await create();
    const number = freshNumber();
    await call(app, token, ADD, add(id, { number, validFrom: hours(6) }));
    const { identities } = await end(id, hours(4));
    const { validFrom } = identities[0];
    // Else it could not be taken back any more.
    const { errors } = await app.graphql(ADD, add(id, { number }), token);
    expect(errors[0]?.extensions).toMatchObject({
      ...{ code: 'NUMBER_TAKEN', details: { numbers: [number] } },
    });
    const before = await call(app, token, ADD, add(id, { number, validTo: validFrom }));
    await call(app, token, END, { id: before.identities[1].id, at: hours(1) });
    expect((await withdraw(id)).identities[0]).toEqual({ ...identities[0], validTo: null });
    await end(id, hours(4));
    const left = await call(app, token, END, { id: identities[0].id, at: validFrom });
    expect(left.identities).toHaveLength(1);
    expect((await withdraw(id)).identities).toHaveLength(1);
  });
});

describe('an end that is moved on or taken back', () => {
  it('is refused where a number or trunk has gone to somebody', async () => {
    const [kept, number] = [freshNumber(), freshNumber()];
    const name = { name: 'pbx-gone', partnerId: world.customerA.globalId };
    await call(app, token, TRUNK, { input: name });
    const first = await create({ numbers: [kept, number] });
    const trunked = await create({ trunks: [name.name] });
    const [at, free] = [hours(4), hours(6)];
    for (const { id } of [first, trunked]) await end(id, at);
    const next = await create({ numbers: [number], trunks: [name.name], startsAt: free });
    const { id } = first;
    for (const [query, given] of [
      [WITHDRAW, { id }],
      [TERMINATE, { id, at: hours(7) }],
    ] as const) {
      const { errors, text } = await app.graphql(query, given, token);
      expect(errors[0]?.extensions).toMatchObject({
        code: 'NUMBER_TAKEN',
        details: { numbers: [number] },
      });
      expect(text).not.toContain(next.id);
    }
    expect(await refusal(app, token, WITHDRAW, { id: trunked.id })).toBe('TRUNK_TAKEN');
    expect(await show(id)).toMatchObject({ endsAt: at, identities: [{}, { validTo: at }] });
    // To where the other one begins there is room.
    expect((await end(id, free)).identities.map((one: Asked) => one.validTo)).toEqual([free, free]);
    await end(next.id, hours(9));
    // One that has ended by itself asks for nothing.
    await call(app, token, END, { id: first.identities[1].id, at: free });
    await end(id, hours(8));
    const { identities } = await withdraw(id);
    expect(identities.map((one: Asked) => one.validTo)).toEqual([null, free]);
  });

  it('lets a contract change its currency, and is refused with its plan after that', async () => {
    const { contractId, ...account } = await aSale(app, world, world.resellerA, world.customerA);
    const planOf = async (currency: string) => {
      const plan = { partnerId: world.resellerA.globalId, name: currency, currency };
      return (await call(app, token, PLAN, { input: plan })).id;
    };
    const [euros, dollars] = [await planOf('EUR'), await planOf('USD')];
    const number = freshNumber();
    const terms = { ...account, contractId, servicePlanId: euros };
    const { id } = await create({ ...terms, numbers: [number] });
    const at = hours(48);
    const { id: priceListId } = await aPriceList(app, token, world.resellerA, { currency: 'USD' });
    const change = {
      id: contractId,
      terms: { ...TERMS, currency: 'USD', validFrom: at, priceLists: [{ priceListId }] },
    };
    expect(await refusal(app, token, AMEND, change)).toBe('PLAN_CURRENCY');
    await end(id, hours(49));
    expect(await refusal(app, token, AMEND, change)).toBe('PLAN_CURRENCY');
    await end(id, at);
    await call(app, token, AMEND, change);
    const { errors } = await app.graphql(WITHDRAW, { id }, token);
    expect(errors[0]?.extensions).toEqual({
      code: 'PLAN_CURRENCY',
      details: { contract: 'USD', servicePlan: 'EUR', from: at },
    });
    const on = { id, at: hours(72) };
    expect(await refusal(app, token, TERMINATE, on)).toBe('PLAN_CURRENCY');
    await end(id, hours(24));
    expect((await end(id, at)).endsAt).toBe(at);
    const anew = { ...terms, servicePlanId: dollars, numbers: [number], startsAt: at };
    const next = await create(anew);
    expect([await holder(number, justBefore(at)), await holder(number, at)]).toEqual([id, next.id]);
  });

  it('goes on in two currencies where it has been held in both', async () => {
    const { contractId, accountId } = await aSale(app, world, world.resellerA, world.customerA);
    const plan = { partnerId: world.resellerA.globalId, name: 'Old', currency: 'USD' };
    const { id: servicePlanId } = await call(app, token, PLAN, { input: plan });
    const { id } = await create({ contractId, accountId });
    await write((tx) =>
      tx.query('UPDATE subscription SET service_plan_id = $2 WHERE id = $1', [
        rowNumber('Subscription', id),
        rowNumber('ServicePlan', servicePlanId),
      ]),
    );
    await end(id, hours(4));
    expect((await withdraw(id)).endsAt).toBe(null);
  });

  it('is done once for one key', async () => {
    const { id } = await create();
    const [one, other] = [
      { id, at: hours(4), key: 'end-1' },
      { id, at: hours(5), key: 'end-1' },
    ];
    const ended = await call(app, token, TERMINATE, one);
    const back = await call(app, token, WITHDRAW, { id, key: 'end-2' });
    expect(back.endsAt).toBe(null);
    // The same request again takes nothing away that came after it.
    expect(await call(app, token, TERMINATE, one)).toEqual({ ...ended, endsAt: null });
    expect(await call(app, token, WITHDRAW, { id, key: 'end-2' })).toEqual(back);
    expect(await refusal(app, token, TERMINATE, other)).toBe('IDEMPOTENCY_KEY_REUSED');
  });
});

const write = (work: (tx: Tx) => Promise<unknown>) => app.app.database.write(SYSTEM_SCOPE, work);

describe('two at the same moment', () => {
  it('leave the identities with the end that the subscription has', async () => {
    const { id } = await create({ numbers: [freshNumber(), freshNumber()] });
    const asked = [1, 2, 3, 4, 5, 6].flatMap((count) => [
      app.graphql(TERMINATE, { id, at: hours(count) }, token),
      app.graphql(WITHDRAW, { id }, token),
    ]);
    for (const { codes } of await Promise.all(asked)) {
      expect([[], ['TERMINATION_NOT_PLANNED']]).toContainEqual([...codes]);
    }
    const { endsAt, identities } = await show(id);
    expect(identities.map((one: Asked) => one.validTo)).toEqual([endsAt, endsAt]);
  });

  it('give a number to one of both that want it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const number = freshNumber();
      const { id } = await create({ numbers: [number] });
      const at = hours(4);
      await end(id, at);
      const [back, next] = await Promise.all([
        app.graphql(WITHDRAW, { id }, token),
        app.graphql(CREATE_SUBSCRIPTION, input({ numbers: [number], startsAt: at }), token),
      ]);
      const codes = [back, next].map((answer) => answer.codes.join());
      expect(codes.sort()).toEqual(['', 'NUMBER_TAKEN']);
    }
  });

  it('wait for who amends the contract, and meet the new terms', async () => {
    const { contractId, ...account } = await aSale(app, world, world.resellerA, world.customerA);
    const plan = { partnerId: world.resellerA.globalId, name: 'Waits', currency: 'EUR' };
    const { id: servicePlanId } = await call(app, token, PLAN, { input: plan });
    const { id } = await create({ ...account, contractId, servicePlanId });
    const at = hours(4);
    await end(id, at);
    const { id: priceListId } = await aPriceList(app, token, world.resellerA);
    const terms = { ...TERMS, validFrom: at, priceLists: [{ priceListId }] };
    await call(app, token, AMEND, { id: contractId, terms });
    let asked: Promise<string> = Promise.resolve('');
    await write(async (tx) => {
      const contract = rowNumber('Contract', contractId);
      await tx.query('SELECT 1 FROM contract WHERE id = $1 FOR UPDATE', [contract]);
      await tx.query(
        `UPDATE contract_version SET currency = 'USD' WHERE contract_id = $1 AND valid_from = $2`,
        [contract, at],
      );
      asked = refusal(app, token, WITHDRAW, { id });
      await delay(300);
    });
    expect(await asked).toBe('PLAN_CURRENCY');
  });

  it('wait for who bills the contract, who then sees the subscription', async () => {
    const { id } = await create();
    let asked: Promise<Asked> = Promise.resolve();
    await write(async (tx) => {
      await tx.query('SELECT 1 FROM contract WHERE id = $1 FOR UPDATE', [
        rowNumber('Contract', sale.contractId),
      ]);
      asked = end(id, hours(4));
      await delay(300);
      // As a row does that names it; waiting for each other, one of both would be cut off.
      await tx.query('SELECT 1 FROM subscription WHERE id = $1 FOR KEY SHARE NOWAIT', [
        rowNumber('Subscription', id),
      ]);
    });
    expect((await asked).endsAt).not.toBe(null);
  });
});

it('is planned and taken back by the side that sells, with the permission, alone', async () => {
  const { id } = await create();
  await end(id, hours(4));
  const customer = await tokenOf(app, world.customerA);
  const reader = await tokenOf(app, world.resellerA, ['subscription.read']);
  const asked: [string, object][] = [
    [TERMINATE, { id, at: hours(2) }],
    [WITHDRAW, { id }],
  ];
  for (const [operation, variables] of asked) {
    expect(await refusal(app, customer, operation, variables)).toBe('NOT_SELLER');
    expect(await refusal(app, await tokenOf(app, world.resellerB), operation, variables)).toBe(
      'NOT_FOUND',
    );
    expect(await refusal(app, reader, operation, variables)).toBe('FORBIDDEN');
  }
  expect((await show(id)).endsAt).not.toBe(null);
});
