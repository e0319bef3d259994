import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { PricedService, PriceLevel } from '../partner/index.js';
import { DecimalScalar, enumType } from '../platform/index.js';
import { FeeKind } from './service-plan.entity.js';
import { CounterPeriod, CounterScope } from './tier-schedule.entity.js';
import { Weekday } from './time-profile.entity.js';
import { Version } from './version.entity.js';
import { minuteText, type Weekday as WeekdayName, weekdaysOf } from './week.js';

export const PriceRuleType = enumType('PriceRuleType', 'Which way a price rule acts.', {
  DISCOUNT: 'Takes off the charge.',
  SURCHARGE: 'Adds to the charge.',
});
export type PriceRuleType = keyof typeof PriceRuleType;

export const PriceRuleEffect = enumType('PriceRuleEffect', 'What the amount of a rule means.', {
  PERCENT: 'A percentage of the charge as the rules before have left it.',
  FIXED: "A sum: in the contract's currency, once a record; in the plan's, for a month of a fee.",
});
export type PriceRuleEffect = keyof typeof PriceRuleEffect;

export const PriceRuleStacking = enumType(
  'PriceRuleStacking',
  'How a discount stands beside others.',
  {
    ORDERED: 'Acts in its turn.',
    EXCLUSIVE: 'The first one that applies is the only discount.',
    BEST_OF: 'Of all such discounts only the one that takes most off acts.',
  },
);
export type PriceRuleStacking = keyof typeof PriceRuleStacking;

export const RuleMeasure = enumType('RuleMeasure', 'What the volume of a rule counts.', {
  QUANTITY: 'Billed units.',
  AMOUNT: "Charges in the contract's currency.",
});
export type RuleMeasure = keyof typeof RuleMeasure;

export const RuleTarget = enumType('RuleTarget', 'What a price rule acts on.', {
  USAGE: 'Each record.',
  FEES: 'Each charge of a fee; sums are those of a whole month.',
});
export type RuleTarget = keyof typeof RuleTarget;

@Entity('price_rule')
@ObjectType({
  simpleResolvers: true,
  description:
    'A discount or surcharge of a seller, in one version. It acts on a record, or on a fee, when ' +
    'every filter that is set matches.',
})
export class PriceRule extends Version {
  @Field(() => ID, { name: 'id', simple: false, description: 'The rule, in all of its versions.' })
  get globalId(): string {
    return toGlobalId('PriceRule', this.lineageId);
  }

  @Field(() => String, { description: 'Its name, as explanations show it.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => PriceRuleType, { description: 'Which way it acts.' })
  @Column({ type: 'text' })
  type!: PriceRuleType;

  @Field(() => PriceRuleEffect, { description: 'What its amount means.' })
  @Column({ type: 'text' })
  effect!: PriceRuleEffect;

  @Field(() => DecimalScalar, { description: 'Percentage or sum.' })
  @Column({ type: 'numeric', precision: 18, scale: 8 })
  amount!: string;

  @Field(() => PriceRuleStacking, { description: 'How it stands beside other discounts.' })
  @Column({ type: 'text', default: 'ORDERED' })
  stacking!: PriceRuleStacking;

  @Field(() => Int, { description: 'Its place: rules act by rising priority.' })
  @Column({ type: 'int', default: 0 })
  priority!: number;

  @Field(() => RuleTarget, { description: 'What it acts on.' })
  @Column({ type: 'text', name: 'acts_on', default: 'USAGE' })
  actsOn!: RuleTarget;

  @Column({ type: 'int', name: 'service_plan_id', nullable: true })
  servicePlanId!: number | null;

  @Field(() => FeeKind, { nullable: true, description: 'Only fees charged so often.' })
  @Column({ type: 'text', name: 'fee_kind', nullable: true })
  feeKind!: FeeKind | null;

  @Field(() => String, { nullable: true, description: 'Only fees of this name.' })
  @Column({ type: 'text', name: 'fee_name', nullable: true })
  feeName!: string | null;

  @Field(() => PriceLevel, { nullable: true, description: 'Only contracts of this level.' })
  @Column({ type: 'text', nullable: true })
  level!: PriceLevel | null;

  @Column({ type: 'int', name: 'customer_group_id', nullable: true })
  customerGroupId!: number | null;

  @Column({ type: 'int', name: 'buyer_partner_id', nullable: true })
  buyerId!: number | null;

  @Column({ type: 'int', name: 'contract_id', nullable: true })
  contractId!: number | null;

  @Column({ type: 'int', name: 'subscription_id', nullable: true })
  subscriptionId!: number | null;

  @Field(() => ID, {
    name: 'subscriptionId',
    nullable: true,
    simple: false,
    description: 'Only records of this subscription.',
  })
  get subscriptionGlobalId(): string | null {
    return this.subscriptionId === null ? null : toGlobalId('Subscription', this.subscriptionId);
  }

  @Field(() => PricedService, { nullable: true, description: 'Only records of this service.' })
  @Column({ type: 'text', nullable: true })
  service!: PricedService | null;

  @Column({ type: 'int', name: 'destination_ids', array: true, nullable: true })
  destinationIds!: number[] | null;

  @Column({ type: 'int', name: 'weekdays', nullable: true })
  weekdayMask!: number | null;

  @Column({ type: 'int', name: 'from_minute', nullable: true })
  fromMinute!: number | null;

  @Column({ type: 'int', name: 'to_minute', nullable: true })
  toMinute!: number | null;

  @Field(() => [Weekday], {
    nullable: true,
    simple: false,
    description: 'Only records that begin on these days.',
  })
  get weekdays(): WeekdayName[] | null {
    return this.weekdayMask === null ? null : weekdaysOf(this.weekdayMask);
  }

  @Field(() => String, {
    nullable: true,
    simple: false,
    description: 'Only records that begin at or after this minute of the day, HH:MM.',
  })
  get from(): string | null {
    return this.fromMinute === null ? null : minuteText(this.fromMinute);
  }

  @Field(() => String, {
    nullable: true,
    simple: false,
    description: 'Only records that begin before this minute of the day, HH:MM.',
  })
  get to(): string | null {
    return this.toMinute === null ? null : minuteText(this.toMinute);
  }

  @Field(() => RuleMeasure, { nullable: true, description: 'What its volume counts.' })
  @Column({ type: 'text', nullable: true })
  measure!: RuleMeasure | null;

  @Field(() => DecimalScalar, { description: 'It acts once so much has been counted.' })
  @Column({ type: 'numeric', precision: 24, scale: 8, name: 'volume_from', default: 0 })
  volumeFrom!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'It acts no more once so much has been counted.',
  })
  @Column({ type: 'numeric', precision: 24, scale: 8, name: 'volume_to', nullable: true })
  volumeTo!: string | null;

  @Field(() => CounterScope, { description: 'Whose volume is counted, and capped, together.' })
  @Column({ type: 'text', name: 'volume_scope', default: 'CONTRACT' })
  volumeScope!: CounterScope;

  @Field(() => CounterPeriod, { description: 'When volume and cap begin again.' })
  @Column({ type: 'text', default: 'MONTH' })
  period!: CounterPeriod;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most that it takes off or adds in a period; null for no limit.',
  })
  @Column({ type: 'numeric', precision: 18, scale: 8, nullable: true })
  cap!: string | null;
}
