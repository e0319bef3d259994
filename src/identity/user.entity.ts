import 'reflect-metadata';
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

export const UserStatus = { ACTIVE: 'ACTIVE', DISABLED: 'DISABLED' } as const;
export type UserStatus = keyof typeof UserStatus;

registerEnumType(UserStatus, {
  name: 'UserStatus',
  description: 'Whether a user may sign in.',
  valuesConfig: {
    ACTIVE: { description: 'May sign in.' },
    DISABLED: { description: 'May not sign in; all sessions have ended.' },
  },
});

/** A person or program that signs in for a partner and sees that partner's subtree. */
@Entity('app_user')
@ObjectType('User', {
  simpleResolvers: true,
  description: 'Somebody who signs in for a partner and sees that partner and all below it.',
})
export class AppUser {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('User', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => ID, { name: 'partnerId', simple: false, description: "The user's partner." })
  get globalPartnerId(): string {
    return toGlobalId('Partner', this.partnerId);
  }

  @Column({ type: 'text' })
  email!: string;

  @Field(() => String, { description: 'Name shown to others.' })
  @Column({ type: 'text', name: 'display_name' })
  displayName!: string;

  // Never read by an entity query: only sign-in looks at secrets.
  @Column({ type: 'text', name: 'password_hash', nullable: true, select: false })
  passwordHash!: string | null;

  @Column({ type: 'bytea', name: 'totp_secret_encrypted', nullable: true, select: false })
  totpSecretEncrypted!: Buffer | null;

  @Column({ type: 'bigint', name: 'totp_last_step', default: 0, select: false })
  totpLastStep!: string;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Since when the user has an authenticator; null as long as there is none.',
  })
  @Column({ type: 'timestamptz', name: 'totp_enrolled_at', nullable: true })
  totpEnrolledAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'devices_from', default: '-infinity', select: false })
  devicesFrom!: Date;

  @Field(() => UserStatus, { description: 'Whether the user may sign in.' })
  @Column({ type: 'text', default: 'ACTIVE' })
  status!: UserStatus;

  @Field(() => DateTimeScalar, { description: 'When the user was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

/** The row that a sealed TOTP secret belongs to. */
export function totpOwner(userId: number): string {
  return `app_user ${userId} totp`;
}
