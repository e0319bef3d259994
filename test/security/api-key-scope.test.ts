import type { GraphQLField } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/identity/index.js';
import { fieldsByPermission } from '../../src/platform/index.js';
import { buildSchema } from '../../src/schema.js';
import { anyDocument } from '../fixtures/any-document.js';
import { databasePrint } from '../fixtures/database-print.js';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const schema = buildSchema();
const opens = fieldsByPermission(schema, 'demands');

let app: TestApp;
let maker: string;

beforeAll(async () => {
  app = await testApp({ start: false });
  const hub = await aPartner(app);
  maker = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(() => app.stop());

async function keyWith(scope: string): Promise<string> {
  const input = {
    name: scope,
    scopes: [scope],
    expiresAt: new Date(app.clock.now().getTime() + 86_400_000),
  };
  const made = await app.graphql(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
    { input },
    maker,
  );
  return made.data.createApiKey.secret;
}

/** The root fields of a type that demand something which this scope does not bring. */
function outside(type: 'Query' | 'Mutation', scope: string): GraphQLField<unknown, unknown>[] {
  const fields = Object.values(
    (schema.getType(type) as ReturnType<typeof schema.getQueryType>)?.getFields() ?? {},
  );
  return fields.filter(({ name }) =>
    permissionNames.some(
      (permission) => permission !== scope && opens.get(permission)?.includes(`${type}.${name}`),
    ),
  );
}

describe('an API key', () => {
  it.each(permissionNames)(
    'with the scope %s is refused all else before it does anything',
    async (scope) => {
      const key = await keyWith(scope);
      const { data } = await app.graphql('{ viewer { permissions } }', null, key);
      const held = new Set<string>(data.viewer.permissions);
      const before = await databasePrint(app.database);
      let tried = 0;
      for (const [kind, type] of [
        ['query', 'Query'],
        ['mutation', 'Mutation'],
      ] as const) {
        for (const field of outside(type, scope)) {
          const demanded = permissionNames.filter((one) =>
            opens.get(one)?.includes(`${type}.${field.name}`),
          );
          if (demanded.every((one) => held.has(one))) continue;
          const { query, variables } = anyDocument(kind, field);
          const { codes } = await app.graphql(query, variables, key);
          expect([field.name, codes]).toEqual([field.name, ['FORBIDDEN']]);
          tried += 1;
        }
      }
      expect(tried).toBeGreaterThan(100);
      expect(await databasePrint(app.database)).toEqual(before);
      console.log(`API key: ${scope}: ${tried} root fields refused`);
    },
  );
});
