import 'reflect-metadata';
import { Field, ID, Int, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateTimeScalar } from '../platform/index.js';
import type { DateFormat } from './sheet-date.js';
import {
  RateSheetColumns,
  RateSheetDefaults,
  SheetDateFormat,
  SheetEncodingType,
} from './sheet-mapping.input.js';
import type { SheetEncoding } from './sheet-mapping.js';

@ObjectType('SheetReading', {
  simpleResolvers: true,
  description: 'How a sheet is read; what is null is left to what is usual.',
})
export class SheetReadingView {
  @Field(() => RateSheetColumns, { nullable: true, description: 'Which column holds what.' })
  columns!: RateSheetColumns | null;

  @Field(() => RateSheetDefaults, { nullable: true, description: 'Where a row is silent.' })
  defaults!: RateSheetDefaults | null;

  @Field(() => String, { nullable: true, description: 'Comma, semicolon, tab or bar.' })
  delimiter!: string | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether prices are written 0,05.' })
  decimalComma!: boolean | null;

  @Field(() => String, { nullable: true, description: 'IANA zone of its dates.' })
  timeZone!: string | null;

  @Field(() => SheetDateFormat, { nullable: true, description: 'How it writes days.' })
  dateFormat!: DateFormat | null;

  @Field(() => SheetEncodingType, { nullable: true, description: 'How bytes become characters.' })
  encoding!: SheetEncoding | null;

  @Field(() => Int, { nullable: true, description: 'Lines above the line of names.' })
  skipRows!: number | null;

  @Field(() => String, { nullable: true, description: 'Name of the worksheet of a workbook.' })
  worksheet!: string | null;
}

@Entity('sheet_mapping')
@ObjectType('SheetMapping', {
  simpleResolvers: true,
  description: 'How the sheets of a partner, or of one of its lists, are read by default.',
})
export class SheetMappingRow {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('SheetMapping', this.id);
  }

  @Column({ type: 'int', name: 'partner_id' })
  partnerId!: number;

  @Column({ type: 'int', name: 'price_list_id', nullable: true })
  priceListId!: number | null;

  @Field(() => SheetReadingView, { description: 'What it says.' })
  @Column({ type: 'jsonb' })
  definition!: SheetReadingView;

  @Field(() => DateTimeScalar, { description: 'When it was saved last.' })
  @Column({ type: 'timestamptz', name: 'saved_at', default: () => 'now()' })
  savedAt!: Date;
}
