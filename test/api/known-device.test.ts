import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { mails, SIGN_IN, tokenIn } from '../fixtures/entrance.js';
import {
  aPartner,
  aUser,
  type BuiltPartner,
  type BuiltUser,
  totpAt,
} from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const FORGET = 'mutation { forgetDevices }';
const OWN = `query ($first: Int!, $after: String) {
  viewer { signInEvents(first: $first, after: $after) {
    nodes { id kind outcome proof address userAgent deviceId knownDevice at userId }
    pageInfo { hasNextPage endCursor }
  } }
}`;
const EVENTS = `query ($filter: SignInEventFilter) {
  signInEvents(filter: $filter, first: 500) { nodes { kind outcome userId } }
}`;
const WRONG = 'a wrong password';

let app: TestApp;
let hub: BuiltPartner;
let user: BuiltUser;

beforeAll(async () => {
  app = await testApp();
  hub = await aPartner(app);
});
afterAll(() => app.stop());
beforeEach(async () => {
  app.clock.advance(16 * 60_000);
  user = await aUser(app, { partnerId: hub.id });
});

interface Given {
  password?: string;
  deviceToken?: string;
  email?: string;
}

function signIn(given: Given = {}): Promise<Answer> {
  const { email, password, totpSecret } = user;
  const totp = totpAt(totpSecret, app.clock.now());
  return app.graphql(SIGN_IN, { email, password, totp, ...given });
}

/** A device on which the user has signed in half a minute ago. */
async function knownDevice(): Promise<string> {
  const { deviceToken } = (await signIn()).data.signIn;
  app.clock.advance(30_000);
  return deviceToken;
}

async function codesOf(times: number, given: Given): Promise<string[]> {
  const many = await Promise.all(Array.from({ length: times }, () => signIn(given)));
  return many.flatMap((answer) => (answer.codes.length > 0 ? answer.codes : ['OPENED']));
}

function count(codes: readonly string[], code: string): number {
  return codes.filter((one) => one === code).length;
}

describe('a sign-in that succeeds', () => {
  it('is no attempt, so that who works a lot is not kept out', async () => {
    for (let turn = 0; turn < 13; turn += 1) {
      app.clock.advance(30_000);
      expect((await signIn()).codes).toEqual([]);
    }
    const codes = await codesOf(12, { password: WRONG });
    expect(count(codes, 'SIGN_IN_REFUSED')).toBe(10);
  });
});

