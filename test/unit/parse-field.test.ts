import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { type NumberRules, normaliseNumber, zoneTransitions } from '../../src/kernel/index.js';
import type { TimeType } from '../../src/mediation/index.js';
import {
  epochDay,
  NumberReader,
  readDecimal,
  readWhole,
  secondsOfMilliseconds,
  TimeReader,
} from '../../src/mediation/parse-field.js';

const UNREADABLE = -1;
const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

const german: NumberRules = {
  countryCode: '49',
  trunkPrefix: '0',
  internationalPrefixes: ['00'],
};

// The field stands between other bytes, so that reading past either end shows.
function framed(text: string): { view: DataView; from: number; to: number } {
  const field = Buffer.from(text);
  const bytes = Buffer.concat([Buffer.from('7,7'), field, Buffer.from('9Z+7'), Buffer.alloc(28)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { view, from: 3, to: 3 + field.length };
}

interface Reader {
  read(view: DataView, from: number, to: number, into: Float64Array, row: number): boolean;
}

/** What a reader writes for a text; what stands around its place must stay. */
function readBy(reader: Reader, text: string): number {
  const { view, from, to } = framed(text);
  const into = Float64Array.of(-7, -7, -7);
  const readable = reader.read(view, from, to, into, 1);
  expect([into[0], into[2]]).toEqual([-7, -7]);
  return readable ? into[1]! : UNREADABLE;
}

function readNumber(rules: NumberRules, text: string): number {
  return readBy(new NumberReader(rules), text);
}

function numberByKernel(rules: NumberRules, text: string): number {
  const result = normaliseNumber(text, rules);
  if ('digits' in result) return Number(result.digits);
  return result.error === 'EMPTY' || result.error === 'ALPHANUMERIC' ? 0 : UNREADABLE;
}

const anyRules: fc.Arbitrary<NumberRules> = fc.record(
  {
    countryCode: fc.constantFrom('49', '1', '39', '7', '423'),
    trunkPrefix: fc.constantFrom('', '0', '8', '06'),
    internationalPrefixes: fc.constantFrom([], ['00'], ['00', '011'], ['0', '00'], ['8', '810']),
    bare: fc.constantFrom('INTERNATIONAL' as const, 'NATIONAL' as const),
    nationalMin: fc.constantFrom(0, 3, 7),
  },
  { requiredKeys: ['countryCode', 'trunkPrefix', 'internationalPrefixes'] },
);

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 20 });
const anySign = fc.constantFrom(...'0123456789 -./()[]\t+aZ*#"ü٣\u0000\u00a0@`{^_\\|~]:;');
const numberText = fc.oneof(
  digits,
  fc.tuple(fc.constantFrom('+', '00', '0', '011', '810', '+49', ' (0', '++'), digits).map(join),
  fc.array(fc.oneof(digits, fc.constantFrom(...' -./()[]')), { maxLength: 6 }).map(join),
  fc.string({ unit: anySign, maxLength: 24 }),
  fc.string({ unit: fc.constantFrom('1', '0', ' ', 'a', '*'), maxLength: 90 }),
);

function join(parts: readonly string[]): string {
  return parts.join('');
}

