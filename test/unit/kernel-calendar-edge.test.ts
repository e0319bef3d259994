import { describe, expect, it } from 'vitest';
import {
  addDays,
  addMonths,
  civilDate,
  civilEdge,
  epochDayFromIso,
  isoFromEpochDay,
  isTimeZone,
  wallClockToUtc,
} from '../../src/kernel/calendar.js';
import { DomainError } from '../../src/kernel/errors.js';

/** Code and details of a refusal. */
function refusal(act: () => unknown): [string, unknown] {
  try {
    act();
  } catch (error) {
    if (error instanceof DomainError) return [error.code, error.details];
    throw error;
  }
  throw new Error('nothing was refused');
}

const invalid = (text: string) => ['INVALID_DATE', { text }];

describe('dates of the calendar', () => {
  it.each(['x2026-10-01', '2026-10-01x', '2026-10-01T00:00:00Z', '2026-02-30', '', '12026-10-01'])(
    'are not %j',
    (text) => {
      expect(refusal(() => epochDayFromIso(text))).toEqual(invalid(text));
    },
  );

  it('go from the year 0 to 9999', () => {
    const [first, last] = [epochDayFromIso('0000-01-01'), epochDayFromIso('9999-12-31')];
    expect([first, last]).toEqual([-719_528, 2_932_896]);
    expect([isoFromEpochDay(first), isoFromEpochDay(last)]).toEqual(['0000-01-01', '9999-12-31']);
    for (const day of [first - 1, last + 1, 1e9, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refusal(() => isoFromEpochDay(day))).toEqual(invalid(String(day)));
    }
    expect(refusal(() => addDays('9999-12-31', 1))).toEqual(invalid(String(last + 1)));
  });

  it('name at most 64 characters of what was refused', () => {
    expect(refusal(() => epochDayFromIso('y'.repeat(100)))).toEqual(invalid('y'.repeat(64)));
  });
});

describe('months of the calendar', () => {
  it.each(['x2026-10', '2026-10x', '2026-13', '2026-00', '026-10'])('are not %j', (text) => {
    expect(refusal(() => addMonths(text, 1))).toEqual(invalid(text));
  });

  it('go from the year 0 to 9999', () => {
    expect(addMonths('0000-02', -1)).toBe('0000-01');
    expect(addMonths('9999-11', 1)).toBe('9999-12');
    expect(addMonths('0123-01', 11)).toBe('0123-12');
    expect(refusal(() => addMonths('0000-01', -1))).toEqual(invalid('0000-01'));
    expect(refusal(() => addMonths('9999-12', 1))).toEqual(invalid('9999-12'));
    expect(refusal(() => addMonths('2026-10', 0.5))).toEqual(invalid('2026-10'));
  });
});

describe('time zones', () => {
  it.each(['Europe/Berlin', 'europe/berlin', 'EUROPE/BERLIN', 'UTC', 'Etc/GMT+12'])(
    'are %s',
    (zone) => expect([isTimeZone(zone), isTimeZone(zone)]).toEqual([true, true]),
  );

  // The platform reads BST as Dhaka, and the library of calendars not at all.
  it.each(['+02:00', ' UTC', 'UTC ', 'Europe/Berlin\n', 'Mars/Olympus', '', 'BST', 'IST', 'AET'])(
    'are not %j',
    (zone) => {
      expect(isTimeZone(zone)).toBe(false);
    },
  );

  it('are named in the refusal, up to 64 characters', () => {
    const date = (zone: string) => () => civilDate(zone, 0);
    expect(refusal(date('No/Where'))).toEqual(['INVALID_TIME_ZONE', { zone: 'No/Where' }]);
    const [, details] = refusal(date('z'.repeat(100)));
    expect(details).toEqual({ zone: 'z'.repeat(64) });
  });
});

describe('instants', () => {
  it('are whole milliseconds that a clock can show', () => {
    for (const at of [0.5, Number.NaN, 8.64e15 + 1, -8.64e15 - 1]) {
      expect(refusal(() => civilDate('UTC', at))).toEqual(invalid(String(at)));
    }
    // The last instant has a clock, but its year is none of ours.
    expect(refusal(() => civilDate('UTC', 8.64e15))).toEqual(invalid('100000000'));
  });

  it('of an end for ever lie in the last day of every zone, and of all time in the first', () => {
    const [ever, first] = [Date.parse('9999-12-31T23:59:59.999Z'), Date.parse('0001-01-01')];
    expect(refusal(() => civilDate('Europe/Berlin', ever))).toEqual(invalid('2932897'));
    for (const zone of ['Europe/Berlin', 'UTC', 'Pacific/Kiritimati', 'America/New_York']) {
      expect(civilEdge(zone, ever)).toBe('9999-12-31');
      expect(civilEdge(zone, first)).toBe('0001-01-01');
      expect(civilEdge(zone, ever - 86_400_000)).toBe(civilDate(zone, ever - 86_400_000));
    }
  });

  it('of the wall clock go from the year 0 to 9999', () => {
    const at = (...[year, month, day]: [number, number, number]) =>
      wallClockToUtc('UTC', year, month, day, 0, 0, 0);
    expect(at(0, 1, 1)).toBe(Date.parse('0000-01-01T00:00:00Z'));
    expect(at(9999, 12, 31)).toBe(Date.parse('9999-12-31T00:00:00Z'));
    expect(refusal(() => at(-1, 12, 31))).toEqual(invalid('-1 12 31 0 0 0'));
    expect(refusal(() => at(10_000, 1, 1))).toEqual(invalid('10000 1 1 0 0 0'));
    expect(refusal(() => at(2026, 2, 30))).toEqual(invalid('2026 2 30 0 0 0'));
    expect(refusal(() => at(2026, 1.5, 1))).toEqual(invalid('2026 1.5 1 0 0 0'));
  });

  it('that a clock shows twice are told with the zone and the time', () => {
    const twice = () => wallClockToUtc('Europe/Berlin', 2026, 10, 25, 2, 30, 0, 'reject');
    expect(refusal(twice)).toEqual([
      'AMBIGUOUS_TIME',
      { zone: 'Europe/Berlin', local: '2026-10-25T02:30:00' },
    ]);
  });
});
