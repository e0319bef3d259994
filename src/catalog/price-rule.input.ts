import 'reflect-metadata';
import { ArrayMaxSize, ArrayMinSize, IsOptional } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { PricedService, PriceLevel } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import {
  PriceRuleEffect,
  PriceRuleStacking,
  PriceRuleType,
  RuleMeasure,
  RuleTarget,
} from './price-rule.entity.js';
import { FeeKind } from './service-plan.entity.js';
import { CounterPeriod, CounterScope } from './tier-schedule.entity.js';
import { Weekday } from './time-profile.entity.js';
import type { Weekday as WeekdayName } from './week.js';

@InputType({ description: 'A discount or surcharge. Filters that are absent let everything pass.' })
export class PriceRuleInput {
  @Field(() => String, { description: 'Its name, as explanations show it.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => PriceRuleType, { description: 'Which way it acts.' })
  type!: PriceRuleType;

  @Field(() => PriceRuleEffect, { description: 'What its amount means.' })
  effect!: PriceRuleEffect;

  @Field(() => DecimalScalar, { description: 'Percentage or sum, above 0.' })
  amount!: string;

  @Field(() => PriceRuleStacking, {
    defaultValue: 'ORDERED',
    description: 'How a discount stands beside others; ORDERED for surcharges.',
  })
  stacking!: PriceRuleStacking;

  @Field(() => Int, {
    defaultValue: 0,
    description: 'Its place: rules act by rising priority, of equal ones the older first.',
  })
  priority!: number;

  @Field(() => RuleTarget, {
    defaultValue: 'USAGE',
    description: 'What it acts on. FEES take no filter of records, no volume, and a MONTH.',
  })
  actsOn!: RuleTarget;

  @Field(() => ID, { nullable: true, description: "Only fees of this plan of the seller's." })
  servicePlanId?: string | null;

  @Field(() => FeeKind, { nullable: true, description: 'Only fees charged so often.' })
  feeKind?: FeeKind | null;

  @Field(() => String, { nullable: true, description: 'Only fees of this name.' })
  @IsOptional()
  @PlainText(1, 200)
  feeName?: string | null;

  @Field(() => PriceLevel, { nullable: true, description: 'Only contracts of this level.' })
  level?: PriceLevel | null;

  @Field(() => ID, { nullable: true, description: 'Only buyers in this group of the seller.' })
  customerGroupId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only this buyer.' })
  buyerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only this contract of the seller.' })
  contractId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only this subscription.' })
  subscriptionId?: string | null;

  @Field(() => PricedService, { defaultValue: '*', description: 'Only records of this service.' })
  service!: PricedService;

  @Field(() => [ID], { nullable: true, description: 'Only records to these destinations.' })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  destinationIds?: string[] | null;

  @Field(() => [Weekday], { nullable: true, description: 'Only records that begin on these days.' })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(7)
  weekdays?: WeekdayName[] | null;

  @Field(() => String, {
    nullable: true,
    description: "Only records that begin at or after it, HH:MM by the contract's clock.",
  })
  from?: string | null;

  @Field(() => String, { nullable: true, description: 'Only records that begin before it, HH:MM.' })
  to?: string | null;

  @Field(() => RuleMeasure, { nullable: true, description: 'What volumeFrom and volumeTo count.' })
  measure?: RuleMeasure | null;

  @Field(() => DecimalScalar, {
    defaultValue: '0',
    description: 'It acts once so much of the period has been counted before the record.',
  })
  volumeFrom!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'It acts no more once so much has been counted.',
  })
  volumeTo?: string | null;

  @Field(() => CounterScope, {
    defaultValue: 'CONTRACT',
    description: 'Whose volume is counted, and capped, together.',
  })
  volumeScope!: CounterScope;

  @Field(() => CounterPeriod, {
    defaultValue: 'MONTH',
    description: 'When volume and cap begin again.',
  })
  period!: CounterPeriod;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most that it takes off or adds in a period; no limit when absent.',
  })
  cap?: string | null;

  @Field(() => DateTimeScalar, { description: 'First instant at which it holds.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open when absent.' })
  validTo?: Date | null;
}

@InputType({ description: 'Which price rules to list; every given condition must hold.' })
export class PriceRuleFilter {
  @Field(() => ID, { nullable: true, description: 'Only rules of this seller.' })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only rules that name this contract.' })
  contractId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only rules that name this customer group.' })
  customerGroupId?: string | null;

  @Field(() => PriceRuleType, { nullable: true, description: 'Only discounts, or surcharges.' })
  type?: PriceRuleType | null;

  @Field(() => RuleTarget, { nullable: true, description: 'Only rules of usage, or of fees.' })
  actsOn?: RuleTarget | null;
}
