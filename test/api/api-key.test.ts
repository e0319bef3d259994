import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseAlarm } from '../../src/alarm/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner, type BuiltUser } from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const CREATE = `mutation ($input: CreateApiKeyInput!, $key: String) {
  createApiKey(input: $input, idempotencyKey: $key) {
    secret
    apiKey { id userId partnerId name prefix scopes createdAt expiresAt revokedAt lastUsedAt }
  }
}`;
const REVOKE = 'mutation ($id: ID!) { revokeApiKey(id: $id) { id revokedAt } }';
const LIST = `query ($userId: ID) {
  apiKeys(userId: $userId) { nodes { id name lastUsedAt lastAddress revokedAt } }
}`;
const WHO = '{ viewer { partnerId apiKeyId permissions user { id } } }';
const PARTNERS = '{ partners { nodes { id } } }';
const DAY = 86_400_000;

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let child: BuiltPartner;
let admin: BuiltUser;
let token: string;
let serial = 0;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  reseller = await aPartner(app);
  child = await aPartner(app, { parentId: reseller.id });
  admin = await aUser(app, { partnerId: reseller.id });
  token = await app.signIn(admin.email);
});
afterAll(() => app.stop());

interface Given {
  scopes?: readonly string[];
  expiresAt?: Date;
  by?: string;
  at?: BuiltPartner;
  key?: string;
}

function create(given: Given = {}): Promise<Answer> {
  serial += 1;
  const { scopes = ['partner.read'], by = token, at, key = null } = given;
  const expiresAt = given.expiresAt ?? new Date(app.clock.now().getTime() + 30 * DAY);
  const input = { name: `Key ${key ?? serial}`, scopes, expiresAt };
  return app.graphql(CREATE, { input, key }, by, at?.globalId);
}

async function aKey(given: Given = {}): Promise<{ id: string; secret: string }> {
  const { codes, data } = await create(given);
  expect(codes).toEqual([]);
  return { id: data.createApiKey.apiKey.id, secret: data.createApiKey.secret };
}

describe('an API key', () => {
  it('is made with 256 secret bits of which the database keeps a hash', async () => {
    const { data } = await create({ scopes: ['partner.read', 'alarm.read', 'partner.read'] });
    const { secret, apiKey } = data.createApiKey;
    expect(apiKey).toMatchObject({
      userId: admin.globalId,
      partnerId: reseller.globalId,
      scopes: ['alarm.read', 'partner.read'],
      revokedAt: null,
      lastUsedAt: null,
    });
    const [, prefix, bits] = /^ktr_([a-z0-9]{12})_([\w-]{43})$/.exec(secret) ?? [];
    expect(prefix).toBe(apiKey.prefix);
    expect(Buffer.from(String(bits), 'base64url')).toHaveLength(32);
    const [row] = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<{ text: string; hash: string }[]>(
        `SELECT k::text AS text, encode(k.secret_hash, 'hex') AS hash
         FROM api_key AS k WHERE prefix = $1`,
        [prefix],
      ),
    );
    expect(row?.hash).toBe(createHash('sha256').update(String(bits)).digest('hex'));
    expect(row?.text).not.toContain(bits);
    const audit = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<object[]>("SELECT body FROM audit_entry WHERE operation = 'createApiKey'"),
    );
    expect(audit.length).toBeGreaterThan(0);
    expect(JSON.stringify(audit) + app.logged.join('')).not.toContain(bits);
    expect(JSON.stringify(audit)).not.toContain(row?.hash);
  });

  it('calls for its user with its scopes, and no more than the user may do now', async () => {
    const maker = await aUser(app, {
      partnerId: reseller.id,
      permissions: ['partner.read', 'alarm.read', 'api-key.manage'],
    });
    const by = await app.signIn(maker.email);
    const { id, secret } = await aKey({ by, scopes: ['partner.read', 'alarm.read'] });
    expect((await app.graphql(WHO, null, secret)).data.viewer).toEqual({
      partnerId: reseller.globalId,
      apiKeyId: id,
      permissions: ['alarm.read', 'partner.read'],
      user: { id: maker.globalId },
    });
    expect((await app.graphql(PARTNERS, null, secret)).data.partners.nodes).toHaveLength(2);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query("UPDATE role SET permissions = '{alarm.read,bill.run}' WHERE id = $1", [
        maker.roleId,
      ]),
    );
    const left = await app.graphql(WHO, null, secret);
    expect(left.data.viewer.permissions).toEqual(['alarm.read']);
    expect((await app.graphql(PARTNERS, null, secret)).codes).toEqual(['FORBIDDEN']);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query("UPDATE app_user SET status = 'DISABLED' WHERE id = $1", [maker.id]),
    );
    expect((await app.graphql(WHO, null, secret)).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('acts at the partner where it was made, or below it', async () => {
    const { secret } = await aKey({ at: child });
    const at = (partner?: BuiltPartner) =>
      app.graphql(PARTNERS, null, secret, partner?.globalId ?? undefined);
    expect((await at()).data.partners.nodes).toEqual([{ id: child.globalId }]);
    expect((await at(child)).codes).toEqual([]);
    expect((await at(reseller)).codes).toEqual(['NOT_FOUND']);
    expect((await at(hub)).codes).toEqual(['NOT_FOUND']);
    const upper = await aKey();
    const below = await app.graphql(PARTNERS, null, upper.secret, child.globalId);
    expect(below.data.partners.nodes).toEqual([{ id: child.globalId }]);
  });

  it('ends by itself, at the moment it was made for and within a year', async () => {
    const now = app.clock.now().getTime();
    for (const life of [-1, 0, 366 * DAY]) {
      const refused = await create({ expiresAt: new Date(now + life) });
      expect(refused.codes).toEqual(['API_KEY_LIFE_INVALID']);
    }
    const { secret } = await aKey({ expiresAt: new Date(app.clock.now().getTime() + DAY) });
    expect((await app.graphql(WHO, null, secret)).codes).toEqual([]);
    app.clock.advance(DAY);
    expect((await app.graphql(WHO, null, secret)).codes).toEqual(['UNAUTHENTICATED']);
    token = await app.signIn(admin.email);
  });

  it('is made with permissions that its maker holds, and never by a key', async () => {
    const clerk = await aUser(app, {
      partnerId: reseller.id,
      permissions: ['partner.read', 'api-key.manage'],
    });
    const by = await app.signIn(clerk.email);
    const greedy = await create({ by, scopes: ['partner.read', 'bill.run'] });
    expect(greedy.codes).toEqual(['PERMISSION_NOT_HELD']);
    expect((await create({ by, scopes: ['root'] })).codes).toEqual(['UNKNOWN_PERMISSION']);
    expect((await create({ by, scopes: [] })).codes).toEqual(['BAD_USER_INPUT']);
    const { secret } = await aKey({ scopes: ['api-key.manage', 'partner.read'] });
    expect((await create({ by: secret })).codes).toEqual(['SESSION_REQUIRED']);
    const plain = await aUser(app, { partnerId: reseller.id, permissions: ['partner.read'] });
    const refused = await create({ by: await app.signIn(plain.email) });
    expect(refused.codes).toEqual(['FORBIDDEN']);
  });

  it('is shown once, also when the request is repeated', async () => {
    const expiresAt = new Date(app.clock.now().getTime() + DAY);
    const first = await create({ key: 'once', expiresAt });
    expect(first.data.createApiKey.secret).toMatch(/^ktr_/);
    const again = await create({ key: 'once', expiresAt });
    expect(again.data.createApiKey).toEqual({ ...first.data.createApiKey, secret: null });
  });

  it('that was changed by one letter is none', async () => {
    const { secret } = await aKey();
    const other = (text: string, at: number) =>
      text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1);
    const forged = [
      other(secret, 4),
      other(secret, 20),
      other(secret, 40),
      secret.slice(0, -1),
      `${secret}A`,
      secret.toUpperCase(),
      secret.replace('ktr_', ''),
      secret.replace(/_[\w-]{43}$/, `_${'A'.repeat(43)}`),
      `ktr_${'%'.repeat(12)}_${'A'.repeat(43)}`,
    ];
    for (const text of forged) {
      expect((await app.graphql(WHO, null, text)).codes).toEqual(['UNAUTHENTICATED']);
    }
    expect((await app.graphql(WHO, null, secret)).codes).toEqual([]);
  });

  it('is refused in an address, over HTTP and on sockets', async () => {
    const { secret } = await aKey();
    const body = JSON.stringify({ query: WHO });
    const headers = { 'content-type': 'application/json' };
    for (const name of ['authorization', 'access_token', 'token', 'key', 'x']) {
      const address = `${app.url}/graphql?${name}=${secret}`;
      const answer = await fetch(address, { method: 'POST', headers, body });
      expect(answer.status).toBe(400);
      const text = await answer.text();
      expect(text).toContain('CREDENTIALS_IN_ADDRESS');
      expect(text).not.toContain(secret);
      const pair = { authorization: `Bearer ${secret}` };
      const both = await fetch(address, { method: 'POST', headers: { ...headers, ...pair }, body });
      expect(both.status).toBe(400);
    }
    const file = await fetch(`${app.url}/files/x.csv?key=${secret}`, { method: 'PUT', body: 'x' });
    expect(file.status).toBe(400);
    const peer = new SocketPeer(`${app.socketUrl}?authorization=${secret}`);
    expect((await peer.closed).code).toBe(1006);
    expect(app.logged.join('')).not.toContain(secret);
  });

  it('tells when it was used last, without an UPDATE for each request', async () => {
    const { id, secret } = await aKey();
    const used = async () => {
      await app.app.services.lastUse.flush();
      const { data } = await app.graphql(LIST, {}, token);
      return data.apiKeys.nodes.find((one: { id: string }) => one.id === id);
    };
    expect(await used()).toMatchObject({ lastUsedAt: null, lastAddress: null });
    const begin = app.clock.now();
    for (let i = 0; i < 20; i += 1) await app.graphql(WHO, null, secret);
    const first = await used();
    expect(Date.parse(first.lastUsedAt)).toBeGreaterThanOrEqual(begin.getTime());
    expect(first.lastAddress).toBe('127.0.0.1');
    await app.graphql(WHO, null, secret);
    expect(await used()).toEqual(first);
    app.clock.advance(61_000);
    await app.graphql(WHO, null, secret);
    expect(Date.parse((await used()).lastUsedAt)).toBeGreaterThan(Date.parse(first.lastUsedAt));
  });
});

describe('API keys of a user', () => {
  it('are listed and ended by himself, and by those who manage him', async () => {
    const maker = await aUser(app, {
      partnerId: child.id,
      permissions: ['partner.read', 'api-key.manage'],
    });
    const by = await app.signIn(maker.email);
    const [one, two] = [await aKey({ by }), await aKey({ by })];
    const ids = async (as: string, userId: string | null) => {
      const { data, codes } = await app.graphql(LIST, { userId }, as);
      return data ? data.apiKeys.nodes.map((key: { id: string }) => key.id) : codes;
    };
    expect(await ids(by, null)).toEqual([one.id, two.id]);
    expect(await ids(token, maker.globalId)).toEqual([one.id, two.id]);
    const peer = await aUser(app, { partnerId: child.id, permissions: ['partner.read'] });
    const peerToken = await app.signIn(peer.email);
    expect(await ids(peerToken, maker.globalId)).toEqual(['FORBIDDEN']);
    const stranger = await aUser(app, { partnerId: (await aPartner(app)).id });
    const strangerToken = await app.signIn(stranger.email);
    expect(await ids(strangerToken, maker.globalId)).toEqual(['NOT_FOUND']);
    const revoke = async (id: string, as: string) => (await app.graphql(REVOKE, { id }, as)).codes;
    expect(await revoke(one.id, strangerToken)).toEqual(['NOT_FOUND']);
    expect(await revoke(one.id, peerToken)).toEqual(['FORBIDDEN']);
    expect(await revoke(one.id, by)).toEqual([]);
    expect(await revoke(two.id, token)).toEqual([]);
    for (const { secret } of [one, two]) {
      expect((await app.graphql(WHO, null, secret)).codes).toEqual(['UNAUTHENTICATED']);
    }
  });

  it('that may do more than a manager are not ended by him', async () => {
    const manager = await aUser(app, { partnerId: reseller.id, permissions: ['user.manage'] });
    const { id } = await aKey({ scopes: ['bill.run'] });
    const as = await app.signIn(manager.email);
    expect((await app.graphql(REVOKE, { id }, as)).codes).toEqual(['PERMISSION_NOT_HELD']);
  });

  it('are nothing that a key can look at or end, but itself', async () => {
    const [one, two] = [await aKey(), await aKey()];
    expect((await app.graphql(LIST, {}, one.secret)).codes).toEqual(['FORBIDDEN']);
    expect((await app.graphql(REVOKE, { id: two.id }, one.secret)).codes).toEqual(['FORBIDDEN']);
    const sessions = await app.graphql('{ sessions { nodes { id } } }', null, one.secret);
    expect(sessions.codes).toEqual(['FORBIDDEN']);
    const all = await app.graphql('mutation { revokeSessions }', null, one.secret);
    expect(all.codes).toEqual(['FORBIDDEN']);
    expect((await app.graphql(REVOKE, { id: one.id }, one.secret)).codes).toEqual([]);
    expect((await app.graphql(WHO, null, one.secret)).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('are at most fifty that live', async () => {
    const maker = await aUser(app, {
      partnerId: child.id,
      permissions: ['partner.read', 'api-key.manage'],
    });
    const by = await app.signIn(maker.email);
    const made = await Promise.all(Array.from({ length: 54 }, () => create({ by })));
    const codes = made.flatMap((answer) => answer.codes);
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'TOO_MANY_API_KEYS'));
  });
});

describe('on a socket', () => {
  it('a key subscribes with its scopes and is cut off within seconds when revoked', async () => {
    const { id, secret } = await aKey({ scopes: ['alarm.read'] });
    const narrow = await aKey({ scopes: ['partner.read'] });
    const alarms = 'subscription { alarmRaised { alarm { text } } }';
    const refused = await new SocketPeer(app.socketUrl).signIn(narrow.secret);
    refused.subscribe('1', alarms);
    expect(await refused.refusal('1')).toEqual(['FORBIDDEN']);
    refused.socket.close();
    const peer = await new SocketPeer(app.socketUrl).signIn(secret);
    peer.subscribe('1', alarms);
    await expect.poll(() => app.app.events.subscriberCount, { timeout: 10_000 }).toBe(1);
    await alarm('seen');
    await peer.message((message) => message.type === 'next');
    const begin = performance.now();
    expect((await app.graphql(REVOKE, { id }, token)).codes).toEqual([]);
    await alarm('after the end');
    expect((await peer.closed).code).toBe(4403);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(JSON.stringify(peer.messages)).not.toContain('after the end');
    const again = await new SocketPeer(app.socketUrl).opened();
    again.send({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } });
    expect((await again.closed).code).toBe(4403);
  });
});

async function alarm(text: string): Promise<void> {
  serial += 1;
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    raiseAlarm(tx, {
      partnerId: reseller.id,
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectType: 'Subscription',
      subjectId: serial,
      naturalKey: `key test ${serial}`,
      text,
      details: {},
    }),
  );
}
