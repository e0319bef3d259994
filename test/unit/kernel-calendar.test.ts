import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import {
  addDays,
  addMonths,
  assertTimeZone,
  type BillingCycle,
  civilDate,
  cycleContaining,
  cycleNumber,
  cyclesOverlapping,
  type DomainError,
  dayPeriod,
  daysBetween,
  epochDayFromIso,
  isoFromEpochDay,
  isPartition,
  isTimeZone,
  monthPeriod,
  nextMonth,
  startOfDay,
  wallClockToUtc,
} from '../../src/kernel/index.js';

const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'UTC',
  'America/St_Johns',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Africa/Casablanca',
];
const anyZone = fc.constantFrom(...zones);
const from = Date.UTC(2006, 0, 1);
const to = Date.UTC(2027, 0, 1);
const anyInstant = fc.integer({ min: from, max: to });
const HOUR = 3_600_000;

const refusing = (code: string) => expect.objectContaining({ code }) as DomainError;

describe('time zones', () => {
  it('are names of the IANA database', () => {
    for (const zone of [...zones, 'Etc/GMT+5', 'Asia/Calcutta', 'GMT', 'America/Port-au-Prince']) {
      expect(() => assertTimeZone(zone), zone).not.toThrow();
    }
    for (const zone of [
      '',
      'Berlin',
      'Europe/Berlim',
      '+02:00',
      '-0530',
      'UTC+2',
      ' UTC',
      '../x',
    ]) {
      expect(() => assertTimeZone(zone), zone).toThrow(refusing('INVALID_TIME_ZONE'));
      expect(isTimeZone(zone)).toBe(false);
    }
    expect(() => startOfDay('Mars/Base', '2026-01-01')).toThrow(refusing('INVALID_TIME_ZONE'));
    expect(() => civilDate('+01:00', 0)).toThrow(refusing('INVALID_TIME_ZONE'));
  });
});

describe('civil dates', () => {
  it.each([
    ['1970-01-01', 0],
    ['1969-12-31', -1],
    ['2000-02-29', 11016],
    ['2026-11-21', 20778],
    ['0000-01-01', -719528],
    ['9999-12-31', 2932896],
  ])('%s is day %d', (iso, day) => {
    expect(epochDayFromIso(iso)).toBe(day);
    expect(isoFromEpochDay(day)).toBe(iso);
  });

  it.each([
    '2023-02-29',
    '2023-02-30',
    '2023-04-31',
    '2023-13-01',
    '2023-00-10',
    '2023-01-00',
    '2023-1-1',
    '20230101',
    '',
    '2023-01-01T00:00',
    ' 2023-01-01',
    '+02023-01-01',
    '1900-02-29',
  ])('%j is not a day', (iso) => {
    expect(() => epochDayFromIso(iso)).toThrow(refusing('INVALID_DATE'));
    expect(() => startOfDay('UTC', iso)).toThrow(refusing('INVALID_DATE'));
  });

  it('stay within the years 0 to 9999', () => {
    for (const day of [2932897, -719529, 1.5, Number.NaN, 1e12]) {
      expect(() => isoFromEpochDay(day)).toThrow(refusing('INVALID_DATE'));
    }
  });

  it('count as Temporal counts', () => {
    const day = fc.integer({ min: -719528, max: 2932896 });
    fc.assert(
      fc.property(day, day, (a, b) => {
        const first = Temporal.PlainDate.from('1970-01-01').add({ days: a });
        const second = Temporal.PlainDate.from('1970-01-01').add({ days: b });
        expect(isoFromEpochDay(a)).toBe(first.toString());
        expect(daysBetween(first.toString(), second.toString())).toBe(first.until(second).days);
        expect(addDays(first.toString(), b - a)).toBe(second.toString());
      }),
    );
  });

  it('count months over years', () => {
    expect(nextMonth('2026-12')).toBe('2027-01');
    expect(addMonths('2026-01', -1)).toBe('2025-12');
    expect(addMonths('2026-11', 26)).toBe('2029-01');
    for (const month of ['2026-13', '2026-00', '2026-1', '2026-01-01', '9999-12']) {
      expect(() => nextMonth(month)).toThrow(refusing('INVALID_DATE'));
    }
  });
});

