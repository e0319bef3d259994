import type pg from 'pg';
import { DomainError } from '../kernel/index.js';
import { completeBatchSql, enterScope, rowsOf, SYSTEM_SCOPE } from '../platform/thread.js';
import { type AdjustedRecord, decodeRecords } from './allowance-result.js';
import type { RerateFoldJob } from './batch-job.js';
import { PIECE_BYTES } from './byte-pieces.js';
import { foldShards } from './fold-shard.store.js';
import { readCounted } from './rerate-counted.js';
import { VersionList } from './rerate-facts.store.js';
import { addDifferences } from './rerate-months.js';
import { storeDifferences } from './rerate-result.store.js';
import { endStep } from './rerate-step.store.js';
import { RerateSums } from './rerate-sums.js';

const TOO_LARGE = 'A record would cost more in its month than can be stored.';

/**
 * Folds months with the entries of a preview and keeps by how much records would come out
 * differently. The very fold is used, and everything that it does is rolled back.
 */
export async function foldOnTrial(client: pg.Client, job: RerateFoldJob): Promise<void> {
  const { ticket, shards, previewRunId } = job;
  await client.query('BEGIN');
  await enterScope(client, SYSTEM_SCOPE);
  const versions = await VersionList.load(client);
  const sums = new RerateSums();
  const counts = { adjusted: 0 };
  for (const shard of shards) {
    await client.query('SAVEPOINT trial');
    // What is due already must not look like a difference.
    await foldShards(client, ticket, [shard]);
    const before = await results(client, shard);
    await client.query(
      `WITH trial AS (SELECT e.batch_id, h.id AS partner_id, e.shard, e.month, e.entries,
           length(e.entries) AS bytes
         FROM rerate_entry e, partner h
         WHERE e.run_id = $1 AND e.shard = $2 AND h.parent_id IS NULL),
       added AS (INSERT INTO allowance_entry (batch_id, partner_id, shard, month, replaces, bytes)
         SELECT batch_id, partner_id, shard, month, true, bytes FROM trial),
       due AS (INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
         SELECT shard, month, batch_id, partner_id, bytes FROM trial)
       INSERT INTO entry_piece (batch_id, partner_id, shard, month, piece, bytes)
       SELECT batch_id, partner_id, shard, month, n,
         substring(entries FROM n * ${PIECE_BYTES} + 1 FOR ${PIECE_BYTES})
       FROM trial, generate_series(0, (bytes - 1) / ${PIECE_BYTES}) n`,
      [previewRunId, shard],
    );
    const { left } = await foldShards(client, ticket, [shard]);
    // What would come of the month is not known then.
    if (left > 0) throw new DomainError('MONTH_CHARGE_TOO_LARGE', TOO_LARGE);
    const counted = await countedBefore(client, previewRunId, shard);
    counts.adjusted += addDifferences(sums, before, await results(client, shard), counted);
    await client.query('ROLLBACK TO SAVEPOINT trial');
  }
  const sources = sums.sources.map((source) => ({ source, deltas: sums.deltasOf(source) }));
  await storeDifferences(client, ticket, versions, sources);
  await completeBatchSql(client, ticket, { totals: counts }, job.bytes);
  await endStep(client, job);
  await client.query('COMMIT');
}

// What differs already before the month has its say, by the id and level of the record.
async function countedBefore(
  client: pg.Client,
  previewRunId: number,
  shard: number,
): Promise<Set<string>> {
  const rows = rowsOf<{ levels: Buffer }>(
    await client.query('SELECT levels FROM rerate_counted WHERE run_id = $1 AND shard = $2', [
      previewRunId,
      shard,
    ]),
  );
  const found = new Set<string>();
  for (const { levels } of rows) readCounted(levels, found);
  return found;
}

// Every record of a shard that a fold has priced otherwise, by its id and level.
async function results(client: pg.Client, shard: number): Promise<Map<string, AdjustedRecord>> {
  const rows = rowsOf<{ records: Buffer }>(
    await client.query(
      `SELECT records FROM allowance_result WHERE contract_id % 64 = $1
         AND month >= (SELECT min(month) FROM allowance_entry WHERE shard = $1)`,
      [shard],
    ),
  );
  const found = new Map<string, AdjustedRecord>();
  for (const { records } of rows) {
    for (const record of decodeRecords(records))
      found.set(`${record.xdrId} ${record.level}`, record);
  }
  return found;
}
