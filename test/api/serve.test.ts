import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Served, command as start } from '../fixtures/serve-process.js';
import { ask } from '../fixtures/test-app.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

let database: TestDatabase;
let dataDir: string;
let server: Served | undefined;

beforeEach(async () => {
  database = await testDatabase();
  dataDir = mkdtempSync(join(tmpdir(), 'kontor-serve-'));
});
afterEach(async () => {
  server?.child.kill('SIGKILL');
  server = undefined;
  await database.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

function command(words: string[], env: Record<string, string> = {}): Served {
  const { url, ownerUrl } = database.urls;
  const given = { DATABASE_URL: url, DATABASE_OWNER_URL: ownerUrl, KONTOR_DATA_DIR: dataDir };
  return start(words, { ...given, ...env });
}

describe('a server process', () => {
  it('says where it listens, and ends with status 0 after requests in flight', async () => {
    server = command(['serve']);
    const url = String(await server.said('server started', 'url'));
    const owner = new pg.Client({ connectionString: database.urls.ownerUrl });
    await owner.connect();
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE sign_in_throttle');
    const query = 'mutation { signIn(email: "a@b.de", password: "x", totp: "000000") { userId } }';
    const inFlight = ask(url, { query });
    await expect
      .poll(async () => {
        const { rows } = await owner.query('SELECT FROM pg_locks WHERE NOT granted');
        return rows.length;
      })
      .toBeGreaterThan(0);
    server.child.kill('SIGTERM');
    await server.said('server stopping');
    await expect(fetch(`${url}/health/live`)).rejects.toThrow('fetch failed');
    await owner.query('ROLLBACK');
    expect((await inFlight).codes).toEqual(['SIGN_IN_REFUSED']);
    const begin = performance.now();
    expect(await server.ended).toBe(0);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(server.lines.at(-1)?.event).toBe('server stopped');
    await owner.end();
  });

  it('is live but not ready while the database is away', async () => {
    server = command(['serve']);
    const url = String(await server.said('server started', 'url'));
    const owner = new pg.Client({ connectionString: database.urls.ownerUrl });
    await owner.connect();
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    const { rows } = await owner.query('SELECT current_database() AS name');
    const name = String(rows[0].name);
    await owner.query(`ALTER DATABASE ${name} CONNECTION LIMIT 0`);
    await owner.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await expect
      .poll(async () => (await fetch(`${url}/health/ready`)).status, { timeout: 10_000 })
      .toBe(503);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    await owner.query(`ALTER DATABASE ${name} CONNECTION LIMIT -1`);
    await expect
      .poll(async () => (await fetch(`${url}/health/ready`)).status, { timeout: 10_000 })
      .toBe(200);
    await owner.end();
  });

  it('does not start on a wrong configuration, and says what is wrong', async () => {
    const wrong = command(['serve'], { KONTOR_MAX_DEPTH: 'deep' });
    expect(await wrong.ended).toBe(1);
    const unknown = command(['dance']);
    expect(await unknown.ended).toBe(2);
  });
});
