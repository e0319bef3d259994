import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { besides } from '../fixtures/serve-process.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';
import {
  anAlarm,
  asSystem,
  aWebhook,
  deliveriesOf,
  hurry,
  type MadeWebhook,
  until,
} from '../fixtures/webhook-desk.js';
import { type WebhookReceiver, webhookReceiver } from '../fixtures/webhook-receiver.js';
import { recipes } from '../fixtures/webhook-recipes.js';

const KILLS = trials(12);
const EVENTS = trials(400);
const TIMED = trials(200);

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function receivers(count: number): Promise<{ list: WebhookReceiver[]; env: Env }> {
  const list = await Promise.all(Array.from({ length: count }, () => webhookReceiver()));
  open.push(...list);
  const origins = list.map(({ origin }) => origin).join(',');
  return { list, env: { KONTOR_WEBHOOK_ALLOWED_ORIGINS: origins } };
}

type Env = Record<string, string>;

describe('messages', () => {
  it(`arrive, whichever of ${KILLS} processes is killed while ${EVENTS} are sent`, async () => {
    const { list, env } = await receivers(2);
    const app = await testApp({ start: false, env });
    try {
      const taken = list.map(() => new Map<string, number>());
      for (const [at, receiver] of list.entries()) {
        receiver.reply = async ({ id }) => {
          const draw = Math.random();
          // One receiver is moody, the other only slow.
          if (at === 1 && draw < 0.03) return null;
          if (at === 1 && draw < 0.15) return 500;
          await delay(Math.random() * 60);
          taken[at]!.set(id, (taken[at]!.get(id) ?? 0) + 1);
          return 204;
        };
      }
      const partner = await aPartner(app);
      const { email } = await aUser(app, { partnerId: partner.id });
      const token = await app.signIn(email);
      const hooks: MadeWebhook[] = [];
      for (const { url } of list) hooks.push(await aWebhook(app, token, url));
      for (let kill = 0; kill < KILLS; kill += 1) {
        const { served } = await besides(app, env);
        const share = Math.ceil(EVENTS / KILLS);
        for (let n = 0; n < share; n += 1) await anAlarm(app, partner.id);
        await delay(Math.random() * 400);
        served.child.kill('SIGKILL');
        await served.ended;
      }
      const before = list.map(({ received }) => received.length);
      await app.app.start();
      const count = KILLS * Math.ceil(EVENTS / KILLS);
      // What the dead had in hand waits for the end of its lease.
      await until(async () => {
        await hurry(app);
        await delay(500);
        return (await waiting(app)) === 0 && taken.every((ids) => ids.size >= count);
      }, 180_000);
      const verifiers = [...(await recipes()).values()];
      for (const [at, receiver] of list.entries()) {
        const ids = new Set(receiver.received.map(({ id }) => id));
        expect(ids.size).toBe(count);
        expect(taken[at]!.size).toBe(count);
        const bodies = new Set(receiver.received.map(({ body }) => body));
        expect(bodies.size).toBe(count);
        const alarms = new Set(receiver.received.map(({ json }) => json.data.alarmId));
        expect(alarms.size).toBe(count);
        const recent = receiver.received.slice(-20);
        for (const verify of verifiers) {
          for (const { headers, body, json } of recent) {
            expect(verify(hooks[at]!.secret, headers, body)).toEqual(json);
          }
        }
        const twice = [...taken[at]!.values()].filter((times) => times > 1).length;
        console.log(
          `webhook ${at}: ${count} messages, ${receiver.received.length} requests ` +
            `(${before[at]} before the last kill), ${twice} taken twice, 0 lost`,
        );
      }
      expect((await deliveriesOf(app, token, hooks[0]!.id, 'FAILED')).length).toBe(0);
    } finally {
      await app.stop();
    }
  });

  it(`to one that answers take as long beside 30 that hang, ${TIMED} of them`, async () => {
    const { list, env } = await receivers(2);
    const [good, hanging] = list as [WebhookReceiver, WebhookReceiver];
    hanging.reply = () => null;
    const app = await testApp({ env });
    try {
      const hub = await aPartner(app);
      const well = await aPartner(app, { parentId: hub.id });
      const { email } = await aUser(app, { partnerId: well.id });
      await aWebhook(app, await app.signIn(email), good.url);
      const alone = await latencies(app, good, [well.id]);
      const ill: number[] = [];
      for (let n = 0; n < 3; n += 1) {
        const partner = await aPartner(app, { parentId: hub.id });
        const user = await aUser(app, { partnerId: partner.id });
        const token = await app.signIn(user.email);
        for (let hook = 0; hook < 10; hook += 1) await aWebhook(app, token, hanging.url);
        ill.push(partner.id);
      }
      // Half of them looked well until now.
      await asSystem(
        app,
        `UPDATE webhook SET last_delivered_at = now()
         WHERE last_delivered_at IS NULL AND id % 2 = 0`,
      );
      for (const id of ill) await anAlarm(app, id);
      await until(() => hanging.received.length > 10);
      const beside = await latencies(app, good, [well.id, ...ill]);
      console.log(
        `a message takes ${alone.median} ms (99 %: ${alone.high} ms) alone and ` +
          `${beside.median} ms (99 %: ${beside.high} ms) beside 30 webhooks that hang`,
      );
      expect(beside.median).toBeLessThan(alone.median * 3 + 100);
      expect(beside.high).toBeLessThan(5_000);
    } finally {
      await app.stop();
    }
  });
});

async function waiting(app: TestApp): Promise<number> {
  const rows = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query<{ n: number }[]>(
      `SELECT count(*)::int AS n FROM webhook_delivery WHERE state = 'WAITING'`,
    ),
  );
  return rows[0]?.n ?? 0;
}

/** How long messages take from the commit of their cause; the last partners' go nowhere. */
async function latencies(app: TestApp, good: WebhookReceiver, partners: number[]) {
  const times: number[] = [];
  for (let n = 0; n < TIMED; n += 1) {
    const next = good.received.length + 1;
    for (const id of partners.slice(1)) await anAlarm(app, id);
    await anAlarm(app, partners[0]!);
    const begun = performance.now();
    const { at } = await good.message(next, 30_000);
    times.push(Math.max(0, at - begun));
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(times[Math.floor(times.length * share)] ?? 0);
  return { median: at(0.5), high: at(0.99) };
}
