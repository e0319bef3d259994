import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { connectWorker, enterScope, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { foldShards } from '../../src/rating/fold-shard.store.js';
import { aRate } from '../fixtures/catalog.js';
import { creditAgainstSums } from '../fixtures/credit.js';
import { Draw } from '../fixtures/draw.js';
import { call, tokenOf } from '../fixtures/partner.js';
import {
  aRichWorld,
  importedUnfolded,
  lastTicket,
  type RichWorld,
  richLines,
} from '../fixtures/rich-world.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 4_711);
const NOW = Date.parse('2026-10-25T12:00:00Z');
const MONTH = '2026-10-01';
const SHARDS = Array.from({ length: 64 }, (_, shard) => shard);
const SET = `mutation ($input: CreditLimitInput!) {
  setCreditLimit(input: $input) { used counting available blocked }
}`;
const BALANCE = `query ($id: ID!, $month: Date) {
  creditBalance(subscriptionId: $id, month: $month) { used counting available blocked }
}`;

let app: TestApp;
let world: RichWorld;
let approver: string;
let files = 0;
const draw = new Draw(SEED);

beforeAll(async () => {
  app = await testApp({ start: false });
  app.clock.advance(NOW - Date.now());
  await app.app.services.uploads.open(new Date());
  world = await aRichWorld(app);
  approver = await tokenOf(app, world.hub);
}, 120_000);
afterAll(() => app?.stop());
afterEach(agreed);

// Whatever happened: every subscription of these contracts is watched by then.
async function agreed(): Promise<void> {
  await settle(app);
  const { credit, sums } = await creditAgainstSums(app);
  expect(credit).toEqual(sums);
  expect(credit).not.toEqual([]);
}

// From September on, so that months before the first limit are there, too.
async function imported(count: number): Promise<void> {
  files += 1;
  const lines = richLines(draw, count, `2026-09-20T00:00:0${files}Z`, 35);
  await importedUnfolded(app, world, lines);
}

async function limit(id: string, given: string | null) {
  const input = { subscriptionId: id, limit: given };
  return call(app, world.token, SET, { input });
}

async function balance(id: string, month = MONTH) {
  return call(app, world.token, BALANCE, { id, month });
}

/** Folds what is due in a transaction that stays open while `meanwhile` happens. */
async function foldingSlowly(meanwhile: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await connectWorker(app.database.urls.url, 'test fold');
  try {
    await client.query('BEGIN');
    await enterScope(client, SYSTEM_SCOPE);
    await meanwhile(client);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

async function fold(client: pg.Client): Promise<void> {
  const { adjusted } = await foldShards(client, await lastTicket(client), SHARDS);
  expect(adjusted).toBeGreaterThan(0);
}

async function repriced(
  prefix: string,
  price: string,
  from = '2026-09-01T00:00:00Z',
): Promise<string> {
  await aRate(app, world.token, world.lists.lowerRetail, {
    prefix,
    price,
    validFrom: '2026-09-01T00:00:00Z',
  });
  const selection = { from, to: '2026-11-01T00:00:00Z' };
  const { id } = await call(
    app,
    world.token,
    'mutation ($input: CreateRerateInput!) { createRerate(input: $input) { id } }',
    { input: { selection, reason: 'Price' } },
  );
  await change('previewRerate', id);
  await call(app, approver, 'mutation ($id: ID!) { approveRerate(id: $id, preview: 1) { id } }', {
    id,
  });
  return id;
}

async function change(name: string, id: string): Promise<void> {
  await call(app, world.token, `mutation ($id: ID!) { ${name}(id: $id) { id } }`, { id });
  await settle(app);
}

it('counts what was used before the first limit, and blocks', async () => {
  await imported(300);
  await settle(app);
  const { customer } = world.subscriptions;
  expect(await balance(customer)).toEqual({
    used: null,
    counting: false,
    available: null,
    blocked: false,
  });
  const both = [customer, world.second.customer];
  for (const id of both) {
    expect(await limit(id, '0.5')).toMatchObject({ used: null, counting: true, blocked: false });
  }
  await settle(app);
  for (const id of both) {
    const { used, ...rest } = await balance(id);
    expect(Number(used)).toBeGreaterThan(1);
    expect(rest).toEqual({ counting: false, available: '0.00', blocked: true });
    // Of the months before nothing is known.
    expect((await balance(id, '2026-09-01')).used).toBeNull();
  }
});

it('waits for a fold that has not told of a subscription, and counts it', async () => {
  await imported(200);
  const answers: Promise<unknown>[] = [];
  await foldingSlowly(async (client) => {
    await fold(client);
    let isSet = false;
    for (const id of [world.subscriptions.direct, world.second.direct]) {
      answers.push(
        limit(id, '1000').then(() => {
          isSet = true;
        }),
      );
    }
    await delay(500);
    expect(isSet).toBe(false);
  });
  await Promise.all(answers);
});

it('has a fold tell that had begun before a limit was set, whichever comes first', async () => {
  const fresh = await Promise.all(
    ['4930333001', '4930333002'].map(async (number) => {
      const { account } = await call(
        app,
        world.token,
        'query ($id: ID!) { contract(id: $id) { account { id } } }',
        { id: world.contracts.customer },
      );
      const input = {
        accountId: account.id,
        contractId: world.contracts.customer,
        label: number,
        startsAt: '2026-09-01T00:00:00Z',
        numbers: [number],
      };
      const query =
        'mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { id } }';
      return (await call(app, world.token, query, { input })).id as string;
    }),
  );
  const lines = richLines(draw, 400, '2026-10-05T00:00:00Z', 15).map((line) =>
    line.replace(/\+493\d+/, draw.chance(0.5) ? '+4930333001' : '+4930333002'),
  );
  await importedUnfolded(app, world, lines);
  await foldingSlowly(async (client) => {
    await limit(fresh[0]!, '1000');
    // The months of one are counted before the fold has come to anything, of the other after.
    await app.app.outbox.runUntilIdle();
    await fold(client);
  });
  await limit(fresh[1]!, '1000');
});

it('takes up neither twice what waits to be told nor what is told meanwhile', async () => {
  await limit(world.subscriptions.customer, null);
  await imported(150);
  // Told and not taken when the months are counted once more.
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `UPDATE subscription SET credit_count_from = credit_watched_from
       WHERE credit_watched_at IS NOT NULL`,
    ),
  );
  const [row] = await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `INSERT INTO outbox (topic, partner_id, payload)
       VALUES ('credit.count', $1, '{}') RETURNING id`,
      [world.hub.id],
    ),
  );
  const { credit } = app.app.services;
  const counted = app.app.database.write(SYSTEM_SCOPE, async (tx) => {
    await credit.countUsage(tx, { ...row, topic: 'credit.count', partnerId: world.hub.id });
    await delay(300);
  });
  await Promise.all([counted, settle(app)]);
  await limit(world.subscriptions.customer, '2000');
  expect(await balance(world.subscriptions.customer)).toMatchObject({ counting: false });
});