describe('a known device', () => {
  it('lets its user in while others guess', async () => {
    const deviceToken = await knownDevice();
    const codes = await codesOf(25, { password: WRONG });
    expect(count(codes, 'SIGN_IN_REFUSED')).toBe(10);
    expect(count(codes, 'SIGN_IN_THROTTLED')).toBe(15);
    expect((await signIn()).codes).toEqual(['SIGN_IN_THROTTLED']);
    const answer = await signIn({ deviceToken });
    expect(answer.codes).toEqual([]);
    // The next token stands for the same device.
    const next = answer.data.signIn.deviceToken;
    expect(next.split('.')[2]).toBe(deviceToken.split('.')[2]);
    expect(next).not.toBe(deviceToken);
    // A success from there has not given the others more attempts.
    app.clock.advance(30_000);
    expect((await signIn({ password: WRONG })).codes).toEqual(['SIGN_IN_THROTTLED']);
  });

  it('has an allowance of its own, and is nobody else’s', async () => {
    const deviceToken = await knownDevice();
    const own = await codesOf(14, { password: WRONG, deviceToken });
    expect(count(own, 'SIGN_IN_REFUSED')).toBe(10);
    expect((await signIn({ deviceToken })).codes).toEqual(['SIGN_IN_THROTTLED']);
    expect((await signIn()).codes).toEqual([]);
    const other = await aUser(app, { partnerId: hub.id });
    const parts = deviceToken.split('.');
    const forged = [...parts.slice(0, 4), parts[4]?.replace(/^./, (a) => (a === 'A' ? 'B' : 'A'))];
    for (const token of [deviceToken, forged.join('.'), 'kd1.1.2.3.4', '']) {
      const given = { email: other.email, password: WRONG, deviceToken: token };
      const codes = await codesOf(2, given);
      expect(new Set(codes)).toEqual(new Set(['SIGN_IN_REFUSED']));
    }
    // Those eight were counted together.
    const codes = await codesOf(3, { email: other.email, password: WRONG });
    expect(count(codes, 'SIGN_IN_THROTTLED')).toBe(1);
  });

  it('is known for 180 days, and until its user forgets his devices', async () => {
    const deviceToken = await knownDevice();
    await codesOf(10, { password: WRONG });
    expect((await signIn({ deviceToken })).codes).toEqual([]);
    app.clock.advance(179 * 86_400_000);
    await codesOf(10, { password: WRONG });
    const renewed = await signIn({ deviceToken });
    expect(renewed.codes).toEqual([]);
    app.clock.advance(2 * 86_400_000);
    await codesOf(10, { password: WRONG });
    expect((await signIn({ deviceToken })).codes).toEqual(['SIGN_IN_THROTTLED']);
    const again = await signIn({ deviceToken: renewed.data.signIn.deviceToken });
    expect(again.codes).toEqual([]);
    app.clock.advance(1_000);
    const { accessToken, deviceToken: last } = again.data.signIn;
    expect((await app.graphql(FORGET, null, accessToken)).data).toEqual({ forgetDevices: true });
    app.clock.advance(30_000);
    expect((await signIn({ deviceToken: last })).codes).toEqual(['SIGN_IN_THROTTLED']);
  });
});

describe('a hundred failures in a row', () => {
  /** As if 90 attempts had failed before the 20 that are made. */
  async function failOften(email = user.email): Promise<string[]> {
    await signIn({ email, password: WRONG });
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE sign_in_streak SET failures = failures + 89 WHERE failures = 1'),
    );
    const codes: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      app.clock.advance(16 * 60_000);
      codes.push(...(await codesOf(10, { email, password: WRONG })));
    }
    return codes;
  }

  it('lock the account for unknown devices, until a known one signs in', async () => {
    const deviceToken = await knownDevice();
    const codes = await failOften();
    expect(count(codes, 'SIGN_IN_REFUSED')).toBe(10);
    expect(count(codes, 'SIGN_IN_LOCKED')).toBe(10);
    app.clock.advance(86_400_000);
    expect((await signIn()).codes).toEqual(['SIGN_IN_LOCKED']);
    expect((await signIn({ deviceToken })).codes).toEqual([]);
    app.clock.advance(30_000);
    expect((await signIn()).codes).toEqual([]);
  });

  it('are told alike of an address that nobody has', async () => {
    const codes = await failOften('nobody@example.com');
    expect(count(codes, 'SIGN_IN_REFUSED')).toBe(10);
    expect(count(codes, 'SIGN_IN_LOCKED')).toBe(10);
  });

  it('are forgotten when a new password was chosen by mail', async () => {
    expect(count(await failOften(), 'SIGN_IN_LOCKED')).toBe(10);
    app.clock.advance(16 * 60_000);
    await app.graphql('mutation ($e: String!) { requestPasswordReset(email: $e) }', {
      e: user.email,
    });
    const sent = (await mails(app)).filter(({ to }) => to === user.email);
    const token = tokenIn(sent.at(-1) ?? { to: '', subject: '', text: '' });
    const password = 'nine grey otters';
    await app.graphql(
      'mutation ($t: String!, $p: String!) { resetPassword(token: $t, newPassword: $p) }',
      { t: token, p: password },
    );
    expect((await signIn({ password })).codes).toEqual([]);
  });
});

