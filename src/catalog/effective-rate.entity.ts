import 'reflect-metadata';
import { Field, Int, ObjectType } from 'type-graphql';
import { formatAmount } from '../kernel/index.js';
import { DecimalScalar } from '../platform/index.js';
import type { EffectiveRate } from './inherit.js';

@ObjectType('EffectiveRate', {
  simpleResolvers: true,
  description: 'A price of a list at an instant, after inheritance.',
})
export class EffectiveRateView {
  /** 0 when the price is without band. */
  readonly bandId: number;
  /** Ids of the rows that made the price. */
  readonly path: readonly number[];

  @Field(() => String, { description: 'Prefix that it is for; empty for every number.' })
  readonly prefix: string;

  @Field(() => DecimalScalar, { description: 'Price per rate unit.' })
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

  @Field(() => Boolean, {
    description: 'Whether an adjustment went below zero and the price was held at zero.',
  })
  readonly clamped: boolean;

  constructor(found: {
    readonly prefix: string;
    readonly bandId: number;
    readonly rate: EffectiveRate;
  }) {
    const { rate } = found;
    this.prefix = found.prefix;
    this.bandId = found.bandId;
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
}
