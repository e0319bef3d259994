import { afterAll, beforeAll, expect, it } from 'vitest';
import { BILL, INVOICES, PLAN, QUOTE, shown } from '../fixtures/fee-documents.js';
import { allRows } from '../fixtures/mediation.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { bucketInput, CREATE_BUCKET } from '../fixtures/pricing.js';
import { settle } from '../fixtures/settle.js';
import { CREATE_SUBSCRIPTION } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aTrafficWorld, importFile, type TrafficWorld } from '../fixtures/traffic.js';

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

/** Midnight in Berlin after the 15th of October. */
const END = '2026-10-15T22:00:00.000Z';
const BEGIN = '2026-09-30T22:00:00.000Z';
const PASSED_ON = '4940777001';
const GIVEN_UP = '4940777002';
const CALLED = '33140000000';
const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const OCTOBER = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' };
const TERMINATE = `mutation ($id: ID!, $at: DateTime) {
  terminateSubscription(id: $id, at: $at) { status }
}`;
const ACCOUNT = 'query ($id: ID!) { contract(id: $id) { account { id } } }';
const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 100) { nodes { startedAt subscriptionId } }
}`;
const QUOTED = `query ($input: QuoteInput!) { quote(input: $input) { subscriptionId } }`;
const BUCKETS = `query ($id: ID!, $month: String!) {
  contract(id: $id) { bucketBalances(month: $month) { buckets { holderId left } } }
}`;

let kontor: TestApp;
let world: TrafficWorld;
let first: string;
let second: string;

const ask = (text: string, variables: object): Promise<Asked> =>
  call(kontor, world.token, text, variables);

async function aLine(startsAt: string, servicePlanId: string, numbers: string[]): Promise<string> {
  const contractId = world.contracts.direct;
  const { account } = await ask(ACCOUNT, { id: contractId });
  const sale = { accountId: account.id, contractId, servicePlanId, creditLimit: '0.01' };
  const input = { ...sale, label: 'Line', startsAt, numbers };
  return (await ask(CREATE_SUBSCRIPTION, { input })).id;
}

/** On the first of October a line is to end in the middle of the month, and another takes over. */
beforeAll(async () => {
  kontor = await testApp();
  kontor.clock.advance(Date.parse('2026-10-01T09:00:00Z') - Date.now());
  world = await aTrafficWorld(kontor);
  const fees = [{ name: 'Base', kind: 'PERIODIC', amount: '31', validFrom: BEGIN }];
  const plan = { partnerId: world.hub.globalId, name: 'Line', currency: 'EUR', fees };
  const { id: servicePlanId } = await ask(PLAN, { input: plan });
  const bucket = bucketInput({ amount: '60', sharing: 'SUBSCRIPTION' });
  await ask(CREATE_BUCKET, { target: { servicePlanId }, bucket });
  first = await aLine(BEGIN, servicePlanId, [PASSED_ON, GIVEN_UP]);
  expect(await ask(TERMINATE, { id: first, at: END })).toEqual({ status: 'ACTIVE' });
  second = await aLine(END, servicePlanId, [PASSED_ON]);
}, 60_000);
afterAll(() => kontor?.stop());

const FEES = [
  ['Line: Base, 1 Oct 2026 – 15 Oct 2026 (15 of 31 days)', '15.00', '15.00'],
  ['Line: Base, 16 Oct 2026 – 31 Oct 2026 (16 of 31 days)', '16.00', '16.00'],
];

it('is foretold in fees, quotes and allowances before it comes', async () => {
  const contractId = world.contracts.direct;
  const foretold = await ask(QUOTE, { contractId, period: '2026-10' });
  expect(foretold.map((one: Asked) => [one.description, one.basis, one.net])).toEqual(FEES);
  const quoted = async (startedAt: string) => {
    const input = { aNumber: PASSED_ON, bNumber: CALLED, quantity: '60', startedAt };
    return (await ask(QUOTED, { input })).subscriptionId;
  };
  expect(await quoted('2026-10-15T21:59:59Z')).toBe(first);
  expect(await quoted(END)).toBe(second);
  const gone = { subscriptionId: first, bNumber: CALLED, quantity: '60', startedAt: END };
  expect(await refusal(kontor, world.token, QUOTED, { input: gone })).not.toBe('');
  const holders = async (month: string) => {
    const { bucketBalances } = await ask(BUCKETS, { id: contractId, month });
    return bucketBalances.buckets.map(({ holderId }: Asked) => holderId);
  };
  expect(await holders('2026-10')).toEqual([first, second]);
  expect(await holders('2026-11')).toEqual([second]);
});

it('parts records and the bill of the month by its instant, once it has come', async () => {
  kontor.clock.advance(Date.parse('2026-11-02T09:00:00Z') - kontor.clock.now().getTime());
  world = { ...world, token: await tokenOf(kontor, world.hub) };
  const line = ([id, number, at]: string[]) =>
    `${id},voice,${at},+${number},+${CALLED},600,,CANARY-TRUNK-OUT\n`;
  const given = [
    ['p1', PASSED_ON, '2026-10-15T21:59:59Z'],
    ['p2', PASSED_ON, END.replace('.000', '')],
    ['p3', GIVEN_UP, '2026-10-10T10:00:00Z'],
    ['p4', GIVEN_UP, '2026-10-20T10:00:00Z'],
  ];
  const content = HEADER + given.map(line).join('');
  const { file } = await importFile(kontor, world, 'kontor', content);
  await settle(kontor);
  expect(file).toMatchObject({ received: '4', rated: '3', held: '0', rejected: '1' });
  const { nodes } = await ask(XDRS, { filter: OCTOBER });
  const found = nodes.map((one: Asked) => [Date.parse(one.startedAt), one.subscriptionId]);
  expect(found.sort()).toEqual([
    [Date.parse('2026-10-10T10:00:00Z'), first],
    [Date.parse('2026-10-15T21:59:59Z'), first],
    [Date.parse(END), second],
  ]);
  // Both are beyond their limits, but only one can be blocked.
  const blocked = await allRows<{ id: string }>(
    kontor,
    `SELECT key AS id FROM event WHERE topic = 'subscription.blocked'`,
  );
  expect(blocked).toHaveLength(1);
  const states = await ask('{ subscriptions { nodes { id status } } }', {});
  const stateOf = new Map(states.nodes.map(({ id, status }: Asked) => [id, status]));
  expect([stateOf.get(first), stateOf.get(second)]).toEqual(['TERMINATED', 'BLOCKED']);
  const input = { period: '2026-10', sellerPartnerId: world.hub.globalId };
  await ask(BILL, { input });
  await settle(kontor);
  const filter = { partnerId: world.direct.globalId, period: '2026-10' };
  const [invoice] = (await ask(INVOICES, { filter })).nodes;
  expect(shown(invoice).filter(([text]) => text?.startsWith('Line: Base'))).toEqual(FEES);
});
