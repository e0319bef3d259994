import type pg from 'pg';
import type { BatchTicket } from '../platform/index.js';
import { appendOutbox, rowsOf } from '../platform/thread.js';
import type { EntrySegment } from './allowance-collector.js';
import { sendBytes } from './send-bytes.store.js';

/** Topic of the outbox row that asks for the months with new entries to be folded. */
export const FOLD_TOPIC = 'usage.fold';

/** Stores the entries of a batch, marks their months as due and asks for the fold. */
export async function storeEntries(
  client: pg.Client,
  ticket: BatchTicket,
  segments: readonly EntrySegment[],
  replaces: boolean,
): Promise<void> {
  if (segments.length === 0) return;
  const [hub] = rowsOf<{ id: number }>(
    await client.query('SELECT id FROM partner WHERE parent_id IS NULL'),
  );
  for (const { shard, month, span, entries } of segments) {
    await sendBytes(
      client,
      `WITH kept AS (INSERT INTO allowance_entry
         (batch_id, partner_id, shard, month, replaces, started_from, started_to, entries)
         VALUES ($1, $2, $3, $4, $5, to_timestamp(nullif($7, '')::float8 / 1000),
           to_timestamp(nullif($8, '')::float8 / 1000), $9))
       INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
       VALUES ($3, $4, $1, $2, $6)`,
      [
        ...[ticket.id, hub!.id, shard, month, replaces, entries.length],
        ...(span === null ? ['', ''] : [span.fromMs, span.toMs]),
      ],
      entries,
    );
  }
  await appendOutbox(client, {
    topic: FOLD_TOPIC,
    partnerId: ticket.partnerId,
    payload: { runId: ticket.runId },
  });
}
