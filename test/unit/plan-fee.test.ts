import { describe, expect, it } from 'vitest';
import { assertRuleScope, type RuleScope } from '../../src/catalog/allowance-rules.js';
import { assertBeside, assertFee, type FeeFacts } from '../../src/catalog/fee-rules.js';
import { DomainError } from '../../src/kernel/index.js';

/** Code and field of a refusal, or none. */
function fault(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (error instanceof DomainError) return `${error.code} ${error.details?.field}`;
    throw error;
  }
  return 'none';
}

const fee = (given: Partial<FeeFacts>): FeeFacts => ({
  name: 'Fee',
  kind: 'PERIODIC',
  model: 'FLAT',
  amount: '0',
  rateUnit: 1,
  minCharge: '0',
  validFrom: new Date(0),
  ...given,
});
const share = { model: 'PERCENT_OF_CHARGE', amount: '5' } as const;
const each = { model: 'PER_UNIT', amount: '1' } as const;
const units = { ...each, counts: 'UNITS' } as const;
const limits = { minCharge: '2', maxCharge: '1' } as const;
const tiers = { counts: 'SUBSCRIPTIONS', tierScheduleId: 'x' } as const;

describe('a fee', () => {
  it.each([
    ['flat', { amount: '9.90' }],
    ['charged once', { kind: 'ONE_TIME', amount: '9' }],
    ['by units in packages', { ...units, model: 'PACKAGE', rateUnit: 60, ofServices: ['VOICE'] }],
    ['by tiers with limits', { ...tiers, model: 'VOLUME', minCharge: '1', maxCharge: '1' }],
    ['of services and fees', { ...share, ofServices: ['*'], ofFees: ['Other'] }],
  ] as const)('may be %s', (_, given) => {
    expect(fault(() => assertFee(fee(given)))).toBe('none');
  });

  it.each([
    ['below zero', { amount: '-1' }, 'amount'],
    ['with too many decimals', { amount: '0.123456789' }, 'amount'],
    ['that ends before it begins', { validTo: new Date(0) }, 'validTo'],
    ['once by units', { ...each, kind: 'ONE_TIME', counts: 'SUBSCRIPTIONS' }, 'kind'],
    ['that counts nothing', each, 'counts'],
    ['flat that counts', { counts: 'SUBSCRIPTIONS' }, 'counts'],
    ['by tiers without tiers', { model: 'VOLUME', counts: 'SUBSCRIPTIONS' }, 'tierScheduleId'],
    ['flat with tiers', { tierScheduleId: 'x' }, 'tierScheduleId'],
    ['by tiers with a price', { ...tiers, model: 'GRADUATED', amount: '1' }, 'amount'],
    ['flat with a unit', { rateUnit: 2 }, 'rateUnit'],
    ['for no unit', { ...each, counts: 'SUBSCRIPTIONS', rateUnit: 0 }, 'rateUnit'],
    ['flat with limits', { minCharge: '1' }, 'minCharge'],
    ['with a least below zero', { ...share, ofFees: ['A'], minCharge: '-2' }, 'minCharge'],
    ['with less most than least', { ...share, ofFees: ['A'], ...limits }, 'maxCharge'],
    ['that is a share of nothing', share, 'ofServices'],
    ['flat of services', { ofServices: ['VOICE'] }, 'ofServices'],
    ['by records of nothing', { ...each, counts: 'RECORDS' }, 'ofServices'],
    ['by units of anything', { ...units, ofServices: ['*'] }, 'ofServices'],
    ['by units of two services', { ...units, ofServices: ['SMS', 'DATA'] }, 'ofServices'],
    ['by units of fees', { ...units, ofServices: ['SMS'], ofFees: ['A'] }, 'ofFees'],
    ['of itself', { ...share, ofFees: ['Fee'] }, 'ofFees'],
  ] as const)('is not %s', (_, given, field) => {
    expect(fault(() => assertFee(fee(given)))).toBe(`FEE_REFUSED ${field}`);
  });

  it('is a percentage of fees of the plan alone, and of no percentage', () => {
    const named = (...names: string[]) =>
      fault(() =>
        assertBeside(fee({ ...share, ofFees: names }), [
          fee({ name: 'Flat' }),
          fee({ ...share, name: 'Share', ofFees: ['Flat'] }),
        ]),
      );
    expect(named('Flat')).toBe('none');
    expect(named('Flat', 'Other')).toBe('FEE_REFUSED ofFees');
    expect(named('Share')).toBe('FEE_REFUSED ofFees');
    const later = fee({ ...share, name: 'Flat', ofFees: ['Base'], validFrom: new Date(5) });
    const others = [
      fee({ name: 'Base' }),
      fee({ name: 'Flat', validTo: new Date(5) }),
      fee({ ...share, name: 'Share', ofFees: ['Flat'] }),
    ];
    expect(fault(() => assertBeside(later, others))).toBe('FEE_REFUSED model');
    expect(fault(() => assertBeside({ ...later, name: 'New' }, others))).toBe('none');
  });

  it.each([
    [0, null, 5, null, 'FEE_REFUSED validFrom'],
    [5, null, 0, 6, 'FEE_REFUSED validFrom'],
    [0, 5, 5, null, 'none'],
    [5, 9, 0, 5, 'none'],
  ])('from %s to %s beside its like from %s to %s: %s', (from, to, since, until, expected) => {
    const during = (start: number, end: number | null) =>
      fee({ validFrom: new Date(start), validTo: end === null ? null : new Date(end) });
    const others = [during(since, until), { ...during(0, null), name: 'Other' }];
    expect(fault(() => assertBeside(during(from, to), others))).toBe(expected);
  });
});

describe('a price rule', () => {
  const rule = (given: Partial<RuleScope>): RuleScope => ({
    ...{ actsOn: 'FEES', service: '*', period: 'MONTH' },
    ...given,
  });
  it.each([
    ['a service', { service: 'VOICE' }, 'service'],
    ['destinations', { destinationIds: ['x'] }, 'destinationIds'],
    ['days of the week', { weekdays: ['MONDAY'] }, 'weekdays'],
    ['a time of day', { from: '08:00' }, 'from'],
    ['a volume', { measure: 'AMOUNT' }, 'measure'],
    ['the day as period', { period: 'DAY' }, 'period'],
    ['a plan, being of usage', { actsOn: 'USAGE', servicePlanId: 'x' }, 'servicePlanId'],
    ['a kind of fee, being of usage', { actsOn: 'USAGE', feeKind: 'PERIODIC' }, 'feeKind'],
    ['a fee, being of usage', { actsOn: 'USAGE', feeName: 'Base' }, 'feeName'],
  ] as const)('for fees has no %s', (_, given, field) => {
    expect(fault(() => assertRuleScope(rule(given)))).toBe(`PRICE_RULE_REFUSED ${field}`);
  });

  it('is for usage with all of these, and for fees with what they have', () => {
    const usage = { actsOn: 'USAGE', service: 'VOICE', measure: 'AMOUNT', period: 'DAY' } as const;
    expect(fault(() => assertRuleScope(rule(usage)))).toBe('none');
    const fees = { servicePlanId: 'x', feeKind: 'ONE_TIME', feeName: 'Base' } as const;
    expect(fault(() => assertRuleScope(rule(fees)))).toBe('none');
  });
});
