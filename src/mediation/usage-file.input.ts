import 'reflect-metadata';
import { Field, ID, InputType } from 'type-graphql';
import { UsageFileState } from './usage-file.entity.js';

@InputType({ description: 'Which usage files to list; absent fields do not narrow.' })
export class UsageFileFilter {
  @Field(() => ID, { nullable: true, description: 'Imported as usage of this source.' })
  sourceId?: string | null;

  @Field(() => UsageFileState, { nullable: true, description: 'In this state.' })
  state?: UsageFileState | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'Sent as a rate sheet, or false: only what was not.',
  })
  rateSheet?: boolean | null;
}
