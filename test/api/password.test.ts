import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { enrol, mails, SIGN_IN, tokenIn } from '../fixtures/entrance.js';
import {
  aPartner,
  aRole,
  aUser,
  type BuiltPartner,
  type BuiltUser,
  totpAt,
} from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const CHANGE = `mutation ($old: String!, $new: String!) {
  changePassword(oldPassword: $old, newPassword: $new)
}`;
const REQUEST = 'mutation ($email: String!) { requestPasswordReset(email: $email) }';
const RESET = `mutation ($token: String!, $password: String!) {
  resetPassword(token: $token, newPassword: $password)
}`;
const INVITE = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { id email } }';
const VIEWER = '{ viewer { permissions } }';
const FRESH = 'nine grey otters';

let app: TestApp;
let hub: BuiltPartner;
let user: BuiltUser;
let serial = 0;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
});
afterAll(() => app.stop());
beforeEach(async () => {
  app.clock.advance(61 * 60_000);
  user = await aUser(app, { partnerId: hub.id });
});

function signIn(password: string, of = user): Promise<Answer> {
  const totp = totpAt(of.totpSecret, app.clock.now());
  return app.graphql(SIGN_IN, { email: of.email, password, totp });
}

async function isAlive(token: string): Promise<boolean> {
  return (await app.graphql(VIEWER, null, token)).codes.length === 0;
}

/** The token in the newest mail to the user. */
async function mailedToken(email = user.email): Promise<string> {
  const sent = (await mails(app)).filter(({ to }) => to === email);
  return tokenIn(sent.at(-1) ?? { to: '', subject: '', text: '' });
}

async function askedToken(): Promise<string> {
  expect((await app.graphql(REQUEST, { email: user.email })).codes).toEqual([]);
  return mailedToken();
}

function reset(token: string, password = FRESH): Promise<Answer> {
  return app.graphql(RESET, { token, password });
}

describe('changing the own password', () => {
  it('needs the old one, ends all other sessions, and tells the user', async () => {
    const own = await app.signIn(user.email);
    const other = await app.signIn(user.email);
    const change = (old: string, fresh: string) => app.graphql(CHANGE, { old, new: fresh }, own);
    expect((await change('wrong password', FRESH)).codes).toEqual(['PASSWORD_REFUSED']);
    expect((await change(user.password, 'short')).codes).toEqual(['PASSWORD_TOO_WEAK']);
    expect(await isAlive(other)).toBe(true);
    expect((await change(user.password, FRESH)).data).toEqual({ changePassword: true });
    expect([await isAlive(own), await isAlive(other)]).toEqual([true, false]);
    expect((await signIn(user.password)).codes).toEqual(['SIGN_IN_REFUSED']);
    expect((await signIn(FRESH)).codes).toEqual([]);
    const sent = (await mails(app)).filter(({ to }) => to === user.email);
    expect(sent.map(({ subject }) => subject)).toEqual(['Your password was changed']);
  });

  it('is tried ten times in a quarter of an hour', async () => {
    const own = await app.signIn(user.email);
    const many = Array.from({ length: 14 }, () =>
      app.graphql(CHANGE, { old: 'wrong password', new: FRESH }, own),
    );
    const codes = (await Promise.all(many)).flatMap((answer) => answer.codes);
    expect(codes.filter((code) => code === 'PASSWORD_REFUSED')).toHaveLength(10);
    expect(codes.filter((code) => code === 'SIGN_IN_THROTTLED')).toHaveLength(4);
  });

  it('happens once when two sessions do it at the same moment', async () => {
    const tokens = [await app.signIn(user.email), await app.signIn(user.email)];
    const answers = await Promise.all(
      tokens.map((token, at) =>
        app.graphql(CHANGE, { old: user.password, new: `${FRESH} ${at}` }, token),
      ),
    );
    expect(answers.filter((answer) => answer.codes.length === 0)).toHaveLength(1);
  });
});

