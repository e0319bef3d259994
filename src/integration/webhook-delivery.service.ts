import { setMaxListeners } from 'node:events';
import { clearCondition, raiseAlarm } from '../alarm/index.js';
import { unseal } from '../identity/index.js';
import {
  type Database,
  type Doorbell,
  EVENT_CHANNEL,
  EVENTS_PLACED,
  type Log,
  type Metrics,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { failingKey, secretOwner } from './webhook-key.js';
import { messageBody, PING } from './webhook-message.js';
import { retryPauseMs, type Slots, shareSlots } from './webhook-pace.js';
import {
  type Attempt,
  type ClaimedDelivery,
  claimDeliveries,
  handOutEvents,
  markDelivered,
  markFailed,
  noteFailing,
  pauseFailing,
  postponeDelivery,
  WEBHOOK_CHANNEL,
  waitingWebhooks,
} from './webhook-queue.store.js';
import type { Sent, WebhookSender } from './webhook-sender.service.js';

export interface DeliveryOptions {
  readonly sender: WebhookSender;
  /** Opens the secrets of webhooks. */
  readonly secretKey: Uint8Array;
  readonly now: () => Date;
  readonly log?: Log;
  readonly metrics?: Pick<Metrics, 'webhookAttempts' | 'webhookWaitingSeconds'>;
  readonly doorbell?: Doorbell;
  readonly pollMs?: number;
  readonly slots?: Slots;
}

const DEFAULTS = {
  pollMs: 1_000,
  slots: { all: 32, unproven: 16, perPartner: 8, perWebhook: 4 },
};
/** Longer than an attempt can take, so that only a dead process lets a lease run out. */
const LEASE_MS = 30_000;
/** How long those under way may take to end when the process does. */
const GRACE_MS = 2_000;

/**
 * Hands events to webhooks and sends them: at least once, in no certain order. Any number of
 * processes may do so. What a process has under way when it dies is sent again by another.
 */
export class WebhookDeliveryService {
  readonly #database: Database;
  readonly #options: DeliveryOptions & typeof DEFAULTS;
  readonly #busy = new Map<Promise<void>, ClaimedDelivery>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #silences: (() => void)[] = [];
  #running = false;
  #again = false;
  #pumping: Promise<void> | null = null;

  constructor(database: Database, options: DeliveryOptions) {
    this.#database = database;
    this.#options = { ...DEFAULTS, ...options };
    // Each delivery under way listens to it.
    setMaxListeners(this.#options.slots.all, this.#stopping.signal);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const { doorbell, pollMs } = this.#options;
    if (doorbell !== undefined) {
      this.#silences = [
        doorbell.on(EVENT_CHANNEL, (what) => what === EVENTS_PLACED && this.#wake()),
        doorbell.on(WEBHOOK_CHANNEL, () => this.#wake()),
      ];
    }
    this.#timer = setInterval(() => this.#wake(), pollMs);
    this.#wake();
  }

  /** Takes no more and gives those under way a moment; what does not end is sent again later. */
  async stop(): Promise<void> {
    this.#running = false;
    clearInterval(this.#timer);
    for (const silence of this.#silences) silence();
    await this.#pumping;
    const cut = setTimeout(() => this.#stopping.abort(), GRACE_MS);
    await Promise.all(this.#busy.keys());
    clearTimeout(cut);
  }

  #wake(): void {
    this.#again = true;
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  async #pump(): Promise<void> {
    while (this.#again && this.#running) {
      this.#again = false;
      try {
        while (this.#running && (await this.#database.write(SYSTEM_SCOPE, handOutEvents)));
        await this.#begin();
      } catch (error) {
        this.#options.log?.failure('webhooks not reached', error);
      }
    }
  }

  /** Begins as many deliveries as there are slots for. */
  async #begin(): Promise<void> {
    const { slots, metrics } = this.#options;
    const waiting = await this.#database.read(SYSTEM_SCOPE, waitingWebhooks);
    metrics?.webhookWaitingSeconds.set((waiting[0]?.overdueMs ?? 0) / 1000);
    const shares = shareSlots(waiting, [...this.#busy.values()], slots);
    if (shares.size === 0) return;
    const claimed = await this.#database.write(SYSTEM_SCOPE, (tx) =>
      claimDeliveries(tx, shares, LEASE_MS),
    );
    for (const delivery of claimed) {
      const sending = this.#deliver(delivery).finally(() => {
        this.#busy.delete(sending);
        this.#wake();
      });
      this.#busy.set(sending, delivery);
    }
  }

  async #deliver(delivery: ClaimedDelivery): Promise<void> {
    const { metrics, log, now } = this.#options;
    const at = now();
    try {
      const sent = delivery.expired ? EXPIRED : await this.#send(delivery, at);
      if (this.#stopping.signal.aborted && sent.status === null) return;
      const outcome = await this.#database.write(SYSTEM_SCOPE, (tx) =>
        record(tx, delivery, { at, ...sent }),
      );
      metrics?.webhookAttempts.inc({ outcome });
    } catch (error) {
      // Its lease runs out, and it is sent again.
      log?.failure('webhook delivery not recorded', error, { partnerId: delivery.partnerId });
    }
  }

  #send(delivery: ClaimedDelivery, at: Date): Promise<Sent> {
    const { sender, secretKey } = this.#options;
    const { url, messageId, webhookId, secretSealed, previousSecretSealed } = delivery;
    const sealed = [secretSealed, previousSecretSealed].filter((one) => one !== null);
    const secrets = sealed.map((one) => unseal(secretKey, one, secretOwner(webhookId)));
    const message = { url, messageId, secrets, body: messageBody(delivery) };
    return sender.send(message, at, this.#stopping.signal);
  }
}

const EXPIRED: Sent = { status: null, fault: 'EXPIRED', durationMs: 0, retryAfterMs: 0 };

type Outcome = 'delivered' | 'retried' | 'failed' | 'lost';

/** Writes down what came of an attempt, with what follows for the webhook. */
async function record(
  tx: Tx,
  delivery: ClaimedDelivery,
  sent: Attempt & Pick<Sent, 'retryAfterMs'>,
): Promise<Outcome> {
  if (sent.fault === null) {
    const { own, recovered } = await markDelivered(tx, delivery, sent);
    if (recovered) await clearCondition(tx, failingKey(delivery.webhookId));
    return own ? 'delivered' : 'lost';
  }
  if (delivery.eventType === PING || sent.fault === 'EXPIRED') {
    return (await markFailed(tx, delivery, sent)) ? 'failed' : 'lost';
  }
  if (sent.fault === 'GONE') {
    if (!(await markFailed(tx, delivery, sent))) return 'lost';
    await noteFailing(tx, delivery.webhookId);
    await pause(tx, delivery, 'GONE');
    return 'failed';
  }
  const pauseMs = retryPauseMs(delivery.failures + 1, Math.random(), sent.retryAfterMs);
  const state = await postponeDelivery(tx, delivery, sent, pauseMs);
  if (state === null) return 'lost';
  const noted = await noteFailing(tx, delivery.webhookId);
  if (noted?.tooLong === true) await pause(tx, delivery, 'FAILING');
  else if (state === 'FAILED') await raise(tx, delivery, 'MINOR', 'A message was given up');
  return state === 'FAILED' ? 'failed' : 'retried';
}

async function pause(tx: Tx, delivery: ClaimedDelivery, reason: 'FAILING' | 'GONE'): Promise<void> {
  if (!(await pauseFailing(tx, delivery.webhookId, reason))) return;
  const why = reason === 'GONE' ? 'it answered 410' : 'it took nothing for three days';
  // An alarm that tells of single messages gives way to the one that tells of all.
  await clearCondition(tx, failingKey(delivery.webhookId));
  await raise(tx, delivery, 'MAJOR', `Paused, since ${why}`);
}

async function raise(
  tx: Tx,
  { webhookId, partnerId, url }: ClaimedDelivery,
  severity: 'MINOR' | 'MAJOR',
  what: string,
): Promise<void> {
  // The path may hold a secret of the receiver's, as with chat services.
  const { host } = new URL(url);
  await raiseAlarm(tx, {
    partnerId,
    severity,
    probableCause: 'WEBHOOK_FAILING',
    subjectType: 'Webhook',
    subjectId: webhookId,
    naturalKey: failingKey(webhookId),
    text: `${what}: the webhook to ${host}.`,
    details: { host },
  });
}
