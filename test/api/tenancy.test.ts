import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/platform/index.js';
import { brokenLints, CATALOGUE_HOLES, catalogueLints } from '../fixtures/catalogue-lint.js';
import { doorsOf, hammer, plantTenants } from '../fixtures/pool-hammer.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

let test: TestDatabase;
let owner: pg.Client;
let database: Database;

beforeAll(async () => {
  test = await testDatabase();
  owner = new pg.Client({ connectionString: test.urls.ownerUrl });
  await owner.connect();
  const settings = { entities: [], poolSize: 8, statementTimeoutMs: 20_000 };
  database = await new Database({ ...test.urls, ...settings }).connect();
});

afterAll(async () => {
  await database?.close();
  await owner?.end();
  await test?.drop();
});

async function names(sql: string): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(sql);
  return rows.map((row) => row.name).sort();
}

describe('the catalogue', () => {
  beforeAll(async () => {
    await owner.query(`SELECT ensure_usage_partitions('{2026-10-01,2026-11-30}')`);
  });

  it.each(catalogueLints)('$name', async ({ sql, expected }) => {
    expect(await names(sql)).toEqual([...expected].sort());
  });

  it('has leaf partitions that the loader appends to', async () => {
    const leaves = await names(
      `SELECT relname AS name FROM pg_class WHERE relispartition AND relkind = 'r'
       AND has_table_privilege('kontor_loader', oid, 'INSERT')`,
    );
    expect(leaves).toEqual([
      'entry_piece_all',
      'identity_piece_all',
      'usage_summary_202610',
      'usage_summary_202611',
      'xdr_20261001',
      'xdr_20261130',
    ]);
  });

  it.each(Object.entries(CATALOGUE_HOLES))('would be seen with %s', async (_, statement) => {
    await owner.query('BEGIN');
    try {
      await owner.query(statement);
      expect(await brokenLints(owner)).not.toEqual([]);
    } finally {
      await owner.query('ROLLBACK');
    }
  });
});

describe('a pooled connection', () => {
  const TENANTS = 40;
  const REQUESTS = 2_000;

  beforeAll(() => plantTenants(database, TENANTS));

  it(`carries no scope into another request (${REQUESTS} of ${TENANTS} tenants)`, async () => {
    const doors = doorsOf(database);
    const found = await hammer({ doors, tenants: TENANTS, requests: REQUESTS, lanes: 16, owner });
    const { foreign, short, failed } = found;
    expect({ foreign, short }).toEqual({ foreign: 0, short: 0 });
    const each = { throws: 50, 'SQL error': 50, timeout: 50, cancelled: 50 };
    expect(failed).toMatchObject({ terminated: 1 });
    for (const [kind, least] of Object.entries(each)) {
      expect(failed[kind]).toBeGreaterThanOrEqual(least);
    }
    expect(failed['for no reason']).toBeUndefined();
  });

  it('sees nothing when no scope was entered', async () => {
    const client = new pg.Client({
      connectionString: test.urls.url,
      options: '-c role=kontor_app',
    });
    await client.connect();
    try {
      expect((await client.query('SELECT * FROM account')).rows).toEqual([]);
      expect((await client.query('SELECT * FROM partner')).rows).toEqual([]);
      await expect(client.query('SELECT amounts FROM xdr')).rejects.toThrow(/permission denied/);
      await expect(client.query('TRUNCATE account')).rejects.toThrow(/permission denied/);
    } finally {
      await client.end();
    }
  });

  it('refuses rows for a partner outside of its scope', async () => {
    const insert = database.write({ partnerId: 2 }, (tx) =>
      tx.query(`INSERT INTO account (partner_id, number, name) VALUES (3, 'X', 'Foreign')`),
    );
    await expect(insert).rejects.toThrow(/row-level security/);
  });
});
