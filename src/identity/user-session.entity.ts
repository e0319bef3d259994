import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

@Entity('session')
@ObjectType({
  simpleResolvers: true,
  description: 'A session that lives: it began with a sign-in and has not ended yet.',
})
export class UserSession {
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('UserSession', this.id);
  }

  @Column({ type: 'int', name: 'user_id' })
  userId!: number;

  @Field(() => ID, { name: 'userId', simple: false, description: 'Whose session it is.' })
  get globalUserId(): string {
    return toGlobalId('User', this.userId);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', default: 1, select: false })
  generation!: number;

  @Column({ type: 'timestamptz', name: 'rotated_at', nullable: true, select: false })
  rotatedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'stepped_up_until', nullable: true, select: false })
  steppedUpUntil!: Date | null;

  @Field(() => Boolean, { description: 'Whether a second proof stood beside the password.' })
  @Column({ type: 'boolean', name: 'second_factor', default: true })
  secondFactor!: boolean;

  @Field(() => DateTimeScalar, { description: 'When it began.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Field(() => DateTimeScalar, { description: 'When it ends by itself.' })
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was used last, to about a minute.',
  })
  @Column({ type: 'timestamptz', name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  @Field(() => String, { description: 'From which address it was used last.' })
  @Column({ type: 'text', default: '' })
  address!: string;

  @Field(() => String, { description: 'What the client that used it last called itself.' })
  @Column({ type: 'text', name: 'user_agent', default: '' })
  userAgent!: string;
}
