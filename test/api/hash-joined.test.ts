import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hashJoined } from '../../src/platform/index.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

const JOIN = `EXPLAIN SELECT FROM part p JOIN part q ON q.n = p.n
  WHERE p.batch = 2 AND q.batch = 2`;

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  client = new pg.Client({ connectionString: database.urls.ownerUrl });
  await client.connect();
  await client.query(`
    CREATE TABLE part (n int, batch int) WITH (autovacuum_enabled = off);
    INSERT INTO part SELECT n, 1 FROM generate_series(1, 10000) n;
    ANALYZE part;
    INSERT INTO part SELECT n, 2 FROM generate_series(1, 10000) n`);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function plan(): Promise<string> {
  const { rows } = await client.query(JOIN);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

it('loops over no rows newer than their statistics, and leaves others alone', async () => {
  await client.query('BEGIN');
  expect(await plan()).toContain('Nested Loop');
  expect(await hashJoined(client, plan)).not.toContain('Nested Loop');
  expect(await plan()).toContain('Nested Loop');
  await client.query('COMMIT');
});
