import type { Tx } from '../../src/platform/index.js';
import { dialCountries } from './country-codes.js';
import { buildDestinations, type ReferenceDestination } from './destinations.js';
import { holidayCalendars } from './holidays.js';
import { readCarriers } from './numbering-plan.js';
import { timeProfiles } from './time-profiles.js';

/** Every destination of the reference data. */
export function referenceDestinations(): ReferenceDestination[] {
  return buildDestinations(dialCountries, readCarriers());
}

/**
 * Writes destinations, holidays and time profiles that are not there yet; what is there stays.
 * Thirty thousand prefixes go in two statements and not through `createDestination`, which takes
 * one destination at a time. Answers how many destinations were added.
 */
export async function loadReference(
  tx: Tx,
  destinations: readonly ReferenceDestination[],
): Promise<number> {
  const added: { id: number; name: string }[] = await tx.query(
    `INSERT INTO destination (name, country, kind)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
     ON CONFLICT (name) DO NOTHING RETURNING id, name`,
    [
      destinations.map(({ name }) => name),
      destinations.map(({ country }) => country),
      destinations.map(({ kind }) => kind),
    ],
  );
  const ids = new Map(added.map(({ id, name }) => [name, id]));
  const prefixes = destinations.flatMap(({ name, prefixes: own }) => {
    const id = ids.get(name);
    return id === undefined ? [] : own.map((prefix) => ({ id, prefix }));
  });
  await tx.query(
    `INSERT INTO destination_prefix (destination_id, prefix)
     SELECT * FROM unnest($1::int[], $2::text[]) ON CONFLICT (prefix) DO NOTHING`,
    [prefixes.map(({ id }) => id), prefixes.map(({ prefix }) => prefix)],
  );
  for (const calendar of holidayCalendars) await loadHolidays(tx, calendar);
  for (const profile of timeProfiles) await loadTimeProfile(tx, profile);
  return added.length;
}

async function loadHolidays(tx: Tx, calendar: (typeof holidayCalendars)[number]): Promise<void> {
  const { name, days } = calendar;
  await tx.query('INSERT INTO holiday_calendar (name) VALUES ($1) ON CONFLICT (name) DO NOTHING', [
    name,
  ]);
  await tx.query(
    `INSERT INTO holiday (calendar_id, on_date, name, source)
     SELECT c.id, d.* FROM holiday_calendar c,
       unnest($2::date[], $3::text[], $4::text[]) AS d (on_date, name, source)
     WHERE c.name = $1
     ON CONFLICT (calendar_id, on_date) WHERE superseded_at IS NULL DO NOTHING`,
    [
      name,
      days.map(({ onDate }) => onDate),
      days.map((day) => day.name),
      days.map(({ source }) => source),
    ],
  );
}

async function loadTimeProfile(tx: Tx, profile: (typeof timeProfiles)[number]): Promise<void> {
  const [made]: { id: number }[] = await tx.query(
    `INSERT INTO time_profile (name, holiday_calendar_id)
     VALUES ($1, (SELECT id FROM holiday_calendar WHERE name = $2))
     ON CONFLICT (name) DO NOTHING RETURNING id`,
    [profile.name, profile.holidays],
  );
  if (made === undefined) return;
  for (const band of profile.bands) {
    const [{ id }]: [{ id: number }] = await tx.query(
      'INSERT INTO time_band (time_profile_id, name) VALUES ($1, $2) RETURNING id',
      [made.id, band.name],
    );
    for (const { weekdays, fromMinute, toMinute } of band.rules) {
      await tx.query(
        `INSERT INTO time_band_rule (time_band_id, weekdays, from_minute, to_minute)
         VALUES ($1, $2, $3, $4)`,
        [id, weekdays, fromMinute, toMinute],
      );
    }
  }
}
