import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { call } from '../fixtures/partner.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';

let kontor: TestApp;
let world: TrafficWorld;
let later: string;
let shared: string;

const LATER_NUMBER = '4930222333';
const FRANCE = '33123456789';

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  const { contracts } = world;
  later = await aLine(LATER_NUMBER, '2026-08-15T00:00:00Z');
  await aBucket(contracts.cost, 'SUBSCRIPTION');
  await aBucket(contracts.upper, 'CONTRACT');
  await aBucket(contracts.lower, 'SUBSCRIPTION');
  shared = await aBucket(contracts.customer, 'ACCOUNT');
});

afterAll(async () => kontor.stop());

async function aLine(number: string, startsAt: string): Promise<string> {
  const contractId = world.contracts.customer;
  const { account } = await call(
    kontor,
    world.token,
    'query ($id: ID!) { contract(id: $id) { account { id } } }',
    { id: contractId },
  );
  const made = await call(
    kontor,
    world.token,
    'mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { id } }',
    { input: { accountId: account.id, contractId, label: 'Later', numbers: [number], startsAt } },
  );
  return made.id;
}

// A hundred seconds a month since July, all of which may be left over.
async function aBucket(contractId: string, sharing: string): Promise<string> {
  const bucket = {
    ...{ name: sharing, kind: 'UNITS', amount: '100', rolloverCap: '1000', sharing },
    ...{ services: ['VOICE'], validFrom: '2026-06-30T22:00:00Z' },
  };
  const made = await call(
    kontor,
    world.token,
    `mutation ($target: AllowanceTargetInput!, $bucket: BucketInput!) {
      createBucket(target: $target, bucket: $bucket) { id }
    }`,
    { target: { contractId }, bucket },
  );
  return made.id;
}

async function imported(...calls: [id: string, at: string, from: string, seconds: number][]) {
  const lines = calls.map(([id, at, from, seconds]) => {
    return `${id},voice,${at},+${from},+${FRANCE},${seconds},,CANARY-TRUNK-OUT\n`;
  });
  const header = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
  await importFile(kontor, world, 'kontor', header + lines.join(''));
  await settle(kontor);
}

interface Xdr {
  readonly id: string;
  readonly prices: readonly { readonly level: string; readonly coveredQuantity: string }[];
}

async function october(): Promise<readonly Xdr[]> {
  const { nodes } = await call(
    kontor,
    world.token,
    `query ($filter: XdrFilter!) {
      xdrs(filter: $filter, first: 100) { nodes { id prices { level coveredQuantity } } }
    }`,
    { filter: { from: '2026-10-01T00:00:00Z', to: '2026-10-31T00:00:00Z' } },
  );
  return nodes;
}

async function covered(): Promise<string[][]> {
  return (await october()).map(({ prices }) =>
    prices.map(({ level, coveredQuantity }) => `${level} ${coveredQuantity}`),
  );
}

async function balance(contractId: string, month: string): Promise<string[][]> {
  const { bucketBalances } = await call(
    kontor,
    world.token,
    `query ($id: ID!, $month: String!) {
      contract(id: $id) { bucketBalances(month: $month) { buckets { granted rolledIn left } } }
    }`,
    { id: contractId, month },
  );
  return bucketBalances.buckets.map((one: Record<string, string>) => Object.values(one));
}

async function quoted(subscriptionId: string, aNumber: string): Promise<string[]> {
  const { levels } = await call(
    kontor,
    world.token,
    `query ($input: QuoteInput!) {
      quote(input: $input) { levels { level month { coveredQuantity } } }
    }`,
    {
      input: {
        ...{ subscriptionId, aNumber, bNumber: FRANCE, quantity: '1200', inMonth: true },
        startedAt: '2026-10-10T10:00:00Z',
      },
    },
  );
  return levels.map((one: { level: string; month: { coveredQuantity: string } | null }) => {
    return `${one.level} ${one.month?.coveredQuantity ?? 'none'}`;
  });
}

// What the buckets that covered each record had from before; every explanation comes out equal.
async function rolledInAtRetail(): Promise<string[][]> {
  const found: string[][] = [];
  for (const { id } of await october()) {
    const { equal, levels } = await call(
      kontor,
      world.token,
      `query ($id: ID!) {
        explainXdr(id: $id) { equal levels { level month { covered { rolledIn } } } }
      }`,
      { id },
    );
    expect([equal, levels.length]).toEqual([true, 4]);
    found.push(levels.at(-1).month.covered.map((one: { rolledIn: string }) => one.rolledIn));
  }
  return found;
}

