import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { CREATE_DESTINATION } from '../fixtures/catalog.js';
import { aWorld, call, refusal, tokenOf, type World } from '../fixtures/partner.js';
import {
  ADD_MEMBER,
  aPlan,
  bonusInput,
  bucketInput,
  CHANGE_BUCKET,
  CREATE_BONUS,
  CREATE_BUCKET,
  CREATE_GROUP,
  CREATE_RULE,
  RULE_FIELDS,
  ruleInput,
} from '../fixtures/pricing.js';
import { aSale, CREATE_SUBSCRIPTION, type Sale } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const END_MEMBER = `mutation ($id: ID!, $at: DateTime!) {
  endGroupMember(memberId: $id, at: $at) { validTo supersededAt }
}`;
const MEMBERS = `query ($id: ID!, $at: DateTime, $known: DateTime) {
  groupMembers(groupId: $id, asOf: $at, asKnownAt: $known) { nodes { partner { id } validTo } }
}`;
const CHANGE_RULE = `mutation ($id: ID!, $rule: PriceRuleInput!, $key: String) {
  changePriceRule(id: $id, rule: $rule, idempotencyKey: $key) { ${RULE_FIELDS} }
}`;
const CLOSE_RULE = `mutation ($id: ID!, $at: DateTime!) {
  closePriceRule(id: $id, at: $at) { ${RULE_FIELDS} }
}`;
const RULE = `query ($id: ID!, $at: DateTime, $known: DateTime) {
  priceRule(id: $id, asOf: $at, asKnownAt: $known) { ${RULE_FIELDS} }
}`;
const RULES = `query ($filter: PriceRuleFilter! = {}, $at: DateTime, $known: DateTime) {
  priceRules(filter: $filter, asOf: $at, asKnownAt: $known) {
    nodes { id amount validFrom validTo }
  }
}`;
const BUCKET = `query ($id: ID!, $at: DateTime, $known: DateTime) {
  bucket(id: $id, asOf: $at, asKnownAt: $known) { id amount validFrom validTo }
}`;
const BUCKETS = `query ($filter: AllowanceFilter! = {}, $at: DateTime, $known: DateTime) {
  buckets(filter: $filter, asOf: $at, asKnownAt: $known) { nodes { id amount } }
}`;
const CLOSE_BUCKET = `mutation ($id: ID!, $at: DateTime!) {
  closeBucket(id: $id, at: $at) { validTo supersededAt }
}`;
const CHANGE_BONUS = `mutation ($id: ID!, $rule: BonusRuleInput!) {
  changeBonusRule(id: $id, rule: $rule) { id measure threshold }
}`;
const CLOSE_BONUS = `mutation ($id: ID!, $at: DateTime!) {
  closeBonusRule(id: $id, at: $at) { id validTo supersededAt }
}`;
const BONUSES = `query ($filter: AllowanceFilter! = {}, $at: DateTime) {
  bonusRules(filter: $filter, asOf: $at) { nodes { id bucketId } }
}`;

let app: TestApp;
let world: World;
let retail: Sale;
let wholesale: Sale;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  retail = await aSale(app, world, world.resellerA, world.customerA);
  wholesale = await aSale(app, world, world.hub, world.resellerA, 'WHOLESALE');
});
afterAll(() => app.stop());

