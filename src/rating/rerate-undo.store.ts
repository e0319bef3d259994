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
import { tellCredit } from './credit-usage.store.js';
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
    RETURNING shard, month, batch_id, partner_id, bytes)
  INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
  SELECT shard, month, batch_id, partner_id, bytes FROM gone
  ON CONFLICT DO NOTHING`;

const DIFFERENCES = `
  INSERT INTO rerate_difference (run_id, batch_id, partner_id, payer_partner_id, contract_id,
    level, service, destination_id, invoice_id, currency, records, before, after)
  SELECT $1, $2, partner_id, payer_partner_id, contract_id, level, service, destination_id,
    invoice_id, currency, records, after, before
  FROM rerate_difference WHERE batch_id = $3`;

// Watched since after the batch was applied, which has not told of them. Of those that it has told
// of some may say so none the less: since an upgrade they all do that were watched before.
const WATCHED_LATER = `
  SELECT s.id FROM subscription s JOIN run_batch b ON b.id = $1
  WHERE s.credit_watched_at > b.finished_at AND s.id <> ALL ($2::int[])`;

// What restoring changes for subscribers: their last level as it is shown now, less what it was
// before. What they had used besides is counted, and may rest on records that are gone by now.
const RESTORED_CREDIT = `
  SELECT l.subscription_id AS subscription, l.month::text, sum(l.amount)::text AS amount
  FROM (SELECT x.subscription_id, c.sign * c.amounts[cardinality(c.amounts)] AS amount,
      date_trunc('month', c.started_at AT TIME ZONE v.time_zone)::date AS month
    FROM (SELECT id, started_at, amounts, CASE batch_id WHEN $1 THEN 1 ELSE -1 END AS sign,
        ('x' || encode(substring(legs FROM length(legs) - 7 FOR 4), 'hex'))::bit(32)::int
          AS version
      FROM seen_correction
      WHERE batch_id IN ($1, $2) AND started_at >= $3 AND started_at < $4) c
    JOIN (SELECT id, subscription_id FROM seen_xdr
      WHERE started_at >= $3 AND started_at < $4 AND subscription_id = ANY ($5::int[])) x
      ON x.id = c.id
    JOIN contract_version v ON v.id = c.version) l
  GROUP BY 1, 2 HAVING sum(l.amount) <> 0`;

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
  const told = (batch?.credit ?? []).map(
    ([id, month, amount]): CreditEntry => [id, month, (-BigInt(amount)).toString()],
  );
  await tellCredit(client, ticket, async () => [
    ...told,
    ...(await creditOfLater(client, [ticket.id, undone, from, to], told)),
  ]);
  await client.query(DIFFERENCES, [ticket.runId, ticket.id, undone]);
  const totals = { records: restored.rowCount ?? 0, changed: restored.rowCount ?? 0 };
  await completeBatchSql(client, ticket, { totals }, job.bytes);
  await endStep(client, job);
  await client.query('COMMIT');
}

/** What credit control was not told when the batch was applied, and counted as it was then. */
async function creditOfLater(
  client: pg.Client,
  span: readonly [number, number, Date, Date],
  told: readonly CreditEntry[],
): Promise<CreditEntry[]> {
  const ids = told.map(([id]) => id);
  const later = rowsOf<{ id: number }>(await client.query(WATCHED_LATER, [span[1], ids]));
  if (later.length === 0) return [];
  const changed = rowsOf<{ subscription: number; month: string; amount: string }>(
    await hashJoined(client, () =>
      client.query(RESTORED_CREDIT, [...span, later.map(({ id }) => id)]),
    ),
  );
  return changed.map(({ subscription, month, amount }) => [subscription, month, amount]);
}
