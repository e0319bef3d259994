import 'reflect-metadata';
import { Field, Int, ObjectType } from 'type-graphql';
import { formatAmount } from '../kernel/index.js';
import { DecimalScalar } from '../platform/index.js';
import { PricingModelType } from './price-list.entity.js';
import type { EffectiveRate, PricingModel } from './rate-row.js';
import { storedSteps } from './tier.js';
import { CounterPeriod, CounterScope, shownSteps, TierStep } from './tier-schedule.entity.js';

/** More digits before the point than a `Decimal` has. */
const TOO_LARGE = /^\d{31}/;

@ObjectType('EffectiveRate', {
  simpleResolvers: true,
  description: 'A price of a list at an instant, after inheritance.',
})
export class EffectiveRateView {
  /** 0 when the price is without band. */
  readonly bandId: number;
  /** 0 when the price is for every calling number. */
  readonly originSetId: number;
  /** Ids of the rows that made the price. */
  readonly path: readonly number[];

  @Field(() => String, { description: 'Prefix that it is for; empty for every number.' })
  readonly prefix: string;

  @Field(() => Boolean, {
    description: 'Whether it is for the calling numbers of a set alone, be that visible or not.',
  })
  readonly forOrigins: boolean;

  @Field(() => PricingModelType, { description: 'How it charges.' })
  readonly model: PricingModel;

  @Field(() => DecimalScalar, { description: 'Price per rate unit, record, or in percent.' })
  readonly price: string;

  @Field(() => DecimalScalar, { description: 'Charged once per record with usage.' })
  readonly connectionFee: string;

  @Field(() => Int, { description: 'Units (seconds, messages, octets) that the price is for.' })
  readonly rateUnit: number;

  @Field(() => Int, { description: 'Units that usage begins with; 0 for none.' })
  readonly firstIncrement: number;

  @Field(() => Int, { description: 'Units by which usage goes on.' })
  readonly nextIncrement: number;

  @Field(() => Int, { description: 'Units that are charged at least.' })
  readonly minimum: number;

  @Field(() => Int, { description: 'Usage of up to so many units is free.' })
  readonly grace: number;

  @Field(() => DecimalScalar, { description: 'Least charge of a record that is charged at all.' })
  readonly minCharge: string;

  @Field(() => DecimalScalar, { nullable: true, description: 'Most that a record is charged.' })
  readonly maxCharge: string | null;

  @Field(() => [TierStep], { description: 'Its tiers after inheritance; none without tiers.' })
  readonly tiers: readonly TierStep[];

  @Field(() => CounterScope, { nullable: true, description: 'Whose usage its tiers count.' })
  readonly tierScope: CounterScope | null;

  @Field(() => CounterPeriod, { nullable: true, description: 'When its tiers begin again.' })
  readonly tierPeriod: CounterPeriod | null;

  @Field(() => Boolean, {
    description: 'Whether an adjustment went below zero and the price was held at zero.',
  })
  readonly clamped: boolean;

  constructor(found: {
    readonly prefix: string;
    readonly bandId: number;
    readonly originSetId: number;
    readonly rate: EffectiveRate;
  }) {
    const { rate } = found;
    const { terms } = rate;
    this.prefix = found.prefix;
    this.bandId = found.bandId;
    this.originSetId = found.originSetId;
    this.forOrigins = found.originSetId !== 0;
    this.model = terms?.model ?? 'PER_UNIT';
    this.minCharge = formatAmount(terms?.minCharge ?? 0n);
    this.maxCharge =
      terms === null || terms.maxCharge === null ? null : formatAmount(terms.maxCharge);
    this.tiers = shownSteps(storedSteps(terms?.schedule?.steps ?? []));
    this.tierScope = terms?.schedule?.scope ?? null;
    this.tierPeriod = terms?.schedule?.period ?? null;
    this.path = rate.path;
    this.price = formatAmount(rate.price);
    this.connectionFee = formatAmount(rate.connectionFee);
    this.rateUnit = rate.rateUnit;
    this.firstIncrement = rate.firstIncrement;
    this.nextIncrement = rate.nextIncrement;
    this.minimum = rate.minimum;
    this.grace = rate.grace;
    this.clamped = rate.clamped;
  }

  /** Whether percentages of lists above each other made more of it than a `Decimal` holds. */
  get isTooLarge(): boolean {
    const ofTiers = this.tiers.flatMap((step) => [step.price, step.flatFee]);
    return [this.price, this.connectionFee, ...ofTiers].some((text) => TOO_LARGE.test(text));
  }
}
