import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/kernel/index.js';
import {
  CONFIG_VARIABLES,
  type ConfigProblem,
  type Environment,
  ensureSecret,
  loadConfig,
} from '../../src/platform/index.js';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7)).toString('base64');
const PRODUCTION = { NODE_ENV: 'production', KONTOR_SECRET_KEY: KEY };

function refusalOf(env: Environment): { text: string; problems: ConfigProblem[] } {
  try {
    loadConfig(env, 4);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    expect(error.code).toBe('INVALID_CONFIGURATION');
    const { problems } = error.details as { problems: ConfigProblem[] };
    return { text: `${error.message}\n${JSON.stringify(error.details)}`, problems };
  }
  throw new Error('the configuration was accepted');
}

describe('the configuration', () => {
  it('has a default for everything in development', () => {
    expect(loadConfig({}, 4)).toEqual({
      environment: 'development',
      port: 4000,
      host: '127.0.0.1',
      databaseUrl: undefined,
      databaseOwnerUrl: undefined,
      dataDir: '.kontor',
      jwtKeys: undefined,
      secretKey: undefined,
      workers: 4,
      poolSize: 10,
      batchBytes: 50_331_648,
      maxUploadBytes: 17_179_869_184,
      inboxPollSeconds: 5,
      allowedOrigins: [],
      trustedProxies: [],
      metricsToken: undefined,
      logLevel: 'info',
      bodyLimitBytes: 65_536,
      maxDepth: 12,
      maxBreadth: 200,
      maxAliases: 15,
      maxDirectives: 50,
      maxComplexity: 20_000,
      maxTokens: 1000,
      addressRate: 100,
      addressSockets: 500,
      userRate: 50,
      userCost: 50_000,
      userParallel: 4,
      userSockets: 20,
      userSubscriptions: 100,
      socketSubscriptions: 20,
      userExports: 2,
      allExports: 4,
      statementTimeoutMs: 15_000,
      mutationTimeoutMs: 60_000,
      subscriptionTimeoutMs: 5_000,
      introspection: true,
      operationFiles: [],
      listedOnly: 'off',
      auditKey: undefined,
      auditHeadsDir: undefined,
      auditHeadMinutes: 60,
      smtpUrl: undefined,
      mailFrom: 'kontor@localhost',
      portalUrl: undefined,
      webhookOrigins: [],
      unknownVariables: [],
    });
  });

  it('asks for a sender when there is a mail server, and shows no password of either', () => {
    const smtp = 'smtps://kontor:hidden-word@mail.example.com';
    const { problems } = refusalOf({ KONTOR_SMTP_URL: smtp });
    expect(problems).toEqual([
      {
        variable: 'KONTOR_MAIL_FROM',
        expected: 'an e-mail address like kontor@example.com; required with KONTOR_SMTP_URL',
      },
    ]);
    const set = { KONTOR_SMTP_URL: smtp, KONTOR_MAIL_FROM: 'kontor@example.com' };
    expect(loadConfig(set, 4)).toMatchObject({ smtpUrl: smtp, mailFrom: 'kontor@example.com' });
    const wrong = { ...set, KONTOR_SMTP_URL: 'http://kontor:hidden-word@mail' };
    expect(refusalOf(wrong).text).not.toContain('hidden-word');
    for (const page of ['ftp://a', 'https://a/b#c', 'https://a/b?c']) {
      expect(refusalOf({ KONTOR_PORTAL_URL: page }).problems).toHaveLength(1);
    }
  });

  it('is stricter in production', () => {
    expect(loadConfig(PRODUCTION, 4)).toMatchObject({ host: '0.0.0.0', introspection: false });
    expect(refusalOf({ NODE_ENV: 'production' }).problems.map(({ variable }) => variable)).toEqual([
      'KONTOR_SECRET_KEY',
    ]);
  });

  it('takes the cores for workers, at most sixteen', () => {
    expect([0, 1, 16, 128].map((cores) => loadConfig({}, cores).workers)).toEqual([1, 1, 16, 16]);
    expect(loadConfig({ KONTOR_WORKERS: '3' }, 64).workers).toBe(3);
  });

  it('reads an empty variable as absent and ignores blanks around a value', () => {
    expect(loadConfig({ PORT: '', HOST: ' ', KONTOR_POOL_SIZE: ' 7 ' }, 4)).toMatchObject({
      port: 4000,
      host: '127.0.0.1',
      poolSize: 7,
    });
  });

  it('names all wrong variables at once, with what was given and what is expected', () => {
    const { text, problems } = refusalOf({ PORT: '70000', KONTOR_LOG_LEVEL: 'loud' });
    expect(problems).toEqual([
      { variable: 'PORT', given: '70000', expected: 'a whole number from 0 to 65535' },
      {
        variable: 'KONTOR_LOG_LEVEL',
        given: 'loud',
        expected: 'one of fatal, error, warn, info, debug, trace, silent',
      },
    ]);
    expect(text).toContain('PORT is "70000"; expected: a whole number from 0 to 65535');
  });

  it('never repeats a secret or a connection string', () => {
    const { text, problems } = refusalOf({
      DATABASE_URL: 'mysql://user:hunter2@host/db',
      KONTOR_JWT_KEYS: 'a1b2=hunter2',
      KONTOR_SECRET_KEY: 'hunter2hunter2',
    });
    expect(problems).toHaveLength(3);
    expect(text).not.toContain('hunter2');
  });

  it('knows the login of the migrations only beside that of the application', () => {
    const app = 'postgres://app:x@db/kontor';
    const owner = 'postgresql://owner:x@db:6432/kontor';
    expect(loadConfig({ DATABASE_URL: app }, 4).databaseOwnerUrl).toBe(app);
    const both = loadConfig({ DATABASE_URL: app, DATABASE_OWNER_URL: owner }, 4);
    expect([both.databaseUrl, both.databaseOwnerUrl]).toEqual([app, owner]);
    expect(refusalOf({ DATABASE_OWNER_URL: owner }).problems).toHaveLength(1);
    expect(refusalOf({ DATABASE_OWNER_URL: owner, DATABASE_URL: 'x' }).problems).toHaveLength(1);
  });

  it('lists misspelt variables without refusing', () => {
    const env = { KONTOR_POOLSIZE: '5', KONTOR_POOL_SIZE: '6', OTHER: '1' };
    expect(loadConfig(env, 4)).toMatchObject({
      poolSize: 6,
      unknownVariables: ['KONTOR_POOLSIZE'],
    });
  });

  it('takes keys as hex or base64', () => {
    const hex = Buffer.from(KEY, 'base64').toString('hex');
    const url = Buffer.from(KEY, 'base64').toString('base64url');
    const keys = [KEY, hex, url].map((k) => loadConfig({ KONTOR_SECRET_KEY: k }, 4).secretKey);
    for (const key of keys) expect(Buffer.from(key ?? []).toString('base64')).toBe(KEY);
  });

  it.each([
    ['KONTOR_BATCH_BYTES', '64KiB', { batchBytes: 65_536 }],
    ['KONTOR_BATCH_BYTES', '256 MiB', { batchBytes: 268_435_456 }],
    ['KONTOR_BATCH_BYTES', '65536', { batchBytes: 65_536 }],
    ['KONTOR_INTROSPECTION', 'off', { introspection: false }],
    [
      'KONTOR_ALLOWED_ORIGINS',
      'https://a.example, http://b.example:8080',
      {
        allowedOrigins: ['https://a.example', 'http://b.example:8080'],
      },
    ],
    [
      'DATABASE_URL',
      'postgres://me@localhost/db?host=/run/pg',
      {
        databaseUrl: 'postgres://me@localhost/db?host=/run/pg',
      },
    ],
    ['HOST', '::1', { host: '::1' }],
    ['PORT', '0', { port: 0 }],
  ])('accepts %s=%s', (variable, given, expected) => {
    expect(loadConfig({ [variable]: given }, 4)).toMatchObject(expected);
  });

  it.each([
    ['NODE_ENV', 'prod'],
    ['PORT', '-1'],
    ['PORT', '0x50'],
    ['PORT', '4000.5'],
    ['HOST', 'localhost:4000/x'],
    ['DATABASE_URL', 'postgres://me@host/'],
    ['DATABASE_URL', 'postgres://host/db'],
    ['DATABASE_URL', 'http://user@host/db'],
    ['KONTOR_JWT_KEYS', 'a1b2=correct horse battery staple correct horse'],
    ['KONTOR_METRICS_TOKEN', 'too short'],
    ['KONTOR_METRICS_TOKEN', `${'a'.repeat(40)} b`],
    ['KONTOR_JWT_KEYS', KEY],
    ['KONTOR_JWT_KEYS', `A1=${KEY}`],
    ['KONTOR_JWT_KEYS', `a1b2=${KEY},a1b2=${KEY}`],
    ['KONTOR_JWT_KEYS', `a1b2=${KEY},`],
    ['KONTOR_JWT_KEYS', `a1b2=${'ab'.repeat(31)}`],
    ['KONTOR_JWT_KEYS', `a1b2=${'00'.repeat(64)}`],
    ['KONTOR_SECRET_KEY', Buffer.alloc(33, 'abcdefghijk').toString('base64')],
    ['KONTOR_WORKERS', '17'],
    ['KONTOR_POOL_SIZE', '0'],
    ['KONTOR_BATCH_BYTES', '65535'],
    ['KONTOR_BATCH_BYTES', '257MiB'],
    ['KONTOR_BATCH_BYTES', '32MB'],
    ['KONTOR_INBOX_POLL_SECONDS', '0'],
    ['KONTOR_ALLOWED_ORIGINS', '*'],
    ['KONTOR_ALLOWED_ORIGINS', 'https://a.example/path'],
    ['KONTOR_ALLOWED_ORIGINS', 'https://a.example,,'],
    ['KONTOR_TRUSTED_PROXIES', 'proxy.example'],
    ['KONTOR_TRUSTED_PROXIES', '10.0.0.256'],
    ['KONTOR_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['KONTOR_TRUSTED_PROXIES', '10.0.0.0/8/8'],
    ['KONTOR_STATEMENT_TIMEOUT_MS', '99'],
    ['KONTOR_INTROSPECTION', '1'],
    ['KONTOR_INTROSPECTION', 'constructor'],
  ])('refuses %s=%s', (variable, given) => {
    expect(refusalOf({ [variable]: given }).problems.map((p) => p.variable)).toEqual([variable]);
  });

  it('is read from exactly the variables that are listed and that .env.example explains', () => {
    const asked = new Set<string>();
    const env = new Proxy<Record<string, string>>(
      {},
      {
        get: (_, name) => {
          asked.add(String(name));
          return undefined;
        },
      },
    );
    loadConfig(env, 4);
    expect([...asked].sort()).toEqual([...CONFIG_VARIABLES].sort());
    const example = readFileSync('.env.example', 'utf8');
    const explained = [...example.matchAll(/^# ([A-Z][A-Z_]+)=/gm)].map((match) => match[1]);
    expect(explained.sort()).toEqual([...CONFIG_VARIABLES].sort());
  });

  it('has the defaults that .env.example shows', () => {
    const example = readFileSync('.env.example', 'utf8');
    const examples = 'DATABASE|KONTOR_(?:ALLOWED|TRUSTED|OPERATIONS=|SMTP|MAIL|PORTAL|WEBHOOK)';
    const optional = new RegExp(`^# (?!${examples})([A-Z][A-Z_]+)=(.+)$`, 'gm');
    const shown = [...example.matchAll(optional)].map(([, name = '', value = '']) => [name, value]);
    expect(shown.length).toBeGreaterThan(10);
    expect(loadConfig(Object.fromEntries(shown), 4)).toEqual(loadConfig({}, 4));
  });
});

describe('a secret of the data directory', () => {
  it('is made once, kept private, and differs by name', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kontor-secret-'));
    try {
      const first = ensureSecret(dataDir, 'jwt');
      expect(first).toHaveLength(32);
      expect(ensureSecret(dataDir, 'jwt')).toEqual(first);
      expect(ensureSecret(dataDir, 'totp')).not.toEqual(first);
      expect(statSync(join(dataDir, 'secrets', 'jwt')).mode & 0o777).toBe(0o600);
      writeFileSync(join(dataDir, 'secrets', 'jwt'), 'cut');
      expect(() => ensureSecret(dataDir, 'jwt')).toThrow('damaged');
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });
});
