import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';

@Entity('customer_group')
@ObjectType({ simpleResolvers: true, description: 'Customers of a seller that share price rules.' })
export class CustomerGroup {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('CustomerGroup', this.id);
  }

  /** The seller. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Its name, unique within the seller.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@Entity('customer_group_member')
@ObjectType({ simpleResolvers: true, description: "A customer's time in a group." })
export class CustomerGroupMember {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('CustomerGroupMember', this.id);
  }

  @Column({ type: 'int', name: 'group_id' })
  groupId!: number;

  @Column({ type: 'int', name: 'seller_partner_id' })
  sellerId!: number;

  @Column({ type: 'int', name: 'member_partner_id' })
  memberId!: number;

  @Field(() => DateTimeScalar, { description: 'First instant at which it belongs to the group.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant at which it belongs no more; null when there is none.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was replaced or withdrawn; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}
