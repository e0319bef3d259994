import 'reflect-metadata';
import { ArrayMaxSize } from 'class-validator';
import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { BigIntScalar } from '../platform/index.js';
import { SuspenseState } from './suspense.entity.js';

@InputType({ description: 'Which records kept aside; absent fields do not narrow.' })
export class SuspenseFilter {
  @Field(() => ID, { nullable: true, description: 'Of this usage file.' })
  fileId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Of files of this source.' })
  sourceId?: string | null;

  @Field(() => [String], { nullable: true, description: 'With one of these codes.' })
  @ArrayMaxSize(50)
  codes?: string[] | null;

  @Field(() => ID, {
    nullable: true,
    description: 'For want of a price, rate or terms of this contract, or for its margin.',
  })
  contractId?: string | null;

  @Field(() => SuspenseState, {
    nullable: true,
    description: 'In this state; when absent, rejected and held ones.',
  })
  state?: SuspenseState | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'How many records of a source are kept aside for one reason.',
})
export class SuspenseCount {
  @Field(() => String, { description: 'What is wrong, as a code.' })
  code!: string;

  @Field(() => SuspenseState, { description: 'In which state they are.' })
  state!: SuspenseState;

  /** The source, which the API shows as `source`. */
  sourceId!: number | null;

  /** The contract, which the API shows as `contract`. */
  contractId!: number | null;

  @Field(() => BigIntScalar, { description: 'How many there are.' })
  records!: string;
}
