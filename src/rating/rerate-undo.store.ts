import type pg from 'pg';
import {
  appendOutbox,
  completeBatchSql,
  enterScope,
  hashJoined,
  rowsOf,
  SYSTEM_SCOPE,
} from '../platform/thread.js';
import { FOLD_TOPIC } from './allowance.store.js';
import type { RerateUndoJob } from './batch-job.js';
import type { CreditEntry } from './credit-sums.js';
import { orderCount, tellCredit } from './credit-usage.store.js';
import { purged } from './rerate-plan.store.js';
import { endStep } from './rerate-step.store.js';

// What was shown before the batch: the newest correction older than its own, or the record.
const RESTORE = `
  INSERT INTO xdr_correction (id, started_at, batch_id, partner_id, legs, amounts, batches)
  SELECT c.id, c.started_at, $1, c.partner_id, coalesce(p.legs, x.stored_legs),
    coalesce(p.amounts, x.stored_amounts),
    coalesce(p.batches, array_fill(0, ARRAY[cardinality(x.stored_amounts)]))
  FROM seen_correction c
  JOIN (SELECT id, stored_legs, stored_amounts FROM seen_xdr
    WHERE started_at >= $3 AND started_at < $4) x ON x.id = c.id
  LEFT JOIN LATERAL (SELECT legs, amounts, batches FROM seen_correction p
    WHERE p.id = c.id AND p.started_at = c.started_at AND p.batch_id < $2
    ORDER BY p.batch_id DESC LIMIT 1) p ON true
  WHERE c.batch_id = $2 AND c.started_at >= $3 AND c.started_at < $4`;

// The sums that the batch had added, taken back.
const TAKE_BACK = `
  INSERT INTO usage_summary (batch_id, usage_on, partner_id, contract_id, contract_version_id,
    account_id, service, destination_id, records, quantity, billed_quantity, amount)
  SELECT $1, usage_on, partner_id, contract_id, contract_version_id, account_id, service,
    destination_id, -records, -quantity, -billed_quantity, -amount
  FROM usage_summary WHERE batch_id = $2 AND usage_on >= ($3::timestamptz - interval '2 days')
    AND usage_on <= ($4::timestamptz + interval '2 days')`;

// Keeps folds away from the months of its entries: one that has read them already would forget
// that they are due. In the order in which folds lock them.
const HOLD_FOLDS = `
  SELECT pg_advisory_xact_lock_shared(hashtext('fold'), shard)
  FROM (SELECT DISTINCT shard::int AS shard FROM allowance_entry WHERE batch_id = $1
    ORDER BY shard) AS held`;

// Its entries leave the fold, which finds those that they had replaced.
const WITHDRAW = `
  WITH gone AS (UPDATE allowance_entry SET withdrawn = true
    WHERE batch_id = $1 AND NOT withdrawn
    RETURNING shard, month, batch_id, partner_id, length(entries) AS bytes)
  INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
  SELECT shard, month, batch_id, partner_id, bytes FROM gone
  ON CONFLICT DO NOTHING`;

const DIFFERENCES = `
  INSERT INTO rerate_difference (run_id, batch_id, partner_id, payer_partner_id, contract_id,
    level, service, destination_id, invoice_id, currency, records, before, after)
  SELECT $1, $2, partner_id, payer_partner_id, contract_id, level, service, destination_id,
    invoice_id, currency, records, after, before
  FROM rerate_difference WHERE batch_id = $3`;

// Subscriptions that came to be watched after the batch was applied, which has not told of them.
const COUNT_ANEW = `
  UPDATE subscription s SET credit_count_from = c.month
  FROM (SELECT n.id, greatest(n.credit_watched_from,
        date_trunc('month', $2::timestamptz - interval '2 days')::date) AS month
      FROM subscription n JOIN run_batch b ON b.id = $1
      WHERE n.credit_watched_at > b.finished_at AND n.credit_watched_from > '-infinity'
      ORDER BY n.id FOR NO KEY UPDATE OF n) c
  WHERE s.id = c.id AND (s.credit_count_from IS NULL OR s.credit_count_from > c.month)`;

/**
 * Restores what one batch of an applied change set had changed, in one transaction that also
 * completes the batch of the undo. Nothing is taken away: newer corrections and sums are added.
 */
export async function undoBatch(client: pg.Client, job: RerateUndoJob): Promise<void> {
  const { ticket, undoneBatchId: undone } = job;
  const [from, to] = [new Date(job.fromMs), new Date(job.toMs)];
  await client.query('BEGIN');
  await enterScope(client, SYSTEM_SCOPE);
  await client.query(HOLD_FOLDS, [undone]);
  const restored = await hashJoined(client, () =>
    client.query(RESTORE, [ticket.id, undone, from, to]),
  );
  await client.query(TAKE_BACK, [ticket.id, undone, from, to]);
  const withdrawn = await client.query(WITHDRAW, [undone]);
  if (withdrawn.rowCount !== 0) {
    await appendOutbox(client, {
      topic: FOLD_TOPIC,
      partnerId: ticket.partnerId,
      payload: { runId: ticket.runId },
    });
  }
  const [batch] = rowsOf<{ credit: CreditEntry[] | null; changed: number }>(
    await client.query(
      `SELECT result -> 'credit' AS credit, (result -> 'totals' ->> 'changed')::int AS changed
       FROM run_batch WHERE id = $1`,
      [undone],
    ),
  );
  // A purge may have come in between: sums are taken back as a whole, so records must be, too.
  if (restored.rowCount !== batch?.changed) throw purged();
  const told = batch?.credit ?? [];
  await tellCredit(client, ticket, () =>
    told.map(([id, month, amount]) => [id, month, (-BigInt(amount)).toString()]),
  );
  const later = await client.query(COUNT_ANEW, [undone, from]);
  if (later.rowCount !== 0) await orderCount(client, ticket.partnerId);
  await client.query(DIFFERENCES, [ticket.runId, ticket.id, undone]);
  const totals = { records: restored.rowCount ?? 0, changed: restored.rowCount ?? 0 };
  await completeBatchSql(client, ticket, { totals }, job.bytes);
  await endStep(client, job);
  await client.query('COMMIT');
}
