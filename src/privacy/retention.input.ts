import 'reflect-metadata';
import { Max, Min } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { DateScalar, PlainLines } from '../platform/index.js';
import { RetentionKindType } from './retention.entity.js';
import type { RetentionKind } from './retention-rules.js';

@InputType({ description: 'How long a kind of data shall be kept.' })
export class SetRetentionInput {
  @Field(() => ID, {
    nullable: true,
    description: 'The partner, and those below that have set nothing; the acting one if absent.',
  })
  partnerId?: string | null;

  @Field(() => RetentionKindType, { description: 'The kind of data.' })
  kind!: RetentionKind;

  @Field(() => Int, {
    nullable: true,
    description: 'Days; null for what holds for the partner above.',
  })
  @Min(1)
  @Max(36_525)
  keepDays?: number | null;

  @Field(() => DateScalar, { nullable: true, description: 'From this day on; today if absent.' })
  validFrom?: string | null;
}

@InputType({ description: 'Usage that may not be purged.' })
export class HoldUsageInput {
  @Field(() => ID, { description: 'Whose usage, and that of those below.' })
  partnerId!: string;

  @Field(() => DateScalar, { description: 'First day of usage that is kept.' })
  fromOn!: string;

  @Field(() => DateScalar, { description: 'First day of usage that is not.' })
  toOn!: string;

  @Field(() => String, { description: 'Why, for example the number of a dispute.' })
  @PlainLines(1, 1000)
  reason!: string;
}
