import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAmount, toGlobalId } from '../../src/kernel/index.js';
import { appendOutbox, OutboxWorker, SYSTEM_SCOPE, type Tx } from '../../src/platform/index.js';
import { CREDIT_USAGE_TOPIC } from '../../src/rating/index.js';
import { aBillableContract, type BuiltContract, insertTerms } from '../fixtures/billing.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type Subscriber, subscriberOf } from '../fixtures/subscriber.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const BALANCE = `query Balance($id: ID!, $month: Date) {
  creditBalance(subscriptionId: $id, month: $month) {
    subscriptionId periodOn currency currencies used counting limit available warningPercent
    blocked warnedAt exhaustedAt
  }
}`;
const SET_LIMIT = `mutation Set($input: CreditLimitInput!, $key: String) {
  setCreditLimit(input: $input, idempotencyKey: $key) {
    used limit available warningPercent blocked
  }
}`;
const BLOCK = `mutation Block($input: BlockInput!) {
  blockSubscription(input: $input) { blocked }
}`;
const RELEASE = `mutation Release($id: ID!, $key: String) {
  releaseSubscription(subscriptionId: $id, idempotencyKey: $key) { blocked }
}`;
const SUSPEND = 'mutation ($id: ID!) { suspendSubscription(id: $id) { status } }';
const RESUME = 'mutation ($id: ID!) { resumeSubscription(id: $id) { status } }';
const TERMINATE = 'mutation ($id: ID!) { terminateSubscription(id: $id) { id } }';
const ALARMS = '{ alarms(first: 100) { nodes { subjectId text details } } }';
const ALARMED = `subscription Alarmed {
  alarmRaised { alarm { severity probableCause subjectId text details } }
}`;

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let contract: BuiltContract;
let token: string;
let month: string;
const subscribers: Subscriber[] = [];

beforeAll(async () => {
  app = await testApp({ start: false });
  await app.app.events.start();
  hub = await aPartner(app);
  reseller = await aPartner(app, { parentId: hub.id });
  contract = await aBillableContract(app.app.database, {
    sellerId: hub.id,
    buyerId: reseller.id,
    level: 'WHOLESALE',
  });
  token = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
  const id = await aSubscription(null);
  month = (await app.graphql(BALANCE, { id: globalId(id) }, token)).data.creditBalance.periodOn;
});
afterAll(async () => {
  for (const subscriber of subscribers) await subscriber.stop();
  await app.stop();
});

const globalId = (id: number) => toGlobalId('Subscription', id);

function write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
  return app.app.database.write(SYSTEM_SCOPE, work);
}

async function aSubscription(
  limit: string | null,
  status = 'ACTIVE',
  under = contract,
): Promise<number> {
  const rows: { id: number }[] = await write((tx) =>
    tx.query(
      `INSERT INTO subscription (partner_id, account_id, contract_id, label, starts_at,
         credit_limit, status) VALUES ($1, $2, $3, 'Line', '2026-01-01', $4, $5) RETURNING id`,
      [under.partnerId, under.accountId, under.contractId, limit, status],
    ),
  );
  return rows[0]!.id;
}

type Entry = readonly [id: number, amount: string, month?: string];

function use(...entries: Entry[]): Promise<void> {
  return write((tx) =>
    appendOutbox(tx, {
      topic: CREDIT_USAGE_TOPIC,
      partnerId: contract.partnerId,
      payload: {
        batchId: 1,
        entries: entries.map(([id, amount, on]) => [id, on ?? month, `${parseAmount(amount)}`]),
      },
    }),
  );
}

const settle = () => app.app.outbox.runUntilIdle();

async function balance(id: number, of?: string) {
  const answer = await app.graphql(BALANCE, { id: globalId(id), month: of }, token);
  expect(answer.codes).toEqual([]);
  return answer.data.creditBalance;
}

async function alarmsOf(id: number): Promise<object[]> {
  return write((tx) =>
    tx.query(
      `SELECT severity, probable_cause AS cause, cleared_at IS NOT NULL AS cleared FROM alarm
       WHERE subject_id = $1 ORDER BY id`,
      [id],
    ),
  );
}

