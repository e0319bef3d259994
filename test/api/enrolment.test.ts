import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  CONFIRM_ENROLMENT,
  type Enrolled,
  enrol,
  mails,
  SIGN_IN,
  START_ENROLMENT,
  STEP_UP,
} from '../fixtures/entrance.js';
import { aPartner, aRole, aUser, type BuiltPartner, totpAt } from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const CREATE_USER = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }';
const VIEWER = '{ viewer { recoveryCodesLeft user { totpEnrolledAt } } }';
const REPLACE = 'mutation { replaceTotp { enrolmentToken secret qrPng qrSvg } }';
const RENEW = 'mutation { renewRecoveryCodes }';
const PASSWORD = 'seven quiet herons';

let app: TestApp;
let hub: BuiltPartner;
let adminEmail: string;
let admin: string;
let serial = 0;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
  adminEmail = (await aUser(app, { partnerId: hub.id })).email;
  admin = await app.signIn(adminEmail);
});
afterAll(() => app.stop());
beforeEach(() => app.clock.advance(31 * 60_000));

/** Somebody whom an administrator has made, and who has never signed in. */
async function somebodyNew(requiresTotp = true): Promise<{ email: string; password: string }> {
  serial += 1;
  const permissions = ['run.read'];
  const role = await aRole(app, { partnerId: hub.id, permissions });
  await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE role SET requires_totp = $2 WHERE id = $1', [role.id, requiresTotp]),
  );
  const email = `new-${serial}@example.com`;
  const input = { email, displayName: 'New', password: PASSWORD, roleIds: [role.globalId] };
  // Sessions outlive no advance of the clock by half an hour.
  admin = await app.signIn(adminEmail);
  expect((await app.graphql(CREATE_USER, { input }, admin)).codes).toEqual([]);
  return { email, password: PASSWORD };
}

function codeOf({ totpSecret }: Pick<Enrolled, 'totpSecret'>): string {
  return totpAt(totpSecret, app.clock.now());
}

function signIn(given: object): Promise<Answer> {
  return app.graphql(SIGN_IN, given);
}

async function isAlive(token: string): Promise<boolean> {
  return (await app.graphql(VIEWER, null, token)).codes.length === 0;
}

