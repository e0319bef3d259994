import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { BucketKind, Sharing } from '../catalog/index.js';
import { DecimalScalar } from '../platform/index.js';

@ObjectType({ simpleResolvers: true, description: 'What one subscription took from a bucket.' })
export class BucketUser {
  @Field(() => ID, { description: 'The subscription.' })
  subscriptionId!: string;

  @Field(() => String, { description: 'Its name in daily use.' })
  label!: string;

  @Field(() => DecimalScalar, { description: 'Units or money that it took.' })
  used!: string;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'A bucket of one holder in one month. Units are whole numbers, money has decimals. Granted, ' +
    'rolled in and bonus, less what was used, is what is left.',
})
export class BucketBalance {
  @Field(() => ID, { description: 'The bucket.' })
  bucketId!: string;

  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => BucketKind, { description: 'What it holds.' })
  kind!: BucketKind;

  @Field(() => String, {
    nullable: true,
    description:
      "Of money, ISO 4217: that of the contract's terms at the end of the month. Null for units.",
  })
  currency!: string | null;

  @Field(() => Sharing, { description: 'Who uses it together.' })
  sharing!: Sharing;

  @Field(() => ID, {
    description: 'That subscription, account at the top of its tree, or contract.',
  })
  holderId!: string;

  @Field(() => DecimalScalar, { description: 'Granted for the month.' })
  granted!: string;

  @Field(() => DecimalScalar, { description: 'Left over from the months before.' })
  rolledIn!: string;

  @Field(() => DecimalScalar, { description: 'Added by bonuses.' })
  bonus!: string;

  @Field(() => DecimalScalar, { description: 'Taken so far, by whomever.' })
  used!: string;

  @Field(() => DecimalScalar, { description: 'Still there.' })
  left!: string;

  @Field(() => [BucketUser], { description: 'Who took from it, as far as the viewer sees them.' })
  usedBy!: BucketUser[];
}

@ObjectType({ simpleResolvers: true, description: 'Bonus points of one holder in one month.' })
export class BonusPoints {
  @Field(() => ID, { description: 'The bonus rule.' })
  bonusRuleId!: string;

  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => Sharing, { description: 'Who earns them together.' })
  sharing!: Sharing;

  @Field(() => ID, {
    description: 'That subscription, account at the top of its tree, or contract.',
  })
  holderId!: string;

  @Field(() => DecimalScalar, { description: 'Points earned in the month.' })
  points!: string;
}

@ObjectType({ simpleResolvers: true, description: 'Allowances of a civil month.' })
export class BucketBalances {
  @Field(() => String, { description: 'The month, YYYY-MM, in the zone of the contract.' })
  month!: string;

  @Field(() => Boolean, {
    description:
      'Whether a fold may still change it: usage of the month came in that has not been taken ' +
      'into account yet, or, where a bucket is rolled over, usage of an earlier one. Contracts ' +
      'are folded in groups, so it may be that of another contract.',
  })
  pending!: boolean;

  @Field(() => [BucketBalance], { description: 'Buckets, the first to be used first.' })
  buckets!: BucketBalance[];

  @Field(() => [BonusPoints], { description: 'Points that were earned.' })
  points!: BonusPoints[];
}