describe('a new password', () => {
  it('is refused with a reason when it is short, common or predictable', async () => {
    const token = await askedToken();
    const reasonOf = async (password: string) => {
      const answer = await reset(token, password);
      expect(answer.codes).toEqual(['PASSWORD_TOO_WEAK']);
      return answer.errors[0]?.extensions.details;
    };
    expect(await reasonOf('seven77')).toEqual({ reason: 'SHORT', minimum: 8, maximum: 128 });
    expect(await reasonOf('x'.repeat(129))).toMatchObject({ reason: 'LONG' });
    for (const password of ['iloveyou1', 'Password2026!', 'football', 'QWERTYUIOP']) {
      expect(await reasonOf(password)).toMatchObject({ reason: 'COMMON' });
    }
    for (const password of ['aaaaaaaabbbb', 'ghijklmnopq', 'Kontor!Kontor!', user.email]) {
      expect(await reasonOf(password)).toMatchObject({ reason: 'PREDICTABLE' });
    }
    // None of that has used up the token.
    expect((await reset(token)).codes).toEqual([]);
  });

  it('has fifteen characters where no one-time password stands beside it', async () => {
    const role = await aRole(app, { partnerId: hub.id, permissions: [] });
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE role SET requires_totp = false WHERE id = $1', [role.id]),
    );
    const admin = await app.signIn(user.email);
    const make = (password: string, roleIds: string[]) => {
      serial += 1;
      const input = { email: `light-${serial}@x.de`, displayName: 'Light', password, roleIds };
      return app.graphql(INVITE, { input }, admin);
    };
    expect((await make('ninegreyotters', [role.globalId])).codes).toEqual(['PASSWORD_TOO_WEAK']);
    expect((await make('ninegreyotters', [])).codes).toEqual(['PASSWORD_TOO_WEAK']);
    expect((await make('ninegreyotters5', [role.globalId])).codes).toEqual([]);
    const strict = await aRole(app, { partnerId: hub.id, permissions: [] });
    const both = [role.globalId, strict.globalId];
    expect((await make('nineotters', both)).codes).toEqual([]);
    // An empty field of a form is a password that is too short, not one that is left out.
    expect((await make('', both)).codes).toEqual(['PASSWORD_TOO_WEAK']);
  });
});

