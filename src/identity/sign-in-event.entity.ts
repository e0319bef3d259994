import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType } from '../platform/index.js';

export const SignInEventKind = enumType('SignInEventKind', 'What was tried.', {
  SIGN_IN: 'Signing in.',
  STEP_UP: 'Proving again who sits there.',
  ENROLMENT: 'Enrolling an authenticator, the first or a new one.',
  RECOVERY_CODES: 'Getting new recovery codes.',
  PASSWORD_CHANGE: 'Changing the password with the old one.',
  PASSWORD_RESET: 'Choosing a password with a token that came by mail.',
});
export type SignInEventKind = keyof typeof SignInEventKind;

export const SignInOutcome = enumType('SignInOutcome', 'What became of it.', {
  SUCCEEDED: 'It was done.',
  REFUSED: 'Something that was given was wrong or used.',
  THROTTLED: 'There were too many attempts; one event stands for all that were refused so.',
  LOCKED: 'A hundred attempts had failed in a row.',
  ENROLMENT_REQUIRED: 'The password was right, but there is no authenticator yet.',
});
export type SignInOutcome = keyof typeof SignInOutcome;

export const SignInProof = enumType('SignInProof', 'What stood beside the password.', {
  TOTP: 'A one-time password.',
  RECOVERY_CODE: 'A recovery code.',
});
export type SignInProof = keyof typeof SignInProof;

@Entity('sign_in_event')
@ObjectType({
  simpleResolvers: true,
  description: "Something that touched a user's sign-in: who, when, from where, and how it ended.",
})
export class SignInEvent {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id!: string;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('SignInEvent', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'user_id', nullable: true })
  userId!: number | null;

  @Field(() => ID, {
    name: 'userId',
    nullable: true,
    simple: false,
    description: 'The user; null for an address that nobody signs in with.',
  })
  get globalUserId(): string | null {
    return this.userId === null ? null : toGlobalId('User', this.userId);
  }

  @Field(() => DateTimeScalar, { description: 'When.' })
  @Column({ type: 'timestamptz' })
  at!: Date;

  @Field(() => SignInEventKind, { description: 'What was tried.' })
  @Column({ type: 'text' })
  kind!: SignInEventKind;

  @Field(() => SignInOutcome, { description: 'What became of it.' })
  @Column({ type: 'text' })
  outcome!: SignInOutcome;

  @Field(() => SignInProof, { nullable: true, description: 'What stood beside the password.' })
  @Column({ type: 'text', nullable: true })
  proof!: SignInProof | null;

  @Field(() => String, { description: 'Network address of the caller.' })
  @Column({ type: 'text' })
  address!: string;

  @Field(() => String, { description: 'What the client calls itself; empty when it says nothing.' })
  @Column({ type: 'text', name: 'user_agent' })
  userAgent!: string;

  @Field(() => String, {
    nullable: true,
    description: 'The device, if it is known; the same for all sign-ins from it.',
  })
  @Column({ type: 'uuid', name: 'device_id', nullable: true })
  deviceId!: string | null;

  @Field(() => Boolean, {
    description: 'Whether the user had signed in from this device before.',
  })
  @Column({ type: 'boolean', name: 'known_device' })
  knownDevice!: boolean;
}
