import 'reflect-metadata';
import { MaxLength } from 'class-validator';
import { ArgsType, Field, ID, InputType } from 'type-graphql';
import { DateTimeScalar } from '../platform/index.js';
import { SignInEventKind, SignInOutcome } from './sign-in-event.entity.js';

const PASSWORD = 'Password of the user.';
const DEVICE =
  'What an earlier sign-in on this device answered: attempts with it are counted apart, so that ' +
  'guesses from elsewhere cannot shut the user out.';

@ArgsType()
export class SignInArgs {
  @Field(() => String, { description: 'E-mail address of the user.' })
  @MaxLength(254)
  email!: string;

  @Field(() => String, { description: PASSWORD })
  @MaxLength(1024)
  password!: string;

  @Field(() => String, {
    nullable: true,
    description: 'One-time password of this moment: six digits.',
  })
  @MaxLength(16)
  totp?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'A recovery code instead of the one-time password; it works once.',
  })
  @MaxLength(64)
  recoveryCode?: string | null;

  @Field(() => String, { nullable: true, description: DEVICE })
  @MaxLength(256)
  deviceToken?: string | null;
}

@ArgsType()
export class StartEnrolmentArgs {
  @Field(() => String, { description: 'E-mail address of the user.' })
  @MaxLength(254)
  email!: string;

  @Field(() => String, { description: PASSWORD })
  @MaxLength(1024)
  password!: string;

  @Field(() => String, { nullable: true, description: DEVICE })
  @MaxLength(256)
  deviceToken?: string | null;
}

@ArgsType()
export class StepUpArgs {
  @Field(() => String, {
    nullable: true,
    description: 'One-time password of this moment: six digits, not used before.',
  })
  @MaxLength(16)
  totp?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'A recovery code instead of the one-time password; it works once.',
  })
  @MaxLength(64)
  recoveryCode?: string | null;
}

@ArgsType()
export class ChangePasswordArgs {
  @Field(() => String, { description: 'The password until now.' })
  @MaxLength(1024)
  oldPassword!: string;

  @Field(() => String, {
    description: 'At least 8 characters, 15 where no one-time password is asked for; at most 128.',
  })
  @MaxLength(1024)
  newPassword!: string;
}

@ArgsType()
export class ResetPasswordArgs {
  @Field(() => String, { description: 'The token that came by mail.' })
  @MaxLength(128)
  token!: string;

  @Field(() => String, {
    description: 'At least 8 characters, 15 where no one-time password is asked for; at most 128.',
  })
  @MaxLength(1024)
  newPassword!: string;
}

@InputType({ description: 'Which sign-in events are wanted; what is absent does not matter.' })
export class SignInEventFilter {
  @Field(() => ID, { nullable: true, description: 'Of this user.' })
  userId?: string | null;

  @Field(() => SignInEventKind, { nullable: true, description: 'Of this kind.' })
  kind?: SignInEventKind | null;

  @Field(() => SignInOutcome, { nullable: true, description: 'With this outcome.' })
  outcome?: SignInOutcome | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'At or after this moment.' })
  from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Before this moment.' })
  to?: Date | null;
}
