import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { raiseAlarm } from '../../src/alarm/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner, type BuiltUser } from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const ALARMS = 'subscription ($after: ID) { alarmRaised(after: $after) { id alarm { text } } }';

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let user: BuiltUser;

beforeAll(async () => {
  app = await testApp({ env: { KONTOR_INTROSPECTION: 'off' } });
  hub = await aPartner(app);
  reseller = await aPartner(app);
  user = await aUser(app, { partnerId: hub.id });
});
afterAll(() => app.stop());

const open = new Set<WebSocket>();
afterEach(() => {
  for (const socket of open) socket.terminate();
  open.clear();
});

/** A bare client that is cut off when its test is over. */
function newPeer(): SocketPeer {
  const peer = new SocketPeer(app.socketUrl);
  open.add(peer.socket);
  return peer;
}

async function signedIn(token?: string): Promise<SocketPeer> {
  const peer = await newPeer().opened();
  const authorization = `Bearer ${token ?? (await app.signIn(user.email))}`;
  peer.send({ type: 'connection_init', payload: { authorization } });
  await peer.message((message) => message.type === 'connection_ack');
  return peer;
}

let serial = 0;

async function alarm(partnerId: number, text: string, size = 0): Promise<void> {
  serial += 1;
  const naturalKey = `test ${serial}`;
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    raiseAlarm(tx, {
      partnerId,
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectType: 'Subscription',
      subjectId: serial,
      naturalKey,
      text: text + 'x'.repeat(size),
      details: {},
    }),
  );
}

/** Waits until so many subscribers of this process are up to date. */
async function subscribers(count: number): Promise<void> {
  await expect.poll(() => app.app.events.subscriberCount, { timeout: 10_000 }).toBe(count);
}

