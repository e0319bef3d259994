import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { createRun, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner, type BuiltUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  anAlarm,
  asSystem,
  aWebhook,
  deliveriesOf,
  hurry,
  type ListedDelivery,
  type MadeWebhook,
  until,
} from '../fixtures/webhook-desk.js';
import { type WebhookReceiver, webhookReceiver } from '../fixtures/webhook-receiver.js';
import { recipes, type Verify } from '../fixtures/webhook-recipes.js';

const ONE = `query One($id: ID!) { webhook(id: $id) {
  id partnerId url state pausedReason failingSince lastDeliveredAt previousSecretUntil } }`;
const ALARMS = `{ alarms(first: 500) { nodes { probableCause severity state text subjectId } } }`;
const change = (name: string, fields = 'id state') =>
  `mutation Change($id: ID!) { ${name}(id: $id) { ${fields} } }`;
const ROTATE = `mutation Rotate($id: ID!, $hours: Int!) {
  rotateWebhookSecret(id: $id, overlapHours: $hours) { secret webhook { previousSecretUntil } } }`;
const REDELIVER = 'mutation Again($id: ID!) { redeliverWebhook(deliveryId: $id) { id state } }';

let app: TestApp;
let inbox: WebhookReceiver;
let second: WebhookReceiver;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let hubToken: string;
let admin: BuiltUser;
let token: string;
let verifiers: Map<string, Verify>;

