import 'reflect-metadata';
import { IsOptional, Matches } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { PricedService } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { PricingModelType, type RateKindName, RateKindType } from './price-list.entity.js';
import type { PricingModel } from './rate-row.js';

@InputType({ description: 'The price list by which the partner buys a service.' })
export class ParentContractInput {
  @Field(() => ID, { description: 'A contract under which the partner buys now.' })
  contractId!: string;

  @Field(() => PricedService, {
    defaultValue: '*',
    description: 'The service whose list is meant.',
  })
  service!: PricedService;
}

@InputType({ description: 'A price list to create.' })
export class CreatePriceListInput {
  @Field(() => ID, { description: 'The partner that sells by it; a supplier for its own prices.' })
  partnerId!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The list it inherits from, of the same partner, of one below or of one above it.',
  })
  parentId?: string | null;

  @Field(() => ParentContractInput, {
    nullable: true,
    description: 'Instead of parentId: inherit from the list by which the partner itself buys.',
  })
  parentContract?: ParentContractInput | null;

  @Field(() => ID, {
    nullable: true,
    description: "Its time bands; the parent's, when it inherits.",
  })
  timeProfileId?: string | null;

  @Field(() => String, { description: 'Its name, unique within the partner.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => String, { description: "Currency of its prices, ISO 4217; the parent's." })
  currency!: string;
}

@InputType({ description: 'A rate to record. Either prefix or destination is given.' })
export class SetRateInput {
  @Field(() => ID, { description: 'The price list.' })
  priceListId!: string;

  @Field(() => String, { nullable: true, description: 'First digits; empty for every number.' })
  prefix?: string | null;

  @Field(() => ID, { nullable: true, description: 'The destination, for all of its prefixes.' })
  destinationId?: string | null;

  @Field(() => ID, { nullable: true, description: "A band of the list's time profile." })
  bandId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Only for calling numbers of this set; for all others when absent.',
  })
  originSetId?: string | null;

  @Field(() => RateKindType, { defaultValue: 'ABSOLUTE', description: 'What the row does.' })
  kind!: RateKindName;

  @Field(() => PricingModelType, { defaultValue: 'PER_UNIT', description: 'How it charges.' })
  model!: PricingModel;

  @Field(() => ID, {
    nullable: true,
    description: 'The tiers of GRADUATED and VOLUME, whose own price is 0.',
  })
  tierScheduleId?: string | null;

  @Field(() => DecimalScalar, {
    defaultValue: '0',
    description: 'Least charge of a record that is charged at all.',
  })
  minCharge!: string;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Most that a record is charged; no limit when absent.',
  })
  maxCharge?: string | null;

  @Field(() => DecimalScalar, { description: 'Price per rate unit, percentage, or difference.' })
  price!: string;

  @Field(() => DecimalScalar, { defaultValue: '0', description: 'Charged once per record.' })
  connectionFee!: string;

  @Field(() => Int, { defaultValue: 60, description: 'Units that the price is for.' })
  rateUnit!: number;

  @Field(() => Int, { defaultValue: 1, description: 'Units that usage begins with.' })
  firstIncrement!: number;

  @Field(() => Int, { defaultValue: 1, description: 'Units by which usage goes on.' })
  nextIncrement!: number;

  @Field(() => Int, { defaultValue: 0, description: 'Units that are charged at least.' })
  minimum!: number;

  @Field(() => Int, { defaultValue: 0, description: 'Usage of up to so many units is free.' })
  grace!: number;

  @Field(() => DateTimeScalar, {
    description: 'First instant at which it holds; an open rate of the same key ends there.',
  })
  validFrom!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Where it ends; open when absent.' })
  validTo?: Date | null;
}

@InputType({ description: 'Which rows of a price list to list; every given condition must hold.' })
export class RateFilter {
  @Field(() => String, { nullable: true, description: 'Only prefixes that begin so.' })
  @IsOptional()
  @Matches(/^\d{0,15}$/, { message: 'A prefix has at most 15 digits and nothing else.' })
  prefix?: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Only rows in force at it.' })
  asOf?: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Rows as they were known then: ignore what was recorded after this instant.',
  })
  asKnownAt?: Date | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Also rows that were superseded, unless asKnownAt is given.',
  })
  history!: boolean;
}
