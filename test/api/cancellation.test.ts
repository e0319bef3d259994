import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList } from '../fixtures/catalog.js';
import { BILL } from '../fixtures/fee-documents.js';
import { aWorld, call, refusal, TERMS, tokenOf, type World } from '../fixtures/partner.js';
import { aSale, CREATE_SUBSCRIPTION, type Sale } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

const SHOWN = 'status startsAt endsAt identities { numberFrom validFrom validTo trunk { name } }';
const CANCEL = `mutation ($id: ID!, $key: String) {
  cancelSubscription(id: $id, idempotencyKey: $key) { ${SHOWN} }
}`;
const TERMINATE = `mutation ($id: ID!, $at: DateTime) {
  terminateSubscription(id: $id, at: $at) { ${SHOWN} }
}`;
const WITHDRAW = `mutation ($id: ID!) { withdrawTermination(id: $id) { ${SHOWN} } }`;
const SHOW = `query ($id: ID!) { subscription(id: $id) { ${SHOWN} } }`;
const LIST = `query ($filter: SubscriptionFilter!) {
  subscriptions(filter: $filter, first: 100) { nodes { id status } }
}`;
const FOR_NUMBER = `query ($number: String!, $at: DateTime) {
  subscriptionForNumber(number: $number, at: $at) { id }
}`;
const ADD = `mutation ($input: AddIdentityInput!) { addIdentity(input: $input) { ${SHOWN} } }`;
const AMEND = `mutation ($id: ID!, $terms: ContractTermsInput!) {
  amendContract(contractId: $id, terms: $terms) { id }
}`;
const PLAN =
  'mutation ($input: CreateServicePlanInput!) { createServicePlan(input: $input) { id } }';
const TRUNK = 'mutation ($input: CreateTrunkInput!) { createTrunk(input: $input) { id } }';
const BLOCK = 'mutation ($input: BlockInput!) { blockSubscription(input: $input) { blocked } }';
const RELEASE = 'mutation ($id: ID!) { releaseSubscription(subscriptionId: $id) { blocked } }';
const ERASE = `mutation ($input: RequestErasureInput!) {
  requestErasure(input: $input) { state }
}`;
const verb = (name: string) => `mutation ($id: ID!) { ${name}Subscription(id: $id) { status } }`;
const REFUSED = 'SUBSCRIPTION_TRANSITION_REFUSED';
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
  return String(493_200_000_000 + serial);
}

/** So many hours from now. */
const hours = (count: number) => new Date(app.clock.now().getTime() + count * HOUR).toISOString();
const input = (given: object) => ({ input: { ...sale, label: 'Line', ...given } });
const create = (given: object = {}) =>
  call(app, token, CREATE_SUBSCRIPTION, input({ startsAt: hours(48), ...given }));
const cancel = (id: string) => call(app, token, CANCEL, { id });
const show = (id: string) => call(app, token, SHOW, { id });
const refused = (operation: string, variables: object) => refusal(app, token, operation, variables);
const holder = async (number: string, at: string) =>
  (await call(app, token, FOR_NUMBER, { number, at }))?.id ?? null;
const write = (sql: string, values: unknown[]) =>
  app.app.database.write(SYSTEM_SCOPE, (tx) => tx.query(sql, values));

async function listed(filter: object): Promise<[string, string][]> {
  const { nodes } = await call(app, token, LIST, {
    filter: { contractId: sale.contractId, ...filter },
  });
  return nodes.map(({ id, status }: Asked) => [id, status]);
}

async function aTrunk(name: string): Promise<string> {
  await call(app, token, TRUNK, { input: { name, partnerId: world.customerA.globalId } });
  return name;
}

async function aPlan(currency: string, fees: object[] = []): Promise<string> {
  serial += 1;
  const name = `Plan ${serial}`;
  const plan = { partnerId: world.resellerA.globalId, name, currency, fees };
  return (await call(app, token, PLAN, { input: plan })).id;
}

/** The same users, so much later. */
async function goOn(ms: number): Promise<void> {
  app.clock.advance(ms);
  token = await tokenOf(app, world.resellerA);
  world = { ...world, hubToken: await tokenOf(app, world.hub) };
}

