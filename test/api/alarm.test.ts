import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NewAlarm, raiseAlarm } from '../../src/alarm/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type Subscriber, subscriberOf } from '../fixtures/subscriber.js';
import { type GraphqlError, type TestApp, testApp } from '../fixtures/test-app.js';

const ALARMS = `query Alarms($first: Int, $after: String, $filter: AlarmFilter) {
  alarms(first: $first, after: $after, filter: $filter) {
    nodes { id text state severity probableCause subjectType subjectId details acknowledgedAt }
    pageInfo { hasNextPage endCursor }
  }
}`;
const ACKNOWLEDGE = `mutation Take($id: ID!, $key: String) {
  acknowledgeAlarm(id: $id, idempotencyKey: $key) { id state acknowledgedAt }
}`;
const CLEAR = 'mutation Clear($id: ID!) { clearAlarm(id: $id) { id state clearedAt } }';
const RAISED = `subscription Raised($after: ID) {
  alarmRaised(after: $after) { id alarm { id text state } }
}`;

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let sibling: BuiltPartner;
let hubToken: string;
let resellerToken: string;
const subscribers: Subscriber[] = [];

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  reseller = await aPartner(app, { parentId: hub.id });
  sibling = await aPartner(app, { parentId: hub.id });
  hubToken = await tokenOf(hub);
  resellerToken = await tokenOf(reseller);
});
afterAll(async () => {
  for (const subscriber of subscribers) await subscriber.stop();
  await app.stop();
});

async function tokenOf(partner: BuiltPartner, permissions?: string[]): Promise<string> {
  const user = await aUser(app, { partnerId: partner.id, ...(permissions && { permissions }) });
  return app.signIn(user.email);
}

function subscribe(token: string, after?: string): Subscriber {
  const subscriber = subscriberOf(app, token, RAISED, after === undefined ? {} : { after });
  subscribers.push(subscriber);
  return subscriber;
}

async function refusalOf(subscriber: Subscriber): Promise<string[]> {
  // Refused before it begins it is an error of the operation, afterwards one of an event.
  const errors: GraphqlError[] = await subscriber.next().then(
    ({ value }) => value.errors,
    (refused) => refused,
  );
  return errors.map((error) => error.extensions.code);
}

/** Waits until the stream has as many live readers as have subscribed. */
async function live(count: number): Promise<void> {
  while (app.app.events.subscriberCount < count) await delay(10);
}

let serial = 0;
async function raise(partner: BuiltPartner, given: Partial<NewAlarm> = {}) {
  serial += 1;
  return app.app.database.write(SYSTEM_SCOPE, (tx) =>
    raiseAlarm(tx, {
      partnerId: partner.id,
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectType: 'Subscription',
      subjectId: 7,
      naturalKey: `key ${serial}`,
      text: `alarm ${serial}`,
      details: { used: '80.00' },
      ...given,
    }),
  );
}

const idOf = (alarm: { alarmId: number }) => toGlobalId('Alarm', alarm.alarmId);

