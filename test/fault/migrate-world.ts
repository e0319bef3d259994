import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrateOptions } from '../../src/app.js';
import { migrate } from '../../src/platform/index.js';
import { loadData, type ReleaseData, readData } from '../fixtures/release-data.js';
import { migrationOf, releasedMigrations } from '../fixtures/released-migrations.js';
import { testServer } from '../fixtures/test-database.js';
import type { KillPoint } from './kill-preload.js';

const PRELOAD = new URL('./kill-preload.js', import.meta.url).href;
const PROCESS = fileURLToPath(new URL('./migrate-process.js', import.meta.url));

export interface Urls {
  readonly url: string;
  readonly ownerUrl: string;
}

/** What a database says of itself, to be compared. */
export interface Print {
  readonly schema: readonly string[];
  /** Of each table its rows, as a hash; tables whose rows a new migration may change are in it. */
  readonly rows: Readonly<Record<string, string>>;
  readonly columns: Columns;
}

/** The columns of each table. */
type Columns = Readonly<Record<string, readonly string[]>>;

/** Numbers of rows that migrations add: what was rolled back has taken one, too. None is kept. */
const LEAPS = new Set(['outbox.id']);

/** Databases with the data of a release, on which migrations are run and killed. */
export class MigrateWorld {
  readonly data: ReleaseData;
  readonly #dir = mkdtempSync(join(tmpdir(), 'kontor-migrate-'));
  readonly #name = `kontor_test_${Date.now()}_${randomUUID().slice(0, 8)}`;
  #copies = 0;

  private constructor(
    readonly server: Awaited<ReturnType<typeof testServer>>,
    release: string,
  ) {
    this.data = readData(`test/fixtures/releases/${release}.gz`);
  }

  static async start(release: string): Promise<MigrateWorld> {
    const world = new MigrateWorld(await testServer(), release);
    await world.#admin(`CREATE DATABASE ${world.#name}`);
    const urls = world.#urlsOf(world.#name);
    const migrations = await Promise.all(
      Object.keys(releasedMigrations()[release] ?? {}).map(async (name) => {
        return (await migrationOf(name)).constructor as new () => object;
      }),
    );
    await migrate({ ...migrateOptions(urls), migrations });
    await loadData(urls.ownerUrl, world.data);
    return world;
  }

  async stop(): Promise<void> {
    await this.#admin(`DROP DATABASE IF EXISTS ${this.#name} WITH (FORCE)`);
    await this.server.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A database as the release has left it. */
  async fresh(): Promise<Urls> {
    this.#copies += 1;
    const name = `${this.#name}_${this.#copies}`;
    await this.#admin(`CREATE DATABASE ${name} TEMPLATE ${this.#name}`);
    return this.#urlsOf(name);
  }

  async drop(urls: Urls): Promise<void> {
    await this.#admin(`DROP DATABASE ${new URL(urls.url).pathname.slice(1)} WITH (FORCE)`);
  }

  /** Runs what is missing to the end; answers what was run, and how many statements it took. */
  async migrate(urls: Urls, rewriting = ''): Promise<{ applied: string[]; statements: number }> {
    const file = join(this.#dir, randomUUID());
    const { signal, output } = await this.#run(urls, rewriting, { KONTOR_TEST_COUNT: file });
    if (signal !== null || !output.endsWith('FINISHED\n')) throw new Error(`${signal} ${output}`);
    const statements = existsSync(file) ? Number(readFileSync(file, 'utf8').split(' ')[1]) : 0;
    return { applied: JSON.parse(output.split('\n')[0] ?? '[]'), statements };
  }

  /** Runs what is missing until the point; answers whether it was killed there. */
  async kill(urls: Urls, point: KillPoint, rewriting = ''): Promise<boolean> {
    const env = { KONTOR_TEST_KILL: JSON.stringify(point) };
    return (await this.#run(urls, rewriting, env)).signal === 'SIGKILL';
  }

  /** The schema, and a hash of the rows of each table, by the columns that it had once if given. */
  async print({ ownerUrl }: Urls, columnsOf: Columns | null = null): Promise<Print> {
    const client = new pg.Client({ connectionString: ownerUrl });
    await client.connect();
    try {
      const { rows: lines } = await client.query<{ line: string }>(SCHEMA);
      const { rows: tables } = await client.query<{ name: string; columns: string[] }>(
        `SELECT c.oid::regclass::text AS name,
           array_agg(quote_ident(a.attname) ORDER BY a.attnum) AS columns
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
           AND NOT a.attisdropped
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'migration'
         GROUP BY c.oid ORDER BY 1`,
      );
      const rows: Record<string, string> = {};
      for (const { name, columns } of tables) {
        const compared = columns.filter(
          (column) =>
            !LEAPS.has(`${name}.${column}`) && (columnsOf?.[name]?.includes(column) ?? true),
        );
        const { rows: found } = await client.query<{ print: string }>(
          `SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))
             AS print FROM (SELECT ${compared.join(', ')} FROM ${name}) AS t`,
        );
        rows[name] = String(found[0]?.print);
      }
      const columns = Object.fromEntries(tables.map((table) => [table.name, table.columns]));
      return { schema: lines.map(({ line }) => line), rows, columns };
    } finally {
      await client.end();
    }
  }

  #run(
    urls: Urls,
    rewriting: string,
    env: Record<string, string>,
  ): Promise<{ signal: string | null; output: string }> {
    const args = ['--import', PRELOAD, PROCESS, urls.url, urls.ownerUrl, rewriting];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env, TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (text: Buffer) => {
      output += text;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    return new Promise((resolve) => {
      child.once('close', (_, signal) => resolve({ signal, output }));
    });
  }

  #urlsOf(name: string): Urls {
    const at = (text: string) => {
      const url = new URL(text);
      url.pathname = `/${name}`;
      return url.toString();
    };
    const { url, ownerUrl } = this.server.urls;
    return { url: at(url), ownerUrl: at(ownerUrl) };
  }

  async #admin(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#urlsOf('postgres').ownerUrl });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }
}

// Everything that migrations make: columns, constraints, indexes, triggers, policies, functions,
// rights, and which of them were run.
const SCHEMA = `
  SELECT 'column ' || attrelid::regclass || '.' || attname || ' '
    || format_type(atttypid, atttypmod) || ' ' || attnotnull
    || coalesce(' ' || pg_get_expr(adbin, adrelid), '') AS line
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND attnum > 0
  UNION ALL SELECT 'constraint ' || conrelid::regclass || '.' || conname || ' '
    || pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
  UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t
  WHERE NOT tgisinternal
  UNION ALL SELECT 'policy ' || tablename || '.' || policyname || ' ' || coalesce(qual, '') || ' '
    || coalesce(with_check, '') FROM pg_policies
  UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p
  WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
  UNION ALL SELECT 'rights ' || oid::regclass || ' ' || relacl::text FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL
  UNION ALL SELECT 'migration ' || name FROM migration ORDER BY 1`;
