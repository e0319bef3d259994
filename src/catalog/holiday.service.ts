import { assertAtHub } from '../identity/index.js';
import { assertOrdered, DomainError } from '../kernel/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowOf,
  rowsOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Holiday, HolidayCalendar } from './holiday.entity.js';
import type { AddHolidaysInput, HolidayFilter } from './holiday.input.js';
import { narrowToMoment } from './moment.store.js';

/** Holiday calendars, shared by all tenants and kept by the hub. */
export class HolidayService {
  /** Creates a calendar. Refuses with NOT_HUB or HOLIDAY_CALENDAR_NAME_TAKEN. */
  async create(tx: Tx, viewer: Viewer, name: string, key: string | null): Promise<HolidayCalendar> {
    const made = await once(tx, viewer, key, 'createHolidayCalendar', { name }, async () => {
      await assertAtHub(tx, viewer.partnerId);
      const rows = await tx.query<{ id: number }[]>(
        `INSERT INTO holiday_calendar (name) VALUES ($1)
         ON CONFLICT (name) DO NOTHING RETURNING id`,
        [name.trim()],
      );
      if (rows[0] !== undefined) return { id: rows[0].id };
      throw new DomainError(
        'HOLIDAY_CALENDAR_NAME_TAKEN',
        'A holiday calendar of this name exists.',
        { name },
      );
    });
    return rowOf(tx, HolidayCalendar, 'HolidayCalendar', made.id);
  }

  /** Adds days to a calendar. Refuses with NOT_HUB, NOT_FOUND or HOLIDAY_EXISTS. */
  async add(
    tx: Tx,
    viewer: Viewer,
    input: AddHolidaysInput,
    key: string | null,
  ): Promise<HolidayCalendar> {
    const made = await once(tx, viewer, key, 'addHolidays', input, async () => {
      await assertAtHub(tx, viewer.partnerId);
      const calendar = await rowByGlobalId(
        tx,
        HolidayCalendar,
        'HolidayCalendar',
        input.calendarId,
      );
      for (const day of input.days) {
        const rows = await tx.query<unknown[]>(
          `INSERT INTO holiday (calendar_id, on_date, name, source) VALUES ($1, $2, $3, $4)
           ON CONFLICT (calendar_id, on_date) WHERE superseded_at IS NULL DO NOTHING RETURNING id`,
          [calendar.id, day.onDate, day.name.trim(), day.source.trim()],
        );
        if (rows.length > 0) continue;
        throw new DomainError('HOLIDAY_EXISTS', 'The day is in the calendar already.', {
          onDate: day.onDate,
        });
      }
      return { id: calendar.id };
    });
    return rowOf(tx, HolidayCalendar, 'HolidayCalendar', made.id);
  }

  /** Takes a day out of its calendar. Refuses with NOT_HUB, NOT_FOUND or HOLIDAY_WITHDRAWN. */
  async withdraw(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<Holiday> {
    const made = await once(tx, viewer, key, 'withdrawHoliday', { id }, async () => {
      await assertAtHub(tx, viewer.partnerId);
      const day = await rowByGlobalId(tx, Holiday, 'Holiday', id);
      const rows = rowsOf(
        await tx.query(
          `UPDATE holiday SET superseded_at = now() WHERE id = $1 AND superseded_at IS NULL
           RETURNING id`,
          [day.id],
        ),
      );
      if (rows.length > 0) return { id: day.id };
      throw new DomainError('HOLIDAY_WITHDRAWN', 'The day has been taken out already.');
    });
    return rowOf(tx, Holiday, 'Holiday', made.id);
  }

  /** Calendars by rising id. */
  async list(tx: Tx, page: Page): Promise<Connection<HolidayCalendar>> {
    return pageById(tx.createQueryBuilder(HolidayCalendar, 'row'), page);
  }

  /** Days of a calendar by rising id. Refuses with INVALID_PERIOD or NOT_FOUND. */
  async days(
    tx: Tx,
    calendarId: string,
    filter: HolidayFilter,
    page: Page,
  ): Promise<Connection<Holiday>> {
    assertOrdered(filter.from, filter.to);
    const calendar = await rowByGlobalId(tx, HolidayCalendar, 'HolidayCalendar', calendarId);
    const query = tx
      .createQueryBuilder(Holiday, 'row')
      .where('row.calendarId = :calendar', { calendar: calendar.id });
    if (filter.from) query.andWhere('row.onDate >= :from', { from: filter.from });
    if (filter.to) query.andWhere('row.onDate < :to', { to: filter.to });
    return pageById(narrowToMoment(query, { asKnownAt: filter.asKnownAt }), page);
  }
}
