import { buildClientSchema, getIntrospectionQuery } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { ask, type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
let hub: BuiltPartner;
let token: string;

beforeAll(async () => {
  app = await testApp({
    start: false,
    env: {
      KONTOR_INTROSPECTION: 'off',
      KONTOR_STATEMENT_TIMEOUT_MS: '700',
      KONTOR_ALLOWED_ORIGINS: 'https://portal.example.com',
    },
  });
  hub = await aPartner(app);
  token = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
});
afterAll(() => app.stop());

const nested = (levels: number): string =>
  `{ users { nodes { ${'... { '.repeat(levels)} id ${'} '.repeat(levels)} } } }`;

/** Levels of fragments, each of which asks for the next one twice. */
function fragmentBomb(levels: number): string {
  const fragments = Array.from(
    { length: levels },
    (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`,
  );
  return `{ ...f0 } ${fragments.join(' ')} fragment f${levels} on Query { __typename }`;
}

describe('a document', () => {
  it('may not nest too deep, counting fields alone', async () => {
    const deep = '{ viewer { user { roles { id } } } }';
    expect((await app.graphql(deep, null, token)).codes).toEqual([]);
    expect((await app.graphql(nested(30), null, token)).codes).toEqual([]);
    const small = await smallApp({ KONTOR_MAX_DEPTH: '3' });
    const answer = await small.graphql(deep);
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['QUERY_TOO_DEEP']);
    await small.stop();
  });

  it('may not use too many aliases', async () => {
    const aliases = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `a${i}: errorCodes { code }`).join(' ')} }`;
    expect((await app.graphql(aliases(15))).codes).toEqual([]);
    const answer = await app.graphql(aliases(16));
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['TOO_MANY_ALIASES']);
  });

  it('may not be longer than its tokens allow', async () => {
    const query = (variables: number) =>
      `query (${Array.from({ length: variables }, (_, i) => `$v${i}: ID`).join(' ')}) { a }`;
    expect((await app.graphql(query(190))).codes).toContain('GRAPHQL_VALIDATION_FAILED');
    const answer = await app.graphql(query(250));
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['GRAPHQL_PARSE_FAILED']);
  });

  it('may not select too many fields side by side, also by way of fragments', async () => {
    const fields = (count: number) => `{ errorCodes { ${'code '.repeat(count)} } }`;
    expect((await app.graphql(fields(200))).codes).toEqual([]);
    const wide = await app.graphql(fields(201));
    expect(wide.status).toBe(400);
    expect(wide.codes).toEqual(['QUERY_TOO_BROAD']);
    const spread = `fragment f on ErrorCodeInfo { ${'code '.repeat(50)} }`;
    const by = await app.graphql(`{ errorCodes { ${'...f '.repeat(5)} } } ${spread}`);
    expect(by.codes).toEqual(['QUERY_TOO_BROAD']);
  });

  it('may not carry too many directives', async () => {
    const directives = (count: number) => `{ __typename ${'@skip(if: false) '.repeat(count)} }`;
    expect((await app.graphql(directives(50))).codes).toContain('GRAPHQL_VALIDATION_FAILED');
    const answer = await app.graphql(directives(51));
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['TOO_MANY_DIRECTIVES']);
  });

  it('may not multiply itself by fragments, and is refused in no time', async () => {
    const begin = performance.now();
    const answer = await app.graphql(fragmentBomb(22));
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['QUERY_TOO_COMPLEX']);
    expect(performance.now() - begin).toBeLessThan(1_000);
  });

  it('may not cost too much, and page sizes count, written or given', async () => {
    const query = `query ($first: Int) {
      users(first: $first) { nodes { id email displayName status roles { id name permissions } } }
    }`;
    expect((await app.graphql(query, { first: 200 }, token)).codes).toEqual([]);
    const small = await smallApp({ KONTOR_MAX_COMPLEXITY: '2000' });
    const answer = await small.graphql(query.replace(' { id name permissions }', ' { id }'), {
      first: 500,
    });
    await small.stop();
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('may not look through all usage again and again, however short its pages', async () => {
    const span = '{ from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }';
    const times = (count: number) => {
      const list = (n: number) => `a${n}: xdrs(first: 1, filter: ${span}) { nodes { id } }`;
      return `{ ${Array.from({ length: count }, (_, n) => list(n)).join(' ')} }`;
    };
    expect((await app.graphql(times(13), null, token)).codes).toEqual([]);
    expect((await app.graphql(times(14), null, token)).codes).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('that names another operation than it has is refused as a whole', async () => {
    const answer = await ask(app.url, { query: '{ errorCodes { code } }', operationName: 'X' });
    expect(answer.codes).toEqual(['OPERATION_RESOLUTION_FAILURE']);
  });

  it('that subscribes is sent to the socket', async () => {
    const answer = await app.graphql('subscription { alarmRaised { id } }', null, token);
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['SOCKET_REQUIRED']);
  });

  it('with wrong variables is refused before anything runs', async () => {
    const query = 'mutation ($id: ID!) { signOut disableUser(userId: $id) { id } }';
    const answer = await app.graphql(query, { id: { not: 'an id' } }, token);
    expect(answer.status).toBe(400);
    expect(answer.codes).toEqual(['BAD_USER_INPUT']);
    expect((await app.graphql('{ viewer { permissions } }', null, token)).codes).toEqual([]);
  });

  it('with more wrong variables than are told apart is refused by code, each of them', async () => {
    const query =
      'mutation ($a: [ID!]!) { createUser(input: { email: "a", displayName: "a", password: "a", roleIds: $a }) { id } }';
    const answer = await app.graphql(query, { a: Array.from({ length: 60 }, () => ({})) }, token);
    expect(new Set(answer.codes)).toEqual(new Set(['BAD_USER_INPUT']));
  });

  it('learns nothing about the schema: no introspection, no suggestions', async () => {
    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "User") { name } }']) {
      const answer = await app.graphql(query);
      expect(answer.codes).toEqual(['INTROSPECTION_REFUSED']);
    }
    expect((await app.graphql('{ __typename }')).data).toEqual({ __typename: 'Query' });
    const field = await app.graphql('{ errorCode { code } }');
    expect(field.codes).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    const type = await app.graphql('query ($a: CreateUserInputs) { errorCodes { code } }');
    expect(`${field.text}${type.text}`).not.toMatch(/did you mean|errorCodes|CreateUserInput"/i);
  });

  it('shows the schema to those who may read it, as tools ask for it', async () => {
    const tool = getIntrospectionQuery();
    const answer = await app.graphql(tool, null, token);
    expect(answer.codes).toEqual([]);
    expect(buildClientSchema(answer.data).getQueryType()?.name).toBe('Query');
    const weak = await aUser(app, { partnerId: hub.id, permissions: ['partner.read'] });
    const other = await app.graphql(tool, null, await app.signIn(weak.email));
    expect(other.codes).toEqual(['INTROSPECTION_REFUSED']);
    const open = await testApp({ start: false });
    const everybody = await open.graphql(tool);
    await open.stop();
    expect(everybody.codes).toEqual([]);
  });
});

