import { afterAll, beforeAll, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { erase, forgotten, linesWith, terminated } from '../fixtures/erasure.js';
import { allRows } from '../fixtures/mediation.js';
import { call, TERMS } from '../fixtures/partner.js';
import { CREATE_SUBSCRIPTION } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  fileCounts,
  importFile,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const RECYCLE =
  'mutation ($filter: SuspenseFilter!) { recycleRecords(filter: $filter) { id result } }';
const XDRS = `query { xdrs(first: 10, filter: {
  from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }) {
  nodes { aNumber bNumber subscriptionId }
} }`;

let kontor: TestApp;
let world: TrafficWorld;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
});
afterAll(() => kontor?.stop());

const record = (id: string, from: string, to: string) =>
  `${id},voice,2026-10-05T10:00:00Z,+${from},+${to},60,,CANARY-TRUNK-OUT\n`;
const fileOf = (text: string) => importFile(kontor, world, 'kontor', HEADER + text);

/** The text of the suspended record that begins so. */
async function suspended(begin: string): Promise<string> {
  const rows = await allRows<{ raw: Buffer }>(kontor, 'SELECT raw FROM suspense_record');
  const found = rows.map(({ raw }) => raw.toString()).filter((raw) => raw.startsWith(begin));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

it('an erasure leaves the number of another customer in his own held record', async () => {
  // He was called, and calls back to where nothing has a price yet.
  await fileOf(record('d1', DIRECT_NUMBER, CUSTOMER_NUMBER));
  const { fileId, file } = await fileOf(record('c1', CUSTOMER_NUMBER, DIRECT_NUMBER));
  expect(file).toMatchObject({ held: '1' });
  // Known by the trunk, from a number that is nowhere registered.
  const byTrunk = record('t1', '12025550177', '33612987654').replace(',60,,', ',what,IN-DIRECT,');
  expect((await fileOf(byTrunk)).file).toMatchObject({ rejected: '1' });
  expect(await erase(kontor, world, world.subscriptions.direct)).toMatchObject({
    suspended: 2,
    files: 3,
    lines: 3,
  });
  expect(await suspended('t1,')).toMatch(
    /^t1,voice,2026-10-05T10:00:00Z,\+1\d{10},\+336\d{8},what/,
  );
  expect(await suspended('t1,')).not.toMatch(/2025550177|33612987654/);
  for (const list of ['cost', 'base', 'upperSells', 'lowerRetail'] as const) {
    await aRate(kontor, world.token, world.lists[list], { prefix: '1', price: '0.02' });
  }
  const run = await call(kontor, world.token, RECYCLE, { filter: { fileId } });
  await runEnd(kontor, world.token, run.id);
  const counts = await fileCounts(kontor, world.token, fileId);
  expect(counts).toMatchObject({ rated: '1', rejected: '0', held: '0' });
  const { nodes } = await call(kontor, world.token, XDRS);
  const { customer, direct } = world.subscriptions;
  type Shown = Record<'subscriptionId' | 'aNumber' | 'bNumber', string>;
  const of = (id: string) => nodes.find((xdr: Shown) => xdr.subscriptionId === id) as Shown;
  expect(of(customer).aNumber).toBe(CUSTOMER_NUMBER);
  // One pseudonym, whoever called; and of whom the person called nothing is left.
  expect(of(customer).bNumber).toBe(of(direct).aNumber);
  expect(of(direct).bNumber).not.toBe(CUSTOMER_NUMBER);
});

it('an erasure finds suspended records of a range that no further digit begins', async () => {
  const subscriptionId = world.subscriptions.customer;
  await call(
    kontor,
    world.token,
    'mutation ($input: AddIdentityInput!) { addIdentity(input: $input) { id } }',
    { input: { subscriptionId, number: '4929999990-4930000009', validFrom: TERMS.validFrom } },
  );
  const unreadable = record('r1', '4929999995', DIRECT_NUMBER).replace(',60,', ',what,');
  const { file } = await fileOf(unreadable);
  expect(file).toMatchObject({ rejected: '1' });
  // What was to begin after a planned end that has come is his no more; others may have it.
  const later = '12025550199';
  await terminated(kontor, world, subscriptionId);
  const id = rowNumber('Subscription', subscriptionId);
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `INSERT INTO subscription_identity (partner_id, subscription_id, kind, number_from, number_to,
         valid_from, valid_to, own_valid_to)
       SELECT partner_id, id, 'NUMBER', $2, $2, '2026-10-03', '2026-10-03', 'infinity'
       FROM subscription WHERE id = $1`,
      [id, later],
    ),
  );
  const line = record('n1', later, '33612987654');
  expect((await fileOf(line)).file).toMatchObject({ rejected: '1' });
  // With the one that was held and rated since, which is kept, too.
  expect(await forgotten(kontor, world, subscriptionId)).toMatchObject({ suspended: 2 });
  expect(await suspended('r1,')).toMatch(/^r1,voice,2026-10-05T10:00:00Z,\+49\d{8},/);
  expect(await suspended('r1,')).not.toContain('29999995');
  expect(await suspended('n1,')).toBe(line.trimEnd());
  const left = 'SELECT id FROM subscription_identity WHERE number_from = $1';
  expect(await allRows(kontor, left, [later])).toEqual([]);
});

it('an erasure of who was cancelled before he began leaves the number to its heir', async () => {
  const number = '12025550211';
  const ACCOUNT = 'query ($id: ID!) { contract(id: $id) { account { id } } }';
  const contractId = world.contracts.direct;
  const { account } = await call(kontor, world.token, ACCOUNT, { id: contractId });
  const line = async (label: string, startsAt: string) => {
    const input = { accountId: account.id, contractId, label, startsAt, numbers: [number] };
    return (await call(kontor, world.token, CREATE_SUBSCRIPTION, { input })).id;
  };
  const tomorrow = new Date(kontor.clock.now().getTime() + 86_400_000).toISOString();
  const cancelled = await line('By mistake', tomorrow);
  const CANCEL = 'mutation ($id: ID!) { cancelSubscription(id: $id) { status } }';
  expect(await call(kontor, world.token, CANCEL, { id: cancelled })).toEqual({
    status: 'CANCELLED',
  });
  const heir = await line('Heir', '2026-10-01T00:00:00Z');
  await fileOf(record('h1', number, CUSTOMER_NUMBER));
  expect(await forgotten(kontor, world, cancelled)).toMatchObject({ identities: 1 });
  const named = await allRows<{ id: number }>(
    kontor,
    `SELECT subscription_id AS id FROM subscription_identity WHERE number_from = $1
     UNION ALL SELECT (said ->> 'subscription_id')::int FROM book_past
     WHERE said ->> 'number_from' = $1::text`,
    [number],
  );
  expect(named).toEqual([{ id: rowNumber('Subscription', heir) }]);
  expect(linesWith(kontor, 'h1,').join()).toContain(number);
});
