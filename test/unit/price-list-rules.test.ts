import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clockLeads } from '../../src/catalog/clock-lead.js';
import { convert } from '../../src/catalog/convert.js';
import { closedBy, inheritanceChain, rateFault } from '../../src/catalog/rate-rules.js';
import { localMs, minuteOfWeek, weekdayMask, weekTable } from '../../src/catalog/week.js';
import { refusal } from '../fixtures/refusal.js';

describe('a chain of price lists', () => {
  it('runs from the root down to the list', () => {
    const parents = new Map([
      [1, null],
      [2, 1],
      [3, 2],
      [4, 1],
    ]);
    expect(inheritanceChain(parents, 3)).toEqual([1, 2, 3]);
    expect(inheritanceChain(parents, 1)).toEqual([1]);
  });

  it('may be of any length and is refused when it runs in a circle', () => {
    const circle = new Map([
      [1, 3],
      [2, 1],
      [3, 2],
    ]);
    expect(refusal(() => inheritanceChain(circle, 3))).toBe('PRICE_LIST_CYCLE');
    const long = new Map(Array.from({ length: 700 }, (_, i) => [i + 1, i === 0 ? null : i]));
    expect(inheritanceChain(long, 700)).toEqual([...long.keys()]);
  });
});

describe('versions of a rate', () => {
  const version = (id: number, validFrom: number, validTo: number | null) => ({
    id,
    validFrom,
    validTo,
  });

  it('closes an open one that began before', () => {
    expect(closedBy([version(1, 0, 10), version(2, 10, null)], 20, null)?.id).toBe(2);
    expect(closedBy([version(1, 0, 10)], 10, null)).toBeNull();
    expect(closedBy([version(1, 30, null)], 10, 30)).toBeNull();
  });

  it('refuses what cannot be told apart from a mistake', () => {
    expect(refusal(() => closedBy([version(1, 10, null)], 10, null))).toBe('RATE_OVERLAPS');
    expect(refusal(() => closedBy([version(1, 20, null)], 10, null))).toBe('RATE_OVERLAPS');
    expect(refusal(() => closedBy([version(1, 0, 15)], 10, null))).toBe('RATE_OVERLAPS');
  });
});

describe('numbers of a rate', () => {
  const sound = {
    kind: 'ABSOLUTE',
    price: '0.1',
    connectionFee: '0',
    rateUnit: 60,
    firstIncrement: 0,
    nextIncrement: 1,
    minimum: 0,
    grace: 0,
  } as const;

  it('are taken at their bounds and refused beyond, naming the field', () => {
    expect(rateFault(sound)).toBeNull();
    expect(rateFault({ ...sound, price: '9999999999.99999999' })).toBeNull();
    expect(rateFault({ ...sound, kind: 'PERCENT', price: '-99.99999999' })).toBeNull();
    expect(rateFault({ ...sound, kind: 'DIFFERENCE', firstIncrement: 1 })).toBeNull();
    const beyond = [
      { price: '10000000000' },
      { kind: 'PERCENT', price: '-100' },
      { kind: 'PERCENT', connectionFee: '1' },
      { connectionFee: '-0.1' },
      { rateUnit: 0 },
      { firstIncrement: -1 },
      { nextIncrement: 1.5 },
      { minimum: 1_073_741_825 },
      { grace: Number.NaN },
      { kind: 'PERCENT', firstIncrement: 60 },
      { kind: 'PERCENT', nextIncrement: 60 },
      { kind: 'DIFFERENCE', minimum: 1 },
      { kind: 'DIFFERENCE', grace: 1 },
    ] as const;
    expect(beyond.map((given) => rateFault({ ...sound, ...given })?.field)).toEqual([
      'price',
      'price',
      'connectionFee',
      'connectionFee',
      'rateUnit',
      'firstIncrement',
      'nextIncrement',
      'minimum',
      'grace',
      'firstIncrement',
      'nextIncrement',
      'minimum',
      'grace',
    ]);
  });

  it('say both ends of what a number of units may be', () => {
    const message = 'is a whole number from 0 to 1073741824';
    for (const minimum of [-1, 1_073_741_825]) {
      expect(rateFault({ ...sound, minimum })).toEqual({ field: 'minimum', message });
    }
  });
});

