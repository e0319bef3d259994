import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeeCharge, FeeTerms } from '../../src/billing/fees.js';
import { invoiceFigures, paysOut, type UsageSum } from '../../src/billing/invoice-lines.js';
import { taxOf } from '../../src/billing/tax.js';
import { formatAmount, minorUnits, parseAmount } from '../../src/kernel/index.js';

const Exact = Decimal.clone({ precision: 60, rounding: Decimal.ROUND_HALF_UP });
const standard = { taxCode: 'S', taxPercent: '19' };
const usage = (change: Partial<UsageSum> = {}): UsageSum => ({
  ...standard,
  earlier: false,
  service: 'VOICE',
  destinationId: 1,
  destination: 'Germany Mobile',
  records: 10n,
  quantity: 600n,
  billedQuantity: 660n,
  amount: parseAmount('1.23456789'),
  ...change,
});
const fee = (name: string, planFeeId: number, kind: FeeTerms['kind']): FeeTerms => ({
  planFeeId,
  planId: 1,
  planName: 'Office',
  name,
  kind,
  amount: parseAmount('10'),
  currency: 'EUR',
  pricing: null,
  fromOn: '2026-01-01',
  toOn: null,
});
const charge = (change: Partial<FeeCharge>): FeeCharge => ({
  subscriptionId: 1,
  fee: fee('Base fee', 1, 'PERIODIC'),
  fromOn: '2026-10-01',
  toOn: '2026-11-01',
  days: 31,
  monthDays: 31,
  amount: parseAmount('10'),
  workings: null,
  ...change,
});

describe('tax', () => {
  it('is rounded half up to the minor unit, away from zero both ways', () => {
    expect(formatAmount(taxOf(parseAmount('0.50'), '1', 'EUR'))).toBe('0.01');
    expect(formatAmount(taxOf(parseAmount('-0.50'), '1', 'EUR'))).toBe('-0.01');
    expect(formatAmount(taxOf(parseAmount('0.49'), '1', 'EUR'))).toBe('0.00');
    expect(formatAmount(taxOf(parseAmount('105'), '10', 'JPY'), 0)).toBe('11');
    expect(formatAmount(taxOf(parseAmount('1.005'), '19', 'KWD'), 3)).toBe('0.191');
  });

  it('equals an exact decimal calculation', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 13n), 10n ** 13n),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.constantFrom('EUR', 'JPY', 'KWD'),
        (cents, rate, currency) => {
          const decimals = minorUnits(currency);
          const basis = cents * 10n ** BigInt(8 - decimals);
          const percent = formatAmount(BigInt(rate) * 10_000n, 0);
          const expected = new Exact(cents.toString())
            .div(new Exact(10).pow(decimals))
            .mul(percent)
            .div(100)
            .toDecimalPlaces(decimals);
          const found = new Exact(formatAmount(taxOf(basis, percent, currency)));
          expect(found.eq(expected)).toBe(true);
        },
      ),
    );
  });
});

