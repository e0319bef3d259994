import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  aPartner,
  aRole,
  aUser,
  type BuiltPartner,
  type BuiltRole,
  type BuiltUser,
} from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const ROLE = 'role.manage';
const USER = 'user.manage';
const CREATE_ROLE = `mutation ($input: CreateRoleInput!) {
  createRole(input: $input) { id permissions }
}`;
const SET = `mutation ($roleId: ID!, $permissions: [String!]!) {
  setRolePermissions(roleId: $roleId, permissions: $permissions) { permissions }
}`;
const RENAME = `mutation ($roleId: ID!, $input: RenameRoleInput!) {
  renameRole(roleId: $roleId, input: $input) { name description }
}`;
const DELETE = 'mutation ($roleId: ID!) { deleteRole(roleId: $roleId) }';
const ASSIGN = `mutation ($userId: ID!, $roleId: ID!, $at: ID) {
  assignRole(userId: $userId, roleId: $roleId, atPartnerId: $at) { id }
}`;
const REMOVE = `mutation ($userId: ID!, $roleId: ID!, $at: ID) {
  removeRole(userId: $userId, roleId: $roleId, atPartnerId: $at) { id }
}`;
const DISABLE = 'mutation ($userId: ID!) { disableUser(userId: $userId) { status } }';
const ENABLE = 'mutation ($userId: ID!) { enableUser(userId: $userId) { status } }';
const ROLES = '{ roles(first: 500) { nodes { id } } }';

let app: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let child: BuiltPartner;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  reseller = await aPartner(app);
  child = await aPartner(app, { parentId: reseller.id });
});
afterAll(() => app.stop());

interface Person extends BuiltUser {
  readonly token: string;
}

async function someone(at: BuiltPartner, permissions: readonly string[]): Promise<Person> {
  const user = await aUser(app, { partnerId: at.id, permissions });
  return { ...user, token: await app.signIn(user.email) };
}

function roleOf(at: BuiltPartner, permissions: readonly string[]): Promise<BuiltRole> {
  return aRole(app, { partnerId: at.id, permissions });
}

async function give(user: BuiltUser, role: { id: number }, at: BuiltPartner): Promise<void> {
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('INSERT INTO app_user_role VALUES ($1, $2, $3, $4)', [
      user.id,
      role.id,
      user.partnerId,
      at.id,
    ]),
  );
}

async function held(token: string, at?: BuiltPartner): Promise<string[]> {
  const answer = await app.graphql('{ viewer { permissions } }', null, token, at?.globalId);
  return answer.data.viewer.permissions;
}

async function refused(work: Promise<Answer>, code = 'PERMISSION_NOT_HELD'): Promise<void> {
  expect((await work).codes).toEqual([code]);
}

async function done(work: Promise<Answer>): Promise<Answer> {
  const answer = await work;
  expect(answer.codes).toEqual([]);
  return answer;
}

