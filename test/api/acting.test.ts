import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  aPartner,
  aRole,
  aUser,
  type BuiltPartner,
  type BuiltUser,
  totpAt,
} from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const WHO =
  '{ viewer { partnerId permissions user { id roles { id } assignments { partnerId } } } }';
const PARTNERS = '{ partners { nodes { id } } }';
const ASSIGN = `mutation ($userId: ID!, $roleId: ID!, $at: ID) {
  assignRole(userId: $userId, roleId: $roleId, atPartnerId: $at) {
    assignments { partnerId role { id } }
  }
}`;
const REMOVE = `mutation ($userId: ID!, $roleId: ID!, $at: ID) {
  removeRole(userId: $userId, roleId: $roleId, atPartnerId: $at) {
    assignments { partnerId role { id } }
  }
}`;

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let child: BuiltPartner;
let grandchild: BuiltPartner;
let sibling: BuiltPartner;
let adminToken: string;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  reseller = await aPartner(app);
  child = await aPartner(app, { parentId: reseller.id });
  grandchild = await aPartner(app, { parentId: child.id });
  sibling = await aPartner(app);
  const admin = await aUser(app, { partnerId: hub.id });
  adminToken = await app.signIn(admin.email);
});
afterAll(() => app.stop());

/** A user of the reseller who holds each permission at its partner. */
async function someone(
  given: readonly (readonly [BuiltPartner, readonly string[]])[],
): Promise<BuiltUser & { token: string }> {
  const user = await aUser(app, { partnerId: reseller.id, permissions: [] });
  await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
    await tx.query('DELETE FROM app_user_role WHERE user_id = $1', [user.id]);
  });
  for (const [at, permissions] of given) {
    const role = await aRole(app, { partnerId: reseller.id, permissions });
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('INSERT INTO app_user_role VALUES ($1, $2, $3, $4)', [
        user.id,
        role.id,
        reseller.id,
        at.id,
      ]),
    );
  }
  return { ...user, token: await app.signIn(user.email) };
}

const plain = (answer: Answer) => {
  const { message, extensions } = answer.errors[0] ?? { message: '', extensions: { code: '' } };
  return { message, code: extensions.code, data: answer.data, status: answer.status };
};

