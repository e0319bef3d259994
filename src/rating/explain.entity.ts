import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { PriceLevel } from '../partner/index.js';
import { BigIntScalar, DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import { XdrLevelExplanation } from './explain-level.entity.js';
import { Xdr } from './xdr.entity.js';

export const XdrNumberRule = enumType('XdrNumberRule', 'Which rule of its source read a number.', {
  PLUS: 'It begins with plus and is international.',
  INTERNATIONAL_PREFIX: 'A prefix for international calls was cut off.',
  TRUNK_PREFIX: 'The national prefix was cut off and the country code put before.',
  BARE_INTERNATIONAL: 'It has no prefix and is international by the rules of its source.',
  BARE_NATIONAL: 'It has no prefix; the country code was put before.',
  WITHHELD: 'It holds no number.',
});

export const XdrReadingState = enumType(
  'XdrReadingState',
  'Whether the line of a record can be shown.',
  {
    SHOWN: 'The line was found in what the source delivered.',
    NOT_VISIBLE: 'The file belongs to a partner that the viewer does not see.',
    FILE_GONE: 'The file is no longer in the store.',
    LINE_NOT_FOUND: 'The file has no line with the identity of the record.',
  },
);

export const XdrGuidedBy = enumType('XdrGuidedBy', 'By what a record found its subscription.', {
  TRUNK: 'By the trunk that it came in by.',
  NUMBER: 'By the calling number.',
  NONE: 'By nothing that was known then and is visible now.',
});

@ObjectType({ simpleResolvers: true, description: 'How a number was read.' })
export class XdrNumberReading {
  @Field(() => String, { description: 'Column that it stood in.' })
  column!: string;

  @Field(() => String, { description: 'As the source wrote it.' })
  raw!: string;

  @Field(() => String, { description: 'Without signs that only separate.' })
  dialled!: string;

  @Field(() => XdrNumberRule, { description: 'The rule that applied.' })
  rule!: keyof typeof XdrNumberRule;

  @Field(() => String, { description: 'What was cut off the front; empty when nothing.' })
  cut!: string;

  @Field(() => String, { description: 'What was put before; empty when nothing.' })
  added!: string;

  @Field(() => String, { nullable: true, description: 'E.164 without plus; null when withheld.' })
  digits!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'A field of a line as the source wrote it.' })
export class XdrRawField {
  @Field(() => String, { description: 'What it means to us.' })
  meaning!: string;

  @Field(() => String, { description: 'Column that it stood in.' })
  column!: string;

  @Field(() => String, { description: 'As the source wrote it.' })
  raw!: string;
}

@ObjectType({ simpleResolvers: true, description: 'How a record was read from its line.' })
export class XdrReading {
  @Field(() => XdrReadingState, { description: 'Whether the line can be shown.' })
  state!: keyof typeof XdrReadingState;

  @Field(() => BigIntScalar, { nullable: true, description: 'Where the line begins in the file.' })
  byteOffset!: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Its line within the part of the file that one batch read, from 1.',
  })
  batchLine!: number | null;

  @Field(() => String, { nullable: true, description: 'The line; odd bytes as \\xNN.' })
  raw!: string | null;

  @Field(() => Boolean, {
    description: 'Whether it was held or rejected first and taken up again.',
  })
  recycled!: boolean;

  @Field(() => String, { nullable: true, description: 'Zone in which local times were read.' })
  timeZone!: string | null;

  @Field(() => [XdrRawField], { description: 'Fields that carry meaning, as written.' })
  fields!: XdrRawField[];

  @Field(() => XdrNumberReading, { nullable: true, description: 'The calling number.' })
  aNumber!: XdrNumberReading | null;

  @Field(() => XdrNumberReading, { nullable: true, description: 'The called number.' })
  bNumber!: XdrNumberReading | null;
}

@ObjectType({ simpleResolvers: true, description: 'How a record found its subscription.' })
export class XdrGuiding {
  @Field(() => XdrGuidedBy, { description: 'By what it was found.' })
  by!: keyof typeof XdrGuidedBy;

  @Field(() => String, { nullable: true, description: 'Trunk or number that was looked for.' })
  key!: string | null;

  @Field(() => ID, { nullable: true, description: 'Identity of the subscription that holds it.' })
  identityId!: string | null;

  @Field(() => String, { nullable: true, description: 'First number of the identity.' })
  numberFrom!: string | null;

  @Field(() => String, { nullable: true, description: 'Last number of the identity.' })
  numberTo!: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it begins to hold.' })
  validFrom!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open if null.' })
  validTo!: Date | null;

  @Field(() => ID, { description: 'Subscription that the record was attached to.' })
  subscriptionId!: string;

  @Field(() => Boolean, {
    description: 'Whether what was known when it was rated leads to that subscription again.',
  })
  equal!: boolean;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What is left between two neighbouring levels of a record.',
})
export class XdrLevelMargin {
  @Field(() => PriceLevel, { description: 'The level bought at.' })
  buy!: PriceLevel;

  @Field(() => PriceLevel, { description: 'The level sold at.' })
  sell!: PriceLevel;

  @Field(() => Int, { description: 'Position of the level sold at.' })
  position!: number;

  @Field(() => DecimalScalar, { description: 'Selling price less buying price.' })
  amount!: string;

  @Field(() => String, { description: 'Currency of both prices, ISO 4217.' })
  currency!: string;
}

/** What the service found out; the line is read only when it is asked for. */
@ObjectType({
  simpleResolvers: true,
  description:
    'How every amount of a record came about, computed again from what was known when it was ' +
    'rated. Levels that the viewer may not see are absent.',
})
export class XdrExplanation {
  @Field(() => Xdr, { description: 'The record.' })
  xdr!: Xdr;

  @Field(() => DateTimeScalar, { description: 'Prices recorded up to here were known.' })
  knownAt!: Date;

  @Field(() => XdrGuiding, { description: 'How it found its subscription.' })
  guiding!: XdrGuiding;

  @Field(() => [XdrLevelExplanation], { description: 'From what the viewer pays downwards.' })
  levels!: XdrLevelExplanation[];

  @Field(() => [XdrLevelMargin], {
    description: 'Between visible levels that are neighbours and have one currency.',
  })
  margins!: XdrLevelMargin[];

  @Field(() => Boolean, { description: 'Whether every visible level is equal to what is stored.' })
  equal!: boolean;
}
