import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { enrol, SIGN_IN } from '../fixtures/entrance.js';
import {
  aPartner,
  aRole,
  aUser,
  type BuiltPartner,
  type BuiltUser,
} from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const USERS = '{ users(first: 500) { nodes { id email partnerId roles { id name } } } }';
const CREATE_ROLE = `mutation ($input: CreateRoleInput!, $key: String) {
  createRole(input: $input, idempotencyKey: $key) { id name permissions partnerId }
}`;
const SET = `mutation ($roleId: ID!, $permissions: [String!]!) {
  setRolePermissions(roleId: $roleId, permissions: $permissions) { permissions }
}`;
const DEMAND_TOTP = `mutation ($roleId: ID!, $permissions: [String!]!, $totp: Boolean) {
  setRolePermissions(roleId: $roleId, permissions: $permissions, requiresTotp: $totp) {
    requiresTotp
  }
}`;
const ASSIGN = `mutation ($userId: ID!, $roleId: ID!) {
  assignRole(userId: $userId, roleId: $roleId) { roles { id } }
}`;
const REMOVE = `mutation ($userId: ID!, $roleId: ID!) {
  removeRole(userId: $userId, roleId: $roleId) { roles { id } }
}`;
const CREATE_USER = `mutation ($input: CreateUserInput!, $key: String) {
  createUser(input: $input, idempotencyKey: $key) {
    id email partnerId status totpEnrolledAt roles { id }
  }
}`;
const DISABLE = 'mutation ($id: ID!) { disableUser(userId: $id) { status } }';

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let below: BuiltPartner;
let sibling: BuiltPartner;
let admin: BuiltUser;
let adminToken: string;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  reseller = await aPartner(app);
  below = await aPartner(app, { parentId: reseller.id });
  sibling = await aPartner(app);
  admin = await aUser(app, { partnerId: hub.id });
  adminToken = await app.signIn(admin.email);
});
afterAll(() => app.stop());

async function someone(
  partnerId: number,
  permissions: readonly string[],
): Promise<BuiltUser & { token: string }> {
  const user = await aUser(app, { partnerId, permissions });
  return { ...user, token: await app.signIn(user.email) };
}