const now = () => new Date().toISOString();
/** Recorded times are whole microseconds, instants of the API whole milliseconds. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 3));
const JULY = '2026-07-01T00:00:00Z';
const aRule = (given: object = {}) =>
  call(app, world.tokenA, CREATE_RULE, {
    partner: world.resellerA.globalId,
    rule: ruleInput(given),
  });
const groupInput = (name: string) => ({ partnerId: world.resellerA.globalId, name });

describe('customer groups', () => {
  it('have members for a time, which is ended and never edited', async () => {
    const input = groupInput('Gold');
    const { id: groupId } = await call(app, world.tokenA, CREATE_GROUP, { input });
    expect(await refusal(app, world.tokenA, CREATE_GROUP, { input })).toBe(
      'CUSTOMER_GROUP_NAME_TAKEN',
    );
    const member = {
      groupId,
      partnerId: world.customerA.globalId,
      validFrom: '2026-01-01T00:00:00Z',
    };
    const added = await call(app, world.tokenA, ADD_MEMBER, { input: member });
    expect(added).toMatchObject({ group: { id: groupId }, validTo: null });
    expect(await refusal(app, world.tokenA, ADD_MEMBER, { input: member })).toBe(
      'GROUP_MEMBER_TWICE',
    );
    await tick();
    const before = now();
    await tick();
    const end = { id: added.id, at: JULY };
    expect(await call(app, world.tokenA, END_MEMBER, end)).toMatchObject({
      validTo: '2026-07-01T00:00:00.000Z',
    });
    expect(await refusal(app, world.tokenA, END_MEMBER, end)).toBe('VERSION_NOT_CLOSABLE');
    const members = async (at: string, known: string | null = null) =>
      (await call(app, world.tokenA, MEMBERS, { id: groupId, at, known })).nodes.length;
    expect(await members('2026-06-30T23:59:59Z')).toBe(1);
    expect(await members(JULY)).toBe(0);
    expect(await members(JULY, before)).toBe(1);
    await call(app, world.tokenA, ADD_MEMBER, { input: { ...member, validFrom: JULY } });
    expect(await members(JULY)).toBe(1);
  });

  it('take buyers of the seller alone and are seen by the seller alone', async () => {
    const { id } = await call(app, world.tokenA, CREATE_GROUP, { input: groupInput('Own') });
    const member = (partner: string) => ({
      input: { groupId: id, partnerId: partner, validFrom: JULY },
    });
    const add = (token: string, partner: string) =>
      refusal(app, token, ADD_MEMBER, member(partner));
    expect(await add(world.hubToken, world.resellerB.globalId)).toBe('GROUP_MEMBER_REFUSED');
    expect(await add(world.tokenA, world.resellerB.globalId)).toBe('NOT_FOUND');
    expect(await add(world.tokenB, world.customerA.globalId)).toBe('NOT_FOUND');
    expect(await refusal(app, world.tokenB, MEMBERS, { id })).toBe('NOT_FOUND');
    const backwards = member(world.customerA.globalId);
    const input = { ...backwards.input, validTo: '2026-06-01T00:00:00Z' };
    expect(await refusal(app, world.tokenA, ADD_MEMBER, { input })).toBe('INVALID_PERIOD');
    const one = 'query ($id: ID!) { customerGroup(id: $id) { id } }';
    const customer = await tokenOf(app, world.customerA);
    expect(await call(app, customer, one, { id })).toBeNull();
    expect(await call(app, world.tokenB, one, { id })).toBeNull();
  });
});

describe('price rules', () => {
  it('say whom and what they are for', async () => {
    const { id: groupId } = await call(app, world.tokenA, CREATE_GROUP, {
      input: groupInput('Silver'),
    });
    const destination = await call(app, world.hubToken, CREATE_DESTINATION, {
      input: { name: 'France', prefixes: ['33'] },
    });
    const subscription = await call(app, world.tokenA, CREATE_SUBSCRIPTION, {
      input: { ...retail, label: 'Line', startsAt: '2026-01-01T00:00:00Z' },
    });
    const plain = {
      type: 'SURCHARGE',
      effect: 'FIXED',
      priority: 7,
      level: 'RETAIL',
      subscriptionId: subscription.id,
      service: 'VOICE',
      weekdays: ['SATURDAY', 'SUNDAY'],
      from: '08:00',
      to: '24:00',
      measure: 'QUANTITY',
      volumeScope: 'SUBSCRIPTION',
      period: 'DAY',
    };
    const amounts = { amount: '0.05', volumeFrom: '60', volumeTo: '600', cap: '5' };
    const named = {
      customerGroupId: groupId,
      buyerId: world.customerA.globalId,
      contractId: retail.contractId,
      destinationIds: [destination.id, destination.id],
    };
    expect(await aRule({ ...plain, ...amounts, ...named })).toMatchObject({
      ...plain,
      amount: '0.05000000',
      volumeFrom: '60.00000000',
      volumeTo: '600.00000000',
      cap: '5.00000000',
      partner: { id: world.resellerA.globalId },
      customerGroup: { id: groupId },
      buyer: { id: world.customerA.globalId },
      contract: { id: retail.contractId },
      destinations: [{ id: destination.id }],
    });
  });

  it('change from an instant on under one id, and tell what was known before', async () => {
    const { id } = await aRule();
    await tick();
    const before = now();
    await tick();
    const rule = ruleInput({ amount: '20', validFrom: JULY });
    const changed = await call(app, world.tokenA, CHANGE_RULE, { id, rule, key: 'twenty' });
    expect(changed).toMatchObject({ id, amount: '20.00000000', validTo: null });
    await call(app, world.tokenA, CHANGE_RULE, { id, rule, key: 'twenty' });
    const amount = async (at: string | null, known: string | null = null) =>
      (await call(app, world.tokenA, RULE, { id, at, known }))?.amount ?? null;
    expect(await amount('2026-06-30T23:59:59Z')).toBe('10.00000000');
    expect(await amount(JULY)).toBe('20.00000000');
    expect(await amount(null)).toBe('20.00000000');
    expect(await amount(JULY, before)).toBe('10.00000000');
    expect(await amount('2025-12-31T23:59:59Z')).toBeNull();
    const own = { filter: { partnerId: world.resellerA.globalId, type: 'DISCOUNT' } };
    const listed = (await call(app, world.tokenA, RULES, own)).nodes.filter(
      (node: { id: string }) => node.id === id,
    );
    expect(listed).toMatchObject([
      { amount: '10.00000000', validTo: '2026-07-01T00:00:00.000Z' },
      { amount: '20.00000000', validTo: null },
    ]);
  });

  it('replace planned versions, end, and are withdrawn', async () => {
    const { id } = await aRule();
    const change = (amount: string, validFrom: string) =>
      call(app, world.tokenA, CHANGE_RULE, { id, rule: ruleInput({ amount, validFrom }) });
    await change('20', '2026-09-01T00:00:00Z');
    await change('30', JULY);
    const rules = async (at: string) =>
      (await call(app, world.tokenA, RULES, { at })).nodes.filter(
        (node: { id: string }) => node.id === id,
      );
    expect(await rules('2026-10-01T00:00:00Z')).toMatchObject([{ amount: '30.00000000' }]);
    const close = (at: string) => call(app, world.tokenA, CLOSE_RULE, { id, at });
    expect(await close('2026-08-01T00:00:00Z')).toMatchObject({
      amount: '30.00000000',
      validTo: '2026-08-01T00:00:00.000Z',
      supersededAt: null,
    });
    const late = { id, at: '2026-08-01T00:00:00Z' };
    expect(await refusal(app, world.tokenA, CLOSE_RULE, late)).toBe('VERSION_NOT_CLOSABLE');
    expect(await close('2026-01-01T00:00:00Z')).toMatchObject({ supersededAt: expect.any(String) });
    expect(await rules('2026-06-01T00:00:00Z')).toEqual([]);
    expect(await call(app, world.tokenA, RULE, { id })).toBeNull();
  });

  it.each([
    ['measure', { measure: 'AMOUNT' }],
    ['measure', { measure: null }],
    ['volumeScope', { volumeScope: 'SUBSCRIPTION' }],
    ['type', { type: 'SURCHARGE' }],
    ['period', { period: 'DAY' }],
  ])('keep their %s in all versions, since its counter runs on', async (field, other) => {
    const { id } = await aRule({ measure: 'QUANTITY' });
    const change = (given: object) => ({
      id,
      rule: ruleInput({ measure: 'QUANTITY', amount: '20', validFrom: JULY, ...given }),
    });
    const answer = await app.graphql(CHANGE_RULE, change(other), world.tokenA);
    expect(answer.errors[0]?.extensions).toMatchObject({
      code: 'PRICE_RULE_REFUSED',
      details: { field },
    });
    expect((await call(app, world.tokenA, RULE, { id })).amount).toBe('10.00000000');
    await call(app, world.tokenA, CHANGE_RULE, change({}));
  });

  it('has one version at any instant when twenty changes come at once', async () => {
    const { id } = await aRule();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const rule = ruleInput({ amount: String(i + 1), validFrom: JULY });
        return app.graphql(CHANGE_RULE, { id, rule }, world.tokenA);
      }),
    );
    expect(answers.flatMap((answer) => answer.codes)).toEqual([]);
    const { nodes } = await call(app, world.tokenA, RULES, { at: JULY });
    expect(nodes.filter((node: { id: string }) => node.id === id)).toHaveLength(1);
  });

  it.each([
    ['an amount of nothing', { amount: '0' }, 'PRICE_RULE_REFUSED'],
    ['an empty time', { from: '', to: '' }, 'TIME_BANDS_REFUSED'],
    ['a time that is none', { from: '8:00', to: '18:00' }, 'TIME_BANDS_REFUSED'],
    ['a time over midnight', { from: '22:00', to: '06:00' }, 'PRICE_RULE_REFUSED'],
    ['an end before its beginning', { validTo: '2025-01-01T00:00:00Z' }, 'INVALID_PERIOD'],
    ['a contract of another seller', () => ({ contractId: wholesale.contractId }), 'NOT_OF_OWNER'],
    [
      'a destination that does not exist',
      { destinationIds: [nowhere('Destination')] },
      'NOT_FOUND',
    ],
    ['a group that does not exist', { customerGroupId: nowhere('CustomerGroup') }, 'NOT_FOUND'],
    ['a line that does not exist', { subscriptionId: nowhere('Subscription') }, 'NOT_FOUND'],
  ])('refuse %s', async (_, given, code) => {
    const rule = ruleInput(typeof given === 'function' ? given() : given);
    const partner = world.resellerA.globalId;
    expect(await refusal(app, world.tokenA, CREATE_RULE, { partner, rule })).toBe(code);
  });

  it('are out of reach for other tenants and for readers', async () => {
    const { id } = await aRule();
    const partner = world.resellerA.globalId;
    expect(await refusal(app, world.tokenB, CREATE_RULE, { partner, rule: ruleInput() })).toBe(
      'NOT_FOUND',
    );
    const change = { id, rule: ruleInput() };
    expect(await refusal(app, world.tokenB, CHANGE_RULE, change)).toBe('NOT_FOUND');
    expect(await refusal(app, world.tokenB, CLOSE_RULE, { id, at: JULY })).toBe('NOT_FOUND');
    expect(await call(app, world.tokenB, RULE, { id })).toBeNull();
    expect((await call(app, world.tokenB, RULES)).nodes).toEqual([]);
    const customer = await tokenOf(app, world.customerA);
    expect((await call(app, customer, RULES)).nodes).toEqual([]);
    const reader = await tokenOf(app, world.resellerA, ['catalog.read']);
    expect(await refusal(app, reader, CHANGE_RULE, change)).toBe('FORBIDDEN');
    const nobody = await tokenOf(app, world.resellerA, []);
    expect(await refusal(app, nobody, RULES)).toBe('FORBIDDEN');
  });

  it('of a supplier are kept by the hub', async () => {
    const rule = { partner: world.supplier.globalId, rule: ruleInput({ level: 'COST' }) };
    const supplier = await tokenOf(app, world.supplier);
    expect(await refusal(app, supplier, CREATE_RULE, rule)).toBe('PRICE_LIST_READ_ONLY');
    const { id } = await call(app, world.hubToken, CREATE_RULE, rule);
    const close = { id, at: JULY };
    expect(await refusal(app, supplier, CLOSE_RULE, close)).toBe('PRICE_LIST_READ_ONLY');
  });
});

describe('buckets and bonus rules', () => {
  it('belong to a plan or a contract of their seller', async () => {
    const plan = await aPlan(app, world.tokenA, world.resellerA);
    const ofPlan = { target: { servicePlanId: plan.id }, bucket: bucketInput(), key: 'bucket' };
    const bucket = await call(app, world.tokenA, CREATE_BUCKET, ofPlan);
    expect(bucket).toMatchObject({
      kind: 'UNITS',
      amount: '6000.00000000',
      sharing: 'SUBSCRIPTION',
      services: ['VOICE'],
      rolloverCap: null,
      servicePlan: { id: plan.id },
      contract: null,
      destinations: null,
    });
    expect((await call(app, world.tokenA, CREATE_BUCKET, ofPlan)).id).toBe(bucket.id);
    const money = bucketInput({
      kind: 'MONEY',
      amount: '9.99',
      services: ['ANY'],
      sharing: 'ACCOUNT',
      rolloverCap: '20',
    });
    const target = { contractId: retail.contractId };
    expect(await call(app, world.tokenA, CREATE_BUCKET, { target, bucket: money })).toMatchObject({
      amount: '9.99000000',
      services: null,
      sharing: 'ACCOUNT',
      rolloverCap: '20.00000000',
      contract: { id: retail.contractId },
      partner: { id: world.resellerA.globalId },
    });
    const filter = { servicePlanId: plan.id };
    expect((await call(app, world.tokenA, BUCKETS, { filter })).nodes).toHaveLength(1);
    const units = bonusInput({ grants: 'UNITS', amount: '600', bucketId: bucket.id });
    const bonus = await call(app, world.tokenA, CREATE_BONUS, {
      target: filter,
      rule: units,
    });
    expect(bonus).toMatchObject({
      repeats: true,
      threshold: '50.00000000',
      grants: 'UNITS',
      bucketId: bucket.id,
    });
    expect((await call(app, world.tokenA, BONUSES, { filter })).nodes).toEqual([
      { id: bonus.id, bucketId: bucket.id },
    ]);
  });

  it('change and end in versions', async () => {
    const plan = await aPlan(app, world.tokenA, world.resellerA);
    const target = { servicePlanId: plan.id };
    const { id } = await call(app, world.tokenA, CREATE_BUCKET, { target, bucket: bucketInput() });
    await tick();
    const before = now();
    await tick();
    // As it is shown.
    const bucket = bucketInput({ amount: '9000.00000000', validFrom: JULY });
    expect(await call(app, world.tokenA, CHANGE_BUCKET, { id, bucket })).toMatchObject({
      id,
      servicePlan: { id: plan.id },
    });
    const amount = async (at: string, known: string | null = null) =>
      (await call(app, world.tokenA, BUCKET, { id, at, known }))?.amount ?? null;
    expect(await amount('2026-06-30T00:00:00Z')).toBe('6000.00000000');
    expect(await amount(JULY)).toBe('9000.00000000');
    expect(await amount(JULY, before)).toBe('6000.00000000');
    await call(app, world.tokenA, CLOSE_BUCKET, { id, at: '2026-10-01T00:00:00Z' });
    expect(await amount('2026-10-01T00:00:00Z')).toBeNull();
    const other = bucketInput({ kind: 'MONEY', amount: '5' });
    expect(await refusal(app, world.tokenA, CHANGE_BUCKET, { id, bucket: other })).toBe(
      'BUCKET_REFUSED',
    );
    const shared = bucketInput({ sharing: 'ACCOUNT' });
    expect(await refusal(app, world.tokenA, CHANGE_BUCKET, { id, bucket: shared })).toBe(
      'BUCKET_REFUSED',
    );
    expect(await refusal(app, world.tokenB, CHANGE_BUCKET, { id, bucket })).toBe('NOT_FOUND');
    expect(await call(app, world.tokenB, BUCKET, { id })).toBeNull();
  });

  it('keep what a bonus counts, and for whom, in all versions', async () => {
    const plan = await aPlan(app, world.tokenA, world.resellerA);
    const target = { servicePlanId: plan.id };
    const { id } = await call(app, world.tokenA, CREATE_BONUS, { target, rule: bonusInput() });
    const change = (given: object) => ({ id, rule: bonusInput({ validFrom: JULY, ...given }) });
    for (const other of [{ measure: 'USAGE' }, { sharing: 'CONTRACT' }]) {
      expect(await refusal(app, world.tokenA, CHANGE_BONUS, change(other))).toBe(
        'BONUS_RULE_REFUSED',
      );
    }
    const changed = await call(app, world.tokenA, CHANGE_BONUS, change({ threshold: '60' }));
    expect(changed).toEqual({ id, measure: 'SPEND', threshold: '60.00000000' });
    expect(await refusal(app, world.tokenB, CHANGE_BONUS, change({}))).toBe('NOT_FOUND');
  });

  it('end: a bonus rule, too', async () => {
    const plan = await aPlan(app, world.tokenA, world.resellerA);
    const filter = { servicePlanId: plan.id };
    const { id } = await call(app, world.tokenA, CREATE_BONUS, {
      target: filter,
      rule: bonusInput(),
    });
    const given = { id, at: '2026-10-01T00:00:00Z' };
    expect(await refusal(app, world.tokenB, CLOSE_BONUS, given)).toBe('NOT_FOUND');
    expect(await call(app, world.tokenA, CLOSE_BONUS, given)).toEqual({
      id,
      validTo: '2026-10-01T00:00:00.000Z',
      supersededAt: null,
    });
    const at = async (instant: string) =>
      (await call(app, world.tokenA, BONUSES, { filter, at: instant })).nodes.length;
    expect(await at('2026-09-30T23:59:59Z')).toBe(1);
    expect(await at(given.at)).toBe(0);
  });

  it('are refused where the caller does not sell, and where nothing fits', async () => {
    const plan = await aPlan(app, world.tokenA, world.resellerA);
    const both = { servicePlanId: plan.id, contractId: retail.contractId };
    const bucketAt = (token: string, target: object) =>
      refusal(app, token, CREATE_BUCKET, { target, bucket: bucketInput() });
    expect(await bucketAt(world.tokenA, both)).toBe('ALLOWANCE_TARGET_REFUSED');
    expect(await bucketAt(world.tokenA, {})).toBe('ALLOWANCE_TARGET_REFUSED');
    expect(await bucketAt(world.tokenA, { contractId: wholesale.contractId })).toBe('NOT_SELLER');
    expect(await bucketAt(world.tokenB, { servicePlanId: plan.id })).toBe('NOT_FOUND');
    expect(await bucketAt(world.tokenB, { contractId: retail.contractId })).toBe('NOT_FOUND');
    const target = { servicePlanId: plan.id };
    const { id } = await call(app, world.tokenA, CREATE_BUCKET, { target, bucket: bucketInput() });
    const bonusAt = (rule: object) => refusal(app, world.tokenA, CREATE_BONUS, { target, rule });
    expect(await bonusAt(bonusInput({ grants: 'MONEY', bucketId: id }))).toBe('BONUS_RULE_REFUSED');
    expect(await bonusAt(bonusInput({ grants: 'UNITS' }))).toBe('BONUS_RULE_REFUSED');
    const hubs = await aPlan(app, world.hubToken, world.hub);
    const rule = bonusInput({ grants: 'UNITS', bucketId: id });
    const foreign = { target: { servicePlanId: hubs.id }, rule };
    expect(await refusal(app, world.hubToken, CREATE_BONUS, foreign)).toBe('NOT_OF_OWNER');
  });
});

function nowhere(type: string): string {
  return toGlobalId(type, 999_999);
}
