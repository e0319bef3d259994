import type { SqlClient } from './sql-client.js';

/**
 * Runs statements over many rows of one transaction without loops of one table within another.
 * Rows that were just written have no statistics: PostgreSQL takes them for one, and its loop
 * takes the square of their number. Hashing is right for any size.
 */
export async function hashJoined<T>(client: SqlClient, work: () => Promise<T>): Promise<T> {
  await client.query("SELECT set_config('enable_nestloop', 'off', true)");
  const result = await work();
  await client.query("SELECT set_config('enable_nestloop', 'on', true)");
  return result;
}
