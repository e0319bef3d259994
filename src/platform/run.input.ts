import { Field, InputType } from 'type-graphql';
import { RunKindType, RunStateType } from './run.entity.js';
import type { RunKind, RunState } from './run-rules.js';

@InputType({ description: 'Which runs to list; what is absent does not restrict.' })
export class RunFilter {
  @Field(() => RunKindType, { nullable: true, description: 'Only runs of this kind.' })
  kind?: RunKind | null;

  @Field(() => RunStateType, { nullable: true, description: 'Only runs in this state.' })
  state?: RunState | null;
}
