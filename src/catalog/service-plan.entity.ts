import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { PricedService } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';

export const FeeKind = enumType('FeeKind', 'How often a fee is charged.', {
  ONE_TIME: 'Once, when the subscription starts.',
  PERIODIC: 'Each calendar month, in proportion to the days of a part of it.',
});
export type FeeKind = keyof typeof FeeKind;

export const FeeModel = enumType(
  'FeeModel',
  'How a fee comes about. But for FLAT there is one charge a month for all subscriptions of the ' +
    'plan under a contract.',
  {
    FLAT: 'The amount, for each subscription.',
    PER_UNIT: 'The amount for each `rateUnit` of what is counted.',
    PACKAGE: 'The amount for each started `rateUnit` of what is counted.',
    GRADUATED: 'Each counted unit at the price of the tier that it falls in.',
    VOLUME: 'All counted units at the price of the tier of their number.',
    PERCENT_OF_CHARGE: 'The amount is a percentage of other charges of the month.',
  },
);
export type FeeModel = keyof typeof FeeModel;

export const FeeMeasure = enumType('FeeMeasure', 'What a fee counts in the billed month.', {
  SUBSCRIPTIONS: 'Subscriptions of the plan under the contract, day by day.',
  RECORDS: 'Records of services under the contract.',
  UNITS: 'Billed units of one service under the contract.',
});
export type FeeMeasure = keyof typeof FeeMeasure;

@Entity('service_plan')
@ObjectType({ simpleResolvers: true, description: 'What is subscribed, with its fees.' })
export class ServicePlan {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('ServicePlan', this.id);
  }

  /** The partner that sells it. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Its name, unique within the seller.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { description: 'Currency of its fees, ISO 4217.' })
  @Column({ type: 'text' })
  currency!: string;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@Entity('plan_fee')
@ObjectType({ simpleResolvers: true, description: 'A fee of a service plan.' })
export class PlanFee {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('PlanFee', this.id);
  }

  @Column({ type: 'int', name: 'service_plan_id' })
  servicePlanId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Name, as invoices show it.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => FeeKind, { description: 'How often it is charged.' })
  @Column({ type: 'text' })
  kind!: FeeKind;

  @Field(() => FeeModel, { description: 'How it comes about.' })
  @Column({ type: 'text', default: 'FLAT' })
  model!: FeeModel;

  @Field(() => DecimalScalar, {
    description: "The fee or price in the plan's currency, or the percentage; 0 with tiers.",
  })
  @Column({ type: 'numeric', precision: 18, scale: 8 })
  amount!: string;

  @Field(() => Int, { description: 'Units that the amount is for.' })
  @Column({ type: 'int', name: 'rate_unit', default: 1 })
  rateUnit!: number;

  @Field(() => FeeMeasure, { nullable: true, description: 'What is counted; null for nothing.' })
  @Column({ type: 'text', nullable: true })
  counts!: FeeMeasure | null;

  @Column({ type: 'int', name: 'tier_schedule_id', nullable: true })
  tierScheduleId!: number | null;

  @Field(() => [PricedService], {
    nullable: true,
    description: 'Services whose usage is counted, or charged by; null for none.',
  })
  @Column({ type: 'text', name: 'of_services', array: true, nullable: true })
  ofServices!: PricedService[] | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Names of fees of the plan that it is a percentage of; null for none.',
  })
  @Column({ type: 'text', name: 'of_fees', array: true, nullable: true })
  ofFees!: string[] | null;

  @Field(() => DecimalScalar, { description: 'Least charge of a whole month.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'min_charge', default: 0 })
  minCharge!: string;

  @Field(() => DecimalScalar, { nullable: true, description: 'Most charge of a whole month.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'max_charge', nullable: true })
  maxCharge!: string | null;

  @Field(() => DateTimeScalar, { description: 'First instant at which it is charged.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant at which it is charged no more; null when there is none.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}
