import 'reflect-metadata';
import { ArrayMaxSize, ArrayMinSize, IsOptional, MaxLength, ValidateNested } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { PricedService } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { DestinationKind } from './destination.entity.js';
import { FeeKind, FeeMeasure, FeeModel } from './service-plan.entity.js';
import { Weekday } from './time-profile.entity.js';
import type { Weekday as WeekdayName } from './week.js';

@InputType({ description: 'A destination to create.' })
export class CreateDestinationInput {
  @Field(() => String, { description: 'Its name, unique.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Country, ISO 3166 in two capitals; none for services that belong to no country.',
  })
  country?: string | null;

  @Field(() => DestinationKind, {
    defaultValue: 'GEOGRAPHIC',
    description: 'What is reached there.',
  })
  kind!: DestinationKind;

  @Field(() => [String], { description: 'Dial codes, country code included.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(5_000)
  prefixes!: string[];
}

@InputType({ description: 'Which destinations to list; every given condition must hold.' })
export class DestinationFilter {
  @Field(() => String, { nullable: true, description: 'Text that the name contains.' })
  @IsOptional()
  @MaxLength(200)
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'Country, ISO 3166 in two capitals.' })
  @IsOptional()
  @MaxLength(2)
  country?: string | null;
}

@InputType({ description: 'Minutes of some days of the week.' })
export class TimeBandRuleInput {
  @Field(() => [Weekday], { description: 'The days.' })
  @ArrayMaxSize(8)
  weekdays!: WeekdayName[];

  @Field(() => String, { defaultValue: '00:00', description: 'First minute, HH:MM.' })
  from!: string;

  @Field(() => String, { defaultValue: '24:00', description: 'First minute after it, HH:MM.' })
  to!: string;
}

@InputType({ description: 'A band of a time profile.' })
export class TimeBandInput {
  @Field(() => String, { description: 'Its name, unique within the profile.' })
  @PlainText(1, 50)
  name!: string;

  @Field(() => [TimeBandRuleInput], { description: 'The minutes that belong to it.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @ValidateNested()
  rules!: TimeBandRuleInput[];
}

@InputType({ description: 'A time profile to create; no minute may belong to two bands.' })
export class CreateTimeProfileInput {
  @Field(() => String, { description: 'Its name, unique.' })
  @PlainText(1, 100)
  name!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'Its holidays, on which the rules for HOLIDAY hold alone, if it has any.',
  })
  holidayCalendarId?: string | null;

  @Field(() => [TimeBandInput], { description: 'Its bands.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(20)
  @ValidateNested()
  bands!: TimeBandInput[];
}

@InputType({ description: 'An exchange rate to record.' })
export class SetExchangeRateInput {
  @Field(() => String, { description: 'Currency of which one unit is valued, ISO 4217.' })
  baseCurrency!: string;

  @Field(() => String, { description: 'Currency in which it is valued, ISO 4217.' })
  quoteCurrency!: string;

  @Field(() => DecimalScalar, { description: 'Units of the quote currency for one of the base.' })
  rate!: string;

  @Field(() => DateTimeScalar, { description: 'First instant at which it holds.' })
  validFrom!: Date;

  @Field(() => String, { description: 'Who published it.' })
  @PlainText(1, 100)
  source!: string;
}

@InputType({ description: 'A fee of a service plan.' })
export class PlanFeeInput {
  @Field(() => String, { description: 'Name, as invoices show it.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => FeeKind, { description: 'How often it is charged.' })
  kind!: FeeKind;

  @Field(() => FeeModel, { defaultValue: 'FLAT', description: 'How it comes about.' })
  model!: FeeModel;

  @Field(() => DecimalScalar, {
    description: "The fee or price in the plan's currency, or the percentage; 0 with tiers.",
  })
  amount!: string;

  @Field(() => Int, {
    defaultValue: 1,
    description: 'Units that the amount is for, with PER_UNIT and PACKAGE.',
  })
  rateUnit!: number;

  @Field(() => FeeMeasure, {
    nullable: true,
    description: 'What PER_UNIT, PACKAGE, GRADUATED and VOLUME count.',
  })
  counts?: FeeMeasure | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The tiers of GRADUATED and VOLUME, a schedule of CONTRACT and MONTH.',
  })
  tierScheduleId?: string | null;

  @Field(() => [PricedService], {
    nullable: true,
    description: 'Services whose usage is counted, or charged by.',
  })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(5)
  ofServices?: PricedService[] | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Names of fees of the plan that it is a percentage of.',
  })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @MaxLength(200, { each: true })
  ofFees?: string[] | null;

  @Field(() => DecimalScalar, {
    defaultValue: '0',
    description: 'Least charge of a whole month; of a part of it by days. Not for FLAT.',
  })
  minCharge!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most charge of a whole month; of a part of it by days. Not for FLAT.',
  })
  maxCharge?: string | null;

  @Field(() => DateTimeScalar, { description: 'First instant at which it is charged.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open when absent.' })
  validTo?: Date | null;
}

@InputType({ description: 'A service plan to create.' })
export class CreateServicePlanInput {
  @Field(() => ID, { description: 'The partner that sells it.' })
  partnerId!: string;

  @Field(() => String, { description: 'Its name, unique within the seller.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => String, { description: 'Currency of its fees, ISO 4217.' })
  currency!: string;

  @Field(() => [PlanFeeInput], { defaultValue: [], description: 'Its fees.' })
  @ArrayMaxSize(50)
  @ValidateNested()
  fees!: PlanFeeInput[];
}
