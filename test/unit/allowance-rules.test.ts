import { describe, expect, it } from 'vitest';
import {
  assertBonus,
  assertBucket,
  assertPriceRule,
  type BonusFacts,
  type BucketFacts,
  type RuleFacts,
} from '../../src/catalog/allowance-rules.js';
import { assertCharge, type RateCharge } from '../../src/catalog/rate-rules.js';
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

describe('a price rule', () => {
  const rule = (fields: Partial<RuleFacts>) => () =>
    assertPriceRule({
      type: 'DISCOUNT',
      effect: 'PERCENT',
      amount: '10',
      stacking: 'ORDERED',
      volumeFrom: '0',
      ...fields,
    });

  it.each<[string, Partial<RuleFacts>]>([
    ['all that can be taken off', { amount: '100' }],
    ['a surcharge of more than all', { type: 'SURCHARGE', amount: '250' }],
    ['a fixed sum', { effect: 'FIXED', amount: '0.00000001', cap: '5' }],
    ['a range of units', { measure: 'QUANTITY', volumeFrom: '6000', volumeTo: '60000' }],
    ['a range as it is shown', { measure: 'QUANTITY', volumeFrom: '0.00000000', volumeTo: '60.0' }],
    ['a range of money', { measure: 'AMOUNT', volumeFrom: '0.5', volumeTo: '0.50000001' }],
    ['times of the week', { weekdays: ['MONDAY'], from: '08:00', to: '18:00' }],
  ])('takes %s', (_, fields) => {
    expect(fault(rule(fields))).toBe('none');
  });

  it.each<[string, Partial<RuleFacts>, string]>([
    ['nothing', { amount: '0' }, 'amount'],
    ['an amount below zero', { amount: '-1' }, 'amount'],
    ['more than all', { amount: '100.00000001' }, 'amount'],
    ['more than is counted', { effect: 'FIXED', amount: '90071992.54740992' }, 'amount'],
    ['a cap of more than is counted', { cap: '90071993' }, 'cap'],
    ['a surcharge that excludes', { type: 'SURCHARGE', stacking: 'EXCLUSIVE' }, 'stacking'],
    ['holidays as days of the week', { weekdays: ['HOLIDAY'] }, 'weekdays'],
    ['a beginning without end', { from: '08:00' }, 'to'],
    ['an end without beginning', { to: '08:00' }, 'to'],
    ['a cap of nothing', { cap: '0' }, 'cap'],
    ['parts of units', { measure: 'QUANTITY', volumeFrom: '0.5' }, 'volumeFrom'],
    ['a range that ends where it begins', { measure: 'AMOUNT', volumeTo: '0' }, 'volumeTo'],
    ['a range of nothing said', { volumeFrom: '5' }, 'measure'],
    ['an end of nothing said', { volumeTo: '5' }, 'measure'],
  ])('refuses %s', (_, fields, field) => {
    expect(fault(rule(fields))).toBe(`PRICE_RULE_REFUSED ${field}`);
  });
});

describe('a bucket', () => {
  const bucket = (fields: Partial<BucketFacts>) => () =>
    assertBucket({ kind: 'UNITS', amount: '6000', ...fields });

  it.each<[Partial<BucketFacts>, string]>([
    [{}, 'none'],
    [{ amount: '0' }, 'none'],
    [{ kind: 'MONEY', amount: '9.99', rolloverCap: '20.5' }, 'none'],
    [{ amount: '0.5' }, 'BUCKET_REFUSED amount'],
    [{ amount: '999999999999999' }, 'none'],
    [{ amount: '1000000000000000' }, 'BUCKET_REFUSED amount'],
    [{ kind: 'MONEY', amount: '90071992.54740991' }, 'none'],
    [{ kind: 'MONEY', amount: '90071992.54740992' }, 'BUCKET_REFUSED amount'],
    [{ kind: 'MONEY', amount: '-1' }, 'BUCKET_REFUSED amount'],
    [{ amount: '6000.00000000', rolloverCap: '60.00000000' }, 'none'],
    [{ amount: '6000.00000001' }, 'BUCKET_REFUSED amount'],
    [{ rolloverCap: '0' }, 'BUCKET_REFUSED rolloverCap'],
    [{ rolloverCap: '0.00000000' }, 'BUCKET_REFUSED rolloverCap'],
    [{ rolloverCap: '1.5' }, 'BUCKET_REFUSED rolloverCap'],
  ])('%o is judged as %s', (fields, expected) => {
    expect(fault(bucket(fields))).toBe(expected);
  });
});

