import 'reflect-metadata';
import { Field, ID, InputType } from 'type-graphql';
import { type Service, UsageService } from '../mediation/index.js';
import { DateTimeScalar, E164Digits } from '../platform/index.js';

@InputType({ description: 'Which records to list. The span of time is required.' })
export class XdrFilter {
  @Field(() => DateTimeScalar, { description: 'Charging began at this instant or later.' })
  from!: Date;

  @Field(() => DateTimeScalar, { description: 'Charging began before this instant.' })
  to!: Date;

  @Field(() => ID, { nullable: true, description: 'Of this partner and those below it.' })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Of this account.' })
  accountId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Of this subscription.' })
  subscriptionId?: string | null;

  @Field(() => UsageService, { nullable: true, description: 'Of this service.' })
  service?: Service | null;

  @Field(() => String, {
    nullable: true,
    description: 'With this calling or called number: E.164 digits without plus.',
  })
  @E164Digits()
  number?: string | null;

  @Field(() => ID, { nullable: true, description: 'To this destination.' })
  destinationId?: string | null;

  @Field(() => ID, { nullable: true, description: 'From this usage file, recycled ones too.' })
  fileId?: string | null;
}
