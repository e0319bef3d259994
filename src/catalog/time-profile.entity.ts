import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { enumType } from '../platform/index.js';
import { minuteText, type Weekday as WeekdayName, weekdaysOf } from './week.js';

export const Weekday = enumType('Weekday', 'A day of the week.', {
  MONDAY: 'Monday.',
  TUESDAY: 'Tuesday.',
  WEDNESDAY: 'Wednesday.',
  THURSDAY: 'Thursday.',
  FRIDAY: 'Friday.',
  SATURDAY: 'Saturday.',
  SUNDAY: 'Sunday.',
  HOLIDAY: "A day of the time profile's holiday calendar, whatever day of the week it is.",
});

@Entity('time_profile')
@ObjectType({
  simpleResolvers: true,
  description:
    'Divides the week into named bands, such as peak and off-peak. Minutes that no rule covers ' +
    'belong to no band.',
})
export class TimeProfile {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('TimeProfile', this.id);
  }

  @Field(() => String, { description: 'Its name, unique.' })
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'int', name: 'holiday_calendar_id', nullable: true })
  holidayCalendarId!: number | null;
}

@Entity('time_band')
@ObjectType({ simpleResolvers: true, description: 'Minutes of the week that are priced alike.' })
export class TimeBand {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('TimeBand', this.id);
  }

  @Column({ type: 'int', name: 'time_profile_id' })
  timeProfileId!: number;

  @Field(() => String, { description: 'Its name, unique within the profile.' })
  @Column({ type: 'text' })
  name!: string;
}

@Entity('time_band_rule')
@ObjectType({
  simpleResolvers: true,
  description: "Minutes of some days that belong to a band, in the zone of the record's contract.",
})
export class TimeBandRule {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Column({ type: 'int', name: 'time_band_id' })
  timeBandId!: number;

  /** Bit 0 is Monday, bit 6 Sunday, bit 7 a holiday. */
  @Column({ type: 'int' })
  weekdays!: number;

  @Column({ type: 'int', name: 'from_minute' })
  fromMinute!: number;

  @Column({ type: 'int', name: 'to_minute' })
  toMinute!: number;

  @Field(() => [Weekday], { name: 'weekdays', simple: false, description: 'The days.' })
  get days(): WeekdayName[] {
    return weekdaysOf(this.weekdays);
  }

  @Field(() => String, { simple: false, description: 'First minute, HH:MM.' })
  get from(): string {
    return minuteText(this.fromMinute);
  }

  @Field(() => String, { simple: false, description: 'First minute after it, HH:MM; 24:00 last.' })
  get to(): string {
    return minuteText(this.toMinute);
  }
}
