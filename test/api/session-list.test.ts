import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  aPartner,
  aUser,
  type BuiltPartner,
  type BuiltUser,
  totpAt,
} from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const LIST = `query ($userId: ID, $first: Int! = 50, $after: String) {
  sessions(userId: $userId, first: $first, after: $after) {
    nodes { id userId isCurrent createdAt expiresAt lastUsedAt address userAgent }
    pageInfo { hasNextPage endCursor }
  }
}`;
const REVOKE = 'mutation ($id: ID!) { revokeSession(id: $id) }';
const REVOKE_ALL = 'mutation ($userId: ID) { revokeSessions(userId: $userId) }';
const SIGN_IN = `mutation ($email: String!, $password: String!, $totp: String!) {
  signIn(email: $email, password: $password, totp: $totp) { accessToken refreshToken }
}`;
const REFRESH = 'mutation ($token: String!) { refreshSession(refreshToken: $token) { userId } }';
const WHO = '{ viewer { user { id } } }';

let app: TestApp;
let reseller: BuiltPartner;
let child: BuiltPartner;

beforeAll(async () => {
  app = await testApp();
  await aPartner(app);
  reseller = await aPartner(app);
  child = await aPartner(app, { parentId: reseller.id });
});
afterAll(() => app.stop());

async function someone(
  at: BuiltPartner,
  permissions: readonly string[],
): Promise<BuiltUser & { token: string }> {
  const user = await aUser(app, { partnerId: at.id, permissions });
  return { ...user, token: await app.signIn(user.email) };
}

async function sessionsOf(token: string, userId: string | null = null) {
  await app.app.services.lastUse.flush();
  const { data, codes } = await app.graphql(LIST, { userId }, token);
  return { codes, nodes: data?.sessions.nodes ?? [] };
}

async function isAlive(token: string): Promise<boolean> {
  return (await app.graphql(WHO, null, token)).codes.length === 0;
}

describe('sessions', () => {
  it('are listed to their user, newest first, with where and when they were used', async () => {
    const { email, password, totpSecret, token, globalId } = await someone(reseller, []);
    app.clock.advance(61_000);
    const answer = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'Portal 1.0 (test)' },
      body: JSON.stringify({
        query: SIGN_IN,
        variables: { email, password, totp: totpAt(totpSecret, app.clock.now()) },
      }),
    });
    const { data } = (await answer.json()) as { data: { signIn: { accessToken: string } } };
    const { nodes } = await sessionsOf(token);
    expect(nodes).toHaveLength(2);
    expect(nodes[0]).toMatchObject({
      userId: globalId,
      isCurrent: false,
      lastUsedAt: null,
      address: '127.0.0.1',
      userAgent: 'Portal 1.0 (test)',
    });
    expect(nodes[1]).toMatchObject({ isCurrent: true });
    const seen = await sessionsOf(data.signIn.accessToken);
    expect(seen.nodes[0]).toMatchObject({ isCurrent: true });
    const used = (await sessionsOf(token)).nodes[0];
    expect(Date.parse(used.lastUsedAt)).toBeGreaterThan(Date.parse(used.createdAt) - 1);
    expect(used).toMatchObject({ address: '127.0.0.1', userAgent: 'node' });
  });

  it('come page by page, and a forged cursor is refused', async () => {
    const { token, email } = await someone(reseller, []);
    for (let i = 0; i < 4; i += 1) await app.signIn(email);
    const ids: string[] = [];
    let after: string | null = null;
    for (let page = 0; page < 3; page += 1) {
      const { data } = await app.graphql(LIST, { first: 2, after }, token);
      ids.push(...data.sessions.nodes.map((one: { id: string }) => one.id));
      after = data.sessions.pageInfo.endCursor;
    }
    expect(new Set(ids).size).toBe(5);
    for (const values of [['x', 'y'], [1, 2], ['2026-01-01', 'x'], []]) {
      const cursor = Buffer.from(JSON.stringify(values)).toString('base64url');
      const { codes } = await app.graphql(LIST, { after: cursor }, token);
      expect(codes).toEqual(['INVALID_CURSOR']);
    }
  });

  it('are ended one by one, or all but the own', async () => {
    const { token, email } = await someone(reseller, []);
    const others = [await app.signIn(email), await app.signIn(email), await app.signIn(email)];
    const { nodes } = await sessionsOf(others[0] as string);
    const own = nodes.find((one: { isCurrent: boolean }) => one.isCurrent);
    expect((await app.graphql(REVOKE, { id: own.id }, token)).data).toEqual({
      revokeSession: true,
    });
    expect(await isAlive(others[0] as string)).toBe(false);
    expect((await app.graphql(REVOKE_ALL, {}, token)).data).toEqual({ revokeSessions: 2 });
    expect(await Promise.all(others.map(isAlive))).toEqual([false, false, false]);
    expect(await isAlive(token)).toBe(true);
    expect((await sessionsOf(token)).nodes).toHaveLength(1);
  });

  it('that are ended are not refreshed any more', async () => {
    const { email, password, totpSecret, token } = await someone(reseller, []);
    app.clock.advance(61_000);
    const totp = totpAt(totpSecret, app.clock.now());
    const opened = await app.graphql(SIGN_IN, { email, password, totp });
    expect((await app.graphql(REVOKE_ALL, {}, token)).data).toEqual({ revokeSessions: 1 });
    const refresh = { token: opened.data.signIn.refreshToken };
    expect((await app.graphql(REFRESH, refresh)).codes).toEqual(['REFRESH_REFUSED']);
  });

  it('of others are seen and ended by those who manage them, and by nobody else', async () => {
    const user = await someone(child, []);
    const manager = await someone(reseller, ['user.manage']);
    const peer = await someone(child, ['partner.read']);
    const below = await someone(child, ['user.manage']);
    const stranger = await someone(await aPartner(app), ['user.manage']);
    expect((await sessionsOf(manager.token, user.globalId)).nodes).toHaveLength(1);
    expect((await sessionsOf(peer.token, user.globalId)).codes).toEqual(['FORBIDDEN']);
    expect((await sessionsOf(stranger.token, user.globalId)).codes).toEqual(['NOT_FOUND']);
    const [mine] = (await sessionsOf(manager.token)).nodes;
    const [theirs] = (await sessionsOf(user.token)).nodes;
    const revoke = async (id: string, token: string) =>
      (await app.graphql(REVOKE, { id }, token)).codes;
    // The session of somebody above is out of view, also for who manages users below.
    expect(await revoke(mine.id, below.token)).toEqual(['NOT_FOUND']);
    expect(await revoke(theirs.id, stranger.token)).toEqual(['NOT_FOUND']);
    expect(await revoke(theirs.id, peer.token)).toEqual(['FORBIDDEN']);
    const none = toGlobalId('UserSession', '00000000-0000-4000-8000-000000000000');
    expect(await revoke(none, stranger.token)).toEqual(['NOT_FOUND']);
    expect(await revoke(toGlobalId('UserSession', 'x'), stranger.token)).toEqual(['NOT_FOUND']);
    expect(await revoke('x', stranger.token)).toEqual(['INVALID_ID']);
    expect(await isAlive(user.token)).toBe(true);
    const all = await app.graphql(REVOKE_ALL, { userId: user.globalId }, manager.token);
    expect(all.data).toEqual({ revokeSessions: 1 });
    expect(await isAlive(user.token)).toBe(false);
  });
});
