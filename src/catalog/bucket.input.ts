import 'reflect-metadata';
import { ArrayMaxSize, ArrayMinSize, IsOptional } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { PricedService } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { BonusGrant, BonusMeasure, BucketKind, Sharing } from './bucket.entity.js';

@InputType({ description: 'What a bucket or bonus rule belongs to: one of the two.' })
export class AllowanceTargetInput {
  @Field(() => ID, {
    nullable: true,
    description: 'Every subscription of this service plan has it.',
  })
  servicePlanId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Every subscription under this contract has it.',
  })
  contractId?: string | null;
}

/** What buckets and bonus rules have in common. */
@InputType()
abstract class AllowanceInput {
  @Field(() => String, { description: 'Its name, as explanations and customers see it.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => [PricedService], {
    nullable: true,
    description: 'Only records of these services; all when absent or with ANY.',
  })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(5)
  services?: PricedService[] | null;

  @Field(() => [ID], { nullable: true, description: 'Only records to these destinations.' })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  destinationIds?: string[] | null;

  @Field(() => Sharing, {
    defaultValue: 'SUBSCRIPTION',
    description: 'Who uses it, or counts, together.',
  })
  sharing!: Sharing;

  @Field(() => DateTimeScalar, { description: 'First instant at which it holds.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open when absent.' })
  validTo?: Date | null;
}

@InputType({ description: 'An allowance that is granted every civil month of the contract.' })
export class BucketInput extends AllowanceInput {
  @Field(() => BucketKind, { description: 'What it holds.' })
  kind!: BucketKind;

  @Field(() => DecimalScalar, { description: 'Whole units, or money, granted every month.' })
  amount!: string;

  @Field(() => Int, {
    defaultValue: 0,
    description: 'Its place: buckets are used by rising priority.',
  })
  priority!: number;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most that is left over for the next month; nothing when absent.',
  })
  rolloverCap?: string | null;
}

@InputType({ description: 'What reaching a threshold within a month gives.' })
export class BonusRuleInput extends AllowanceInput {
  @Field(() => BonusMeasure, { description: 'What is counted.' })
  measure!: BonusMeasure;

  @Field(() => DecimalScalar, { description: 'What must be reached in a month, above 0.' })
  threshold!: string;

  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Whether every multiple of the threshold gives again.',
  })
  repeats!: boolean;

  @Field(() => BonusGrant, { description: 'What it gives.' })
  grants!: BonusGrant;

  @Field(() => DecimalScalar, { description: 'How much it gives, above 0.' })
  amount!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The bucket of the same seller that units and money are added to.',
  })
  bucketId?: string | null;
}

@InputType({ description: 'Which to list; every given condition must hold.' })
export class AllowanceFilter {
  @Field(() => ID, { nullable: true, description: 'Only those of this seller.' })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only those of this service plan.' })
  servicePlanId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only those of this contract.' })
  contractId?: string | null;
}
