import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/platform/index.js';
import { doorsOf, hammer, plantTenants } from '../fixtures/pool-hammer.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

/** Tables that belong to no tenant: dial plan, calendars, rates of exchange, and bookkeeping. */
const SHARED = [
  'audit_head',
  'destination',
  'destination_prefix',
  'exchange_rate',
  'holiday',
  'holiday_calendar',
  'migration',
  'price_book',
  'run_lane',
  'sign_in_throttle',
  'time_band',
  'time_band_rule',
  'time_profile',
];

/** Functions that run with the rights of their owner; each says in its migration why it must. */
const DEFINER_FUNCTIONS = [
  'append_audit_entry',
  'bought_price_list',
  'ensure_correction_partitions',
  'ensure_usage_partitions',
  'find_api_key',
  'find_sign_in',
  'inherited_keys',
  'inherited_origins',
  'inherited_rates',
  'price_list_chain',
  'taken_numbers',
  'visible_partners',
];

/** What those functions read past the tenants' policies, as the owner and for reading alone. */
const OWNER_POLICIES = [
  'api_key.presented SELECT {kontor_owner}',
  'app_user.sign_in SELECT {kontor_owner}',
  'origin_set_prefix.inherited SELECT {kontor_owner}',
  'partner.register SELECT {kontor_owner}',
  'price_list.inherited SELECT {kontor_owner}',
  'rate.inherited SELECT {kontor_owner}',
  'subscription_identity.taken SELECT {kontor_owner}',
  'tier_schedule.inherited SELECT {kontor_owner}',
];

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
  it('forces row security on every table that is not shared on purpose', async () => {
    const open = await names(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
       AND relkind IN ('r', 'p') AND NOT relispartition
       AND NOT (relrowsecurity AND relforcerowsecurity)`,
    );
    expect(open).toEqual(SHARED);
  });

  it('gives every secured table a policy that compares with the visible partners', async () => {
    const without = await names(
      `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
       AND c.relrowsecurity AND NOT EXISTS (SELECT 1 FROM pg_policies p
         WHERE p.tablename = c.relname AND p.qual LIKE '%kontor.partner_ids%'
         AND p.with_check LIKE '%kontor.partner_ids%' AND p.permissive = 'PERMISSIVE')`,
    );
    expect(without).toEqual([]);
    const wider = await names(
      `SELECT tablename || '.' || policyname || ' ' || cmd || ' ' || roles::text AS name
       FROM pg_policies WHERE qual NOT LIKE '%kontor.partner_ids%'`,
    );
    expect(wider).toEqual(OWNER_POLICIES);
  });

  it('lets the application do nothing as owner, superuser or past row security', async () => {
    const roles = await owner.query(
      `SELECT rolname FROM pg_roles WHERE rolname IN ('kontor_app', 'kontor_loader', 'kontor_owner')
       AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole)`,
    );
    expect(roles.rows).toEqual([]);
    const owned = await names(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
       AND pg_get_userbyid(relowner) <> 'kontor_owner' AND relkind IN ('r', 'p', 'v', 'S', 'm')`,
    );
    expect(owned).toEqual([]);
    const grants = await names(
      `SELECT DISTINCT table_name || ' ' || privilege_type AS name
       FROM information_schema.role_table_grants WHERE table_schema = 'public'
       AND grantee IN ('kontor_app', 'kontor_loader', 'PUBLIC')
       AND privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')`,
    );
    expect(grants).toEqual([]);
  });

  it('opens leaf partitions to the loader alone, and to it for appending alone', async () => {
    await owner.query(`SELECT ensure_usage_partitions('{2026-10-01,2026-11-30}')`);
    const leaves = await names(
      `SELECT c.relname || ' ' || coalesce(g.grantee::text || ' ' || g.privilege_type, '') AS name
       FROM pg_class c LEFT JOIN information_schema.role_table_grants g
         ON g.table_name = c.relname AND g.grantee <> 'kontor_owner'
       WHERE c.relispartition AND c.relkind = 'r'`,
    );
    expect(leaves).toEqual([
      'usage_summary_202610 kontor_loader INSERT',
      'usage_summary_202611 kontor_loader INSERT',
      'xdr_20261001 kontor_loader INSERT',
      'xdr_20261130 kontor_loader INSERT',
    ]);
    const read = await names(
      `SELECT table_name || ' ' || privilege_type AS name
       FROM information_schema.role_table_grants
       WHERE grantee = 'kontor_loader' AND privilege_type <> 'INSERT'`,
    );
    expect(read).toEqual([]);
  });

  it('has no other function with rights of its owner, and none without search path', async () => {
    const definers = await names(
      `SELECT proname AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace
       AND prosecdef`,
    );
    expect(definers).toEqual(DEFINER_FUNCTIONS);
    const loose = await names(
      `SELECT proname AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace
       AND prosecdef AND NOT coalesce(array_to_string(proconfig, ' '), '') LIKE '%search_path%'`,
    );
    expect(loose).toEqual([]);
  });

  it('shows amounts of xDRs through the view alone', async () => {
    for (const table of ['xdr', 'xdr_correction']) {
      const columns = await names(
        `SELECT column_name AS name FROM information_schema.column_privileges
         WHERE table_name = '${table}' AND grantee = 'kontor_app' AND privilege_type = 'SELECT'`,
      );
      expect(columns).not.toContain('amounts');
      expect(columns).not.toContain('legs');
      expect(columns).toContain('started_at');
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
