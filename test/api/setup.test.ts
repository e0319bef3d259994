import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

const run = promisify(execFile);
const MAIN = join('build', 'src', 'main.js');
const WORDS = ['--hub', 'First Hub', '--country', 'DE', '--email', 'Boss@hub.example'];

let database: TestDatabase;
let dataDir: string;

beforeAll(async () => {
  database = await testDatabase();
  dataDir = mkdtempSync(join(tmpdir(), 'kontor-setup-'));
});
afterAll(async () => {
  await database?.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function setup(words: string[]): Promise<{ stdout: string; stderr: string }> {
  return command('setup', ...words);
}

async function command(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [MAIN, ...words], {
    env: {
      PATH: process.env.PATH ?? '',
      DATABASE_URL: database.urls.url,
      DATABASE_OWNER_URL: database.urls.ownerUrl,
      KONTOR_DATA_DIR: dataDir,
    },
  });
}

async function rows(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.urls.ownerUrl });
  await client.connect();
  const found = await client.query(sql);
  await client.end();
  return found.rows;
}

describe('setup', () => {
  it('refuses to guess what it was not told, and a country that does not exist', async () => {
    await expect(setup(['--hub', 'X'])).rejects.toMatchObject({ code: 2 });
    const begun = performance.now();
    await expect(setup(['--hub', 'X', '--country', 'XX', '--email', 'a@b.c'])).rejects.toThrow();
    // Idle connections are closed after ten seconds; a failed command does not wait for that.
    expect(performance.now() - begun).toBeLessThan(9_000);
    expect(await rows('SELECT 1 FROM partner')).toEqual([]);
  });

  it('makes the hub and an administrator with every permission, once', async () => {
    const { stdout } = await setup(WORDS);
    expect(stdout).toMatch(/password {2}[\w-]{20}\nTOTP {6}otpauth:\/\/totp\//);
    const found = await rows(
      `SELECT p.kind, p.name, u.email, cardinality(r.permissions) > 20 AS all
       FROM partner p JOIN app_user u ON u.partner_id = p.id
       JOIN app_user_role ur ON ur.user_id = u.id JOIN role r ON r.id = ur.role_id`,
    );
    const hub = { kind: 'HUB', name: 'First Hub', email: 'boss@hub.example', all: true };
    expect(found).toEqual([hub]);
    await expect(setup(WORDS)).rejects.toMatchObject({ code: 1 });
    expect(await rows('SELECT email FROM app_user')).toHaveLength(1);
  });
});

describe('recover', () => {
  it('gives an administrator who has lost everything a password, and takes the rest', async () => {
    await expect(command('recover', '--email', 'nobody@hub.example')).rejects.toMatchObject({
      code: 1,
    });
    const hash = 'SELECT password_hash FROM app_user';
    const before = await rows(hash);
    const { stdout } = await command('recover', '--email', 'boss@hub.example');
    expect(stdout).toMatch(/password {2}[\w-]{20}\n/);
    const [after]: unknown[] = await rows(
      'SELECT totp_secret_encrypted, totp_enrolled_at FROM app_user',
    );
    expect(after).toMatchObject({ totp_secret_encrypted: null, totp_enrolled_at: null });
    expect(await rows(hash)).not.toEqual(before);
    const kept = await rows(`SELECT operation FROM audit_entry ORDER BY seq DESC LIMIT 1`);
    expect(kept).toEqual([{ operation: 'recover' }]);
  });
});

describe('verify-audit', () => {
  it('reads the chain before any head was signed, and refuses a missing folder', async () => {
    const { stdout } = await command('verify-audit');
    expect(stdout).toMatch(/^\d+ entries are good, 0 of them proven by 0 heads\.\n$/m);
    const missing = command('verify-audit', join(dataDir, 'nowhere'));
    await expect(missing).rejects.toThrow('nowhere');
  });
});
