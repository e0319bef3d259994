import type pg from 'pg';
import { appendOutbox, type BatchTicket, rowsOf, type SqlClient } from '../platform/thread.js';
import type { CreditEntry } from './credit-sums.js';

/** Topic of the outbox row that carries the usage charges of watched subscriptions. */
export const CREDIT_USAGE_TOPIC = 'credit.usage';

/** Topic of the outbox row that has credit control count what it has not been told. */
export const CREDIT_COUNT_TOPIC = 'credit.count';

/**
 * Lets credit control know by how much a batch changes what watched subscriptions are charged, and
 * answers what it told. It must be among the last statements of the batch's transaction: who gives
 * a subscription its first limit waits for it to end, and the next batches for him.
 */
export async function tellCredit(
  client: pg.Client,
  ticket: BatchTicket,
  chargesOf: (watched: ReadonlySet<number>) => readonly CreditEntry[],
): Promise<readonly CreditEntry[]> {
  const watched = await holdWatched(client);
  const entries = watched.size === 0 ? [] : chargesOf(watched);
  if (entries.length === 0) return entries;
  const { id: batchId, partnerId } = ticket;
  await appendOutbox(client, {
    topic: CREDIT_USAGE_TOPIC,
    partnerId,
    payload: { batchId, entries },
  });
  return entries;
}

/** Has credit control count the months from `subscription.credit_count_from` on. */
export function orderCount(client: SqlClient, partnerId: number): Promise<void> {
  return appendOutbox(client, { topic: CREDIT_COUNT_TOPIC, partnerId, payload: {} });
}

// None comes to be watched from here to the end of the transaction; see `watch_credit()`. Read by
// a statement of its own, which sees what was committed while the first one waited.
async function holdWatched(client: pg.Client): Promise<ReadonlySet<number>> {
  await client.query(`SELECT pg_advisory_xact_lock_shared(hashtext('credit watch'))`);
  const [row] = rowsOf<{ ids: Buffer | null }>(
    await client.query(
      `SELECT string_agg(int4send(id), '') AS ids FROM subscription
       WHERE credit_watched_at IS NOT NULL`,
    ),
  );
  const ids = row?.ids ?? Buffer.alloc(0);
  return new Set(Array.from({ length: ids.length / 4 }, (_, place) => ids.readInt32BE(place * 4)));
}
