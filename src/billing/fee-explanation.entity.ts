import 'reflect-metadata';
import { Field, Int, ObjectType } from 'type-graphql';
import { FeeMeasure, FeeModel, ShownTierStep } from '../catalog/index.js';
import { PricedService } from '../partner/index.js';
import { DateScalar, DecimalScalar, enumType } from '../platform/index.js';
import { ShownRule } from '../rating/index.js';

export const FeeStepKind = enumType('FeeStepKind', 'What a step does to a fee.', {
  BASE: 'Adds up what a percentage is of, or what is counted.',
  PRICE: 'The price for the days, or for what was counted.',
  MIN_CHARGE: 'Raised to the least charge.',
  MAX_CHARGE: 'Lowered to the most charge.',
  DISCOUNT: 'A discount took something off.',
  SURCHARGE: 'A surcharge added something.',
  ROUNDING: 'Rounded, once.',
  CHARGED_BEFORE: 'Less what earlier invoices charged for the same month.',
});
export type FeeStepKind = keyof typeof FeeStepKind;

@ObjectType({ simpleResolvers: true, description: 'One step on the way to the amount of a fee.' })
export class FeeStep {
  @Field(() => FeeStepKind, { description: 'What it does.' })
  kind!: FeeStepKind;

  @Field(() => String, { description: 'The step with its numbers.' })
  text!: string;

  @Field(() => String, {
    description: 'What there is behind it: an exact decimal, or a fraction like 7/30.',
  })
  result!: string;
}

@ObjectType({ simpleResolvers: true, description: 'Days with equally many subscriptions.' })
export class FeeCountedDays {
  @Field(() => DateScalar, { description: 'The first of them.' })
  fromOn!: string;

  @Field(() => DateScalar, { description: 'The first day after them.' })
  toOn!: string;

  @Field(() => Int, { description: 'Subscriptions of the plan under the contract.' })
  count!: number;

  @Field(() => String, { description: 'What a whole month with so many costs, exactly.' })
  monthly!: string;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What one service or fee adds to what is counted.',
})
export class FeeBasisPart {
  @Field(() => PricedService, { nullable: true, description: 'A service; null for a fee.' })
  service!: PricedService | null;

  @Field(() => String, { nullable: true, description: 'A fee of the plan; null for a service.' })
  feeName!: string | null;

  @Field(() => DecimalScalar, { description: 'Records, units, or charges of the days.' })
  quantity!: string;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'A discount or surcharge for a fee. Name and cap are shown to those who see the rule; who ' +
    'does not is told only of rules that acted.',
})
export class FeeRuleOutcome extends ShownRule {}

@ObjectType({
  simpleResolvers: true,
  description: 'How a charge of a fee came about, worked out again from the stored versions.',
})
export class FeeExplanation {
  @Field(() => FeeModel, { description: 'How the fee comes about.' })
  model!: FeeModel;

  @Field(() => DecimalScalar, { description: 'The fee, price or percentage; 0 with tiers.' })
  price!: string;

  @Field(() => Int, { description: 'Units that the price is for.' })
  rateUnit!: number;

  @Field(() => FeeMeasure, { nullable: true, description: 'What is counted; null for nothing.' })
  counts!: FeeMeasure | null;

  @Field(() => DecimalScalar, { description: 'Least charge of a whole month.' })
  minCharge!: string;

  @Field(() => DecimalScalar, { nullable: true, description: 'Most charge of a whole month.' })
  maxCharge!: string | null;

  @Field(() => [ShownTierStep], { description: 'The tiers of GRADUATED and VOLUME.' })
  tiers!: ShownTierStep[];

  @Field(() => Int, { description: 'Days charged; 1 for a fee that is charged once.' })
  days!: number;

  @Field(() => Int, { description: 'Days of the month; 1 for a fee that is charged once.' })
  monthDays!: number;

  @Field(() => [FeeCountedDays], { description: 'How many subscriptions there were, by days.' })
  counted!: FeeCountedDays[];

  @Field(() => [FeeBasisPart], { description: 'What was counted, or what a percentage is of.' })
  parts!: FeeBasisPart[];

  @Field(() => [FeeStep], { description: 'From the price to the amount.' })
  steps!: FeeStep[];

  @Field(() => [FeeRuleOutcome], { description: 'Rules for the fee, in their order.' })
  rules!: FeeRuleOutcome[];

  @Field(() => DecimalScalar, { description: 'What the fee comes to for the month.' })
  owed!: string;

  @Field(() => DecimalScalar, { description: 'What earlier invoices charged of it.' })
  chargedBefore!: string;

  @Field(() => DecimalScalar, { description: 'Owed less charged before, as worked out again.' })
  amount!: string;

  @Field(() => Boolean, { description: 'Whether that is the amount that is stored.' })
  equal!: boolean;
}
