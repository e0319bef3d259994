import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';

export const FeeKind = enumType('FeeKind', 'How often a fee is charged.', {
  ONE_TIME: 'Once, when the subscription starts.',
  PERIODIC: 'Each calendar month, in proportion to the days of a part of it.',
});
export type FeeKind = keyof typeof FeeKind;

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

  @Field(() => DecimalScalar, { description: "The fee in the plan's currency." })
  @Column({ type: 'numeric', precision: 18, scale: 8 })
  amount!: string;

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
