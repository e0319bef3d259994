import 'reflect-metadata';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
} from '../platform/index.js';
import { Holiday, HolidayCalendar } from './holiday.entity.js';
import { AddHolidaysInput, CreateHolidayCalendarInput, HolidayFilter } from './holiday.input.js';
import type { HolidayService } from './holiday.service.js';

const CalendarConnection = connectionOf(HolidayCalendar, 'HolidayCalendar');
const HolidayConnection = connectionOf(Holiday, 'Holiday');

@Resolver(() => Holiday)
export class HolidayResolver {
  readonly #holidays: HolidayService;

  constructor(holidays: HolidayService) {
    this.#holidays = holidays;
  }

  @Authorized('catalog.read')
  @Query(() => CalendarConnection, { description: 'Holiday calendars, oldest first.' })
  async holidayCalendars(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<HolidayCalendar>> {
    return this.#holidays.list(await context.read(), page);
  }

  @Authorized('catalog.read')
  @Query(() => HolidayConnection, {
    description:
      'Days of a calendar, oldest record first. Refused with INVALID_PERIOD or NOT_FOUND.',
  })
  async holidays(
    @Arg('calendarId', () => ID, { description: 'The calendar.' }) calendarId: string,
    @Arg('filter', () => HolidayFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: HolidayFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Holiday>> {
    return this.#holidays.days(await context.read(), calendarId, filter, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => HolidayCalendar, {
    description:
      'Creates a calendar; for the hub only. Refused with HOLIDAY_CALENDAR_NAME_TAKEN or ' +
      'NOT_HUB.',
  })
  async createHolidayCalendar(
    @Arg('input', () => CreateHolidayCalendarInput, { description: 'The new calendar.' })
    input: CreateHolidayCalendarInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<HolidayCalendar> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#holidays.create(tx, viewer, input.name, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => HolidayCalendar, {
    description:
      'Adds days to a calendar; for the hub only. Refused with HOLIDAY_EXISTS, NOT_HUB or ' +
      'NOT_FOUND.',
  })
  async addHolidays(
    @Arg('input', () => AddHolidaysInput, { description: 'The days.' }) input: AddHolidaysInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<HolidayCalendar> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#holidays.add(tx, viewer, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => Holiday, {
    description:
      'Takes a day out of its calendar, for what is rated from then on; hub only. Refused with ' +
      'HOLIDAY_WITHDRAWN, NOT_HUB or NOT_FOUND.',
  })
  async withdrawHoliday(
    @Arg('holidayId', () => ID, { description: 'The day.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Holiday> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#holidays.withdraw(tx, viewer, id, key));
  }

  @FieldResolver(() => HolidayCalendar, { nullable: true, description: 'Its calendar.' })
  async calendar(@Root() day: Holiday, @Ctx() context: RequestContext) {
    return rowLoader(context, HolidayCalendar).load(day.calendarId);
  }
}
