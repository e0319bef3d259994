import type pg from 'pg';
import { epochDayFromIso, invariant } from '../kernel/index.js';
import type { BatchTicket } from '../platform/index.js';
import { appendOutbox, rowsOf } from '../platform/thread.js';
import type { EntrySegment } from './allowance-collector.js';
import { type PieceTable, storePieces } from './byte-pieces.store.js';
import { type ChunkPool, dateOf } from './copy-rows.js';
import { arrayOf } from './send-bytes.store.js';

/** Topic of the outbox row that asks for the months with new entries to be folded. */
export const FOLD_TOPIC = 'usage.fold';

const PIECES: PieceTable = {
  leaf: 'entry_piece_all',
  keys: ['batch_id', 'partner_id', 'shard', 'month'],
};

/** Stores the entries of a batch, marks their months as due and asks for the fold. */
export async function storeEntries(
  client: pg.Client,
  ticket: BatchTicket,
  segments: readonly EntrySegment[],
  replaces: boolean,
  pool: ChunkPool,
): Promise<void> {
  if (segments.length === 0) return;
  const [hub] = rowsOf<{ id: number }>(
    await client.query(
      `WITH kept AS (INSERT INTO allowance_entry
         (batch_id, partner_id, shard, month, replaces, started_from, started_to, bytes)
         SELECT $1::int, h.id, u.shard, u.month, $2::boolean, to_timestamp(u.from_ms / 1000),
           to_timestamp(u.to_ms / 1000), u.bytes
         FROM unnest($3::smallint[], $4::date[], $5::float8[], $6::float8[], $7::int[])
           AS u (shard, month, from_ms, to_ms, bytes), partner h WHERE h.parent_id IS NULL
         RETURNING shard, month, batch_id, partner_id, bytes),
       due AS (INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
         SELECT * FROM kept)
       SELECT partner_id AS id FROM kept LIMIT 1`,
      [
        ...[ticket.id, replaces],
        arrayOf(segments, ({ shard }) => shard),
        arrayOf(segments, ({ month }) => month),
        arrayOf(segments, ({ span }) => span?.fromMs ?? 'NULL'),
        arrayOf(segments, ({ span }) => span?.toMs ?? 'NULL'),
        arrayOf(segments, ({ entries }) => entries.length),
      ],
    ),
  );
  invariant(hub !== undefined, 'there is a hub');
  const values = segments.map(({ shard, month, entries }) => ({
    keys: [ticket.id, hub.id, shard, dateOf(epochDayFromIso(month))],
    bytes: entries,
  }));
  await storePieces(client, PIECES, values, pool);
  await appendOutbox(client, {
    topic: FOLD_TOPIC,
    partnerId: ticket.partnerId,
    payload: { runId: ticket.runId },
  });
}
