import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import type { HeldStatus } from './transition.js';

export const SubscriptionStatus = enumType('SubscriptionStatus', 'The state of a subscription.', {
  ACTIVE: 'In use.',
  SUSPENDED: 'Put to rest by an operator; goes on when resumed.',
  BLOCKED: 'Stopped because its credit is used up.',
  TERMINATED: 'Ended for good: its end has come.',
  CANCELLED: 'Taken back for good before it began: it has never been held.',
});

// The schema's root of subscriptions to events is called Subscription already.
@Entity('subscription')
@ObjectType('ServiceSubscription', {
  simpleResolvers: true,
  description: 'A service that an account holds under a contract, with numbers and trunks.',
})
export class Subscription {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Subscription', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'account_id' })
  accountId!: number;

  @Column({ type: 'int', name: 'contract_id' })
  contractId!: number;

  @Column({ type: 'int', name: 'service_plan_id', nullable: true })
  servicePlanId!: number | null;

  @Field(() => String, { description: 'Name in daily use.' })
  @Column({ type: 'text' })
  label!: string;

  /** What it is while it is held; `statusAt` tells its state. */
  @Column({ type: 'text', name: 'status', default: 'ACTIVE' })
  heldStatus!: HeldStatus;

  @Field(() => DateTimeScalar, { description: 'First instant at which it is held.' })
  @Column({ type: 'timestamptz', name: 'starts_at' })
  startsAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description:
      'First instant at which it is held no more, past or still to come; null for none. That of ' +
      'one that was cancelled is its `startsAt`.',
  })
  @Column({ type: 'timestamptz', name: 'ends_at', nullable: true })
  endsAt!: Date | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "Limit of usage charges in one calendar month of the contract's zone.",
  })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'credit_limit', nullable: true })
  creditLimit!: string | null;

  @Field(() => Int, { description: 'Percent of the limit at which a warning is raised.' })
  @Column({ type: 'smallint', name: 'credit_warning_percent', default: 80 })
  creditWarningPercent!: number;

  /** When its first limit was set; the database sets it. */
  @Column({ type: 'timestamptz', name: 'credit_watched_at', nullable: true })
  creditWatchedAt!: Date | null;

  /** The transaction that did so, by which threads find out; the database sets it. */
  @Column({ type: 'bigint', name: 'credit_watched_tx', nullable: true })
  creditWatchedTx!: string | null;

  /** First day of the first month whose use credit control knows. */
  @Column({ type: 'date', name: 'credit_watched_from', nullable: true })
  creditWatchedFrom!: string | null;

  /** First day of the first month whose use it has to count; null when there is none. */
  @Column({ type: 'date', name: 'credit_count_from', nullable: true })
  creditCountFrom!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt!: Date;

  /** Since when price books have known it as it is; the database sets it. */
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;
}

export const IdentityKind = enumType('IdentityKind', 'By what usage is known.', {
  NUMBER: 'One number.',
  RANGE: 'A range of numbers.',
  TRUNK: 'A trunk by which traffic comes in.',
});
export type IdentityKind = keyof typeof IdentityKind;

@Entity('subscription_identity')
@ObjectType({
  simpleResolvers: true,
  description: 'A number, range or trunk by which usage of a subscription is known.',
})
export class SubscriptionIdentity {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('SubscriptionIdentity', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'subscription_id' })
  subscriptionId!: number;

  @Field(() => IdentityKind, { description: 'What it is.' })
  @Column({ type: 'text' })
  kind!: IdentityKind;

  @Field(() => String, { nullable: true, description: 'The number, or the first of the range.' })
  @Column({ type: 'bigint', name: 'number_from', nullable: true })
  numberFrom!: string | null;

  @Field(() => String, { nullable: true, description: 'The number, or the last of the range.' })
  @Column({ type: 'bigint', name: 'number_to', nullable: true })
  numberTo!: string | null;

  @Column({ type: 'int', name: 'trunk_id', nullable: true })
  trunkId!: number | null;

  @Field(() => DateTimeScalar, { description: 'First instant at which it holds.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description:
      'First instant at which it holds no more, at the latest the end of its subscription; null ' +
      'when there is none. That of one that would begin after this end, or whose subscription ' +
      'was cancelled, is its `validFrom`.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  /** Where it would end by itself, Infinity for nowhere, when its subscription ends before. */
  @Column({ type: 'timestamptz', name: 'own_valid_to', nullable: true })
  ownValidTo!: Date | number | null;

  /** Since when price books have known it as it is; the database sets it. */
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;
}

@Entity('trunk')
@ObjectType({ simpleResolvers: true, description: "A switch's name for a connection." })
export class Trunk {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Trunk', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Its name, unique over the whole system.' })
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'int', name: 'cost_contract_id', nullable: true })
  costContractId!: number | null;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