describe('a token for a new password', () => {
  it('comes by mail, works once, ends all sessions, and does not stand for a code', async () => {
    const alive = await app.signIn(user.email);
    const token = await askedToken();
    expect(token).toMatch(/^kp1\.\d+\.[\w-]{43}$/);
    const racers = await Promise.all(Array.from({ length: 6 }, () => reset(token)));
    expect(racers.filter((answer) => answer.codes.length === 0)).toHaveLength(1);
    expect((await reset(token)).codes).toEqual(['RESET_REFUSED']);
    expect(await isAlive(alive)).toBe(false);
    const { email } = user;
    const without = await app.graphql(SIGN_IN, { email, password: FRESH });
    expect(without.codes).toEqual(['SIGN_IN_REFUSED']);
    expect((await signIn(FRESH)).codes).toEqual([]);
    expect((await signIn(user.password)).codes).toEqual(['SIGN_IN_REFUSED']);
  });

  it('is void after half an hour, after another was used, and after a change', async () => {
    const late = await askedToken();
    app.clock.advance(30 * 60_000);
    expect((await reset(late)).codes).toEqual(['RESET_REFUSED']);
    const [first, second] = [await askedToken(), await askedToken()];
    expect(first).not.toBe(second);
    expect((await reset(second)).codes).toEqual([]);
    expect((await reset(first)).codes).toEqual(['RESET_REFUSED']);
    app.clock.advance(61 * 60_000);
    const third = await askedToken();
    const own = await app.signIn(user.email);
    await app.graphql(CHANGE, { old: FRESH, new: `${FRESH} again` }, own);
    expect((await reset(third)).codes).toEqual(['RESET_REFUSED']);
    const forgeries = [hub.id, 2_147_483_648, 9_999_999_999].map((partnerId) => {
      return `kp1.${partnerId}.${'A'.repeat(43)}`;
    });
    for (const forged of ['', 'kp1.1.', ...forgeries, `x${third}`]) {
      expect((await reset(forged)).codes).toEqual(['RESET_REFUSED']);
    }
  });

  it('is asked for with the same answer for everybody, three times in an hour', async () => {
    const texts = new Set<string>();
    for (const email of [user.email, 'nobody@example.com', "' OR 1=1 --"]) {
      for (let round = 0; round < 3; round += 1) {
        texts.add((await app.graphql(REQUEST, { email })).text);
      }
      const { codes } = await app.graphql(REQUEST, { email });
      expect(codes).toEqual(['SIGN_IN_THROTTLED']);
    }
    expect(texts.size).toBe(1);
    const sent = await mails(app);
    expect(sent.filter(({ to }) => to === user.email)).toHaveLength(3);
    expect(sent.filter(({ to }) => to === 'nobody@example.com')).toEqual([]);
  });

  it('is asked for an address that no database holds, and nothing is left to be sent', async () => {
    const email = 'nobody\0@example.com';
    expect((await app.graphql(REQUEST, { email })).data.requestPasswordReset).toBe(true);
    expect((await signIn(FRESH, { ...user, email })).codes).toEqual(['SIGN_IN_REFUSED']);
    await app.app.mailbox.runUntilIdle();
    const open = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT 1 FROM outbox WHERE done_at IS NULL'),
    );
    expect(open).toEqual([]);
  });

  it('is readable nowhere but in the mail', async () => {
    const token = await askedToken();
    const secret = token.split('.')[2] ?? '';
    const dump = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<object[]>(
        'SELECT r::text FROM password_reset r UNION ALL SELECT o::text FROM outbox o',
      ),
    );
    const text = `${JSON.stringify(dump)} ${app.logged.join('')}`;
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString('hex'));
    await app.graphql(REQUEST, { email: 'my-Password-by-mistake' });
    const outbox = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<object[]>('SELECT payload FROM outbox'),
    );
    expect(JSON.stringify(outbox).toLowerCase()).not.toContain('by-mistake');
  });

  it('invites a user who was made without password, in the language of the partner', async () => {
    const german = await aPartner(app);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE partner SET language = 'de' WHERE id = $1`, [german.id]),
    );
    const role = await aRole(app, { partnerId: german.id, permissions: ['run.read'] });
    const email = `invited-${user.id}@example.com`;
    const roleIds = [role.globalId];
    const input = { email, displayName: 'Ilse', partnerId: german.globalId, roleIds };
    const made = await app.graphql(INVITE, { input }, await app.signIn(user.email));
    expect(made.codes).toEqual([]);
    expect((await app.graphql(SIGN_IN, { email, password: '' })).codes).toEqual([
      'SIGN_IN_REFUSED',
    ]);
    const [mail] = (await mails(app)).filter(({ to }) => to === email);
    expect(mail?.text).toContain('Guten Tag Ilse');
    app.clock.advance(2 * 86_400_000);
    expect((await reset(await mailedToken(email))).codes).toEqual([]);
    expect((await enrol(app, { email, password: FRESH })).userId).toBe(made.data.createUser.id);
  });
});

describe('an administrator', () => {
  const SEND = 'mutation ($id: ID!) { sendPasswordToken(userId: $id) { id } }';
  const REMOVE = 'mutation ($id: ID!) { removeTotp(userId: $id) { totpEnrolledAt } }';

  it('helps those who have lost their secrets, unless they may do more than he', async () => {
    const strong = await app.signIn(user.email);
    const permissions = ['user.manage', 'run.read'];
    const clerk = await aUser(app, { partnerId: hub.id, permissions });
    const token = await app.signIn(clerk.email);
    for (const query of [SEND, REMOVE]) {
      const refused = await app.graphql(query, { id: user.globalId }, token);
      expect(refused.codes).toEqual(['PERMISSION_NOT_HELD']);
    }
    expect((await app.graphql(SEND, { id: clerk.globalId }, strong)).codes).toEqual([]);
    expect((await reset(await mailedToken(clerk.email))).codes).toEqual([]);
    expect(await isAlive(token)).toBe(false);
    const removed = await app.graphql(REMOVE, { id: clerk.globalId }, strong);
    expect(removed.data.removeTotp).toEqual({ totpEnrolledAt: null });
    expect((await signIn(FRESH, clerk)).codes).toEqual(['ENROLMENT_REQUIRED']);
    await enrol(app, { email: clerk.email, password: FRESH });
    const sent = (await mails(app)).filter(({ to }) => to === clerk.email);
    expect(sent.map(({ subject }) => subject)).toEqual([
      'Choose a new password',
      'Your password was changed',
      'Your authenticator was removed',
      'An authenticator was enrolled',
    ]);
  });
});
