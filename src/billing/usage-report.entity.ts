import 'reflect-metadata';
import { Field, ObjectType } from 'type-graphql';
import { pricePermissions } from '../partner/index.js';
import { BigIntScalar, DateScalar, DecimalScalar, ShownWith } from '../platform/index.js';

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

  @ShownWith('price.cost.read', 'price.wholesale.read')
  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What the partner pays for it; null when prices of that level may not be seen.',
  })
  cost!: string | null;

  @ShownWith('price.wholesale.read', 'price.retail.read')
  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What the partner is paid for it; null when prices of a level may not be seen.',
  })
  revenue!: string | null;

  @ShownWith(...pricePermissions)
  @Field(() => DecimalScalar, { nullable: true, description: 'Revenue less cost.' })
  margin!: string | null;
}
