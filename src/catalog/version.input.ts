import 'reflect-metadata';
import { ArgsType, Field } from 'type-graphql';
import { DateTimeScalar } from '../platform/index.js';

/** Arguments of queries of things in versions; without an instant they answer all of time. */
@ArgsType()
export class VersionArgs {
  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Only what is in force at this instant; whenever it is in force when absent.',
  })
  asOf?: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Ignore what was recorded after this instant.',
  })
  asKnownAt?: Date | null;
}