describe('a subscription that is still to begin', () => {
  it('is cancelled for good, at once and whenever one looks', async () => {
    const { id, startsAt } = await create({ numbers: [freshNumber()] });
    const others = await create();
    const { identities, ...seen } = await cancel(id);
    expect(seen).toEqual({ status: 'CANCELLED', startsAt, endsAt: startsAt });
    expect(identities).toMatchObject([{ validFrom: startsAt, validTo: startsAt }]);
    const block = { input: { subscriptionId: id, reason: 'Fraud' } };
    const added = { subscriptionId: id, number: freshNumber(), validFrom: startsAt };
    const stays = async () => {
      expect(await show(id)).toEqual({ ...seen, identities });
      expect(await listed({ statuses: ['CANCELLED'] })).toContainEqual([id, 'CANCELLED']);
      const held = await listed({ statuses: ['ACTIVE', 'SUSPENDED', 'BLOCKED', 'TERMINATED'] });
      expect(held.map(([one]) => one)).not.toContain(id);
      expect(held).toContainEqual([others.id, 'ACTIVE']);
      const asked: [string, object, string][] = [
        [CANCEL, { id }, REFUSED],
        [TERMINATE, { id, at: hours(72) }, REFUSED],
        [TERMINATE, { id, at: null }, REFUSED],
        [verb('suspend'), { id }, REFUSED],
        [verb('resume'), { id }, REFUSED],
        [ADD, { input: added }, REFUSED],
        [WITHDRAW, { id }, 'TERMINATION_NOT_PLANNED'],
        [BLOCK, block, 'SUBSCRIPTION_NOT_ACTIVE'],
        [RELEASE, { id }, 'SUBSCRIPTION_NOT_BLOCKED'],
      ];
      for (const [operation, variables, code] of asked) {
        expect([operation, await refused(operation, variables)]).toEqual([operation, code]);
      }
    };
    await stays();
    await goOn(49 * HOUR);
    await stays();
  });

  it('is cancelled also when it rests, is blocked, or has an end', async () => {
    const [resting, blocked, ending] = [await create(), await create(), await create()];
    await call(app, token, verb('suspend'), { id: resting.id });
    await call(app, token, BLOCK, { input: { subscriptionId: blocked.id, reason: 'Fraud' } });
    await call(app, token, TERMINATE, { id: ending.id, at: hours(96) });
    for (const { id, startsAt } of [resting, blocked, ending]) {
      expect(await cancel(id)).toMatchObject({ status: 'CANCELLED', endsAt: startsAt });
    }
    expect(await refused(RELEASE, { id: blocked.id })).toBe('SUBSCRIPTION_NOT_BLOCKED');
  });

  it('leaves its numbers and trunks to others at once, whenever they were to begin', async () => {
    const numbers = [freshNumber(), freshNumber(), `${freshNumber()}-${freshNumber()}`];
    const late = freshNumber();
    const early = freshNumber();
    const ended = freshNumber();
    const trunks = [await aTrunk('pbx-cancelled')];
    const startsAt = hours(48);
    const { id } = await create({ numbers, trunks, startsAt });
    const spans = [
      { number: early, validFrom: '2026-02-01T00:00:00.000Z' },
      { number: late, validFrom: hours(72) },
      { number: ended, validFrom: startsAt, validTo: hours(49) },
    ];
    for (const span of spans) {
      await call(app, token, ADD, { input: { subscriptionId: id, ...span } });
    }
    // What waits behind a planned end is given up like all else.
    await call(app, token, TERMINATE, { id, at: hours(50) });
    const wanted = { numbers: [...numbers, early, late, ended], trunks, startsAt };
    expect(await refused(CREATE_SUBSCRIPTION, input(wanted))).toBe('NUMBER_TAKEN');
    expect(await refused(CREATE_SUBSCRIPTION, input({ trunks, startsAt }))).toBe('TRUNK_TAKEN');
    expect(await holder(early, hours(0))).toBe(id);
    const { identities } = await cancel(id);
    expect(identities).toHaveLength(7);
    for (const one of identities) expect(one.validTo).toBe(one.validFrom);
    expect(await holder(early, hours(0))).toBe(null);
    const kept = `SELECT own_valid_to AS own FROM subscription_identity
      WHERE subscription_id = $1 AND own_valid_to <> 'infinity'`;
    expect(await write(kept, [rowNumber('Subscription', id)])).toEqual([
      { own: new Date(spans[2]?.validTo ?? 0) },
    ]);
    const next = await create(wanted);
    expect(await holder(early, startsAt)).toBe(next.id);
    // It has never had any.
    expect(await listed({ number: late })).toEqual([[next.id, 'ACTIVE']]);
  });

  it('lets a prepared change of currency be taken back', async () => {
    const { contractId, accountId } = await aSale(app, world, world.resellerA, world.customerA);
    const number = freshNumber();
    const line = { contractId, accountId, numbers: [number] };
    const servicePlanId = await aPlan('EUR');
    const first = await create({ ...line, servicePlanId, startsAt: '2026-02-01T00:00:00.000Z' });
    const at = hours(48);
    await call(app, token, TERMINATE, { id: first.id, at });
    const amend = async (currency: string, validFrom = at) => {
      const { id } = await aPriceList(app, token, world.resellerA, { currency });
      const terms = { ...TERMS, currency, validFrom, priceLists: [{ priceListId: id }] };
      return { id: contractId, terms };
    };
    await call(app, token, AMEND, await amend('USD'));
    const next = await create({ ...line, servicePlanId: await aPlan('USD'), startsAt: at });
    // Also from before it was to begin.
    const euros = await amend('EUR', hours(47));
    expect(await refused(AMEND, euros)).toBe('PLAN_CURRENCY');
    await cancel(next.id);
    await call(app, token, AMEND, euros);
    const back = await call(app, token, WITHDRAW, { id: first.id });
    expect(back).toMatchObject({ status: 'ACTIVE', endsAt: null, identities: [{ validTo: null }] });
    expect(await holder(number, at)).toBe(first.id);
    // Both ways: what is cancelled is in the way of no terms.
    await call(app, token, TERMINATE, { id: first.id, at });
    await call(app, token, AMEND, await amend('USD'));
  });

  it('may be forgotten, with the numbers that it was to have', async () => {
    const number = freshNumber();
    const { id } = await create({ numbers: [number] });
    const erase = { input: { subscriptionId: id, reason: 'Letter' } };
    expect(await refused(ERASE, erase)).toBe('ERASURE_NOT_ENDED');
    const { identities } = await cancel(id);
    expect(identities).toMatchObject([{ numberFrom: number }]);
    expect(await call(app, token, ERASE, erase)).toEqual({ state: 'REQUESTED' });
  });
});

