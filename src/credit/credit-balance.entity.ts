import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { DateScalar, DateTimeScalar, DecimalScalar, ShownWith } from '../platform/index.js';

/** Use of a subscription in one month, with the terms it is held against. */
@Entity('credit_balance')
@ObjectType({
  simpleResolvers: true,
  description: 'What a subscription has used in a month, and what it may use.',
})
export class CreditBalance {
  @PrimaryColumn({ type: 'int', name: 'subscription_id' })
  subscriptionNumber!: number;

  @Field(() => ID, { description: 'Identifier of the subscription.' })
  subscriptionId!: string;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => DateScalar, { description: 'First day of the month, in the zone of the contract.' })
  @PrimaryColumn({ type: 'date', name: 'period_on' })
  periodOn!: string;

  @Field(() => String, {
    description:
      'Currency of the amounts, ISO 4217: that of the terms at the end of the month; the limit ' +
      'is a number of it, too.',
  })
  currency!: string;

  @Field(() => [String], {
    description:
      'Currencies of all terms of the month, in order of time. Where the contract changes its ' +
      'currency within the month there are several: amounts in all of them are added to `used` ' +
      'as the numbers that they are, and held against the limit so.',
  })
  currencies!: readonly string[];

  @ShownWith('price.wholesale.read', 'price.retail.read')
  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'Sum of usage charges in the month; null while it is being counted, for months before the ' +
      'one in which the subscription was given its first limit, and when prices of its contract ' +
      'may not be seen.',
  })
  @Column({ type: 'numeric', precision: 24, scale: 8, default: 0 })
  used!: string | null;

  @Field(() => Boolean, {
    description:
      'Whether what was used before the first limit was set is still being counted; `used` is ' +
      'there once it has been.',
  })
  counting!: boolean;

  @Field(() => DecimalScalar, { nullable: true, description: 'Credit limit; none when absent.' })
  limit!: string | null;

  @ShownWith('price.wholesale.read', 'price.retail.read')
  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      'What is left up to the limit, never below zero; absent without limit and where `used` is.',
  })
  available!: string | null;

  @Field(() => Int, { description: 'Share of the limit in percent from which people are warned.' })
  warningPercent!: number;

  @Field(() => Boolean, { description: 'Whether the subscription is blocked now.' })
  blocked!: boolean;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When use reached the warning share.',
  })
  @Column({ type: 'timestamptz', name: 'warned_at', nullable: true })
  warnedAt!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When use reached the limit.' })
  @Column({ type: 'timestamptz', name: 'blocked_at', nullable: true })
  exhaustedAt!: Date | null;
}
