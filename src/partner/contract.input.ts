import 'reflect-metadata';
import { ArrayMaxSize, IsOptional, Max, Min, ValidateNested } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import type { RoundingMode } from '../kernel/index.js';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { ContractStatus, PriceLevel } from './contract.entity.js';
import { ContractNotice, MarginPolicy } from './contract-guard.entity.js';
import {
  BandPolicy,
  ConversionPolicy,
  PricedService,
  RoundingModeType,
} from './contract-version.entity.js';

@InputType({ description: 'The price list of one service, or of one service over one trunk.' })
export class ContractPriceListInput {
  @Field(() => PricedService, { defaultValue: '*', description: 'The service it prices.' })
  service!: PricedService;

  @Field(() => ID, {
    nullable: true,
    description: 'Only for records that come in or leave by this trunk; for all when absent.',
  })
  trunkId?: string | null;

  @Field(() => ID, {
    description: "A price list of the seller, in the contract's currency unless it is converted.",
  })
  priceListId!: string;
}

@InputType({ description: 'Terms of a contract and the period in which they hold.' })
export class ContractTermsInput {
  @Field(() => DateTimeScalar, { description: 'First instant at which they hold.' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant at which they hold no more; open when absent.',
  })
  validTo?: Date | null;

  @Field(() => String, { description: 'Currency of prices and invoices, ISO 4217.' })
  currency!: string;

  @Field(() => String, {
    description:
      'IANA zone in which days, months and bands begin, named by a place as Europe/Berlin, or UTC.',
  })
  timeZone!: string;

  @Field(() => Int, { defaultValue: 4, description: 'Decimals of the amount of one record.' })
  @Min(0)
  @Max(8)
  roundingDecimals!: number;

  @Field(() => RoundingModeType, {
    defaultValue: 'HALF_UP',
    description: 'How the amount of one record is rounded.',
  })
  roundingMode!: RoundingMode;

  @Field(() => String, { defaultValue: 'S', description: 'Tax category, EN 16931, such as S.' })
  @PlainText(1, 3)
  taxCode!: string;

  @Field(() => DecimalScalar, { defaultValue: '0', description: 'Tax rate in percent, 0 to 100.' })
  taxPercent!: string;

  @Field(() => Int, { defaultValue: 30, description: 'Days until an invoice is due.' })
  @Min(0)
  @Max(365)
  paymentTermsDays!: number;

  @Field(() => BandPolicy, {
    defaultValue: 'START',
    description: 'Which band prices a call that crosses bands.',
  })
  bandPolicy!: BandPolicy;

  @Field(() => ConversionPolicy, {
    defaultValue: 'NONE',
    description: 'Whether price lists of other currencies are taken.',
  })
  conversion!: ConversionPolicy;

  @Field(() => ContractNotice, {
    nullable: true,
    description: 'Notice that changes of its price lists must be given; none when absent.',
  })
  @IsOptional()
  @ValidateNested()
  notice?: ContractNotice | null;

  @Field(() => MarginPolicy, {
    defaultValue: 'NONE',
    description: 'What happens when its price falls below the cost; NONE for COST contracts.',
  })
  marginPolicy!: MarginPolicy;

  @Field(() => [ContractPriceListInput], { description: 'The price list of each service.' })
  @ArrayMaxSize(200)
  @ValidateNested()
  priceLists!: ContractPriceListInput[];
}

@InputType({ description: 'A contract to create, with its first terms.' })
export class CreateContractInput {
  @Field(() => ID, {
    description: 'Who sells: the parent of the buyer, or for COST a supplier or operator.',
  })
  sellerId!: string;

  @Field(() => ID, { description: 'Who buys; for COST the hub.' })
  buyerId!: string;

  @Field(() => PriceLevel, { description: 'Which price of a record the contract makes.' })
  level!: PriceLevel;

  @Field(() => ID, { description: 'Account of the buyer, or for COST of the seller.' })
  accountId!: string;

  @Field(() => String, { nullable: true, description: 'Its number; made up when absent.' })
  @IsOptional()
  @PlainText(1, 50)
  number?: string | null;

  @Field(() => String, { description: 'Name in daily use.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => ContractTermsInput, { description: 'The first terms.' })
  @ValidateNested()
  terms!: ContractTermsInput;
}

@InputType({ description: 'Which contracts to list; every given condition must hold.' })
export class ContractFilter {
  @Field(() => ID, { nullable: true, description: 'Only contracts that this partner buys under.' })
  buyerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Only contracts that this partner sells under.' })
  sellerId?: string | null;

  @Field(() => [PriceLevel], { nullable: true, description: 'Levels to list.' })
  levels?: PriceLevel[] | null;

  @Field(() => ContractStatus, { nullable: true, description: 'Only contracts in this state.' })
  status?: ContractStatus | null;
}
