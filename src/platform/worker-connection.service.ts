import pg from 'pg';
import { APP_ROLE } from './tenancy.js';

/** A statement of a run that takes longer stands still; its batch is tried again. */
export const RUN_STATEMENT_MS = 1_800_000;
/** A transaction whose process stands still is ended, so that others need not wait for it. */
export const IDLE_IN_TRANSACTION_MS = 60_000;

/** A connection of its own for a data-plane worker, under the app role, outside the pool. */
export async function connectWorker(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: name,
    options: `-c role=${APP_ROLE} -c timezone=UTC`,
    keepAlive: true,
    statement_timeout: RUN_STATEMENT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  });
  // A lost connection shows at the next statement; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}
