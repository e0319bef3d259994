import 'reflect-metadata';
import { ArrayMaxSize, ArrayMinSize, ValidateNested } from 'class-validator';
import { Field, ID, InputType } from 'type-graphql';
import { DateScalar, DateTimeScalar, PlainText } from '../platform/index.js';

@InputType({ description: 'A holiday calendar to create.' })
export class CreateHolidayCalendarInput {
  @Field(() => String, { description: 'Its name, unique.' })
  @PlainText(1, 100)
  name!: string;
}

@InputType({ description: 'A day of a holiday calendar.' })
export class HolidayInput {
  @Field(() => DateScalar, { description: "The day, by the clock of the record's contract." })
  onDate!: string;

  @Field(() => String, { description: 'What is celebrated.' })
  @PlainText(1, 100)
  name!: string;

  @Field(() => String, { description: 'The law or publication that says so.' })
  @PlainText(1, 200)
  source!: string;
}

@InputType({ description: 'Days to add to a holiday calendar.' })
export class AddHolidaysInput {
  @Field(() => ID, { description: 'The calendar.' })
  calendarId!: string;

  @Field(() => [HolidayInput], { description: 'The days.' })
  @ArrayMinSize(1)
  @ArrayMaxSize(400)
  @ValidateNested()
  days!: HolidayInput[];
}

@InputType({ description: 'Which days to list; every given condition must hold.' })
export class HolidayFilter {
  @Field(() => DateScalar, { nullable: true, description: 'The first day.' })
  from?: string | null;

  @Field(() => DateScalar, { nullable: true, description: 'The first day after it.' })
  to?: string | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Ignore what was recorded after this instant.',
  })
  asKnownAt?: Date | null;
}