describe('a bonus rule', () => {
  const bonus = (fields: Partial<BonusFacts>) => () =>
    assertBonus({ measure: 'SPEND', threshold: '50', grants: 'POINTS', amount: '100', ...fields });

  it.each<[Partial<BonusFacts>, string]>([
    [{}, 'none'],
    [{ grants: 'MONEY', amount: '0.5', bucketId: 'B' }, 'none'],
    [{ measure: 'USAGE', threshold: '3600' }, 'none'],
    [{ measure: 'USAGE', threshold: '3600.00000000', amount: '100.0' }, 'none'],
    [{ measure: 'USAGE', threshold: '3600.5' }, 'BONUS_RULE_REFUSED threshold'],
    [{ threshold: '0' }, 'BONUS_RULE_REFUSED threshold'],
    [{ amount: '1.5' }, 'BONUS_RULE_REFUSED amount'],
    [{ amount: '0' }, 'BONUS_RULE_REFUSED amount'],
    [{ bucketId: 'B' }, 'BONUS_RULE_REFUSED bucketId'],
    [{ grants: 'UNITS' }, 'BONUS_RULE_REFUSED bucketId'],
  ])('%o is judged as %s', (fields, expected) => {
    expect(fault(bonus(fields))).toBe(expected);
  });
});

describe('how a rate charges', () => {
  const charge = (fields: Partial<RateCharge>) => () =>
    assertCharge({
      kind: 'ABSOLUTE',
      model: 'PER_UNIT',
      price: '0.10',
      minCharge: '0',
      ...fields,
    });

  it.each<[Partial<RateCharge>, string]>([
    [{ minCharge: '1', maxCharge: '1' }, 'none'],
    [{ model: 'GRADUATED', price: '0', tierScheduleId: 'T' }, 'none'],
    [{ model: 'REVENUE_SHARE', price: '100' }, 'none'],
    [{ model: 'PERCENTAGE', price: '110' }, 'none'],
    [{ kind: 'PERCENT', price: '-50' }, 'none'],
    [{ minCharge: '-1' }, 'RATE_REFUSED minCharge'],
    [{ minCharge: '2', maxCharge: '1' }, 'RATE_REFUSED maxCharge'],
    [{ model: 'GRADUATED', price: '0' }, 'RATE_REFUSED tierScheduleId'],
    [{ model: 'VOLUME', tierScheduleId: 'T' }, 'RATE_REFUSED price'],
    [{ tierScheduleId: 'T' }, 'RATE_REFUSED tierScheduleId'],
    [{ model: 'REVENUE_SHARE', price: '100.5' }, 'RATE_REFUSED price'],
    [{ kind: 'PERCENT', model: 'PER_EVENT' }, 'RATE_REFUSED model'],
    [{ kind: 'PERCENT', tierScheduleId: 'T' }, 'RATE_REFUSED tierScheduleId'],
    [{ kind: 'DIFFERENCE', minCharge: '1' }, 'RATE_REFUSED minCharge'],
    [{ kind: 'DIFFERENCE', maxCharge: '1' }, 'RATE_REFUSED maxCharge'],
  ])('%o is judged as %s', (fields, expected) => {
    expect(fault(charge(fields))).toBe(expected);
  });
});
