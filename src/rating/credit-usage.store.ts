import type pg from 'pg';
import { appendOutbox, type BatchTicket } from '../platform/index.js';

/** Topic of the outbox row that carries the usage charges of subscriptions with a limit. */
export const CREDIT_USAGE_TOPIC = 'credit.usage';

/** Subscription, first day of the month (YYYY-MM-DD), change of its charges at scale 8. */
export type CreditEntry = readonly [number, string, string];

/** Lets credit control know by how much a batch changes what subscriptions are charged. */
export async function tellCredit(
  client: pg.Client,
  ticket: BatchTicket,
  entries: readonly CreditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const { id: batchId, partnerId } = ticket;
  await appendOutbox(client, {
    topic: CREDIT_USAGE_TOPIC,
    partnerId,
    payload: { batchId, entries },
  });
}
