import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType } from '../platform/index.js';

export const AccountStatus = enumType('AccountStatus', 'Whether an account takes new business.', {
  ACTIVE: 'Takes contracts and subscriptions.',
  CLOSED: 'Takes nothing new; what was is kept.',
});
export type AccountStatus = keyof typeof AccountStatus;

@Entity('account')
@ObjectType({
  simpleResolvers: true,
  description: 'Billing account of a partner; the accounts of one partner may form a tree.',
})
export class Account {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Account', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'parent_id', nullable: true })
  parentId!: number | null;

  @Field(() => String, { description: 'Account number, unique over the whole system.' })
  @Column({ type: 'text' })
  number!: string;

  @Field(() => String, { description: 'Name in daily use.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => AccountStatus, { description: 'Whether the account takes new business.' })
  @Column({ type: 'text', default: 'ACTIVE' })
  status!: AccountStatus;

  @Field(() => DateTimeScalar, { description: 'When the account was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
