import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import type { PricingModel } from './rate-row.js';

export const RateKindType = enumType('RateKind', 'What a row of a price list does.', {
  ABSOLUTE: 'Is a price of its own and hides what the list inherits for its prefix and band.',
  PERCENT: 'Raises inherited prices and connection fees by a percentage, lowers them if negative.',
  DIFFERENCE: 'Adds a fixed sum per rate unit to inherited prices, takes it off if negative.',
});
export type RateKindName = keyof typeof RateKindType;

export const PricingModelType = enumType('PricingModel', 'How a charge comes about.', {
  PER_UNIT: 'The price per rate unit of the billed quantity.',
  PER_EVENT: 'The price once a record.',
  PERCENTAGE: 'The price, as percent, of the value that the record carries.',
  REVENUE_SHARE: "The price, as percent, of what the subscriber's own level charges for it.",
  PACKAGE: 'The price per started rate unit of the billed quantity.',
  GRADUATED: 'Every unit at the price of the tier that it falls in.',
  VOLUME: 'All units of the period at the price of the tier that holds their total.',
} satisfies Record<PricingModel, string>);

@Entity('price_list')
@ObjectType({
  simpleResolvers: true,
  description:
    'Dated prices by prefix or destination and time band. A list may inherit from a parent; its ' +
    'own rows replace or adjust what it inherits.',
})
export class PriceList {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('PriceList', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'parent_id', nullable: true })
  parentId!: number | null;

  @Field(() => Boolean, {
    simple: false,
    description: 'Whether it inherits from another list, be that one visible or not.',
  })
  get inherits(): boolean {
    return this.parentId !== null;
  }

  @Column({ type: 'int', name: 'time_profile_id', nullable: true })
  timeProfileId!: number | null;

  @Field(() => String, { description: 'Its name, unique within the partner.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { description: 'Currency of its prices, ISO 4217.' })
  @Column({ type: 'text' })
  currency!: string;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

@Entity('rate')
@ObjectType({
  simpleResolvers: true,
  description:
    'A row of a price list. Rows are never edited: a change supersedes them and records new ones.',
})
export class Rate {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Rate', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'price_list_id' })
  priceListId!: number;

  @Column({ type: 'int', name: 'rate_sheet_id', nullable: true })
  rateSheetId!: number | null;

  @Column({ type: 'int', name: 'destination_id', nullable: true })
  destinationId!: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'Prefix that it prices; empty for every number, null when by destination.',
  })
  @Column({ type: 'text', nullable: true })
  prefix!: string | null;

  @Column({ type: 'int', name: 'time_band_id', nullable: true })
  bandId!: number | null;

  @Column({ type: 'int', name: 'origin_set_id', nullable: true })
  originSetId!: number | null;

  @Field(() => RateKindType, { description: 'What the row does.' })
  @Column({ type: 'text', default: 'ABSOLUTE' })
  kind!: RateKindName;

  @Field(() => PricingModelType, {
    description: 'How it charges; an adjustment keeps the model of what it acts on.',
  })
  @Column({ type: 'text', default: 'PER_UNIT' })
  model!: PricingModel;

  @Column({ type: 'int', name: 'tier_schedule_id', nullable: true })
  tierScheduleId!: number | null;

  @Field(() => DecimalScalar, { description: 'Least charge of a record that is charged at all.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'min_charge', default: 0 })
  minCharge!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most that a record is charged; null for no limit.',
  })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'max_charge', nullable: true })
  maxCharge!: string | null;

  @Field(() => DecimalScalar, {
    description: 'Price per rate unit; for PERCENT the percentage, for DIFFERENCE what is added.',
  })
  @Column({ type: 'numeric', precision: 18, scale: 8 })
  price!: string;

  @Field(() => DecimalScalar, { description: 'Charged once per record with usage.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'connection_fee', default: 0 })
  connectionFee!: string;

  @Field(() => Int, { description: 'Units (seconds, messages, octets) that the price is for.' })
  @Column({ type: 'int', name: 'rate_unit', default: 60 })
  rateUnit!: number;

  @Field(() => Int, { description: 'Units that usage begins with; 0 for none.' })
  @Column({ type: 'int', name: 'first_increment', default: 1 })
  firstIncrement!: number;

  @Field(() => Int, { description: 'Units by which usage goes on.' })
  @Column({ type: 'int', name: 'next_increment', default: 1 })
  nextIncrement!: number;

  @Field(() => Int, { description: 'Units that are charged at least.' })
  @Column({ type: 'int', default: 0 })
  minimum!: number;

  @Field(() => Int, { description: 'Usage of up to so many units is free.' })
  @Column({ type: 'int', default: 0 })
  grace!: number;

  @Field(() => DateTimeScalar, { description: 'First instant at which it holds.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant at which it holds no more; null when there is none.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When other rows took its place; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}
