import { afterAll, beforeAll, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { call } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';
import { until } from '../fixtures/webhook-desk.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const SCHEDULE = `mutation ($input: CreateTierScheduleInput!) {
  createTierSchedule(input: $input) { id }
}`;
const BUCKET = `mutation ($target: AllowanceTargetInput!, $bucket: BucketInput!) {
  createBucket(target: $target, bucket: $bucket) { id }
}`;

let kontor: TestApp;
let world: TrafficWorld;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
}, 120_000);
afterAll(() => kontor.stop());

const line = (from: string, id: string, day: string, seconds: number) =>
  `${id},voice,2026-10-${day}T10:00:00Z,+${from},+33123456789,${seconds},,CANARY-TRUNK-OUT\n`;

/** Due shards, runs that are not done, and open alarms with their partner. */
async function state(): Promise<{ due: number; open: number; alarms: string[] }> {
  return kontor.app.database.read(SYSTEM_SCOPE, async (tx) => {
    const [counts] = await tx.query(
      `SELECT (SELECT count(DISTINCT shard)::int FROM allowance_due) AS due,
         (SELECT count(*)::int FROM run WHERE state <> 'DONE') AS open`,
    );
    const alarms: { partner: number; cause: string }[] = await tx.query(
      `SELECT partner_id AS partner, probable_cause AS cause FROM alarm WHERE cleared_at IS NULL`,
    );
    return { ...counts, alarms: alarms.map(({ partner, cause }) => `${partner} ${cause}`) };
  });
}

async function direct(): Promise<string> {
  const { nodes } = await call(
    kontor,
    world.token,
    `query ($filter: XdrFilter!) {
      xdrs(filter: $filter, first: 10) { nodes { quantity prices { level amount } } }
    }`,
    { filter: { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' } },
  );
  return nodes.find(({ quantity }: { quantity: string }) => quantity === '90').prices.at(-1).amount;
}

it('keeps no month of others unfolded when a charge of one cannot be stored', async () => {
  const { token, lists, lower, contracts } = world;
  await call(kontor, token, BUCKET, {
    target: { contractId: contracts.direct },
    bucket: {
      ...{ name: 'Free seconds', kind: 'UNITS', amount: '120', services: ['VOICE'] },
      validFrom: '2026-01-01T00:00:00Z',
    },
  });
  const steps = [{ upTo: '60', price: '0' }, { price: '9999999999' }];
  const mistyped = await call(kontor, token, SCHEDULE, {
    input: { partnerId: lower.globalId, name: 'Mistyped', steps },
  });
  await aRate(kontor, token, lists.lowerRetail, {
    ...{ prefix: '331', price: '0', model: 'GRADUATED', tierScheduleId: mistyped.id },
  });
  await importFile(
    kontor,
    world,
    'kontor',
    `${HEADER}${line(CUSTOMER_NUMBER, 'x1', '10', 60)}${line(CUSTOMER_NUMBER, 'x2', '11', 60)}` +
      line(DIRECT_NUMBER, 'd1', '10', 90),
  );
  await until(async () => (await direct()) === '0.00', 30_000);
  const alarm = `${lower.id} MONTH_NOT_FOLDED`;
  expect(await state()).toEqual({ due: 1, open: 0, alarms: [alarm] });

  // Each fold comes upon it again, and there is one alarm still.
  await importFile(kontor, world, 'kontor', `${HEADER}${line(DIRECT_NUMBER, 'd2', '12', 50)}`);
  await until(async () => (await state()).open === 0, 30_000);
  expect(await state()).toEqual({ due: 1, open: 0, alarms: [alarm] });

  // The alarm ends with its cause.
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE allowance_entry SET withdrawn = true WHERE shard = $1', [
      rowNumber('Contract', contracts.customer) % 64,
    ]),
  );
  await importFile(kontor, world, 'kontor', `${HEADER}${line(CUSTOMER_NUMBER, 'x3', '12', 50)}`);
  await until(async () => (await state()).due === 0, 30_000);
  expect((await state()).alarms).toEqual([]);
}, 180_000);
