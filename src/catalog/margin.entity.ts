import 'reflect-metadata';
import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { MarginPolicy } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar } from '../platform/index.js';

@Entity('rate_sheet_margin')
@ObjectType('MarginFinding', {
  simpleResolvers: true,
  description: "A price of a customer's list that a sheet brings below what the seller pays.",
})
export class MarginFindingRow {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'rate_sheet_id' })
  rateSheetId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => MarginPolicy, {
    description: 'The strictest of what contracts that sell by the list say about it.',
  })
  @Column({ type: 'text' })
  policy!: MarginPolicy;

  @Column({ type: 'int', name: 'supplier_partner_id' })
  supplierPartnerId!: number;

  @Column({ type: 'int', name: 'cost_list_id' })
  costListId!: number;

  @Column({ type: 'int', name: 'sell_list_id' })
  sellListId!: number;

  @Column({ type: 'int', name: 'cost_contract_id', nullable: true })
  costContractId!: number | null;

  @Field(() => String, { description: 'Numbers that begin so are sold below cost.' })
  @Column({ type: 'text' })
  prefix!: string;

  @Column({ type: 'int', name: 'cost_band_id', nullable: true })
  costBandId!: number | null;

  @Column({ type: 'int', name: 'sell_band_id', nullable: true })
  sellBandId!: number | null;

  @Field(() => DateTimeScalar, { description: 'First instant at which it is so.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Where one of the prices changes again; null when none does.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  @Field(() => DecimalScalar, { description: 'Price of the list by which the seller buys.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'cost_price' })
  costPrice!: string;

  @Field(() => Int, { description: 'Units that it is for.' })
  @Column({ type: 'int', name: 'cost_rate_unit' })
  costRateUnit!: number;

  @Field(() => DecimalScalar, { description: "Price of the customer's list." })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'sell_price' })
  sellPrice!: string;

  @Field(() => Int, { description: 'Units that it is for.' })
  @Column({ type: 'int', name: 'sell_rate_unit' })
  sellRateUnit!: number;

  @Field(() => DecimalScalar, {
    description: "The cost in the currency and per the rate unit of the customer's list.",
  })
  @Column({ type: 'numeric', precision: 28, scale: 8, name: 'cost_amount' })
  costAmount!: string;

  @Field(() => DecimalScalar, {
    description: "What is left of the customer's price, per its rate unit; below zero.",
  })
  @Column({ type: 'numeric', precision: 28, scale: 8 })
  margin!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "The same in percent of the customer's price; null when that is next to nothing.",
  })
  @Column({ type: 'numeric', precision: 18, scale: 4, name: 'margin_percent', nullable: true })
  marginPercent!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description: "How many prices of a customer's list fall below those by which the seller buys.",
})
export class MarginPair {
  supplierPartnerId!: number;
  costListId!: number;
  sellListId!: number;
  /** Not kept of sheets before every seller's margin was guarded. */
  costContractId?: number | null;

  @Field(() => MarginPolicy, {
    description: "The strictest of what contracts that sell by the customer's list say about it.",
  })
  policy!: MarginPolicy;

  @Field(() => Int, { description: 'How many prices.' })
  findingCount!: number;
}

@Entity('margin_report')
@ObjectType({
  simpleResolvers: true,
  description:
    'What a sheet, or taking it back, does to the margin of a seller, when it was compared last.',
})
export class RateSheetMargin {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('RateSheetMargin', this.id);
  }

  @Column({ type: 'int', name: 'rate_sheet_id' })
  rateSheetId!: number;

  /** Whose margin it is. */
  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => Int, { description: 'Prices that fall below cost, also those that are not kept.' })
  @Column({ type: 'int', name: 'finding_count' })
  findingCount!: number;

  @Field(() => MarginPolicy, {
    nullable: true,
    description: 'The strictest policy that a finding meets; null without findings.',
  })
  @Column({ type: 'text', nullable: true })
  policy!: MarginPolicy | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Names the findings under HOLD: confirm just them with it; null without any, and where ' +
      'the sheet is not for the partner to decide on.',
  })
  @Column({ type: 'text', nullable: true })
  hash!: string | null;

  @Field(() => [MarginPair], { description: 'Which lists meet in the findings, and how often.' })
  @Column({ type: 'jsonb' })
  pairs!: MarginPair[];

  @Field(() => [String], {
    description: 'Pairs such as USD/EUR whose lists were not compared for want of a rate.',
  })
  @Column({ type: 'jsonb', name: 'gaps' })
  missingExchangeRates!: string[];

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the sheet first changes a price; null when it changes none.',
  })
  @Column({ type: 'timestamptz', name: 'takes_effect_at', nullable: true })
  takesEffectAt!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When it was compared.' })
  @Column({ type: 'timestamptz', name: 'compared_at', default: () => 'now()' })
  comparedAt!: Date;
}

@InputType({ description: 'Which findings to list; every given condition must hold.' })
export class MarginFindingFilter {
  @Field(() => ID, { nullable: true, description: 'Only against this supplier or operator.' })
  supplierId?: string | null;

  @Field(() => ID, { nullable: true, description: "Only against this supplier's list." })
  costListId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Only against what is bought under this contract; it names hidden lists.',
  })
  costContractId?: string | null;

  @Field(() => ID, { nullable: true, description: "Only of this customer's list." })
  sellListId?: string | null;

  @Field(() => [MarginPolicy], { nullable: true, description: 'Only under these policies.' })
  policies?: MarginPolicy[] | null;
}