describe('buckets of all levels', () => {
  it('wait with what is left of months without any record', async () => {
    expect(await balance(world.contracts.upper, '2026-10')).toEqual([['100', '300', '400']]);
  });

  it('are quoted so', async () => {
    expect(await quoted(world.subscriptions.customer, CUSTOMER_NUMBER)).toEqual([
      'COST none',
      'WHOLESALE 400',
      'WHOLESALE 400',
      'RETAIL 400',
    ]);
    // The later line has its own hundred of August, September and October.
    expect(await quoted(later, LATER_NUMBER)).toEqual([
      'COST none',
      'WHOLESALE 400',
      'WHOLESALE 300',
      'RETAIL 400',
    ]);
  });

  it('roll over by the terms of a reseller, and by the lines of who shares them', async () => {
    await imported(['a', '2026-09-10T10:00:00Z', CUSTOMER_NUMBER, 60]);
    await imported(
      ['b', '2026-10-10T10:00:00Z', CUSTOMER_NUMBER, 1200],
      ['c', '2026-10-11T10:00:00Z', LATER_NUMBER, 1200],
    );
    // July and August are unused, of September 40 are left: 340 with October.
    expect(await covered()).toEqual([
      ['COST 340', 'WHOLESALE 340', 'WHOLESALE 340', 'RETAIL 340'],
      ['COST 300', 'WHOLESALE 0', 'WHOLESALE 300', 'RETAIL 0'],
    ]);
    expect(await balance(world.contracts.upper, '2026-10')).toEqual([['100', '240', '0']]);
  });

  it('are explained so', async () => {
    expect(await rolledInAtRetail()).toEqual([['240'], []]);
  });

  it('go on to be explained by what was left over, whatever is known of it later', async () => {
    const close = 'mutation ($id: ID!, $at: DateTime!) { closeBucket(id: $id, at: $at) { id } }';
    await call(kontor, world.token, close, { id: shared, at: '2026-09-15T00:00:00Z' });
    expect(await rolledInAtRetail()).toEqual([['240'], []]);
    // The month goes by what is known now as soon as something new comes into it.
    await imported(['d', '2026-10-12T10:00:00Z', CUSTOMER_NUMBER, 60]);
    expect(await rolledInAtRetail()).toEqual([['0'], [], []]);
  });

  it('keep what was left over though all usage of before is purged', async () => {
    // Of August nothing is left to the later line, so it has September and October.
    await imported(['e', '2026-08-20T10:00:00Z', LATER_NUMBER, 100]);
    const asFolded = ['COST 200', 'WHOLESALE 0', 'WHOLESALE 200', 'RETAIL 0'];
    expect((await covered())[1]).toEqual(asFolded);
    await kontor.app.database.write(SYSTEM_SCOPE, async (tx) => {
      for (const day of ['2026-08-20', '2026-09-10']) {
        await tx.query('SELECT purge_usage_day($1, NULL)', [day]);
      }
      await tx.query(`SELECT move_usage_horizon('2026-10-01')`);
    });
    await imported(['f', '2026-10-20T10:00:00Z', CUSTOMER_NUMBER, 60]);
    expect((await covered())[1]).toEqual(asFolded);
    await kontor.app.database.read(SYSTEM_SCOPE, async (tx) => {
      expect(await tx.query('SELECT on_date::text FROM usage_horizon')).toEqual([
        { on_date: '2026-10-01' },
      ]);
      const kept = await tx.query(
        `SELECT adjustment::text, length(records) AS records, convert_from(pots, 'UTF8') AS pots
         FROM allowance_result WHERE month < '2026-09-01'`,
      );
      expect(kept.length).toBeGreaterThan(0);
      for (const { adjustment, records, pots } of kept) {
        expect([adjustment, records]).toEqual(['0', 0]);
        expect(JSON.parse(pots)).toMatchObject({ points: [], pots: [{ usedBy: [] }] });
      }
      expect(await checkUsageSums(tx)).toEqual([]);
    });
  });
});