describe('enrolling an authenticator', () => {
  it('follows the first password, which alone opens nothing', async () => {
    const login = await somebodyNew();
    expect((await signIn(login)).codes).toEqual(['ENROLMENT_REQUIRED']);
    expect((await signIn({ ...login, totp: '123456' })).codes).toEqual(['ENROLMENT_REQUIRED']);
    const wrong = { ...login, password: 'another password' };
    expect((await signIn(wrong)).codes).toEqual(['SIGN_IN_REFUSED']);
    expect((await app.graphql(START_ENROLMENT, wrong)).codes).toEqual(['SIGN_IN_REFUSED']);
    const begun = (await app.graphql(START_ENROLMENT, login)).data.enrolTotp;
    expect(begun.uri).toContain(`secret=${begun.secret}`);
    const asBearer = await app.graphql(VIEWER, null, begun.enrolmentToken);
    expect(asBearer.codes).toEqual(['UNAUTHENTICATED']);
    const totp = totpAt(begun.secret, app.clock.now());
    const confirm = { token: begun.enrolmentToken, totp };
    const answer = (await app.graphql(CONFIRM_ENROLMENT, confirm)).data.confirmTotpEnrolment;
    expect(answer.recoveryCodes).toHaveLength(10);
    const viewer = await app.graphql(VIEWER, null, answer.session.accessToken);
    expect(viewer.data.viewer.recoveryCodesLeft).toBe(10);
    expect(viewer.data.viewer.user.totpEnrolledAt).not.toBeNull();
    // The code that confirmed is used up, the token as well.
    expect((await signIn({ ...login, totp })).codes).toEqual(['SIGN_IN_REFUSED']);
    expect((await app.graphql(CONFIRM_ENROLMENT, confirm)).codes).toEqual(['ENROLMENT_REFUSED']);
    app.clock.advance(30_000);
    const next = totpAt(begun.secret, app.clock.now());
    expect((await signIn({ ...login, totp: next })).codes).toEqual([]);
    const sent = (await mails(app)).filter(({ to }) => to === login.email);
    expect(sent.map(({ subject }) => subject)).toEqual(['An authenticator was enrolled']);
  });

  it('is not confirmed by a wrong code, a foreign token, too late, or twice at once', async () => {
    const login = await somebodyNew();
    const start = async () => (await app.graphql(START_ENROLMENT, login)).data.enrolTotp;
    const confirm = (token: string, totp: string) =>
      app.graphql(CONFIRM_ENROLMENT, { token, totp });
    const first = await start();
    const second = await start();
    const code = (secret: string) => totpAt(secret, app.clock.now());
    const refused = ['ENROLMENT_REFUSED'];
    expect((await confirm(first.enrolmentToken, code(first.secret))).codes).toEqual(refused);
    expect((await confirm(second.enrolmentToken, '000000')).codes).toEqual(refused);
    expect((await confirm(admin, code(second.secret))).codes).toEqual(refused);
    expect((await confirm('', code(second.secret))).codes).toEqual(refused);
    app.clock.advance(15 * 60_000);
    expect((await confirm(second.enrolmentToken, code(second.secret))).codes).toEqual(refused);
    const third = await start();
    const racers = await Promise.all(
      Array.from({ length: 8 }, () => confirm(third.enrolmentToken, code(third.secret))),
    );
    expect(racers.filter((answer) => answer.codes.length === 0)).toHaveLength(1);
  });

  it('says of a user who has one no more than of nobody', async () => {
    const login = await somebodyNew();
    await enrol(app, login);
    const answers = [
      await app.graphql(START_ENROLMENT, login),
      await app.graphql(START_ENROLMENT, { ...login, password: 'another password' }),
      await app.graphql(START_ENROLMENT, { ...login, email: 'nobody@example.com' }),
    ];
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers[0]?.codes).toEqual(['SIGN_IN_REFUSED']);
  });

  it('is anew with a step-up, and ends every other session', async () => {
    const login = await somebodyNew();
    const before = await enrol(app, login);
    app.clock.advance(30_000);
    const second = (await signIn({ ...login, totp: codeOf(before) })).data.signIn.accessToken;
    expect((await app.graphql(REPLACE, null, second)).codes).toEqual(['STEP_UP_REQUIRED']);
    app.clock.advance(30_000);
    await app.graphql(STEP_UP, { totp: codeOf(before) }, second);
    const begun = (await app.graphql(REPLACE, null, second)).data.replaceTotp;
    expect(begun.qrPng).toMatch(/^data:image\/png;base64,iVBOR/);
    expect(atob(begun.qrSvg.split(',')[1])).toContain('<svg');
    // The old one counts until the new one is confirmed.
    app.clock.advance(30_000);
    expect((await signIn({ ...login, totp: codeOf(before) })).codes).toEqual([]);
    const totp = totpAt(begun.secret, app.clock.now());
    const answer = await app.graphql(CONFIRM_ENROLMENT, { token: begun.enrolmentToken, totp });
    const { session, recoveryCodes } = answer.data.confirmTotpEnrolment;
    expect(await isAlive(session.accessToken)).toBe(true);
    expect(await isAlive(second)).toBe(false);
    expect(await isAlive(before.accessToken)).toBe(false);
    app.clock.advance(30_000);
    expect((await signIn({ ...login, totp: codeOf(before) })).codes).toEqual(['SIGN_IN_REFUSED']);
    const [old] = before.recoveryCodes;
    expect((await signIn({ ...login, recoveryCode: old })).codes).toEqual(['SIGN_IN_REFUSED']);
    expect((await signIn({ ...login, recoveryCode: recoveryCodes[0] })).codes).toEqual([]);
  });
});

