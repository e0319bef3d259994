import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseNumber, roundingModes } from '../../src/kernel/index.js';
import { type FormatDefinition, formatPresets } from '../../src/mediation/index.js';
import { chargeOf, fractionText, quantitySteps } from '../../src/rating/explain-charge.js';
import { civilTime } from '../../src/rating/explain-clock.js';
import { fieldsOf, readNumber, startColumn } from '../../src/rating/explain-number.js';
import { amountOf, billedQuantity } from '../../src/rating/price.js';

const RATE = {
  price: 12_000_000n,
  connectionFee: 5_000_000n,
  rateUnit: 60,
  firstIncrement: 30,
  nextIncrement: 6,
  minimum: 0,
  grace: 0,
};
const kontor = formatPresets.kontor as FormatDefinition;
const asterisk = formatPresets['asterisk-master'] as FormatDefinition;

describe('the way to the charged quantity', () => {
  it.each([
    [0n, {}, ['NOTHING_USED 0']],
    [3n, { grace: 3 }, ['GRACE 0']],
    [4n, { grace: 3 }, ['GRACE 4', 'FIRST_INCREMENT 30']],
    [30n, {}, ['FIRST_INCREMENT 30']],
    [32n, {}, ['FIRST_INCREMENT 30', 'NEXT_INCREMENTS 36']],
    [
      26n,
      { firstIncrement: 8, nextIncrement: 8, minimum: 25 },
      ['MINIMUM 25', 'NEXT_INCREMENTS 33'],
    ],
    [7n, { firstIncrement: 0, nextIncrement: 1 }, ['NEXT_INCREMENTS 7']],
  ])('goes from %s by the rules %o', (used, given, expected) => {
    const steps = quantitySteps(used, { ...RATE, ...given });
    expect(steps.map(({ rule, result }) => `${rule} ${result}`)).toEqual(expected);
  });

  it('ends where the data plane ends', () => {
    const whole = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(whole(5_000), whole(90), whole(60), whole(90), whole(9), (used, a, b, c, d) => {
        const [firstIncrement, nextIncrement, minimum, grace] = [a, b + 1, c, d];
        const rate = { ...RATE, firstIncrement, nextIncrement, minimum, grace };
        const charged = quantitySteps(BigInt(used), rate).at(-1)?.result;
        expect(charged).toBe(
          BigInt(billedQuantity(used, firstIncrement, nextIncrement, minimum, grace)),
        );
      }),
    );
  });
});

describe('the charge', () => {
  it('shows the sum with its numbers and its exact result', () => {
    const charge = chargeOf(90n, RATE, 4, 'HALF_UP');
    expect(charge).toEqual({
      formula: '0.05 + 0.12 * 90 / 60',
      unrounded: '0.23',
      steps: [
        { kind: 'USAGE', text: '0.05 + 0.12 * 90 / 60 = 0.23', result: '0.23' },
        { kind: 'ROUNDING', text: 'Rounded once to 4 decimals, HALF_UP.', result: '0.23' },
      ],
      amount: 23_000_000n,
    });
    const rate = { ...RATE, connectionFee: 0n, price: 3_100_000n };
    expect(chargeOf(95n, rate, 4, 'HALF_UP')).toMatchObject({
      formula: '0 + 0.031 * 95 / 60',
      unrounded: '589/12000',
      amount: 4_910_000n,
    });
    expect(chargeOf(0n, RATE, 4, 'UP').amount).toBe(0n);
  });

  it('rounds as the data plane does', () => {
    const bits = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        bits(1e10),
        bits(1e9),
        bits(4_000),
        bits(8),
        bits(5),
        (price, fee, used, d, m) => {
          const rate = { ...RATE, price: BigInt(price), connectionFee: BigInt(fee) };
          const mode = roundingModes[m] as (typeof roundingModes)[number];
          const { amount } = chargeOf(BigInt(used), rate, d, mode);
          const step = 10 ** (8 - d);
          expect(amount).toBe(BigInt(amountOf(used, price, fee, 60, step, m as 0)));
        },
      ),
    );
  });

  it.each([
    [1n, 1n, '1'],
    [0n, 60n, '0'],
    [7n, 30n, '7/30'],
    [1n, 8n, '0.125'],
    [250n, 1000n, '0.25'],
    [1n, 2n ** 30n * 100_000_000n, '0.00000000000000000931322574615478515625'],
  ])('writes %s / %s as %s', (numerator, denominator, text) => {
    expect(fractionText(numerator, denominator)).toBe(text);
  });
});

