import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { ask, type TestApp, testApp } from '../fixtures/test-app.js';

const ALARMS = 'subscription { alarmRaised { id } }';
const LISTED = 'query Listed { errorCodes { code } }';
const LISTED_ALARMS = 'subscription Listed { alarmRaised { id } }';
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

let app: TestApp;
let hub: BuiltPartner;
let directory: string;

/** A server with limits; further ones of a test are stopped by it. */
async function limited(env: Record<string, string>): Promise<TestApp> {
  const made = await testApp({ env });
  hub = await aPartner(made);
  return made;
}

const newToken = async (of: TestApp) => of.signIn((await aUser(of, { partnerId: hub.id })).email);

function many<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => work(n)));
}

const METRICS_TOKEN = 'figures-for-the-prometheus-of-this-house';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kontor-limits-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('an address', () => {
  beforeAll(async () => {
    app = await limited({
      KONTOR_ADDRESS_RATE: '1',
      KONTOR_ADDRESS_SOCKETS: '3',
      KONTOR_TRUSTED_PROXIES: '127.0.0.1',
      KONTOR_METRICS_TOKEN: METRICS_TOKEN,
    });
  });
  afterAll(() => app.stop());

  it('reads metrics with the token for them, and with nothing else', async () => {
    const asked = async (authorization?: string) => {
      const headers = { 'x-forwarded-for': '192.0.2.9', ...(authorization && { authorization }) };
      return (await fetch(`${app.url}/metrics`, { headers })).status;
    };
    const session = await newToken(app);
    const wrong = [undefined, METRICS_TOKEN, `Bearer ${METRICS_TOKEN}x`, `Bearer ${session}`];
    for (const each of wrong) expect(await asked(each)).toBe(404);
    expect(await asked(`Bearer ${METRICS_TOKEN}`)).toBe(200);
  });

  const from = (address: string, path = '/graphql') =>
    fetch(`${app.url}${path}`, {
      method: path === '/graphql' ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      ...(path === '/graphql' ? { body: '{"query":"{ __typename }"}' } : {}),
    });

  it('has a budget of requests of every kind, and others have theirs', async () => {
    const paths = ['/graphql', '/documents/invoices/x.pdf', '/nothing'];
    const answers = await many(40, (n) => from('192.0.2.1', paths[n % 3]));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused[0]?.json()).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    expect((await from('192.0.2.2')).status).toBe(200);
    expect((await from('192.0.2.1', '/health/live')).status).toBe(200);
  });

  it('opens so many sockets and not one more, and looks behind proxies', async () => {
    const open = (address: string) => new SocketPeer(app.socketUrl, { 'x-forwarded-for': address });
    const peers = await many(3, () => open('192.0.2.3').opened());
    expect((await open('192.0.2.3').closed).code).toBe(1006);
    const other = await open('192.0.2.4').opened();
    peers[0]?.socket.close();
    await peers[0]?.closed;
    const opens = async () => {
      const again = open('192.0.2.3');
      return !('code' in (await Promise.race([again.closed, again.opened()])));
    };
    // One request a second, and the server has yet to hear that the first one has gone.
    await expect.poll(opens, { timeout: 20_000, interval: 1_100 }).toBe(true);
    for (const peer of [...peers, other]) peer.socket.terminate();
  });
});