describe('an enrolment that began before its ground was taken away', () => {
  /** Asks, and changes something about a user before the transaction of the answer sees him. */
  async function overtaken(email: string, ask: () => Promise<Answer>, sql: string) {
    const owner = new pg.Client({ connectionString: app.database.urls.ownerUrl });
    await owner.connect();
    await owner.query('BEGIN');
    const { rows } = await owner.query<{ id: number }>(
      'SELECT id FROM app_user WHERE email = $1 FOR UPDATE',
      [email],
    );
    const asked = ask();
    for (let left = 200; left > 0; left -= 1) {
      const waiting = await owner.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      if (waiting.rowCount) break;
      await delay(20);
    }
    await owner.query(sql, [rows[0]?.id]);
    await owner.query('COMMIT');
    await owner.end();
    return (await asked).codes;
  }

  it('is not begun with a password that is changed at that moment', async () => {
    const login = await somebodyNew();
    const start = () => app.graphql(START_ENROLMENT, login);
    const sql = `UPDATE app_user SET password_hash = password_hash || 'x' WHERE id = $1`;
    expect(await overtaken(login.email, start, sql)).toEqual(['SIGN_IN_REFUSED']);
  });

  it('is not begun by a session that is ended at that moment', async () => {
    const login = await somebodyNew();
    const before = await enrol(app, login);
    app.clock.advance(30_000);
    await app.graphql(STEP_UP, { totp: codeOf(before) }, before.accessToken);
    const replace = () => app.graphql(REPLACE, null, before.accessToken);
    const sql = 'UPDATE session SET revoked_at = now() WHERE user_id = $1';
    expect(await overtaken(login.email, replace, sql)).toEqual(['ENROLMENT_REFUSED']);
  });
});

describe('a role that demands no one-time password', () => {
  it('lets a long password sign in alone, until a role demands more', async () => {
    const login = await somebodyNew(false);
    const answer = await signIn(login);
    expect(answer.codes).toEqual([]);
    const { accessToken, userId } = answer.data.signIn;
    expect(await isAlive(accessToken)).toBe(true);
    expect((await app.graphql(STEP_UP, { totp: '123456' }, accessToken)).codes).toEqual([
      'STEP_UP_REFUSED',
    ]);
    const demanding = await aRole(app, { partnerId: hub.id, permissions: ['run.read'] });
    const assign = `mutation ($userId: ID!, $roleId: ID!) {
      assignRole(userId: $userId, roleId: $roleId) { id }
    }`;
    const given = { userId, roleId: demanding.globalId };
    expect((await app.graphql(assign, given, admin)).codes).toEqual([]);
    expect(await isAlive(accessToken)).toBe(false);
    expect((await signIn(login)).codes).toEqual(['ENROLMENT_REQUIRED']);
  });

  it('still wants the code of whoever has enrolled', async () => {
    const login = await somebodyNew(false);
    const enrolled = await enrol(app, login);
    expect((await signIn(login)).codes).toEqual(['SIGN_IN_REFUSED']);
    app.clock.advance(30_000);
    expect((await signIn({ ...login, totp: codeOf(enrolled) })).codes).toEqual([]);
  });

  it('has no permission whose operations need a step-up', async () => {
    const create = `mutation ($input: CreateRoleInput!) {
      createRole(input: $input) { id requiresTotp }
    }`;
    admin = await app.signIn(adminEmail);
    const make = (permissions: string[], name: string) =>
      app.graphql(create, { input: { name, permissions, requiresTotp: false } }, admin);
    const refused = await make(['run.read', 'invoice.finalise'], 'Loose');
    expect(refused.codes).toEqual(['TOTP_REQUIRED']);
    expect(refused.errors[0]?.extensions.details).toEqual({ permissions: ['invoice.finalise'] });
    const { id, requiresTotp } = (await make(['run.read'], 'Light')).data.createRole;
    expect(requiresTotp).toBe(false);
    const set = `mutation ($id: ID!, $permissions: [String!]!, $requiresTotp: Boolean) {
      setRolePermissions(roleId: $id, permissions: $permissions, requiresTotp: $requiresTotp) {
        requiresTotp
      }
    }`;
    const change = { id, permissions: ['role.manage'] };
    expect((await app.graphql(set, change, admin)).codes).toEqual(['TOTP_REQUIRED']);
    const both = await app.graphql(set, { ...change, requiresTotp: true }, admin);
    expect(both.data.setRolePermissions).toEqual({ requiresTotp: true });
  });
});

