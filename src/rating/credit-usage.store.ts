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
  chargesOf: (
    watched: ReadonlySet<number>,
  ) => readonly CreditEntry[] | Promise<readonly CreditEntry[]>,
): Promise<readonly CreditEntry[]> {
  const watched = await holdWatched(client);
  const entries = watched.size === 0 ? [] : await chargesOf(watched);
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

/** The watched subscriptions that a connection has found. */
interface Found {
  readonly ids: Set<number>;
  /** Those that came to be watched in an earlier transaction are all found. */
  since: string;
}

// Who is watched stays so. There may be hundreds of thousands, too many to be read by each batch.
const foundBy = new WeakMap<pg.Client, Found>();

// None comes to be watched from here to the end of the transaction; see `watch_credit()`. Read by
// a statement of its own, which sees what was committed while the first one waited.
async function holdWatched(client: pg.Client): Promise<ReadonlySet<number>> {
  await client.query(`SELECT pg_advisory_xact_lock_shared(hashtext('credit watch'))`);
  const known = foundBy.get(client);
  const [row] = rowsOf<{ ids: Buffer | null; since: string }>(
    await (known === undefined
      ? client.query(`${WATCHED} WHERE credit_watched_at IS NOT NULL`)
      : client.query(`${WATCHED} WHERE ${CAME_SINCE}`, [known.since])),
  );
  const { ids, since } = row!;
  const found = known ?? { ids: new Set<number>(), since };
  for (let at = 0; ids !== null && at < ids.length; at += 4) found.ids.add(ids.readInt32BE(at));
  found.since = since;
  foundBy.set(client, found);
  return found.ids;
}

// Every transaction before the first one that is still open has ended, and is seen or was in vain.
const WATCHED = `SELECT string_agg(int4send(id), '') AS ids,
    pg_snapshot_xmin(pg_current_snapshot())::text AS since
  FROM subscription`;

// Nothing that is seen is beyond the end of the snapshot, but numbers of another server may be,
// from which the database was dumped. Between two ends the planner expects few rows, and takes the
// index.
const CAME_SINCE = `credit_watched_tx >= $1::bigint
  AND credit_watched_tx < pg_snapshot_xmax(pg_current_snapshot())::text::bigint`;
