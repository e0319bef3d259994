import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  BillRunService,
  billingEntities,
  checkBillingInvariants,
} from '../../src/billing/index.js';
import { partnerEntities } from '../../src/partner/index.js';
import { Database, platformEntities, type Run, SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  aBillableContract,
  aBillingPartner,
  aDestination,
  aPlan,
  someSubscriptions,
  someUsage,
} from '../fixtures/billing.js';
import { numbersIn } from '../fixtures/numbers.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';
import { trials } from '../fixtures/trials.js';
import { aViewer } from '../fixtures/viewer.js';

const NOW = '2026-11-21T10:00:00Z';
const CONTRACTS = 12;
/** Statements at which workers die: some within their first batches, some between. */
const DEATHS = trials(1) > 1 ? [7, 18, 29, 40, 51, 66] : [7, 29, 51, 66];
let store: TestDatabase;
let database: Database;
const anchorDir = mkdtempSync(join(tmpdir(), 'kontor-anchor-'));

beforeAll(async () => {
  store = await testDatabase();
  database = await new Database({
    ...store.urls,
    entities: [...platformEntities, ...partnerEntities, ...billingEntities],
    poolSize: 6,
    statementTimeoutMs: 20_000,
  }).connect();
});
afterAll(async () => {
  await database?.close();
  await store?.drop();
  rmSync(anchorDir, { recursive: true, force: true });
});

async function aSeller(hub: number, destinationId: number): Promise<number> {
  const sellerId = await aBillingPartner(database, { parentId: hub });
  const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount: '9.99' }] as const;
  const planId = await aPlan(database, { sellerId, name: 'Plan', fees });
  for (let place = 0; place < CONTRACTS; place += 1) {
    const buyerId = await aBillingPartner(database, { parentId: sellerId });
    const contract = await aBillableContract(database, { sellerId, buyerId });
    const amount = `${place}.12345678`;
    await someUsage(database, contract, { on: '2026-10-02', destinationId, amount });
    await someUsage(database, contract, { on: '2026-10-03', destinationId, amount });
    // Each second one is owed more than it pays, so its fees are billed alone.
    if (place % 2 === 1) {
      await someUsage(database, contract, { on: '2026-09-03', destinationId, amount: '-1000' });
    }
    const startsAt = `2026-10-${String(place + 3).padStart(2, '0')}T10:00:00Z`;
    await someSubscriptions(database, contract, { planId, startsAt, count: 40 });
  }
  return sellerId;
}

/** A worker that dies at its n-th statement; without n it works to the end. Answers how it went. */
async function worker(fatalStatement = 0): Promise<number | string> {
  const file = join(import.meta.dirname, '..', 'fixtures', 'bill-worker.js');
  const args = [file, store.urls.url, NOW, String(fatalStatement), anchorDir];
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, TZ: 'UTC' },
  });
  const [code, signal] = await once(child, 'exit');
  return signal ?? code;
}

/** What the runs say that they did. */
async function results(sellerId: number): Promise<unknown> {
  return database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT state, result, units_done FROM run WHERE partner_id = $1 ORDER BY id', [
      sellerId,
    ]),
  );
}

async function figures(sellerId: number): Promise<unknown> {
  return database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT i.state, i.basis, i.net, i.tax, i.gross, count(l.id) AS lines,
         sum(l.records) AS records, (SELECT count(*) FROM fee_charge c WHERE c.invoice_id = i.id)
           AS charges, (SELECT sum(u.amount) FROM usage_summary u
             WHERE u.contract_id = i.contract_id AND u.invoice_id IS NULL) AS waiting
       FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id
       WHERE i.seller_partner_id = $1 GROUP BY i.id ORDER BY i.contract_id`,
      [sellerId],
    ),
  );
}

it('ends in the figures of an undisturbed run, however often it is killed', async () => {
  const hub = await aBillingPartner(database);
  const destinationId = await aDestination(database, 'Germany');
  const runs = new BillRunService(() => new Date(NOW), numbersIn(database, anchorDir));
  const act = (sellerId: number, work: 'bill' | Run): Promise<Run> =>
    database.write({ partnerId: sellerId }, (tx) => {
      const viewer = aViewer({ userId: 1, partnerId: sellerId });
      return work === 'bill'
        ? runs.start(tx, viewer, { period: '2026-10', sellerPartnerId: null }, null)
        : runs.finalise(tx, viewer, work.globalId, null);
    });
  const calm = await aSeller(hub, destinationId);
  const calmRun = await act(calm, 'bill');
  expect(await worker()).toBe(0);
  await act(calm, calmRun);
  expect(await worker()).toBe(0);

  const shaken = await aSeller(hub, destinationId);
  const shakenRun = await act(shaken, 'bill');
  for (const statement of DEATHS) expect(await worker(statement)).toBe('SIGKILL');
  expect(await worker()).toBe(0);
  await act(shaken, shakenRun);
  for (const statement of DEATHS) expect(await worker(statement)).toBe('SIGKILL');
  expect(await worker()).toBe(0);

  const expected = (await figures(calm)) as unknown[];
  expect(expected.length).toBe(CONTRACTS);
  expect(await figures(shaken)).toEqual(expected);
  expect(await results(shaken)).toEqual(await results(calm));
  expect(await database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
}, 240_000);
