/** What the wall clock and calendar of a zone show. */
export interface CivilTime {
  readonly zone: string;
  /** YYYY-MM-DD. */
  readonly day: string;
  /** HH:MM:SS. */
  readonly time: string;
  /** Monday is 0. */
  readonly weekday: number;
  readonly minuteOfDay: number;
  /** Of the zone's clock against UTC at the instant, such as +02:00. */
  readonly offset: string;
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Reads the clock of a zone at an instant by the calendar of the platform, not by our tables. */
export function civilTime(zone: string, atMs: number): CivilTime {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    weekday: 'short',
    timeZoneName: 'longOffset',
  });
  const parts = Object.fromEntries(
    format.formatToParts(new Date(atMs)).map(({ type, value }) => [type, value]),
  ) as Record<string, string>;
  const { year, month, day, hour, minute, second, weekday, timeZoneName } = parts;
  return {
    zone,
    day: `${year}-${month}-${day}`,
    time: `${hour}:${minute}:${second}`,
    weekday: WEEKDAYS.indexOf(weekday as string),
    minuteOfDay: Number(hour) * 60 + Number(minute),
    offset: timeZoneName === 'GMT' ? '+00:00' : (timeZoneName as string).slice(3),
  };
}