describe('an administrator of a reseller', () => {
  it('manages its own users and theirs below, with what he holds himself', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'partner.read', 'alarm.read']);
    const input = { name: 'Watch', permissions: ['alarm.read'], partnerId: child.globalId };
    const made = await done(app.graphql(CREATE_ROLE, { input }, boss.token));
    const { id: roleId } = made.data.createRole;
    const below = await someone(child, []);
    await done(app.graphql(ASSIGN, { userId: below.globalId, roleId }, boss.token));
    expect(await held(below.token)).toEqual(['alarm.read']);
    const wider = { roleId, permissions: ['alarm.read', 'partner.read'] };
    await done(app.graphql(SET, wider, boss.token));
    const widest = { roleId, permissions: ['alarm.read', 'partner.read', 'price.cost.read'] };
    await refused(app.graphql(SET, widest, boss.token));
    expect(await held(below.token)).toEqual(['alarm.read', 'partner.read']);
    await done(app.graphql(DISABLE, { userId: below.globalId }, boss.token));
    await done(app.graphql(ENABLE, { userId: below.globalId }, boss.token));
  });

  it('gains nothing through a role that somebody stronger holds', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'alarm.read']);
    const strong = await someone(reseller, ['alarm.read', 'price.cost.read']);
    const role = { roleId: (await rolesOf(strong))[0] };
    await refused(app.graphql(ASSIGN, { ...role, userId: boss.globalId }, boss.token));
    await refused(app.graphql(SET, { ...role, permissions: [] }, boss.token));
    const more = ['alarm.read', 'price.cost.read', 'bill.run'];
    await refused(app.graphql(SET, { ...role, permissions: more }, boss.token));
    const input = { name: 'Guests' };
    await refused(app.graphql(RENAME, { ...role, input }, boss.token));
    await refused(app.graphql(DELETE, role, boss.token));
    await refused(app.graphql(REMOVE, { ...role, userId: strong.globalId }, boss.token));
    await refused(app.graphql(DISABLE, { userId: strong.globalId }, boss.token));
    // What he holds himself he may give and take, also in a role of somebody stronger.
    const less = { ...role, permissions: ['price.cost.read'] };
    await done(app.graphql(SET, less, boss.token));
    expect(await held(strong.token)).toEqual(['price.cost.read']);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query("UPDATE app_user SET status = 'DISABLED' WHERE id = $1", [strong.id]),
    );
    await refused(app.graphql(ENABLE, { userId: strong.globalId }, boss.token));
  });

  it('does not reach a user by what that one may do elsewhere', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'alarm.read']);
    const user = await someone(reseller, ['alarm.read']);
    await give(user, await roleOf(reseller, ['price.cost.read']), child);
    await refused(app.graphql(DISABLE, { userId: user.globalId }, boss.token));
  });

  it('grants at a partner what he holds there, acting there, and only below it', async () => {
    const boss = await someone(reseller, [ROLE, USER]);
    await give(boss, await roleOf(reseller, ['bill.run']), child);
    const local = await roleOf(child, ['bill.run']);
    const user = await someone(child, []);
    const variables = { userId: user.globalId, roleId: local.globalId };
    await refused(app.graphql(ASSIGN, variables, boss.token));
    await done(app.graphql(ASSIGN, variables, boss.token, child.globalId));
    expect(await held(user.token)).toEqual(['bill.run']);
    // The same permission in a role of the partner above holds there, too, and is out of reach.
    const upper = await roleOf(reseller, ['bill.run']);
    const own = { userId: boss.globalId, roleId: upper.globalId };
    await refused(app.graphql(ASSIGN, own, boss.token));
    await refused(app.graphql(ASSIGN, own, boss.token, child.globalId), 'NOT_FOUND');
    const at = { ...own, at: child.globalId };
    await refused(app.graphql(ASSIGN, at, boss.token, child.globalId), 'NOT_FOUND');
    expect(await held(boss.token)).not.toContain('bill.run');
  });

  it('cannot hand roles of others to his users, nor his roles to users of others', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'alarm.read']);
    const foreign = await roleOf(hub, ['alarm.read']);
    await refused(
      app.graphql(ASSIGN, { userId: boss.globalId, roleId: foreign.globalId }, boss.token),
      'NOT_FOUND',
    );
    const lower = await roleOf(child, ['alarm.read']);
    await refused(
      app.graphql(ASSIGN, { userId: boss.globalId, roleId: lower.globalId }, boss.token),
      'ROLE_OF_OTHER_PARTNER',
    );
    const input = { name: 'Up', permissions: ['alarm.read'], partnerId: hub.globalId };
    await refused(app.graphql(CREATE_ROLE, { input }, boss.token), 'NOT_FOUND');
  });
});

describe('the last administrator of a partner', () => {
  it('can neither leave nor be made less by a colleague who is none', async () => {
    const house = await aPartner(app);
    const chief = await someone(house, [ROLE, USER, 'alarm.read']);
    const [roleId] = await rolesOf(chief);
    const last = 'LAST_ADMINISTRATOR';
    const own = { roleId, userId: chief.globalId };
    await refused(app.graphql(REMOVE, own, chief.token), last);
    await refused(app.graphql(SET, { roleId, permissions: [ROLE] }, chief.token), last);
    await refused(app.graphql(DISABLE, { userId: chief.globalId }, chief.token), last);
    const clerk = await someone(house, [USER, ROLE, 'alarm.read']);
    await done(app.graphql(REMOVE, own, clerk.token));
    await refused(app.graphql(DISABLE, { userId: clerk.globalId }, clerk.token), last);
  });

  it('is an administrator there, not somewhere below', async () => {
    const house = await aPartner(app);
    const under = await aPartner(app, { parentId: house.id });
    const chief = await someone(house, [ROLE, USER]);
    const other = await someone(house, []);
    await give(other, await roleOf(house, [ROLE, USER]), under);
    const [roleId] = await rolesOf(chief);
    const own = { roleId, userId: chief.globalId };
    await refused(app.graphql(REMOVE, own, chief.token), 'LAST_ADMINISTRATOR');
  });

  it('may be sent away by those above, who can repair it', async () => {
    const house = await aPartner(app);
    const chief = await someone(house, [ROLE, USER]);
    const top = await someone(hub, [ROLE, USER]);
    await done(app.graphql(DISABLE, { userId: chief.globalId }, top.token));
  });
});

