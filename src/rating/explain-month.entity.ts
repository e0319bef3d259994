import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { BucketKind, Sharing } from '../catalog/index.js';
import { BigIntScalar, DecimalScalar } from '../platform/index.js';
import { XdrChargeStep, XdrRuleOutcome, XdrTierUse } from './explain-charge.entity.js';

@ObjectType({
  simpleResolvers: true,
  description: 'What a record took from a bucket. Units are whole numbers, money has decimals.',
})
export class XdrBucketUse {
  @Field(() => ID, { description: 'The bucket.' })
  bucketId!: string;

  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => BucketKind, { description: 'What it holds.' })
  kind!: BucketKind;

  @Field(() => Sharing, { description: 'Who uses it together.' })
  sharing!: Sharing;

  @Field(() => DecimalScalar, { description: 'Granted for the month.' })
  granted!: string;

  @Field(() => DecimalScalar, { description: 'Left over from the months before.' })
  rolledIn!: string;

  @Field(() => DecimalScalar, { description: 'Added by bonuses up to this record.' })
  bonus!: string;

  @Field(() => DecimalScalar, { description: 'Taken by this record.' })
  used!: string;

  @Field(() => DecimalScalar, { description: 'Left after this record.' })
  left!: string;
}

@ObjectType({
  simpleResolvers: true,
  description:
    "What the other records of the contract's month make of a record: records take from buckets " +
    'and count into tiers in order of time, whatever the order of their files.',
})
export class XdrMonthExplanation {
  @Field(() => String, { description: 'The month, YYYY-MM, in the zone of the contract.' })
  month!: string;

  @Field(() => Boolean, {
    description:
      'Whether a fold may still change it: usage of the month came in that has not been taken ' +
      'into account yet, or, where a bucket is rolled over, usage of an earlier one. Contracts ' +
      'are folded in groups, so it may be that of another contract.',
  })
  pending!: boolean;

  @Field(() => [XdrBucketUse], { description: 'Buckets of units that covered it.' })
  covered!: XdrBucketUse[];

  @Field(() => BigIntScalar, { description: 'Units that buckets covered.' })
  coveredQuantity!: string;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Units that its tiers had counted before it; null without tiers.',
  })
  tierBefore!: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Units that its tiers count up to the record, for VOLUME in the whole period.',
  })
  tierTotal!: string | null;

  @Field(() => [XdrTierUse], { description: 'Steps of the tiers that its units fall into.' })
  tiers!: XdrTierUse[];

  @Field(() => [XdrRuleOutcome], { description: 'Discounts and surcharges, with what they count.' })
  rules!: XdrRuleOutcome[];

  @Field(() => String, {
    nullable: true,
    description: 'The sum for what is left to charge; null where the month does not change it.',
  })
  formula!: string | null;

  @Field(() => [XdrChargeStep], { description: 'From the formula to the charge.' })
  chargeSteps!: XdrChargeStep[];

  @Field(() => [XdrBucketUse], { description: 'Buckets of money that paid it.' })
  paid!: XdrBucketUse[];

  @Field(() => DecimalScalar, { description: 'What is left to pay.' })
  amount!: string;
}
