import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrateOptions } from '../../src/app.js';
import { type DatabaseUrls, migrate } from '../../src/platform/index.js';

/** A database of its own, so that a bench neither meets nor leaves anybody's rows. */
export interface Scratch {
  readonly urls: DatabaseUrls;
  drop(): Promise<void>;
}

/** Makes one, with all migrations run, on the server of these addresses. */
export async function scratchDatabase(urls: DatabaseUrls): Promise<Scratch> {
  const name = `kontor_bench_${randomUUID().slice(0, 8)}`;
  const admin = new pg.Client({ connectionString: urls.ownerUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const at = (address: string) => {
    const url = new URL(address);
    url.pathname = `/${name}`;
    return url.toString();
  };
  const own = { url: at(urls.url), ownerUrl: at(urls.ownerUrl) };
  await migrate(migrateOptions(own));
  return {
    urls: own,
    drop: async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