describe('sign-in events', () => {
  it('tell the user who tried what, when, from where and how it ended', async () => {
    const deviceToken = await knownDevice();
    await signIn({ password: WRONG });
    const { accessToken } = (await signIn({ deviceToken })).data.signIn;
    const answer = await app.graphql(OWN, { first: 10 }, accessToken);
    const { nodes } = answer.data.viewer.signInEvents;
    const device = deviceToken.split('.')[2];
    const each = { kind: 'SIGN_IN', userId: user.globalId, address: '127.0.0.1' };
    expect(nodes).toMatchObject([
      { ...each, outcome: 'SUCCEEDED', proof: 'TOTP', deviceId: device, knownDevice: true },
      { ...each, outcome: 'REFUSED', proof: null, deviceId: null, knownDevice: false },
      { ...each, outcome: 'SUCCEEDED', proof: 'TOTP', deviceId: device, knownDevice: false },
    ]);
    expect(nodes[0].userAgent).toBe('node');
    const page = await app.graphql(OWN, { first: 2 }, accessToken);
    const { endCursor: after, hasNextPage } = page.data.viewer.signInEvents.pageInfo;
    expect(hasNextPage).toBe(true);
    const rest = await app.graphql(OWN, { first: 2, after }, accessToken);
    expect(rest.data.viewer.signInEvents.nodes).toEqual([nodes[2]]);
    const bad = await app.graphql(OWN, { first: 2, after: 'abc' }, accessToken);
    expect(bad.codes).toEqual(['INVALID_CURSOR']);
  });

  it('are one for a flood', async () => {
    await codesOf(40, { password: WRONG });
    const own = await app.graphql(OWN, { first: 100 }, await app.signIn(user.email));
    const outcomes = own.data.viewer.signInEvents.nodes.map((one: { outcome: string }) => {
      return one.outcome;
    });
    expect(count(outcomes, 'REFUSED')).toBe(10);
    expect(count(outcomes, 'THROTTLED')).toBe(1);
  });

  it('of the partners in view are for those with the permission', async () => {
    const [reseller, sibling] = [await aPartner(app), await aPartner(app)];
    const theirs = await aUser(app, { partnerId: reseller.id, permissions: ['sign-in.read'] });
    const foreign = await aUser(app, { partnerId: sibling.id });
    for (const email of [theirs.email, foreign.email, user.email, 'no-one@example.com']) {
      await signIn({ email, password: WRONG });
    }
    const seen = async (email: string, filter: object | null = null) => {
      const answer = await app.graphql(EVENTS, { filter }, await app.signIn(email));
      if (answer.codes.length > 0) return answer.codes;
      return answer.data.signInEvents.nodes.map((one: { userId: string | null }) => one.userId);
    };
    expect(await seen(theirs.email)).toEqual([theirs.globalId]);
    expect(await seen(foreign.email)).toEqual([foreign.globalId]);
    const [newest, ...others] = await seen(user.email, { outcome: 'REFUSED', kind: 'SIGN_IN' });
    expect(newest).toBeNull();
    expect(others.slice(0, 3)).toEqual([user.globalId, foreign.globalId, theirs.globalId]);
    expect(await seen(user.email, { userId: theirs.globalId })).toEqual([theirs.globalId]);
    const soon = new Date(app.clock.now().getTime() + 1_000).toISOString();
    expect(await seen(user.email, { from: soon })).toEqual([]);
    const clerk = await aUser(app, { partnerId: hub.id, permissions: ['run.read'] });
    expect(await seen(clerk.email)).toEqual(['FORBIDDEN']);
  });

  it('cannot be changed or removed by the application', async () => {
    await signIn({ password: WRONG });
    for (const sql of ['UPDATE sign_in_event SET address = $1', 'DELETE FROM sign_in_event']) {
      const attempt = app.app.database.write(SYSTEM_SCOPE, (tx) =>
        tx.query(sql, sql.includes('$1') ? ['x'] : []),
      );
      await expect(attempt).rejects.toThrow(/permission denied/);
    }
  });
});
