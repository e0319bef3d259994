import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { PriceRuleEffect, PriceRuleStacking, PriceRuleType } from '../catalog/index.js';
import { BigIntScalar, DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';

export const XdrChargeStepKind = enumType('XdrChargeStepKind', 'What a step does to a charge.', {
  USAGE: 'The price for what is charged, with the connection fee.',
  MIN_CHARGE: 'Raised to the least that a record is charged.',
  MAX_CHARGE: 'Lowered to the most that a record is charged.',
  CONVERSION: "Turned from the price list's currency into the contract's.",
  DISCOUNT: 'A discount took something off.',
  SURCHARGE: 'A surcharge added something.',
  ROUNDING: 'Rounded, once, as the contract says.',
});

export const XdrRuleRefusal = enumType('XdrRuleRefusal', 'Why a rule that fits did not act.', {
  OUTSIDE_VOLUME: 'What it counts was outside its range.',
  EXCLUSIVE_OTHER: 'An exclusive discount keeps all others away.',
  BETTER_OTHER: 'Of the discounts of which only the best acts another takes more off.',
});

@ObjectType({ simpleResolvers: true, description: 'One step on the way from usage to amount.' })
export class XdrChargeStep {
  @Field(() => XdrChargeStepKind, { description: 'What it does.' })
  kind!: keyof typeof XdrChargeStepKind;

  @Field(() => String, { description: 'The step with its numbers.' })
  text!: string;

  @Field(() => String, {
    description: 'The charge behind it: an exact decimal, or a fraction like 7/30.',
  })
  result!: string;
}

/** A rule of prices or fees as an explanation shows it. */
@ObjectType()
export abstract class ShownRule {
  @Field(() => ID, { nullable: true, description: 'The rule; null when it may not be seen.' })
  ruleId!: string | null;

  @Field(() => String, { nullable: true, description: 'Its name; null when not to be seen.' })
  name!: string | null;

  @Field(() => PriceRuleType, { description: 'Which way it acts.' })
  type!: PriceRuleType;

  @Field(() => PriceRuleEffect, { description: 'What its value means.' })
  effect!: PriceRuleEffect;

  @Field(() => PriceRuleStacking, { description: 'How it stands beside other discounts.' })
  stacking!: PriceRuleStacking;

  @Field(() => DecimalScalar, {
    description: 'Percentage or sum; for fees the sum of a whole month.',
  })
  value!: string;

  @Field(() => Boolean, { description: 'Whether it acted: other discounts may keep it away.' })
  acted!: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'What it took off (below zero) or added, exactly; null when it did not act.',
  })
  amount!: string | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What was left of its cap before; null without cap.',
  })
  capLeft!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'A discount or surcharge that fits a record. Name and limits are shown to those who see the ' +
    'rule; who does not is told only of rules that acted.',
})
export class XdrRuleOutcome extends ShownRule {
  @Field(() => XdrRuleRefusal, { nullable: true, description: 'Why not, when it did not.' })
  refusal!: keyof typeof XdrRuleRefusal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What it had counted before the record; null when it counts nothing.',
  })
  volumeBefore!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A part of a call that lies in one time band without a break.',
})
export class XdrSlice {
  @Field(() => DateTimeScalar, { description: 'Where it begins.' })
  from!: Date;

  @Field(() => String, { description: "The contract's clock then, YYYY-MM-DD HH:MM:SS." })
  localTime!: string;

  @Field(() => BigIntScalar, { description: 'How many seconds it lasts.' })
  seconds!: string;

  @Field(() => String, { nullable: true, description: 'Its time band; null for none.' })
  band!: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Units charged at its own price; null when one band prices the whole call.',
  })
  billedQuantity!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Its price per rate unit.' })
  price!: string | null;

  @Field(() => Int, { nullable: true, description: 'Units that the price is for.' })
  rateUnit!: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'An exchange rate that was used.' })
export class XdrConversion {
  @Field(() => String, { description: 'Currency converted from, ISO 4217.' })
  from!: string;

  @Field(() => String, { description: 'Currency converted to, ISO 4217.' })
  to!: string;

  @Field(() => String, { description: 'The quote: how many of `quote` one of this is.' })
  base!: string;

  @Field(() => String, { description: 'Currency that the rate is given in.' })
  quote!: string;

  @Field(() => DecimalScalar, { description: 'The quoted rate.' })
  rate!: string;

  @Field(() => DateTimeScalar, { description: 'From when the rate holds.' })
  validFrom!: Date;

  @Field(() => String, { nullable: true, description: 'Where the rate comes from.' })
  source!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'Units of a record in one step of its tiers.' })
export class XdrTierUse {
  @Field(() => BigIntScalar, { description: 'Where the step begins.' })
  from!: string;

  @Field(() => BigIntScalar, { nullable: true, description: 'Where it ends; null for open.' })
  upTo!: string | null;

  @Field(() => BigIntScalar, { description: 'Units of the record that it prices.' })
  units!: string;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Blocks that the record begins; null where units are not priced by blocks.',
  })
  blocks!: string | null;

  @Field(() => DecimalScalar, { description: 'Price per rate unit, or per started block.' })
  price!: string;

  @Field(() => Int, { description: 'Units that the price is for.' })
  rateUnit!: number;

  @Field(() => DecimalScalar, { description: 'Flat fee of the step, if this record pays it.' })
  flatFee!: string;
}
