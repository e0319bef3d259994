import {
  type EventRow,
  enterScope,
  lastPosition,
  readEvents,
  rowsOf,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import type { WebhookFault } from './webhook.entity.js';
import { messageOf, PING } from './webhook-message.js';
import { type Claimant, TRY_HOURS } from './webhook-pace.js';

/** Channel on which processes learn that something is to be sent at once. */
export const WEBHOOK_CHANNEL = 'kontor_webhook';

const EVENTS_AT_ONCE = 500;

/** A message to a webhook whose delivery this process has begun. */
export interface ClaimedDelivery extends Claimant {
  readonly id: number;
  readonly epoch: number;
  readonly messageId: string;
  readonly eventType: string;
  readonly occurredAt: Date;
  readonly data: object;
  /** Failures so far. */
  readonly failures: number;
  /** Whether the time to try was over before, as after a pause. */
  readonly expired: boolean;
  readonly url: string;
  readonly secretSealed: Buffer;
  /** The secret before it, as long as it signs as well. */
  readonly previousSecretSealed: Buffer | null;
}

/** The condition that partner `p` and all above it still do business. */
const IN_BUSINESS = `NOT EXISTS (SELECT 1 FROM partner above
  WHERE above.id = ANY (p.path) AND above.status <> 'ACTIVE')`;

/**
 * Hands events that came since the last call to the webhooks that are told of them, in the
 * transaction that remembers how far it got; answers whether more may follow. One process at a
 * time does so, others go on without.
 */
export async function handOutEvents(tx: Tx): Promise<boolean> {
  const [cursor] = rowsOf<{ position: string }>(
    await tx.query(
      `SELECT position FROM webhook_cursor
       WHERE position < (SELECT max(position) FROM event) FOR UPDATE SKIP LOCKED`,
    ),
  );
  if (cursor === undefined) return false;
  // Partners made by now are seen from here on, and events up to this position are of no other:
  // none is passed over because its partner was too new to be visible.
  const upTo = await lastPosition(tx);
  await enterScope(tx, SYSTEM_SCOPE);
  const after = BigInt(cursor.position);
  if (upTo <= after) return false;
  const events = await readEvents(tx, { after, upTo, limit: EVENTS_AT_ONCE });
  const isFull = events.length === EVENTS_AT_ONCE;
  await insertDeliveries(tx, events);
  const reached = isFull ? (events.at(-1) as EventRow).position : upTo;
  await tx.query('UPDATE webhook_cursor SET position = $1', [String(reached)]);
  return isFull;
}

// What comes while a webhook is paused waits for it, as long as it would have been tried. None is
// told that it fails itself.
async function insertDeliveries(tx: Tx, events: readonly EventRow[]): Promise<void> {
  const told = events.flatMap((event) => {
    const message = messageOf(event);
    return message === null ? [] : [{ event, message }];
  });
  if (told.length === 0) return;
  await tx.query(
    `INSERT INTO webhook_delivery (partner_id, webhook_id, message_id, event_type,
       event_position, occurred_at, data, ends_at)
     SELECT w.partner_id, w.id, 'msg_' || replace(gen_random_uuid()::text, '-', ''), e.kind,
       e.position, e.occurred_at, e.data::jsonb, now() + $6 * interval '1 hour'
     FROM unnest($1::bigint[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $7::text[])
         AS e(position, partner_id, kind, occurred_at, data, about)
       JOIN partner about ON about.id = e.partner_id
       JOIN webhook w ON w.partner_id = ANY (about.path) AND e.kind = ANY (w.event_types)
         AND e.about <> 'Webhook:' || w.id
       JOIN partner p ON p.id = w.partner_id
     WHERE (w.state = 'ACTIVE'
         OR w.state = 'PAUSED' AND w.state_since > now() - $6 * interval '1 hour')
       AND ${IN_BUSINESS}
     ON CONFLICT (webhook_id, event_position) DO NOTHING`,
    [
      told.map(({ event }) => String(event.position)),
      told.map(({ event }) => event.partnerId),
      told.map(({ message }) => message.kind),
      told.map(({ event }) => event.occurredAt),
      told.map(({ message }) => JSON.stringify(message.data)),
      TRY_HOURS,
      told.map(({ event }) => event.key),
    ],
  );
}

/** Webhooks with something to send by now, those that have waited longest first. */
export async function waitingWebhooks(tx: Tx): Promise<(Claimant & { overdueMs: number })[]> {
  return rowsOf(
    await tx.query(
      `SELECT w.id AS "webhookId", w.partner_id AS "partnerId",
         w.failing_since IS NULL AND w.last_delivered_at IS NOT NULL AS proven,
         (extract(epoch FROM clock_timestamp() - due.at) * 1000)::float8 AS "overdueMs"
       FROM webhook w JOIN partner p ON p.id = w.partner_id
         CROSS JOIN LATERAL (SELECT d.due_at AS at FROM webhook_delivery d
           WHERE d.webhook_id = w.id AND d.state = 'WAITING'
             AND d.due_at <= clock_timestamp() AND (w.state = 'ACTIVE' OR d.event_type = $1)
           ORDER BY d.due_at LIMIT 1) AS due
       WHERE w.state <> 'DELETED' AND ${IN_BUSINESS}
       ORDER BY due.at`,
      [PING],
    ),
  );
}

/**
 * Takes up to so many messages of each webhook, for as long as the lease: afterwards somebody else
 * sends them, as when this process has died.
 */
export async function claimDeliveries(
  tx: Tx,
  shares: ReadonlyMap<number, number>,
  leaseMs: number,
): Promise<ClaimedDelivery[]> {
  return rowsOf(
    await tx.query(
      `UPDATE webhook_delivery d SET epoch = d.epoch + 1,
         due_at = clock_timestamp() + $3 * interval '1 millisecond'
       FROM unnest($1::int[], $2::int[]) AS share(webhook_id, most)
         JOIN webhook w ON w.id = share.webhook_id
         CROSS JOIN LATERAL (SELECT c.id FROM webhook_delivery c
           WHERE c.webhook_id = w.id AND c.state = 'WAITING' AND c.due_at <= clock_timestamp()
             AND (w.state = 'ACTIVE' OR w.state = 'PAUSED' AND c.event_type = $4)
           ORDER BY c.due_at, c.id LIMIT share.most FOR UPDATE SKIP LOCKED) AS picked
       WHERE d.id = picked.id
       RETURNING d.id, d.epoch, d.webhook_id AS "webhookId", d.partner_id AS "partnerId",
         d.message_id AS "messageId", d.event_type AS "eventType", d.occurred_at AS "occurredAt",
         d.data, d.failures, d.ends_at < clock_timestamp() - interval '1 hour' AS expired, w.url,
         w.secret_sealed AS "secretSealed",
         w.failing_since IS NULL AND w.last_delivered_at IS NOT NULL AS proven,
         CASE WHEN w.previous_secret_until > clock_timestamp() THEN w.previous_secret_sealed END
           AS "previousSecretSealed"`,
      [[...shares.keys()], [...shares.values()], leaseMs, PING],
    ),
  );
}

/** What became of one attempt. */
export interface Attempt {
  readonly at: Date;
  readonly durationMs: number;
  readonly status: number | null;
  readonly fault: WebhookFault | null;
}

type Held = Pick<ClaimedDelivery, 'id' | 'epoch' | 'partnerId' | 'webhookId'>;

/**
 * The message has arrived; answers whether it was still ours, and whether the webhook works again.
 */
export async function markDelivered(
  tx: Tx,
  held: Held,
  attempt: Attempt,
): Promise<{ own: boolean; recovered: boolean }> {
  const state = await endAttempt(tx, held, attempt, `'DELIVERED'`, 0);
  if (state === null) return { own: false, recovered: false };
  // One message a minute is enough to tell that a webhook works.
  const noted = rowsOf<{ recovered: boolean }>(
    await tx.query(
      `UPDATE webhook w SET failing_since = NULL, last_delivered_at = clock_timestamp()
       FROM (SELECT id, failing_since IS NOT NULL AND state = 'ACTIVE' AS recovered FROM webhook
         WHERE id = $1 FOR NO KEY UPDATE) AS before
       WHERE w.id = before.id AND (w.failing_since IS NOT NULL OR w.last_delivered_at IS NULL
         OR w.last_delivered_at < clock_timestamp() - interval '1 minute')
       RETURNING before.recovered`,
      [held.webhookId],
    ),
  );
  return { own: true, recovered: noted[0]?.recovered ?? false };
}

/**
 * The message waits for another attempt, the last of them when its time is over, or has failed
 * when this was it; null when it was not ours any more.
 */
export async function postponeDelivery(
  tx: Tx,
  held: Held,
  attempt: Attempt,
  pauseMs: number,
): Promise<'WAITING' | 'FAILED' | null> {
  const last = `CASE WHEN ends_at <= clock_timestamp() + interval '1 minute'
    THEN 'FAILED' ELSE 'WAITING' END`;
  return endAttempt(tx, held, attempt, last, pauseMs) as Promise<'WAITING' | 'FAILED' | null>;
}

/** The message is not tried any more; answers false when it was not ours any more. */
export async function markFailed(tx: Tx, held: Held, attempt: Attempt): Promise<boolean> {
  return (await endAttempt(tx, held, attempt, `'FAILED'`, 0)) !== null;
}

async function endAttempt(
  tx: Tx,
  held: Held,
  attempt: Attempt,
  state: string,
  pauseMs: number,
): Promise<string | null> {
  const own = rowsOf<{ state: string }>(
    await tx.query(
      `UPDATE webhook_delivery SET state = now.state,
         due_at = least(ends_at, clock_timestamp() + $3 * interval '1 millisecond'),
         failures = failures + CASE now.state WHEN 'DELIVERED' THEN 0 ELSE 1 END,
         finished_at = CASE now.state WHEN 'WAITING' THEN NULL ELSE clock_timestamp() END
       FROM (SELECT id, ${state} AS state FROM webhook_delivery WHERE id = $1 FOR UPDATE) AS now
       WHERE webhook_delivery.id = now.id AND epoch = $2
         AND webhook_delivery.state = 'WAITING' RETURNING now.state`,
      [held.id, held.epoch, pauseMs],
    ),
  )[0];
  if (own === undefined) return null;
  await tx.query(
    `INSERT INTO webhook_attempt (partner_id, delivery_id, at, duration_ms, status, fault)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [held.partnerId, held.id, attempt.at, attempt.durationMs, attempt.status, attempt.fault],
  );
  return own.state;
}

/** Notes that a webhook did not take a message; answers since when, and whether for too long. */
export async function noteFailing(
  tx: Tx,
  webhookId: number,
): Promise<{ failingSince: Date; tooLong: boolean; url: string } | null> {
  const rows = rowsOf<{ failingSince: Date; tooLong: boolean; url: string }>(
    await tx.query(
      `UPDATE webhook SET failing_since = coalesce(failing_since, clock_timestamp())
       WHERE id = $1 AND state <> 'DELETED' RETURNING failing_since AS "failingSince", url,
         state = 'ACTIVE' AND failing_since <= clock_timestamp() - $2 * interval '1 hour'
           AS "tooLong"`,
      // The last attempt of what came first comes a little earlier than its time is over.
      [webhookId, TRY_HOURS - 1],
    ),
  );
  return rows[0] ?? null;
}

/** Pauses an active webhook; answers whether it was active. */
export async function pauseFailing(
  tx: Tx,
  webhookId: number,
  reason: 'FAILING' | 'GONE',
): Promise<boolean> {
  const paused = rowsOf(
    await tx.query(
      `UPDATE webhook SET state = 'PAUSED', paused_reason = $2, state_since = clock_timestamp()
       WHERE id = $1 AND state = 'ACTIVE' RETURNING id`,
      [webhookId, reason],
    ),
  );
  return paused.length > 0;
}
