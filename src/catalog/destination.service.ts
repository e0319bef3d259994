import { assertAtHub } from '../identity/index.js';
import { DomainError } from '../kernel/index.js';
import { assertCountry } from '../partner/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Destination } from './destination.entity.js';
import { HolidayCalendar } from './holiday.entity.js';
import type {
  CreateDestinationInput,
  CreateTimeProfileInput,
  DestinationFilter,
} from './reference.input.js';
import { TimeBandRule, TimeProfile } from './time-profile.entity.js';
import { holidayTable, minuteOf, weekdayMask, weekTable } from './week.js';

/** Destinations and time profiles: what all tenants share and the hub keeps. */
export class DestinationService {
  /**
   * Creates a destination with its prefixes. Refuses with NOT_HUB, INVALID_PREFIX,
   * INVALID_COUNTRY, DESTINATION_NAME_TAKEN or DESTINATION_PREFIX_TAKEN.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateDestinationInput,
    key: string | null,
  ): Promise<Destination> {
    const made = await once(tx, viewer, key, 'createDestination', input, async () => ({
      id: await this.#create(tx, viewer, input),
    }));
    return rowOf(tx, Destination, 'Destination', made.id);
  }

  async #create(tx: Tx, viewer: Viewer, input: CreateDestinationInput): Promise<number> {
    await assertAtHub(tx, viewer.partnerId);
    const prefixes = [...new Set(input.prefixes)];
    const wrong = prefixes.find((prefix) => !/^\d{1,15}$/.test(prefix));
    if (wrong !== undefined) {
      throw new DomainError('INVALID_PREFIX', 'A prefix has 1 to 15 digits.', {
        prefix: wrong.slice(0, 32),
      });
    }
    const country = input.country ?? null;
    if (country !== null) assertCountry(country);
    const made = await tx.query<{ id: number }[]>(
      `INSERT INTO destination (name, country, kind) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO NOTHING RETURNING id`,
      [input.name.trim(), country, input.kind],
    );
    const id = made[0]?.id;
    if (id === undefined) {
      throw new DomainError('DESTINATION_NAME_TAKEN', 'A destination of this name exists.', {
        name: input.name,
      });
    }
    await tx.query(
      `INSERT INTO destination_prefix (destination_id, prefix)
       SELECT $1, unnest($2::text[]) ON CONFLICT (prefix) DO NOTHING`,
      [id, prefixes],
    );
    const taken = await tx.query<{ prefix: string }[]>(
      `SELECT prefix FROM destination_prefix WHERE prefix = ANY($2) AND destination_id <> $1
       ORDER BY prefix LIMIT 10`,
      [id, prefixes],
    );
    if (taken.length > 0) {
      throw new DomainError(
        'DESTINATION_PREFIX_TAKEN',
        'A prefix belongs to another destination already.',
        { prefixes: taken.map((row) => row.prefix) },
      );
    }
    return id;
  }

  /** Destinations by rising id. Refuses with INVALID_COUNTRY. */
  async list(tx: Tx, filter: DestinationFilter, page: Page): Promise<Connection<Destination>> {
    const query = tx.createQueryBuilder(Destination, 'row');
    if (filter.name) {
      query.andWhere('strpos(lower(row.name), lower(:name)) > 0', { name: filter.name });
    }
    if (typeof filter.country === 'string') {
      assertCountry(filter.country);
      query.andWhere('row.country = :country', { country: filter.country });
    }
    return pageById(query, page);
  }

  /** The destination whose longest prefix begins the number, or null. */
  async forNumber(tx: Tx, number: string): Promise<Destination | null> {
    if (!/^\d{1,15}$/.test(number)) {
      throw new DomainError('INVALID_NUMBER', 'A number has 1 to 15 digits.', {
        value: number.slice(0, 32),
      });
    }
    const rows = await tx.query<{ destination_id: number }[]>(
      `SELECT destination_id FROM destination_prefix
       WHERE prefix = ANY (SELECT left($1, n) FROM generate_series(1, length($1)) AS n)
       ORDER BY length(prefix) DESC LIMIT 1`,
      [number],
    );
    const id = rows[0]?.destination_id;
    return id === undefined ? null : tx.findOneBy(Destination, { id });
  }

  /**
   * Creates a time profile. Refuses with NOT_HUB, TIME_BANDS_REFUSED or
   * TIME_PROFILE_NAME_TAKEN.
   */
  async createTimeProfile(
    tx: Tx,
    viewer: Viewer,
    input: CreateTimeProfileInput,
    key: string | null,
  ): Promise<TimeProfile> {
    const made = await once(tx, viewer, key, 'createTimeProfile', input, async () => ({
      id: await this.#createTimeProfile(tx, viewer, input),
    }));
    return rowOf(tx, TimeProfile, 'TimeProfile', made.id);
  }

  async #createTimeProfile(tx: Tx, viewer: Viewer, input: CreateTimeProfileInput): Promise<number> {
    await assertAtHub(tx, viewer.partnerId);
    const rules = input.bands.flatMap((band, i) =>
      band.rules.map((rule) => ({
        bandId: i + 1,
        weekdays: weekdayMask(rule.weekdays),
        fromMinute: minuteOf(rule.from),
        toMinute: minuteOf(rule.to),
      })),
    );
    weekTable(rules);
    const holidays = holidayTable(rules);
    const calendar = input.holidayCalendarId
      ? await rowByGlobalId(tx, HolidayCalendar, 'HolidayCalendar', input.holidayCalendarId)
      : null;
    if (holidays !== null && calendar === null) {
      throw new DomainError('TIME_BANDS_REFUSED', 'Rules for holidays need a holiday calendar.');
    }
    const names = input.bands.map((band) => band.name.trim());
    if (new Set(names).size < names.length) {
      throw new DomainError('TIME_BANDS_REFUSED', 'Two bands of the profile have one name.');
    }
    const made = await tx.query<{ id: number }[]>(
      `INSERT INTO time_profile (name, holiday_calendar_id) VALUES ($1, $2)
       ON CONFLICT (name) DO NOTHING RETURNING id`,
      [input.name.trim(), calendar?.id ?? null],
    );
    const id = made[0]?.id;
    if (id === undefined) {
      throw new DomainError('TIME_PROFILE_NAME_TAKEN', 'A time profile of this name exists.');
    }
    const bands = await tx.query<{ id: number; name: string }[]>(
      `INSERT INTO time_band (time_profile_id, name) SELECT $1, unnest($2::text[])
       RETURNING id, name`,
      [id, names],
    );
    const idOf = new Map(bands.map((band) => [band.name, band.id]));
    await tx.insert(
      TimeBandRule,
      rules.map((rule) => ({
        timeBandId: idOf.get(names[rule.bandId - 1] ?? '') as number,
        weekdays: rule.weekdays,
        fromMinute: rule.fromMinute,
        toMinute: rule.toMinute,
      })),
    );
    return id;
  }

  /** Time profiles by rising id. */
  async timeProfiles(tx: Tx, page: Page): Promise<Connection<TimeProfile>> {
    return pageById(tx.createQueryBuilder(TimeProfile, 'row'), page);
  }
}
