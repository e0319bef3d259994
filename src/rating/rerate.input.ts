import 'reflect-metadata';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsOptional,
  ValidateNested,
} from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { type Service, UsageService } from '../mediation/index.js';
import { PriceLevel } from '../partner/index.js';
import { DateTimeScalar, PlainLines } from '../platform/index.js';

@InputType({
  description:
    'Which records to rate anew, and at which levels. The span of time is required; everything ' +
    'else narrows it.',
})
export class RerateSelectionInput {
  @Field(() => DateTimeScalar, { description: 'Charging began at this instant or later.' })
  from!: Date;

  @Field(() => DateTimeScalar, { description: 'Charging began before this instant.' })
  to!: Date;

  @Field(() => ID, { nullable: true, description: 'Of this partner and those below it.' })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only levels that this contract prices.' })
  contractId?: string | null;

  @Field(() => [PriceLevel], { nullable: true, description: 'Only these price levels.' })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayUnique()
  levels?: PriceLevel[] | null;

  @Field(() => [ID], { nullable: true, description: 'To these destinations, at most 1,000.' })
  @IsOptional()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  destinationIds?: string[] | null;

  @Field(() => UsageService, { nullable: true, description: 'Of this service.' })
  service?: Service | null;

  @Field(() => ID, { nullable: true, description: 'From this source.' })
  sourceId?: string | null;

  @Field(() => ID, { nullable: true, description: 'From this usage file, recycled ones too.' })
  fileId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Rated by this run.' })
  runId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Of this subscription.' })
  subscriptionId?: string | null;
}

@InputType({ description: 'A new change set.' })
export class CreateRerateInput {
  @Field(() => RerateSelectionInput, { description: 'What it is about.' })
  @ValidateNested()
  selection!: RerateSelectionInput;

  @Field(() => String, { description: 'Why it is done, 1 to 1,000 characters.' })
  @PlainLines(1, 1000)
  reason!: string;
}
