import { rowsOf, type Tx } from '../platform/index.js';
import type { Webhook } from './webhook.entity.js';
import { PING } from './webhook-message.js';
import { TRY_HOURS } from './webhook-pace.js';
import { WEBHOOK_CHANNEL } from './webhook-queue.store.js';

/** How many webhooks a partner has. Those who count at the same time wait for each other. */
export async function webhooksOf(tx: Tx, partnerId: number): Promise<number> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('kontor webhooks'), $1)`, [partnerId]);
  const [row] = rowsOf<{ n: number }>(
    await tx.query(
      `SELECT count(*)::int AS n FROM webhook WHERE partner_id = $1 AND state <> 'DELETED'`,
      [partnerId],
    ),
  );
  return row?.n ?? 0;
}

/** A number for a new webhook, which its secret is sealed for. */
export async function nextWebhook(tx: Tx): Promise<number> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(`SELECT nextval('webhook_id_seq')::int AS id`),
  );
  return (rows[0] as { id: number }).id;
}

/** Writes a new webhook. */
export async function insertWebhook(
  tx: Tx,
  webhook: Pick<
    Webhook,
    'id' | 'partnerId' | 'url' | 'description' | 'eventTypes' | 'createdBy' | 'secretSealed'
  >,
): Promise<void> {
  const { id, partnerId, url, description, eventTypes, createdBy, secretSealed } = webhook;
  await tx.query(
    `INSERT INTO webhook (id, partner_id, url, description, event_types, created_by,
       secret_sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [id, partnerId, url, description, eventTypes, createdBy, secretSealed],
  );
}

/** Puts a new secret in the place of the present one, which signs beside it for so many hours. */
export async function replaceSecret(
  tx: Tx,
  id: number,
  sealed: Buffer,
  overlapHours: number,
): Promise<void> {
  await tx.query(
    `UPDATE webhook SET secret_sealed = $2,
       previous_secret_sealed = CASE WHEN $3 > 0 THEN secret_sealed END,
       previous_secret_until = CASE WHEN $3 > 0
         THEN clock_timestamp() + $3 * interval '1 hour' END
     WHERE id = $1`,
    [id, sealed, overlapHours],
  );
}

/** Ends a webhook: its secrets are gone, and so is what waits for it. */
export async function endWebhook(tx: Tx, id: number): Promise<void> {
  await tx.query(
    `UPDATE webhook SET state = 'DELETED', paused_reason = NULL, state_since = clock_timestamp(),
       secret_sealed = NULL, previous_secret_sealed = NULL, previous_secret_until = NULL
     WHERE id = $1`,
    [id],
  );
  await tx.query(
    `UPDATE webhook_delivery SET state = 'FAILED', finished_at = clock_timestamp()
     WHERE webhook_id = $1 AND state = 'WAITING'`,
    [id],
  );
}

/** Writes a ping that is sent at once. */
export async function insertPing(
  tx: Tx,
  webhook: Pick<Webhook, 'id' | 'partnerId'>,
): Promise<number> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO webhook_delivery (partner_id, webhook_id, message_id, event_type, occurred_at,
         data, ends_at)
       VALUES ($1, $2, 'msg_' || replace(gen_random_uuid()::text, '-', ''), $3, now(), '{}',
         now() + $4 * interval '1 hour') RETURNING id`,
      [webhook.partnerId, webhook.id, PING, TRY_HOURS],
    ),
  );
  await ring(tx);
  return (rows[0] as { id: number }).id;
}

/** Has a message sent now and tried as long as a new one; false when there is none to see. */
export async function sendAgain(tx: Tx, id: number): Promise<boolean> {
  const found = rowsOf(
    await tx.query(
      `UPDATE webhook_delivery d SET state = 'WAITING', due_at = now(), failures = 0,
         finished_at = NULL, ends_at = now() + $2 * interval '1 hour'
       FROM webhook w WHERE d.id = $1 AND w.id = d.webhook_id AND w.state <> 'DELETED'
       RETURNING d.id`,
      [id, TRY_HOURS],
    ),
  );
  if (found.length > 0) await ring(tx);
  return found.length > 0;
}

// Tells those who send that there is something to do.
async function ring(tx: Tx): Promise<void> {
  await tx.query(`SELECT pg_notify($1, '')`, [WEBHOOK_CHANNEL]);
}
