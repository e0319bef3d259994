import 'reflect-metadata';
import { ArgsType, Field } from 'type-graphql';
import { DateTimeScalar, type RequestContext } from '../platform/index.js';

/** Arguments of every query of prices: when they hold, and as of when they were known. */
@ArgsType()
export class MomentArgs {
  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'The instant the prices are in force at; now when absent.',
  })
  asOf?: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Ignore what was recorded after this instant.',
  })
  asKnownAt?: Date | null;
}

/** The moment that was asked for; in force now, when nothing was said. */
export function momentOf(
  args: MomentArgs,
  context: RequestContext,
): { readonly asOf: Date; readonly asKnownAt: Date | null } {
  return { asOf: args.asOf ?? context.now(), asKnownAt: args.asKnownAt ?? null };
}
