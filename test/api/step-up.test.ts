import { readFileSync } from 'node:fs';
import { getMetadataStorage } from 'type-graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dangerousAmong } from '../../src/identity/permission.js';
import { STEP_UP } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltUser, totpAt } from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const SIGN_IN = `mutation SignIn($email: String!, $password: String!, $totp: String!) {
  signIn(email: $email, password: $password, totp: $totp) { accessToken }
}`;
const STEP = 'mutation ($totp: String!) { stepUp(totp: $totp) { steppedUpUntil } }';
const CREATE_ROLE = `mutation ($name: String!) {
  createRole(input: { name: $name, permissions: [] }) { name }
}`;
const UNTIL = '{ viewer { steppedUpUntil } }';

/** Operations that need a second proof of the user; docs/signing-in.md lists them, too. */
const GUARDED = [
  'applyRerate',
  'approveErasure',
  'assignRole',
  'createApiKey',
  'createRole',
  'createUser',
  'createWebhook',
  'deleteRole',
  'disableUser',
  'enableUser',
  'finaliseBillRun',
  'finaliseInvoice',
  'releaseHold',
  'removeRole',
  'removeTotp',
  'renameRole',
  'renewRecoveryCodes',
  'replaceTotp',
  'requestErasure',
  'rotateWebhookSecret',
  'sendPasswordToken',
  'setRetention',
  'setRolePermissions',
  'startPurge',
  'undoRerate',
  'updateWebhook',
  'withdrawErasure',
];

let app: TestApp;
let user: BuiltUser;
let token: string;
let serial = 0;

beforeAll(async () => {
  app = await testApp();
  const hub = await aPartner(app);
  user = await aUser(app, { partnerId: hub.id });
});
afterAll(() => app.stop());
beforeEach(async () => {
  app.clock.advance(16 * 60_000);
  token = await signIn();
});

function isGuarded({ roles = [] }: { readonly roles?: readonly unknown[] }): boolean {
  return roles.includes(STEP_UP);
}

function code(): string {
  return totpAt(user.totpSecret, app.clock.now());
}

async function signIn(): Promise<string> {
  const { email, password } = user;
  const answer = await app.graphql(SIGN_IN, { email, password, totp: code() });
  expect(answer.codes).toEqual([]);
  return answer.data.signIn.accessToken;
}

function step(totp: string): Promise<Answer> {
  return app.graphql(STEP, { totp }, token);
}

function createRole(as = token): Promise<Answer> {
  serial += 1;
  return app.graphql(CREATE_ROLE, { name: `Made ${serial}` }, as);
}