describe('a permission that an operation needs', () => {
  it('is named when the caller lacks it', async () => {
    const { token } = await someone(hub.id, ['partner.read']);
    const answer = await app.graphql(USERS, null, token);
    expect(answer.codes).toEqual(['FORBIDDEN']);
    expect(answer.errors[0]?.extensions.details).toEqual({
      permission: 'user.read',
      field: 'Query.users',
    });
  });

  it('is not even asked for without a token', async () => {
    expect((await app.graphql(USERS)).codes).toEqual(['UNAUTHENTICATED']);
    expect((await app.graphql(USERS, null, 'nonsense')).codes).toEqual(['UNAUTHENTICATED']);
    expect((await app.graphql('mutation { signOut }')).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('comes with a role that an administrator makes, to a running session', async () => {
    const { token, globalId } = await someone(hub.id, ['partner.read']);
    const input = { name: 'Clerks', permissions: ['user.manage', 'partner.read', 'user.manage'] };
    const made = await app.graphql(CREATE_ROLE, { input }, adminToken);
    expect(made.data.createRole).toMatchObject({
      name: 'Clerks',
      permissions: ['partner.read', 'user.manage'],
      partnerId: hub.globalId,
    });
    const roleId = made.data.createRole.id;
    expect((await app.graphql(USERS, null, token)).codes).toEqual(['FORBIDDEN']);
    const assigned = await app.graphql(ASSIGN, { userId: globalId, roleId }, adminToken);
    expect(assigned.data.assignRole.roles).toContainEqual({ id: roleId });
    expect((await app.graphql(USERS, null, token)).codes).toEqual([]);
    await app.graphql(SET, { roleId, permissions: [] }, adminToken);
    expect((await app.graphql(USERS, null, token)).codes).toEqual(['FORBIDDEN']);
    await app.graphql(SET, { roleId, permissions: ['user.manage'] }, adminToken);
    expect((await app.graphql(USERS, null, token)).codes).toEqual([]);
    const removed = await app.graphql(REMOVE, { userId: globalId, roleId }, adminToken);
    expect(removed.data.removeRole.roles).toHaveLength(1);
    expect((await app.graphql(USERS, null, token)).codes).toEqual(['FORBIDDEN']);
  });
});

describe('nobody gives or takes what he does not hold', () => {
  const small = ['role.manage', 'user.manage', 'partner.read'];

  async function refusal(query: string, variables: object, token: string): Promise<void> {
    const answer = await app.graphql(query, variables, token);
    expect(answer.codes).toEqual(['PERMISSION_NOT_HELD']);
    expect(answer.errors[0]?.extensions.details).toEqual({ permissions: ['bill.run'] });
  }

  it('in new, changed, given or taken roles, in new or disabled users', async () => {
    const clerk = await someone(hub.id, small);
    const strong = await aRole(app, { partnerId: hub.id, permissions: ['bill.run'] });
    const owner = await someone(hub.id, ['bill.run']);
    const role = { name: 'Greedy', permissions: ['partner.read', 'bill.run'] };
    await refusal(CREATE_ROLE, { input: role }, clerk.token);
    const own = toGlobalId('Role', clerk.roleId);
    const wider = [...small, 'bill.run'];
    await refusal(SET, { roleId: own, permissions: wider }, clerk.token);
    await refusal(SET, { roleId: strong.globalId, permissions: [] }, clerk.token);
    const unguarded = { roleId: strong.globalId, permissions: ['bill.run'], totp: false };
    await refusal(DEMAND_TOTP, unguarded, clerk.token);
    const guarded = { ...unguarded, totp: true };
    expect((await app.graphql(DEMAND_TOTP, guarded, clerk.token)).codes).toEqual([]);
    await refusal(ASSIGN, { userId: clerk.globalId, roleId: strong.globalId }, clerk.token);
    const taken = { userId: owner.globalId, roleId: toGlobalId('Role', owner.roleId) };
    await refusal(REMOVE, taken, clerk.token);
    const input = { ...newUser(), roleIds: [strong.globalId] };
    await refusal(CREATE_USER, { input }, clerk.token);
    await refusal(DISABLE, { id: owner.globalId }, clerk.token);
    const still = await app.graphql('{ viewer { permissions } }', null, owner.token);
    expect(still.data.viewer.permissions).toEqual(['bill.run']);
  });
});

describe('roles', () => {
  it('are made of known permissions', async () => {
    const input = { name: 'Odd', permissions: ['partner.read', 'root', '__proto__'] };
    const answer = await app.graphql(CREATE_ROLE, { input }, adminToken);
    expect(answer.codes).toEqual(['UNKNOWN_PERMISSION']);
    expect(answer.errors[0]?.extensions.details).toEqual({ unknown: ['__proto__', 'root'] });
  });

  it('have a name once per partner', async () => {
    const input = { name: 'Twice', permissions: [] };
    expect((await app.graphql(CREATE_ROLE, { input }, adminToken)).codes).toEqual([]);
    const again = await app.graphql(CREATE_ROLE, { input }, adminToken);
    expect(again.codes).toEqual(['ROLE_NAME_TAKEN']);
    const elsewhere = { ...input, partnerId: reseller.globalId };
    const other = await app.graphql(CREATE_ROLE, { input: elsewhere }, adminToken);
    expect(other.data.createRole.partnerId).toBe(reseller.globalId);
  });

  it('are made once per idempotency key', async () => {
    const input = { name: 'Keyed', permissions: ['run.read'] };
    const first = await app.graphql(CREATE_ROLE, { input, key: 'role-1' }, adminToken);
    const again = await app.graphql(CREATE_ROLE, { input, key: 'role-1' }, adminToken);
    expect(again.data).toEqual(first.data);
    const other = { input: { ...input, name: 'Other' }, key: 'role-1' };
    const reused = await app.graphql(CREATE_ROLE, other, adminToken);
    expect(reused.codes).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  it('go to users of their own partner only', async () => {
    const foreign = await aRole(app, { partnerId: reseller.id, permissions: ['run.read'] });
    const variables = { userId: admin.globalId, roleId: foreign.globalId };
    const answer = await app.graphql(ASSIGN, variables, adminToken);
    expect(answer.codes).toEqual(['ROLE_OF_OTHER_PARTNER']);
  });

  it('of the last administrator of the hub cannot be weakened, taken or disabled', async () => {
    const alone = await testApp();
    try {
      const top = await aPartner(alone);
      const chief = await aUser(alone, { partnerId: top.id });
      const token = await alone.signIn(chief.email);
      const [own] = (await alone.graphql(USERS, {}, token)).data.users.nodes;
      const roleId = own.roles[0].id;
      const refused = { extensions: { code: 'LAST_ADMINISTRATOR' } };
      const weaker = { roleId, permissions: ['partner.read', 'role.manage'] };
      for (const [query, variables] of [
        [SET, weaker],
        [REMOVE, { userId: own.id, roleId }],
        [DISABLE, { id: own.id }],
      ] as const) {
        expect((await alone.graphql(query, variables, token)).errors?.[0]).toMatchObject(refused);
      }
      await aUser(alone, { partnerId: top.id });
      const second = await alone.graphql(DISABLE, { id: own.id }, token);
      expect(second.data.disableUser.status).toBe('DISABLED');
    } finally {
      await alone.stop();
    }
  });

  it('can be made of the permissions that the schema lists', async () => {
    const listed = await app.graphql('{ permissions { name description } }', null, adminToken);
    const names = listed.data.permissions.map((one: { name: string }) => one.name);
    const viewer = await app.graphql('{ viewer { permissions } }', null, adminToken);
    expect([...names].sort()).toEqual(viewer.data.viewer.permissions);
  });
});

describe('the e-mail address of a user', () => {
  it('is seen by himself and with the permission, and null to others', async () => {
    const own = await someone(reseller.id, ['user.read']);
    const other = await someone(reseller.id, ['user.read', 'user.email.read']);
    const emails = async (token: string) => {
      const { data } = await app.graphql('{ users { nodes { id email } } }', null, token);
      const nodes: { id: string; email: string | null }[] = data.users.nodes;
      return nodes.filter(({ email }) => email !== null).map(({ id }) => id);
    };
    expect(await emails(own.token)).toEqual([own.globalId]);
    expect(await emails(other.token)).toEqual(
      expect.arrayContaining([own.globalId, other.globalId]),
    );
    const { data } = await app.graphql('{ viewer { user { email } } }', null, own.token);
    expect(data.viewer.user.email).toBe(own.email);
  });
});

describe('users', () => {
  it('see their own partner and what is below, and nobody else', async () => {
    const own = await someone(reseller.id, ['user.manage']);
    const lower = await someone(below.id, ['user.manage']);
    await someone(sibling.id, ['user.manage']);
    const partnersSeenBy = async (token: string): Promise<Set<string>> => {
      const { data } = await app.graphql(USERS, null, token);
      return new Set(data.users.nodes.map((user: { partnerId: string }) => user.partnerId));
    };
    expect(await partnersSeenBy(own.token)).toEqual(new Set([reseller.globalId, below.globalId]));
    expect(await partnersSeenBy(lower.token)).toEqual(new Set([below.globalId]));
    expect((await partnersSeenBy(adminToken)).size).toBe(4);
  });

  it('cannot tell a row of another partner from one that does not exist', async () => {
    const own = await someone(reseller.id, ['user.manage', 'role.manage']);
    const foreign = await someone(sibling.id, ['user.manage']);
    const answers = async (userId: string, roleId: string, partnerId: string) => [
      await app.graphql(ASSIGN, { userId, roleId }, own.token),
      await app.graphql(REMOVE, { userId, roleId }, own.token),
      await app.graphql(DISABLE, { id: userId }, own.token),
      await app.graphql(SET, { roleId, permissions: [] }, own.token),
      await app.graphql(CREATE_ROLE, { input: role(partnerId) }, own.token),
      await app.graphql(CREATE_USER, { input: { ...newUser(), partnerId } }, own.token),
    ];
    const role = (partnerId: string) => ({ name: 'Spy', permissions: [], partnerId });
    const foreignRole = toGlobalId('Role', foreign.roleId);
    const hidden = await answers(foreign.globalId, foreignRole, sibling.globalId);
    const absent = await answers(
      toGlobalId('User', 999_999),
      toGlobalId('Role', 999_999),
      toGlobalId('Partner', 999_999),
    );
    const plain = (answer: Answer) => {
      const { message, extensions } = answer.errors[0] ?? { message: '', extensions: { code: '' } };
      return { message, code: extensions.code, data: answer.data };
    };
    expect(hidden.map(plain)).toEqual(absent.map(plain));
    expect(new Set(hidden.flatMap((answer) => answer.codes))).toEqual(new Set(['NOT_FOUND']));
    // Identifiers that nobody gave out: with more digits than a row has, and with none.
    const forged = (key: string) =>
      answers(toGlobalId('User', key), toGlobalId('Role', key), toGlobalId('Partner', key));
    expect((await forged('4294967297')).map(plain)).toEqual(absent.map(plain));
    const refused = (await forged('seven')).flatMap((answer) => answer.codes);
    expect(new Set(refused)).toEqual(new Set(['INVALID_ID']));
  });

  it('are created with a password, and enrol an authenticator themselves', async () => {
    const role = await aRole(app, { partnerId: reseller.id, permissions: ['run.read'] });
    const input = { ...newUser(), partnerId: reseller.globalId, roleIds: [role.globalId] };
    const first = await app.graphql(CREATE_USER, { input, key: 'user-1' }, adminToken);
    expect(first.codes).toEqual([]);
    const user = first.data.createUser;
    expect(user).toMatchObject({
      email: input.email.toLowerCase(),
      partnerId: reseller.globalId,
      status: 'ACTIVE',
      totpEnrolledAt: null,
      roles: [{ id: role.globalId }],
    });
    const { email, password } = input;
    const early = await app.graphql(SIGN_IN, { email, password, totp: '123456' });
    expect(early.codes).toEqual(['ENROLMENT_REQUIRED']);
    expect((await enrol(app, input)).userId).toBe(user.id);
    const again = await app.graphql(CREATE_USER, { input, key: 'user-1' }, adminToken);
    expect(again.data.createUser).toMatchObject({ id: user.id });
    expect(again.data.createUser.totpEnrolledAt).not.toBeNull();
  });

  it('are refused with a code for each thing that is wrong', async () => {
    const create = async (change: object) =>
      app.graphql(CREATE_USER, { input: { ...newUser(), ...change } }, adminToken);
    expect((await create({ email: admin.email.toUpperCase() })).codes).toEqual(['EMAIL_TAKEN']);
    expect((await create({ password: 'short' })).codes).toEqual(['PASSWORD_TOO_WEAK']);
    expect((await create({ password: 'a'.repeat(20) })).codes).toEqual(['PASSWORD_TOO_WEAK']);
    expect((await create({ roleIds: ['x'] })).codes).toEqual(['INVALID_ID']);
    const wrong = await create({ email: 'no address', displayName: '' });
    expect(wrong.codes).toEqual(['BAD_USER_INPUT']);
    const fields = wrong.errors[0]?.extensions.details?.fields as { field: string }[];
    expect(fields.map((field) => field.field)).toEqual(['email', 'displayName']);
    expect(wrong.text).not.toContain('no address');
    for (const displayName of ['   ', 'half \ud800', 'nul \0', 'turned \u202e']) {
      expect((await create({ displayName })).codes).toEqual(['BAD_USER_INPUT']);
    }
  });

  it('come page by page, with their roles, in the same few statements for any number', async () => {
    const query = `query ($first: Int!, $after: String) {
      users(first: $first, after: $after) {
        edges { cursor node { id roles { name } } } pageInfo { hasNextPage endCursor }
      }
    }`;
    const seen: string[] = [];
    const statements = new Set<number>();
    let after: string | null = null;
    do {
      const answer: Answer = await app.graphql(query, { first: 4, after }, adminToken);
      statements.add(app.statements(answer));
      const { data } = answer;
      for (const edge of data.users.edges) seen.push(edge.node.id);
      after = data.users.pageInfo.hasNextPage ? data.users.pageInfo.endCursor : null;
    } while (after !== null);
    const all = (await app.graphql(USERS, null, adminToken)).data.users.nodes;
    expect(seen).toEqual(all.map((user: { id: string }) => user.id));
    expect(seen.length).toBeGreaterThan(8);
    expect([...statements]).toEqual([7]);
    const bad = await app.graphql(query, { first: 501 }, adminToken);
    expect(bad.codes).toEqual(['BAD_USER_INPUT']);
    const foreign = await app.graphql(query, { first: 1, after: 'abc' }, adminToken);
    expect(foreign.codes).toEqual(['INVALID_CURSOR']);
  });
});

let serial = 0;

function newUser() {
  serial += 1;
  return {
    email: `New-${serial}@Example.com`,
    displayName: 'New',
    password: 'some long password',
  };
}