const warning = { severity: 'WARNING', cause: 'CREDIT_THRESHOLD', cleared: false };
const critical = { severity: 'CRITICAL', cause: 'CREDIT_EXHAUSTED', cleared: false };

describe('use against a credit limit', () => {
  it('warns at the share, blocks at the limit, and tells every subscriber', async () => {
    const id = await aSubscription('100');
    const subscriber = subscriberOf(app, token, ALARMED);
    subscribers.push(subscriber);
    const step = subscriber.next();
    while (app.app.events.subscriberCount === 0) await delay(10);
    await use([id, '79.99999999']);
    await settle();
    expect(await alarmsOf(id)).toEqual([]);
    await use([id, '0.00000001']);
    await settle();
    expect((await step).value.alarmRaised.alarm).toEqual({
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectId: globalId(id),
      text: `Use of 80.00 EUR in ${month.slice(0, 7)} has reached 80 % of the limit of 100.00.`,
      details: {
        used: '80.00',
        limit: '100.00',
        currency: 'EUR',
        month: month.slice(0, 7),
        warningPercent: 80,
      },
    });
    expect((await balance(id)).blocked).toBe(false);
    await use([id, '20']);
    await settle();
    expect((await subscriber.next()).value.alarmRaised.alarm).toMatchObject({
      severity: 'CRITICAL',
      probableCause: 'CREDIT_EXHAUSTED',
    });
    expect(await balance(id)).toMatchObject({
      subscriptionId: globalId(id),
      periodOn: month,
      currency: 'EUR',
      used: '100.00',
      limit: '100.00',
      available: '0.00',
      warningPercent: 80,
      blocked: true,
    });
    await use([id, '50']);
    await settle();
    expect(await alarmsOf(id)).toEqual([warning, critical]);
    expect(await subscriber.isQuiet()).toBe(true);
  });

  it('counts each month for itself, and no limit as nothing to watch', async () => {
    const id = await aSubscription('100');
    const free = await aSubscription(null);
    await use([id, '60', '2026-01-01'], [id, '60', '2026-02-01'], [free, '12345678901.12345678']);
    await settle();
    expect(await balance(id, '2026-01-31')).toMatchObject({ used: '60.00', blocked: false });
    expect(await balance(id, '2026-02-01')).toMatchObject({ used: '60.00', available: '40.00' });
    expect(await balance(id)).toMatchObject({ used: '0.00' });
    const nothing = { used: null, limit: null, available: null, counting: false };
    expect(await balance(free)).toMatchObject(nothing);
    expect(await alarmsOf(id)).toEqual([]);
  });

  it('ends in the same state whatever the order and the grouping of batches', async () => {
    const amounts = ['10', '75.5', '3', '11.49999999', '0.00000001', '4'];
    const orders = [amounts, [...amounts].reverse(), [...amounts].sort()];
    const ends = [];
    for (const order of orders) {
      const id = await aSubscription('100');
      for (const amount of order) await use([id, amount]);
      await settle();
      const { used, blocked } = await balance(id);
      ends.push({ used, blocked, alarms: await alarmsOf(id) });
    }
    const whole = await aSubscription('100');
    await use(...amounts.map((amount) => [whole, amount] as const));
    await settle();
    const { used, blocked } = await balance(whole);
    ends.push({ used, blocked, alarms: await alarmsOf(whole) });
    for (const end of ends) {
      expect(end).toEqual({ used: '104.00', blocked: true, alarms: [warning, critical] });
    }
  });

  it('is counted once when many deliver at once and one dies in between', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => aSubscription('1000')));
    for (let batch = 0; batch < 40; batch += 1) {
      const entries = ids.map((id, at) => [id, `${at + 1}.25`] as const);
      // Batches name the subscriptions in different orders; locks are taken in one.
      await use(...(batch % 2 === 0 ? entries : entries.toReversed()));
    }
    let deaths = 0;
    const deliver = () => {
      const worker = new OutboxWorker(app.app.database, { pollMs: 20, retryMs: 5 });
      worker.register(CREDIT_USAGE_TOPIC, async (tx, row) => {
        await app.app.services.credit.applyUsage(tx, row);
        if (deaths < 8 && row.attempts === 0) {
          deaths += 1;
          throw new Error('died after the effect and before the mark');
        }
      });
      return worker.runUntilIdle();
    };
    await Promise.all([deliver(), deliver(), deliver()]);
    expect(deaths).toBe(8);
    for (const [at, id] of ids.entries()) {
      expect((await balance(id)).used).toBe(`${(at + 1) * 40 + 10}.00`);
    }
  });

  it('does not block what is not active, but raises the alarms', async () => {
    const id = await aSubscription('10', 'SUSPENDED');
    await use([id, '11']);
    await settle();
    expect(await alarmsOf(id)).toEqual([warning, critical]);
    expect((await balance(id)).blocked).toBe(false);
  });
});

