import 'reflect-metadata';
import { Field, Int, ObjectType } from 'type-graphql';
import { DecimalScalar } from '../platform/index.js';
import { FeeExplanation } from './fee-explanation.entity.js';
import { InvoiceLineKind } from './invoice.entity.js';

@ObjectType({
  simpleResolvers: true,
  description: 'A line of fees as an invoice would have it if it were made now.',
})
export class FeeQuote {
  @Field(() => InvoiceLineKind, { description: 'PERIODIC_FEE or ONE_TIME_FEE.' })
  kind!: InvoiceLineKind;

  @Field(() => String, { description: "What is charged, in the buyer's language." })
  description!: string;

  @Field(() => String, { description: 'Currency of the amounts, ISO 4217.' })
  currency!: string;

  @Field(() => Int, { description: 'How often the fee is charged.' })
  charges!: number;

  @Field(() => DecimalScalar, { description: 'The exact sum of its charges.' })
  basis!: string;

  @Field(() => DecimalScalar, { description: 'The basis rounded half up to minor units.' })
  net!: string;

  @Field(() => FeeExplanation, { description: 'How the first of its charges comes about.' })
  explanation!: FeeExplanation;
}
