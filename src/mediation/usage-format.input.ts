import 'reflect-metadata';
import { MaxLength } from 'class-validator';
import { ArgsType, Field, ID, Int, ObjectType } from 'type-graphql';
import {
  BigIntScalar,
  DateTimeScalar,
  DecimalScalar,
  enumType,
  JsonScalar,
} from '../platform/index.js';
import type { FormatDefinition, Service } from './format.js';

export const UsageService = enumType('UsageService', 'What a record counts.', {
  VOICE: 'Calls, in seconds.',
  SMS: 'Messages.',
  DATA: 'Traffic, in octets.',
  EVENT: 'Any other counted event.',
});

@ArgsType()
export class TryUsageFormatArgs {
  @Field(() => ID, { description: 'The format to read with.' })
  formatId!: string;

  @Field(() => String, { description: 'Lines as the source writes them, at most 65,536 bytes.' })
  sample!: string;

  @Field(() => String, {
    defaultValue: 'UTC',
    description: 'IANA zone of local times, unless the format names one.',
  })
  @MaxLength(63)
  timeZone!: string;
}

@ObjectType({ simpleResolvers: true, description: 'A format that comes with the product.' })
export class UsageFormatPreset {
  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => JsonScalar, { description: 'Its definition, ready for `createUsageFormat`.' })
  definition!: FormatDefinition;
}

@ObjectType({
  simpleResolvers: true,
  description: 'One record of a sample as the import would read it, or what is wrong with it.',
})
export class TriedUsageRecord {
  @Field(() => Int, { description: 'Line of the sample, counted from 1.' })
  line!: number;

  @Field(() => String, { nullable: true, description: 'What is wrong, as a code.' })
  code!: string | null;

  @Field(() => String, { nullable: true, description: 'What is wrong, as a sentence.' })
  message!: string | null;

  @Field(() => String, { nullable: true, description: 'Column at fault, when it is one.' })
  field!: string | null;

  @Field(() => UsageService, { nullable: true, description: 'What the record counts.' })
  service!: Service | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When charging began.' })
  startedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'Calling number, E.164 without plus.' })
  aNumber!: string | null;

  @Field(() => String, { nullable: true, description: 'Called number, E.164 without plus.' })
  bNumber!: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Seconds, messages, octets or events.',
  })
  quantity!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Money that it carries.' })
  value!: string | null;

  @Field(() => String, { nullable: true, description: 'Incoming trunk by name.' })
  inTrunk!: string | null;

  @Field(() => String, { nullable: true, description: 'Outgoing trunk by name.' })
  outTrunk!: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Earlier line of the sample with the same identity.',
  })
  duplicateOfLine!: number | null;
}