describe('a month of a contract that changed its currency', () => {
  // Midnight in Berlin, and within a month.
  const changes = [
    ['USD', '2026-01-31T23:00:00Z'],
    ['GBP', '2026-03-10T12:00:00Z'],
  ] as const;

  it('has the currency of its terms, as balance and in alarms, and tells of others', async () => {
    const changed = await aBillableContract(app.app.database, {
      sellerId: hub.id,
      buyerId: reseller.id,
    });
    await write(async (tx) => {
      const { contractId, partnerId } = changed;
      for (const [currency, validFrom] of changes) {
        await tx.query(
          'UPDATE contract_version SET valid_to = $2 WHERE contract_id = $1 AND valid_to IS NULL',
          [contractId, validFrom],
        );
        await insertTerms(tx, { contractId, partnerId, currency, validFrom });
      }
    });
    const id = await aSubscription('10', 'ACTIVE', changed);
    const months = ['2026-01-01', '2026-02-01', '2026-03-01'] as const;
    await use(...months.map((on) => [id, '11', on] as const));
    await settle();
    const shown = [];
    for (const on of months) shown.push((await balance(id, on)).currencies.join());
    expect(shown).toEqual(['EUR', 'USD', 'USD,GBP']);
    const told: { text: string }[] = await write((tx) =>
      tx.query('SELECT text FROM alarm WHERE subject_id = $1 ORDER BY id', [id]),
    );
    const reached = (month: string, currency: string, more = '') =>
      ['80 % of the limit', 'the limit'].map((step) => {
        return `Use of 11.00 ${currency} in ${month} has reached ${step} of 10.00.${more}`;
      });
    expect(told.map(({ text }) => text)).toEqual([
      ...reached('2026-01', 'EUR'),
      ...reached('2026-02', 'USD'),
      ...reached('2026-03', 'GBP', ' It adds amounts in USD and GBP as numbers.'),
    ]);
    expect((await balance(id, '2026-03-01')).currency).toBe('GBP');
  });
});

describe('a blocked subscription', () => {
  it('is released with its alarms cleared, and stays so until a new limit is reached', async () => {
    const id = await aSubscription('100');
    await use([id, '100']);
    await settle();
    const released = await app.graphql(RELEASE, { id: globalId(id), key: 'free' }, token);
    expect(released.data).toEqual({ releaseSubscription: { blocked: false } });
    const cleared = [
      { ...warning, cleared: true },
      { ...critical, cleared: true },
    ];
    expect(await alarmsOf(id)).toEqual(cleared);
    expect((await app.graphql(RELEASE, { id: globalId(id), key: 'free' }, token)).data).toEqual(
      released.data,
    );
    expect((await app.graphql(RELEASE, { id: globalId(id) }, token)).codes).toEqual([
      'SUBSCRIPTION_NOT_BLOCKED',
    ]);
    await use([id, '10']);
    await settle();
    expect((await balance(id)).blocked).toBe(false);
    const raised = { input: { subscriptionId: globalId(id), limit: '200', warningPercent: 90 } };
    expect((await app.graphql(SET_LIMIT, raised, token)).data.setCreditLimit).toEqual({
      used: '110.00',
      limit: '200.00',
      available: '90.00',
      warningPercent: 90,
      blocked: false,
    });
    await use([id, '90']);
    await settle();
    expect((await balance(id)).blocked).toBe(true);
    expect(await alarmsOf(id)).toEqual([...cleared, warning, critical]);
  });

  it('can be made by hand, from active only', async () => {
    const id = await aSubscription(null);
    const input = { subscriptionId: globalId(id), reason: 'Fraud' };
    expect((await app.graphql(BLOCK, { input }, token)).data.blockSubscription.blocked).toBe(true);
    expect((await app.graphql(BLOCK, { input }, token)).codes).toEqual([]);
    const late = { subscriptionId: globalId(await aSubscription(null)), reason: 'Fraud' };
    await app.graphql(TERMINATE, { id: late.subscriptionId }, token);
    expect((await app.graphql(BLOCK, { input: late }, token)).codes).toEqual([
      'SUBSCRIPTION_NOT_ACTIVE',
    ]);
  });

  it('that is suspended and resumed is blocked by further use unless it was released', async () => {
    const ids = [await aSubscription('10', 'SUSPENDED'), await aSubscription('10')];
    const released = await aSubscription('10');
    await use(...[...ids, released].map((id) => [id, '12'] as const));
    await settle();
    await app.graphql(RELEASE, { id: globalId(released) }, token);
    const after = [];
    for (const id of [...ids, released]) {
      await app.graphql(SUSPEND, { id: globalId(id) }, token);
      expect((await app.graphql(RESUME, { id: globalId(id) }, token)).codes).toEqual([]);
      await use([id, '1']);
      await settle();
      after.push((await balance(id)).blocked);
    }
    expect(after).toEqual([true, true, false]);
  });
});

