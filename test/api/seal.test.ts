import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { laneOf } from '../../src/mediation/index.js';
import { createRun, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const NUMBER = '493012345678';
const RECORDS = 30_000;

let kontor: TestApp;
let owner: pg.Client;
let hub: BuiltPartner;
let customer: BuiltPartner;
let token: string;
/** The days of the records: over for long, over since three days, and yesterday. */
const days = { old: '', recent: '', open: '' };

beforeAll(async () => {
  kontor = await testApp({ start: false });
  owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await owner.connect();
  hub = await aPartner(kontor);
  customer = await aPartner(kontor, { kind: 'BUSINESS_CUSTOMER' });
  token = await kontor.signIn((await aUser(kontor, { partnerId: hub.id })).email);
  const ago = (count: number) =>
    new Date(kontor.clock.now().getTime() - count * 86_400_000).toISOString().slice(0, 10);
  Object.assign(days, { old: ago(20), recent: ago(3), open: ago(1) });
  for (const day of Object.values(days)) await insertRecords(day);
});
afterAll(async () => {
  await owner?.end();
  await kontor?.stop();
});

/** A day of records of 1,000 subscriptions; the number in question is in three of them. */
async function insertRecords(day: string): Promise<void> {
  await owner.query('SELECT ensure_usage_partitions(ARRAY[$1]::date[])', [day]);
  await owner.query(
    `INSERT INTO xdr (id, started_at, identity, partner_id, account_id, subscription_id, service,
       a_number, b_number, quantity, in_trunk_id, out_trunk_id, destination_id, legs, amounts)
     SELECT (1::bigint << 24) | n, $1::date + n * interval '2 s', gen_random_uuid(), $2, 1,
       n % 1000, 1, CASE n WHEN 7 THEN $3::bigint ELSE 491700000000 + n END,
       CASE WHEN n IN (8, 9) THEN $3::bigint ELSE 497000000000 + n END, 60, 0, 0, 0, '', '{}'
     FROM generate_series(1, $4::int) AS n`,
    [day, customer.id, NUMBER, RECORDS],
  );
}

async function plans(condition: string, values: unknown[]): Promise<string> {
  const { rows } = await owner.query(
    `EXPLAIN SELECT id FROM xdr WHERE started_at >= $1::date AND started_at < $1::date + 1
     AND ${condition} ORDER BY started_at, id LIMIT 51`,
    values,
  );
  return JSON.stringify(rows);
}

const LIST = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 100) { nodes { id quantity } } }`;

async function list(day: string, filter: object): Promise<readonly unknown[]> {
  const until = new Date(Date.parse(day) + 86_400_000).toISOString();
  const span = { from: `${day}T00:00:00Z`, to: until };
  const answer = await kontor.graphql(LIST, { filter: { ...span, ...filter } }, token);
  expect(answer.errors).toEqual([]);
  return answer.data.xdrs.nodes;
}

const alarms = () =>
  kontor.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(`SELECT partner_id AS "partnerId", severity, text FROM alarm`),
  );

describe('days of records', () => {
  it('are sealed once they are over, each once', async () => {
    const before = await list(days.old, { number: NUMBER });
    expect(before.length).toBe(3);
    const { seals } = kontor.app.services;
    expect(await seals.sealPast()).toEqual([days.old, days.recent]);
    expect(await seals.sealPast()).toEqual([]);
    expect(await list(days.old, { number: NUMBER })).toEqual(before);
    expect(await alarms()).toEqual([]);
  });

  it('are found by subscription and number without a look at every record', async () => {
    const subscriptionId = toGlobalId('Subscription', 77);
    expect((await list(days.old, { subscriptionId })).length).toBe(RECORDS / 1_000);
    const number = '(a_number = $2::bigint OR b_number = $2::bigint)';
    const sealed = days.old.replaceAll('-', '');
    expect(await plans('subscription_id = $2', [days.old, 77])).toContain(`${sealed}_subscription`);
    expect(await plans(number, [days.old, NUMBER])).toContain(`xdr_${sealed}_a_number`);
    expect(await plans(number, [days.old, NUMBER])).toContain(`xdr_${sealed}_b_number`);
    expect(await plans('subscription_id = $2', [days.open, 77])).toContain('Seq Scan');
  });

  it('have corrections found by time, and records taken up again by batch', async () => {
    await owner.query('SELECT ensure_correction_partitions(ARRAY[$1]::date[])', [days.old]);
    await owner.query('SET enable_seqscan = off');
    const plan = async (sql: string, values: unknown[]) =>
      JSON.stringify((await owner.query(`EXPLAIN ${sql}`, values)).rows);
    const corrections = `SELECT 1 FROM xdr_correction WHERE started_at >= $1::date
      AND started_at < $1::date + interval '1 hour' LIMIT 1`;
    const leaf = `xdr_correction_${days.old.replaceAll('-', '')}`;
    expect(await plan(corrections, [days.old])).toContain(`${leaf}_started_at_idx`);
    const recycled = 'SELECT id FROM suspense_record WHERE recycled_by_batch_id = $1 ORDER BY id';
    expect(await plan(recycled, [1])).toContain('suspense_record_recycled');
    await owner.query('RESET enable_seqscan');
  });

  it('take what arrives later', async () => {
    await owner.query('SELECT ensure_usage_partitions(ARRAY[$1]::date[])', [days.old]);
    await owner.query(
      `INSERT INTO xdr SELECT id + 9000000, started_at, gen_random_uuid(), partner_id, account_id,
         subscription_id, service, a_number, b_number, 61, 0, 0, 0, '', '{}'
       FROM xdr WHERE started_at >= $1::date AND started_at < $1::date + 1 AND a_number = $2`,
      [days.old, NUMBER],
    );
    expect((await list(days.old, { number: NUMBER })).length).toBe(4);
  });

  it('that are being loaded wait for the next time, and keep nobody waiting', async () => {
    const day = new Date(Date.parse(days.recent) - 86_400_000).toISOString().slice(0, 10);
    await insertRecords(day);
    const { seals } = kontor.app.services;
    await owner.query('BEGIN');
    await owner.query(`LOCK TABLE xdr_${day.replaceAll('-', '')} IN ROW EXCLUSIVE MODE`);
    const begin = performance.now();
    expect(await seals.sealPast()).toEqual([]);
    expect(performance.now() - begin).toBeLessThan(20_000);
    await owner.query('COMMIT');
    expect(await seals.sealPast()).toEqual([day]);
  }, 40_000);

  it('are sealed once by two at the same time', async () => {
    const day = new Date(Date.parse(days.old) - 86_400_000).toISOString().slice(0, 10);
    await insertRecords(day);
    const { seals } = kontor.app.services;
    const both = await Promise.all([seals.sealPast(), seals.sealPast()]);
    expect(both.flat()).toEqual([day]);
  });

  it('raise none where two identity domains number their records alike', async () => {
    const day = new Date(Date.parse(days.old) - 3 * 86_400_000).toISOString().slice(0, 10);
    const batches = await kontor.app.database.write(SYSTEM_SCOPE, async (tx) => {
      const { runId } = await createRun(tx, {
        ...{ kind: 'IMPORT', partnerId: hub.id, subject: 'alike', params: {}, requestedBy: null },
        unitsTotal: 2,
        batches: ['one', 'two'].map((domain) => ({ lane: laneOf(domain), payload: {}, units: 1 })),
      });
      return tx.query('SELECT id FROM run_batch WHERE run_id = $1', [runId]);
    });
    await owner.query('SELECT ensure_usage_partitions(ARRAY[$1]::date[])', [day]);
    await owner.query(
      `INSERT INTO xdr SELECT (b::bigint << 24) | n, $1::date + n * interval '1 s',
         md5('switch;' || n)::uuid, $2, 1, 1, 1, 1, 2, 60, 0, 0, 0, '', '{}'
       FROM unnest($3::int[]) AS b, generate_series(1, 5) AS n`,
      [day, customer.id, batches.map(({ id }: { id: number }) => id)],
    );
    expect(await kontor.app.services.seals.sealPast()).toEqual([day]);
    expect(await alarms()).toEqual([]);
  });

  it('raise an alarm when a record is there twice', async () => {
    const day = new Date(Date.parse(days.old) - 5 * 86_400_000).toISOString().slice(0, 10);
    await insertRecords(day);
    const twice = randomUUID();
    await owner.query(
      `UPDATE xdr SET identity = $1 WHERE started_at >= $2::date AND started_at < $2::date + 1
       AND quantity = 60 AND subscription_id = 5 AND id % 2 = 1`,
      [twice, day],
    );
    expect(await kontor.app.services.seals.sealPast()).toEqual([day]);
    expect(await alarms()).toEqual([
      {
        partnerId: hub.id,
        severity: 'CRITICAL',
        text: `Records of ${day} were rated twice: ${RECORDS / 1_000 - 1}.`,
      },
    ]);
  });
});
