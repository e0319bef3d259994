import { type GraphQLSchema, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/identity/index.js';
import { buildSchema } from '../../src/schema.js';
import {
  aCampaign,
  type Campaign,
  foreignIds,
  imprint,
  ownMutations,
  ownQueries,
  routes,
  sameFile,
  sockets,
} from '../fixtures/leak-campaign.js';
import type { Row } from '../fixtures/leak-inputs.js';
import { mutationRows } from '../fixtures/leak-mutations.js';
import { noFindings, Prober, unusedPositions } from '../fixtures/leak-probe.js';
import { fieldRows, queryRows, routeRows, subscriptionRows } from '../fixtures/leak-queries.js';
import { fieldsWithArguments, tellingFields } from '../fixtures/leak-schema.js';
import { UNSEEN_FIELDS } from '../fixtures/leak-unseen.js';
import { WIDE_LIMITS } from '../fixtures/leak-world.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let schema: GraphQLSchema;
let campaign: Campaign;

beforeAll(async () => {
  schema = buildSchema();
  app = await testApp({ env: WIDE_LIMITS });
  campaign = await aCampaign(app, schema);
}, 900_000);
afterAll(() => app.stop());

const reading = permissionNames.filter((name) => name.endsWith('.read'));

/** The audit as a whole is the hub's affair; the head in the row is none. */
const OF_THE_HUB = [
  'administrator of A1: auditHeads NOT_HUB',
  'administrator of A1: verifyAudit NOT_HUB',
  'administrator of H: verifyAudit AUDIT_HEAD_INVALID',
];

/** What every search must end with. */
function nothingFound(): void {
  const { leaks, tells, faults } = campaign.prober.findings;
  expect({ leaks, tells, faults }).toEqual({ leaks: [], tells: [], faults: [] });
}

describe('the matrix', () => {
  it('has a row for each operation of the schema and for nothing else', () => {
    const operations = (type: string) => {
      const root = schema.getType(type);
      return isObjectType(root) ? Object.keys(root.getFields()).sort() : [];
    };
    expect(Object.keys(queryRows).sort()).toEqual(operations('Query'));
    expect(Object.keys(mutationRows).sort()).toEqual(operations('Mutation'));
    expect(Object.keys(subscriptionRows).sort()).toEqual(operations('Subscription'));
  });

  it('gives every argument of every operation a value', () => {
    const tenant = campaign.administrator('A').tenant;
    const unused = (kind: string, rows: Readonly<Record<string, Row>>) =>
      Object.entries(rows).flatMap(([name, row]) =>
        unusedPositions(schema, kind, name, row(tenant)),
      );
    const found = [
      ...unused('query', queryRows),
      ...unused('mutation', mutationRows),
      ...unused('subscription', subscriptionRows),
    ].filter((place) => !place.includes('idempotencyKey') && !place.endsWith('(after)'));
    expect(found.sort()).toEqual([]);
  });

  it('has a row for each field below the root that takes arguments', () => {
    expect(Object.keys(fieldRows).sort()).toEqual(fieldsWithArguments(schema));
  });

  it('has a row for each route', () => {
    const lines = app.app.http.fastify.printRoutes({ commonPrefix: false }).split('\n');
    const found = lines.flatMap((line) => {
      const [, path = '', methods = ''] = /── (\S*) \(([A-Z, ]+)\)/.exec(line) ?? [];
      return methods === '' ? [] : methods.split(', ').map((method) => `${method} ${path}`);
    });
    expect(found.sort()).toEqual(Object.keys(routeRows).sort());
  });
});

describe('a tenant', () => {
  it('sees what is his and nothing of others', { timeout: 900_000 }, async () => {
    for (const tag of ['H', 'A1'] as const) {
      await ownQueries(campaign, campaign.administrator(tag));
    }
    nothingFound();
    expect([...campaign.prober.findings.refused].sort()).toEqual(OF_THE_HUB);
  });

  it('cannot tell a row of others from one that does not exist', { timeout: 900_000 }, async () => {
    await foreignIds(campaign, campaign.administrator('A1'), 1);
    nothingFound();
  });

  it('gets documents, figures and events of his own alone', async () => {
    for (const tag of ['A1', 'B', 'A2'] as const) {
      await routes(campaign, campaign.administrator(tag));
      expect(await sockets(campaign, campaign.administrator(tag))).toBeGreaterThan(0);
    }
    nothingFound();
    const bytes = `the same bytes ${campaign.world.tenants.get('A')?.text('file')}\n`;
    const fresh = { status: 201, alreadyStored: false };
    expect(await sameFile(campaign, campaign.administrator('A'), bytes)).toEqual(fresh);
    expect(await sameFile(campaign, campaign.administrator('B'), bytes)).toEqual(fresh);
  });
});

describe('the world', () => {
  it('has a value for every field that could be somebody’s', () => {
    const { seen } = campaign.prober.findings;
    expect(tellingFields(schema).filter((field) => !seen.has(field))).toEqual(UNSEEN_FIELDS);
  });
});

describe('who may only read', () => {
  it('changes nothing by any mutation', async () => {
    const auditor = await campaign.user('A', reading);
    const before = await imprint(campaign);
    expect(await ownMutations(campaign, auditor)).toEqual([]);
    expect(await imprint(campaign)).toEqual(before);
    nothingFound();
  });

  it('changes nothing with an API key for it, and reads no more than it is for', async () => {
    const key = await campaign.apiKey('A1', 'partner.read');
    const before = await imprint(campaign);
    expect(await ownMutations(campaign, key)).toEqual([]);
    expect(await imprint(campaign)).toEqual(before);
    await ownQueries(campaign, key);
    nothingFound();
    await key.end();
  });
});

describe('the log', () => {
  it('has no text of any tenant in it', () => {
    const prober = new Prober(app, schema, new Map(), fieldRows);
    const nobody = { name: 'the log', tenant: campaign.administrator('B2').tenant, token: '' };
    for (const line of app.logged) prober.search(nobody, line, line);
    expect(prober.findings.leaks).toEqual([]);
    expect(app.logged.join('').match(/zqx[a-z]\d?y/i)).toBeNull();
    expect(app.logged.length).toBeGreaterThan(500);
  });
});

describe('the search', () => {
  it('finds what it looks for in whatever form', () => {
    const prober = new Prober(app, schema, new Map(), fieldRows);
    const actor = campaign.administrator('A1');
    const texts = ['zqxBy list', 'ZQXB1Y', 'email zqxby@example.com', '+49307700001', '0.02510043'];
    texts.push('{"amount":"2510043"}', 'zqxAy role', '49307100001', '0.0131001700');
    for (const text of texts) prober.search(actor, text, text);
    expect(prober.findings.leaks).toHaveLength(texts.length);
    for (const text of ['zqxA1y', 'zqxA2y', '0.03310031', '49307400001']) {
      prober.search(actor, text, text);
    }
    expect(prober.findings.leaks).toHaveLength(texts.length);
    expect(noFindings().leaks).toEqual([]);
  });
});
