import 'reflect-metadata';
import { IsOptional, MaxLength } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { DateTimeScalar, PlainText } from '../platform/index.js';
import { RateSheetStatus } from './rate-sheet.entity.js';
import { SheetReadingInput } from './sheet-mapping.input.js';

@InputType({
  description:
    'A rate sheet to read and compare. What it leaves out of how it is read is taken from the ' +
    'stored mapping of its list or partner; nothing is priced by it yet.',
})
export class ImportRateSheetInput extends SheetReadingInput {
  @Field(() => ID, { description: 'The price list.' })
  priceListId!: string;

  @Field(() => String, { description: 'A name for the sheet.' })
  @PlainText(1, 200)
  name!: string;

  @Field(() => String, { nullable: true, description: 'The sheet as CSV text, if it is small.' })
  csv?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Or an uploaded file that holds it, as text or as a workbook (XLSX).',
  })
  fileId?: string | null;

  @Field(() => DateTimeScalar, { description: 'When rows without a date take effect.' })
  effectiveFrom!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When notice of it was received; now when absent.',
  })
  receivedAt?: Date | null;

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

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: only rows with too short a notice; false: only others.',
  })
  findings?: boolean | null;

  @Field(() => String, { nullable: true, description: 'Only prefixes that begin so.' })
  @IsOptional()
  @MaxLength(15)
  prefix?: string | null;
}