it('follows a change set that was applied before the limit and is undone after it', async () => {
  const set = await repriced('33', '0.9', '2026-10-10T00:00:00Z');
  await change('applyRerate', set);
  // As if none had been watched when it was applied.
  await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
    await tx.query(
      `UPDATE run_batch SET result = result - 'credit' || '{"credit": []}'
       WHERE result ? 'credit'`,
    );
    await tx.query(
      `UPDATE subscription SET credit_watched_at = clock_timestamp()
       WHERE credit_watched_at IS NOT NULL`,
    );
  });
  const before = await creditAgainstSums(app);
  // Of the month, records are left that the change set has changed, and no others.
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT purge_usage_day(day::date, NULL)
       FROM generate_series(date '2026-10-01', '2026-10-09', interval '1 day') AS day`,
    ),
  );
  await change('undoRerate', set);
  expect(await creditAgainstSums(app)).not.toEqual(before);
});

it('follows change sets, and lets a limit come and go', async () => {
  const set = await repriced('331', '0.7');
  await limit(world.second.direct, null);
  await change('applyRerate', set);
  await agreed();
  await limit(world.second.direct, '3000');
  await change('undoRerate', set);
});

it('is told once of an undo, also where subscriptions were watched before an upgrade', async () => {
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `UPDATE subscription SET credit_watched_at = 'infinity' WHERE credit_watched_at IS NOT NULL`,
    ),
  );
  const set = await repriced('332', '0.6', '2026-10-10T00:00:00Z');
  await change('applyRerate', set);
  await agreed();
  await change('undoRerate', set);
});
