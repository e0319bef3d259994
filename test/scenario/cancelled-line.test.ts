import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { BILL, INVOICES, PLAN, QUOTE, shown } from '../fixtures/fee-documents.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { bucketInput, CREATE_BUCKET } from '../fixtures/pricing.js';
import { settle } from '../fixtures/settle.js';
import { CREATE_SUBSCRIPTION } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aTrafficWorld, importFile, type TrafficWorld } from '../fixtures/traffic.js';

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

const SINCE = '2026-09-30T22:00:00.000Z';
/** Noon in Berlin on the 20th of October: a started day would be charged whole. */
const BEGIN = '2026-10-20T10:00:00.000Z';
/** Midnight in Berlin before the first of November. */
const NOVEMBER = '2026-10-31T23:00:00.000Z';
const KEPT = '4940888001';
const GIVEN_UP = '4940888002';
const CALLED = '33140000000';
const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const CANCEL = 'mutation ($id: ID!) { cancelSubscription(id: $id) { status } }';
const ACCOUNT = 'query ($id: ID!) { contract(id: $id) { account { id } } }';
const QUOTED = 'query ($input: QuoteInput!) { quote(input: $input) { subscriptionId } }';
const BUCKETS = `query ($id: ID!, $month: String!) {
  contract(id: $id) { bucketBalances(month: $month) {
    buckets { name holderId granted rolledIn } } }
}`;
const OWN_BUCKETS = `query ($id: ID!, $month: String!) {
  subscription(id: $id) { bucketBalances(month: $month) { buckets { holderId } } }
}`;
const FEES = [
  { name: 'Setup', kind: 'ONE_TIME', amount: '9' },
  { name: 'Base', kind: 'PERIODIC', amount: '31' },
  { name: 'Seats', kind: 'PERIODIC', amount: '2', model: 'PER_UNIT', counts: 'SUBSCRIPTIONS' },
];

let kontor: TestApp;
let world: TrafficWorld;
let account: string;
let servicePlanId: string;
let cancelled: string;

const ask = (text: string, variables: object): Promise<Asked> =>
  call(kontor, world.token, text, variables);

async function aLine(startsAt: string, numbers: string[]): Promise<string> {
  const terms = { accountId: account, contractId: world.contracts.direct, servicePlanId };
  const input = { ...terms, label: 'Line', startsAt, numbers };
  return (await ask(CREATE_SUBSCRIPTION, { input })).id;
}

async function foretold(period: string): Promise<unknown> {
  const lines = await ask(QUOTE, { contractId: world.contracts.direct, period });
  return lines.map((one: Asked) => [one.description, one.net]);
}

async function cancel(id: string): Promise<void> {
  expect(await ask(CANCEL, { id })).toEqual({ status: 'CANCELLED' });
}

/** On the first of October a line is made by mistake, which would begin later. */
beforeAll(async () => {
  kontor = await testApp();
  kontor.clock.advance(Date.parse('2026-10-01T09:00:00Z') - Date.now());
  world = await aTrafficWorld(kontor);
  const fees = FEES.map((fee) => ({ ...fee, validFrom: SINCE }));
  const plan = { partnerId: world.hub.globalId, name: 'Line', currency: 'EUR', fees };
  servicePlanId = (await ask(PLAN, { input: plan })).id;
  for (const sharing of ['SUBSCRIPTION', 'ACCOUNT', 'CONTRACT']) {
    const bucket = bucketInput({
      ...{ name: sharing, amount: '60', sharing, rolloverCap: '600', validFrom: SINCE },
    });
    await ask(CREATE_BUCKET, { target: { servicePlanId }, bucket });
  }
  account = (await ask(ACCOUNT, { id: world.contracts.direct })).account.id;
  cancelled = await aLine(BEGIN, [GIVEN_UP]);
}, 60_000);
afterAll(() => kontor?.stop());

describe('a line that is cancelled before it begins', () => {
  it('owes nothing in what is foretold, and has no allowances', async () => {
    const october = [
      ['Line: Base, 20 Oct 2026 – 31 Oct 2026 (12 of 31 days)', '12.00'],
      ['Line: Seats, 20 Oct 2026 – 31 Oct 2026 (12 of 31 days)', '0.77'],
      ['Line: Setup', '9.00'],
    ];
    expect(await foretold('2026-10')).toEqual(october);
    const buckets = async (month: string) => {
      const { bucketBalances } = await ask(BUCKETS, { id: world.contracts.direct, month });
      return bucketBalances.buckets.map((one: Asked) => [one.name, one.granted, one.rolledIn]);
    };
    const granted = (rolledIn: string) =>
      ['SUBSCRIPTION', 'ACCOUNT', 'CONTRACT'].map((name) => [name, '60', rolledIn]);
    expect(await buckets('2026-10')).toEqual(granted('0'));
    expect(await buckets('2026-11')).toEqual(granted('60'));
    await cancel(cancelled);
    for (const month of ['2026-10', '2026-11']) {
      expect(await foretold(month)).toEqual([]);
      expect(await buckets(month)).toEqual([]);
      const own = await ask(OWN_BUCKETS, { id: cancelled, month });
      expect(own.bucketBalances.buckets).toEqual([]);
    }
    // Nothing is left over of a month in which it never was.
    await aLine(NOVEMBER, [KEPT]);
    expect(await buckets('2026-11')).toEqual(granted('0'));
  });

  it('has no records, by itself or by its number', async () => {
    const asked = { bNumber: CALLED, quantity: '60', startedAt: BEGIN };
    const own = { subscriptionId: cancelled, ...asked };
    expect(await refusal(kontor, world.token, QUOTED, { input: own })).toBe('QUOTE_NOT_ACTIVE');
    const byNumber = { aNumber: GIVEN_UP, ...asked };
    expect(await refusal(kontor, world.token, QUOTED, { input: byNumber })).not.toBe('');
    const heir = await aLine(NOVEMBER, [GIVEN_UP]);
    const later = { ...byNumber, startedAt: NOVEMBER };
    expect((await ask(QUOTED, { input: later })).subscriptionId).toBe(heir);
    await cancel(heir);
  });

  it('is on no bill', async () => {
    kontor.clock.advance(Date.parse('2026-12-02T09:00:00Z') - kontor.clock.now().getTime());
    world = { ...world, token: await tokenOf(kontor, world.hub) };
    const number = `n1,voice,2026-10-21T10:00:00Z,+${GIVEN_UP},+${CALLED},600,,CANARY-TRUNK-OUT\n`;
    const { file } = await importFile(kontor, world, 'kontor', HEADER + number);
    expect(file).toMatchObject({ received: '1', rated: '0', rejected: '1' });
    const input = { period: '2026-10', sellerPartnerId: world.hub.globalId };
    expect(await refusal(kontor, world.token, BILL, { input })).toBe('NOTHING_TO_BILL');
    await ask(BILL, { input: { ...input, period: '2026-11' } });
    await settle(kontor);
    const filter = { partnerId: world.direct.globalId };
    const { nodes } = await ask(INVOICES, { filter });
    expect(nodes.map(shown)).toEqual([
      [
        ['Line: Base, 1 Nov 2026 – 30 Nov 2026', '31.00', '31.00'],
        ['Line: Seats, 1 Nov 2026 – 30 Nov 2026', '2.00', '2.00'],
        ['Line: Setup', '9.00', '9.00'],
      ],
    ]);
    expect(await kontor.app.database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
  });
});
