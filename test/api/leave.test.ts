import { request as httpRequest } from 'node:http';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

/** For a machine that does other things as well. */
const PATIENCE = { timeout: 30_000 };

let app: TestApp;
let owner: pg.Client;
let token: string;

beforeAll(async () => {
  app = await testApp({ start: false, env: { KONTOR_STATEMENT_TIMEOUT_MS: '60000' } });
  const hub = await aPartner(app);
  token = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
  owner = new pg.Client({ connectionString: app.database.urls.ownerUrl });
  await owner.connect();
});

afterAll(async () => {
  await owner.end();
  await app.stop();
});

/** Connections that the server holds open. */
function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    app.app.http.fastify.server.getConnections((error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** Other connections to the database in a state. */
async function others(state: string): Promise<number> {
  const { rows } = await owner.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND datname = current_database() AND ${state}`,
  );
  return rows[0]?.count ?? 0;
}

describe('a caller', () => {
  it.each([
    ['before he is known', 'role', '{ users { nodes { id roles { id } } } }'],
    [
      'while his fields are read',
      'destination',
      '{ destinations { nodes { prefixes { nodes { prefix } } } } }',
    ],
  ])('who leaves %s ends his operation', async (_, table, query) => {
    await owner.query("INSERT INTO destination (name) VALUES ('Atlantis') ON CONFLICT DO NOTHING");
    const before = await connections();
    await owner.query('BEGIN');
    await owner.query(`LOCK TABLE ${table}`);
    const id = `leaves-${table}`;
    const asked = httpRequest(`${app.url}/graphql`, {
      method: 'POST',
      agent: false,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'x-request-id': id,
      },
    });
    asked.on('error', () => undefined);
    asked.end(JSON.stringify({ query }));
    // He leaves when his statement waits, and it goes on when the server has seen him leave.
    await expect.poll(() => others("wait_event_type = 'Lock'"), PATIENCE).toBe(1);
    asked.destroy();
    await expect.poll(() => connections(), PATIENCE).toBe(before);
    await owner.query('ROLLBACK');
    const line = () => app.logged.find((one) => one.includes(id) && one.includes('answered'));
    await expect.poll(line, PATIENCE).toContain('OPERATION_ENDED');
    await expect.poll(() => others("state <> 'idle'"), PATIENCE).toBe(0);
  });
});
