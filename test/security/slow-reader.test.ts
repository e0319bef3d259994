import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseAlarm } from '../../src/alarm/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { besides, metricOf } from '../fixtures/serve-process.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const EVENTS = Math.max(1_500, trials(5_000));
const BLOCK = 100;
const SIZE = 16_000;
const MIB = 1024 * 1024;
const ALARMS = 'subscription { alarmRaised { id alarm { text } } }';

let app: TestApp;
let hub: BuiltPartner;
let server: Awaited<ReturnType<typeof besides>>;

beforeAll(async () => {
  app = await testApp({ start: false });
  hub = await aPartner(app);
  server = await besides(app);
});
afterAll(async () => {
  await server?.stop();
  await app?.stop();
});

async function reader(): Promise<SocketPeer> {
  const token = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
  const peer = await new SocketPeer(server.socketUrl).signIn(token);
  peer.subscribe('1', ALARMS);
  return peer;
}

async function raise(from: number, count: number): Promise<void> {
  await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
    for (let n = from; n < from + count; n += 1) {
      await raiseAlarm(tx, {
        partnerId: hub.id,
        severity: 'WARNING',
        probableCause: 'CREDIT_THRESHOLD',
        subjectType: 'Subscription',
        subjectId: n,
        naturalKey: `flood ${n}`,
        text: `flood ${n} ${'x'.repeat(SIZE)}`,
        details: {},
      });
    }
  });
}

describe('readers that do not read (W6)', () => {
  it(`are cut off, and others miss none of ${EVENTS} events`, async () => {
    const [brisk, still, ponging] = [await reader(), await reader(), await reader()];
    const open = () => metricOf(server.url, 'kontor_subscriptions');
    await expect.poll(open, { timeout: 20_000 }).toBe(3);
    still.socket.pause();
    // Answers pings that it cannot have read, so that it looks alive.
    ponging.socket.pause();
    const pongs = setInterval(() => ponging.socket.pong(), 500);
    const memory = () => metricOf(server.url, 'process_resident_memory_bytes');
    const received = () => brisk.messages.filter(({ type }) => type === 'next');
    await raise(0, BLOCK);
    await expect.poll(() => received().length, { timeout: 60_000 }).toBe(BLOCK);
    const base = await memory();
    let most = base;
    for (let n = BLOCK; n < EVENTS; n += BLOCK) {
      await raise(n, BLOCK);
      await expect.poll(() => received().length, { timeout: 60_000 }).toBe(n + BLOCK);
      most = Math.max(most, await memory());
    }
    clearInterval(pongs);
    await expect.poll(open, { timeout: 20_000 }).toBe(1);
    const texts = received().map(({ payload }) => payload.data.alarmRaised.alarm.text);
    const order = texts.map((text: string) => Number(text.split(' ')[1]));
    expect(order).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
    const grown = (most - base) / MIB;
    console.log(`slow readers: ${EVENTS} events of 16 kB, 2 cut, ${grown.toFixed(0)} MiB more`);
    expect(grown).toBeLessThan(100);
    for (const peer of [brisk, still, ponging]) peer.socket.terminate();
  });
});