beforeAll(async () => {
  [inbox, second, verifiers] = await Promise.all([webhookReceiver(), webhookReceiver(), recipes()]);
  const KONTOR_WEBHOOK_ALLOWED_ORIGINS = `${inbox.origin},${second.origin}`;
  app = await testApp({ env: { KONTOR_WEBHOOK_ALLOWED_ORIGINS } });
  hub = await aPartner(app);
  reseller = await aPartner(app, { parentId: hub.id });
  admin = await aUser(app, { partnerId: reseller.id });
  token = await app.signIn(admin.email);
  hubToken = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(async () => {
  await app.stop();
  await Promise.all([inbox.close(), second.close()]);
});

/** Empties the receivers and ends all webhooks, so that a test has its own alone. */
async function fresh(): Promise<void> {
  const { data } = await app.graphql('{ webhooks(first: 500) { nodes { id } } }', {}, hubToken);
  for (const { id } of data.webhooks.nodes) {
    await app.graphql('mutation End($id: ID!) { deleteWebhook(id: $id) }', { id }, hubToken);
  }
  for (const one of [inbox, second]) {
    one.received.length = 0;
    one.reply = () => 204;
  }
}

async function settled(hook: MadeWebhook, count: number, by = token): Promise<ListedDelivery[]> {
  let found: ListedDelivery[] = [];
  await until(async () => {
    found = await deliveriesOf(app, by, hook.id);
    return found.length >= count && found.every(({ state }) => state !== 'WAITING');
  });
  return found;
}

async function webhookOf({ id }: MadeWebhook) {
  return (await app.graphql(ONE, { id }, token)).data.webhook;
}

async function alarmsOf({ id }: MadeWebhook, by = token) {
  const { data } = await app.graphql(ALARMS, {}, by);
  return data.alarms.nodes.filter((one: { subjectId: string }) => one.subjectId === id);
}

/** Lets a webhook look as if it had been failing for so many hours. */
const failingFor = (hours: number) =>
  asSystem(
    app,
    `UPDATE webhook SET failing_since = now() - interval '${hours} hours' WHERE failing_since < now()`,
  );

describe('a webhook', () => {
  it('is told of its partner and all below it, of nobody else, by opaque ids', async () => {
    await fresh();
    const sibling = await aPartner(app, { parentId: hub.id });
    const below = await aPartner(app, { parentId: reseller.id });
    const hook = await aWebhook(app, token, inbox.url);
    const above = await aWebhook(app, hubToken, second.url);
    const alarms: number[] = [];
    for (const partner of [sibling, hub, reseller, below]) {
      alarms.push(await anAlarm(app, partner.id));
    }
    await settled(above, 4, hubToken);
    const idOf = (alarm: number | undefined) => toGlobalId('Alarm', alarm as number);
    const told = (receiver: WebhookReceiver) =>
      receiver.received.map(({ json }) => json.data.alarmId).sort();
    expect(told(second)).toEqual(alarms.map(idOf).sort());
    await settled(hook, 2);
    expect(told(inbox)).toEqual(alarms.slice(2).map(idOf).sort());
    const { json, body, id, headers } = inbox.received[0]!;
    expect(json).toEqual({
      type: 'alarm.raised',
      id,
      occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: { alarmId: expect.any(String), subjectId: toGlobalId('Subscription', 7) },
    });
    expect(headers['content-type']).toBe('application/json');
    expect(body).not.toMatch(/151|80\.00|EUR/);
    // The same event has another id at each webhook.
    expect(new Set([...inbox.received, ...second.received].map((one) => one.id)).size).toBe(6);
  });

  it('takes a step-up, an outside address, and the permission to see what it tells', async () => {
    const create = `mutation Create($input: CreateWebhookInput!, $key: String) {
      createWebhook(input: $input, idempotencyKey: $key) { secret webhook { id } } }`;
    const input = { url: 'https://hooks.example.com/a', eventTypes: ['ALARM_RAISED'] };
    const made = await app.graphql(create, { input, key: 'hook' }, token);
    expect(made.data.createWebhook.secret).toMatch(/^whsec_[\w+/]{43}=$/);
    const again = await app.graphql(create, { input, key: 'hook' }, token);
    expect(again.data.createWebhook).toEqual({ ...made.data.createWebhook, secret: null });
    for (const url of ['http://hooks.example.com/', 'https://localhost/', 'https://10.0.0.1/']) {
      const refused = await app.graphql(create, { input: { ...input, url } }, token);
      expect(refused.codes, url).toEqual(['WEBHOOK_URL_REFUSED']);
    }
    const blind = await aUser(app, { partnerId: reseller.id, permissions: ['webhook.manage'] });
    const blindToken = await app.signIn(blind.email);
    expect((await app.graphql(create, { input }, blindToken)).codes).toEqual(['FORBIDDEN']);
    // Nor may he lead to another address what somebody else has had sent.
    const update =
      'mutation ($input: UpdateWebhookInput!) { updateWebhook(input: $input) { url } }';
    const { id } = made.data.createWebhook.webhook;
    const led = (given: object) => app.graphql(update, { input: { id, ...given } }, blindToken);
    expect((await led({ url: 'https://elsewhere.example.com/' })).codes).toEqual(['FORBIDDEN']);
    expect((await led({ description: 'Ours', url: input.url })).codes).toEqual([]);
    const { accessToken } = await app.app.services.signIn.openSession({
      id: admin.id,
      partnerId: reseller.id,
    });
    expect((await app.graphql(create, { input }, accessToken)).codes).toEqual(['STEP_UP_REQUIRED']);
    const kept = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(`SELECT string_agg(body, ' ') AS audit FROM audit_entry`),
    );
    const secret = made.data.createWebhook.secret.slice('whsec_'.length);
    expect(kept[0].audit).toContain('createWebhook');
    expect(kept[0].audit + app.logged.join('')).not.toContain(secret);
  });

  it('has at most twenty beside it', async () => {
    await fresh();
    await aWebhook(app, token, inbox.url);
    await asSystem(
      app,
      `INSERT INTO webhook (partner_id, url, event_types, created_by, secret_sealed)
       SELECT partner_id, url, event_types, created_by, secret_sealed
       FROM webhook, generate_series(1, 18) WHERE state = 'ACTIVE'`,
    );
    const racers = await Promise.all(
      [1, 2, 3].map(() => aWebhook(app, token, inbox.url).then(() => 'made', String)),
    );
    const refused = racers.filter((one) => one.includes('TOO_MANY_WEBHOOKS'));
    expect(racers).toContain('made');
    expect(refused).toHaveLength(2);
    await fresh();
  });
});

describe('a message', () => {
  it('comes again under the same id until it is taken, and then no more', async () => {
    await fresh();
    inbox.reply = (_, n) => [500, 302, 204][n] ?? 204;
    const hook = await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    await inbox.message(1);
    for (const n of [2, 3]) {
      await until(
        async () => (await deliveriesOf(app, token, hook.id))[0]?.attempts.length === n - 1,
      );
      if (n === 2) expect((await webhookOf(hook)).failingSince).not.toBeNull();
      await hurry(app);
      await inbox.message(n);
    }
    const [delivery] = await settled(hook, 1);
    expect(delivery!.state).toBe('DELIVERED');
    expect(delivery!.attempts).toMatchObject([
      { status: 500, fault: 'STATUS' },
      { status: 302, fault: 'REDIRECTED' },
      { status: 204, fault: null },
    ]);
    expect(new Set(inbox.received.map(({ id }) => id))).toEqual(new Set([delivery!.messageId]));
    expect(new Set(inbox.received.map(({ body }) => body)).size).toBe(1);
    expect(await webhookOf(hook)).toMatchObject({ failingSince: null });
  });

  it('waits longer each time, and is asked for again under its id', async () => {
    await fresh();
    inbox.reply = () => 503;
    const hook = await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    const waits: number[] = [];
    for (let n = 1; n <= 4; n += 1) {
      if (n > 1) await hurry(app);
      await inbox.message(n);
      await until(async () => (await deliveriesOf(app, token, hook.id))[0]?.attempts.length === n);
      const [delivery] = await deliveriesOf(app, token, hook.id);
      const { at, durationMs } = delivery!.attempts.at(-1)!;
      waits.push((Date.parse(delivery!.nextAttemptAt!) - Date.parse(at) - durationMs) / 1000);
    }
    for (const [n, wait] of waits.entries()) {
      expect(wait).toBeGreaterThan(5 * 3 ** n * 0.75 - 0.1);
      // It counts from when the attempt is written down.
      expect(wait).toBeLessThan(5 * 3 ** n * 1.25 + 3);
    }
    inbox.reply = () => 204;
    await hurry(app);
    const [delivery] = await settled(hook, 1);
    await app.graphql(REDELIVER, { id: delivery!.id }, token);
    const before = inbox.received.length;
    await inbox.message(before + 1);
    expect(new Set(inbox.received.map(({ id }) => id)).size).toBe(1);
    await settled(hook, 1);
  });

  it('is proven by the ways that the guide tells, and forged or old ones are not', async () => {
    await fresh();
    const hook = await aWebhook(app, token, inbox.url);
    await app.graphql(change('testWebhook'), { id: hook.id }, token);
    const { headers, body, json } = await inbox.message(1);
    expect([...verifiers.keys()]).toEqual(['with-library.mjs', 'by-hand.mjs']);
    const old = String(Number(headers['webhook-timestamp']) - 301);
    for (const [name, verify] of verifiers) {
      const believes = (given: object, text = body, secret = hook.secret) => {
        try {
          return verify(secret, { ...headers, ...given }, text) as object;
        } catch {
          return null;
        }
      };
      expect(believes({}), name).toEqual(json);
      expect(json.type).toBe('webhook.ping');
      expect(believes({}, body.replace('ping', 'pong')), name).toBeNull();
      expect(believes({ 'webhook-id': 'msg_other' }), name).toBeNull();
      expect(believes({ 'webhook-timestamp': old }), name).toBeNull();
      expect(believes({ 'webhook-signature': 'v1,AAAA' }), name).toBeNull();
      expect(believes({}, body, `whsec_${'A'.repeat(44)}`), name).toBeNull();
      // One that is signed well, but five minutes ago.
      const ago = new Date(Date.now() - 301_000);
      const signed = await signedAt(hook.secret, ago, body, headers['webhook-id'] as string);
      expect(believes(signed), name).toBeNull();
      const now = await signedAt(hook.secret, new Date(), body, headers['webhook-id'] as string);
      expect(believes(now), name).toEqual(json);
    }
  });

  it('carries a signature of each of two secrets until the older one ends', async () => {
    await fresh();
    const hook = await aWebhook(app, token, inbox.url);
    const rotate = async (hours: number) =>
      (await app.graphql(ROTATE, { id: hook.id, hours }, token)).data.rotateWebhookSecret.secret;
    const verify = verifiers.get('with-library.mjs')!;
    const signers = async (secrets: string[]) => {
      const n = inbox.received.length;
      await app.graphql(change('testWebhook'), { id: hook.id }, token);
      const { headers, body } = await inbox.message(n + 1);
      expect(String(headers['webhook-signature']).split(' ').length).toBeLessThanOrEqual(2);
      return secrets.map((secret) => {
        try {
          return verify(secret, headers, body) !== undefined;
        } catch {
          return false;
        }
      });
    };
    const fresher = await rotate(24);
    expect(await signers([hook.secret, fresher])).toEqual([true, true]);
    await asSystem(app, `UPDATE webhook SET previous_secret_until = now() WHERE state = 'ACTIVE'`);
    expect(await signers([hook.secret, fresher])).toEqual([false, true]);
    const [third, fourth] = [await rotate(1), await rotate(1)];
    expect(await signers([fresher, third, fourth])).toEqual([false, true, true]);
    const last = await rotate(0);
    expect(await signers([fourth, last])).toEqual([false, true]);
  });

  it('waits for nobody else’s receiver', async () => {
    await fresh();
    second.reply = () => null;
    const hanging = await aWebhook(app, token, second.url);
    await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    await Promise.all([inbox.message(1), second.message(1)]);
    const begun = performance.now();
    for (let n = 0; n < 30; n += 1) await anAlarm(app, reseller.id);
    await inbox.message(31);
    // The one that hangs is given ten seconds.
    expect(performance.now() - begun).toBeLessThan(9_000);
    // One at a time goes to a receiver that has never answered.
    expect(second.received).toHaveLength(1);
    await asSystem(app, `UPDATE webhook SET event_types = '{RUN_FINISHED}'`);
    await app.graphql('mutation End($id: ID!) { deleteWebhook(id: $id) }', hanging, token);
  });
});

describe('what is sent', () => {
  it('follows the address and the events that a webhook has by then', async () => {
    await fresh();
    inbox.reply = () => 500;
    const hook = await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    await until(async () => (await deliveriesOf(app, token, hook.id))[0]?.attempts.length === 1);
    const update = `mutation Update($input: UpdateWebhookInput!) {
      updateWebhook(input: $input) { url eventTypes description } }`;
    const inside = { id: hook.id, url: 'https://127.0.0.1/' };
    expect((await app.graphql(update, { input: inside }, token)).codes).toEqual([
      'WEBHOOK_URL_REFUSED',
    ]);
    const input = { id: hook.id, url: second.url, eventTypes: ['RUN_FINISHED'] };
    expect((await app.graphql(update, { input }, token)).data.updateWebhook).toEqual({
      url: second.url,
      eventTypes: ['RUN_FINISHED'],
      description: '',
    });
    await hurry(app);
    expect((await second.message(1)).json.type).toBe('alarm.raised');
    await anAlarm(app, reseller.id);
    const { runId } = await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      createRun(tx, {
        ...{ kind: 'IMPORT', partnerId: reseller.id, subject: 'nothing to do', params: {} },
        ...{ requestedBy: null, unitsTotal: 0, batches: [] },
      }),
    );
    const { json } = await second.message(2);
    expect(json).toMatchObject({
      type: 'run.finished',
      data: { runId: toGlobalId('Run', runId), kind: 'IMPORT', state: 'DONE' },
    });
    expect((await settled(hook, 2)).map(({ eventType }) => eventType)).toEqual([
      'RUN_FINISHED',
      'ALARM_RAISED',
    ]);
    expect(inbox.received).toHaveLength(1);
  });
});

