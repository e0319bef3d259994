import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { NoticePolicy } from '../partner/index.js';
import { DateTimeScalar, DecimalScalar, enumType } from '../platform/index.js';
import { SheetReadingView } from './sheet-mapping.entity.js';
import { type RowFaultCode, rowFaults } from './sheet-row.js';

export const RateSheetState = enumType('RateSheetState', 'How far a rate sheet has come.', {
  DRAFT: 'Read and compared; nothing has been priced by it yet.',
  ACTIVATED: 'Its prices are in the list.',
  DISCARDED: 'Has been put aside.',
});
export type RateSheetState = keyof typeof RateSheetState;

export const RateSheetStatus = enumType(
  'RateSheetStatus',
  'What a price of a sheet does to the list, by the rate in force when it takes effect.',
  {
    NEW: 'The list has no rate of its own there.',
    INCREASED: 'The price per unit rises.',
    DECREASED: 'The price per unit falls.',
    CHANGED: 'The price stays; something else, such as increments, changes.',
    UNCHANGED: 'The list says the same already.',
    CLOSED: 'The list has a rate that the complete sheet does not name; it ends.',
    OVERTAKEN: 'Moved by its notice to where a later row of the sheet holds already; does nothing.',
  },
);
export type RateSheetStatus = keyof typeof RateSheetStatus;

const RateSheetFinding = enumType(
  'RateSheetFinding',
  'What is to be said about a price of a sheet that could be read.',
  { NOTICE_TOO_SHORT: 'It comes with less notice than a contract of the list demands.' },
);
type RateSheetFinding = keyof typeof RateSheetFinding;

const RateSheetRowFault = enumType(
  'RateSheetRowFault',
  'Why a row of a rate sheet is not a price.',
  rowFaults,
);

@Entity('rate_sheet')
@ObjectType({
  simpleResolvers: true,
  description: 'Prices that came as a table, compared with a price list and activated at once.',
})
export class RateSheet {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('RateSheet', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'price_list_id' })
  priceListId!: number;

  @Field(() => String, { description: 'Its name.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { description: 'SHA-256 of what was imported, in hexadecimal.' })
  @Column({ type: 'text', name: 'content_hash' })
  contentHash!: string;

  @Field(() => RateSheetState, { description: 'How far it has come.' })
  @Column({ type: 'text', default: 'DRAFT' })
  state!: RateSheetState;

  @Field(() => Boolean, { description: 'Whether rates that it does not name end.' })
  @Column({ type: 'boolean', default: false })
  complete!: boolean;

  @Field(() => Int, { description: 'Prices and faulty rows that the sheet holds.' })
  @Column({ type: 'int', name: 'row_count', default: 0 })
  rowCount!: number;

  @Field(() => Int, { description: 'Rows with an error.' })
  @Column({ type: 'int', name: 'error_count', default: 0 })
  errorCount!: number;

  @Field(() => DateTimeScalar, {
    description: 'When rows without a date of their own take effect.',
  })
  @Column({ type: 'timestamptz', name: 'effective_from' })
  effectiveFrom!: Date;

  @Field(() => DateTimeScalar, { description: 'When it was imported.' })
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it was activated.' })
  @Column({ type: 'timestamptz', name: 'activated_at', nullable: true })
  activatedAt!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When notice of its prices was received.' })
  @Column({ type: 'timestamptz', name: 'received_at', default: () => 'now()' })
  receivedAt!: Date;

  @Field(() => SheetReadingView, {
    nullable: true,
    description:
      'How it was read: what was given, before what was stored, before what is usual, with the ' +
      'columns that were found.',
  })
  @Column({ type: 'jsonb', nullable: true })
  reading!: SheetReadingView | null;

  @Field(() => NoticePolicy, {
    nullable: true,
    description: 'What happens to its prices that come too early; null when there are none.',
  })
  @Column({ type: 'text', name: 'notice_policy', nullable: true })
  noticePolicy!: NoticePolicy | null;

  @Field(() => Int, { description: 'Prices that come with too short a notice.' })
  @Column({ type: 'int', name: 'notice_count', default: 0 })
  noticeCount!: number;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it first changes a price; null when it changes none.',
  })
  @Column({ type: 'timestamptz', name: 'takes_effect_at', nullable: true })
  takesEffectAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'recorded_time', nullable: true, select: false })
  recordedTime!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When its last activation was taken back; null while that stands.',
  })
  @Column({ type: 'timestamptz', name: 'undone_at', nullable: true })
  undoneAt!: Date | null;
}