describe('a subscription that has begun', () => {
  it('is refused, which says when, and stays as it is', async () => {
    const number = freshNumber();
    const { id, startsAt } = await create({ numbers: [number], startsAt: hours(0) });
    const { errors } = await app.graphql(CANCEL, { id }, token);
    expect(errors[0]?.extensions).toEqual({ code: 'CANCELLATION_REFUSED', details: { startsAt } });
    expect(await show(id)).toMatchObject({ status: 'ACTIVE', endsAt: null });
    expect(await holder(number, hours(1))).toBe(id);
    await call(app, token, TERMINATE, { id, at: hours(2) });
    expect(await refused(CANCEL, { id })).toBe('CANCELLATION_REFUSED');
    await call(app, token, TERMINATE, { id, at: null });
    expect(await refused(CANCEL, { id })).toBe(REFUSED);
    expect((await show(id)).status).toBe('TERMINATED');
  });

  it('is refused also where it began while its contract was billed', async () => {
    const { id } = await create({ startsAt: new Date(app.clock.now().getTime() + 500) });
    let asked: Promise<string> = Promise.resolve('');
    await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query('SELECT 1 FROM contract WHERE id = $1 FOR UPDATE', [
        rowNumber('Contract', sale.contractId),
      ]);
      asked = refused(CANCEL, { id });
      await delay(700);
    });
    expect(await asked).toBe('CANCELLATION_REFUSED');
  });

  it('is told from one that is to begin to the microsecond of the database', async () => {
    const one = await create({ startsAt: hours(3) });
    await write(
      `UPDATE subscription SET starts_at = starts_at + interval '7 microseconds' WHERE id = $1`,
      [rowNumber('Subscription', one.id)],
    );
    expect((await cancel(one.id)).status).toBe('CANCELLED');
    expect(await listed({ statuses: ['CANCELLED'] })).toContainEqual([one.id, 'CANCELLED']);
  });
});

