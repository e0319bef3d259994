import { describe, expect, it } from 'vitest';
import { type NoticeTerms, noticeRules } from '../../src/catalog/sheet-notice.js';

const terms = (given: Partial<NoticeTerms>): NoticeTerms => ({
  policy: 'WARN',
  newDays: 0,
  increaseDays: 0,
  decreaseDays: 0,
  changedDays: 0,
  closedDays: 0,
  timeZone: 'UTC',
  ...given,
});
const RECEIVED = Date.parse('2030-03-30T22:30:00Z');
const shown = (contracts: readonly NoticeTerms[]) =>
  noticeRules(contracts, RECEIVED).map((rule) => [
    rule.change,
    ...[rule.earliest, rule.shiftTo, rule.refuseBefore].map((at) =>
      at === null ? null : new Date(at).toISOString().slice(0, 16),
    ),
  ]);

describe('notice', () => {
  it('of no days demands nothing', () => {
    expect(shown([])).toEqual([]);
    expect(shown([terms({ policy: 'REFUSE' })])).toEqual([]);
  });

  it('is measured in days of the zone, over a change of its clock, too', () => {
    expect(shown([terms({ increaseDays: 1, timeZone: 'Europe/Berlin' })])).toEqual([
      ['INCREASED', '2030-03-30T23:00', null, null],
    ]);
    expect(shown([terms({ increaseDays: 2, timeZone: 'Europe/Berlin' })])).toEqual([
      ['INCREASED', '2030-03-31T22:00', null, null],
    ]);
  });

  it('of several contracts is the longest, for each policy by itself', () => {
    expect(
      shown([
        terms({ policy: 'WARN', newDays: 30 }),
        terms({ policy: 'REFUSE', newDays: 7, closedDays: 3 }),
        terms({ policy: 'SHIFT', newDays: 10 }),
        terms({ policy: 'REFUSE', newDays: 5 }),
      ]),
    ).toEqual([
      ['NEW', '2030-04-29T00:00', '2030-04-09T00:00', '2030-04-06T00:00'],
      ['CLOSED', '2030-04-02T00:00', null, '2030-04-02T00:00'],
    ]);
  });
});
