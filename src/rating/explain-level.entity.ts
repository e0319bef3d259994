import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { PricingModel } from '../catalog/index.js';
import { CounterPeriod, CounterScope, PricingModelType, ShownTierStep } from '../catalog/index.js';
import type { RoundingMode } from '../kernel/index.js';
import { BandPolicy, PriceLevel, RoundingModeType } from '../partner/index.js';
import {
  BigIntScalar,
  DateScalar,
  DateTimeScalar,
  DecimalScalar,
  enumType,
} from '../platform/index.js';
import { XdrChargeStep, XdrConversion, XdrRuleOutcome, XdrSlice } from './explain-charge.entity.js';
import { XdrMonthExplanation } from './explain-month.entity.js';

export const XdrDifference = enumType(
  'XdrDifference',
  'What keeps a level from being computed, or is not found again by a second computation.',
  {
    NO_TERMS: 'The contract had no terms in force at that instant.',
    NO_PRICE_LIST: 'The terms name no usable price list for the service.',
    NO_RATE: 'The price list had no rate for the number.',
    NO_EXCHANGE_RATE: 'No exchange rate between list and contract was known.',
    NO_SHARED_AMOUNT: 'It is a share of an amount that cannot be computed.',
    AMOUNT_TOO_LARGE: 'The amount is larger than a record may hold.',
    TERMS: 'Other terms were in force than those stored.',
    RATE: 'Another rate was in force than the one stored.',
    AMOUNT: 'The amount is another than the one stored.',
    MONTH: 'The month makes another amount of it than the one shown.',
  },
);

export const XdrRateStepKind = enumType('XdrRateStepKind', 'What a step did to a price.', {
  ABSOLUTE: 'Set it.',
  PERCENT: 'Raised or lowered it by a percentage.',
  DIFFERENCE: 'Added to it, or took from it, per rate unit.',
  INHERITED: 'Came from lists that the viewer may not see; price and row are not shown.',
});

export const XdrSkipReason = enumType('XdrSkipReason', 'Why a longer prefix gave way.', {
  NO_VALID_PRICE: 'None of its prices was in force at that instant.',
  OTHER_BAND: 'It has prices for other time bands only.',
  OTHER_ORIGIN: 'It has prices for other calling numbers only.',
});

export const XdrQuantityRule = enumType('XdrQuantityRule', 'How usage becomes what is charged.', {
  NOTHING_USED: 'Nothing was used, nothing is charged.',
  GRACE: 'Usage up to the grace quantity is free.',
  MINIMUM: 'At least the minimum is charged.',
  FIRST_INCREMENT: 'At least the first increment is charged.',
  NEXT_INCREMENTS: 'Beyond it whole next increments are charged.',
});

@ObjectType({ simpleResolvers: true, description: 'Terms of a contract that priced a record.' })
export class XdrTerms {
  @Field(() => ID, { description: 'Version of the contract.' })
  id!: string;

  @Field(() => DateTimeScalar, { description: 'First instant at which they hold.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where they end; open if null.' })
  validTo!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When they were recorded.' })
  recordedAt!: Date;

  @Field(() => String, { description: 'Currency of the price, ISO 4217.' })
  currency!: string;

  @Field(() => String, { description: 'IANA zone whose clock decides day and time band.' })
  timeZone!: string;

  @Field(() => Int, { description: 'Decimals that the amount is rounded to.' })
  roundingDecimals!: number;

  @Field(() => RoundingModeType, { description: 'How the amount is rounded.' })
  roundingMode!: RoundingMode;
}

@ObjectType({ simpleResolvers: true, description: 'One list on the path of inheritance.' })
export class XdrPriceListStep {
  @Field(() => ID, { nullable: true, description: 'The list; null when it may not be seen.' })
  id!: string | null;

  @Field(() => String, { nullable: true, description: 'Its name; null when it may not be seen.' })
  name!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'One step by which a price was made.' })
export class XdrRateStep {
  @Field(() => XdrRateStepKind, { description: 'What it did.' })
  kind!: keyof typeof XdrRateStepKind;

  @Field(() => ID, { nullable: true, description: 'The row of the list.' })
  rateId!: string | null;