describe('an invoice', () => {
  it('has lines of their own for fees on which rules act', () => {
    const workings = { counted: [], parts: [], rules: [], owed: '0', before: '0' };
    const ruled = { ...workings, decimals: 4, rounding: 'HALF_UP' } as const;
    const half = { days: 15, monthDays: 30, amount: parseAmount('5') };
    const november = (fromOn: string, toOn: string, given = {}) =>
      charge({ ...half, fromOn, toOn, ...given });
    const setup = charge({ fee: fee('Setup', 2, 'ONE_TIME'), days: 1, monthDays: 1 });
    const discounted = { workings: ruled, amount: parseAmount('4') };
    const { lines } = invoiceFigures(
      [],
      [
        november('2026-11-01', '2026-11-16'),
        november('2026-11-16', '2026-12-01', discounted),
        november('2026-11-16', '2026-12-01', { ...discounted, subscriptionId: 2 }),
        setup,
        { ...setup, ...discounted },
      ],
      () => standard,
      'EUR',
      'en',
    );
    expect(lines.map(({ records, net }) => [records, formatAmount(net)])).toEqual([
      [1n, '5.00'],
      [2n, '8.00'],
      [1n, '10.00'],
      [1n, '4.00'],
    ]);
  });

  it('comes to figures worked out by hand', () => {
    const figures = invoiceFigures(
      [
        usage({ amount: parseAmount('12.34500000') }),
        usage({ destinationId: 2, destination: 'France', amount: parseAmount('0.00499999') }),
        usage({ service: 'SMS', taxPercent: '7', amount: parseAmount('3.10') }),
        usage({ earlier: true, amount: parseAmount('1.00') }),
      ],
      [
        charge({}),
        charge({ subscriptionId: 2 }),
        charge({ subscriptionId: 3, fromOn: '2026-10-16', days: 16, amount: 516_129_032n }),
        charge({ fee: fee('Setup', 2, 'ONE_TIME'), days: 1, monthDays: 1, subscriptionId: 3 }),
      ],
      () => standard,
      'EUR',
      'en',
    );
    expect(
      figures.lines.map((line) => [line.section, line.description, line.records, line.net]),
    ).toEqual([
      ['PERIODIC_FEE', 'Office: Base fee, 1 Oct 2026 – 31 Oct 2026', 2n, parseAmount('20')],
      [
        'PERIODIC_FEE',
        'Office: Base fee, 16 Oct 2026 – 31 Oct 2026 (16 of 31 days)',
        1n,
        parseAmount('5.16'),
      ],
      ['ONE_TIME_FEE', 'Office: Setup', 1n, parseAmount('10')],
      ['VOICE', 'France', 10n, 0n],
      ['VOICE', 'Germany Mobile', 10n, parseAmount('12.35')],
      ['SMS', 'Germany Mobile', 10n, parseAmount('3.10')],
      ['EARLIER', 'Voice calls: Germany Mobile', 10n, parseAmount('1')],
    ]);
    const row = (taxPercent: string, basis: string, tax: string) => ({
      taxCode: 'S',
      taxPercent,
      basis: parseAmount(basis),
      tax: parseAmount(tax),
    });
    // 20 + 5.16 + 10 + 0 + 12.35 + 1 = 48.51 at 19 % = 9.2169; 3.10 at 7 % = 0.217.
    expect(figures.taxes).toEqual([row('19', '48.51', '9.22'), row('7', '3.10', '0.22')]);
    expect(formatAmount(figures.net)).toBe('51.61');
    expect(formatAmount(figures.tax)).toBe('9.44');
    expect(formatAmount(figures.gross)).toBe('61.05');
    expect(formatAmount(figures.basis)).toBe('51.61129031');
  });

  it('keeps thousands of whole months on one line and parts of months by their length', () => {
    const charges = Array.from({ length: 3000 }, (_, index) => {
      const days = index < 2990 ? 31 : index % 2 === 0 ? 5 : 6;
      const fromOn = days === 31 ? '2026-10-01' : `2026-10-0${(index % 9) + 1}`;
      return charge({ subscriptionId: index, days, fromOn, amount: BigInt(index) });
    });
    const { lines, basis } = invoiceFigures([], charges, () => standard, 'EUR', 'de');
    expect(lines.map((line) => [line.records, line.quantity, line.charges.length])).toEqual([
      [2990n, 31n, 2990],
      [5n, 5n, 5],
      [5n, 6n, 5],
    ]);
    expect(basis).toBe(BigInt((3000 * 2999) / 2));
  });

  it('sums exactly: lines to net, tax rows to tax, both to gross, whatever comes in', () => {
    const amounts = fc.bigInt(-(10n ** 12n), 10n ** 15n);
    const sums = fc.array(
      fc.record({
        amount: amounts,
        taxPercent: fc.constantFrom('0', '7', '19', '8.1'),
        taxCode: fc.constantFrom('S', 'Z', 'AE'),
        earlier: fc.boolean(),
        destinationId: fc.integer({ min: 1, max: 50 }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(sums, fc.constantFrom('EUR', 'JPY', 'KWD'), (rows, currency) => {
        const figures = invoiceFigures(rows.map(usage), [], () => standard, currency, 'en');
        const decimals = minorUnits(currency);
        const unit = new Exact(10).pow(8);
        let net = new Exact(0);
        const bases = new Map<string, Decimal>();
        for (const row of rows) {
          const rounded = new Exact(row.amount.toString()).div(unit).toDecimalPlaces(decimals);
          net = net.plus(rounded);
          const key = `${row.taxCode} ${row.taxPercent}`;
          bases.set(key, (bases.get(key) ?? new Exact(0)).plus(rounded));
        }
        let tax = new Exact(0);
        for (const [key, basis] of bases) {
          const percent = key.split(' ')[1] as string;
          tax = tax.plus(basis.mul(percent).div(100).toDecimalPlaces(decimals));
        }
        const amount = (value: bigint) => new Exact(value.toString()).div(unit);
        expect(amount(figures.net).eq(net)).toBe(true);
        expect(amount(figures.tax).eq(tax)).toBe(true);
        expect(amount(figures.gross).eq(net.plus(tax))).toBe(true);
        expect(figures.taxes.length).toBe(bases.size);
        expect(figures.basis).toBe(rows.reduce((sum, row) => sum + row.amount, 0n));
        for (const line of figures.lines) {
          const distance = amount(line.basis - line.net).abs();
          expect(distance.lte(new Exact(10).pow(-decimals).div(2))).toBe(true);
        }
      }),
    );
  });

  const paid = (...rows: [amount: string, taxPercent: string][]) => {
    const sums = rows.map(([amount, taxPercent], place) =>
      usage({ amount: parseAmount(amount), taxPercent, destinationId: place }),
    );
    const figures = invoiceFigures(sums, [], () => standard, 'EUR', 'en');
    const { basis, net, gross } = figures;
    return [formatAmount(basis), formatAmount(net), formatAmount(gross), paysOut(figures)];
  };

  it('pays out where its basis, its net or its gross is below zero', () => {
    expect(paid(['0', '19'])).toEqual(['0.00', '0.00', '0.00', false]);
    expect(paid(['1.18', '19'], ['-1.18', '19'])).toEqual(['0.00', '0.00', '0.00', false]);
    expect(paid(['0.005', '0'], ['-0.006', '0'])).toEqual(['-0.001', '0.00', '0.00', true]);
    expect(paid(['1.004', '19'], ['-0.505', '0'], ['-0.499', '0'])).toEqual([
      ...['0.00', '-0.01', '0.18'],
      true,
    ]);
    expect(paid(['1.20', '0'], ['-1.18', '19'])).toEqual(['0.02', '0.02', '-0.20', true]);
  });

  it('never pays out of fees that do not give back, however they are rounded and taxed', () => {
    const amounts = fc.array(fc.bigInt(0n, 10n ** 7n), { maxLength: 20 });
    const terms = fc.record({ taxCode: fc.constant('S'), taxPercent: fc.constantFrom('0', '8.1') });
    fc.assert(
      fc.property(amounts, terms, (rows, tax) => {
        const fees = rows.map((amount, place) =>
          charge({ amount, fee: fee('Base fee', place, 'PERIODIC') }),
        );
        expect(paysOut(invoiceFigures([], fees, () => tax, 'EUR', 'en'))).toBe(false);
      }),
    );
  });
});
