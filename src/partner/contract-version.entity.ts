import 'reflect-metadata';
import { Field, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { type RoundingMode, toGlobalId } from '../kernel/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import { ContractNotice, MarginPolicy } from './contract-guard.entity.js';

export const RoundingModeType = enumType(
  'RoundingMode',
  'How an amount with more decimals than allowed is shortened.',
  {
    HALF_UP: 'To the nearest; ties away from zero.',
    HALF_EVEN: 'To the nearest; ties to the even neighbour.',
    UP: 'Away from zero.',
    DOWN: 'Towards zero.',
    CEILING: 'Towards the greater.',
    FLOOR: 'Towards the lesser.',
  } satisfies Record<RoundingMode, string>,
);

/** Which service a price list of a contract prices; ANY is stored as `*`. */
export const PricedService = {
  ANY: '*',
  VOICE: 'VOICE',
  SMS: 'SMS',
  DATA: 'DATA',
  EVENT: 'EVENT',
} as const;
export type PricedService = (typeof PricedService)[keyof typeof PricedService];
registerEnumType(PricedService, {
  name: 'PricedService',
  description: 'A service that a price list prices.',
  valuesConfig: {
    ANY: { description: 'Every service that no other price list of the contract names.' },
    VOICE: { description: 'Calls, by the second.' },
    SMS: { description: 'Messages, each.' },
    DATA: { description: 'Data, by the octet.' },
    EVENT: { description: 'Events, each.' },
  },
});

export const BillCycle = enumType('BillCycle', 'How often a contract is billed.', {
  MONTHLY: "By the calendar month of the contract's zone.",
});
export type BillCycle = keyof typeof BillCycle;

export const BandPolicy = enumType(
  'BandPolicy',
  'Which time band prices a call that crosses bands.',
  {
    START: 'The band in which it begins.',
    SPLIT: 'Each part the band that it falls in.',
    MAJORITY: 'The band that most of its seconds fall in; of equal ones the earlier.',
  },
);
export type BandPolicy = keyof typeof BandPolicy;

export const ConversionPolicy = enumType(
  'ConversionPolicy',
  "What happens when a price list is kept in another currency than the contract's.",
  {
    NONE: 'Such a list is refused.',
    RECORD: 'Each record is converted by the exchange rate of the day on which it begins.',
  },
);
export type ConversionPolicy = keyof typeof ConversionPolicy;

@Entity('contract_version')
@ObjectType({
  simpleResolvers: true,
  description:
    'Terms of a contract over a period. Terms are never edited: an amendment supersedes versions ' +
    'and records new ones, so what was known at any moment can be asked for.',
})
export class ContractVersion {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('ContractVersion', this.id);
  }

  @Column({ type: 'int', name: 'contract_id' })
  contractId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => DateTimeScalar, { description: 'First instant at which the terms hold.' })
  @Column({ type: 'timestamptz', name: 'valid_from' })
  validFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant at which they hold no more; null when there is none.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When the version was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When an amendment took its place; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;

  @Field(() => String, { description: 'Currency of prices and invoices, ISO 4217.' })
  @Column({ type: 'text' })
  currency!: string;

  @Field(() => String, { description: 'IANA zone in which days, months and bands begin.' })
  @Column({ type: 'text', name: 'time_zone' })
  timeZone!: string;

  @Field(() => Int, { description: 'Decimals to which the amount of one record is rounded.' })
  @Column({ type: 'smallint', name: 'rounding_decimals', default: 4 })
  roundingDecimals!: number;

  @Field(() => RoundingModeType, { description: 'How the amount of one record is rounded.' })
  @Column({ type: 'text', name: 'rounding_mode', default: 'HALF_UP' })
  roundingMode!: RoundingMode;

  @Field(() => String, { description: 'Tax category, EN 16931 (UNCL 5305), such as S.' })
  @Column({ type: 'text', name: 'tax_code', default: 'S' })
  taxCode!: string;

  @Field(() => DecimalScalar, { description: 'Tax rate in percent.' })
  @Column({ type: 'numeric', precision: 7, scale: 4, name: 'tax_percent', default: 0 })
  taxPercent!: string;

  @Field(() => Int, { description: 'Days from the date of an invoice until it is due.' })
  @Column({ type: 'int', name: 'payment_terms_days', default: 30 })
  paymentTermsDays!: number;

  @Field(() => BillCycle, { description: 'How often the contract is billed.' })
  @Column({ type: 'text', name: 'bill_cycle', default: 'MONTHLY' })
  billCycle!: BillCycle;

  @Field(() => ContractNotice, {
    nullable: true,
    description: 'Notice that changes of its price lists must be given; null when none is agreed.',
  })
  @Column({ type: 'jsonb', nullable: true })
  notice!: ContractNotice | null;

  @Field(() => BandPolicy, { description: 'Which band prices a call that crosses bands.' })
  @Column({ type: 'text', name: 'band_policy', default: 'START' })
  bandPolicy!: BandPolicy;

  @Field(() => ConversionPolicy, { description: 'Whether prices of other currencies are taken.' })
  @Column({ type: 'text', default: 'NONE' })
  conversion!: ConversionPolicy;

  @Field(() => MarginPolicy, {
    description: 'What happens when its price falls below the cost; of selling contracts.',
  })
  @Column({ type: 'text', name: 'margin_policy', default: 'NONE' })
  marginPolicy!: MarginPolicy;
}

@Entity('contract_price_list')
@ObjectType({
  simpleResolvers: true,
  description: 'Which price list a version of a contract uses for a service.',
})
export class ContractPriceList {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'contract_version_id' })
  contractVersionId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => PricedService, { description: 'The service that the list prices.' })
  @Column({ type: 'text' })
  service!: PricedService;

  @Column({ type: 'int', name: 'trunk_id', nullable: true })
  trunkId!: number | null;

  @Field(() => Boolean, {
    simple: false,
    description: 'Whether it holds for records over one trunk alone.',
  })
  get forTrunk(): boolean {
    return this.trunkId !== null;
  }

  @Column({ type: 'int', name: 'price_list_id' })
  priceListId!: number;
}