describe('a recovery code', () => {
  it('opens one session, however many use it at once and however it is written', async () => {
    const login = await somebodyNew();
    const { recoveryCodes } = await enrol(app, login);
    const [code = ''] = recoveryCodes;
    const racers = await Promise.all(
      Array.from({ length: 9 }, () => signIn({ ...login, recoveryCode: code })),
    );
    const opened = racers.filter((answer) => answer.codes.length === 0);
    expect(opened).toHaveLength(1);
    const token = opened[0]?.data.signIn.accessToken;
    expect((await app.graphql(VIEWER, null, token)).data.viewer.recoveryCodesLeft).toBe(9);
    app.clock.advance(16 * 60_000);
    const sloppy = ` ${recoveryCodes[1]?.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o')}`;
    expect((await signIn({ ...login, recoveryCode: sloppy })).codes).toEqual([]);
    const wrong = recoveryCodes[2]?.replace(/.$/, (last) => (last === '7' ? '8' : '7'));
    expect((await signIn({ ...login, recoveryCode: wrong })).codes).toEqual(['SIGN_IN_REFUSED']);
    const both = { ...login, recoveryCode: recoveryCodes[2], totp: '123456' };
    expect((await signIn(both)).codes).toEqual(['SIGN_IN_REFUSED']);
    const sent = (await mails(app)).filter(({ to }) => to === login.email);
    const used = sent.filter(({ subject }) => subject === 'A recovery code was used');
    expect(used).toHaveLength(2);
  });

  it('steps up, and new ones make the old ones void', async () => {
    const login = await somebodyNew();
    const { recoveryCodes, accessToken } = await enrol(app, login);
    expect((await app.graphql(RENEW, null, accessToken)).codes).toEqual(['STEP_UP_REQUIRED']);
    const stepped = await app.graphql(STEP_UP, { recoveryCode: recoveryCodes[0] }, accessToken);
    expect(stepped.codes).toEqual([]);
    const renewed = (await app.graphql(RENEW, null, accessToken)).data.renewRecoveryCodes;
    expect(new Set([...renewed, ...recoveryCodes]).size).toBe(20);
    const old = await app.graphql(STEP_UP, { recoveryCode: recoveryCodes[1] }, accessToken);
    expect(old.codes).toEqual(['STEP_UP_REFUSED']);
    expect((await signIn({ ...login, recoveryCode: renewed[9] })).codes).toEqual([]);
  });

  it('has 120 bits, and neither database nor log nor outbox holds one', async () => {
    const login = await somebodyNew();
    const { recoveryCodes, totpSecret } = await enrol(app, login);
    for (const code of recoveryCodes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-?){6}$/);
    const tables = ['recovery_code', 'app_user', 'totp_enrolment', 'outbox', 'audit_entry'];
    const dump = await Promise.all(
      tables.map((table) =>
        app.app.database.read(SYSTEM_SCOPE, (tx) =>
          tx.query<{ row: string }[]>(`SELECT t::text AS row FROM ${table} AS t`),
        ),
      ),
    );
    const text = `${JSON.stringify(dump)} ${app.logged.join('')}`;
    for (const code of recoveryCodes) {
      expect(text).not.toContain(code);
      expect(text).not.toContain(code.replaceAll('-', ''));
      expect(text).not.toContain(Buffer.from(code).toString('hex'));
    }
    expect(text).not.toContain(totpSecret);
  });
});
