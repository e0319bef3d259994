import 'reflect-metadata';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsOptional,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { SubscriptionStatus } from './subscription.entity.js';
import type { SubscriptionStatus as Status } from './transition.js';

const NUMBERS = 'Numbers in E.164 digits, or ranges written first-last.';
const TRUNKS = 'Names of trunks by which its traffic comes in.';

@InputType({ description: 'A subscription to create.' })
export class CreateSubscriptionInput {
  @Field(() => ID, { description: 'The account that holds it.' })
  accountId!: string;

  @Field(() => ID, { description: 'A WHOLESALE or RETAIL contract of the same partner.' })
  contractId!: string;

  @Field(() => ID, { nullable: true, description: "A service plan of the contract's seller." })
  servicePlanId?: string | null;

  @Field(() => String, { description: 'Name in daily use.' })
  @PlainText(1, 200)
  label!: string;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Its beginning; now when absent.' })
  startsAt?: Date | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "Limit of usage charges in one calendar month of the contract's zone.",
  })
  creditLimit?: string | null;

  @Field(() => Int, { defaultValue: 80, description: 'Percent of the limit that raise a warning.' })
  @Min(1)
  @Max(100)
  creditWarningPercent!: number;

  @Field(() => [String], { defaultValue: [], description: NUMBERS })
  @ArrayMaxSize(1_000)
  numbers!: string[];

  @Field(() => [String], { defaultValue: [], description: TRUNKS })
  @ArrayMaxSize(100)
  trunks!: string[];
}

@InputType({ description: 'One of many subscriptions to create.' })
export class SubscriptionLineInput {
  @Field(() => String, { description: 'Name in daily use.' })
  @PlainText(1, 200)
  label!: string;

  @Field(() => [String], { defaultValue: [], description: NUMBERS })
  @ArrayMaxSize(1_000)
  numbers!: string[];

  @Field(() => [String], { defaultValue: [], description: TRUNKS })
  @ArrayMaxSize(100)
  trunks!: string[];
}

@InputType({ description: 'Many subscriptions under the same terms, created all or none.' })
export class CreateSubscriptionsInput {
  @Field(() => ID, { description: 'The account that holds them.' })
  accountId!: string;

  @Field(() => ID, { description: 'A WHOLESALE or RETAIL contract of the same partner.' })
  contractId!: string;

  @Field(() => ID, { nullable: true, description: "A service plan of the contract's seller." })
  servicePlanId?: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Their beginning; now if absent.' })
  startsAt?: Date | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "Limit of each one's usage charges in a calendar month of the contract's zone.",
  })
  creditLimit?: string | null;

  @Field(() => Int, { defaultValue: 80, description: 'Percent of the limit that raise a warning.' })
  @Min(1)
  @Max(100)
  creditWarningPercent!: number;

  @Field(() => [SubscriptionLineInput], { description: 'The subscriptions, up to 1,000.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @ValidateNested()
  subscriptions!: SubscriptionLineInput[];
}

@InputType({ description: 'A number, range or trunk to add. Either number or trunk is given.' })
export class AddIdentityInput {
  @Field(() => ID, { description: 'The subscription.' })
  subscriptionId!: string;

  @Field(() => String, { nullable: true, description: 'A number, or a range first-last.' })
  number?: string | null;

  @Field(() => String, { nullable: true, description: 'The name of a trunk.' })
  trunk?: string | null;

  @Field(() => DateTimeScalar, { description: 'First instant at which it holds.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open when absent.' })
  validTo?: Date | null;
}

@InputType({ description: 'A trunk to create.' })
export class CreateTrunkInput {
  @Field(() => String, { description: 'Its name as records carry it, unique.' })
  @PlainText(1, 100)
  name!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The COST contract under which traffic that leaves by it is bought.',
  })
  costContractId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: "Whose connection it is; the supplier's when it has a contract.",
  })
  partnerId?: string | null;
}

@InputType({ description: 'Which subscriptions to list; every given condition must hold.' })
export class SubscriptionFilter {
  @Field(() => ID, { nullable: true, description: 'Only those of this partner.' })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only those under this contract.' })
  contractId?: string | null;

  @Field(() => [SubscriptionStatus], { nullable: true, description: 'States to list.' })
  statuses?: Status[] | null;

  @Field(() => String, { nullable: true, description: 'Only those that ever had this number.' })
  @IsOptional()
  @MaxLength(20)
  number?: string | null;
}
