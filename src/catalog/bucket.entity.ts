import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { PricedService } from '../partner/index.js';
import { DecimalScalar, enumType } from '../platform/index.js';
import { Version } from './version.entity.js';

export const BucketKind = enumType('BucketKind', 'What a bucket holds.', {
  UNITS: 'Units of the service: seconds, messages, octets or events.',
  MONEY: "Money in the contract's currency.",
});
export type BucketKind = keyof typeof BucketKind;

export const Sharing = enumType('Sharing', 'Who uses one bucket or counts together.', {
  SUBSCRIPTION: 'Each subscription for itself.',
  ACCOUNT: 'All subscriptions of an account and of those below it, under one contract.',
  CONTRACT: 'All subscriptions of the contract.',
});
export type Sharing = keyof typeof Sharing;

export const BonusMeasure = enumType('BonusMeasure', 'What earns a bonus.', {
  SPEND: "Charges in the contract's currency, after all discounts and buckets.",
  USAGE: 'Billed units.',
});
export type BonusMeasure = keyof typeof BonusMeasure;

export const BonusGrant = enumType('BonusGrant', 'What a bonus gives.', {
  UNITS: 'Units, added to a bucket.',
  MONEY: 'Money, added to a bucket.',
  POINTS: 'Points that are counted and shown.',
});
export type BonusGrant = keyof typeof BonusGrant;

/** What buckets and bonus rules have in common: whose they are and which records count. */
@ObjectType({ simpleResolvers: true })
abstract class Allowance extends Version {
  @Field(() => String, { description: 'Its name, as explanations and customers see it.' })
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'int', name: 'service_plan_id', nullable: true })
  servicePlanId!: number | null;

  @Column({ type: 'int', name: 'contract_id', nullable: true })
  contractId!: number | null;

  @Field(() => [PricedService], {
    nullable: true,
    description: 'Only records of these services; null for all.',
  })
  @Column({ type: 'text', array: true, nullable: true })
  services!: PricedService[] | null;

  @Column({ type: 'int', name: 'destination_ids', array: true, nullable: true })
  destinationIds!: number[] | null;

  @Field(() => Sharing, { description: 'Who uses it, or counts, together.' })
  @Column({ type: 'text', default: 'SUBSCRIPTION' })
  sharing!: Sharing;
}

@Entity('bucket')
@ObjectType({
  simpleResolvers: true,
  description:
    'An allowance of units or money, granted every civil month of the contract, in one version.',
})
export class Bucket extends Allowance {
  @Field(() => ID, { name: 'id', simple: false, description: 'The bucket, in all its versions.' })
  get globalId(): string {
    return toGlobalId('Bucket', this.lineageId);
  }

  @Field(() => BucketKind, { description: 'What it holds.' })
  @Column({ type: 'text' })
  kind!: BucketKind;

  @Field(() => DecimalScalar, { description: 'Units or money that are granted every month.' })
  @Column({ type: 'numeric', precision: 24, scale: 8 })
  amount!: string;

  @Field(() => Int, { description: 'Its place: buckets are used by rising priority.' })
  @Column({ type: 'int', default: 0 })
  priority!: number;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most that is left over for the next month; null when nothing is.',
  })
  @Column({ type: 'numeric', precision: 24, scale: 8, name: 'rollover_cap', nullable: true })
  rolloverCap!: string | null;
}

@Entity('bonus_rule')
@ObjectType({
  simpleResolvers: true,
  description: 'Gives something when spend or usage of a month reaches a threshold; one version.',
})
export class BonusRule extends Allowance {
  @Field(() => ID, { name: 'id', simple: false, description: 'The rule, in all of its versions.' })
  get globalId(): string {
    return toGlobalId('BonusRule', this.lineageId);
  }

  @Field(() => BonusMeasure, { description: 'What is counted.' })
  @Column({ type: 'text' })
  measure!: BonusMeasure;

  @Field(() => DecimalScalar, { description: 'What must be reached in a month.' })
  @Column({ type: 'numeric', precision: 24, scale: 8 })
  threshold!: string;

  @Field(() => Boolean, { description: 'Whether every multiple of the threshold gives again.' })
  @Column({ type: 'boolean', default: false })
  repeats!: boolean;

  @Field(() => BonusGrant, { description: 'What it gives.' })
  @Column({ type: 'text' })
  grants!: BonusGrant;

  @Field(() => DecimalScalar, { description: 'How much it gives.' })
  @Column({ type: 'numeric', precision: 24, scale: 8 })
  amount!: string;

  @Column({ type: 'int', name: 'bucket_lineage_id', nullable: true })
  bucketLineageId!: number | null;

  @Field(() => ID, {
    name: 'bucketId',
    nullable: true,
    simple: false,
    description: 'The bucket that units and money are added to.',
  })
  get bucketGlobalId(): string | null {
    return this.bucketLineageId === null ? null : toGlobalId('Bucket', this.bucketLineageId);
  }
}
