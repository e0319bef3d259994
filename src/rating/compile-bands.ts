import type { Bands, BookFacts } from './book.js';
import { shared } from './prefix-tree.js';

type Profile = BookFacts['profiles'][number];

const MINUTES_A_DAY = 1440;
const HOLIDAY_BIT = 7;

/** The bands of each list; lists of one profile share them. */
export function compileBands(facts: BookFacts): (Bands | null)[] {
  const bands = new Map(facts.profiles.map((profile) => [profile.id, bandsOf(profile)]));
  return facts.lists.map(({ timeProfileId }) => bands.get(timeProfileId ?? 0) ?? null);
}

// Where rules overlap the later one holds. Without a rule for holidays they are days like others.
function bandsOf(profile: Profile): Bands {
  const week = shared(Int32Array, 7 * MINUTES_A_DAY);
  const holiday = shared(Int32Array, MINUTES_A_DAY);
  let forHolidays = false;
  for (const { weekdays, bandId, fromMinute, toMinute } of profile.rules) {
    for (let day = 0; day < 7; day += 1) {
      if ((weekdays >> day) % 2 === 0) continue;
      week.fill(bandId, day * MINUTES_A_DAY + fromMinute, day * MINUTES_A_DAY + toMinute);
    }
    if ((weekdays >> HOLIDAY_BIT) % 2 === 0) continue;
    forHolidays = true;
    holiday.fill(bandId, fromMinute, toMinute);
  }
  const { length } = profile.holidays;
  const holidays = shared(Int32Array, length).subarray(0, length);
  holidays.set(profile.holidays);
  return { week, holiday: forHolidays ? holiday : null, holidays };
}