describe('a user', () => {
  afterAll(() => app.stop());
  beforeAll(async () => {
    app = await limited({
      KONTOR_USER_RATE: '2',
      KONTOR_USER_COST: '1000',
      KONTOR_USER_PARALLEL: '2',
      KONTOR_USER_SOCKETS: '2',
      KONTOR_USER_SUBSCRIPTIONS: '5',
      KONTOR_SOCKET_SUBSCRIPTIONS: '4',
    });
  });

  it('has a budget of operations over all of his sessions, and others have theirs', async () => {
    const user = await aUser(app, { partnerId: hub.id });
    const tokens = [await app.signIn(user.email), await app.signIn(user.email)];
    const answers = await many(50, (n) =>
      app.graphql('{ viewer { permissions } }', null, tokens[n % 2]),
    );
    const refused = answers.filter(({ codes }) => codes.includes('RATE_LIMITED'));
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(refused[0]?.status).toBe(429);
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused[0]?.errors[0]?.extensions.details?.retryAfterMs).toBeGreaterThan(0);
    expect(
      (await app.graphql('{ viewer { permissions } }', null, await newToken(app))).codes,
    ).toEqual([]);
  });

  it('has a budget of cost', async () => {
    const token = await newToken(app);
    const costly = '{ users(first: 450) { nodes { id email displayName roles { id } } } }';
    const answers = await many(4, () => app.graphql(costly, null, token));
    expect(answers.filter(({ codes }) => codes.includes('RATE_LIMITED')).length).toBe(3);
  });

  /** Keeps everybody from the destinations while something is tried. */
  async function whileLocked(act: (owner: pg.Client) => Promise<void>): Promise<void> {
    const owner = new pg.Client({ connectionString: app.database.urls.ownerUrl });
    await owner.connect();
    owner.on('error', () => undefined);
    try {
      await owner.query('BEGIN');
      await owner.query('LOCK TABLE destination');
      await act(owner);
    } finally {
      await owner.end();
    }
  }

  it('runs two operations at once; others wait without a connection', async () => {
    const token = await newToken(app);
    let asked: Promise<readonly { readonly codes: readonly string[] }[]> = Promise.resolve([]);
    await whileLocked(async (owner) => {
      // What the server does besides is over at the next look; who waits here is there at all. A
      // transaction goes on seeing the activity that it saw first.
      const open = async () => {
        await owner.query('SELECT pg_stat_clear_snapshot()');
        const { rows } = await owner.query<{ count: number }>(
          `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()
           AND pid <> pg_backend_pid() AND (state LIKE 'idle in%' OR wait_event_type = 'Lock')`,
        );
        return rows[0]?.count;
      };
      asked = many(8, () => app.graphql('{ destinations { nodes { name } } }', null, token));
      await expect.poll(open, { timeout: 20_000 }).toBe(2);
      const bystander = await app.graphql('{ viewer { permissions } }', null, await newToken(app));
      expect(bystander.codes).toEqual([]);
      await expect.poll(open, { timeout: 5_000 }).toBe(2);
    });
    expect((await asked).flatMap(({ codes }) => codes)).toEqual([]);
  });

  it('shares with all others two places for what costs much', async () => {
    const tokens = await many(8, () => newToken(app));
    let asked: Promise<readonly { readonly codes: readonly string[] }[]> = Promise.resolve([]);
    await whileLocked(async (owner) => {
      const waiting = async () => {
        const { rows } = await owner.query(
          `SELECT FROM pg_locks WHERE NOT granted AND relation = 'destination'::regclass
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return rows.length;
      };
      const costly = '{ destinations(first: 500) { nodes { id name country } } }';
      asked = Promise.all(tokens.map((token) => app.graphql(costly, null, token)));
      await expect.poll(waiting, { timeout: 20_000 }).toBe(2);
      const cheap = '{ viewer { permissions } }';
      expect((await app.graphql(cheap, null, await newToken(app))).codes).toEqual([]);
      expect(await waiting()).toBe(2);
    });
    expect((await asked).flatMap(({ codes }) => codes)).toEqual([]);
  });

  it('has so many sockets; one more is told to come again', async () => {
    const user = await aUser(app, { partnerId: hub.id });
    const token = await app.signIn(user.email);
    const peers = await many(2, () => new SocketPeer(app.socketUrl).signIn(token));
    const third = await new SocketPeer(app.socketUrl).opened();
    third.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    expect((await third.closed).code).toBe(1013);
    peers[0]?.socket.close();
    await peers[0]?.closed;
    const again = await new SocketPeer(app.socketUrl).signIn(token);
    for (const peer of [...peers, again]) peer.socket.terminate();
  });

  it('has so many subscriptions on one socket and so many on all', async () => {
    const user = await aUser(app, { partnerId: hub.id });
    const token = await app.signIn(user.email);
    const [one, two] = [
      await new SocketPeer(app.socketUrl).signIn(token),
      await new SocketPeer(app.socketUrl).signIn(token),
    ];
    const live = (count: number) =>
      expect.poll(() => app.app.events.subscriberCount, { timeout: 20_000 }).toBe(count);
    for (let i = 1; i <= 5; i += 1) one.subscribe(String(i), ALARMS);
    expect(await one.refusal('5')).toEqual(['TOO_MANY_SUBSCRIPTIONS']);
    await live(4);
    two.subscribe('1', ALARMS);
    await live(5);
    two.subscribe('2', ALARMS);
    expect(await two.refusal('2')).toEqual(['TOO_MANY_SUBSCRIPTIONS']);
    one.send({ id: '1', type: 'complete' });
    await live(4);
    two.subscribe('3', ALARMS);
    await live(5);
    one.socket.terminate();
    two.socket.terminate();
    await live(0);
  });

  it('cannot have more by completing what has not begun', async () => {
    const token = await newToken(app);
    const peer = await new SocketPeer(app.socketUrl).signIn(token);
    for (let i = 0; i < 60; i += 1) {
      peer.subscribe(String(i), ALARMS);
      peer.send({ id: String(i), type: 'complete' });
    }
    expect(app.app.events.subscriberCount).toBeLessThanOrEqual(4);
    await expect.poll(() => app.app.events.subscriberCount, { timeout: 20_000 }).toBe(0);
    peer.socket.terminate();
  });

  it('who floods a socket with messages is cut off', async () => {
    const peer = await new SocketPeer(app.socketUrl).signIn(await newToken(app));
    for (let i = 0; i < 1_000; i += 1) peer.send({ type: 'ping' });
    expect((await peer.closed).code).toBe(1008);
    expect(peer.messages.length).toBeLessThan(250);
  });
});

describe('a portal', () => {
  let token: string;

  beforeAll(async () => {
    const file = join(directory, 'operations.json');
    const listed = [LISTED, LISTED_ALARMS].map((text) => [hash(text), text]);
    writeFileSync(file, JSON.stringify(Object.fromEntries(listed)));
    app = await limited({ KONTOR_OPERATIONS: file, KONTOR_OPERATIONS_ONLY: 'users' });
    token = await newToken(app);
  });
  afterAll(() => app.stop());

  const persisted = (text: string) => ({
    extensions: { persistedQuery: { version: 1, sha256Hash: hash(text) } },
  });

  it('sends the hash of a listed operation in place of its text', async () => {
    for (const body of [persisted(LISTED), { documentId: hash(LISTED) }, { query: LISTED }]) {
      const answer = await ask(app.url, body, token);
      expect([answer.status, answer.codes]).toEqual([200, []]);
      expect(answer.data.errorCodes.length).toBeGreaterThan(10);
    }
    const both = { query: LISTED, ...persisted(LISTED) };
    expect((await ask(app.url, both, token)).codes).toEqual([]);
  });

  it('can send nothing that is not on the list, signed in or not', async () => {
    const other = '{ errorCodes { code meaning } }';
    for (const query of [other, `${LISTED} `, 'mutation { signOut }', '{']) {
      for (const bearer of [token, undefined]) {
        const answer = await ask(app.url, { query }, bearer);
        expect([answer.status, answer.codes]).toEqual([403, ['OPERATION_NOT_LISTED']]);
      }
    }
    expect((await ask(app.url, persisted(other), token)).codes).toEqual([
      'PERSISTED_QUERY_NOT_FOUND',
    ]);
    const swapped = { query: other, ...persisted(LISTED) };
    expect((await ask(app.url, swapped, token)).codes).toEqual(['OPERATION_NOT_LISTED']);
  });

  it('is not let past the list by what only looks like an API key', async () => {
    const answer = await ask(app.url, { query: '{ errorCodes { code } }' }, 'ktr_abc_def');
    expect(answer.codes).toEqual(['OPERATION_NOT_LISTED']);
  });

  it('is bound by the same list over a socket', async () => {
    const peer = await new SocketPeer(app.socketUrl).signIn(token);
    const payload = { query: '', ...persisted(LISTED_ALARMS) };
    peer.send({ id: '1', type: 'subscribe', payload });
    await expect.poll(() => app.app.events.subscriberCount, { timeout: 20_000 }).toBe(1);
    peer.subscribe('2', ALARMS);
    expect(await peer.refusal('2')).toEqual(['OPERATION_NOT_LISTED']);
    peer.send({ id: '3', type: 'subscribe', payload: { query: '', ...persisted(ALARMS) } });
    expect(await peer.refusal('3')).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
    peer.send({ id: '4', type: 'subscribe', payload: { query: '' } });
    expect(await peer.refusal('4')).toEqual(['OPERATION_NOT_LISTED']);
    peer.socket.terminate();
  });
});