  @Field(() => String, { nullable: true, description: 'The list that the row stands in.' })
  priceList!: string | null;

  @Field(() => String, { nullable: true, description: 'Prefix of the row, if it is by prefix.' })
  prefix!: string | null;

  @Field(() => ID, { nullable: true, description: 'Destination of the row, if it is by that.' })
  destinationId!: string | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What the row says: a price per rate unit, a percentage, or a difference.',
  })
  value!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Price per rate unit behind it.' })
  price!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Connection fee behind it.' })
  connectionFee!: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where the row begins to hold.' })
  validFrom!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open if null.' })
  validTo!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'A longer prefix that had no price to give.' })
export class XdrSkippedPrefix {
  @Field(() => String, { description: 'The prefix.' })
  prefix!: string;

  @Field(() => XdrSkipReason, { description: 'Why it gave way to a shorter one.' })
  reason!: keyof typeof XdrSkipReason;
}

@ObjectType({ simpleResolvers: true, description: 'The price that was found, as it counts.' })
export class XdrTariff {
  @Field(() => String, { description: 'The longest prefix with a price; empty for every number.' })
  prefix!: string;

  @Field(() => String, { nullable: true, description: 'Its time band; null for all bands.' })
  band!: string | null;

  @Field(() => DateTimeScalar, { description: 'Where this version of the price begins to hold.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open if null.' })
  validTo!: Date | null;

  @Field(() => PricingModelType, { description: 'How it charges.' })
  model!: PricingModel;

  @Field(() => DecimalScalar, {
    description: 'Price per rate unit, per record, or the percentage; 0 with tiers.',
  })
  price!: string;

  @Field(() => DecimalScalar, { description: 'Charged once per record.' })
  connectionFee!: string;

  @Field(() => Int, { description: 'Units that the price is for.' })
  rateUnit!: number;

  @Field(() => Int, { description: 'Units that usage begins with.' })
  firstIncrement!: number;

  @Field(() => Int, { description: 'Units by which usage goes on.' })
  nextIncrement!: number;

  @Field(() => Int, { description: 'Units that are charged at least.' })
  minimum!: number;

  @Field(() => Int, { description: 'Usage of up to so many units is free.' })
  grace!: number;

  @Field(() => DecimalScalar, { description: 'Least charge of a record that is charged at all.' })
  minCharge!: string;

  @Field(() => DecimalScalar, { nullable: true, description: 'Most that a record is charged.' })
  maxCharge!: string | null;

  @Field(() => [ShownTierStep], { description: 'Its tiers after inheritance; none without.' })
  tiers!: ShownTierStep[];

  @Field(() => CounterScope, { nullable: true, description: 'Whose usage its tiers count.' })
  tierScope!: CounterScope | null;

  @Field(() => CounterPeriod, { nullable: true, description: 'When its tiers begin again.' })
  tierPeriod!: CounterPeriod | null;

  @Field(() => Boolean, { description: 'Whether an adjustment would have made it negative.' })
  heldAtZero!: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'One rule on the way to the charged quantity.' })
export class XdrQuantityStep {
  @Field(() => XdrQuantityRule, { description: 'The rule.' })
  rule!: keyof typeof XdrQuantityRule;

  @Field(() => String, { description: 'The rule with its numbers, as a sentence.' })
  text!: string;

  @Field(() => BigIntScalar, { description: 'The quantity behind it.' })
  result!: string;
}

/** What explanations and quotes tell of one price level. */
@ObjectType({ simpleResolvers: true })
export abstract class XdrLevelSteps {
  @Field(() => PriceLevel, { description: 'Which price it is.' })
  level!: PriceLevel;

  @Field(() => Int, { description: 'Place in the chain: 0 is what the viewer pays.' })
  position!: number;

  /** The contract, which the API shows as `contract`. */
  contractId!: number | null;

  @Field(() => XdrTerms, { nullable: true, description: 'Terms in force; null without contract.' })
  terms!: XdrTerms | null;

  @Field(() => DateScalar, { nullable: true, description: 'Day of the record in the zone.' })
  day!: string | null;

