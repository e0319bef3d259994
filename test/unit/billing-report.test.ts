import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invoiceFindings } from '../../src/billing/findings.js';
import { invoiceFigures, type UsageSum } from '../../src/billing/invoice-lines.js';
import { inCurrency, type ReportSum, reportRows } from '../../src/billing/usage-report.js';
import { DomainError, parseAmount } from '../../src/kernel/index.js';
import { aDocument, aParty } from '../fixtures/invoice-document.js';

const sum = (given: Partial<ReportSum>): ReportSum => ({
  side: 'SALE',
  level: 'RETAIL',
  service: 'VOICE',
  destination: 'France',
  currency: 'EUR',
  usageOn: '2026-10-05',
  records: 1n,
  quantity: 60n,
  billedQuantity: 60n,
  amount: parseAmount('1'),
  ...given,
});

describe('the report by destination', () => {
  it('sets what was paid for records against what they brought, counting them once', () => {
    const rows = reportRows([
      sum({ amount: parseAmount('3'), records: 5n }),
      sum({ amount: parseAmount('2'), records: 3n }),
      sum({ side: 'PURCHASE', amount: parseAmount('1.5'), records: 8n }),
      sum({ side: 'PURCHASE', destination: 'Italy', records: 4n }),
    ]);
    expect(rows.map((row) => [row.destination, row.records, row.cost, row.revenue])).toEqual([
      ['France', 8n, parseAmount('1.5'), parseAmount('5')],
      ['Italy', 4n, parseAmount('1'), 0n],
    ]);
  });

  it('never adds currencies, and loses nothing', () => {
    const sums = fc.array(
      fc.record({
        side: fc.constantFrom('SALE', 'PURCHASE'),
        destination: fc.constantFrom('France', 'Italy', null),
        currency: fc.constantFrom('EUR', 'USD'),
        amount: fc.bigInt(0n, 10n ** 12n),
      }),
    );
    fc.assert(
      fc.property(sums, (given) => {
        const all = given.map((one) => sum(one as Partial<ReportSum>));
        const rows = reportRows(all);
        for (const currency of ['EUR', 'USD']) {
          const of = (side: string) =>
            all
              .filter((one) => one.side === side && one.currency === currency)
              .reduce((total, one) => total + one.amount, 0n);
          const mine = rows.filter((row) => row.currency === currency);
          expect(mine.reduce((total, row) => total + row.revenue, 0n)).toBe(of('SALE'));
          expect(mine.reduce((total, row) => total + row.cost, 0n)).toBe(of('PURCHASE'));
        }
      }),
    );
  });

  it('converts each day by the rate that held when it began', () => {
    const rate = (validFrom: string, text: string) => ({
      baseCurrency: 'USD',
      quoteCurrency: 'EUR',
      rate: text,
      validFrom: new Date(validFrom),
    });
    const rates = [rate('2026-10-01T00:00:00Z', '0.9'), rate('2026-10-06T00:00:00Z', '0.8')];
    const sums = [
      sum({ currency: 'USD', usageOn: '2026-10-05' }),
      sum({ currency: 'USD', usageOn: '2026-10-06' }),
      sum({}),
    ];
    expect(inCurrency(sums, 'EUR', rates).map((one) => [one.currency, one.amount])).toEqual([
      ['EUR', parseAmount('0.9')],
      ['EUR', parseAmount('0.8')],
      ['EUR', parseAmount('1')],
    ]);
    expect(() => inCurrency([sum({ currency: 'GBP' })], 'EUR', rates)).toThrow(DomainError);
  });
});

describe('findings', () => {
  const usage: UsageSum = {
    earlier: false,
    service: 'VOICE',
    destinationId: 1,
    destination: 'France',
    taxCode: 'S',
    taxPercent: '19',
    records: 4n,
    quantity: 60n,
    billedQuantity: 60n,
    amount: parseAmount('1'),
  };
  const codes = (given: Partial<UsageSum>, frame = aDocument([])) => {
    const figures = invoiceFigures([{ ...usage, ...given }], [], () => usage, 'EUR', 'en');
    const terms = { taxCode: 'S', taxPercent: given.taxPercent ?? '19' };
    return invoiceFindings(7, figures, frame, terms).map((finding) => finding.code);
  };

  it('are none for a sound invoice', () => {
    expect(codes({})).toEqual([]);
  });

  it('name free usage, late usage, missing tax and missing facts', () => {
    expect(codes({ amount: 0n })).toEqual(['ZERO_PRICED_USAGE']);
    expect(codes({ amount: 0n, billedQuantity: 0n })).toEqual([]);
    expect(codes({ earlier: true })).toEqual(['EARLIER_USAGE']);
    expect(codes({ taxPercent: '0' })).toEqual(['TAX_RATE_MISSING']);
    expect(codes({ amount: parseAmount('-1') })).toEqual(['NEGATIVE_TOTAL']);
    const frame = aDocument([], {
      seller: aParty('Seller', { taxNumber: null }),
      buyer: aParty('Buyer', { address: [] }),
    });
    expect(codes({}, frame)).toEqual(['SELLER_TAX_NUMBER_MISSING', 'ADDRESS_MISSING']);
  });
});
