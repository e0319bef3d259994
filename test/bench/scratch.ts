import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrateOptions } from '../../src/app.js';
import { type DatabaseUrls, migrate } from '../../src/platform/index.js';

/**
 * Works in a migrated database of its own on the server of these addresses, so that a bench neither
 * meets nor leaves anybody's rows.
 */
export async function inScratch<T>(
  urls: DatabaseUrls,
  work: (own: DatabaseUrls) => Promise<T>,
): Promise<T> {
  const name = `kontor_bench_${randomUUID().slice(0, 8)}`;
  const at = (address: string) => {
    const url = new URL(address);
    url.pathname = `/${name}`;
    return url.toString();
  };
  const own = { url: at(urls.url), ownerUrl: at(urls.ownerUrl) };
  const admin = new pg.Client({ connectionString: urls.ownerUrl });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${name}`);
    await migrate(migrateOptions(own));
    return await work(own);
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.end();
  }
}