describe('alarms', () => {
  it('are raised once while the condition lasts, and again after it was over', async () => {
    const both = await Promise.all([1, 2].map(() => raise(hub, { naturalKey: 'lasting' })));
    expect(both.map((alarm) => alarm.created).sort()).toEqual([false, true]);
    expect(both[0]!.alarmId).toBe(both[1]!.alarmId);
    await app.graphql(CLEAR, { id: idOf(both[0]!) }, hubToken);
    expect((await raise(hub, { naturalKey: 'lasting' })).created).toBe(true);
  });

  it('are listed newest first, page by page, to those who see the partner', async () => {
    const made = [];
    for (let at = 0; at < 3; at += 1) made.push(await raise(reseller));
    const hidden = await raise(sibling);
    const first = await app.graphql(ALARMS, { first: 2 }, resellerToken);
    expect(first.codes).toEqual([]);
    const { nodes, pageInfo } = first.data.alarms;
    expect(nodes.map((node: { id: string }) => node.id)).toEqual([idOf(made[2]!), idOf(made[1]!)]);
    expect(nodes[0]).toMatchObject({
      state: 'RAISED',
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectType: 'Subscription',
      subjectId: toGlobalId('Subscription', 7),
      details: { used: '80.00' },
    });
    const second = await app.graphql(ALARMS, { after: pageInfo.endCursor }, resellerToken);
    expect(second.data.alarms.nodes.map((node: { id: string }) => node.id)).toEqual([
      idOf(made[0]!),
    ]);
    const all = await app.graphql(ALARMS, {}, hubToken);
    expect(all.text).toContain(idOf(hidden));
    expect((await app.graphql(ALARMS, {}, resellerToken)).text).not.toContain(idOf(hidden));
  });

  it('are filtered by severity and state', async () => {
    const major = await raise(hub, { severity: 'MAJOR' });
    await app.graphql(ACKNOWLEDGE, { id: idOf(major) }, hubToken);
    const ids = async (filter: object) => {
      const answer = await app.graphql(ALARMS, { filter }, hubToken);
      expect(answer.codes).toEqual([]);
      return answer.data.alarms.nodes.map((node: { id: string }) => node.id);
    };
    expect(await ids({ severities: ['MAJOR', 'CRITICAL'] })).toEqual([idOf(major)]);
    expect(await ids({ state: 'ACKNOWLEDGED' })).toEqual([idOf(major)]);
    expect(await ids({ state: 'RAISED' })).not.toContain(idOf(major));
    expect(await ids({ severities: [] })).toEqual([]);
  });

  it('are acknowledged once, cleared once, and not acknowledged afterwards', async () => {
    const id = idOf(await raise(reseller));
    const first = await app.graphql(ACKNOWLEDGE, { id, key: 'take' }, resellerToken);
    expect(first.codes).toEqual([]);
    expect(first.data.acknowledgeAlarm.state).toBe('ACKNOWLEDGED');
    const again = await app.graphql(ACKNOWLEDGE, { id }, hubToken);
    expect(again.data).toEqual(first.data);
    const cleared = await app.graphql(CLEAR, { id }, hubToken);
    expect(cleared.data.clearAlarm.state).toBe('CLEARED');
    expect((await app.graphql(CLEAR, { id }, resellerToken)).data).toEqual(cleared.data);
    expect((await app.graphql(ACKNOWLEDGE, { id }, hubToken)).codes).toEqual(['ALARM_CLEARED']);
    const other = idOf(await raise(reseller));
    const reused = await app.graphql(ACKNOWLEDGE, { id: other, key: 'take' }, resellerToken);
    expect(reused.codes).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  it('of others are not there, like ids that never were', async () => {
    const id = idOf(await raise(sibling));
    const query = 'query One($id: ID!) { alarm(id: $id) { id } }';
    for (const other of [
      id,
      toGlobalId('Alarm', 2_000_000_000),
      toGlobalId('Alarm', '9'.repeat(15)),
    ]) {
      expect((await app.graphql(query, { id: other }, resellerToken)).data).toEqual({
        alarm: null,
      });
      expect((await app.graphql(CLEAR, { id: other }, resellerToken)).codes).toEqual(['NOT_FOUND']);
      expect((await app.graphql(ACKNOWLEDGE, { id: other }, resellerToken)).codes).toEqual([
        'NOT_FOUND',
      ]);
    }
    const forged = await app.graphql(query, { id: toGlobalId('Alarm', 'x') }, resellerToken);
    expect(forged.codes).toEqual(['INVALID_ID']);
    const cursor = Buffer.from('["x"]').toString('base64url');
    expect((await app.graphql(ALARMS, { after: cursor }, hubToken)).codes).toEqual([
      'INVALID_CURSOR',
    ]);
  });

  it('need permissions', async () => {
    const id = idOf(await raise(hub));
    const token = await tokenOf(hub, ['run.read']);
    expect((await app.graphql(ALARMS, {}, token)).codes).toEqual(['FORBIDDEN']);
    expect((await app.graphql(ACKNOWLEDGE, { id }, token)).codes).toEqual(['FORBIDDEN']);
    expect((await app.graphql(CLEAR, { id }, token)).codes).toEqual(['FORBIDDEN']);
    expect((await app.graphql(ALARMS, {})).codes).toEqual(['UNAUTHENTICATED']);
    expect(await refusalOf(subscribe(token))).toEqual(['FORBIDDEN']);
  });
});

describe('alarmRaised', () => {
  it('comes to everybody who sees the partner, and to nobody else', async () => {
    const before = app.app.events.subscriberCount;
    const [above, own, beside] = [
      subscribe(hubToken),
      subscribe(resellerToken),
      subscribe(await tokenOf(sibling)),
    ];
    const quiet = beside.isQuiet();
    const steps = [above.next(), own.next()];
    await live(before + 3);
    const id = idOf(await raise(reseller));
    const answers = await Promise.all(steps);
    for (const answer of answers) {
      expect(answer.value.alarmRaised.alarm).toMatchObject({ id, state: 'RAISED' });
    }
    expect(await quiet).toBe(true);
    expect(await beside.isQuiet()).toBe(true);
  });

  it('resumes behind an event id with nothing missed and nothing repeated', async () => {
    const before = app.app.events.subscriberCount;
    const first = subscribe(hubToken);
    const step = first.next();
    await live(before + 1);
    await raise(hub);
    const seen = (await step).value.alarmRaised.id;
    await first.stop();
    const missed = [idOf(await raise(hub)), idOf(await raise(reseller))];
    const second = subscribe(hubToken, seen);
    const got = [await second.next(), await second.next()];
    expect(got.map(({ value }) => value.alarmRaised.alarm.id)).toEqual(missed);
    const next = idOf(await raise(hub));
    expect((await second.next()).value.alarmRaised.alarm.id).toBe(next);
    expect(await second.isQuiet()).toBe(true);
  });

  it('refuses an event id that it has not given', async () => {
    expect(await refusalOf(subscribe(hubToken, 'yesterday'))).toEqual(['INVALID_CURSOR']);
  });

  it('withholds the very next alarm from a user who has lost the permission', async () => {
    const before = app.app.events.subscriberCount;
    const user = await aUser(app, { partnerId: hub.id });
    const demoted = subscribe(await app.signIn(user.email));
    const quiet = demoted.isQuiet();
    await live(before + 1);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE role SET permissions = '{run.read}' WHERE id = $1`, [user.roleId]),
    );
    await raise(hub);
    expect(await quiet).toBe(true);
  });
});