describe('a credit limit', () => {
  const set = (id: number, given: object) =>
    app.graphql(SET_LIMIT, { input: { subscriptionId: globalId(id), ...given } }, token);

  it('below what is used blocks at once; above it the alarms are over', async () => {
    const id = await aSubscription('100');
    await use([id, '50']);
    await settle();
    expect((await set(id, { limit: '50' })).data.setCreditLimit.blocked).toBe(true);
    expect(await alarmsOf(id)).toEqual([warning, critical]);
    await set(id, { limit: '60' });
    expect(await alarmsOf(id)).toEqual([warning, { ...critical, cleared: true }]);
    await set(id, { limit: null });
    expect(await alarmsOf(id)).toEqual([
      { ...warning, cleared: true },
      { ...critical, cleared: true },
    ]);
    expect((await balance(id)).blocked).toBe(true);
  });

  it('is not held against months that are over', async () => {
    const id = await aSubscription(null);
    await use([id, '50', '2026-01-01']);
    await settle();
    await set(id, { limit: '10' });
    expect(await alarmsOf(id)).toEqual([]);
  });

  it('is above zero, and refused otherwise with a code', async () => {
    const id = await aSubscription('10');
    for (const limit of ['0', '-1', '10000000000', '0.000000001']) {
      expect((await set(id, { limit })).codes).toEqual(['CREDIT_LIMIT_REFUSED']);
    }
    expect((await set(id, { limit: '1', warningPercent: 0 })).codes).toEqual(['BAD_USER_INPUT']);
    expect((await balance(id)).limit).toBe('10.00');
  });

  it.each(['', '  ', 'half \ud800', 'nul \0'])('is no block for the reason %j', async (reason) => {
    const input = { subscriptionId: globalId(await aSubscription('10')), reason };
    expect((await app.graphql(BLOCK, { input }, token)).codes).toEqual(['BAD_USER_INPUT']);
  });
});

