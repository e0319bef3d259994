import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { MarginPolicy } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
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

export const QuoteMarginFault = enumType(
  'QuoteMarginFault',
  'Why rating would keep a quoted record aside for its margin.',
  {
    MARGIN_HELD: 'It would wait until it brings what it costs.',
    MARGIN_REFUSED: 'It would be rejected.',
  },
);

@ObjectType({
  simpleResolvers: true,
  description:
    'A level that would sell a quoted record below what the level above costs, by a contract ' +
    'that watches that. As rating looks at it: before the month, the cost converted at the ' +
    'exchange rate of the instant.',
})
export class QuoteMarginFinding extends XdrLevelMargin {
  @Field(() => MarginPolicy, { description: 'What the selling contract does about it.' })
  policy!: Exclude<MarginPolicy, 'NONE'>;

  @Field(() => DecimalScalar, { description: 'The buying price in that currency.' })
  cost!: string;

  @Field(() => DecimalScalar, { description: 'The selling price.' })
  price!: string;
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

  @Field(() => [QuoteMarginFinding], {
    description:
      'Visible levels that would be sold below the cost of their visible neighbour though their ' +
      'contract warns of that, holds or refuses it, from the top down; empty when a level has a ' +
      'fault, since that decides before.',
  })
  marginFindings!: QuoteMarginFinding[];

  @Field(() => QuoteMarginFault, {
    nullable: true,
    description:
      'What rating would do by these findings; the strictest of them decides. Null ' +
      'when it would rate the record.',
  })
  marginFault!: keyof typeof QuoteMarginFault | null;
}
