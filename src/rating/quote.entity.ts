import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { DateTimeScalar, DecimalScalar } from '../platform/index.js';
import { XdrLevelMargin } from './explain.entity.js';
import { XdrDifference, XdrLevelSteps } from './explain-level.entity.js';

@ObjectType({ simpleResolvers: true, description: 'What a quoted record would cost at one level.' })
export class QuoteLevel extends XdrLevelSteps {
  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The price, the month included if asked for; null when it cannot be computed.',
  })
  amount!: string | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'What the record would cost for itself, before its month.',
  })
  baseAmount!: string | null;

  @Field(() => XdrDifference, { nullable: true, description: 'Why there is no price.' })
  fault!: keyof typeof XdrDifference | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What a record would cost, with all steps. Nothing is stored.',
})
export class Quote {
  @Field(() => ID, { description: 'The subscription it would belong to.' })
  subscriptionId!: string;

  @Field(() => DateTimeScalar, { description: 'When it would begin.' })
  startedAt!: Date;

  @Field(() => DateTimeScalar, { description: 'Up to when prices were known.' })
  knownAt!: Date;

  @Field(() => ID, { nullable: true, description: 'Destination of the called number, if any.' })
  destinationId!: string | null;

  @Field(() => [QuoteLevel], { description: 'From what the viewer pays downwards.' })
  levels!: QuoteLevel[];

  @Field(() => [XdrLevelMargin], {
    description: 'Between visible levels that are neighbours and have one currency.',
  })
  margins!: XdrLevelMargin[];
}
