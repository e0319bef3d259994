import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { loadPricingFacts } from '../../src/rating/pricing-facts.store.js';
import {
  aBillableContract,
  aBillingPartner,
  type BuiltContract,
  someSubscriptions,
  someUsage,
} from '../fixtures/billing.js';
import {
  ADD_FEE,
  BILL,
  CHARGES,
  FINALISE,
  INVOICES,
  type Invoice,
  PLAN,
  QUOTE,
  RULE,
  RULES,
  RUN,
  shown,
  TIERS,
} from '../fixtures/fee-documents.js';
import { aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let hub: number;
let token: string;

const SINCE = '2025-12-31T23:00:00Z';

interface World {
  readonly sellerId: number;
  /** Who acts for the seller: a user of the hub. */
  readonly seller: string;
  readonly contract: BuiltContract;
}

beforeAll(async () => {
  app = await testApp();
  app.clock.advance(Date.parse('2027-03-21T10:00:00Z') - Date.now());
  hub = await aBillingPartner(app.app.database, { name: 'Hub GmbH' });
  token = await tokenOf(hub);
});
afterAll(async () => {
  await app?.stop();
});

async function tokenOf(partnerId: number, permissions?: string[]): Promise<string> {
  const user = await aUser(app, { partnerId, ...(permissions ? { permissions } : {}) });
  return app.signIn(user.email);
}

/** A seller with a customer. */
async function aWorld(name: string): Promise<World> {
  const { database } = app.app;
  const sellerId = await aBillingPartner(database, { parentId: hub, name });
  const buyerId = await aBillingPartner(database, { parentId: sellerId, name: `${name} buyer` });
  const contract = await aBillableContract(database, { sellerId, buyerId });
  return { sellerId, contract, seller: token };
}

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
async function ask(caller: string, document: string, variables: object): Promise<any> {
  const { data, errors } = await app.graphql(document, variables, caller);
  expect(errors).toEqual([]);
  return Object.values(data)[0];
}

async function aPlanOf({ seller, sellerId }: World, fees: object[]): Promise<string> {
  const input = {
    partnerId: toGlobalId('Partner', sellerId),
    name: 'Cloud',
    currency: 'EUR',
    fees: fees.map((fee) => ({ kind: 'PERIODIC', validFrom: SINCE, ...fee })),
  };
  return (await ask(seller, PLAN, { input })).id;
}

const planNumber = (id: string) => Number(Buffer.from(id, 'base64url').toString().split(':')[1]);

async function tiersOf({ seller, sellerId }: World, change: object = {}): Promise<string> {
  const input = {
    partnerId: toGlobalId('Partner', sellerId),
    name: `Seats ${JSON.stringify(change)}`,
    scope: 'CONTRACT',
    period: 'MONTH',
    steps: [
      { upTo: '3', price: '5', rateUnit: 1 },
      { price: '4', rateUnit: 1 },
    ],
    ...change,
  };
  return (await ask(seller, TIERS, { input })).id;
}

async function bill({ seller, sellerId, contract }: World, period: string) {
  const input = { period, sellerPartnerId: toGlobalId('Partner', sellerId) };
  const { id } = await ask(seller, BILL, { input });
  // The server may have taken the batch already: then it is not ours to wait for.
  for (;;) {
    await app.app.work.runUntilIdle();
    const { state } = await ask(seller, RUN, { id });
    if (state === 'DONE') break;
    expect(['READY', 'RUNNING']).toContain(state);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const filter = { partnerId: toGlobalId('Partner', contract.partnerId), period };
  const { nodes } = await ask(seller, INVOICES, { filter });
  expect(nodes.length).toBeLessThan(2);
  return nodes[0] as Invoice;
}

async function chargesOf(caller: string, invoice: Invoice, start: string) {
  const line = invoice.lines.nodes.find(({ description }) => description.startsWith(start));
  return (await ask(caller, CHARGES, { line: line?.id })).nodes;
}

const expectSound = async () =>
  expect(await app.app.database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);

describe('fees that are priced as usage is', () => {
  it('come to the figures worked out by hand, and say how', async () => {
    const world = await aWorld('North');
    const { database } = app.app;
    const plan = await aPlanOf(world, [
      { name: 'Base', amount: '10' },
      {
        name: 'Seats',
        model: 'GRADUATED',
        counts: 'SUBSCRIPTIONS',
        amount: '0',
        tierScheduleId: await tiersOf(world),
      },
      {
        name: 'Share',
        model: 'PERCENT_OF_CHARGE',
        amount: '5',
        ofServices: ['VOICE'],
        ofFees: ['Base'],
        minCharge: '1',
        maxCharge: '50',
      },
      {
        name: 'Notices',
        model: 'PER_UNIT',
        counts: 'RECORDS',
        amount: '0.01',
        ofServices: ['SMS'],
      },
    ]);
    const rule = await ask(world.seller, RULE, {
      partnerId: toGlobalId('Partner', world.sellerId),
      rule: {
        ...{ name: 'Autumn', type: 'DISCOUNT', effect: 'PERCENT', amount: '10', actsOn: 'FEES' },
        ...{ servicePlanId: plan, feeKind: 'PERIODIC', feeName: 'Base' },
        validFrom: '2026-10-10T22:00:00Z',
      },
    });
    expect(rule).toMatchObject({ actsOn: 'FEES', feeName: 'Base', servicePlan: { id: plan } });
    const planId = planNumber(plan);
    const given = { planId, startsAt: '2026-03-01T00:00:00Z', count: 5 };
    await someSubscriptions(database, world.contract, given);
    await someSubscriptions(database, world.contract, {
      planId,
      startsAt: '2026-10-15T22:30:00Z',
    });
    await someUsage(database, world.contract, { on: '2026-10-05', amount: '100' });
    const messages = { service: 'SMS', amount: '8', records: 30 } as const;
    await someUsage(database, world.contract, { on: '2026-10-06', ...messages });

    const contractId = toGlobalId('Contract', world.contract.contractId);
    const quoted = await ask(world.seller, QUOTE, { contractId, period: '2026-10' });
    const october = await bill(world, '2026-10');
    const told = shown({ ...october, lines: { nodes: quoted } });
    expect(told).toEqual(shown(october).slice(0, 6));
    expect(quoted[1]).toMatchObject({
      ...{ kind: 'PERIODIC_FEE', currency: 'EUR', charges: 5 },
      explanation: { owed: '6.0968', equal: true, rules: [{ name: 'Autumn' }] },
    });
    expect(await ask(world.seller, QUOTE, { contractId, period: '2026-10' })).toEqual([]);
    // Seats: 23 for 15 days and 27 for 16 of 31 are 777/31. Share: 5 % of 100 and 51.25823225.
    expect(shown(october)).toEqual([
      ['Cloud: Base, 1 Oct 2026 – 10 Oct 2026 (10 of 31 days)', '16.12903225', '16.13'],
      ['Cloud: Base, 11 Oct 2026 – 31 Oct 2026 (21 of 31 days)', '30.484', '30.48'],
      ['Cloud: Base, 16 Oct 2026 – 31 Oct 2026 (16 of 31 days)', '4.6452', '4.65'],
      ['Cloud: Notices, 1 Oct 2026 – 31 Oct 2026', '0.30', '0.30'],
      ['Cloud: Seats, 1 Oct 2026 – 31 Oct 2026', '25.0645', '25.06'],
      ['Cloud: Share, 1 Oct 2026 – 31 Oct 2026', '7.5629', '7.56'],
      ['Voice calls', '100.00', '100.00'],
      ['Messages', '8.00', '8.00'],
    ]);
    const [seats] = await chargesOf(world.seller, october, 'Cloud: Seats');
    expect(seats).toMatchObject({ subscriptionId: null, feeName: 'Seats', amount: '25.0645' });
    expect(seats.explanation).toMatchObject({
      model: 'GRADUATED',
      counts: 'SUBSCRIPTIONS',
      tiers: [
        { upTo: '3', price: '5.00' },
        { upTo: null, price: '4.00' },
      ],
      counted: [
        { fromOn: '2026-10-01', toOn: '2026-10-16', count: 5, monthly: '23' },
        { fromOn: '2026-10-16', toOn: '2026-11-01', count: 6, monthly: '27' },
      ],
      owed: '25.0645',
      equal: true,
    });
    const [share] = await chargesOf(world.seller, october, 'Cloud: Share');
    expect(share.explanation).toMatchObject({ equal: true, chargedBefore: '0', amount: '7.5629' });
    expect(share.explanation.parts).toEqual([
      { service: 'VOICE', feeName: null, quantity: '100' },
      { service: null, feeName: 'Base', quantity: '51.25823225' },
    ]);
    expect(share.explanation.steps.map((step: { text: string }) => step.text)).toEqual([
      '100 of VOICE + 51.25823225 of a fee = 151.25823225',
      '5 % of 151.25823225 = 7.5629116125',
      'Rounded once to 4 decimals, HALF_UP.',
    ]);
    const [base] = await chargesOf(world.seller, october, 'Cloud: Base, 11 Oct');
    expect(base.explanation.rules).toEqual([
      {
        ...{ ruleId: rule.id, name: 'Autumn', type: 'DISCOUNT', effect: 'PERCENT', value: '10' },
        ...{ acted: true, amount: '-21/31', capLeft: null },
      },
    ]);
    expect(base.explanation.steps.map((step: { result: string }) => step.result)).toEqual([
      '210/31',
      '189/31',
      '6.0968',
    ]);
    await expectSound();
  });

  it('charge late usage by what it adds, and give back what re-rating lowered', async () => {
    const world = await aWorld('Late');
    const use = (on: string, amount: string) =>
      someUsage(app.app.database, world.contract, { on, amount });
    const plan = await aPlanOf(world, [
      { name: 'Base', amount: '10' },
      { name: 'Share', model: 'PERCENT_OF_CHARGE', amount: '5', ofServices: ['ANY'] },
    ]);
    const given = { planId: planNumber(plan), startsAt: '2026-03-01T00:00:00Z' };
    await someSubscriptions(app.app.database, world.contract, given);
    await use('2026-10-05', '100');
    const fees = async (period: string) =>
      shown(await bill(world, period)).filter(([text]) => text?.startsWith('Cloud'));
    const base = (month: string) => [`Cloud: Base, ${month}`, '10.00', '10.00'];
    const october = 'Cloud: Share, 1 Oct 2026 – 31 Oct 2026';
    expect(await fees('2026-10')).toEqual([
      base('1 Oct 2026 – 31 Oct 2026'),
      [october, '5.00', '5.00'],
    ]);
    expect((await fees('2026-10')).length).toBe(2);

    await use('2026-10-31', '40');
    const november = await bill(world, '2026-11');
    expect(shown(november)).toEqual([
      base('1 Nov 2026 – 30 Nov 2026'),
      [october, '2.00', '2.00'],
      ['Voice calls', '40.00', '40.00'],
    ]);
    const [late] = await chargesOf(world.seller, november, 'Cloud: Share');
    expect(late.explanation).toMatchObject({
      ...{ owed: '7', chargedBefore: '5', amount: '2', equal: true },
      parts: (['VOICE', 'SMS', 'DATA', 'EVENT'] as const).map((service) => ({
        ...{ service, feeName: null, quantity: service === 'VOICE' ? '140' : '0' },
      })),
    });
    expect(late.explanation.steps.at(-1)).toEqual({
      kind: 'CHARGED_BEFORE',
      text: '7 less 5 of earlier invoices.',
      result: '2',
    });

    // Re-rating takes 60 back: with its 3 of the share that is more than December's 10, 20 and 1.
    await use('2026-10-05', '-60');
    await use('2026-12-05', '20');
    expect(await fees('2026-12')).toEqual([base('1 Dec 2026 – 31 Dec 2026')]);
    const [finding] = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(`SELECT f ->> 'code' AS code, f -> 'details' ->> 'amount' AS amount
        FROM run_batch b, jsonb_array_elements(b.result -> 'findings') f
        WHERE f ->> 'code' = 'CREDIT_CARRIED_OVER'`),
    );
    expect(finding).toEqual({ code: 'CREDIT_CARRIED_OVER', amount: '-42.00' });
    await use('2027-01-05', '100');
    expect(await fees('2027-01')).toEqual([
      base('1 Jan 2027 – 31 Jan 2027'),
      ['Cloud: Share, 1 Dec 2026 – 31 Dec 2026', '1.00', '1.00'],
      ['Cloud: Share, 1 Jan 2027 – 31 Jan 2027', '5.00', '5.00'],
      [october, '-3.00', '-3.00'],
    ]);
    await expectSound();
  });

  it('come to the same whatever came late', async () => {
    const october = async (name: string, late: boolean) => {
      const world = await aWorld(name);
      const { database } = app.app;
      const plan = await aPlanOf(world, [
        { name: 'Base', amount: '7.77' },
        { name: 'Seats', model: 'PACKAGE', counts: 'SUBSCRIPTIONS', amount: '9', rateUnit: 2 },
        {
          ...{ name: 'Volume', model: 'VOLUME', counts: 'UNITS', amount: '0' },
          ...{ ofServices: ['DATA'], tierScheduleId: await tiersOf(world), maxCharge: '500' },
        },
        {
          ...{ name: 'Share', model: 'PERCENT_OF_CHARGE', amount: '3.3', minCharge: '2' },
          ...{ ofServices: ['VOICE', 'DATA'], ofFees: ['Base', 'Seats'] },
        },
      ]);
      const planId = planNumber(plan);
      const { contract } = world;
      const first = { planId, startsAt: '2026-09-30T22:00:00Z', count: 2 };
      await someSubscriptions(database, contract, first);
      await someUsage(database, contract, { on: '2026-10-03', amount: '11.11' });
      if (late) await bill(world, '2026-10');
      const second = { planId, startsAt: '2026-10-10T10:00:00Z', count: 3 };
      await someSubscriptions(database, contract, second);
      if (late) await bill(world, '2026-11');
      const data = { service: 'DATA', amount: '33.3', billedQuantity: 120 } as const;
      await someUsage(database, contract, { on: '2026-10-20', ...data });
      if (late) await bill(world, '2026-12');
      else await bill(world, '2026-10');
      return app.app.database.read(SYSTEM_SCOPE, (tx) =>
        tx.query(
          `SELECT c.fee_name AS name, sum(c.amount)::float8 AS amount
           FROM fee_charge c JOIN invoice i ON i.id = c.invoice_id
           WHERE i.contract_id = $1 AND c.span_from < '2026-11-01' GROUP BY 1 ORDER BY 1`,
          [contract.contractId],
        ),
      );
    };
    const onTime = await october('On time', false);
    // Base: 2 * 7.77 and 3 * 7.77 * 22 / 31. Seats: 9 for 9 days, 27 for 22. Volume: 120 at 4.
    expect(onTime).toEqual([
      { name: 'Base', amount: 32.08258065 },
      { name: 'Seats', amount: 21.7742 },
      // 3.3 % of 11.11, 33.3, 32.08258065 and 21.7742.
      { name: 'Share', amount: 3.2428 },
      { name: 'Volume', amount: 480 },
    ]);
    expect(await october('Too late', true)).toEqual(onTime);
    await expectSound();
  });

  it('tell a buyer how his came about, but not what the seller calls his rules', async () => {
    const world = await aWorld('Secret');
    const plan = await aPlanOf(world, [
      { name: 'Base', amount: '10' },
      { name: 'Share', model: 'PERCENT_OF_CHARGE', amount: '50', ofFees: ['Base'] },
    ]);
    const partnerId = toGlobalId('Partner', world.sellerId);
    const rule = { validFrom: SINCE, actsOn: 'FEES', effect: 'FIXED', type: 'DISCOUNT' };
    const rules = [
      { ...rule, name: 'Three off', amount: '3', cap: '5', feeName: 'Base' },
      { ...rule, name: 'Best', amount: '1', stacking: 'BEST_OF', feeName: 'Base', priority: 1 },
      { ...rule, name: 'Worse', amount: '0.5', stacking: 'BEST_OF', feeName: 'Base', priority: 2 },
      { ...rule, name: 'On top', amount: '1', type: 'SURCHARGE', feeName: 'Share' },
    ];
    for (const each of rules) await ask(world.seller, RULE, { partnerId, rule: each });
    const given = { planId: planNumber(plan), startsAt: '2026-03-01T00:00:00Z', count: 2 };
    await someSubscriptions(app.app.database, world.contract, given);
    const invoice = await bill(world, '2026-10');
    // The first pays 10 - 3 - 1, the second 10 - 2 - 1, since the cap has 2 left; half and 1.
    expect(shown(invoice).map(([text, basis]) => [text?.slice(0, 12), basis])).toEqual([
      ['Cloud: Base,', '13.00'],
      ['Cloud: Share', '7.50'],
    ]);
    const [first, second] = await chargesOf(world.seller, invoice, 'Cloud: Base');
    expect(second.explanation.rules).toMatchObject([
      { name: 'Three off', acted: true, amount: '-2', capLeft: '2' },
      { name: 'Best', acted: true, amount: '-1', capLeft: null },
      { name: 'Worse', acted: false, amount: null },
    ]);
    expect([first.amount, second.amount]).toEqual(['6.00', '7.00']);
    const buyer = await tokenOf(world.contract.partnerId);
    const line = invoice.lines.nodes[0]?.id;
    expect((await app.graphql(CHARGES, { line }, buyer)).codes).toEqual(['NOT_FOUND']);
    const contractId = toGlobalId('Contract', world.contract.contractId);
    const asked = { contractId, period: '2026-11' };
    expect((await app.graphql(QUOTE, asked, buyer)).codes).toEqual(['NOT_FOUND']);
    const seller = await tokenOf(world.sellerId, ['quote.read', 'price.wholesale.read']);
    expect((await app.graphql(QUOTE, asked, seller)).codes).toEqual(['FORBIDDEN']);
    await ask(world.seller, FINALISE, { id: invoice.id });
    const [, seen] = await chargesOf(buyer, invoice, 'Cloud: Base');
    expect(seen.explanation.steps).toEqual(second.explanation.steps);
    expect(seen.explanation).toMatchObject({ price: '10', equal: true });
    expect(seen.explanation.rules).toEqual([
      {
        ...{ ruleId: null, name: null, type: 'DISCOUNT', effect: 'FIXED', value: '3' },
        ...{ acted: true, amount: '-2', capLeft: null },
      },
      {
        ...{ ruleId: null, name: null, type: 'DISCOUNT', effect: 'FIXED', value: '1' },
        ...{ acted: true, amount: '-1', capLeft: null },
      },
    ]);
    const clerk = await tokenOf(world.contract.partnerId, ['invoice.read', 'price.wholesale.read']);
    const [hidden] = await chargesOf(clerk, invoice, 'Cloud: Base');
    expect(hidden).toMatchObject({ amount: '6.00', explanation: null });
    await expectSound();
  });
});

describe('a rule for fees', () => {
  it('is no rule for usage, is listed apart, and stays what it is', async () => {
    const world = await aWorld('Apart');
    const partnerId = toGlobalId('Partner', world.sellerId);
    const rule = { type: 'DISCOUNT', effect: 'PERCENT', amount: '10', validFrom: SINCE };
    const ofFees = { ...rule, name: 'Of fees', actsOn: 'FEES', feeKind: 'ONE_TIME' };
    const { id } = await ask(world.seller, RULE, { partnerId, rule: ofFees });
    await ask(world.seller, RULE, { partnerId, rule: { ...rule, name: 'Of usage' } });
    const listed = async (actsOn: string) =>
      (await ask(world.seller, RULES, { filter: { partnerId, actsOn } })).nodes;
    expect(await listed('FEES')).toEqual([{ name: 'Of fees', actsOn: 'FEES' }]);
    expect(await listed('USAGE')).toEqual([{ name: 'Of usage', actsOn: 'USAGE' }]);
    const { rules } = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      loadPricingFacts(tx, 'infinity'),
    );
    const own = rules.filter(({ sellerPartnerId }) => sellerPartnerId === world.sellerId);
    expect(own.map(({ name }) => name)).toEqual(['Of usage']);
    const change = `mutation ($id: ID!, $rule: PriceRuleInput!) {
      changePriceRule(id: $id, rule: $rule) { id feeKind } }`;
    const asUsage = { ...rule, name: 'Of fees' };
    const { codes } = await app.graphql(change, { id, rule: asUsage }, world.seller);
    expect(codes).toEqual(['PRICE_RULE_REFUSED']);
    const changed = {
      ...ofFees,
      amount: '20',
      feeKind: 'PERIODIC',
      validFrom: '2026-05-01T00:00:00Z',
    };
    expect(await ask(world.seller, change, { id, rule: changed })).toEqual({
      id,
      feeKind: 'PERIODIC',
    });
  });
});

