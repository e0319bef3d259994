import type pg from 'pg';
import { invariant } from '../kernel/index.js';
import { identityTime, ratingFaults } from '../mediation/thread.js';
import type { BatchFindings, Suspended } from './batch-findings.js';
import type { BatchJob, ImportJob, RecycleJob } from './batch-job.js';
import type { PriceBook } from './book.js';
import { type PieceTable, storePieces } from './byte-pieces.store.js';
import type { ChunkPool } from './copy-rows.js';
import { tellCredit } from './credit-usage.store.js';
import { subscriptionIdAt } from './guide.js';
import { OUTCOME } from './rated-batch.js';
import { arrayOf, sendBytes } from './send-bytes.store.js';
import { kindsOf, portions } from './suspended-rows.js';

const PIECES: PieceTable = { leaf: 'identity_piece_all', keys: ['batch_id', 'partner_id'] };
const ROWS_A_STATEMENT = 5_000;
const BYTES_A_STATEMENT = 8 * 1024 * 1024;

/** Stores what an imported batch found besides xDRs and sums; {@link countFile} is to follow. */
export async function storeFindings(
  client: pg.Client,
  job: ImportJob,
  book: PriceBook,
  findings: BatchFindings,
  pool: ChunkPool,
): Promise<void> {
  await storeSuspended(client, job, findings.suspended);
  await storeDuplicates(client, job, findings);
  await storeIdentities(client, job, findings, pool);
  await storeCredit(client, job, book, findings);
}

/**
 * Adds what a batch found to the counts of its file. Other batches of the file wait for the row
 * until the transaction ends, so this comes as late as can be.
 */
export async function countFile(
  client: pg.Client,
  job: ImportJob,
  findings: BatchFindings,
): Promise<void> {
  const { received, rated, rejected, duplicate, held } = findings.counts;
  await client.query(
    `UPDATE usage_file SET received = received + $2, rated = rated + $3,
       rejected = rejected + $4, duplicate = duplicate + $5, held = held + $6 WHERE id = $1`,
    [job.fileId, received, rated, rejected, duplicate, held],
  );
  await client.query(
    `UPDATE usage_file f SET state = 'DONE', finished_at = clock_timestamp()
     WHERE f.id = $1 AND NOT EXISTS (SELECT 1 FROM run_batch b
       WHERE b.run_id = $2 AND b.id <> $3 AND b.state <> 'DONE')`,
    [job.fileId, job.ticket.runId, job.ticket.id],
  );
}

async function storeSuspended(
  client: pg.Client,
  job: ImportJob,
  all: readonly Suspended[],
): Promise<void> {
  for (const part of portions(all, ROWS_A_STATEMENT, BYTES_A_STATEMENT)) {
    const { kinds, places } = kindsOf(part);
    // Lines go as one value, which PostgreSQL cuts up, and what many rows say alike goes once.
    await sendBytes(
      client,
      `INSERT INTO suspense_record (partner_id, usage_file_id, batch_id, byte_offset, batch_line,
         state, code, field, message, owns_identity, contract_id, raw)
       SELECT $1, $2, $3, u.byte_offset, u.line, k.state, k.code, k.field, k.message, k.owns,
         u.contract, substring(b.bytes FROM u.before + 1 FOR u.bytes)
       FROM (SELECT n.*, (sum(bytes) OVER (ORDER BY place) - bytes)::int AS before
         FROM unnest($5::bigint[], $6::int[], $7::int[], $8::int[], $9::int[]) WITH ORDINALITY
           AS n (byte_offset, line, kind, bytes, contract, place)) u
       JOIN ROWS FROM (jsonb_to_recordset($4::jsonb)
           AS (state text, code text, field text, message text, owns boolean))
         WITH ORDINALITY AS k (state, code, field, message, owns, number)
         ON k.number = u.kind + 1
       CROSS JOIN (SELECT $10::bytea AS bytes OFFSET 0) AS b ORDER BY u.place`,
      [
        job.ticket.partnerId,
        job.fileId,
        job.ticket.id,
        JSON.stringify(kinds.map((kind) => ({ ...kind, owns: ratingFaults.has(kind.code) }))),
        arrayOf(part, ({ byteOffset }) => byteOffset),
        arrayOf(part, ({ line }) => line),
        arrayOf(places, (place) => place),
        arrayOf(part, ({ raw }) => raw.length),
        arrayOf(part, ({ contractId }) => contractId ?? 'NULL'),
      ],
      Buffer.concat(part.map(({ raw }) => raw)),
    );
  }
}

