import 'reflect-metadata';
import { IsIn, IsOptional, Max, Min, ValidateNested } from 'class-validator';
import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { DecimalScalar, enumType, PlainLines, PlainText } from '../platform/index.js';
import { type DateFormat, dateFormats } from './sheet-date.js';
import { type SheetEncoding, sheetEncodings } from './sheet-mapping.js';

export const SheetDateFormat = enumType(
  'SheetDateFormat',
  'How a sheet writes days; ISO dates and dates with the name of a month are always read.',
  dateFormats,
);

export const SheetEncodingType = enumType(
  'SheetEncoding',
  'How the bytes of a sheet of text become characters.',
  sheetEncodings,
);

const COLUMNS =
  'Names of columns in the line of names, in any case. The price is needed, and the prefix or ' +
  'the destination.';
const MAX_NAME = 200;

/** A name in the line of names, where spreadsheets put line feeds too. */
function ColumnName(): PropertyDecorator {
  return (target, key) => {
    IsOptional()(target, key as string);
    PlainLines(0, MAX_NAME)(target, key as string);
  };
}

@ObjectType('RateSheetColumns', { simpleResolvers: true, description: COLUMNS })
@InputType('RateSheetColumnsInput', { description: COLUMNS })
export class RateSheetColumns {
  @Field(() => String, { description: 'Price per rate unit.' })
  @PlainLines(1, MAX_NAME)
  price!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Prefixes: one, several by comma or semicolon, or ranges such as 4916-4919.',
  })
  @ColumnName()
  prefix?: string | null;

  @Field(() => String, { nullable: true, description: 'Country code, put before each prefix.' })
  @ColumnName()
  countryCode?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Name of a destination; it counts where a row has no prefix.',
  })
  @ColumnName()
  destination?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Currency of the row, ISO 4217: it is an error unless it is the list's or empty.",
  })
  @ColumnName()
  currency?: string | null;

  @Field(() => String, { nullable: true, description: 'Connection fee.' })
  @ColumnName()
  connectionFee?: string | null;

  @Field(() => String, { nullable: true, description: 'Units that the price is for.' })
  @ColumnName()
  rateUnit?: string | null;

  @Field(() => String, { nullable: true, description: 'First and next increment, as in 60/1.' })
  @ColumnName()
  increments?: string | null;

  @Field(() => String, { nullable: true, description: 'First increment.' })
  @ColumnName()
  firstIncrement?: string | null;

  @Field(() => String, { nullable: true, description: 'Next increment.' })
  @ColumnName()
  nextIncrement?: string | null;

  @Field(() => String, { nullable: true, description: 'Units that are charged at least.' })
  @ColumnName()
  minimum?: string | null;

  @Field(() => String, { nullable: true, description: 'Usage that is free.' })
  @ColumnName()
  grace?: string | null;

  @Field(() => String, { nullable: true, description: 'Least charge of a record.' })
  @ColumnName()
  minCharge?: string | null;

  @Field(() => String, { nullable: true, description: 'Most that a record is charged.' })
  @ColumnName()
  maxCharge?: string | null;

  @Field(() => String, { nullable: true, description: "A band of the list's time profile." })
  @ColumnName()
  band?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'When the row takes effect: a day, a day with HH:MM:SS, or RFC 3339.',
  })
  @ColumnName()
  effectiveFrom?: string | null;
}

const DEFAULTS = 'What counts where a row is silent.';

@ObjectType('RateSheetDefaults', { simpleResolvers: true, description: DEFAULTS })
@InputType('RateSheetDefaultsInput', { description: DEFAULTS })
export class RateSheetDefaults {
  @Field(() => DecimalScalar, { defaultValue: '0', description: 'Connection fee.' })
  connectionFee!: string;

  @Field(() => Int, {
    defaultValue: 60,
    description: 'Units that the price is for: 60 when prices are per minute, 1 when per second.',
  })
  rateUnit!: number;

  @Field(() => Int, { defaultValue: 1, description: 'First increment.' })
  firstIncrement!: number;

  @Field(() => Int, { defaultValue: 1, description: 'Next increment.' })
  nextIncrement!: number;

  @Field(() => Int, { defaultValue: 0, description: 'Units that are charged at least.' })
  minimum!: number;

  @Field(() => Int, { defaultValue: 0, description: 'Usage that is free.' })
  grace!: number;
}

/** What an import and a stored mapping can both say. */
@InputType()
export class SheetReadingInput {
  @Field(() => RateSheetColumns, {
    nullable: true,
    description: 'Which column holds what; found by usual names when nothing says it.',
  })
  @IsOptional()
  @ValidateNested()
  columns?: RateSheetColumns | null;

  @Field(() => RateSheetDefaults, { nullable: true, description: DEFAULTS })
  @IsOptional()
  @ValidateNested()
  defaults?: RateSheetDefaults | null;

  @Field(() => String, { nullable: true, description: 'Comma, semicolon, tab or bar.' })
  @IsOptional()
  @IsIn([',', ';', '\t', '|'])
  delimiter?: string | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether prices are written 0,05.' })
  decimalComma?: boolean | null;

  @Field(() => String, { nullable: true, description: 'IANA zone of its dates; else UTC.' })
  timeZone?: string | null;

  @Field(() => SheetDateFormat, { nullable: true, description: 'How it writes days; else ISO.' })
  dateFormat?: DateFormat | null;

  @Field(() => SheetEncodingType, { nullable: true, description: 'Of text; else AUTO.' })
  encoding?: SheetEncoding | null;

  @Field(() => Int, { nullable: true, description: 'Lines above the line of names; else 0.' })
  @IsOptional()
  @Min(0)
  @Max(1000)
  skipRows?: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'Name of the worksheet of a workbook; else the first that is not hidden.',
  })
  @IsOptional()
  @PlainText(1, 100)
  worksheet?: string | null;
}

@InputType({ description: 'How the sheets of a partner or of one price list are read.' })
export class SaveSheetMappingInput extends SheetReadingInput {
  @Field(() => ID, {
    nullable: true,
    description: 'The partner whose lists are meant that have no mapping of their own.',
  })
  partnerId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Or the one list that is meant.' })
  priceListId?: string | null;
}
