import { randomBytes } from 'node:crypto';
import { clearCondition } from '../alarm/index.js';
import { seal } from '../identity/index.js';
import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageById,
  pageOf,
  requirePermission,
  rowAfter,
  rowNumber,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Webhook, WebhookDelivery, type WebhookDeliveryState } from './webhook.entity.js';
import type { CreateWebhookInput, UpdateWebhookInput } from './webhook.input.js';
import {
  endWebhook,
  insertPing,
  insertWebhook,
  nextWebhook,
  replaceSecret,
  sendAgain,
  webhooksOf,
} from './webhook.store.js';
import { failingKey, secretOwner } from './webhook-key.js';
import { eventKinds, type WebhookEventKind } from './webhook-message.js';
import { checkWebhookUrl } from './webhook-url.js';

/** As many as a partner has at most. */
const MOST_WEBHOOKS = 20;
const SECRET_BYTES = 32;

export interface WebhookOptions {
  /** Seals the secrets of webhooks. */
  readonly secretKey: Uint8Array;
  /** Origins inside of our own network that messages may go to. */
  readonly allowedOrigins: readonly string[];
}

/** A webhook, with the secret that it was given just now. */
export interface WebhookWithSecret {
  readonly webhook: Webhook;
  readonly secret: string | null;
}

/** Where partners have events sent. */
export class WebhookService {
  readonly #options: WebhookOptions;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** The webhook, or null when there is none that the transaction may see. */
  async find(tx: Tx, globalId: string): Promise<Webhook | null> {
    return present(tx, rowNumber('Webhook', globalId));
  }

  /** Webhooks in the order in which they were made. */
  async list(tx: Tx, page: Page): Promise<Connection<Webhook>> {
    const query = tx.createQueryBuilder(Webhook, 'row').where(`row.state <> 'DELETED'`);
    return pageById(query, page);
  }

  /** Messages to a webhook, newest first. Refuses with NOT_FOUND. */
  async deliveries(
    tx: Tx,
    globalId: string,
    state: WebhookDeliveryState | null,
    page: Page,
  ): Promise<Connection<WebhookDelivery>> {
    const webhook = await this.find(tx, globalId);
    if (webhook === null) throw notFound('Webhook', globalId);
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(WebhookDelivery, 'row')
      .where('row.webhookId = :id', { id: webhook.id })
      .orderBy('row.id', 'DESC')
      .limit(page.first + 1);
    if (after !== null) query.andWhere('row.id < :after', { after });
    if (state !== null) query.andWhere('row.state = :state', { state });
    return pageOf(await query.getMany(), page, (row) => [row.id]);
  }

  /**
   * Makes a webhook of the partner that the viewer acts at; its secret is shown this once.
   * Refuses with WEBHOOK_URL_REFUSED, TOO_MANY_WEBHOOKS, FORBIDDEN.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    input: CreateWebhookInput,
  ): Promise<WebhookWithSecret> {
    let secret: string | null = null;
    const made = await once(tx, viewer, key, 'createWebhook', input, async () => {
      demandEvents(viewer, input.eventTypes);
      const url = this.#urlOf(input.url);
      if ((await webhooksOf(tx, viewer.partnerId)) >= MOST_WEBHOOKS) {
        throw new DomainError(
          'TOO_MANY_WEBHOOKS',
          `A partner has at most ${MOST_WEBHOOKS} webhooks.`,
        );
      }
      const id = await nextWebhook(tx);
      secret = newSecret();
      await insertWebhook(tx, {
        id,
        partnerId: viewer.partnerId,
        url,
        description: input.description,
        eventTypes: input.eventTypes,
        createdBy: viewer.userId,
        secretSealed: this.#seal(secret, id),
      });
      return { id };
    });
    return { webhook: await reload(tx, made.id), secret };
  }

  /** Changes address, events or description. Refuses as {@link create}, and with NOT_FOUND. */
  async update(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    input: UpdateWebhookInput,
  ): Promise<Webhook> {
    const made = await once(tx, viewer, key, 'updateWebhook', input, async () => {
      const webhook = await locked(tx, input.id);
      const url = input.url ? this.#urlOf(input.url) : webhook.url;
      const { description } = input;
      const eventTypes = input.eventTypes ?? webhook.eventTypes;
      // What goes to another address is had sent anew.
      demandEvents(viewer, eventTypes, url === webhook.url ? webhook.eventTypes : []);
      await tx.update(Webhook, webhook.id, {
        url,
        eventTypes,
        description: description ?? webhook.description,
      });
      return { id: webhook.id };
    });
    return reload(tx, made.id);
  }

