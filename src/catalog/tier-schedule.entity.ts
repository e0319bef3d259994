import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { BigIntScalar, DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import type { StoredTierStep } from './tier.js';

export const CounterScope = enumType('CounterScope', 'Whose usage one counter counts.', {
  SUBSCRIPTION: 'Each subscription has a counter of its own.',
  CONTRACT: 'All subscriptions of a contract count together.',
});
export type CounterScope = keyof typeof CounterScope;

export const CounterPeriod = enumType('CounterPeriod', 'When a counter begins again at zero.', {
  DAY: "Every civil day in the contract's zone.",
  MONTH: "Every civil month in the contract's zone.",
});
export type CounterPeriod = keyof typeof CounterPeriod;

@ObjectType({
  simpleResolvers: true,
  description: 'A range of units that are priced alike; it begins where the one before ends.',
})
export class TierStep {
  @Field(() => BigIntScalar, { description: 'Units of the period that come before it.' })
  from!: number;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Units of the period at which it ends; null for the last step.',
  })
  upTo!: number | null;

  @Field(() => DecimalScalar, { description: 'Price per rate unit, or per started block.' })
  price!: string;

  @Field(() => Int, { description: 'Units that the price is for.' })
  rateUnit!: number;

  @Field(() => DecimalScalar, {
    description: 'Charged once a period: with the first unit in the step.',
  })
  flatFee!: string;

  @Field(() => Boolean, {
    description: "Whether units are priced by started blocks, counted from the step's start.",
  })
  block!: boolean;
}

/** Stored steps as the API shows them: each with its beginning. */
export function shownSteps(steps: readonly StoredTierStep[]): TierStep[] {
  return steps.map((step, i) => ({ ...step, from: steps[i - 1]?.upTo ?? 0 }));
}

@Entity('tier_schedule')
@ObjectType({
  simpleResolvers: true,
  description: 'Prices by how much a period has used. It never changes; make another instead.',
})
export class TierSchedule {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('TierSchedule', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => String, { description: 'Its name, unique within the partner.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => CounterScope, { description: 'Whose usage is counted together.' })
  @Column({ type: 'text' })
  scope!: CounterScope;

  @Field(() => CounterPeriod, { description: 'When counting begins again.' })
  @Column({ type: 'text' })
  period!: CounterPeriod;

  @Column({ type: 'jsonb', name: 'steps' })
  storedSteps!: StoredTierStep[];

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