describe('at the same moment', () => {
  it('two administrators cannot both send each other away', async () => {
    for (let round = 0; round < 5; round += 1) {
      const house = await aPartner(app);
      const [one, two] = [await someone(house, [ROLE, USER]), await someone(house, [ROLE, USER])];
      const both = await Promise.all([
        app.graphql(DISABLE, { userId: two.globalId }, one.token),
        app.graphql(DISABLE, { userId: one.globalId }, two.token),
      ]);
      expect(both.filter((answer) => answer.codes.length === 0)).toHaveLength(1);
    }
  });

  it('what is decided by permissions that were taken meanwhile is refused', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'alarm.read']);
    const friend = await someone(reseller, []);
    const role = await roleOf(reseller, ['alarm.read']);
    const variables = { userId: friend.globalId, roleId: role.globalId };
    const demote = (permissions: string) =>
      app.app.database.write(SYSTEM_SCOPE, async (tx) => {
        await tx.query(`SELECT pg_advisory_xact_lock(hashtext('kontor grants'))`);
        const late = app.graphql(ASSIGN, variables, boss.token);
        await expect.poll(() => waiting(), { timeout: 10_000 }).toBe(1);
        await tx.query('UPDATE role SET permissions = $2 WHERE id = $1', [
          boss.roleId,
          permissions,
        ]);
        return { late };
      });
    await refused((await demote(`{${ROLE},${USER}}`)).late);
    await refused((await demote(`{${ROLE},alarm.read}`)).late, 'FORBIDDEN');
    expect(await held(friend.token)).toEqual([]);
  });

  it('what is decided by a session that ended meanwhile is refused', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'alarm.read']);
    const late = await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext('kontor grants'))`);
      const input = { name: 'Late', permissions: ['alarm.read'] };
      const answer = app.graphql(CREATE_ROLE, { input }, boss.token);
      await expect.poll(() => waiting(), { timeout: 10_000 }).toBe(1);
      await tx.query('UPDATE session SET revoked_at = now() WHERE user_id = $1', [boss.id]);
      return { answer };
    });
    await refused(late.answer, 'UNAUTHENTICATED');
  });
});

describe('a role', () => {
  it('is renamed and described, and deleted when nobody has it', async () => {
    const boss = await someone(reseller, [ROLE, USER, 'alarm.read']);
    const role = await roleOf(reseller, ['alarm.read']);
    const roleId = role.globalId;
    const named = await done(
      app.graphql(RENAME, { roleId, input: { name: 'Night', description: 'Shift' } }, boss.token),
    );
    expect(named.data.renameRole).toEqual({ name: 'Night', description: 'Shift' });
    const other = await aRole(app, { partnerId: reseller.id, permissions: [], name: 'Day' });
    const taken = { roleId: other.globalId, input: { name: 'Night' } };
    await refused(app.graphql(RENAME, taken, boss.token), 'ROLE_NAME_TAKEN');
    const same = { roleId, input: { name: 'Night' } };
    expect((await done(app.graphql(RENAME, same, boss.token))).data.renameRole.description).toBe(
      'Shift',
    );
    const user = await someone(reseller, []);
    const assigned = { userId: user.globalId, roleId };
    await done(app.graphql(ASSIGN, assigned, boss.token));
    await refused(app.graphql(DELETE, { roleId }, boss.token), 'ROLE_IN_USE');
    await done(app.graphql(REMOVE, assigned, boss.token));
    await done(app.graphql(DELETE, { roleId }, boss.token));
    const left = (await app.graphql(ROLES, null, boss.token)).data.roles.nodes;
    expect(left).not.toContainEqual({ id: roleId });
    await refused(app.graphql(DELETE, { roleId }, boss.token), 'NOT_FOUND');
  });
});

async function rolesOf(user: Person): Promise<string[]> {
  const answer = await app.graphql('{ viewer { user { roles { id } } } }', null, user.token);
  return answer.data.viewer.user.roles.map((role: { id: string }) => role.id);
}

/** How many transactions wait for their turn to change what people may do. */
async function waiting(): Promise<number> {
  const rows = await app.app.database.readAside(SYSTEM_SCOPE, (tx) =>
    tx.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
       WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`,
    ),
  );
  return rows[0]?.count ?? 0;
}
