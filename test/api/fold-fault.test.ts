import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectWorker, enterScope, rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  findBeginnings,
  ResultWriter,
  takeResults,
} from '../../src/rating/allowance-result.store.js';
import { FoldFactsReader } from '../../src/rating/fold-facts.store.js';
import { encodeState, MonthState } from '../../src/rating/fold-state.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { allRows } from '../fixtures/mediation.js';
import { bucketInput, CREATE_BUCKET, CREATE_SCHEDULE } from '../fixtures/pricing.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { lastTicket } from '../fixtures/rich-world.js';
import { CUSTOMER_NUMBER, DIRECT_NUMBER, type ListName } from '../fixtures/traffic.js';

const FRANCE = '33123456789';

type Call = [id: string, day: string, caller: string, called: string, seconds: number];

let desk: RerateDesk;

beforeAll(async () => {
  desk = await RerateDesk.open();
}, 120_000);
afterAll(() => desk.close());

/** Groups of contracts that stay due, and open alarms with their partner. */
async function state(): Promise<{ due: number; alarms: string[] }> {
  const due = await allRows(desk.kontor, 'SELECT DISTINCT shard FROM allowance_due');
  const alarms = await allRows<{ partner: number; cause: string }>(
    desk.kontor,
    'SELECT partner_id AS partner, probable_cause AS cause FROM alarm WHERE cleared_at IS NULL',
  );
  return { due: due.length, alarms: alarms.map(({ partner, cause }) => `${partner} ${cause}`) };
}

/** Waits for work whose failed batches are tried again at once, without the pauses between. */
async function hurried<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE run_batch SET not_before = now() WHERE not_before > now()'),
    );
    await delay(50);
  }
  return done;
}

/** Calls to France from a day of October on: a minute a month is free, then they cost so much. */
async function priced(
  day: string,
  price: string,
  by: readonly ['lower' | 'supplier', ListName, prefix: string] = ['lower', 'lowerRetail', '331'],
): Promise<void> {
  const [owner, list, prefix] = by;
  const input = {
    ...{ partnerId: desk.world[owner].globalId, name: `Then ${price} at ${prefix}` },
    steps: [{ upTo: '60', price: '0' }, { price }],
  };
  const { id } = await desk.query(CREATE_SCHEDULE, { input });
  await desk.price(desk.world.lists[list], {
    ...{ prefix, price: '0', model: 'GRADUATED', tierScheduleId: id },
    validFrom: `2026-10-${day}T00:00:00Z`,
  });
}

it('keeps no month of others unfolded when a charge of one cannot be stored', async () => {
  const { lower, contracts } = desk.world;
  await desk.query(CREATE_BUCKET, {
    target: { contractId: contracts.direct },
    bucket: bucketInput({ amount: '120' }),
  });
  await priced('01', '9999999999');
  await desk.calls(
    ['x1', '10', CUSTOMER_NUMBER, FRANCE, 60],
    ['x2', '11', CUSTOMER_NUMBER, FRANCE, 60],
    ['d1', '12', DIRECT_NUMBER, FRANCE, 90],
  );
  expect((await desk.retail())[2]).toBe('0.00');
  const alarm = `${lower.id} MONTH_NOT_FOLDED`;
  expect(await state()).toEqual({ due: 1, alarms: [alarm] });

  // Each fold comes upon it again, and there is one alarm still.
  await desk.calls(['d2', '13', DIRECT_NUMBER, FRANCE, 50]);
  expect((await desk.retail())[3]).not.toBe('0.00');
  expect(await state()).toEqual({ due: 1, alarms: [alarm] });

  // A price that is no better is found by the preview; the right one ends the alarm.
  await priced('02', '8888888888');
  const id = await hurried(desk.previewed());
  expect((await desk.shown(id)).state).toBe('PREVIEWING');
  const parked = await allRows<{ reason: string }>(
    desk.kontor,
    `SELECT parked_reason AS reason FROM run_batch WHERE state = 'PARKED'`,
  );
  expect(parked).toEqual([{ reason: 'MONTH_CHARGE_TOO_LARGE' }]);
  await priced('03', '0.60');
  await desk.applied();
  expect(await state()).toEqual({ due: 0, alarms: [] });
  expect((await desk.retail()).slice(0, 2)).toEqual(['0.00', '0.60']);
  const sums = await desk.kontor.app.database.read(SYSTEM_SCOPE, checkUsageSums);
  expect(sums).toEqual([]);
}, 180_000);