@Entity('rate_sheet_row')
@ObjectType({
  simpleResolvers: true,
  description: 'One price of a rate sheet, or one row that could not be read.',
})
export class RateSheetRow {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'rate_sheet_id' })
  rateSheetId!: number;

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Field(() => Int, {
    nullable: true,
    description: 'Line of the file, counted from 1; null for a rate that the sheet closes.',
  })
  @Column({ type: 'int', nullable: true })
  line!: number | null;

  @Field(() => String, { description: 'The text of the row, as it came.' })
  @Column({ type: 'text' })
  raw!: string;

  @Field(() => RateSheetRowFault, { nullable: true, description: 'Code of its error.' })
  @Column({ type: 'text', name: 'error_code', nullable: true })
  errorCode!: RowFaultCode | null;

  @Field(() => String, { nullable: true, description: 'Field that has the error.' })
  @Column({ type: 'text', name: 'error_field', nullable: true })
  errorField!: string | null;

  @Field(() => String, { nullable: true, description: 'The error in words.' })
  @Column({ type: 'text', name: 'error_message', nullable: true })
  errorMessage!: string | null;

  @Field(() => RateSheetStatus, { nullable: true, description: 'What it does to the list.' })
  @Column({ type: 'text', nullable: true })
  status!: RateSheetStatus | null;

  @Field(() => String, { nullable: true, description: 'Prefix that it prices.' })
  @Column({ type: 'text', nullable: true })
  prefix!: string | null;

  @Column({ type: 'int', name: 'destination_id', nullable: true })
  destinationId!: number | null;

  /** What a row with an error may mean besides (`FaultyTarget`). */
  @Column({ type: 'text', nullable: true, select: false })
  meant!: string | null;

  @Field(() => String, { nullable: true, description: 'Destination, as the sheet names it.' })
  @Column({ type: 'text', name: 'destination_name', nullable: true })
  destinationName!: string | null;

  @Column({ type: 'int', name: 'time_band_id', nullable: true })
  bandId!: number | null;

  /** The rate of the list that is in force when the row takes effect. */
  @Column({ type: 'int', name: 'rate_id', nullable: true })
  rateId!: number | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Price per rate unit.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, nullable: true })
  price!: string | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "The list's own price per its rate unit when the row takes effect.",
  })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'old_price', nullable: true })
  oldPrice!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Charged once per record.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'connection_fee', nullable: true })
  connectionFee!: string | null;

  @Field(() => Int, { nullable: true, description: 'Units that the price is for.' })
  @Column({ type: 'int', name: 'rate_unit', nullable: true })
  rateUnit!: number | null;

  @Field(() => Int, { nullable: true, description: 'Units that usage begins with.' })
  @Column({ type: 'int', name: 'first_increment', nullable: true })
  firstIncrement!: number | null;

  @Field(() => Int, { nullable: true, description: 'Units by which usage goes on.' })
  @Column({ type: 'int', name: 'next_increment', nullable: true })
  nextIncrement!: number | null;

  @Field(() => Int, { nullable: true, description: 'Units that are charged at least.' })
  @Column({ type: 'int', nullable: true })
  minimum!: number | null;

  @Field(() => Int, { nullable: true, description: 'Usage of up to so many units is free.' })
  @Column({ type: 'int', nullable: true })
  grace!: number | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Least charge of a record.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'min_charge', nullable: true })
  minCharge!: string | null;

  @Field(() => DecimalScalar, { nullable: true, description: 'Most that a record is charged.' })
  @Column({ type: 'numeric', precision: 18, scale: 8, name: 'max_charge', nullable: true })
  maxCharge!: string | null;

  @Field(() => RateSheetFinding, { nullable: true, description: 'What is to be said about it.' })
  @Column({ type: 'text', name: 'finding_code', nullable: true })
  findingCode!: RateSheetFinding | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'First instant that the notice allows; null when the date is late enough.',
  })
  @Column({ type: 'timestamptz', name: 'earliest_from', nullable: true })
  earliestFrom!: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'The date in the sheet.' })
  @Column({ type: 'timestamptz', name: 'announced_from', nullable: true })
  announcedFrom!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it takes effect; later than announced when its notice was too short.',
  })
  @Column({ type: 'timestamptz', name: 'valid_from', nullable: true })
  validFrom!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Where a later row of the sheet for the same prefix and band takes over.',
  })
  @Column({ type: 'timestamptz', name: 'valid_to', nullable: true })
  validTo!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'How many prices of a sheet do what.' })
export class RateSheetCount {
  @Field(() => RateSheetStatus, { description: 'What they do to the list.' })
  status!: RateSheetStatus;

  @Field(() => Int, { description: 'How many they are.' })
  rows!: number;
}