  @Field(() => String, { nullable: true, description: 'Time of day in the zone, HH:MM:SS.' })
  localTime!: string | null;

  @Field(() => String, { nullable: true, description: "The zone's clock against UTC, +02:00." })
  utcOffset!: string | null;

  @Field(() => Boolean, {
    description: "Whether it began on a holiday for which the list's time bands have rules.",
  })
  holiday!: boolean;

  @Field(() => [XdrPriceListStep], { description: "From the root list to the contract's own." })
  priceLists!: XdrPriceListStep[];

  @Field(() => Boolean, { description: 'Whether the contract names the list for a trunk alone.' })
  byTrunk!: boolean;

  @Field(() => String, { nullable: true, description: 'That trunk, if it may be seen.' })
  trunk!: string | null;

  @Field(() => String, { nullable: true, description: 'Time band that prices it, if any.' })
  band!: string | null;

  @Field(() => BandPolicy, { description: 'How its price was chosen among time bands.' })
  bandPolicy!: BandPolicy;

  @Field(() => [XdrSlice], {
    description: 'Its parts by time band, where the contract looks at more than the start.',
  })
  slices!: XdrSlice[];

  @Field(() => [XdrSkippedPrefix], { description: 'Longer prefixes that gave way.' })
  skippedPrefixes!: XdrSkippedPrefix[];

  @Field(() => Boolean, { description: 'Whether the price is for some calling numbers alone.' })
  byOrigin!: boolean;

  @Field(() => String, { nullable: true, description: 'That set of numbers, if it may be seen.' })
  originSet!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Longest prefix of that set which begins the calling number.',
  })
  originPrefix!: string | null;

  @Field(() => XdrTariff, { nullable: true, description: 'The price; null when none was needed.' })
  tariff!: XdrTariff | null;

  @Field(() => [XdrRateStep], { description: 'The absolute row, then each adjustment.' })
  path!: XdrRateStep[];

  @Field(() => [XdrQuantityStep], { description: 'From the used to the charged quantity.' })
  quantitySteps!: XdrQuantityStep[];

  @Field(() => BigIntScalar, { description: 'The charged quantity.' })
  billedQuantity!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Money that a percentage or share is taken of; null where it may not be seen.',
  })
  carriedValue!: string | null;

  @Field(() => XdrConversion, { nullable: true, description: 'From list into contract currency.' })
  conversion!: XdrConversion | null;

  @Field(() => XdrConversion, {
    nullable: true,
    description: "From the subscriber's into the list's currency, for a share.",
  })
  shareConversion!: XdrConversion | null;

  @Field(() => String, {
    nullable: true,
    description: 'The sum in numbers, such as fee + price * quantity / unit.',
  })
  formula!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Its exact result: a decimal, or a fraction like 7/30 when none ends.',
  })
  unrounded!: string | null;

  @Field(() => [XdrRuleOutcome], {
    description: 'Discounts and surcharges that fit the record, in the order in which they act.',
  })
  rules!: XdrRuleOutcome[];

  @Field(() => [XdrChargeStep], {
    description: 'From the formula to the amount that the record costs for itself.',
  })
  chargeSteps!: XdrChargeStep[];

  @Field(() => XdrMonthExplanation, {
    nullable: true,
    description: 'What tiers and allowances of the month make of it; null where they have no say.',
  })
  month!: XdrMonthExplanation | null;
}

@ObjectType({ simpleResolvers: true, description: 'How the amount of one price level came about.' })
export class XdrLevelExplanation extends XdrLevelSteps {
  @Field(() => DecimalScalar, {
    description: 'The amount as it is stored with the record, before its month.',
  })
  storedAmount!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The same computed again; null when that is not possible.',
  })
  recomputedAmount!: string | null;

  @Field(() => DecimalScalar, {
    description: 'The amount as it is shown and billed: the month included.',
  })
  amount!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The same computed again; null when that is not possible.',
  })
  recomputedFinal!: string | null;

  @Field(() => Boolean, { description: 'Whether terms, rate and amounts are those stored.' })
  equal!: boolean;

  @Field(() => [XdrDifference], { description: 'What differs; empty when equal.' })
  differences!: (keyof typeof XdrDifference)[];
}
