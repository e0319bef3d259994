import type { GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/identity/index.js';
import { buildSchema } from '../../src/schema.js';
import { fieldRows, queryRows } from '../fixtures/leak-queries.js';
import { documentsOf } from '../fixtures/leak-schema.js';
import type { Tag } from '../fixtures/leak-tenant.js';
import { aLeakWorld, type LeakWorld, WIDE_LIMITS } from '../fixtures/leak-world.js';
import { tokenOf } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

/** Where numbers of subscribers are none: what somebody has configured or has just sent himself. */
const NOT_SHOWN_BY_US = [
  // Prefixes of origins and prices, as long as their owners like.
  /^originSet/,
  /prefix(es)?$/i,
  // A sample that the caller sends along and gets back read.
  /^tryUsageFormat/,
];

let app: TestApp;
let schema: GraphQLSchema;
let world: LeakWorld;

beforeAll(async () => {
  schema = buildSchema();
  app = await testApp({ env: WIDE_LIMITS });
  world = await aLeakWorld(app, schema);
});
afterAll(() => app.stop());

/** Every planted number has these digits in the middle; a mask shows at most some of each end. */
function plantedIn(text: string, numbers: readonly string[]): string[] {
  const bare = text.replace(/[ ()/.\-_]/g, '');
  return numbers.filter((number) => bare.includes(number.slice(2)));
}

/** Every text in an answer with the names of the fields that lead to it. */
function* texts(value: unknown, path: readonly string[]): Generator<[string, string]> {
  if (typeof value === 'string' || typeof value === 'number') yield [path.join('.'), String(value)];
  else if (Array.isArray(value)) for (const item of value) yield* texts(item, path);
  else if (value !== null && typeof value === 'object') {
    for (const [name, item] of Object.entries(value)) yield* texts(item, [...path, name]);
  }
}

/** Asks for everything of some tenants; answers where a planted number was shown. */
async function shown(token: string, tags: readonly Tag[]): Promise<Set<string>> {
  const found = new Set<string>();
  const numbers = [...world.tenants.values()].flatMap((t) => [1, 2, 3, 4].map((n) => t.number(n)));
  for (const tag of tags) {
    const tenant = world.tenants.get(tag);
    if (tenant === undefined) throw new Error(`the world has no ${tag}`);
    for (const [name, row] of Object.entries(queryRows)) {
      for (const vars of row(tenant)) {
        for (const document of documentsOf(schema, 'query', name, fieldRows)) {
          const answer = await app.graphql(document, vars, token);
          for (const [path, text] of texts(answer.data, [])) {
            const known = NOT_SHOWN_BY_US.some((pattern) => pattern.test(path));
            const decoded = path.endsWith('rawBase64')
              ? Buffer.from(text, 'base64').toString('latin1')
              : text;
            if (!known && plantedIn(decoded, numbers).length > 0) found.add(path);
          }
          for (const { message, extensions } of answer.errors) {
            const said = plantedIn(`${message} ${JSON.stringify(extensions)}`, numbers);
            if (said.length > 0) found.add(`${name} (error)`);
          }
        }
      }
    }
  }
  return found;
}

describe('numbers of subscribers', () => {
  const hub = () => {
    const tenant = world.tenants.get('H');
    if (tenant === undefined) throw new Error('the world has a hub');
    return tenant.partner;
  };

  it('are shown to nobody without the permission, whatever he asks for', async () => {
    const may = permissionNames.filter((name) => name !== 'subscriber.number.read');
    const token = await tokenOf(app, hub(), may);
    expect([...(await shown(token, ['H', 'A', 'A1', 'B']))].sort()).toEqual([]);
  });

  it('are there to be shown, in many places', async () => {
    const token = await tokenOf(app, hub());
    const places = [...(await shown(token, ['A1']))].sort();
    console.log(`numbers are shown with the permission at ${places.length} places`);
    for (const part of ['aNumber', 'numberFrom', 'raw', 'rawBase64', 'key']) {
      expect(places.some((place) => place.endsWith(`.${part}`))).toBe(true);
    }
  });

  it('are in no line of the log', () => {
    const numbers = [...world.tenants.values()].flatMap((t) => [1, 2].map((n) => t.number(n)));
    expect(plantedIn(app.logged.join(''), numbers)).toEqual([]);
  });
});
