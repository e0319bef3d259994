import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DataSource, type EntityTarget } from 'typeorm';
import { type DatabaseUrls, prepareRoles } from './database.service.js';
import { OWNER_ROLE } from './tenancy.js';

export interface MigrateOptions extends DatabaseUrls {
  /** Glob or classes of the migrations, oldest first by their timestamps. */
  readonly migrations: readonly (string | (new () => object))[];
  readonly entities: readonly EntityTarget<object>[];
}

/** Brings the database to the newest schema; safe to run from several processes at once. */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  await prepareRoles(options);
  const source = ownerSource(options);
  await source.initialize();
  try {
    const runner = source.createQueryRunner();
    await runner.query('SELECT pg_advisory_lock(hashtext($1))', ['kontor migrate']);
    try {
      const done = await source.runMigrations({ transaction: 'each' });
      return done.map((migration) => migration.name);
    } finally {
      await runner.query('SELECT pg_advisory_unlock(hashtext($1))', ['kontor migrate']);
      await runner.release();
    }
  } finally {
    await source.destroy();
  }
}

/**
 * Differences between the entities and the migrated database, as SQL. Keys, checks and indexes
 * belong to the migrations alone, so only missing or differing tables and columns count.
 */
async function schemaDifferences(options: MigrateOptions): Promise<string[]> {
  const source = ownerSource(options);
  await source.initialize();
  try {
    const plan = await source.driver.createSchemaBuilder().log();
    return plan.upQueries
      .map((statement) => statement.query)
      .filter((query) => !/ (DROP|ADD) CONSTRAINT |(DROP|CREATE)( UNIQUE)? INDEX /i.test(query));
  } finally {
    await source.destroy();
  }
}

/**
 * Runs all migrations on an empty database of the same server, made for this and removed again,
 * and answers {@link schemaDifferences}. The owner's login must be allowed to create databases.
 */
export async function differencesWhenEmpty(options: MigrateOptions): Promise<string[]> {
  const name = `kontor_check_${randomUUID().replaceAll('-', '')}`;
  const scratch: MigrateOptions = {
    ...options,
    url: withDatabase(options.url, name),
    ownerUrl: withDatabase(options.ownerUrl, name),
  };
  const client = new pg.Client({ connectionString: options.ownerUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
    try {
      await migrate(scratch);
      return await schemaDifferences(scratch);
    } finally {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  } finally {
    await client.end();
  }
}

function withDatabase(text: string, name: string): string {
  const url = new URL(text);
  url.pathname = `/${name}`;
  return url.toString();
}

function ownerSource(options: MigrateOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.ownerUrl,
    entities: [...options.entities] as never,
    migrations: [...options.migrations] as never,
    migrationsTableName: 'migration',
    synchronize: false,
    extra: { options: `-c role=${OWNER_ROLE} -c timezone=UTC` },
  });
}