describe('numbers from bytes', () => {
  it.each([
    ['030 / 123-456', 4930123456],
    ['+1 (212) 555.0100', 12125550100],
    ['0044 20 7946 0958', 442079460958],
    ['', 0],
    ['anonymous', 0],
    ['00', 0],
    ['0', 0],
    ['+', 0],
    ['*31#', UNREADABLE],
    ['1234567890123456', UNREADABLE],
    ['+0123', UNREADABLE],
    ['49+30', UNREADABLE],
    [`${'1'.repeat(70)}`, UNREADABLE],
    [`${'1'.repeat(70)}x`, 0],
  ])('reads %j as %d', (text, expected) => {
    expect(readNumber(german, text)).toBe(expected);
  });

  it('agrees with the kernel on any text and any rules', () => {
    fc.assert(
      fc.property(anyRules, numberText, (rules, text) => {
        expect(readNumber(rules, text)).toBe(numberByKernel(rules, text));
      }),
      { numRuns: 20_000 },
    );
  });

  it('keeps nothing of the number read before', () => {
    fc.assert(
      fc.property(anyRules, fc.array(numberText, { maxLength: 8 }), (rules, texts) => {
        const reader = new NumberReader(rules);
        const read = texts.map((text) => readBy(reader, text));
        expect(read).toEqual(texts.map((text) => readNumber(rules, text)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('whole numbers from bytes', () => {
  it('agrees with a pattern', () => {
    const text = fc.oneof(digits, fc.string({ unit: anySign, maxLength: 17 }));
    fc.assert(
      fc.property(text, (written) => {
        const expected = /^[0-9]{1,15}$/.test(written) ? Number(written) : UNREADABLE;
        expect(readBy({ read: readWhole }, written)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('counts a started second as a second', () => {
    const seconds = [0, 1, 999, 1000, 1001, 61_000].map(secondsOfMilliseconds);
    expect(seconds).toEqual([0, 1, 1, 1, 2, 61]);
  });
});

const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Africa/Casablanca',
  'America/St_Johns',
  'UTC',
];
const tables = new Map(
  zones.map((zone) => [zone, zoneTransitions(zone, Date.UTC(1990, 0, 1), Date.UTC(2101, 0, 1))]),
);

function timeReader(type: TimeType, zone = 'UTC'): TimeReader {
  return new TimeReader(type, tables.get(zone)!);
}

function readTime(reader: TimeReader, text: string): number {
  return readBy(reader, text);
}

function within(ms: number): number {
  return ms >= EARLIEST && ms < LATEST ? ms : UNREADABLE;
}

const CLOCK = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)$/;

/** The wall clock as if it were UTC, by `Date`, which would carry a 30 February into March. */
function clockByDate(text: string): number {
  const parts = CLOCK.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return Number.NaN;
  const [year, month, day, hour, minute, second] = parts as [number, ...number[]];
  const date = new Date(0);
  date.setUTCFullYear(year, month! - 1, day);
  date.setUTCHours(hour!, minute!, second!);
  const written = `${text.slice(0, 10)}T${text.slice(11)}`;
  return date.toISOString().slice(0, 19) === written ? date.getTime() : Number.NaN;
}

function fractionByNumber(text: string | undefined): number {
  return text === undefined ? 0 : Number(`${text.slice(1)}00`.slice(0, 3));
}

function isoByDate(text: string): number {
  const parts = /^(.{10}[Tt].{8})(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/s.exec(text);
  if (parts === null) return UNREADABLE;
  const [, clock, fraction, sign, hours, minutes] = parts;
  if (Number(hours ?? 0) > 18 || Number(minutes ?? 0) > 59) return UNREADABLE;
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  const local = clockByDate(clock!) + fractionByNumber(fraction);
  return within(sign === '-' ? local + offset : local - offset);
}

function localByTemporal(text: string, zone: string): number {
  const parts = /^(.{19})(\.\d{1,9})?$/s.exec(text);
  if (parts === null) return UNREADABLE;
  const local = clockByDate(parts[1]!);
  if (Number.isNaN(local)) return UNREADABLE;
  const civil = Temporal.PlainDateTime.from(new Date(local).toISOString().slice(0, 19));
  const start = civil.toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds;
  return within(start + fractionByNumber(parts[2]));
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

// Mostly sound, with every part now and then out of its range.
const civilText = fc
  .record({
    year: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 2000, max: 2099 }) },
      fc.constantFrom(0, 1969, 1970, 1999, 2100, 9999),
    ),
    month: fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 1, max: 12 }) }, fc.nat(99)),
    day: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 31 }) }, fc.nat(99)),
    hour: fc.oneof({ weight: 19, arbitrary: fc.integer({ min: 0, max: 23 }) }, fc.nat(99)),
    minute: fc.oneof({ weight: 19, arbitrary: fc.integer({ min: 0, max: 59 }) }, fc.nat(99)),
    second: fc.oneof({ weight: 19, arbitrary: fc.integer({ min: 0, max: 59 }) }, fc.nat(99)),
    gap: fc.constantFrom('T', 'T', ' ', ' ', 't'),
  })
  .map((at) => {
    const date = `${pad(at.year, 4)}-${pad(at.month)}-${pad(at.day)}`;
    return `${date}${at.gap}${pad(at.hour)}:${pad(at.minute)}:${pad(at.second)}`;
  });

const fraction = fc.oneof(
  fc.constant(''),
  fc.constantFrom('.', '.5', '.05', '.123', '.1239', '.999999999', '.1234567890', '.x'),
);
const offset = fc.oneof(
  fc.constantFrom('Z', 'z', '+00:00', '-00:00', '+05:45', '-09:30', '+18:59', '+19:00', '+0100'),
  fc.constantFrom('', 'ZZ', '+01:60', '+01-00', '01:00', '+1:000', '+01:00 '),
);

/** A text with one sign overwritten, inserted or left out. */
function damaged(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(text, fc.nat(40), anySign, fc.nat(2)).map(([whole, at, sign, kind]) => {
    const cut = at % (whole.length + 1);
    return whole.slice(0, cut) + (kind < 2 ? sign : '') + whole.slice(cut + (kind > 0 ? 1 : 0));
  });
}

function mostlySound(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 4, arbitrary: text }, damaged(text));
}

describe('times from bytes', () => {
  it.each([
    ['2026-10-25T02:30:00Z', Date.UTC(2026, 9, 25, 2, 30)],
    ['2026-10-25T02:30:00+02:00', Date.UTC(2026, 9, 25, 0, 30)],
    ['2026-10-25t02:30:00.25-03:30', Date.UTC(2026, 9, 25, 6, 0, 0, 250)],
    ['2026-10-25T02:30:00.999999999z', Date.UTC(2026, 9, 25, 2, 30, 0, 999)],
    ['2026-10-25 02:30:00Z', UNREADABLE],
    ['2026-10-25T02:30:00', UNREADABLE],
    ['2026-10-25T02:30:60Z', UNREADABLE],
    ['2026-02-29T00:00:00Z', UNREADABLE],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
    ['1999-12-31T23:59:59Z', UNREADABLE],
    ['1999-12-31T23:59:59-01:00', Date.UTC(2000, 0, 1, 0, 59, 59)],
    ['2100-01-01T00:00:00Z', UNREADABLE],
    ['', UNREADABLE],
  ])('reads the ISO instant %j', (text, expected) => {
    expect(readTime(timeReader('ISO'), text)).toBe(expected);
  });

  it('agrees with Date on ISO instants', () => {
    const text = fc.tuple(civilText, fraction, offset).map(join);
    fc.assert(
      fc.property(mostlySound(text), (written) => {
        expect(readTime(timeReader('ISO'), written)).toBe(isoByDate(written));
      }),
      { numRuns: 10_000 },
    );
  });

  it('reads the doubled hour as its first and the skipped one as behind the gap', () => {
    const berlin = timeReader('LOCAL', 'Europe/Berlin');
    const read = (text: string) => new Date(readTime(berlin, text)).toISOString();
    expect(read('2026-10-25 02:30:00')).toBe('2026-10-25T00:30:00.000Z');
    expect(read('2026-10-25 03:00:00')).toBe('2026-10-25T02:00:00.000Z');
    expect(read('2026-03-29 02:30:00')).toBe('2026-03-29T01:30:00.000Z');
    expect(read('2026-03-29 01:59:59')).toBe('2026-03-29T00:59:59.000Z');
    const compact = timeReader('COMPACT', 'America/New_York');
    expect(readTime(compact, '20261101013000')).toBe(Date.UTC(2026, 10, 1, 5, 30));
    expect(readTime(compact, '20260308023000')).toBe(Date.UTC(2026, 2, 8, 7, 30));
  });

  it('agrees with Temporal on wall clocks of any zone', () => {
    const text = fc.tuple(civilText, fraction).map(join);
    fc.assert(
      fc.property(fc.constantFrom(...zones), mostlySound(text), (zone, written) => {
        const expected = localByTemporal(written, zone);
        expect(readTime(timeReader('LOCAL', zone), written)).toBe(expected);
      }),
      { numRuns: 10_000 },
    );
  });

  it('agrees with Temporal around every change of the clock', () => {
    for (const zone of zones) {
      const { atSeconds, offsetSeconds } = tables.get(zone)!;
      const reader = timeReader('LOCAL', zone);
      const compact = timeReader('COMPACT', zone);
      atSeconds.forEach((change, at) => {
        if (change * 1000 < EARLIEST || change * 1000 > Date.UTC(2040, 0, 1)) return;
        for (const clock of [offsetSeconds[at]!, offsetSeconds[at - 1] ?? 0]) {
          for (const near of [-3601, -1800, -1, 0, 1, 1799, 3599, 3600]) {
            const iso = new Date((change + clock + near) * 1000).toISOString().slice(0, 19);
            const expected = localByTemporal(iso, zone);
            expect(readTime(reader, iso), `${iso} ${zone}`).toBe(expected);
            expect(readTime(compact, iso.replace(/\D/g, '')), `${iso} ${zone}`).toBe(expected);
          }
        }
      });
    }
  });

  it('agrees with Temporal on compact times', () => {
    const text = civilText.map((civil) => civil.replace(/\D/g, ''));
    fc.assert(
      fc.property(fc.constantFrom(...zones), mostlySound(text), (zone, written) => {
        const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(written)?.slice(1);
        const [year, month, day, hour, minute, second] = parts ?? [];
        const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
        const expected = parts === undefined ? UNREADABLE : localByTemporal(local, zone);
        expect(readTime(timeReader('COMPACT', zone), written)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('reads seconds and milliseconds since 1970', () => {
    const read = (type: TimeType, text: string) => readTime(timeReader(type), text);
    expect(read('EPOCH_SECONDS', '1766000000')).toBe(1_766_000_000_000);
    expect(read('EPOCH_MILLISECONDS', '1766000000123')).toBe(1_766_000_000_123);
    expect(read('EPOCH_SECONDS', String(EARLIEST / 1000 - 1))).toBe(UNREADABLE);
    expect(read('EPOCH_MILLISECONDS', String(LATEST))).toBe(UNREADABLE);
    for (const text of ['', '-1', '17e8', '1766000000.5', '9'.repeat(16)]) {
      expect(read('EPOCH_SECONDS', text)).toBe(UNREADABLE);
      expect(read('EPOCH_MILLISECONDS', text)).toBe(UNREADABLE);
    }
  });

  it('reads a date the same whatever was read before it', () => {
    // Dates are remembered from record to record; a day 33 must not be taken for a day 1.
    const date = fc
      .tuple(fc.constantFrom(2025, 2026, 2027), fc.integer({ min: 1, max: 12 }), fc.nat(99))
      .map(([year, month, day]) => `${year}-${pad(month)}-${pad(day)}T00:00:00Z`);
    const first = timeReader('ISO');
    expect(readTime(first, '2026-02-01T00:00:00Z')).toBe(Date.UTC(2026, 1, 1));
    expect(readTime(first, '2026-01-33T00:00:00Z')).toBe(UNREADABLE);
    fc.assert(
      fc.property(fc.array(date, { maxLength: 30 }), (texts) => {
        const reader = timeReader('ISO');
        const read = texts.map((text) => readTime(reader, text));
        expect(read).toEqual(texts.map((text) => isoByDate(text)));
      }),
      { numRuns: 2000 },
    );
  });

  it('counts days as Date does', () => {
    for (let ms = Date.UTC(1970, 0, 1); ms < Date.UTC(2105, 0, 1); ms += 86_400_000) {
      const date = new Date(ms);
      const day = epochDay(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate());
      if (day !== ms / 86_400_000) expect(`${date.toISOString()} is ${day}`).toBe('');
    }
  });
});

describe('Money in a record', () => {
  it.each([
    ['0', 0],
    ['4.99', 499_000_000],
    ['0.00000001', 1],
    ['1234567.12345678', 123_456_712_345_678],
    ['00.1', 10_000_000],
  ])('%s is read exactly', (text, value) => {
    expect(readBy({ read: readDecimal }, text)).toBe(value);
  });

  it.each(['', '.5', '5.', '-1', '1,5', '1.2.3', '12345678', '1.123456789', '1e3'])(
    '%s is refused',
    (text) => {
      expect(readBy({ read: readDecimal }, text)).toBe(UNREADABLE);
    },
  );
});
