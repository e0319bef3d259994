import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  DIRECT_NUMBER,
  importFile,
  LIST_NAMES,
  type TrafficWorld,
} from '../fixtures/traffic.js';

let kontor: TestApp;
let world: TrafficWorld;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  await aPlanWithMinutes();
});

afterAll(async () => kontor.stop());

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const FROM = '2026-05-31T22:00:00Z';

interface RetailPrice {
  readonly level: string;
  readonly amount: string;
  readonly baseAmount: string;
  readonly coveredQuantity: string;
}

const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 100) {
    nodes { id startedAt quantity prices { level amount baseAmount coveredQuantity } }
  }
}`;

let plan: string;
let minutes: string;

// Two free minutes a month for the direct customer's line.
async function aPlanWithMinutes(): Promise<void> {
  const made = await call(
    kontor,
    world.token,
    'mutation ($input: CreateServicePlanInput!) { createServicePlan(input: $input) { id } }',
    { input: { partnerId: world.hub.globalId, name: 'Two minutes', currency: 'EUR' } },
  );
  plan = made.id;
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE subscription SET service_plan_id = $1 WHERE id = $2', [
      rowNumber('ServicePlan', plan),
      rowNumber('Subscription', world.subscriptions.direct),
    ]),
  );
  minutes = await aBucket(
    { servicePlanId: plan },
    {
      ...{ name: 'Free seconds', kind: 'UNITS', amount: '120', services: ['VOICE'] },
      validFrom: '2026-01-01T00:00:00Z',
    },
  );
}

async function aBucket(target: object, bucket: object): Promise<string> {
  const made = await call(
    kontor,
    world.token,
    `mutation ($target: AllowanceTargetInput!, $bucket: BucketInput!) {
      createBucket(target: $target, bucket: $bucket) { id }
    }`,
    { target, bucket },
  );
  return made.id;
}

function line(id: string, at: string, called: string, seconds: number): string {
  return `${id},voice,${at},+${DIRECT_NUMBER},+${called},${seconds},,CANARY-TRUNK-OUT\n`;
}

async function imported(...lines: string[]): Promise<void> {
  await importFile(kontor, world, 'kontor', HEADER + lines.join(''));
  await settle(kontor);
}

describe('a bucket of units', () => {
  it('is consumed in order of time, whatever the order of the files', async () => {
    // 90 s on the 10th arrive first, 60 s of the 5th later.
    await imported(line('b1', '2026-10-10T10:00:00Z', '33123456789', 90));
    expect(await shown('2026-10')).toEqual([['90', '0.00', '0.1839', '120']]);
    await imported(line('b2', '2026-10-05T10:00:00Z', '33123456789', 60));
    expect(await shown('2026-10')).toEqual([
      ['60', '0.00', '0.092', '60'],
      ['90', '0.092', '0.1839', '60'],
    ]);
  });

  it('keeps nothing of records that it leaves as they are', async () => {
    await imported(line('b3', '2026-10-20T10:00:00Z', '33123456789', 90));
    expect(await shown('2026-10')).toEqual([
      ['60', '0.00', '0.092', '60'],
      ['90', '0.092', '0.1839', '60'],
      ['90', '0.1839', '0.1839', '0'],
    ]);
    const [{ kept }] = await kontor.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(`SELECT sum(length(records)) / 48 AS kept FROM allowance_result
        WHERE month = '2026-10-01'`),
    );
    expect(Number(kept)).toBe(2);
  });
});

describe('tiers, buckets, a capped volume discount, a bonus and roll-over together', () => {
  beforeAll(async () => {
    const { token, lists, hub, contracts } = world;
    const schedule = await call(
      kontor,
      token,
      'mutation ($input: CreateTierScheduleInput!) { createTierSchedule(input: $input) { id } }',
      {
        input: {
          partnerId: hub.globalId,
          name: 'Two steps',
          scope: 'SUBSCRIPTION',
          steps: [
            { upTo: '120', price: '0.60' },
            { price: '0.30', flatFee: '0.10' },
          ],
        },
      },
    );
    await aRate(kontor, token, lists.cost, { prefix: '45', price: '0.01' });
    await aRate(kontor, token, lists.hubRetail, {
      ...{ prefix: '45', price: '0', model: 'GRADUATED', tierScheduleId: schedule.id },
    });
    await aBucket(
      { contractId: contracts.direct },
      {
        ...{ name: 'Pocket money', kind: 'MONEY', amount: '0.50', rolloverCap: '0.30' },
        ...{ sharing: 'CONTRACT', validFrom: FROM },
      },
    );
    await call(
      kontor,
      token,
      `mutation ($partnerId: ID!, $rule: PriceRuleInput!) {
        createPriceRule(partnerId: $partnerId, rule: $rule) { id }
      }`,
      {
        partnerId: hub.globalId,
        rule: {
          ...{ name: 'Much', type: 'DISCOUNT', effect: 'PERCENT', amount: '10', cap: '0.05' },
          ...{ measure: 'QUANTITY', volumeFrom: '200', validFrom: FROM },
          contractId: contracts.direct,
        },
      },
    );
    await call(
      kontor,
      token,
      `mutation ($target: AllowanceTargetInput!, $rule: BonusRuleInput!) {
        createBonusRule(target: $target, rule: $rule) { id }
      }`,
      {
        target: { servicePlanId: plan },
        rule: {
          ...{ name: 'Talker', measure: 'USAGE', threshold: '300', grants: 'UNITS' },
          ...{ amount: '30', bucketId: minutes, validFrom: FROM },
        },
      },
    );
  });

  // Worked out by hand: see the comment at each record.
  it('come to the figures of a sheet of paper, in whatever order the files come', async () => {
    const record = (n: number, day: string, seconds: number) =>
      line(`h${n}`, `2026-${day}T10:00:00Z`, '4512345678', seconds);
    await imported(record(7, '08-04', 240), record(3, '06-07', 130));
    await imported(record(5, '06-11', 120), record(1, '06-03', 100));
    await imported(record(6, '07-02', 150), record(2, '06-05', 80), record(4, '06-09', 90));
    expect(await shown('2026-06')).toEqual([
      // All of it from the bucket, of which 20 s are left.
      ['100', '0.00', '1.00', '100'],
      // 60 s at 0.60 are 0.60, of which the pocket money of 0.50 pays as much as it has.
      ['80', '0.10', '0.80', '20'],
      // From 60 on: 60 s at 0.60, then the second step: 0.10 and 70 s at 0.30. 310 s by now.
      ['130', '1.05', '1.35', '0'],
      // The bonus of 30 s covers; 60 s at 0.30, less ten percent.
      ['90', '0.27', '0.90', '30'],
      // 0.60, less 0.02 that are left of the discount's 0.05.
      ['120', '0.58', '1.20', '0'],
    ]);
    // A new month: 30 s at 0.60 from the pocket money, of which 0.20 are left.
    expect(await shown('2026-07')).toEqual([['150', '0.00', '1.45', '120']]);
    // 120 s at 0.60 are 1.20; the pocket money has 0.50 and the 0.20 from July.
    expect(await shown('2026-08')).toEqual([['240', '0.50', '1.90', '120']]);
    expect(await summed()).toEqual([
      { month: '2026-06', amount: '2.00000000', records: '5' },
      { month: '2026-07', amount: '0.00000000', records: '1' },
      { month: '2026-08', amount: '0.50000000', records: '1' },
    ]);
  });

  it('show what is in the buckets, and who took it, month by month', async () => {
    const direct = world.subscriptions.direct;
    const labels = { subscriptionId: direct, label: `Line of ${world.direct.id}` };
    const june = await balances('2026-06');
    expect(june.pending).toBe(false);
    expect(june.buckets).toEqual([
      {
        ...{ bucketId: minutes, name: 'Free seconds', kind: 'UNITS', sharing: 'SUBSCRIPTION' },
        ...{ holderId: direct, granted: '120', rolledIn: '0', bonus: '30', used: '150', left: '0' },
        usedBy: [{ ...labels, used: '150' }],
      },
      expect.objectContaining({
        ...{ name: 'Pocket money', kind: 'MONEY', sharing: 'CONTRACT', granted: '0.5' },
        ...{ holderId: world.contracts.direct, rolledIn: '0', used: '0.5', left: '0' },
        usedBy: [{ ...labels, used: '0.5' }],
      }),
    ]);
    const money = async (month: string) => {
      const { buckets } = await balances(month);
      const found = buckets.find(({ kind }: { kind: string }) => kind === 'MONEY');
      return found && [found.granted, found.rolledIn, found.used, found.left];
    };
    expect(await money('2026-05')).toBeUndefined();
    expect(await money('2026-07')).toEqual(['0.5', '0', '0.3', '0.2']);
    expect(await money('2026-08')).toEqual(['0.5', '0.2', '0.7', '0']);
    // Without use a month has what it grants, and hands on at most the cap.
    expect(await money('2026-09')).toEqual(['0.5', '0', '0', '0.5']);
  });

  it('explain themselves', async () => {
    const { nodes } = await listed('2026-06');
    const last = nodes.at(-1);
    const { levels } = await call(
      kontor,
      world.token,
      `query ($id: ID!) {
        explainXdr(id: $id) {
          levels {
            level amount recomputedFinal equal
            month {
              tierBefore tierTotal tiers { from units price flatFee } formula
              rules { name acted amount volumeBefore capLeft } chargeSteps { kind text result }
            }
          }
        }
      }`,
      { id: last.id },
    );
    expect(levels.at(-1)).toEqual({
      level: 'RETAIL',
      amount: '0.58',
      recomputedFinal: '0.58',
      equal: true,
      month: {
        tierBefore: '250',
        tierTotal: '370',
        tiers: [{ from: '120', units: '120', price: '0.3', flatFee: '0' }],
        formula: '0 + 0.3 * 120 / 60',
        rules: [
          { name: 'Much', acted: true, amount: '-0.02', volumeBefore: '400', capLeft: '0.02' },
        ],
        chargeSteps: [
          { kind: 'USAGE', text: '0 + 0.3 * 120 / 60 = 0.6', result: '0.6' },
          { kind: 'DISCOUNT', text: '10 % of 0.6: 0.02 less.', result: '0.58' },
          { kind: 'ROUNDING', text: 'Rounded once to 4 decimals, HALF_UP.', result: '0.58' },
        ],
      },
    });
  });

  it('are shown to those alone who may see the contract and its prices', async () => {
    const customer = await tokenOf(kontor, world.direct);
    const own = await balances('2026-06', customer);
    expect(own.buckets.map(({ name }: { name: string }) => name)).toEqual([
      'Free seconds',
      'Pocket money',
    ]);
    expect(JSON.stringify(own)).not.toContain(LIST_NAMES.hubRetail);
    const ask = async (token: string) =>
      (await kontor.graphql(BALANCES, { id: world.subscriptions.direct, month: '2026-06' }, token))
        .data.subscription;
    expect(await ask(await tokenOf(kontor, world.upper))).toBeNull();
    const without = await tokenOf(kontor, world.hub, ['subscription.read', 'contract.read']);
    expect(
      await refusal(kontor, without, BALANCES, {
        ...{ id: world.subscriptions.direct, month: '2026-06' },
      }),
    ).toBe('FORBIDDEN');
    const cost = async (...permissions: string[]) => {
      const token = await tokenOf(kontor, world.hub, [
        'contract.read',
        'usage.read',
        ...permissions,
      ]);
      const found = await call(
        kontor,
        token,
        'query ($id: ID!) { contract(id: $id) { bucketBalances(month: "2026-06") { month } } }',
        { id: world.contracts.cost },
      );
      return found.bucketBalances;
    };
    expect(await cost()).toBeNull();
    expect(await cost('price.cost.read')).toEqual({ month: '2026-06' });
    const wrong = { id: world.subscriptions.direct, month: '2026-13' };
    expect(await refusal(kontor, world.token, BALANCES, wrong)).toBe('BAD_USER_INPUT');
  });

  it('are read for many in as many statements as for one', async () => {
    const used = 'bucketBalances(month: $month) { buckets { name usedBy { label used } } }';
    const ask = async (fields: string) => {
      const query = `query ($month: String!) { ${fields} }`;
      const answer = await kontor.graphql(query, { month: '2026-06' }, world.token);
      expect(answer.errors).toEqual([]);
      return { data: answer.data, statements: kontor.statements(answer) };
    };
    const id = JSON.stringify(world.subscriptions.direct);
    const one = await ask(`subscription(id: ${id}) { ${used} }`);
    const many = await ask(`subscriptions(first: 50) { nodes { ${used} } }`);
    expect(many.statements).toBeLessThanOrEqual(one.statements + 2);
    const contracts = await ask(`contracts(first: 50) { nodes { ${used} } }`);
    expect(contracts.statements).toBeLessThanOrEqual(one.statements + 2);
    const accounts = await ask(
      `partners(first: 8) { nodes { accounts(first: 4) { nodes { ${used} } } } }`,
    );
    expect(accounts.statements).toBeLessThanOrEqual(one.statements + 3);
    const names = contracts.data.contracts.nodes.flatMap(
      (node: { bucketBalances: { buckets: { name: string }[] } }) =>
        node.bucketBalances.buckets.map(({ name }) => name),
    );
    expect(names).toEqual(['Free seconds', 'Pocket money']);
  });
});

const BALANCES = `query ($id: ID!, $month: String!) {
  subscription(id: $id) {
    bucketBalances(month: $month) {
      month pending
      buckets {
        bucketId name kind sharing holderId granted rolledIn bonus used left
        usedBy { subscriptionId label used }
      }
      points { name sharing holderId points }
    }
  }
}`;

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
async function balances(month: string, token = world.token): Promise<any> {
  const found = await call(kontor, token, BALANCES, { id: world.subscriptions.direct, month });
  return found.bucketBalances;
}

async function listed(month: string) {
  const filter = {
    from: `${month}-01T00:00:00Z`,
    to: `${month}-28T00:00:00Z`,
    subscriptionId: world.subscriptions.direct,
  };
  return call(kontor, world.token, XDRS, { filter });
}

async function shown(month: string): Promise<unknown[]> {
  const { nodes } = await listed(month);
  return nodes.map((xdr: { quantity: string; prices: RetailPrice[] }) => {
    const retail = xdr.prices.find(({ level }) => level === 'RETAIL')!;
    return [xdr.quantity, retail.amount, retail.baseAmount, retail.coveredQuantity];
  });
}

async function summed(): Promise<unknown[]> {
  return kontor.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT to_char(usage_on, 'YYYY-MM') AS month,
         (sum(amount) / 100000000)::numeric(18,8)::text AS amount, sum(records)::text AS records
       FROM usage_summary WHERE contract_id = $1 AND usage_on < '2026-10-01'
       GROUP BY 1 ORDER BY 1`,
      [rowNumber('Contract', world.contracts.direct)],
    ),
  );
}
