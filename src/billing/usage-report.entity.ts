import 'reflect-metadata';
import { Field, ObjectType } from 'type-graphql';
import { BigIntScalar, DateScalar, DecimalScalar } from '../platform/index.js';

@ObjectType({ simpleResolvers: true, description: 'One day of the usage that a line adds up.' })
export class InvoiceLineDay {
  @Field(() => DateScalar, { description: "Day in the contract's zone." })
  usageOn!: string;

  @Field(() => BigIntScalar, { description: 'Usage records.' })
  records!: string;

  @Field(() => BigIntScalar, { description: 'Seconds, messages, octets or events as used.' })
  quantity!: string;

  @Field(() => BigIntScalar, { description: 'The quantity after increments and minimum.' })
  billedQuantity!: string;

  @Field(() => DecimalScalar, { description: 'Exact sum of the rated amounts.' })
  amount!: string;
}

@ObjectType({
  simpleResolvers: true,
  description: "Traffic of a month to one destination as a partner's business.",
})
export class DestinationUsage {
  @Field(() => String, { description: 'VOICE, SMS, DATA or EVENT.' })
  service!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Name of the destination; null for usage without one.',
  })
  destination!: string | null;

  @Field(() => String, { description: 'Currency of the amounts, ISO 4217.' })
  currency!: string;

  @Field(() => BigIntScalar, { description: 'Records sold; bought ones where none are sold.' })
  records!: string;

  @Field(() => BigIntScalar, { description: 'Their seconds, messages, octets or events.' })
  quantity!: string;

  @Field(() => BigIntScalar, { description: 'Their quantity after increments and minimum.' })
  billedQuantity!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      "What the partner pays for it. The hub's cost needs price.cost.read, that of others " +
      'price.wholesale.read; null without.',
  })
  cost!: string | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What the partner is paid for it; needs price.wholesale.read, null without.',
  })
  revenue!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Revenue less cost.' })
  margin!: string | null;
}