describe('a fee', () => {
  it('is ended for a new price, which is charged from its day on', async () => {
    const world = await aWorld('Dearer');
    const plan = await aPlanOf(world, [
      { name: 'Base', amount: '31' },
      { name: 'Wrong', amount: '99' },
    ]);
    const given = { planId: planNumber(plan), startsAt: '2026-03-01T00:00:00Z' };
    await someSubscriptions(app.app.database, world.contract, given);
    const dearer = { name: 'Base', kind: 'PERIODIC', amount: '62' };
    const from = '2026-10-15T22:00:00Z';
    const add = { id: plan, fee: { ...dearer, validFrom: from } };
    expect((await app.graphql(ADD_FEE, add, world.seller)).codes).toEqual(['FEE_REFUSED']);
    const fees = `query ($id: ID!) { servicePlan(id: $id) {
      fees { id name amount validTo } } }`;
    const { fees: old } = await ask(world.seller, fees, { id: plan });
    const close = `mutation ($id: ID!, $at: DateTime!) { closePlanFee(id: $id, at: $at) {
      fees { name validTo } } }`;
    await ask(world.seller, close, { id: old[0].id, at: from });
    expect(await ask(world.seller, close, { id: old[1].id, at: SINCE })).toEqual({
      fees: [{ name: 'Base', validTo: '2026-10-15T22:00:00.000Z' }],
    });
    for (const { id } of old) {
      const again = await app.graphql(close, { id, at: '2027-01-01T00:00:00Z' }, world.seller);
      expect(again.codes).toEqual(['VERSION_NOT_CLOSABLE']);
    }
    await ask(world.seller, ADD_FEE, add);
    const lines = shown(await bill(world, '2026-10'));
    expect(lines.map(([, basis]) => basis)).toEqual(['15.00', '32.00']);
  });

  it('takes tiers of a month and of its own seller, and is never of a circle', async () => {
    const world = await aWorld('Circle');
    const other = await aWorld('Other');
    const plan = await aPlanOf(world, [
      { name: 'Base', amount: '10' },
      { name: 'Share', model: 'PERCENT_OF_CHARGE', amount: '50', ofFees: ['Base'] },
    ]);
    const added = async (fee: object) => {
      const whole = { kind: 'PERIODIC', validFrom: SINCE, amount: '0', ...fee };
      return (await app.graphql(ADD_FEE, { id: plan, fee: whole }, world.seller)).codes;
    };
    const tiered = { name: 'Tiers', model: 'VOLUME', counts: 'SUBSCRIPTIONS' };
    const daily = await tiersOf(world, { period: 'DAY' });
    const foreign = await tiersOf(other);
    expect(await added({ ...tiered, tierScheduleId: daily })).toEqual(['FEE_REFUSED']);
    expect(await added({ ...tiered, tierScheduleId: foreign })).toEqual(['NOT_OF_OWNER']);
    const percent = { model: 'PERCENT_OF_CHARGE', amount: '1' };
    expect(await added({ ...percent, name: 'Of share', ofFees: ['Share'] })).toEqual([
      'FEE_REFUSED',
    ]);
    expect(await added({ ...percent, name: 'Base', ofServices: ['SMS'] })).toEqual(['FEE_REFUSED']);
    expect(await added({ ...percent, name: 'Fine', ofFees: ['Base'] })).toEqual([]);
  });
});
