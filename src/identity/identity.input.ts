import 'reflect-metadata';
import { ArrayMaxSize, ArrayNotEmpty, IsEmail, IsOptional, MaxLength } from 'class-validator';
import { ArgsType, Field, ID, InputType } from 'type-graphql';
import { DateTimeScalar, PlainLines, PlainText } from '../platform/index.js';

@InputType({ description: 'A new role.' })
export class CreateRoleInput {
  @Field(() => ID, {
    nullable: true,
    description: "The partner whose users can have it; the caller's own when absent.",
  })
  partnerId?: string | null;

  @Field(() => String, { description: 'Name, unique within the partner, 1 to 80 characters.' })
  @PlainText(1, 80)
  name!: string;

  @Field(() => String, { defaultValue: '', description: 'What the role is for.' })
  @PlainLines(0, 500)
  description!: string;

  @Field(() => [String], { description: 'Names of permissions; the caller holds each of them.' })
  @ArrayMaxSize(100)
  permissions!: string[];

  @Field(() => Boolean, {
    defaultValue: true,
    description:
      'Whether who has it must sign in with a one-time password as well. Roles with permissions ' +
      'whose operations need a step-up always demand it.',
  })
  requiresTotp!: boolean;
}

@InputType({ description: 'Another name of a role.' })
export class RenameRoleInput {
  @Field(() => String, { description: 'Name, unique within the partner, 1 to 80 characters.' })
  @PlainText(1, 80)
  name!: string;

  @Field(() => String, {
    nullable: true,
    description: 'What the role is for; unchanged when absent.',
  })
  @IsOptional()
  @PlainLines(0, 500)
  description?: string | null;
}

@InputType({ description: 'A new API key. It acts at the partner that the caller acts at.' })
export class CreateApiKeyInput {
  @Field(() => String, { description: 'What the key is for, 1 to 80 characters.' })
  @PlainText(1, 80)
  name!: string;

  @Field(() => [String], {
    description: 'Names of the permissions that it can use; the caller holds each of them.',
  })
  @ArrayNotEmpty()
  @ArrayMaxSize(100)
  scopes!: string[];

  @Field(() => DateTimeScalar, { description: 'When it ends, within 365 days.' })
  expiresAt!: Date;
}

@ArgsType()
export class AssignmentArgs {
  @Field(() => ID, { description: 'The user.' })
  userId!: string;

  @Field(() => ID, { description: "A role of the user's own partner." })
  roleId!: string;

  @Field(() => ID, {
    nullable: true,
    description:
      "The partner where the role holds, and below; the user's own when absent. It is at or " +
      "below the user's own.",
  })
  atPartnerId?: string | null;
}

@InputType({ description: 'A new user.' })
export class CreateUserInput {
  @Field(() => ID, {
    nullable: true,
    description: "The user's partner; the caller's own when absent.",
  })
  partnerId?: string | null;

  @Field(() => String, { description: 'Address to sign in with.' })
  @IsEmail({ allow_utf8_local_part: false })
  @MaxLength(254)
  email!: string;

  @Field(() => String, { description: 'Name shown to others, 1 to 120 characters.' })
  @PlainText(1, 120)
  displayName!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'First password: 8 to 128 characters, 15 where no role demands one-time passwords. ' +
      'Without it the user is invited by mail to choose one.',
  })
  @MaxLength(1024)
  password?: string | null;

  @Field(() => [ID], { defaultValue: [], description: "Roles of the user's partner." })
  @ArrayMaxSize(50)
  roleIds!: string[];
}