describe('a webhook that does not work', () => {
  it('costs one alarm when a message is given up, which ends when one arrives', async () => {
    await fresh();
    inbox.reply = () => 500;
    const hook = await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    await anAlarm(app, reseller.id);
    await inbox.message(2);
    await until(async () => {
      const found = await deliveriesOf(app, token, hook.id);
      return found.every(({ attempts }) => attempts.length === 1);
    });
    await asSystem(app, `UPDATE webhook_delivery SET ends_at = now() WHERE failures > 0`);
    await hurry(app);
    expect((await settled(hook, 2)).map(({ state }) => state)).toEqual(['FAILED', 'FAILED']);
    expect(await alarmsOf(hook)).toMatchObject([
      { probableCause: 'WEBHOOK_FAILING', severity: 'MINOR', state: 'RAISED' },
    ]);
    inbox.reply = () => 204;
    await app.graphql(change('testWebhook'), { id: hook.id }, token);
    await until(async () => (await alarmsOf(hook))[0].state === 'CLEARED');
  });

  it('is paused with an alarm after three days, and goes on where it was', async () => {
    await fresh();
    inbox.reply = () => 500;
    const hook = await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    await inbox.message(1);
    await until(async () => (await webhookOf(hook)).failingSince !== null);
    await failingFor(72);
    await hurry(app);
    await until(async () => (await webhookOf(hook)).state === 'PAUSED');
    expect(await webhookOf(hook)).toMatchObject({ pausedReason: 'FAILING' });
    expect(await alarmsOf(hook)).toMatchObject([{ severity: 'MAJOR', state: 'RAISED' }]);
    inbox.reply = () => 204;
    const before = inbox.received.length;
    await hurry(app);
    await anAlarm(app, reseller.id);
    await app.graphql(change('testWebhook'), { id: hook.id }, token);
    const ping = await inbox.message(before + 1);
    expect(ping.json.type).toBe('webhook.ping');
    await until(async () => (await deliveriesOf(app, token, hook.id)).length === 3);
    expect(await alarmsOf(hook)).toMatchObject([{ state: 'RAISED' }]);
    expect(inbox.received).toHaveLength(before + 1);
    await app.graphql(change('resumeWebhook'), { id: hook.id }, token);
    const states = (await settled(hook, 3)).map(({ state }) => state);
    expect(states).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
    expect(await alarmsOf(hook)).toMatchObject([{ state: 'CLEARED' }]);
  });

  it('is paused at once when it answers that it is gone', async () => {
    await fresh();
    inbox.reply = () => 410;
    const hook = await aWebhook(app, token, inbox.url);
    await anAlarm(app, reseller.id);
    const [delivery] = await settled(hook, 1);
    expect(delivery!.attempts).toMatchObject([{ status: 410, fault: 'GONE' }]);
    expect(await webhookOf(hook)).toMatchObject({ state: 'PAUSED', pausedReason: 'GONE' });
  });
});