describe('the clock of a zone', () => {
  it.each([
    ['Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25 02:30:00 6 +02:00'],
    ['Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-25 02:30:00 6 +01:00'],
    ['Asia/Kathmandu', '2026-01-01T18:15:00Z', '2026-01-02 00:00:00 4 +05:45'],
    ['America/New_York', '2026-07-06T03:59:59Z', '2026-07-05 23:59:59 6 -04:00'],
    ['UTC', '2026-01-05T00:00:00Z', '2026-01-05 00:00:00 0 +00:00'],
  ])('in %s at %s shows %s', (zone, at, shown) => {
    const { day, time, weekday, offset, minuteOfDay } = civilTime(zone, Date.parse(at));
    expect(`${day} ${time} ${weekday} ${offset}`).toBe(shown);
    const [hours, minutes] = time.split(':').map(Number) as [number, number];
    expect(minuteOfDay).toBe(hours * 60 + minutes);
  });
});

describe('the reading of a number', () => {
  it.each([
    ['+49 (30) 123', kontor, 'PLUS', '+', '', '4930123'],
    ['0033-6 12', kontor, 'INTERNATIONAL_PREFIX', '00', '', '33612'],
    ['030/123', kontor, 'TRUNK_PREFIX', '0', '49', '4930123'],
    ['4930123', kontor, 'BARE_INTERNATIONAL', '', '', '4930123'],
    ['2025550123', asterisk, 'BARE_NATIONAL', '', '1', '12025550123'],
    ['anonymous', kontor, 'WITHHELD', '', '', null],
    ['', kontor, 'WITHHELD', '', '', null],
  ])('tells which rule made %s', (raw, format, rule, cut, added, digits) => {
    expect(readNumber('a', raw, format.numberRules)).toMatchObject({ rule, cut, added, digits });
  });

  it('adds up: what was put before and what was dialled less what was cut is the number', () => {
    const text = fc.stringMatching(/^\+?[0-9]{1,14}$/);
    fc.assert(
      fc.property(text, fc.constantFrom(kontor, asterisk), (raw, { numberRules }) => {
        const { digits, dialled, cut, added } = readNumber('a', raw, numberRules);
        const expected = normaliseNumber(raw, numberRules);
        expect(digits).toBe('digits' in expected ? expected.digits : null);
        if (digits !== null) expect(added + dialled.slice(cut.length)).toBe(digits);
      }),
    );
  });
});

describe('the fields of a line', () => {
  it('are told by the columns of the format, quoted ones without their quotes', () => {
    const fields = fieldsOf('1,voice,"2026, x",a,b,"say ""hi""",,\r', kontor);
    expect([...(fields?.values() ?? [])]).toEqual([
      ...['1', 'voice', '2026, x', 'a', 'b', 'say ""hi""', '', ''],
    ]);
    expect(fields?.get('quantity')).toBe('say ""hi""');
  });

  it.each(['1,2,3', '1,voice,"open,a,b,1,,', '1,voice,"x"y,a,b,1,,', '1,2,3,4,5,6,7,8,9'])(
    'are none in %s',
    (line) => {
      expect(fieldsOf(line, kontor)).toBeNull();
    },
  );

  it('take the second instant where the first is empty', () => {
    const columns = new Map([
      ['answer', ''],
      ['start', '2026'],
    ]);
    expect(startColumn(columns, asterisk)).toBe('start');
    expect(startColumn(columns.set('answer', '2027'), asterisk)).toBe('answer');
    expect(startColumn(new Map([['started_at', '']]), kontor)).toBe('started_at');
  });
});
