import { ALARM_RAISED_TOPIC } from '../alarm/index.js';
import { INVOICE_FINALISED_TOPIC } from '../billing/index.js';
import { SUBSCRIPTION_BLOCKED_TOPIC, SUBSCRIPTION_RELEASED_TOPIC } from '../credit/index.js';
import { toGlobalId } from '../kernel/index.js';
import { type EventRow, isFinished, RUN_PROGRESS_TOPIC, type RunState } from '../platform/index.js';

interface EventKind {
  /** What `type` of a message says. */
  readonly wire: string;
  /** Which permission it takes to have these events sent. */
  readonly permission: string;
  readonly what: string;
}

/** Events that a webhook can be told of. */
export const eventKinds = {
  ALARM_RAISED: {
    wire: 'alarm.raised',
    permission: 'alarm.read',
    what: '`alarm.raised`: an alarm was raised. Needs alarm.read.',
  },
  RUN_FINISHED: {
    wire: 'run.finished',
    permission: 'run.read',
    what: '`run.finished`: a run, such as an import, is done, parked or cancelled. Needs run.read.',
  },
  INVOICE_FINALISED: {
    wire: 'invoice.finalised',
    permission: 'invoice.read',
    what: '`invoice.finalised`: an invoice was issued. Needs invoice.read.',
  },
  SUBSCRIPTION_BLOCKED: {
    wire: 'subscription.blocked',
    permission: 'subscription.read',
    what: '`subscription.blocked`: a subscription was blocked. Needs subscription.read.',
  },
  SUBSCRIPTION_RELEASED: {
    wire: 'subscription.released',
    permission: 'subscription.read',
    what: '`subscription.released`: a subscription is no longer blocked. Needs subscription.read.',
  },
} as const satisfies Readonly<Record<string, EventKind>>;

export type WebhookEventKind = keyof typeof eventKinds;

/** The `type` of a message that only tries whether a webhook works. */
export const PING = 'webhook.ping';

/** What a message says beside its id: opaque ids, and nothing that is told by permission. */
export interface MessageContent {
  readonly kind: WebhookEventKind;
  readonly data: Readonly<Record<string, string>>;
}

/** What webhooks are told of an event, or null when they are told nothing. */
export function messageOf(
  event: Pick<EventRow, 'topic' | 'key' | 'payload'>,
): MessageContent | null {
  const told = event.payload as Readonly<Record<string, unknown>>;
  switch (event.topic) {
    case ALARM_RAISED_TOPIC: {
      const [type = '', id = ''] = event.key.split(':');
      const alarmId = toGlobalId('Alarm', Number(told.alarmId));
      return { kind: 'ALARM_RAISED', data: { alarmId, subjectId: toGlobalId(type, id) } };
    }
    case RUN_PROGRESS_TOPIC: {
      if (!isFinished(told.state as RunState)) return null;
      const { kind, state } = told as { readonly kind: string; readonly state: string };
      return { kind: 'RUN_FINISHED', data: { runId: toGlobalId('Run', event.key), kind, state } };
    }
    case INVOICE_FINALISED_TOPIC:
      return { kind: 'INVOICE_FINALISED', data: { invoiceId: toGlobalId('Invoice', event.key) } };
    case SUBSCRIPTION_BLOCKED_TOPIC:
      return { kind: 'SUBSCRIPTION_BLOCKED', data: subscriptionOf(event.key) };
    case SUBSCRIPTION_RELEASED_TOPIC:
      return { kind: 'SUBSCRIPTION_RELEASED', data: subscriptionOf(event.key) };
    default:
      return null;
  }
}

function subscriptionOf(key: string): MessageContent['data'] {
  return { subscriptionId: toGlobalId('Subscription', key) };
}

/** The body of a message; the same bytes at every attempt. */
export function messageBody(message: {
  readonly messageId: string;
  readonly eventType: string;
  readonly occurredAt: Date;
  readonly data: object;
}): string {
  const { messageId, eventType, occurredAt, data } = message;
  const type = eventKinds[eventType as WebhookEventKind]?.wire ?? eventType;
  return JSON.stringify({ type, id: messageId, occurred_at: occurredAt.toISOString(), data });
}
