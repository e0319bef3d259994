import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FeeTerms, owedFees } from '../../src/billing/fees.js';
import { daysWithout, monthSpan, proratedFee } from '../../src/billing/prorate.js';
import { addDays, daysBetween, parseAmount } from '../../src/kernel/index.js';

const Exact = Decimal.clone({ precision: 60, rounding: Decimal.ROUND_HALF_UP });
const monthly: FeeTerms = {
  planFeeId: 1,
  planId: 7,
  planName: 'Office',
  name: 'Base fee',
  kind: 'PERIODIC',
  amount: parseAmount('29.90'),
  currency: 'EUR',
  pricing: null,
  fromOn: '2026-01-01',
  toOn: null,
};
const setup: FeeTerms = {
  ...monthly,
  planFeeId: 2,
  name: 'Setup',
  kind: 'ONE_TIME',
  amount: parseAmount('49'),
};
const subscription = {
  subscriptionId: 5,
  planId: 7,
  fromOn: '2026-03-01',
  toOn: null,
  months: ['2026-10'],
};

describe('a share of a month', () => {
  it('is worked out by actual days', () => {
    const share = (month: string, fromOn: string, toOn: string) =>
      proratedFee(parseAmount('31'), month, { fromOn, toOn });
    expect(share('2026-10', '2026-10-16', '2026-11-01')).toBe(parseAmount('16'));
    expect(share('2026-10', '2026-10-01', '2026-10-02')).toBe(parseAmount('1'));
    expect(share('2028-02', '2028-02-01', '2028-03-01')).toBe(parseAmount('31'));
    expect(share('2026-02', '2026-02-01', '2026-02-15')).toBe(parseAmount('15.5'));
  });

  it('is no share when the days lie outside the month', () => {
    expect(() => proratedFee(1n, '2026-10', { fromOn: '2026-10-20', toOn: '2026-11-02' })).toThrow(
      'inside the month',
    );
  });

  it('adds up to the fee however the month is cut, each part within a unit of exact', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 27 }), { maxLength: 6 });
    const months = fc.constantFrom('2026-02', '2028-02', '2026-10', '2026-11');
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 14n), months, cuts, (fee, month, days) => {
        const { fromOn, toOn } = monthSpan(month);
        const edges = [
          fromOn,
          ...[...days].sort((a, b) => a - b).map((day) => addDays(fromOn, day)),
          toOn,
        ];
        let sum = 0n;
        for (const [place, edge] of edges.slice(1).entries()) {
          const span = { fromOn: edges[place] as string, toOn: edge };
          const part = proratedFee(fee, month, span);
          const exact = new Exact(fee.toString())
            .mul(daysBetween(span.fromOn, span.toOn))
            .div(daysBetween(fromOn, toOn));
          expect(exact.minus(part.toString()).abs().lte(1)).toBe(true);
          sum += part;
        }
        expect(sum).toBe(fee);
      }),
    );
  });
});

describe('days without others', () => {
  it('keeps every day that no other span covers, and no other', () => {
    const day = fc.integer({ min: 0, max: 40 }).map((n) => addDays('2026-10-01', n));
    const span = fc.tuple(day, day).map(([a, b]) => ({
      fromOn: a < b ? a : b,
      toOn: addDays(a < b ? b : a, 1),
    }));
    fc.assert(
      fc.property(span, fc.array(span, { maxLength: 5 }), (whole, others) => {
        const left = daysWithout(whole, others);
        for (let date = '2026-09-30'; date < '2026-12-01'; date = addDays(date, 1)) {
          const within = (s: { fromOn: string; toOn: string }) => s.fromOn <= date && date < s.toOn;
          expect(left.filter(within).length).toBe(within(whole) && !others.some(within) ? 1 : 0);
        }
      }),
    );
  });
});

describe('owed fees', () => {
  const owed = (
    change: { fromOn?: string; toOn?: string; months?: string[]; planId?: number },
    terms: FeeTerms[] = [monthly, setup],
    earlier: Parameters<typeof owedFees>[2] = [],
  ) =>
    owedFees([{ ...subscription, ...change }], terms, earlier, '2026-11-01').map((charge) => [
      charge.fee.name,
      charge.fromOn,
      charge.toOn,
      charge.days,
      charge.amount,
    ]);

  it('charges a whole month and a setup fee of the first day', () => {
    expect(owed({ months: ['2026-10'] })).toEqual([
      ['Base fee', '2026-10-01', '2026-11-01', 31, parseAmount('29.90')],
      ['Setup', '2026-03-01', '2026-03-02', 1, parseAmount('49')],
    ]);
  });

  it('charges the days from start to end only', () => {
    expect(owed({ fromOn: '2026-10-16', toOn: '2026-10-26' }, [monthly])).toEqual([
      ['Base fee', '2026-10-16', '2026-10-26', 10, 964_516_129n],
    ]);
    expect(owed({ fromOn: '2026-11-01' })).toEqual([]);
    expect(owed({ toOn: '2026-10-01' }, [monthly])).toEqual([]);
  });

  it('charges a new price from its day on, the two prices by days', () => {
    const old = { ...monthly, toOn: '2026-10-11' };
    const next = { ...monthly, planFeeId: 9, amount: parseAmount('31'), fromOn: '2026-10-11' };
    expect(owed({}, [old, next])).toEqual([
      ['Base fee', '2026-10-01', '2026-10-11', 10, 964_516_129n],
      ['Base fee', '2026-10-11', '2026-11-01', 21, parseAmount('21')],
    ]);
  });

  it('charges nothing twice, though the price has a new row', () => {
    const charge = { subscriptionId: 5, fromOn: '2026-10-01', toOn: '2026-11-01' };
    expect(
      owed(
        {},
        [{ ...monthly, planFeeId: 11 }, setup],
        [
          { ...charge, kind: 'PERIODIC', feeName: 'Base fee' },
          { ...charge, kind: 'ONE_TIME', feeName: 'Setup' },
        ],
      ),
    ).toEqual([]);
    expect(
      owed(
        {},
        [monthly],
        [{ ...charge, toOn: '2026-10-21', kind: 'PERIODIC', feeName: 'Base fee' }],
      ),
    ).toEqual([['Base fee', '2026-10-21', '2026-11-01', 11, 1_060_967_742n]]);
  });

  it('charges no setup fee that came into force after the first day, and no free fee', () => {
    expect(owed({}, [{ ...setup, fromOn: '2026-03-02' }])).toEqual([]);
    expect(owed({}, [{ ...monthly, amount: 0n }])).toEqual([]);
    expect(owed({ planId: 8 })).toEqual([]);
  });

  it('charges an earlier month that was billed before the subscription was recorded', () => {
    expect(owed({ fromOn: '2026-09-21', months: ['2026-09', '2026-10'] }, [monthly])).toEqual([
      ['Base fee', '2026-09-21', '2026-10-01', 10, 996_666_667n],
      ['Base fee', '2026-10-01', '2026-11-01', 31, parseAmount('29.90')],
    ]);
  });
});
