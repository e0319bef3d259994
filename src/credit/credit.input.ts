import { Max, Min } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { DecimalScalar, PlainText } from '../platform/index.js';

@InputType({ description: 'New credit terms of a subscription.' })
export class CreditLimitInput {
  @Field(() => ID, { description: 'Identifier of the subscription.' })
  subscriptionId!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'Amount that usage of one month may reach, in the currency that the contract has at its ' +
      'end; it stays the same number when that changes. Null for no limit.',
  })
  limit!: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Share of the limit in percent from which people are warned; unchanged if absent.',
  })
  @Min(1)
  @Max(100)
  warningPercent?: number | null;
}

@InputType({ description: 'Which subscription to block, and why.' })
export class BlockInput {
  @Field(() => ID, { description: 'Identifier of the subscription.' })
  subscriptionId!: string;

  @Field(() => String, { description: 'Why, for those who read the event; 1 to 200 characters.' })
  @PlainText(1, 200)
  reason!: string;
}