describe('a request acts at one partner', () => {
  it('with the roles given there and above, inside of the subtree of its user', async () => {
    const { token, id } = await someone([
      [reseller, ['partner.read']],
      [child, ['alarm.read', 'partner.read']],
    ]);
    const held = async (at: BuiltPartner) =>
      (await app.graphql(WHO, null, token, at.globalId)).data.viewer;
    expect(await held(reseller)).toMatchObject({
      partnerId: reseller.globalId,
      permissions: ['partner.read'],
    });
    for (const at of [child, grandchild]) {
      expect(await held(at)).toMatchObject({
        partnerId: at.globalId,
        permissions: ['alarm.read', 'partner.read'],
        user: { id: toGlobalId('User', id) },
      });
    }
    const seen = (await held(grandchild)).user;
    expect(seen.roles).toHaveLength(2);
    expect(seen.assignments).toEqual([
      { partnerId: reseller.globalId },
      { partnerId: child.globalId },
    ]);
  });

  it('and sees the subtree of that partner, not more', async () => {
    const { token } = await someone([[reseller, ['partner.read']]]);
    const seen = async (at?: BuiltPartner) => {
      const answer = await app.graphql(PARTNERS, null, token, at?.globalId);
      return new Set(answer.data.partners.nodes.map((one: { id: string }) => one.id));
    };
    const all = [reseller, child, grandchild].map((one) => one.globalId);
    expect(await seen()).toEqual(new Set(all));
    expect(await seen(child)).toEqual(new Set(all.slice(1)));
    expect(await seen(grandchild)).toEqual(new Set(all.slice(2)));
  });

  it('by default its own, or the only other one where its user has roles', async () => {
    const at = async (given: Parameters<typeof someone>[0]) => {
      const { token } = await someone(given);
      return (await app.graphql(WHO, null, token)).data.viewer.partnerId;
    };
    const read = ['partner.read'];
    expect(await at([])).toBe(reseller.globalId);
    expect(await at([[child, read]])).toBe(child.globalId);
    expect(
      await at([
        [child, read],
        [child, ['alarm.read']],
      ]),
    ).toBe(child.globalId);
    expect(
      await at([
        [child, read],
        [grandchild, read],
      ]),
    ).toBe(reseller.globalId);
    expect(
      await at([
        [reseller, []],
        [child, read],
      ]),
    ).toBe(reseller.globalId);
  });

  it('that is in reach: any other is like one that does not exist', async () => {
    const { token } = await someone([[child, ['partner.read']]]);
    const absent = plain(await app.graphql(WHO, null, token, toGlobalId('Partner', 999_999)));
    expect(absent).toMatchObject({ code: 'NOT_FOUND', data: null });
    const nameless = ({ message, code, data, status }: ReturnType<typeof plain>) => ({
      message,
      code,
      data,
      status,
    });
    for (const at of [hub, sibling]) {
      const answer = plain(await app.graphql(WHO, null, token, at.globalId));
      expect(nameless(answer)).toEqual(nameless(absent));
      const rows = await app.graphql(PARTNERS, null, token, at.globalId);
      expect(rows.codes).toEqual(['NOT_FOUND']);
    }
    // Own by birth, but without a role: it may be named, and permits nothing.
    const home = await app.graphql(WHO, null, token, reseller.globalId);
    expect(home.data.viewer.permissions).toEqual([]);
    expect((await app.graphql(PARTNERS, null, token, reseller.globalId)).codes).toEqual([
      'FORBIDDEN',
    ]);
    const odd = await app.graphql(WHO, null, token, 'nonsense');
    expect(odd.codes).toEqual(['INVALID_ID']);
    const open = await app.graphql('{ errorCodes { code } }', null, token, hub.globalId);
    expect(open.codes).toEqual([]);
  });

  it('where an idempotency key counts, too: elsewhere it is another request', async () => {
    const { token } = await someone([[reseller, ['catalog.manage', 'partner.read']]]);
    const create = `mutation ($input: CreateCustomerGroupInput!) {
      createCustomerGroup(input: $input, idempotencyKey: "group") { id }
    }`;
    const input = { partnerId: child.globalId, name: 'Twice' };
    const at = (partner: BuiltPartner) => app.graphql(create, { input }, token, partner.globalId);
    const first = await at(child);
    expect(first.codes).toEqual([]);
    expect((await at(child)).data).toEqual(first.data);
    expect((await at(reseller)).codes).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  it('no more when its user’s partner has been moved away from above it', async () => {
    const [top, moving] = [await aPartner(app), await aPartner(app)];
    const below = await aPartner(app, { parentId: moving.id });
    const boss = await aUser(app, { partnerId: moving.id, permissions: ['partner.read'] });
    const token = await app.signIn(boss.email);
    expect((await app.graphql(PARTNERS, null, token, below.globalId)).codes).toEqual([]);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE partner SET parent_id = $2, path = $3, depth = 2 WHERE id = $1', [
        below.id,
        top.id,
        [hub.id, top.id, below.id],
      ]),
    );
    expect((await app.graphql(PARTNERS, null, token, below.globalId)).codes).toEqual(['NOT_FOUND']);
  });

  it('on its own session and person wherever it acts', async () => {
    const { token, email, totpSecret } = await someone([[child, ['partner.read']]]);
    const at = child.globalId;
    const sessions = await app.graphql('{ sessions { nodes { isCurrent } } }', null, token, at);
    expect(sessions.data.sessions.nodes).toEqual([{ isCurrent: true }]);
    const totp = totpAt(totpSecret, app.clock.now());
    const step = `mutation { stepUp(totp: "${totp}") { steppedUpUntil } }`;
    expect((await app.graphql(step, null, token, at)).codes).toEqual([]);
    expect((await app.graphql('mutation { signOut }', null, token, at)).codes).toEqual([]);
    expect((await app.graphql(WHO, null, token, at)).codes).toEqual(['UNAUTHENTICATED']);
    expect((await app.graphql(WHO, null, token)).codes).toEqual(['UNAUTHENTICATED']);
    expect(await app.signIn(email)).not.toBe(token);
  });

  it('and looks after users at and below it alone, though its own partner lies above', async () => {
    const manager = await someone([[child, ['user.manage', 'partner.read']]]);
    const colleague = await someone([]);
    const below = await aUser(app, { partnerId: child.id, permissions: [] });
    const own = await app.signIn(below.email);
    const SESSIONS = `query ($userId: ID!) {
      sessions(userId: $userId) { nodes { id } } apiKeys(userId: $userId) { nodes { id } }
    }`;
    const of = (userId: string) => app.graphql(SESSIONS, { userId }, manager.token);
    expect((await of(below.globalId)).codes).toEqual([]);
    expect(new Set((await of(colleague.globalId)).codes)).toEqual(new Set(['NOT_FOUND']));
    const { data } = await app.graphql('{ sessions { nodes { id } } }', null, colleague.token);
    const revoke = 'mutation ($id: ID!) { revokeSession(id: $id) }';
    const given = { id: data.sessions.nodes[0].id };
    expect((await app.graphql(revoke, given, manager.token)).codes).toEqual(['NOT_FOUND']);
    const all = 'mutation ($userId: ID!) { revokeSessions(userId: $userId) }';
    const many = await app.graphql(all, { userId: colleague.globalId }, manager.token);
    expect(many.codes).toEqual(['NOT_FOUND']);
    expect((await app.graphql(WHO, null, colleague.token)).codes).toEqual([]);
    const ended = await app.graphql(all, { userId: below.globalId }, manager.token);
    expect(ended.data).toEqual({ revokeSessions: 1 });
    expect((await app.graphql(WHO, null, own)).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('on sockets, in uploads and in documents, too', async () => {
    const { token } = await someone([
      [reseller, ['partner.read']],
      [child, ['alarm.read', 'usage.import', 'invoice.read']],
    ]);
    const peer = await new SocketPeer(app.socketUrl).signIn(token, child.globalId);
    peer.subscribe('1', 'subscription { alarmRaised { id } }');
    await expect.poll(() => app.app.events.subscriberCount, { timeout: 10_000 }).toBe(1);
    peer.socket.close();
    const home = await new SocketPeer(app.socketUrl).signIn(token);
    home.subscribe('1', 'subscription { alarmRaised { id } }');
    expect(await home.refusal('1')).toEqual(['FORBIDDEN']);
    home.socket.close();
    for (const partner of [sibling.globalId, toGlobalId('Partner', 999_999), 'nonsense', 7]) {
      const stranger = await new SocketPeer(app.socketUrl).opened();
      const payload = { authorization: `Bearer ${token}`, partner };
      stranger.send({ type: 'connection_init', payload });
      expect(await stranger.closed).toEqual({ code: 4403, reason: 'Forbidden' });
    }
    const fetched = async (method: string, path: string, partner?: BuiltPartner) => {
      const response = await fetch(app.url + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(partner ? { 'kontor-partner': partner.globalId } : {}),
        },
        ...(method === 'PUT' ? { body: `for ${partner?.id}` } : {}),
      });
      return response.status;
    };
    const pdf = `/documents/invoices/${toGlobalId('Invoice', 999_999)}.pdf`;
    for (const [method, path, status] of [
      ['PUT', '/files/acting.csv', 201],
      ['GET', pdf, 404],
    ] as const) {
      expect(await fetched(method, path)).toBe(403);
      expect(await fetched(method, path, reseller)).toBe(403);
      expect(await fetched(method, path, sibling)).toBe(404);
      expect(await fetched(method, path, child)).toBe(status);
    }
    const files = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<object[]>('SELECT partner_id FROM usage_file'),
    );
    expect(files).toEqual([{ partner_id: child.id }]);
  });
});