describe('a socket', () => {
  it('that says nothing for three seconds is closed with 4408', async () => {
    const peer = await newPeer().opened();
    const begin = performance.now();
    expect((await peer.closed).code).toBe(4408);
    expect(performance.now() - begin).toBeLessThan(4_000);
  });

  it('of a page from elsewhere is not opened', async () => {
    for (const [origin, status] of [
      ['https://evil.example', 401],
      ['null', 401],
      [app.url, 101],
    ] as const) {
      const socket = new WebSocket(app.socketUrl, 'graphql-transport-ws', { origin });
      open.add(socket);
      socket.on('error', () => undefined);
      const found = await new Promise((resolve) => {
        socket.once('unexpected-response', (_, response) => resolve(response.statusCode));
        socket.once('open', () => resolve(101));
      });
      expect(found).toBe(status);
    }
    const other = new WebSocket(`${app.socketUrl}x`, 'graphql-transport-ws');
    other.on('error', () => undefined);
    const found = await new Promise((resolve) => {
      other.once('unexpected-response', (_, response) => resolve(response.statusCode));
    });
    expect(found).toBe(404);
  });

  it('without a valid token is closed with 4403', async () => {
    for (const payload of [undefined, {}, { authorization: 'Bearer x' }, { authorization: 5 }]) {
      const peer = await newPeer().opened();
      peer.send({ type: 'connection_init', payload });
      expect((await peer.closed).code).toBe(4403);
    }
  });

  it('may not subscribe before it has signed in', async () => {
    const peer = await newPeer().opened();
    peer.subscribe('1', ALARMS);
    expect((await peer.closed).code).toBe(4401);
  });

  it('is closed with 4403 when the access token ends', async () => {
    const token = await app.signIn(user.email);
    app.clock.advance(15 * 60_000 - 2_000);
    const peer = await signedIn(token);
    peer.subscribe('1', ALARMS);
    await subscribers(1);
    const begin = performance.now();
    expect((await peer.closed).code).toBe(4403);
    expect(performance.now() - begin).toBeLessThan(3_000);
    await subscribers(0);
  });

  it('is closed within seconds when the session ends or what its user may do changes', async () => {
    const weak = await aUser(app, { partnerId: hub.id, permissions: ['alarm.read'] });
    const [ending, changing] = [await app.signIn(weak.email), await app.signIn(weak.email)];
    const peers = [await signedIn(ending), await signedIn(changing), await signedIn()];
    await app.graphql('mutation { signOut }', null, ending);
    expect((await peers[0]?.closed)?.code).toBe(4403);
    expect(peers[1]?.socket.readyState).toBe(WebSocket.OPEN);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query("UPDATE role SET permissions = '{}' WHERE id = $1", [weak.roleId]),
    );
    expect((await peers[1]?.closed)?.code).toBe(4403);
    expect(peers[2]?.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('takes no frame larger than 64 KiB', async () => {
    const peer = await signedIn();
    peer.socket.send('x'.repeat(1024 * 1024));
    expect((await peer.closed).code).toBe(1009);
  });

  it('takes no broken frame', async () => {
    const peer = await signedIn();
    peer.socket.send('{"type":');
    expect((await peer.closed).code).toBe(4400);
  });

  it('carries twenty subscriptions and not one more', async () => {
    const peer = await signedIn();
    for (let i = 1; i <= 20; i += 1) peer.subscribe(String(i), ALARMS);
    await subscribers(20);
    peer.subscribe('21', ALARMS);
    expect(await peer.refusal('21')).toEqual(['TOO_MANY_SUBSCRIPTIONS']);
    peer.send({ id: '20', type: 'complete' });
    await subscribers(19);
    peer.subscribe('22', ALARMS);
    await subscribers(20);
    peer.socket.close();
    await subscribers(0);
  });
});

describe('over a socket', () => {
  it.each([
    ['a query', '{ errorCodes { code } }', 'SUBSCRIPTIONS_ONLY'],
    ['a mutation', 'mutation { signOut }', 'SUBSCRIPTIONS_ONLY'],
    ['introspection', '{ __schema { types { name } } }', 'SUBSCRIPTIONS_ONLY'],
    [
      'introspection inside of a subscription',
      'subscription { alarmRaised { id } __schema { types { name } } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a document that is none', '{', 'GRAPHQL_PARSE_FAILED'],
    ['an endless document', `subscription { ${'a '.repeat(2_000)} }`, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', 'subscription { alarmRaise { id } }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'too many aliases',
      `subscription { alarmRaised { ${Array.from({ length: 16 }, (_, i) => `a${i}: id`).join(' ')} } }`,
      'TOO_MANY_ALIASES',
    ],
    ['a malformed cursor', 'subscription { alarmRaised(after: "x") { id } }', 'INVALID_CURSOR'],
  ])('%s is refused', async (_, query, code) => {
    const peer = await signedIn();
    peer.subscribe('1', query);
    const codes = await peer.refusal('1');
    expect(new Set(codes)).toEqual(new Set([code]));
    expect(JSON.stringify(peer.messages)).not.toContain('Did you mean');
    expect(peer.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('fragments that multiply are refused in no time', async () => {
    const levels = Array.from(
      { length: 22 },
      (_, i) => `fragment f${i} on AlarmEvent { ...f${i + 1} ...f${i + 1} }`,
    );
    const peer = await signedIn();
    const begin = performance.now();
    peer.subscribe(
      '1',
      `subscription { alarmRaised { ...f0 } } ${levels.join(' ')} fragment f22 on AlarmEvent { id }`,
    );
    expect(await peer.refusal('1')).toEqual(['QUERY_TOO_COMPLEX']);
    expect(performance.now() - begin).toBeLessThan(1_000);
  });

  it('a permission is asked for as everywhere', async () => {
    const weak = await aUser(app, { partnerId: hub.id, permissions: ['partner.read'] });
    const peer = await signedIn(await app.signIn(weak.email));
    peer.subscribe('1', ALARMS);
    expect(await peer.refusal('1')).toEqual(['FORBIDDEN']);
  });
});

describe('a subscription', () => {
  it('gives a real client its events, and after a break those it missed, once each', async () => {
    const client = createClient({
      url: app.socketUrl,
      webSocketImpl: WebSocket,
      connectionParams: async () => ({ authorization: `Bearer ${await app.signIn(user.email)}` }),
    });
    const seen: { id: string; alarm: { text: string } }[] = [];
    const listen = (after: string | null): (() => void) =>
      client.subscribe<{ alarmRaised: { id: string; alarm: { text: string } } }>(
        { query: ALARMS, variables: { after } },
        {
          next: ({ data }) => {
            if (data) seen.push(data.alarmRaised);
          },
          error: () => undefined,
          complete: () => undefined,
        },
      );
    const texts = () => seen.map((event) => event.alarm.text);
    let leave = listen(null);
    await subscribers(1);
    await alarm(hub.id, 'one');
    await alarm(reseller.id, 'two');
    await expect.poll(texts, { timeout: 5_000 }).toEqual(['one', 'two']);
    leave();
    await subscribers(0);
    await alarm(hub.id, 'three');
    leave = listen(seen.at(-1)?.id ?? null);
    await alarm(hub.id, 'four');
    await expect.poll(texts, { timeout: 5_000 }).toEqual(['one', 'two', 'three', 'four']);
    leave();
    await client.dispose();
    await subscribers(0);
  });

  it('shows a reseller its own alarms only', async () => {
    const below = await aUser(app, { partnerId: reseller.id, permissions: ['alarm.read'] });
    const peer = await signedIn(await app.signIn(below.email));
    peer.subscribe('1', ALARMS);
    await subscribers(1);
    await alarm(hub.id, 'canary of the hub');
    await alarm(reseller.id, 'mine');
    await peer.message((message) => message.type === 'next');
    expect(peer.messages.filter((m) => m.type === 'next')).toHaveLength(1);
    expect(JSON.stringify(peer.messages)).not.toContain('canary');
    peer.socket.close();
    await subscribers(0);
  });

  it('holds no transaction open while it waits', async () => {
    const peer = await signedIn();
    peer.subscribe('1', ALARMS);
    await subscribers(1);
    await alarm(hub.id, 'waited for');
    await peer.message((message) => message.type === 'next');
    const rows = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<{ open: number }[]>(
        `SELECT count(*)::int AS open FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
      ),
    );
    expect(rows).toEqual([{ open: 0 }]);
    peer.socket.close();
    await subscribers(0);
  });

  it('of a reader that stands still is cut off, and the others miss nothing', async () => {
    const [still, brisk] = [await signedIn(), await signedIn()];
    still.subscribe('1', ALARMS);
    brisk.subscribe('1', ALARMS);
    await subscribers(2);
    still.socket.pause();
    const count = 1_500;
    const received = () => brisk.messages.filter((message) => message.type === 'next').length;
    for (let block = 0; block < count; block += 100) {
      for (let i = 0; i < 100; i += 1) await alarm(hub.id, `flood ${block + i}`, 16_000);
      await expect.poll(received, { timeout: 30_000 }).toBe(block + 100);
    }
    const ids = new Set(brisk.messages.map((message) => message.payload?.data?.alarmRaised.id));
    ids.delete(undefined);
    expect(ids.size).toBe(count);
    await subscribers(1);
    expect((await app.graphql('{ __typename }')).codes).toEqual([]);
  }, 120_000);
});

describe('a server that stops', () => {
  it('closes its sockets with 1001 and leaves no connection behind', async () => {
    const other = await testApp();
    const partner = await aPartner(other);
    const admin = await aUser(other, { partnerId: partner.id });
    const socket = new WebSocket(other.socketUrl, 'graphql-transport-ws');
    await new Promise((resolve) => socket.once('open', resolve));
    const authorization = `Bearer ${await other.signIn(admin.email)}`;
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
    await new Promise((resolve) => socket.once('message', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const begin = performance.now();
    await other.stop();
    expect(await closed).toBe(1001);
    expect(performance.now() - begin).toBeLessThan(5_000);
    await expect(fetch(`${other.url}/health/live`)).rejects.toThrow('fetch failed');
  });
});
