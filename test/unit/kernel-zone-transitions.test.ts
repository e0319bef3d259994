import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import {
  type DomainError,
  localSeconds,
  localToUtc,
  transitionIndex,
  wallClockToUtc,
  type ZoneTransitions,
  zoneTransitions,
} from '../../src/kernel/index.js';

const fromMs = Date.UTC(2010, 0, 1);
const toMs = Date.UTC(2022, 0, 1);
const DAY = 86_400;
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
  'Antarctica/Troll',
];
const tables = new Map<string, ZoneTransitions>();

// Within a test, where a fault that is planted into it is seen.
function tableOf(zone: string): ZoneTransitions {
  const table = tables.get(zone) ?? zoneTransitions(zone, fromMs, toMs);
  tables.set(zone, table);
  return table;
}

function offsetByTemporal(zone: string, utcSeconds: number): number {
  const instant = Temporal.Instant.fromEpochMilliseconds(utcSeconds * 1000);
  return instant.toZonedDateTimeISO(zone).offsetNanoseconds / 1e9;
}

function utcByTemporal(zone: string, local: number): number {
  const shown = new Date(local * 1000);
  return (
    wallClockToUtc(
      zone,
      shown.getUTCFullYear(),
      shown.getUTCMonth() + 1,
      shown.getUTCDate(),
      shown.getUTCHours(),
      shown.getUTCMinutes(),
      shown.getUTCSeconds(),
    ) / 1000
  );
}

/** Any second of the span, half of them within three hours of a clock change of the zone. */
const zoneAndSecond = fc.constantFrom(...zones).chain((zone) => {
  const changes = [...tableOf(zone).atSeconds];
  const anywhere = fc.integer({ min: fromMs / 1000 + 2 * DAY, max: toMs / 1000 - 2 * DAY });
  const near = fc
    .tuple(fc.constantFrom(...changes.slice(1), changes[0] ?? 0), fc.integer({ min: -3, max: 3 }))
    .chain(([at, hours]) => fc.constantFrom(-1, 0, 1, 1799, 1800).map((s) => at + hours * 3600 + s))
    .filter((second) => second > fromMs / 1000 + DAY && second < toMs / 1000 - DAY);
  const sound = changes.length > 1 ? fc.oneof(anywhere, near) : anywhere;
  return sound.map((second): [string, number] => [zone, second]);
});

describe('zoneTransitions', () => {
  it('lists the clock changes of a year', () => {
    const table = zoneTransitions('Europe/Berlin', Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1));
    expect([...table.atSeconds]).toEqual(
      [Date.UTC(2026, 0, 1), Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1)].map(
        (ms) => ms / 1000,
      ),
    );
    expect([...table.offsetSeconds]).toEqual([3600, 7200, 3600]);
    expect(table.untilSeconds).toBe(Date.UTC(2027, 0, 1) / 1000);
  });

  it('goes on to where clocks that were put back have caught up', () => {
    const from = Date.UTC(2026, 9, 23);
    for (const minutes of [0, 1, 59, 60, 61]) {
      const end = Date.UTC(2026, 9, 25, 1, minutes);
      const table = zoneTransitions('Europe/Berlin', from, end);
      expect(table.untilSeconds).toBeGreaterThanOrEqual(end / 1000);
      expect(localSeconds(table, end / 1000 - 1)).toBe(
        end / 1000 - 1 + (minutes > 0 ? 3600 : 7200),
      );
    }
  });

  it('has a single entry where clocks never change', () => {
    expect([...tableOf('UTC').offsetSeconds]).toEqual([0]);
    expect([...tableOf('Asia/Kathmandu').offsetSeconds]).toEqual([20_700]);
  });

  it('takes a change at its very start as in force and leaves one at its end out', () => {
    const spring = Date.UTC(2026, 2, 29, 1);
    const autumn = Date.UTC(2026, 9, 25, 1);
    const table = zoneTransitions('Europe/Berlin', spring, autumn);
    expect([...table.offsetSeconds]).toEqual([7200]);
    expect([...table.atSeconds]).toEqual([spring / 1000]);
  });

  it('refuses an empty span and an unknown zone', () => {
    const code = (name: string) => expect.objectContaining({ code: name }) as DomainError;
    expect(() => zoneTransitions('UTC', 1000, 1000)).toThrow(code('INVALID_PERIOD'));
    expect(() => zoneTransitions('UTC', Number.NaN, 1000)).toThrow(code('INVALID_PERIOD'));
    expect(() => zoneTransitions('+01:00', 0, 1000)).toThrow(code('INVALID_TIME_ZONE'));
  });
});