  /** Stops sending; what happens meanwhile waits, for up to three days. */
  async pause(tx: Tx, viewer: Viewer, key: string | null, globalId: string): Promise<Webhook> {
    return this.#once(tx, viewer, key, 'pauseWebhook', globalId, async (webhook) => {
      if (webhook.state === 'PAUSED') return;
      await setState(tx, webhook.id, { state: 'PAUSED', pausedReason: 'REQUESTED' });
    });
  }

  /** Goes on sending, what waits first. */
  async resume(tx: Tx, viewer: Viewer, key: string | null, globalId: string): Promise<Webhook> {
    return this.#once(tx, viewer, key, 'resumeWebhook', globalId, async (webhook) => {
      if (webhook.state === 'ACTIVE') return;
      await setState(tx, webhook.id, {
        state: 'ACTIVE',
        pausedReason: null,
        failingSince: null,
      });
      await clearCondition(tx, failingKey(webhook.id));
    });
  }

  /** Ends a webhook for good, with what waits for it. */
  async delete(tx: Tx, viewer: Viewer, key: string | null, globalId: string): Promise<string> {
    const made = await once(tx, viewer, key, 'deleteWebhook', { id: globalId }, async () => {
      const webhook = await locked(tx, globalId);
      await endWebhook(tx, webhook.id);
      await clearCondition(tx, failingKey(webhook.id));
      return { id: globalId };
    });
    return made.id;
  }

  /** Gives a new secret; the one before it goes on signing for so many hours. */
  async rotate(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    given: { readonly id: string; readonly overlapHours: number },
  ): Promise<WebhookWithSecret> {
    let secret: string | null = null;
    const made = await once(tx, viewer, key, 'rotateWebhookSecret', given, async () => {
      const webhook = await locked(tx, given.id);
      secret = newSecret();
      await replaceSecret(tx, webhook.id, this.#seal(secret, webhook.id), given.overlapHours);
      return { id: webhook.id };
    });
    return { webhook: await reload(tx, made.id), secret };
  }

  /** Sends a ping, once. */
  async test(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    globalId: string,
  ): Promise<WebhookDelivery> {
    const made = await once(tx, viewer, key, 'testWebhook', { id: globalId }, async () => {
      const webhook = await locked(tx, globalId);
      return { id: await insertPing(tx, webhook) };
    });
    return tx.findOneByOrFail(WebhookDelivery, { id: made.id });
  }

  /** Sends a message again, under the same id, now and for three days. Refuses with NOT_FOUND. */
  async redeliver(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    globalId: string,
  ): Promise<WebhookDelivery> {
    const made = await once(tx, viewer, key, 'redeliverWebhook', { id: globalId }, async () => {
      const id = rowNumber('WebhookDelivery', globalId);
      if (!(await sendAgain(tx, id))) throw notFound('WebhookDelivery', globalId);
      return { id };
    });
    return tx.findOneByOrFail(WebhookDelivery, { id: made.id });
  }

  async #once(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    operation: string,
    globalId: string,
    work: (webhook: Webhook) => Promise<void>,
  ): Promise<Webhook> {
    const made = await once(tx, viewer, key, operation, { id: globalId }, async () => {
      const webhook = await locked(tx, globalId);
      await work(webhook);
      return { id: webhook.id };
    });
    return reload(tx, made.id);
  }

  #urlOf(text: string): string {
    const checked = checkWebhookUrl(text, this.#options.allowedOrigins);
    if ('href' in checked) return checked.href;
    const { fault } = checked;
    throw new DomainError('WEBHOOK_URL_REFUSED', `Events are not sent there: ${fault}.`, { fault });
  }

  #seal(secret: string, webhookId: number): Buffer {
    return seal(this.#options.secretKey, secret, secretOwner(webhookId));
  }
}

/** As the library and others write it: 256 random bits behind a prefix that scanners know. */
function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** Refuses with FORBIDDEN to have events sent that the viewer may not see himself. */
function demandEvents(
  viewer: Viewer,
  kinds: readonly WebhookEventKind[],
  before: readonly WebhookEventKind[] = [],
): void {
  for (const kind of kinds) {
    if (!before.includes(kind)) requirePermission(viewer, eventKinds[kind].permission);
  }
}

async function present(tx: Tx, id: number): Promise<Webhook | null> {
  const webhook = await tx.findOneBy(Webhook, { id });
  return webhook?.state === 'DELETED' ? null : webhook;
}

async function reload(tx: Tx, id: number): Promise<Webhook> {
  return tx.findOneByOrFail(Webhook, { id });
}

async function locked(tx: Tx, globalId: string): Promise<Webhook> {
  const id = rowNumber('Webhook', globalId);
  const webhook = await tx.findOne(Webhook, { where: { id }, lock: { mode: 'pessimistic_write' } });
  if (webhook === null || webhook.state === 'DELETED') throw notFound('Webhook', globalId);
  return webhook;
}

type StateChange = Partial<Pick<Webhook, 'state' | 'pausedReason' | 'failingSince'>>;

async function setState(tx: Tx, id: number, change: StateChange): Promise<void> {
  await tx.update(Webhook, id, { ...change, stateSince: () => 'clock_timestamp()' });
}