describe('credit', () => {
  it('of others is not there, and needs permissions', async () => {
    const stranger = await aPartner(app, { name: 'Stranger' });
    const foreign = await app.signIn((await aUser(app, { partnerId: stranger.id })).email);
    const user = await aUser(app, { partnerId: reseller.id, permissions: ['alarm.read'] });
    const weak = await app.signIn(user.email);
    const id = globalId(await aSubscription('10'));
    const operations = [
      [BALANCE, { id }],
      [RELEASE, { id }],
      [BLOCK, { input: { subscriptionId: id, reason: 'x' } }],
      [SET_LIMIT, { input: { subscriptionId: id, limit: '1' } }],
    ] as const;
    for (const [operation, variables] of operations) {
      expect((await app.graphql(operation, variables, foreign)).codes).toEqual(['NOT_FOUND']);
      expect((await app.graphql(operation, variables, weak)).codes).toEqual(['FORBIDDEN']);
    }
  });

  it("is the seller's to limit, block and release", async () => {
    const buyer = await app.signIn((await aUser(app, { partnerId: reseller.id })).email);
    const id = await aSubscription('50');
    const subscriptionId = globalId(id);
    const [limit, block] = [
      { subscriptionId, limit: '999999' },
      { subscriptionId, reason: 'x' },
    ];
    const refused = async (operation: string, variables: object) =>
      expect((await app.graphql(operation, variables, buyer)).codes).toEqual(['NOT_SELLER']);
    await refused(BLOCK, { input: block });
    expect((await balance(id)).blocked).toBe(false);
    await app.graphql(BLOCK, { input: block }, token);
    await refused(BLOCK, { input: block });
    await refused(RELEASE, { id: subscriptionId });
    await refused(SET_LIMIT, { input: limit });
    expect(await balance(id)).toMatchObject({ blocked: true, limit: '50.00' });
  });

  it('tells amounts to those alone who may see prices of the level', async () => {
    const retail = await aBillableContract(app.app.database, {
      sellerId: hub.id,
      buyerId: reseller.id,
    });
    const sold = { WHOLESALE: contract, RETAIL: retail };
    for (const [level, other] of [
      ['WHOLESALE', 'RETAIL'],
      ['RETAIL', 'WHOLESALE'],
    ] as const) {
      const id = await aSubscription('10', 'ACTIVE', sold[level]);
      await use([id, '12.34']);
      await settle();
      const seenWith = async (price: string) => {
        const own = ['subscription.read', 'subscription.manage', 'alarm.read'];
        const permissions = [...own, price];
        const { email } = await aUser(app, { partnerId: hub.id, permissions });
        const reader = await app.signIn(email);
        const limit = { input: { subscriptionId: globalId(id), limit: '10' } };
        const { data: read } = await app.graphql(BALANCE, { id: globalId(id) }, reader);
        const { data: set } = await app.graphql(SET_LIMIT, limit, reader);
        const { data } = await app.graphql(ALARMS, {}, reader);
        const alarms = data.alarms.nodes.filter(
          ({ subjectId }: { subjectId: string }) => subjectId === globalId(id),
        );
        expect(alarms).toHaveLength(2);
        return { read: read.creditBalance, set: set.setCreditLimit, alarms };
      };
      const blind = await seenWith(`price.${other.toLowerCase()}.read`);
      const hidden = { used: null, available: null, limit: '10.00', blocked: true };
      expect(blind).toMatchObject({ read: hidden, set: hidden });
      expect(JSON.stringify(blind)).not.toContain('12.34');
      const seeing = await seenWith(`price.${level.toLowerCase()}.read`);
      const shown = { used: '12.34', available: '0.00' };
      expect(seeing).toMatchObject({ read: shown, set: shown });
      expect(seeing.alarms[0].details).toMatchObject({ used: '12.34' });
    }
  });
});

describe('a block for use that the month takes back', () => {
  it('lifts its own block when the month takes the ground from it, and no other', async () => {
    const [own, byHand] = [await aSubscription('10'), await aSubscription('10')];
    await app.graphql(BLOCK, { input: { subscriptionId: globalId(byHand), reason: 'x' } }, token);
    await use([own, '12'], [byHand, '12']);
    await settle();
    expect((await balance(own)).blocked).toBe(true);
    // Free minutes of the month cover most of it.
    await use([own, '-9'], [byHand, '-9']);
    await settle();
    expect(await balance(own)).toMatchObject({ used: '3.00', blocked: false, exhaustedAt: null });
    expect((await balance(byHand)).blocked).toBe(true);
    expect(await alarmsOf(own)).toEqual([
      { ...warning, cleared: true },
      { ...critical, cleared: true },
    ]);
  });

  it('leaves a block that a person added to it, whatever the reason', async () => {
    for (const reason of ['Fraud', 'CREDIT_EXHAUSTED']) {
      const id = await aSubscription('10');
      await use([id, '12']);
      await settle();
      const input = { subscriptionId: globalId(id), reason };
      const blocked = await app.graphql(BLOCK, { input }, token);
      expect(blocked.data.blockSubscription.blocked).toBe(true);
      await use([id, '-9']);
      await settle();
      expect(await balance(id)).toMatchObject({ used: '3.00', blocked: true });
    }
  });
});