describe('days and months of a zone', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00Z', 23],
    ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00Z', 25],
    ['America/New_York', '2026-03-08', '2026-03-08T05:00:00Z', 23],
    ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00Z', 24.5],
    ['Asia/Kathmandu', '2026-06-01', '2026-05-31T18:15:00Z', 24],
    // Midnight did not exist: the day began at one o'clock.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00Z', 23],
    ['UTC', '2026-01-01', '2026-01-01T00:00:00Z', 24],
  ])('in %s %s begins at %s and is %d hours long', (zone, iso, start, hours) => {
    const day = dayPeriod(zone, iso);
    expect(new Date(day.from).toISOString().replace('.000', '')).toBe(start);
    expect(((day.to ?? 0) - day.from) / HOUR).toBe(hours);
  });

  it('gives a skipped date no time at all', () => {
    const day = dayPeriod('Pacific/Apia', '2011-12-30');
    expect(day.to).toBe(day.from);
    expect(civilDate('Pacific/Apia', day.from)).toBe('2011-12-31');
    expect(civilDate('Pacific/Apia', day.from - 1)).toBe('2011-12-29');
  });

  it('measures a month by its clock changes', () => {
    const march = monthPeriod('Europe/Berlin', '2026-03');
    expect(march).toEqual({
      from: Date.UTC(2026, 1, 28, 23),
      to: Date.UTC(2026, 2, 31, 22),
    });
    const months = ['2026-01', '2026-02', '2026-03', '2026-04', '2026-05', '2026-06'];
    const half = { from: monthPeriod('America/New_York', '2026-01').from };
    expect(
      isPartition(
        { ...half, to: monthPeriod('America/New_York', '2026-06').to },
        months.map((month) => monthPeriod('America/New_York', month)),
      ),
    ).toBe(true);
  });

  it('shows the civil date that Temporal and the platform show', () => {
    fc.assert(
      fc.property(anyZone, anyInstant, (zone, at) => {
        const clock = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
        const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: zone }).format(at);
        expect(civilDate(zone, at)).toBe(clock.toPlainDate().toString());
        expect(civilDate(zone, at)).toBe(shown);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses an instant that no calendar reaches', () => {
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, 9e15, 0.5]) {
      expect(() => civilDate('UTC', at)).toThrow(refusing('INVALID_DATE'));
    }
  });
});

describe('wallClockToUtc', () => {
  const berlin = (h: number, mi: number, day: number, month: number, how?: 'earlier' | 'later') =>
    new Date(wallClockToUtc('Europe/Berlin', 2026, month, day, h, mi, 0, how)).toISOString();

  it('reads a skipped time forward unless told otherwise', () => {
    expect(berlin(2, 30, 29, 3)).toBe('2026-03-29T01:30:00.000Z');
    expect(berlin(2, 30, 29, 3, 'later')).toBe('2026-03-29T01:30:00.000Z');
    expect(berlin(2, 30, 29, 3, 'earlier')).toBe('2026-03-29T00:30:00.000Z');
  });

  it('reads a repeated time as the earlier unless told otherwise', () => {
    expect(berlin(2, 30, 25, 10)).toBe('2026-10-25T00:30:00.000Z');
    expect(berlin(2, 30, 25, 10, 'earlier')).toBe('2026-10-25T00:30:00.000Z');
    expect(berlin(2, 30, 25, 10, 'later')).toBe('2026-10-25T01:30:00.000Z');
  });

  it('rejects both when asked, and nothing else', () => {
    const strict = (month: number, day: number, hour: number) =>
      wallClockToUtc('Europe/Berlin', 2026, month, day, hour, 30, 0, 'reject');
    expect(() => strict(3, 29, 2)).toThrow(refusing('AMBIGUOUS_TIME'));
    expect(() => strict(10, 25, 2)).toThrow(refusing('AMBIGUOUS_TIME'));
    expect(strict(3, 29, 3)).toBe(Date.UTC(2026, 2, 29, 1, 30));
    expect(strict(10, 25, 3)).toBe(Date.UTC(2026, 9, 25, 2, 30));
  });

  it('refuses a time that no clock shows', () => {
    for (const [mo, d, h, mi, s] of [
      [2, 30, 0, 0, 0],
      [13, 1, 0, 0, 0],
      [0, 1, 0, 0, 0],
      [1, 1, 24, 0, 0],
      [1, 1, 0, 60, 0],
      [1, 1, 0, 0, 60],
      [1, 1, -1, 0, 0],
      [1, 1.5, 0, 0, 0],
      [1, Number.NaN, 0, 0, 0],
    ] as [number, number, number, number, number][]) {
      expect(() => wallClockToUtc('UTC', 2026, mo, d, h, mi, s)).toThrow(refusing('INVALID_DATE'));
    }
    expect(() => wallClockToUtc('UTC', 10000, 1, 1, 0, 0, 0)).toThrow(refusing('INVALID_DATE'));
  });
});

