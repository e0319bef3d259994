import 'reflect-metadata';
import { ArrayMaxSize, ArrayMinSize, ValidateNested } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { BigIntScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { CounterPeriod, CounterScope } from './tier-schedule.entity.js';

@InputType({ description: 'A step of a tier schedule.' })
export class TierStepInput {
  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Units that come before it; where the step before ends, when absent.',
  })
  from?: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Units at which it ends; absent in the last step alone, which has no end.',
  })
  upTo?: string | null;

  @Field(() => DecimalScalar, { description: 'Price per rate unit, or per started block.' })
  price!: string;

  @Field(() => Int, { defaultValue: 60, description: 'Units that the price is for.' })
  rateUnit!: number;

  @Field(() => DecimalScalar, {
    defaultValue: '0',
    description: 'Charged once a period, with the first unit in the step.',
  })
  flatFee!: string;

  @Field(() => Boolean, {
    defaultValue: false,
    description: "Whether units are priced by started blocks, counted from the step's start.",
  })
  block!: boolean;
}

@InputType({ description: 'A tier schedule to create.' })
export class CreateTierScheduleInput {
  @Field(() => ID, { description: 'The partner whose price lists use it.' })
  partnerId!: string;

  @Field(() => String, { description: 'Its name, unique within the partner.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => CounterScope, {
    defaultValue: 'SUBSCRIPTION',
    description: 'Whose usage is counted together.',
  })
  scope!: CounterScope;

  @Field(() => CounterPeriod, { defaultValue: 'MONTH', description: 'When counting begins again.' })
  period!: CounterPeriod;

  @Field(() => [TierStepInput], { description: 'Its steps, from the first unit on.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @ValidateNested()
  steps!: TierStepInput[];
}

@InputType({ description: 'A set of origins to create.' })
export class CreateOriginSetInput {
  @Field(() => ID, { description: 'The partner whose price lists use it.' })
  partnerId!: string;

  @Field(() => String, { description: 'Its name, unique within the partner.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => [String], { description: 'First digits of calling numbers, country code included.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(5_000)
  prefixes!: string[];
}

@InputType({ description: 'A change of a set of origins.' })
export class ChangeOriginSetInput {
  @Field(() => ID, { description: 'The set.' })
  originSetId!: string;

  @Field(() => [String], { defaultValue: [], description: 'Prefixes that come in.' })
  @ArrayMaxSize(5_000)
  add!: string[];

  @Field(() => [String], { defaultValue: [], description: 'Prefixes that are taken out.' })
  @ArrayMaxSize(5_000)
  remove!: string[];
}