async function storeDuplicates(
  client: pg.Client,
  job: ImportJob,
  findings: BatchFindings,
): Promise<void> {
  const all = findings.duplicates;
  for (let at = 0; at < all.length; at += ROWS_A_STATEMENT) {
    const part = all.slice(at, at + ROWS_A_STATEMENT);
    await client.query(
      `INSERT INTO duplicate_record (partner_id, usage_file_id, batch_id, byte_offset, batch_line,
         identity)
       SELECT $1, $2, $3, u.byte_offset, u.line, u.identity
       FROM unnest($4::bigint[], $5::int[], $6::uuid[]) AS u (byte_offset, line, identity)`,
      [
        job.ticket.partnerId,
        job.fileId,
        job.ticket.id,
        arrayOf(part, ({ byteOffset }) => byteOffset),
        arrayOf(part, ({ line }) => line),
        arrayOf(part, ({ identity }) => identity),
      ],
    );
  }
}

async function storeIdentities(
  client: pg.Client,
  job: BatchJob,
  findings: BatchFindings,
  pool: ChunkPool,
): Promise<void> {
  if (findings.identityCount === 0) return;
  const { id, partnerId } = job.ticket;
  await client.query(
    `INSERT INTO identity_segment
       (batch_id, identity_domain, partner_id, records, time_key, first_at, last_at, last_day)
     VALUES ($1, $2, $3, $4, $5, $6, $7, ($7 AT TIME ZONE 'UTC')::date)`,
    [
      id,
      job.source.identityDomain,
      partnerId,
      findings.identityCount,
      identityTime(job.source.format)?.key ?? null,
      new Date(findings.firstMs).toISOString(),
      new Date(findings.lastMs).toISOString(),
    ],
  );
  const value = { keys: [id, partnerId], bytes: findings.identities() };
  await storePieces(client, PIECES, [value], pool);
}

async function storeCredit(
  client: pg.Client,
  job: BatchJob,
  book: PriceBook,
  findings: BatchFindings,
): Promise<void> {
  const idAt = (place: number) => subscriptionIdAt(book.guide, place);
  await tellCredit(client, job.ticket, (watched) => findings.credit.entries(watched, idAt));
}

/** A suspended record with its raw text, and later how it ended this time. */
export interface SuspendedLine {
  readonly id: string;
  readonly held: boolean;
  /** Whether its identity was stored when an attempt before came as far as that. */
  readonly ownsIdentity: boolean;
  /** Whether it was longer than what is kept of it. */
  readonly isCut: boolean;
  readonly raw: Buffer;
  readonly ending?: number;
}

/**
 * The records of a recycle batch that are still suspended, locked until the transaction ends, so
 * that two runs that name the same record rate it once. One that was purged since it was named has
 * no text any more.
 */
export async function lockSuspended(
  client: pg.Client,
  ids: readonly string[],
): Promise<SuspendedLine[]> {
  const found = await client.query<SuspendedLine>(
    `SELECT id, state = 'HELD' AS held, owns_identity AS "ownsIdentity",
       code = 'LINE_TOO_LONG' AS "isCut", raw FROM suspense_record
     WHERE id = ANY ($1::bigint[]) AND state <> 'RECYCLED' AND purged_at IS NULL
     ORDER BY id FOR UPDATE`,
    [ids],
  );
  return found.rows;
}

/**
 * Moves recycled records out of suspense and the counts of their file with them. A record that
 * failed again stays, with the reason of this attempt.
 */
export async function storeRecycled(
  client: pg.Client,
  job: RecycleJob,
  book: PriceBook,
  findings: BatchFindings,
  endings: readonly SuspendedLine[],
  pool: ChunkPool,
): Promise<void> {
  const gone = endings.filter(
    (line) => line.ending === OUTCOME.RATED || line.ending === OUTCOME.DUPLICATE,
  );
  const left = endings.filter((line) => !gone.includes(line));
  invariant(left.length === findings.suspended.length, 'each record that stays has its reason');
  await storeIdentities(client, job, findings, pool);
  await storeCredit(client, job, book, findings);
  await client.query(
    `UPDATE suspense_record SET state = 'RECYCLED', recycled_by_batch_id = $2
     WHERE id = ANY ($1::bigint[])`,
    [gone.map((line) => line.id), job.ticket.id],
  );
  await client.query(
    `UPDATE suspense_record s SET state = u.state, code = u.code, field = u.field,
       message = u.message, owns_identity = s.owns_identity OR u.owns, contract_id = u.contract
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[],
         $7::int[]) AS u (id, state, code, field, message, owns, contract)
     WHERE s.id = u.id`,
    [
      left.map((line) => line.id),
      findings.suspended.map((row) => row.state),
      findings.suspended.map((row) => row.code),
      findings.suspended.map((row) => row.field),
      findings.suspended.map((row) => row.message),
      findings.suspended.map((row) => ratingFaults.has(row.code)),
      findings.suspended.map((row) => row.contractId),
    ],
  );
  const { rated, rejected, duplicate, held } = findings.counts;
  const wasHeld = endings.filter((line) => line.held).length;
  await client.query(
    `UPDATE usage_file SET rated = rated + $2, duplicate = duplicate + $3,
       rejected = rejected + $4, held = held + $5 WHERE id = $1`,
    [job.fileId, rated, duplicate, rejected - (endings.length - wasHeld), held - wasHeld],
  );
}