describe('billing cycles', () => {
  const monthly = (anchorOn: string, count = 1): BillingCycle => ({
    unit: 'MONTH',
    count,
    anchorOn,
  });

  it('start on the last day of a month too short for the anchor', () => {
    const starts = [0, 1, 2, 3, 13, -1, -2].map(
      (number) => cycleNumber('Europe/Berlin', monthly('2027-01-31'), number).fromOn,
    );
    expect(starts).toEqual([
      '2027-01-31',
      '2027-02-28',
      '2027-03-31',
      '2027-04-30',
      '2028-02-29',
      '2026-12-31',
      '2026-11-30',
    ]);
  });

  it('name the cycle that holds an instant', () => {
    const found = cycleContaining(
      'Europe/Berlin',
      monthly('2026-01-15', 3),
      Date.UTC(2026, 6, 14, 21, 59),
    );
    expect(found).toEqual({
      from: Date.UTC(2026, 3, 14, 22),
      to: Date.UTC(2026, 6, 14, 22),
      fromOn: '2026-04-15',
      toOn: '2026-07-15',
      number: 1,
    });
    const later = cycleContaining('Europe/Berlin', monthly('2026-01-15', 3), found.to);
    expect(later.number).toBe(2);
  });

  it('follow the instants where a clock set back over midnight repeats a date', () => {
    // On 2010-11-07 at 00:01 clocks in St John's went back to 23:01 of the day before.
    const zone = 'America/St_Johns';
    const daily: BillingCycle = { unit: 'DAY', count: 1, anchorOn: '2010-01-01' };
    const again = Date.UTC(2010, 10, 7, 2, 45);
    expect(civilDate(zone, again)).toBe('2010-11-06');
    const found = cycleContaining(zone, daily, again);
    expect(found.fromOn).toBe('2010-11-07');
    expect(found.from).toBeLessThanOrEqual(again);
    expect(found.to).toBeGreaterThan(again);
  });

  it('leave out a day that a zone skipped, and what only touches the span', () => {
    const daily: BillingCycle = { unit: 'DAY', count: 1, anchorOn: '2011-01-01' };
    const first = startOfDay('Pacific/Apia', '2011-12-29');
    const end = startOfDay('Pacific/Apia', '2012-01-01');
    const list = cyclesOverlapping('Pacific/Apia', daily, first, end);
    expect(list.map((day) => [day.fromOn, (day.to - day.from) / HOUR])).toEqual([
      ['2011-12-29', 24],
      ['2011-12-31', 24],
    ]);
  });

  it('refuse what is not a cycle', () => {
    for (const count of [0, -1, 1.5, Number.NaN, 1e9]) {
      expect(() => cycleContaining('UTC', monthly('2026-01-01', count), 0)).toThrow(
        refusing('INVALID_CYCLE'),
      );
    }
    expect(() => cycleNumber('UTC', monthly('2026-02-30'), 0)).toThrow(refusing('INVALID_DATE'));
  });

  const anchors = fc.integer({ min: 13000, max: 21000 }).map(isoFromEpochDay);
  const cycles = fc.record({
    unit: fc.constantFrom('DAY' as const, 'WEEK' as const, 'MONTH' as const),
    count: fc.integer({ min: 1, max: 14 }),
    anchorOn: anchors,
  });

  it('partition time: every instant lies in exactly the cycle found for it', () => {
    fc.assert(
      fc.property(anyZone, cycles, anyInstant, (zone, cycle, at) => {
        const found = cycleContaining(zone, cycle, at);
        expect(found.from).toBeLessThanOrEqual(at);
        expect(found.to).toBeGreaterThan(at);
        expect(cycleNumber(zone, cycle, found.number)).toEqual(found);
        expect(cycleContaining(zone, cycle, found.to - 1).number).toBe(found.number);
        expect(cycleContaining(zone, cycle, found.to).from).toBe(found.to);
      }),
      { numRuns: 500 },
    );
  });

  it('partition any span, through the date that Samoa skipped', () => {
    const near = fc.integer({ min: Date.UTC(2011, 11, 1), max: Date.UTC(2012, 0, 20) });
    fc.assert(
      fc.property(anyZone, cycles, fc.oneof(anyInstant, near), (zone, cycle, start) => {
        const end = start + 40 * 24 * HOUR;
        const list = cyclesOverlapping(zone, cycle, start, end);
        const first = list[0];
        const last = list[list.length - 1];
        expect(first && first.from <= start && first.to > start).toBe(true);
        expect(last && last.from < end && last.to >= end).toBe(true);
        if (first && last) expect(isPartition({ from: first.from, to: last.to }, list)).toBe(true);
      }),
      { numRuns: 200 },
    );
    expect(cyclesOverlapping('UTC', monthly('2026-01-01'), 5, 5)).toEqual([]);
  });
});
