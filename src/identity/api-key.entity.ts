import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

@Entity('api_key')
@ObjectType({
  simpleResolvers: true,
  description:
    'A key with which an integration calls on behalf of the user who made it. It may do what ' +
    'its scopes name, as long as that user may do it himself.',
})
export class ApiKey {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('ApiKey', this.id);
  }

  /** The partner of the user who made it. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'user_id' })
  userId!: number;

  @Field(() => ID, { name: 'userId', simple: false, description: 'The user who made it.' })
  get globalUserId(): string {
    return toGlobalId('User', this.userId);
  }

  @Column({ type: 'int', name: 'at_partner_id' })
  atPartnerId!: number;

  @Field(() => ID, {
    name: 'partnerId',
    simple: false,
    description: 'The partner that it acts at; it sees that partner and all below it.',
  })
  get globalPartnerId(): string {
    return toGlobalId('Partner', this.atPartnerId);
  }

  @Field(() => String, { description: 'What it is for.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { description: 'The part of the key that is no secret: `ktr_<prefix>_…`.' })
  @Column({ type: 'text' })
  prefix!: string;

  @Column({ type: 'bytea', name: 'secret_hash', select: false })
  secretHash!: Buffer;

  @Field(() => [String], { description: 'Names of the permissions that it can use, sorted.' })
  @Column({ type: 'text', array: true })
  scopes!: string[];

  @Field(() => DateTimeScalar, { description: 'When it was made.' })
  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @Field(() => DateTimeScalar, { description: 'When it ends by itself.' })
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was revoked.' })
  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was used last, to about a minute.',
  })
  @Column({ type: 'timestamptz', name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'From which address it was used last.' })
  @Column({ type: 'text', name: 'last_address', nullable: true })
  lastAddress!: string | null;
}
