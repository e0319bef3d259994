import type { GraphQLField } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rolePresets } from '../../src/identity/index.js';
import { fieldsByPermission, STEP_UP } from '../../src/platform/index.js';
import { buildSchema } from '../../src/schema.js';
import { anyDocument } from '../fixtures/any-document.js';
import { databasePrint } from '../fixtures/database-print.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

/** What everybody does for himself, or before he is somebody. */
const FOR_ONESELF = [
  'changePassword',
  'confirmTotpEnrolment',
  'enrolTotp',
  'forgetDevices',
  'refreshSession',
  'renewRecoveryCodes',
  'replaceTotp',
  'requestPasswordReset',
  'resetPassword',
  'revokeApiKey',
  'revokeSession',
  'revokeSessions',
  'signIn',
  'signOut',
  'stepUp',
];

const schema = buildSchema();
const fieldsOf = (type: { getFields(): object } | null | undefined) =>
  Object.values(type?.getFields() ?? {}) as GraphQLField<unknown, unknown>[];
const mutations = fieldsOf(schema.getMutationType());
const guarded = mutations.filter(({ name }) => !FOR_ONESELF.includes(name));

let app: TestApp;
let hub: BuiltPartner;
let auditor: string;
let admin: string;
let key: string;

beforeAll(async () => {
  // Nothing runs in the background that could change a row.
  app = await testApp({ start: false });
  hub = await aPartner(app);
  const preset = rolePresets.find(({ name }) => name === 'Auditor');
  const user = await aUser(app, {
    partnerId: hub.id,
    permissions: [...(preset?.permissions ?? []), 'api-key.manage'],
  });
  const made = await app.graphql(
    `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }`,
    {
      input: {
        name: 'Auditor',
        scopes: preset?.permissions,
        expiresAt: new Date(app.clock.now().getTime() + 86_400_000),
      },
    },
    await app.signIn(user.email),
  );
  key = made.data.createApiKey.secret;
  const permissions = [...(preset?.permissions ?? [])];
  auditor = await app.signIn((await aUser(app, { partnerId: hub.id, permissions })).email);
  admin = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
}, 60_000);
afterAll(() => app.stop());

async function codesOf(token: string, fields: readonly GraphQLField<unknown, unknown>[]) {
  const codes: Record<string, string> = {};
  for (const field of fields) {
    const { query, variables } = anyDocument('mutation', field);
    codes[field.name] = (await app.graphql(query, variables, token)).codes.join();
  }
  return codes;
}

describe('an auditor', () => {
  it('is refused every mutation there is before it does anything', async () => {
    expect(guarded.length).toBeGreaterThan(60);
    const before = await databasePrint(app.database);
    for (const token of [auditor, key]) {
      const codes = await codesOf(token, guarded);
      expect(Object.entries(codes).filter(([, code]) => code !== 'FORBIDDEN')).toEqual([]);
    }
    expect(await databasePrint(app.database)).toEqual(before);
    // The same documents get further than that when an administrator sends them.
    const reached = await codesOf(admin, guarded);
    expect(Object.entries(reached).filter(([, code]) => code === 'FORBIDDEN')).toEqual([]);
    expect(await databasePrint(app.database)).not.toEqual(before);
  }, 60_000);

  it('sees whatever there is to see', async () => {
    const refused: string[] = [];
    for (const field of fieldsOf(schema.getQueryType())) {
      const { query, variables } = anyDocument('query', field);
      const { codes } = await app.graphql(query, variables, auditor);
      if (codes.includes('FORBIDDEN')) refused.push(field.name);
    }
    // It looks at lines that are sent with it, not at anything that is kept.
    expect(refused).toEqual(['tryUsageFormat']);
  }, 60_000);
});

describe('a mutation', () => {
  it('demands a permission unless it is one that everybody does for himself', () => {
    const demanded = new Set(
      [...fieldsByPermission(schema, 'demands').entries()].flatMap(([permission, fields]) =>
        permission === STEP_UP ? [] : fields,
      ),
    );
    const open = mutations.filter(({ name }) => !demanded.has(`Mutation.${name}`));
    expect(open.map(({ name }) => name).sort()).toEqual(FOR_ONESELF);
  });

  it('beside one that is refused is not done either', async () => {
    const clerk = await aUser(app, { partnerId: hub.id, permissions: ['catalog.manage'] });
    const token = await app.signIn(clerk.email);
    const both = `mutation ($run: ID!) {
      createHolidayCalendar(input: { name: "Side effect" }) { id }
      cancelRun(id: $run) { id }
    }`;
    const before = await databasePrint(app.database);
    const answer = await app.graphql(both, { run: 'UnVuOjE' }, token);
    expect(answer.codes).toEqual(['FORBIDDEN']);
    expect(answer.errors[0]?.extensions.details).toEqual({
      permission: 'run.manage',
      field: 'Mutation.cancelRun',
    });
    expect(answer.data).toBeNull();
    expect(await databasePrint(app.database)).toEqual(before);
  });
});