describe('cancelling twice', () => {
  it('is done once for one key', async () => {
    const [{ id }, other] = [await create(), await create()];
    const asked = { id, key: 'cancel-1' };
    const first = await call(app, token, CANCEL, asked);
    expect(await call(app, token, CANCEL, asked)).toEqual(first);
    expect(await refused(CANCEL, { id: other.id, key: 'cancel-1' })).toBe('IDEMPOTENCY_KEY_REUSED');
    expect((await show(other.id)).status).toBe('ACTIVE');
  });

  it('at the same moment is once, with an end or a number that is given meanwhile', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [number, added] = [freshNumber(), freshNumber()];
      const { id, startsAt } = await create({ numbers: [number] });
      const add = { subscriptionId: id, number: added, validFrom: startsAt };
      const [one, two, end, more] = await Promise.all([
        app.graphql(CANCEL, { id }, token),
        app.graphql(CANCEL, { id }, token),
        app.graphql(TERMINATE, { id, at: hours(72) }, token),
        app.graphql(ADD, { input: add }, token),
      ]);
      expect([one, two].map(({ codes }) => codes.join()).sort()).toEqual(['', REFUSED]);
      for (const { codes } of [end, more]) expect(['', REFUSED]).toContain(codes.join());
      const { status, endsAt, identities } = await show(id);
      expect([status, endsAt]).toEqual(['CANCELLED', startsAt]);
      for (const { validTo } of identities) expect(validTo).toBe(startsAt);
      await create({ numbers: [number, added], startsAt });
    }
  });

  it('gives a number to whoever asks for it meanwhile, or refuses him', async () => {
    for (let round = 0; round < 5; round += 1) {
      const number = freshNumber();
      const { id, startsAt } = await create({ numbers: [number] });
      const wanted = input({ numbers: [number], startsAt });
      const [gone, next] = await Promise.all([
        app.graphql(CANCEL, { id }, token),
        app.graphql(CREATE_SUBSCRIPTION, wanted, token),
      ]);
      expect(gone.codes).toEqual([]);
      expect(['', 'NUMBER_TAKEN']).toContain(next.codes.join());
      if (next.codes.length > 0) await call(app, token, CREATE_SUBSCRIPTION, wanted);
      expect(await holder(number, startsAt)).not.toBe(null);
    }
  });
});

it('is done by the side that sells, with the permission, alone', async () => {
  const { id } = await create();
  const customer = await tokenOf(app, world.customerA);
  const reader = await tokenOf(app, world.resellerA, ['subscription.read']);
  const stranger = await tokenOf(app, world.resellerB);
  expect(await refusal(app, customer, CANCEL, { id })).toBe('NOT_SELLER');
  expect(await refusal(app, stranger, CANCEL, { id })).toBe('NOT_FOUND');
  expect(await refusal(app, reader, CANCEL, { id })).toBe('FORBIDDEN');
  expect((await show(id)).status).toBe('ACTIVE');
  const keeper = await tokenOf(app, world.resellerA, ['subscription.manage']);
  expect((await call(app, keeper, CANCEL, { id })).status).toBe('CANCELLED');
});

it('leaves nothing to bill, and no month that could not be billed', async () => {
  const fee = { name: 'Setup', kind: 'ONE_TIME', amount: '9', validFrom: '2026-01-01T00:00:00Z' };
  const servicePlanId = await aPlan('EUR', [fee]);
  const [mistaken, meant] = [await create({ servicePlanId }), await create({ servicePlanId })];
  const period = mistaken.startsAt.slice(0, 7);
  await cancel(mistaken.id);
  const bill = { input: { period } };
  expect(await refused(BILL, bill)).toBe('BILL_PERIOD_NOT_OVER');
  await cancel(meant.id);
  expect(await refused(BILL, bill)).toBe('NOTHING_TO_BILL');
  await goOn(70 * 24 * HOUR);
  expect(await refused(BILL, bill)).toBe('NOTHING_TO_BILL');
});

it('is the shortest time, without a plan, where the database knows no empty one', async () => {
  const { id } = await create({ servicePlanId: await aPlan('EUR') });
  const shown = await cancel(id);
  const owner = new pg.Client(app.database.urls.ownerUrl);
  await owner.connect();
  try {
    await owner.query('BEGIN');
    const runner = { query: (sql: string) => owner.query(sql) } as unknown as QueryRunner;
    const file = await import('../../migrations/1763700025550-cancel-subscriptions.js');
    const migration = new file.CancelSubscriptions1763700025550();
    await migration.down(runner);
    await owner.query(
      "SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL)",
    );
    const { rows } = await owner.query(
      `SELECT ends_at - starts_at = interval '1 millisecond' AS brief, service_plan_id AS plan,
         ends_at >= $2::timestamptz AS planned FROM subscription WHERE id = $1`,
      [rowNumber('Subscription', id), shown.startsAt],
    );
    expect(rows).toEqual([{ brief: true, plan: null, planned: true }]);
    await migration.up(runner);
  } finally {
    await owner.query('ROLLBACK');
    await owner.end();
  }
});