it('tells the buyer when the prices are those of a supplier', async () => {
  const { hub } = desk.world;
  const cost = ['supplier', 'cost', '334'] as const;
  await priced('01', '9999999999', cost);
  await desk.calls(
    ['c1', '14', DIRECT_NUMBER, '33423456789', 60],
    ['c2', '15', DIRECT_NUMBER, '33423456789', 60],
  );
  expect(await state()).toEqual({ due: 1, alarms: [`${hub.id} MONTH_NOT_FOLDED`] });
  await priced('03', '0.60', cost);
  await desk.applied();
  expect(await state()).toEqual({ due: 0, alarms: [] });
}, 60_000);

it('folds months whose sums are larger than a number of the database', async () => {
  const { contracts, lists } = desk.world;
  await desk.query(CREATE_BUCKET, {
    target: { contractId: contracts.direct },
    bucket: bucketInput({ amount: '999999' }),
  });
  await desk.price(lists.hubRetail, { prefix: '332', price: '90000000', model: 'PER_EVENT' });
  // Each costs nearly what a record may cost, and the bucket takes all of it.
  const many = Array.from(
    { length: 1_100 },
    (_, n): Call => [`m${n}`, '20', DIRECT_NUMBER, '33223456789', 1],
  );
  await desk.calls(...many);
  expect(await state()).toEqual({ due: 0, alarms: [] });
  const [folded] = await allRows<{ covered: string }>(
    desk.kontor,
    `SELECT sum(amount)::text AS covered FROM usage_summary
     WHERE contract_id = ${rowNumber('Contract', contracts.direct)} AND records = 0`,
  );
  expect(BigInt(folded!.covered)).toBeLessThan(-(2n ** 63n));
  // So does rating them anew, there and back.
  await desk.price(lists.hubRetail, {
    ...{ prefix: '332', price: '1', model: 'PER_EVENT', validFrom: '2026-10-02T00:00:00Z' },
  });
  const id = await desk.applied();
  expect((await desk.shown(id, 'APPLY')).outcome).toMatchObject({ changed: '1100' });
  await desk.act('undo', id);
  expect(await state()).toEqual({ due: 0, alarms: [] });
  const sums = await desk.kontor.app.database.read(SYSTEM_SCOPE, checkUsageSums);
  expect(sums).toEqual([]);
}, 60_000);

it('keeps more parts of a month than a small number counts', async () => {
  const { app } = desk.kontor;
  const client = await connectWorker(app.database.urls.url, 'test fold');
  try {
    await client.query('BEGIN');
    await enterScope(client, SYSTEM_SCOPE);
    // As a contract with 300 million records in a month has them.
    const [month, number, atMs] = ['2026-09-01', 40_000, Date.parse('2026-09-10T00:00:00Z')];
    const id = rowNumber('Contract', desk.world.contracts.direct);
    const contract = (await (await FoldFactsReader.open(client)).contracts([id], month)).get(id)!;
    const state = encodeState(new MonthState());
    const chunk = { startedFromMs: atMs, startedToMs: atMs, adjustment: 0n, records: NOTHING };
    const writer = new ResultWriter(client, await lastTicket(client), month);
    await writer.add(contract, [
      { ...chunk, number: 0, resumption: null },
      { ...chunk, number, resumption: { atMs, state } },
    ]);
    await writer.finish();
    const found = await findBeginnings(client, month, new Map([[id, atMs]]));
    expect(found.get(id)).toEqual({ chunk: number, atMs });
    const taken = await takeResults(client, [id], month, found, () => undefined);
    expect(taken.get(id)?.resumption).toEqual({ chunk: number, atMs, state });
  } finally {
    await client.end();
  }
});

const NOTHING = Buffer.alloc(0);