describe('a role is given at a partner', () => {
  it('of the subtree of the user’s own, and taken there alone', async () => {
    const user = await someone([]);
    const role = await aRole(app, { partnerId: reseller.id, permissions: ['alarm.read'] });
    const variables = { userId: user.globalId, roleId: role.globalId };
    const give = (at?: BuiltPartner) =>
      app.graphql(ASSIGN, { ...variables, at: at?.globalId ?? null }, adminToken);
    expect((await give()).codes).toEqual([]);
    const given = await give(grandchild);
    expect(given.data.assignRole.assignments).toEqual([
      { partnerId: reseller.globalId, role: { id: role.globalId } },
      { partnerId: grandchild.globalId, role: { id: role.globalId } },
    ]);
    for (const at of [hub, sibling]) {
      expect((await give(at)).codes).toEqual(['ROLE_OUT_OF_SUBTREE']);
    }
    const taken = await app.graphql(REMOVE, { ...variables, at: reseller.globalId }, adminToken);
    expect(taken.data.removeRole.assignments).toEqual([
      { partnerId: grandchild.globalId, role: { id: role.globalId } },
    ]);
  });

  it('by nobody who acts below it or beside it', async () => {
    const manager = await someone([[child, ['user.manage', 'role.manage', 'alarm.read']]]);
    const user = await someone([]);
    const role = await aRole(app, { partnerId: reseller.id, permissions: ['alarm.read'] });
    const variables = { userId: user.globalId, roleId: role.globalId, at: child.globalId };
    const refused = await app.graphql(ASSIGN, variables, manager.token);
    // Acting at the child he does not even see the users and roles of the reseller.
    expect(refused.codes).toEqual(['NOT_FOUND']);
    const atHome = await app.graphql(ASSIGN, variables, manager.token, reseller.globalId);
    expect(atHome.codes).toEqual(['FORBIDDEN']);
    const own = await aUser(app, { partnerId: child.id, permissions: [] });
    const made = await aRole(app, { partnerId: child.id, permissions: ['alarm.read'] });
    const inReach = { userId: own.globalId, roleId: made.globalId };
    expect((await app.graphql(ASSIGN, inReach, manager.token)).codes).toEqual([]);
    const above = { ...inReach, at: reseller.globalId };
    expect((await app.graphql(ASSIGN, above, manager.token)).codes).toEqual(['NOT_FOUND']);
  });
});