describe('localSeconds', () => {
  it('shows what the clocks of Temporal show, near every change and between', () => {
    fc.assert(
      fc.property(zoneAndSecond, ([zone, second]) => {
        expect(localSeconds(tableOf(zone), second)).toBe(second + offsetByTemporal(zone, second));
      }),
      { numRuns: 3000 },
    );
  });

  it('is NaN outside of the table', () => {
    const table = tableOf('Europe/Berlin');
    expect(localSeconds(table, fromMs / 1000 - 1)).toBeNaN();
    expect(localSeconds(table, toMs / 1000)).toBeNaN();
    expect(localSeconds(table, Number.NaN)).toBeNaN();
    expect(localSeconds(table, toMs / 1000 - 1)).toBe(toMs / 1000 - 1 + 3600);
    expect(localSeconds(table, fromMs / 1000)).toBe(fromMs / 1000 + 3600);
  });
});

describe('transitionIndex', () => {
  it('finds the same entry whatever the hint', () => {
    fc.assert(
      fc.property(zoneAndSecond, fc.integer({ min: -1, max: 60 }), ([zone, second], hint) => {
        const table = tableOf(zone);
        const index = transitionIndex(table, second, hint);
        expect(table.atSeconds[index]).toBeLessThanOrEqual(second);
        expect(table.atSeconds[index + 1] ?? table.untilSeconds).toBeGreaterThan(second);
        expect(transitionIndex(table, second)).toBe(index);
      }),
      { numRuns: 2000 },
    );
    expect(transitionIndex(tableOf('UTC'), fromMs / 1000 - 1)).toBe(-1);
  });
});

describe('localToUtc', () => {
  const utc = (...fields: [number, number, number, number, number]) => Date.UTC(...fields) / 1000;

  it('reads a skipped time forward and a repeated one as the earlier', () => {
    const berlin = tableOf('Europe/Berlin');
    expect(localToUtc(berlin, utc(2020, 2, 29, 2, 30))).toBe(utc(2020, 2, 29, 1, 30));
    expect(localToUtc(berlin, utc(2020, 2, 29, 2, 0))).toBe(utc(2020, 2, 29, 1, 0));
    expect(localToUtc(berlin, utc(2020, 2, 29, 3, 0))).toBe(utc(2020, 2, 29, 1, 0));
    expect(localToUtc(berlin, utc(2020, 9, 25, 2, 30))).toBe(utc(2020, 9, 25, 0, 30));
    expect(localToUtc(berlin, utc(2020, 9, 25, 3, 0))).toBe(utc(2020, 9, 25, 2, 0));
  });

  it('agrees with Temporal over twelve years, near every change and between', () => {
    fc.assert(
      fc.property(zoneAndSecond, ([zone, second]) => {
        // The second is taken as local time; shifting by the offset aims at the change itself.
        const local = second + offsetByTemporal(zone, second);
        for (const shown of [second, local]) {
          expect(localToUtc(tableOf(zone), shown)).toBe(utcByTemporal(zone, shown));
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('agrees with Temporal on every quarter of an hour around every change', () => {
    for (const zone of zones) {
      const table = tableOf(zone);
      for (const [i, at] of [...table.atSeconds].entries()) {
        if (i === 0) continue;
        for (let step = -12; step <= 12; step += 1) {
          const local = at + (table.offsetSeconds[i] ?? 0) + step * 900;
          expect(localToUtc(table, local), `${zone} ${local}`).toBe(utcByTemporal(zone, local));
        }
      }
    }
  });

  it('is NaN for local times that lie outside of the table', () => {
    const last = toMs / 1000 + 3600;
    const berlin = tableOf('Europe/Berlin');
    expect(localToUtc(berlin, fromMs / 1000 + 3600)).toBe(fromMs / 1000);
    expect(localToUtc(berlin, fromMs / 1000 + 3599)).toBeNaN();
    expect(localToUtc(berlin, last - 1)).toBe(toMs / 1000 - 1);
    expect(localToUtc(berlin, last)).toBeNaN();
    expect(localToUtc(berlin, Number.NaN)).toBeNaN();
  });
});
