import 'reflect-metadata';
import { IsIn, IsOptional, MaxLength, ValidateNested } from 'class-validator';
import { Field, ID, InputType, Int } from 'type-graphql';
import { DateTimeScalar, DecimalScalar, PlainText } from '../platform/index.js';
import { RateSheetStatus } from './rate-sheet.entity.js';

@InputType({
  description:
    'Names of columns in the first line of a sheet, in any case. The price is needed, and the ' +
    'prefix or the destination.',
})
export class RateSheetColumnsInput {
  @Field(() => String, { description: 'Price per rate unit.' })
  price!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Prefixes: one, several by comma or semicolon, or ranges such as 4916-4919.',
  })
  prefix?: string | null;

  @Field(() => String, { nullable: true, description: 'Country code, put before each prefix.' })
  countryCode?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Name of a destination; it counts where a row has no prefix.',
  })
  destination?: string | null;

  @Field(() => String, { nullable: true, description: 'Connection fee.' })
  connectionFee?: string | null;

  @Field(() => String, { nullable: true, description: 'Units that the price is for.' })
  rateUnit?: string | null;

  @Field(() => String, { nullable: true, description: 'First and next increment, as in 60/1.' })
  increments?: string | null;

  @Field(() => String, { nullable: true, description: 'First increment.' })
  firstIncrement?: string | null;

  @Field(() => String, { nullable: true, description: 'Next increment.' })
  nextIncrement?: string | null;

  @Field(() => String, { nullable: true, description: 'Units that are charged at least.' })
  minimum?: string | null;

  @Field(() => String, { nullable: true, description: 'Usage that is free.' })
  grace?: string | null;

  @Field(() => String, { nullable: true, description: "A band of the list's time profile." })
  band?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'When the row takes effect: YYYY-MM-DD, with HH:MM:SS, or RFC 3339.',
  })
  effectiveFrom?: string | null;
}

@InputType({ description: 'What counts where a row is silent.' })
export class RateSheetDefaultsInput {
  @Field(() => DecimalScalar, { defaultValue: '0', description: 'Connection fee.' })
  connectionFee!: string;

  @Field(() => Int, { defaultValue: 60, description: 'Units that the price is for.' })
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

@InputType({ description: 'A rate sheet to read and compare; nothing is priced by it yet.' })
export class ImportRateSheetInput {
  @Field(() => ID, { description: 'The price list.' })
  priceListId!: string;

  @Field(() => String, { description: 'A name for the sheet.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => String, { nullable: true, description: 'The sheet as CSV text, if it is small.' })
  csv?: string | null;

  @Field(() => ID, { nullable: true, description: 'Or an uploaded file that holds it.' })
  fileId?: string | null;

  @Field(() => RateSheetColumnsInput, { description: 'Which column holds what.' })
  @ValidateNested()
  columns!: RateSheetColumnsInput;

  @Field(() => RateSheetDefaultsInput, {
    defaultValue: {
      connectionFee: '0',
      rateUnit: 60,
      firstIncrement: 1,
      nextIncrement: 1,
      minimum: 0,
      grace: 0,
    },
    description: 'What counts where a row is silent.',
  })
  @ValidateNested()
  defaults!: RateSheetDefaultsInput;

  @Field(() => String, { defaultValue: ',', description: 'Comma, semicolon, tab or bar.' })
  @IsIn([',', ';', '\t', '|'])
  delimiter!: string;

  @Field(() => Boolean, { defaultValue: false, description: 'Whether prices are written 0,05.' })
  decimalComma!: boolean;

  @Field(() => String, { defaultValue: 'UTC', description: 'IANA zone of dates in the sheet.' })
  timeZone!: string;

  @Field(() => DateTimeScalar, { description: 'When rows without a date take effect.' })
  effectiveFrom!: Date;

  @Field(() => Boolean, {
    defaultValue: false,
    description: 'Whether absolute rates of the list that the sheet does not name end.',
  })
  complete!: boolean;
}

@InputType({ description: 'Which rows of a sheet to list; every given condition must hold.' })
export class RateSheetRowFilter {
  @Field(() => [RateSheetStatus], { nullable: true, description: 'What the rows do.' })
  statuses?: RateSheetStatus[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: only rows with an error; false: only rows without.',
  })
  errors?: boolean | null;

  @Field(() => String, { nullable: true, description: 'Only prefixes that begin so.' })
  @IsOptional()
  @MaxLength(15)
  prefix?: string | null;
}
