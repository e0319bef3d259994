import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { toGlobalId } from '../kernel/index.js';
import { DateScalar, DateTimeScalar, enumType } from '../platform/index.js';
import { type RetentionKind, retentionKindNames, retentionKinds } from './retention-rules.js';

export const RetentionKindType = enumType(
  'RetentionKind',
  'A kind of data that is kept for a time.',
  Object.fromEntries(retentionKindNames.map((kind) => [kind, retentionKinds[kind].what])) as Record<
    RetentionKind,
    string
  >,
);

@ObjectType({ simpleResolvers: true, description: 'How long a kind of data is kept.' })
export class RetentionPeriod {
  @Field(() => RetentionKindType, { description: 'The kind of data.' })
  kind!: RetentionKind;

  @Field(() => Int, { description: 'Days that hold now.' })
  keepDays!: number;

  @Field(() => Int, { description: 'The fewest days that can be set.' })
  minimumDays!: number;

  @Field(() => ID, {
    nullable: true,
    description: 'Partner for which it was set, this or one above; null for what holds of itself.',
  })
  setForId!: string | null;

  @Field(() => DateScalar, { nullable: true, description: 'Since when; null as above.' })
  validFrom!: string | null;

  @Field(() => Int, { nullable: true, description: 'What the partner has set for later, if so.' })
  nextKeepDays!: number | null;

  @Field(() => DateScalar, { nullable: true, description: 'From when on that will hold.' })
  nextValidFrom!: string | null;
}

/** A hold as the table has it. */
export interface HoldRow {
  readonly id: number;
  readonly partnerId: number;
  readonly fromOn: string;
  readonly toOn: string;
  readonly reason: string;
  readonly setBy: number;
  readonly setAt: Date;
  readonly releasedAt: Date | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'Usage that may not be purged, such as that which somebody disputes.',
})
export class RetentionHold {
  @Field(() => ID, { description: 'Opaque identifier.' })
  id!: string;

  @Field(() => ID, { description: 'Whose usage, and that of those below.' })
  partnerId!: string;

  @Field(() => DateScalar, { description: 'First day of usage that is kept.' })
  fromOn!: string;

  @Field(() => DateScalar, { description: 'First day of usage that is not.' })
  toOn!: string;

  @Field(() => String, { description: 'Why.' })
  reason!: string;

  @Field(() => DateTimeScalar, { description: 'Since when it is held.' })
  setAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Until when; null while it is.' })
  releasedAt!: Date | null;
}

/** A hold as the API shows it. */
export function retentionHold(row: HoldRow): RetentionHold {
  const { id, partnerId, setBy: _, ...shown } = row;
  return {
    id: toGlobalId('RetentionHold', id),
    partnerId: toGlobalId('Partner', partnerId),
    ...shown,
  };
}