describe('a request over HTTP', () => {
  const post = (body: string, headers: Record<string, string>) =>
    fetch(`${app.url}/graphql`, { method: 'POST', body, headers });
  const json = { 'content-type': 'application/json' };
  const one = '{"query":"{ errorCodes { code } }"}';

  it('is one JSON operation by POST and nothing else', async () => {
    expect((await post(one, json)).status).toBe(200);
    expect((await post(`[${one},${one}]`, json)).status).toBe(400);
    expect((await post(one, { 'content-type': 'text/plain' })).status).toBeGreaterThanOrEqual(400);
    expect((await post('{"query":', json)).status).toBe(400);
    expect((await post('', json)).status).toBe(400);
    const get = await fetch(`${app.url}/graphql?query={errorCodes{code}}`);
    expect(get.status).toBe(405);
    const hash = '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}';
    expect(await (await post(hash, json)).text()).toContain('PERSISTED_QUERY_NOT_SUPPORTED');
  });

  it('is not larger than allowed', async () => {
    const large = JSON.stringify({ query: `{ errorCodes { code } } #${'x'.repeat(70_000)}` });
    const answer = await post(large, json);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toEqual({
      errors: [
        { message: 'The body is larger than allowed.', extensions: { code: 'BAD_REQUEST' } },
      ],
    });
  });

  it('of a browser comes from our own pages or an allowed origin', async () => {
    const from = (origin: string) => post(one, { ...json, origin });
    expect((await from('https://evil.example')).status).toBe(403);
    expect((await from('null')).status).toBe(403);
    expect((await from(app.url)).status).toBe(200);
    const allowed = await from('https://portal.example.com');
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://portal.example.com');
    const exposed = allowed.headers.get('access-control-expose-headers')?.split(', ');
    expect(exposed).toEqual(expect.arrayContaining(['kontor-left-out', 'kontor-purged-months']));
    const preflight = await fetch(`${app.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://portal.example.com', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it('is answered with headers that keep browsers careful, and its own id', async () => {
    const answer = await post(one, { ...json, 'x-request-id': 'mine-1' });
    expect(answer.headers.get('x-request-id')).toBe('mine-1');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    const forged = await post(one, { ...json, 'x-request-id': 'a b"c' });
    expect(forged.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    expect((await fetch(`${app.url}/nothing`)).status).toBe(404);
  });

  it('may ask for health and metrics', async () => {
    expect((await fetch(`${app.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${app.url}/health/ready`)).status).toBe(200);
    const metrics = await (await fetch(`${app.url}/metrics`)).text();
    expect(metrics).toMatch(/kontor_graphql_operations_total\{type="query",outcome="ok"\} \d/);
  });

  it('has no metrics for those who come through a proxy', async () => {
    const nothing = await (await fetch(`${app.url}/nothing`)).text();
    for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      const headers = { [header]: '192.0.2.7' };
      const refused = await fetch(`${app.url}/metrics`, { headers });
      expect(refused.status).toBe(404);
      expect(await refused.text()).toBe(nothing.replace('/nothing', '/metrics'));
    }
  });
});

describe('a fault of our own', () => {
  let owner: pg.Client;

  beforeAll(async () => {
    owner = new pg.Client({ connectionString: app.database.urls.ownerUrl });
    await owner.connect();
  });
  afterAll(() => owner.end());

  it('shows a correlation id, and the log has the rest', async () => {
    await owner.query('ALTER TABLE role RENAME TO role_away');
    const answer = await app.graphql('{ viewer { permissions } }', null, token);
    await owner.query('ALTER TABLE role_away RENAME TO role');
    expect(answer.codes).toEqual(['INTERNAL_SERVER_ERROR']);
    expect(answer.errors[0]?.message).toBe('The server failed.');
    expect(answer.text).not.toMatch(/relation |exist|role|stack|node_modules/);
    const id = String(answer.errors[0]?.extensions.details?.correlationId);
    const line = app.logged.find((one) => one.includes(id));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      event: 'operation failed',
      requestId: answer.headers.get('x-request-id'),
      fault: { state: '42P01' },
    });
  });

  it('does not make a statement run for ever, and leaves nothing open', async () => {
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE role');
    const begin = performance.now();
    const slow = await app.graphql('{ roles { nodes { id } } }', null, token);
    expect(performance.now() - begin).toBeLessThan(5_000);
    await owner.query('ROLLBACK');
    expect(slow.codes).toEqual(['TIMED_OUT']);
    expect((await app.graphql('{ roles { nodes { id } } }', null, token)).codes).toEqual([]);
    const { rows } = await owner.query(
      `SELECT count(*)::int AS open FROM pg_stat_activity
       WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    );
    expect(rows).toEqual([{ open: 0 }]);
  });
});

/** A server with a smaller limit. */
function smallApp(env: Record<string, string>): Promise<TestApp> {
  return testApp({ start: false, env });
}
