import 'reflect-metadata';
import { ArrayMaxSize, IsEmail, Length, MaxLength } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';

@InputType({ description: 'A new role.' })
export class CreateRoleInput {
  @Field(() => ID, {
    nullable: true,
    description: "The partner whose users can have it; the caller's own when absent.",
  })
  partnerId?: string | null;

  @Field(() => String, { description: 'Name, unique within the partner, 1 to 80 characters.' })
  @Length(1, 80)
  name!: string;

  @Field(() => String, { defaultValue: '', description: 'What the role is for.' })
  @MaxLength(500)
  description!: string;

  @Field(() => [String], { description: 'Names of permissions; the caller holds each of them.' })
  @ArrayMaxSize(100)
  permissions!: string[];
}

@InputType({ description: 'A new user. The one-time password is enrolled with it.' })
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
  @Length(1, 120)
  displayName!: string;

  @Field(() => String, { description: 'First password, 12 to 128 characters.' })
  password!: string;

  @Field(() => [ID], { defaultValue: [], description: "Roles of the user's partner." })
  @ArrayMaxSize(50)
  roleIds!: string[];
}
