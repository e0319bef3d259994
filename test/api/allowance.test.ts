import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { call } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  DIRECT_NUMBER,
  importFile,
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

interface RetailPrice {
  readonly level: string;
  readonly amount: string;
  readonly baseAmount: string;
  readonly coveredQuantity: string;
}

const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 100) {
    nodes { startedAt quantity prices { level amount baseAmount coveredQuantity } }
  }
}`;

// Two free minutes a month for the direct customer's line.
async function aPlanWithMinutes(): Promise<void> {
  const { database } = kontor.app;
  await database.write(SYSTEM_SCOPE, async (tx) => {
    const [plan] = await tx.query(
      `INSERT INTO service_plan (partner_id, name, currency) VALUES ($1, 'Two minutes', 'EUR')
       RETURNING id`,
      [world.hub.id],
    );
    await tx.query(`UPDATE subscription SET service_plan_id = $1 WHERE id = $2`, [
      plan.id,
      rowNumber('Subscription', world.subscriptions.direct),
    ]);
    await tx.query(
      `INSERT INTO bucket (partner_id, name, service_plan_id, kind, amount, services,
         valid_from) VALUES ($1, 'Free seconds', $2, 'UNITS', 120, '{VOICE}', '2026-01-01')`,
      [world.hub.id, plan.id],
    );
  });
}

describe('a bucket of units', () => {
  it('is consumed in order of time, whatever the order of the files', async () => {
    // 90 s on the 10th arrive first, 60 s of the 5th later.
    const later = `b1,voice,2026-10-10T10:00:00Z,+${DIRECT_NUMBER},+33123456789,90,,CANARY-TRUNK-OUT`;
    const earlier = `b2,voice,2026-10-05T10:00:00Z,+${DIRECT_NUMBER},+33123456789,60,,CANARY-TRUNK-OUT`;
    await importFile(kontor, world, 'kontor', `${HEADER}${later}\n`);
    await settled();
    expect(await shown()).toEqual([['90', '0.00', '0.1839', '120']]);
    await importFile(kontor, world, 'kontor', `${HEADER}${earlier}\n`);
    await settled();
    expect(await shown()).toEqual([
      ['60', '0.00', '0.092', '60'],
      ['90', '0.092', '0.1839', '60'],
    ]);
  });
});

async function settled(): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await kontor.app.outbox.runUntilIdle();
    await kontor.app.work.runUntilIdle();
  }
}

async function shown(): Promise<unknown[]> {
  const filter = {
    from: '2026-10-01T00:00:00Z',
    to: '2026-11-01T00:00:00Z',
    subscriptionId: world.subscriptions.direct,
  };
  const { nodes } = await call(kontor, world.token, XDRS, { filter });
  return nodes.map((xdr: { quantity: string; prices: RetailPrice[] }) => {
    const retail = xdr.prices.find(({ level }) => level === 'RETAIL')!;
    return [xdr.quantity, retail.amount, retail.baseAmount, retail.coveredQuantity];
  });
}
