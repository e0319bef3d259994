import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType } from '../platform/index.js';
import { eventKinds, type WebhookEventKind } from './webhook-message.js';

export const WebhookEventType = enumType(
  'WebhookEventType',
  'What a webhook is told of, by the `type` of the message.',
  Object.fromEntries(Object.entries(eventKinds).map(([name, { what }]) => [name, what])) as Record<
    WebhookEventKind,
    string
  >,
);

const WebhookState = enumType('WebhookState', 'Whether a webhook is sent anything.', {
  ACTIVE: 'Messages are sent.',
  PAUSED: 'Messages wait, for up to three days; pings are sent.',
});

const PausedReason = enumType('WebhookPausedReason', 'Why a webhook is paused.', {
  REQUESTED: 'Somebody has paused it.',
  FAILING: 'It took nothing for three days.',
  GONE: 'It answered 410: it wants nothing any more.',
});
type PausedReason = keyof typeof PausedReason;

@Entity('webhook')
@ObjectType({
  simpleResolvers: true,
  description:
    'An address to which events are sent. It belongs to a partner and is told of that partner ' +
    'and all below it.',
})
export class Webhook {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Webhook', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => ID, { name: 'partnerId', simple: false, description: 'The partner it belongs to.' })
  get globalPartnerId(): string {
    return toGlobalId('Partner', this.partnerId);
  }

  @Field(() => String, { description: 'Where messages are sent.' })
  @Column({ type: 'text' })
  url!: string;

  @Field(() => String, { description: 'What it is for.' })
  @Column({ type: 'text', default: '' })
  description!: string;

  @Field(() => [WebhookEventType], { description: 'What it is told of.' })
  @Column({ type: 'text', name: 'event_types', array: true })
  eventTypes!: WebhookEventKind[];

  @Field(() => WebhookState, { description: 'Whether it is sent anything.' })
  @Column({ type: 'text', default: 'ACTIVE' })
  state!: keyof typeof WebhookState | 'DELETED';

  @Field(() => PausedReason, { nullable: true, description: 'Why it is paused.' })
  @Column({ type: 'text', name: 'paused_reason', nullable: true })
  pausedReason!: PausedReason | null;

  @Field(() => DateTimeScalar, { description: 'Since when its state is what it is.' })
  @Column({ type: 'timestamptz', name: 'state_since', default: () => 'now()' })
  stateSince!: Date;

  @Column({ type: 'int', name: 'created_by' })
  createdBy!: number;

  @Field(() => DateTimeScalar, { description: 'When it was made.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'bytea', name: 'secret_sealed', nullable: true, select: false })
  secretSealed!: Buffer | null;

  @Column({ type: 'bytea', name: 'previous_secret_sealed', nullable: true, select: false })
  previousSecretSealed!: Buffer | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Until when messages are signed with the secret before this one, too.',
  })
  @Column({ type: 'timestamptz', name: 'previous_secret_until', nullable: true })
  previousSecretUntil!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Since when nothing has arrived; null when the last message did.',
  })
  @Column({ type: 'timestamptz', name: 'failing_since', nullable: true })
  failingSince!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When a message arrived last.' })
  @Column({ type: 'timestamptz', name: 'last_delivered_at', nullable: true })
  lastDeliveredAt!: Date | null;
}

export const WebhookDeliveryState = enumType(
  'WebhookDeliveryState',
  'What has become of a message.',
  {
    WAITING: 'It waits for its next attempt.',
    DELIVERED: 'The receiver has answered 2xx.',
    FAILED: 'It is not tried any more unless somebody asks for it.',
  },
);
export type WebhookDeliveryState = keyof typeof WebhookDeliveryState;

@Entity('webhook_delivery')
@ObjectType({ simpleResolvers: true, description: 'A message to a webhook.' })
export class WebhookDelivery {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('WebhookDelivery', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'webhook_id' })
  webhookId!: number;

  @Field(() => ID, { name: 'webhookId', simple: false, description: 'The webhook.' })
  get globalWebhookId(): string {
    return toGlobalId('Webhook', this.webhookId);
  }

  @Field(() => String, {
    description: 'What the receiver knows it by (`webhook-id`), the same at every attempt.',
  })
  @Column({ type: 'text', name: 'message_id' })
  messageId!: string;

  @Column({ type: 'text', name: 'event_type' })
  eventType!: string;

  @Field(() => WebhookEventType, {
    name: 'eventType',
    simple: false,
    nullable: true,
    description: 'What it tells; null for a ping.',
  })
  get shownType(): WebhookEventKind | null {
    return this.eventType in eventKinds ? (this.eventType as WebhookEventKind) : null;
  }

  @Column({ type: 'bigint', name: 'event_position', nullable: true })
  eventPosition!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it happened.' })
  @Column({ type: 'timestamptz', name: 'occurred_at' })
  occurredAt!: Date;

  @Column({ type: 'jsonb' })
  data!: object;

  @Field(() => WebhookDeliveryState, { description: 'What has become of it.' })
  @Column({ type: 'text', default: 'WAITING' })
  state!: WebhookDeliveryState;

  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'due_at', default: () => 'now()' })
  dueAt!: Date;

  @Field(() => DateTimeScalar, {
    name: 'nextAttemptAt',
    simple: false,
    nullable: true,
    description: 'When it is tried next, unless its webhook is paused then.',
  })
  get nextAttemptAt(): Date | null {
    return this.state === 'WAITING' ? this.dueAt : null;
  }

  @Field(() => DateTimeScalar, { description: 'Past this moment it is not tried any more.' })
  @Column({ type: 'timestamptz', name: 'ends_at' })
  endsAt!: Date;

  @Column({ type: 'int', default: 0 })
  failures!: number;

  @Column({ type: 'int', default: 0 })
  epoch!: number;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it arrived or failed.' })
  @Column({ type: 'timestamptz', name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}

/** Why an attempt did not deliver. */
const WebhookFault = enumType('WebhookFault', 'Why an attempt did not deliver.', {
  STATUS: 'The receiver answered another status than 2xx.',
  REDIRECTED: 'The receiver answered with a redirect, which is not followed.',
  GONE: 'The receiver answered 410: it wants nothing any more.',
  TIMED_OUT: 'There was no answer within ten seconds.',
  NOT_CONNECTED: 'There was no connection, or it broke.',
  NAME_UNKNOWN: 'The name of the host was not found.',
  TLS_FAILED: 'The certificate or the encryption of the receiver is not valid.',
  ADDRESS_REFUSED: 'The name of the host leads to an address inside a network.',
  URL_REFUSED: 'The address is none that messages are sent to (any more).',
  EXPIRED: 'Its time was over before it could be tried, for example during a pause.',
});
export type WebhookFault = keyof typeof WebhookFault;

@Entity('webhook_attempt')
@ObjectType({ simpleResolvers: true, description: 'One attempt to deliver a message.' })
export class WebhookAttempt {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'delivery_id' })
  deliveryId!: number;

  @Field(() => DateTimeScalar, { description: 'When it began.' })
  @Column({ type: 'timestamptz' })
  at!: Date;

  @Field(() => Int, { description: 'How long it took, in milliseconds.' })
  @Column({ type: 'int', name: 'duration_ms' })
  durationMs!: number;

  @Field(() => Int, { nullable: true, description: 'Status of the answer, if there was one.' })
  @Column({ type: 'int', nullable: true })
  status!: number | null;

  @Field(() => WebhookFault, { nullable: true, description: 'Why it did not deliver.' })
  @Column({ type: 'text', nullable: true })
  fault!: WebhookFault | null;
}
