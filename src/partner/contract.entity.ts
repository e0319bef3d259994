import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, enumType } from '../platform/index.js';

export const PriceLevel = enumType('PriceLevel', 'Which price of a record a contract makes.', {
  COST: 'What the hub pays a supplier or operator.',
  WHOLESALE: 'What a reseller or partner pays its parent.',
  RETAIL: 'What the end user pays.',
});
export type PriceLevel = keyof typeof PriceLevel;

export const ContractStatus = enumType('ContractStatus', 'Whether a contract goes on.', {
  ACTIVE: 'Goes on.',
  TERMINATED: 'Has been ended.',
});
export type ContractStatus = keyof typeof ContractStatus;

@Entity('contract')
@ObjectType({
  simpleResolvers: true,
  description: 'Agreement under which one partner sells to another; its terms are versioned.',
})
export class Contract {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Contract', this.id);
  }

  /** The counterparty: the buyer, or for COST the seller. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'account_id' })
  accountId!: number;

  @Column({ type: 'int', name: 'seller_partner_id' })
  sellerId!: number;

  @Column({ type: 'int', name: 'buyer_partner_id' })
  buyerId!: number;

  @Field(() => PriceLevel, { description: 'Which price of a record the contract makes.' })
  @Column({ type: 'text' })
  level!: PriceLevel;

  @Field(() => String, { description: 'Contract number, unique over the whole system.' })
  @Column({ type: 'text' })
  number!: string;

  @Field(() => String, { description: 'Name in daily use.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => ContractStatus, { description: 'Whether the contract goes on.' })
  @Column({ type: 'text', default: 'ACTIVE' })
  status!: ContractStatus;

  @Field(() => DateTimeScalar, { description: 'When the contract was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
