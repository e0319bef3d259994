import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/platform/index.js';
import { doorsOf, hammer, plantTenants, sessionDoor } from '../fixtures/pool-hammer.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';
import { trials } from '../fixtures/trials.js';

const TENANTS = 200;
const REQUESTS = trials(20_000);
const LANES = 32;

let test: TestDatabase;
let owner: pg.Client;
let database: Database;

beforeAll(async () => {
  test = await testDatabase();
  owner = new pg.Client({ connectionString: test.urls.ownerUrl });
  await owner.connect();
  const settings = { entities: [], poolSize: 10, statementTimeoutMs: 20_000 };
  database = await new Database({ ...test.urls, ...settings }).connect();
  await plantTenants(database, TENANTS);
});

afterAll(async () => {
  await database?.close();
  await owner?.end();
  await test?.drop();
});

describe('the pool under a hammer', () => {
  it(`shows no foreign row in ${REQUESTS} requests of ${TENANTS} tenants`, async () => {
    const doors = doorsOf(database);
    const begin = performance.now();
    const found = await hammer({
      doors,
      tenants: TENANTS,
      requests: REQUESTS,
      lanes: LANES,
      owner,
    });
    const seconds = (performance.now() - begin) / 1000;
    console.log(`pool hammer: ${REQUESTS} requests, ${seconds.toFixed(1)} s`, found);
    expect(found.foreign).toBe(0);
    expect(found.short).toBe(0);
    expect(found.failed['for no reason'] ?? 0).toBe(0);
    const failed = Object.values(found.failed).reduce((sum, count) => sum + count, 0);
    expect(failed).toBeGreaterThanOrEqual(Math.floor(REQUESTS / 11));
  });

  it('is found out when the scope belongs to the session', async () => {
    const pool = new pg.Pool({
      connectionString: test.urls.url,
      options: '-c role=kontor_app',
      max: 10,
    });
    pool.on('error', () => undefined);
    const doors = [sessionDoor(pool)];
    const requests = Math.min(REQUESTS, 2_000);
    const found = await hammer({ doors, tenants: TENANTS, requests, lanes: LANES });
    await pool.end();
    expect(found.foreign).toBeGreaterThan(0);
  });
});
