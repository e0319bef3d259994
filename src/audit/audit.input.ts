import 'reflect-metadata';
import { ArrayMaxSize, MaxLength } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { DateTimeScalar } from '../platform/index.js';

@InputType({ description: 'Which entries to list; what is absent does not restrict.' })
export class AuditFilter {
  @Field(() => DateTimeScalar, { nullable: true, description: 'From this instant on.' })
  from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Before this instant.' })
  to?: Date | null;

  @Field(() => ID, { nullable: true, description: 'By this user, or by an API key of his.' })
  userId?: string | null;

  @Field(() => [String], { nullable: true, description: 'Only these operations.' })
  @ArrayMaxSize(100)
  @MaxLength(100, { each: true })
  operations?: string[] | null;

  @Field(() => ID, {
    nullable: true,
    description: 'About this: the identifier of anything that changed or was named.',
  })
  subjectId?: string | null;
}

@InputType({ description: 'A signed head that was kept elsewhere.' })
export class AuditHeadInput {
  @Field(() => String, { description: 'What was signed, as it was exported.' })
  @MaxLength(1000)
  head!: string;

  @Field(() => String, { description: 'The signature, base64.' })
  @MaxLength(200)
  signature!: string;

  @Field(() => String, {
    nullable: true,
    description: 'First bytes of the hashes of the entries since the head before, as exported.',
  })
  @MaxLength(1_000_000)
  trail?: string | null;
}