describe('a webhook belongs to its partner', () => {
  it('and goes on when its maker is disabled, not while a partner above is closed', async () => {
    await fresh();
    const middle = await aPartner(app, { parentId: hub.id });
    const owner = await aPartner(app, { parentId: middle.id });
    const maker = await aUser(app, { partnerId: owner.id });
    const hook = await aWebhook(app, await app.signIn(maker.email), inbox.url);
    await asSystem(app, `UPDATE app_user SET status = 'DISABLED' WHERE id = ${maker.id}`);
    await anAlarm(app, owner.id);
    await settled(hook, 1, hubToken);
    expect(inbox.received).toHaveLength(1);
    inbox.reply = () => 500;
    await anAlarm(app, owner.id);
    await inbox.message(2);
    await until(async () => (await deliveriesOf(app, hubToken, hook.id))[0]?.attempts.length === 1);
    await asSystem(app, `UPDATE partner SET status = 'CLOSED' WHERE id = ${middle.id}`);
    await hurry(app);
    const other = await aWebhook(app, hubToken, second.url);
    await anAlarm(app, owner.id);
    await settled(other, 1, hubToken);
    expect(second.received).toHaveLength(1);
    expect(inbox.received).toHaveLength(2);
    expect(await deliveriesOf(app, hubToken, hook.id)).toHaveLength(2);
    await asSystem(app, `UPDATE partner SET status = 'ACTIVE' WHERE id = ${middle.id}`);
  });

  it('and its messages are purged by age, those that are still tried kept', async () => {
    await fresh();
    const hook = await aWebhook(app, token, inbox.url);
    for (let n = 0; n < 3; n += 1) await anAlarm(app, reseller.id);
    const [young, old, waiting] = await settled(hook, 3);
    const numberOf = ({ id }: ListedDelivery) =>
      Buffer.from(id, 'base64url').toString().split(':')[1];
    const past = `now() - interval '40 days'`;
    await asSystem(
      app,
      `UPDATE webhook_delivery SET created_at = ${past}, finished_at = ${past}
       WHERE id IN (${numberOf(old!)}, ${numberOf(waiting!)})`,
    );
    await asSystem(
      app,
      `UPDATE webhook_delivery SET state = 'WAITING', finished_at = NULL,
         due_at = now() + interval '1 hour' WHERE id = ${numberOf(waiting!)}`,
    );
    await app.app.services.purges.startOfDay();
    await app.app.work.runUntilIdle();
    const left = await deliveriesOf(app, token, hook.id);
    expect(left.map(({ id }) => id)).toEqual([young!.id, waiting!.id]);
    expect(left[0]!.attempts).toHaveLength(1);
    await expect(
      asSystem(app, `SELECT purge_webhook_deliveries('{1}', now() - interval '3 days', 10)`),
    ).rejects.toThrow('not old enough');
  });

  it('and what is sent shows in the metrics', async () => {
    const text = await (await fetch(`${app.url}/metrics`)).text();
    for (const outcome of ['delivered', 'retried', 'failed']) {
      expect(text).toMatch(
        new RegExp(`kontor_webhook_attempts_total\\{outcome="${outcome}"\\} [1-9]`),
      );
    }
    expect(text).toMatch(/kontor_webhook_waiting_seconds \d/);
  });
});

async function signedAt(secret: string, at: Date, body: string, id: string) {
  const { Webhook } = await import('standardwebhooks');
  return {
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}
