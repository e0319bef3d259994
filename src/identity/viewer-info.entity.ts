import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { DateTimeScalar } from '../platform/index.js';
import { AppUser } from './user.entity.js';

@ObjectType({ simpleResolvers: true, description: 'The signed-in user and what he may do.' })
export class ViewerInfo {
  @Field(() => AppUser, { description: 'The user.' })
  user!: AppUser;

  @Field(() => ID, {
    description:
      'The partner that the request acts at: the one in the header `kontor-partner`, else the ' +
      "user's own, or the only other one where the user has roles.",
  })
  partnerId!: string;

  @Field(() => ID, { nullable: true, description: 'The API key that calls; null for a session.' })
  apiKeyId!: string | null;

  @Field(() => [String], {
    description: 'What may be done at the partner that the request acts at, sorted.',
  })
  permissions!: string[];

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Until when the session may do what needs a step-up; null when it may not.',
  })
  steppedUpUntil!: Date | null;
}