describe('the minute of the week', () => {
  it('counts from Monday on the clock of the zone', () => {
    const monday = Date.parse('2026-06-01T00:00:00Z');
    expect(minuteOfWeek(localMs('UTC', monday))).toBe(0);
    expect(minuteOfWeek(localMs('UTC', monday - 1))).toBe(7 * 1_440 - 1);
    expect(minuteOfWeek(localMs('Europe/Berlin', monday))).toBe(120);
    expect(minuteOfWeek(localMs('America/New_York', monday))).toBe(6 * 1_440 + 20 * 60);
  });

  it('follows the clock over a change to winter time', () => {
    // Berlin, 2026-10-25: 00:59:59Z is 02:59 summer time, 01:00Z is 02:00 winter time.
    const change = Date.parse('2026-10-25T01:00:00Z');
    const sunday = 6 * 1_440;
    expect(minuteOfWeek(localMs('Europe/Berlin', change - 1_000))).toBe(sunday + 179);
    expect(minuteOfWeek(localMs('Europe/Berlin', change))).toBe(sunday + 120);
  });

  it('may be ahead of that of another zone by more or less, as either changes its clock', () => {
    const now = Date.parse('2026-06-01T00:00:00Z');
    // Clocks change in New York two or three weeks before and one behind Berlin, in Kolkata never.
    expect(clockLeads(['Europe/Berlin'], ['America/New_York'], now)).toEqual([-360, -300]);
    expect(clockLeads(['Asia/Kolkata', 'UTC'], ['UTC'], now)).toEqual([-330, 0]);
    for (const at of [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59Z')]) {
      expect(clockLeads(['UTC'], ['Europe/Berlin'], at)).toEqual([60, 120]);
    }
  });

  it('agrees with the calendar for any instant', () => {
    fc.assert(
      fc.property(fc.integer({ min: -4e12, max: 4e12 }), (at) => {
        const date = new Date(at);
        const weekday = (date.getUTCDay() + 6) % 7;
        const minute = date.getUTCHours() * 60 + date.getUTCMinutes();
        expect(minuteOfWeek(at)).toBe(weekday * 1_440 + minute);
      }),
    );
  });

  it('belongs to the band whose rule covers it, or to none', () => {
    const week = weekTable([
      { bandId: 7, weekdays: weekdayMask(['MONDAY', 'SUNDAY']), fromMinute: 60, toMinute: 120 },
    ]);
    expect([week[59], week[60], week[119], week[120]]).toEqual([0, 7, 7, 0]);
    expect(week[6 * 1_440 + 60]).toBe(7);
    expect(week.filter((band) => band === 7)).toHaveLength(120);
  });
});

describe('conversion', () => {
  const at = new Date('2026-06-01T00:00:00Z');
  const rates = [
    { baseCurrency: 'EUR', quoteCurrency: 'USD', rate: '1.1', validFrom: new Date(0) },
    { baseCurrency: 'USD', quoteCurrency: 'EUR', rate: '0.8', validFrom: new Date(1) },
    { baseCurrency: 'EUR', quoteCurrency: 'USD', rate: '1.3', validFrom: new Date(1) },
    { baseCurrency: 'EUR', quoteCurrency: 'USD', rate: '9', validFrom: new Date(at.getTime() + 1) },
  ];

  it('takes the newest rate, and of two from one instant the one quoted as asked', () => {
    expect(convert('1', 'EUR', 'USD', at, rates)).toEqual({ amount: '1.3', rate: rates[2] });
    expect(convert('1', 'USD', 'EUR', at, rates)).toEqual({ amount: '0.8', rate: rates[1] });
    expect(convert('1', 'EUR', 'USD', new Date(0), rates).amount).toBe('1.1');
    expect(refusal(() => convert('1', 'EUR', 'CHF', at, rates))).toBe('EXCHANGE_RATE_MISSING');
  });

  it('rounds once, half to even at 8 decimals, whatever the amount', () => {
    const Exact = Decimal.clone({ precision: 100, rounding: Decimal.ROUND_HALF_EVEN });
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n }),
        fc.bigInt({ min: 1n, max: 10n ** 19n }),
        (units, rateUnits) => {
          const amount = new Exact(units.toString()).div(1e8).toFixed();
          const rate = new Exact(rateUnits.toString()).div(1e10).toFixed();
          const one = { baseCurrency: 'A', quoteCurrency: 'B', rate, validFrom: new Date(0) };
          expect(convert(amount, 'A', 'B', at, [one]).amount).toBe(
            new Exact(amount).mul(rate).toDecimalPlaces(8).toFixed(),
          );
        },
      ),
    );
    const tie = [{ baseCurrency: 'A', quoteCurrency: 'B', rate: '0.5', validFrom: new Date(0) }];
    expect(convert('0.00000001', 'A', 'B', at, tie).amount).toBe('0');
    expect(convert('0.00000003', 'A', 'B', at, tie).amount).toBe('0.00000002');
  });
});