describe('an operation that needs a step-up', () => {
  it('is one of those that are listed here and in the guide', () => {
    const { mutations, queries, subscriptions } = getMetadataStorage();
    const guarded = [...mutations, ...queries, ...subscriptions].filter(isGuarded);
    expect(guarded.map((field) => field.schemaName).sort()).toEqual(GUARDED);
    const guide = readFileSync('docs/signing-in.md', 'utf8');
    expect(GUARDED.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
  });

  it('has a permission that no role can hold without one-time passwords', () => {
    const { mutations } = getMetadataStorage();
    for (const { schemaName, roles = [] } of mutations.filter(isGuarded)) {
      const named = roles.filter((role) => role !== STEP_UP);
      expect({ schemaName, dangerous: dangerousAmong(named) }).toEqual({
        schemaName,
        dangerous: named,
      });
    }
  });

  it('is refused to a session that has only signed in', async () => {
    expect((await createRole()).codes).toEqual(['STEP_UP_REQUIRED']);
    expect((await app.graphql(UNTIL, null, token)).data.viewer.steppedUpUntil).toBeNull();
  });

  it('names the missing permission before it asks for a step-up', async () => {
    const clerk = await aUser(app, { partnerId: user.partnerId, permissions: [] });
    const { id, partnerId } = clerk;
    const { accessToken } = await app.app.services.signIn.openSession({ id, partnerId });
    expect((await createRole(accessToken)).codes).toEqual(['FORBIDDEN']);
  });

  it('is allowed for five minutes after one more code, in that session alone', async () => {
    app.clock.advance(30_000);
    const answer = await step(code());
    expect(answer.codes).toEqual([]);
    const { steppedUpUntil } = answer.data.stepUp;
    const left = new Date(steppedUpUntil).getTime() - app.clock.now().getTime();
    expect(left).toBeGreaterThan(290_000);
    expect(left).toBeLessThanOrEqual(300_000);
    expect((await createRole()).codes).toEqual([]);
    expect((await app.graphql(UNTIL, null, token)).data.viewer).toEqual({ steppedUpUntil });
    app.clock.advance(30_000);
    const other = await signIn();
    expect((await createRole(other)).codes).toEqual(['STEP_UP_REQUIRED']);
    app.clock.advance(270_000);
    expect((await createRole()).codes).toEqual(['STEP_UP_REQUIRED']);
    expect((await app.graphql(UNTIL, null, token)).data.viewer.steppedUpUntil).toBeNull();
  });
});

describe('a step-up', () => {
  it('is refused with the code that signed in, and with a wrong one', async () => {
    expect((await step(code())).codes).toEqual(['STEP_UP_REFUSED']);
    app.clock.advance(30_000);
    const wrong = String((Number(code()) + 1) % 1_000_000).padStart(6, '0');
    expect((await step(wrong)).codes).toEqual(['STEP_UP_REFUSED']);
    expect((await step('')).codes).toEqual(['STEP_UP_REFUSED']);
    expect((await createRole()).codes).toEqual(['STEP_UP_REQUIRED']);
    expect((await step(code())).codes).toEqual([]);
  });

  it('uses up its code: of nine at the same moment one succeeds', async () => {
    app.clock.advance(30_000);
    const answers = await Promise.all(Array.from({ length: 9 }, () => step(code())));
    expect(answers.filter((answer) => answer.codes.length === 0)).toHaveLength(1);
  });

  it('is tried ten times in a quarter of an hour, whatever the session', async () => {
    const many = await Promise.all(Array.from({ length: 25 }, () => step('123456')));
    const codes = many.flatMap((answer) => answer.codes);
    expect(codes.filter((one) => one === 'STEP_UP_REFUSED')).toHaveLength(10);
    expect(codes.filter((one) => one === 'SIGN_IN_THROTTLED')).toHaveLength(15);
    app.clock.advance(30_000);
    token = await signIn();
    app.clock.advance(30_000);
    expect((await step(code())).codes).toEqual(['SIGN_IN_THROTTLED']);
  });

  it('needs a session', async () => {
    expect((await app.graphql(STEP, { totp: '123456' })).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('is beyond an API key, as is all that belongs to the person who made it', async () => {
    app.clock.advance(30_000);
    await step(code());
    const create = `mutation ($input: CreateApiKeyInput!) {
      createApiKey(input: $input) { secret }
    }`;
    const expiresAt = new Date(app.clock.now().getTime() + 86_400_000);
    const input = { name: 'Robot', scopes: ['role.manage'], expiresAt };
    const { secret } = (await app.graphql(create, { input }, token)).data.createApiKey;
    expect((await app.graphql('{ viewer { permissions } }', null, secret)).codes).toEqual([]);
    expect((await createRole(secret)).codes).toEqual(['SESSION_REQUIRED']);
    for (const query of [
      'mutation { stepUp(totp: "123456") { steppedUpUntil } }',
      'mutation { changePassword(oldPassword: "a", newPassword: "b") }',
      'mutation { forgetDevices }',
      'mutation { signOut }',
      'mutation { replaceTotp { secret } }',
      'mutation { renewRecoveryCodes }',
      '{ viewer { recoveryCodesLeft } }',
      '{ viewer { signInEvents { nodes { id } } } }',
    ]) {
      expect((await app.graphql(query, null, secret)).codes).toEqual(['SESSION_REQUIRED']);
    }
  });
});
