import 'reflect-metadata';
import { Field, ID, InputType } from 'type-graphql';

@InputType({ description: 'A new source of usage files.' })
export class CreateUsageSourceInput {
  @Field(() => String, {
    description:
      '1 to 63 lower-case letters, digits and hyphens; unique, and the name of its inbox folder.',
  })
  name!: string;

  @Field(() => ID, { description: 'How its records are written.' })
  formatId!: string;

  @Field(() => String, {
    description:
      'Duplicates are looked for among all sources with the same domain: 1 to 63 lower-case ' +
      'letters, digits, points and hyphens.',
  })
  identityDomain!: string;

  @Field(() => String, {
    defaultValue: 'UTC',
    description: 'IANA zone of local times, unless the format names one.',
  })
  timeZone!: string;

  @Field(() => ID, { nullable: true, description: 'Trunk of records that name no incoming one.' })
  defaultInTrunkId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Trunk of records that name no outgoing one.' })
  defaultOutTrunkId?: string | null;
}
