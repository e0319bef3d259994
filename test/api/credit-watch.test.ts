import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { connectWorker, enterScope, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { tellCredit } from '../../src/rating/credit-usage.store.js';
import { aBillableContract, type BuiltContract } from '../fixtures/billing.js';
import { call, tokenOf } from '../fixtures/partner.js';
import { aPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const SET_LIMIT = `mutation ($input: CreditLimitInput!) {
  setCreditLimit(input: $input) { used }
}`;

let app: TestApp;
let token: string;
let contract: BuiltContract;
let thread: pg.Client;
let other: pg.Client;
let third: pg.Client;
const ticket = { id: 1, runId: 1, partnerId: 1, epoch: 0, lane: '', laneEpoch: 0 };

beforeAll(async () => {
  app = await testApp({ start: false });
  const hub = await aPartner(app);
  const { id: buyerId } = await aPartner(app, { parentId: hub.id });
  contract = await aBillableContract(app.app.database, {
    sellerId: hub.id,
    buyerId,
    level: 'WHOLESALE',
  });
  token = await tokenOf(app, hub);
  const connect = () => connectWorker(app.app.database.urls.url, 'test thread');
  [thread, other, third] = [await connect(), await connect(), await connect()];
});
afterAll(async () => {
  for (const client of [thread, other, third]) await client?.end();
  await app.stop();
});

async function within<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  await enterScope(client, SYSTEM_SCOPE);
  const answer = await work();
  await client.query('COMMIT');
  return answer;
}

/** Another line of a customer, with a limit or without; answers its number. */
async function aLine(client: pg.Client, given: number | null): Promise<number> {
  const { rows } = await client.query(
    `INSERT INTO subscription (partner_id, account_id, contract_id, label, starts_at,
       credit_limit) VALUES ($1, $2, $3, 'Line', '2026-01-01', $4) RETURNING id`,
    [contract.partnerId, contract.accountId, contract.contractId, given],
  );
  return rows[0].id;
}

/** Whom a batch of the thread finds watched, and how many it has to read for that. */
async function asked(): Promise<{ watched: number[]; read: number }> {
  const sent = vi.spyOn(thread, 'query');
  let watched: number[] = [];
  await within(thread, () =>
    tellCredit(thread, ticket, (all) => {
      watched = [...all];
      return [];
    }),
  );
  const answers = await Promise.all(sent.mock.results.map(({ value }) => value));
  sent.mockRestore();
  const bytes = answers.map(({ rows }) => rows[0]?.ids?.length ?? 0);
  return { watched, read: bytes.reduce((sum, length) => sum + length / 4, 0) };
}

// Until others that were under way on the same server have ended, the same is read again.
const noNews = () =>
  vi.waitFor(
    async () => {
      const found = await asked();
      expect(found.read).toBe(0);
      return found;
    },
    { timeout: 4_000 },
  );

describe('a subscription with a limit', () => {
  it('is read once by each thread, and then as far as it is news', async () => {
    const one = await within(other, () => aLine(other, 5));
    const first = await asked();
    expect(first.watched).toContain(one);
    expect(first.read).toBe(first.watched.length);
    expect((await noNews()).watched).toEqual(first.watched);
    const two = await within(other, () => aLine(other, 5));
    const three = await within(other, () => aLine(other, null));
    const input = { subscriptionId: toGlobalId('Subscription', three), limit: '5' };
    await call(app, token, SET_LIMIT, { input });
    const { watched } = await asked();
    expect(new Set(watched)).toEqual(new Set([...first.watched, two, three]));
    await noNews();
  });

  it('is found in whatever order transactions end', async () => {
    await asked();
    const late = await within(other, async () => {
      const line = await aLine(other, 5);
      const early = await within(third, () => aLine(third, 5));
      const { watched } = await asked();
      expect(watched).toContain(early);
      expect(watched).not.toContain(line);
      return line;
    });
    expect((await asked()).watched).toContain(late);
  });
});
