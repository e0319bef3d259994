import type { Tx } from '../platform/index.js';
import { knownSql } from './moment.store.js';
import { type BandRule, holidayTable, minuteOfWeek, weekTable } from './week.js';

const DAY_MINUTES = 1_440;

/**
 * The band of a profile that a clock shows, 0 for none or without profile; `localMs` is what the
 * clock shows as if it were UTC. On a day of the profile's calendar its rules for holidays hold.
 */
export async function bandAt(
  tx: Tx,
  profileId: number | null,
  localMs: number,
  asKnownAt: Date | null,
): Promise<number> {
  if (profileId === null) return 0;
  const rules = await rulesOf(tx, profileId);
  const minute = minuteOfWeek(localMs);
  const holiday = holidayTable(rules);
  if (holiday !== null && (await isHoliday(tx, profileId, localMs, asKnownAt))) {
    return holiday[minute % DAY_MINUTES] ?? 0;
  }
  return weekTable(rules)[minute] ?? 0;
}

/** The rules of a profile. */
export async function rulesOf(tx: Tx, profileId: number): Promise<BandRule[]> {
  return tx.query<BandRule[]>(
    `SELECT b.id AS "bandId", r.weekdays, r.from_minute AS "fromMinute", r.to_minute AS "toMinute"
     FROM time_band b JOIN time_band_rule r ON r.time_band_id = b.id
     WHERE b.time_profile_id = $1`,
    [profileId],
  );
}

async function isHoliday(
  tx: Tx,
  profileId: number,
  localMs: number,
  asKnownAt: Date | null,
): Promise<boolean> {
  const rows = await tx.query<unknown[]>(
    `SELECT 1 FROM holiday h JOIN time_profile p ON p.holiday_calendar_id = h.calendar_id
     WHERE p.id = $1 AND h.on_date = $2::date AND ${knownSql('h', '$3')}`,
    [profileId, new Date(localMs).toISOString().slice(0, 10), asKnownAt],
  );
  return rows.length > 0;
}
