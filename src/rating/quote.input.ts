import 'reflect-metadata';
import { IsOptional } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { type Service, UsageService } from '../mediation/index.js';
import { BigIntScalar, DateTimeScalar, DecimalScalar, E164Digits } from '../platform/index.js';

@InputType({
  description:
    'A record that might be. It belongs to the given subscription, or to the one that its trunk ' +
    'or calling number leads to.',
})
export class QuoteInput {
  @Field(() => ID, { nullable: true, description: 'The subscription.' })
  subscriptionId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Trunk that it would come in by.' })
  inTrunkId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Trunk that it would leave by, which tells what it costs.',
  })
  outTrunkId?: string | null;

  @Field(() => String, { nullable: true, description: 'Calling number, E.164 without plus.' })
  @IsOptional()
  @E164Digits()
  aNumber?: string | null;

  @Field(() => String, { nullable: true, description: 'Called number, E.164 without plus.' })
  @IsOptional()
  @E164Digits()
  bNumber?: string | null;

  @Field(() => UsageService, { defaultValue: 'VOICE', description: 'What is counted.' })
  service!: Service;

  @Field(() => BigIntScalar, { description: 'Seconds, messages, octets or events.' })
  quantity!: string;

  @Field(() => DecimalScalar, {
    defaultValue: '0',
    description: 'Money that it carries, for prices by percentage.',
  })
  value!: string;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it begins, in 2000 or later; now if absent.',
  })
  startedAt?: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'By what was known of prices and contracts then; by what is known now if absent.',
  })
  asKnownAt?: Date | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description:
      'Whether buckets, tiers and discounts of its month act as if it came now, after the ' +
      'records that the month has already.',
  })
  inMonth!: boolean;
}
