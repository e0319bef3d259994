import 'reflect-metadata';
import { Field, ID, ObjectType } from 'type-graphql';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { toGlobalId } from '../kernel/index.js';
import { DateScalar, DateTimeScalar } from '../platform/index.js';

@Entity('holiday_calendar')
@ObjectType({ simpleResolvers: true, description: 'Days that are priced as holidays.' })
export class HolidayCalendar {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('HolidayCalendar', this.id);
  }

  @Field(() => String, { description: 'Its name, unique.' })
  @Column({ type: 'text' })
  name!: string;
}

@Entity('holiday')
@ObjectType({ simpleResolvers: true, description: 'A day of a holiday calendar.' })
export class Holiday {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'BY DEFAULT' })
  id!: number;

  @Field(() => ID, { name: 'id', simple: false, description: 'Opaque identifier.' })
  get globalId(): string {
    return toGlobalId('Holiday', this.id);
  }

  @Column({ type: 'int', name: 'calendar_id' })
  calendarId!: number;

  @Field(() => DateScalar, { description: "The day, by the clock of the record's contract." })
  @Column({ type: 'date', name: 'on_date' })
  onDate!: string;

  @Field(() => String, { description: 'What is celebrated.' })
  @Column({ type: 'text' })
  name!: string;

  @Field(() => String, { description: 'The law or publication that says so.' })
  @Column({ type: 'text' })
  source!: string;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  @Column({ type: 'timestamptz', name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it was withdrawn; null while it counts.',
  })
  @Column({ type: 'timestamptz', name: 'superseded_at', nullable: true })
  supersededAt!: Date | null;
}
