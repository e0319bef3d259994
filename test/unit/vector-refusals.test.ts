import { describe, expect, it } from 'vitest';
import { EQUAL, tried } from '../fixtures/tried-vector.js';

const NOON = '2026-07-01T12:00:00Z';

describe('an event that no file can bring', () => {
  const event = { id: 'a', at: '2026-07-01T10:00:00Z' };

  it.each([
    ['to', '0033140', 'is text of up to 15 digits, the first of them 1 to 9.'],
    ['from', '04930', 'is text of up to 15 digits, the first of them 1 to 9.'],
    ['quantity', 10 ** 15, 'is a whole number of at most 15 digits.'],
    ['value', '-1', 'is decimal text of at most 7 digits before and 8 after the point.'],
    ['value', '10000000', 'is decimal text of at most 7 digits before and 8 after the point.'],
    ['at', '1999-12-31T23:59:59.999Z', 'lies in the years 2000 to 2099.'],
    ['at', '2100-01-01T00:00:00Z', 'lies in the years 2000 to 2099.'],
  ])('is refused for its %s %s', async (field, value, rule) => {
    const events = [{ ...event, [field]: value }];
    const answer = await tried({ events, expect: {} });
    const place = `$.cases[0].events[0].${field}`;
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${place} ${rule}`]]);
  });

  it('is refused when a call or message goes nowhere, and may be data or a service', async () => {
    const priceLists = { standard: { rates: [{ price: '1' }] } };
    const to = (service: string) =>
      tried({
        priceLists,
        events: [{ ...event, service, to: '' }],
        expect: { events: { a: '1' } },
      });
    const refused = 'VECTOR_INVALID: /one.json: cases[0] "n": ';
    for (const service of ['VOICE', 'SMS']) {
      const said = `${refused}events[0].to is known of calls and messages.`;
      expect(await to(service)).toEqual([1, [said]]);
    }
    for (const service of ['DATA', 'EVENT']) expect((await to(service))[0]).toBe(0);
  });
});

describe('a world that nobody can enter', () => {
  it.each([
    [
      'an exchange rate of nothing',
      { exchangeRates: [{ base: 'EUR', quote: 'USD', rate: '0.00' }] },
      '$.cases[0].exchangeRates[0].rate is decimal text above zero such as "0.9512345678".',
    ],
    [
      'a number that begins with 0',
      { subscriptions: { line: { numbers: ['04930'] } } },
      'cases[0] "n": subscriptions.line.numbers[0] is a number, or the first and the last one ' +
        'with a hyphen between them.',
    ],
    [
      'a range that ends before it begins',
      { subscriptions: { line: { numbers: ['4939-4930'] } } },
      'cases[0] "n": subscriptions.line.numbers[0] is a number, or the first and the last one ' +
        'with a hyphen between them.',
    ],
    [
      'a destination of all numbers',
      { destinations: { world: [''] } },
      '$.cases[0].destinations.world[0] is text of 1 to 15 digits, the first of them 1 to 9.',
    ],
  ])('is refused: %s', async (_, world, refused) => {
    const answer = await tried({ ...world, expect: {} });
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
  });
});

describe('a world that the system would refuse', () => {
  const rule = { name: 'r', effect: 'PERCENT', amount: '10' };
  const bucket = { name: 'b', kind: 'UNITS', amount: '1' };
  const ofRetail = { ...bucket, contract: 'retail' };
  const bonus = {
    ...{ name: 'g', contract: 'retail', measure: 'USAGE', threshold: '1' },
    ...{ grants: 'UNITS', amount: '1' },
  };
  const [one, two] = [{ buyer: 'a' }, { seller: 'a', buyer: 'b' }];

  it.each([
    ['PRICE_RULE_REFUSED', { rules: [{ ...rule, fromTime: '20:00', toTime: '06:00' }] }],
    ['NOT_OF_OWNER', { contracts: { one, two }, rules: [{ ...rule, contract: 'two' }] }],
    ['NOT_OF_OWNER', { contracts: { one, two }, rules: [{ ...rule, subscription: 'line' }] }],
    ['ALLOWANCE_TARGET_REFUSED', { buckets: [bucket] }],
    [
      'ALLOWANCE_TARGET_REFUSED',
      {
        subscriptions: { line: { plan: 'P' } },
        buckets: [{ ...bucket, plan: 'P', contract: 'retail' }],
      },
    ],
    ['DESTINATION_PREFIX_TAKEN', { destinations: { one: ['33', '49'], two: ['49'] } }],
    [
      'NUMBER_TAKEN',
      { subscriptions: { a: { numbers: ['4930-4939'] }, b: { numbers: ['4939'] } } },
    ],
    [
      'PRICE_RULE_REFUSED',
      {
        rules: [
          { ...rule, to: NOON },
          { ...rule, type: 'SURCHARGE', from: NOON },
        ],
      },
    ],
    [
      'BUCKET_REFUSED',
      {
        buckets: [
          { ...ofRetail, to: NOON },
          { ...ofRetail, per: 'CONTRACT', from: NOON },
        ],
      },
    ],
    [
      'BONUS_RULE_REFUSED',
      { buckets: [ofRetail], bonuses: [{ ...bonus, grants: 'MONEY', bucket: 'b' }] },
    ],
    [
      'BONUS_RULE_REFUSED',
      {
        subscriptions: { line: { plan: 'P' } },
        buckets: [{ ...bucket, plan: 'P' }],
        bonuses: [{ ...bonus, bucket: 'b' }],
      },
    ],
    ['INVALID_PERIOD', { rules: [{ ...rule, from: NOON, to: NOON }] }],
    ['INVALID_PERIOD', { priceLists: { a: { rates: [{ from: NOON, to: NOON }] } } }],
    ['INVALID_PERIOD', { contracts: { one: { ...one, from: NOON, to: NOON } } }],
    ['INVALID_PERIOD', { subscriptions: { line: { from: NOON, to: NOON } } }],
    [
      'INVALID_CURRENCY',
      { priceLists: { a: { rates: [] } }, contracts: { one: { ...one, currency: 'EURO' } } },
    ],
    [
      'INVALID_TIME_ZONE',
      { priceLists: { a: { rates: [] } }, contracts: { one: { ...one, zone: 'CET' } } },
    ],
    [
      'CONTRACT_SERVICE_TWICE',
      {
        priceLists: { a: { rates: [] }, b: { rates: [] } },
        contracts: { one: { ...one, lists: [{ list: 'a' }, { list: 'b', service: '*' }] } },
      },
    ],
    ['INVALID_CURRENCY', { priceLists: { a: { rates: [], currency: 'EURO' } } }],
    ['INVALID_CURRENCY', { exchangeRates: [{ base: 'EUR', quote: 'US', rate: '1' }] }],
    ['EXCHANGE_RATE_REFUSED', { exchangeRates: [{ base: 'EUR', quote: 'EUR', rate: '1' }] }],
    [
      'EXCHANGE_RATE_EXISTS',
      {
        exchangeRates: [
          { base: 'EUR', quote: 'USD', rate: '1' },
          { base: 'EUR', quote: 'USD', rate: '2' },
        ],
      },
    ],
    [
      'PRICE_LIST_PARENT_REFUSED',
      { priceLists: { a: { rates: [] }, b: { parent: 'a', rates: [], currency: 'USD' } } },
    ],
    [
      'PRICE_LIST_PARENT_REFUSED',
      {
        timeProfiles: { p: { bands: {} } },
        priceLists: { a: { rates: [] }, b: { parent: 'a', rates: [], timeProfile: 'p' } },
      },
    ],
    [
      'BAND_NOT_OF_PROFILE',
      {
        timeProfiles: { p: { bands: { peak: [] } } },
        priceLists: { a: { rates: [{ price: '1', band: 'peak' }] } },
      },
    ],
    [
      'TRUNK_TAKEN',
      {
        trunks: { t: {} },
        subscriptions: { a: { trunks: ['t'], numbers: [] }, b: { trunks: ['t'], numbers: [] } },
      },
    ],
    ['CONTRACT_TERMS_REFUSED', { contracts: { one: { seller: 's', margin: 'HOLD' } } }],
  ])('answers %s, whatever it is', async (refusal, world) => {
    expect(await tried({ ...world, expect: { refusal } })).toEqual([
      0,
      [expect.stringMatching(EQUAL)],
    ]);
  });

  it.each([
    [{ rules: [rule, rule] }, 'rules[1] holds while another version of "r" does.'],
    [{ buckets: [ofRetail, ofRetail] }, 'buckets[1] holds while another version of "b" does.'],
    [
      {
        contracts: { retail: one, other: two },
        buckets: [
          { ...ofRetail, to: NOON },
          { ...bucket, contract: 'other', from: NOON },
        ],
      },
      'buckets[1] is for others than the first version of "b".',
    ],
    [
      { timeProfiles: { p: { holidays: 'DE', bands: {} } } },
      'timeProfiles.p.holidays names "DE", which is not there.',
    ],
    [
      { accounts: { a: { parent: 'b' } }, subscriptions: { line: { account: 'a' } } },
      'accounts.a.parent names the account "b", which is not there.',
    ],
  ])('has its place named where no code says it: %#', async (world, refused) => {
    const answer = await tried({ ...world, expect: {} });
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: cases[0] "n": ${refused}`]]);
  });

  it('gives a contract one version at a time, and a number one owner after the other', async () => {
    const versions = [{ to: '2026-07-02T00:00:00Z' }, { from: '2026-07-01T23:59:59.999Z' }];
    const twice = await tried({ contracts: { c: { buyer: 'a', versions } }, expect: {} });
    const refused = 'cases[0] "n": contracts have one version at a time.';
    expect(twice).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
    const subscriptions = {
      before: { numbers: ['4930'], to: '2026-07-02T00:00:00Z' },
      after: { numbers: ['4930'], from: '2026-07-02T00:00:00Z' },
    };
    expect((await tried({ subscriptions, expect: {} }))[0]).toBe(0);
  });
});

describe('a month that costs more than can be stored', () => {
  const large = {
    tierSchedules: { t: { steps: [{ upTo: '1', price: '0' }, { price: '9999999999' }] } },
    priceLists: { standard: { rates: [{ model: 'GRADUATED', tiers: 't' }] } },
    events: [
      { id: 'a', at: '2026-07-01T10:00:00Z' },
      { id: 'b', at: '2026-07-01T11:00:00Z' },
    ],
  };

  it('is a difference of its case alone', async () => {
    const [status, said] = await tried({ ...large, expect: { events: { a: '0' } } });
    expect([status, said.slice(1)]).toEqual([
      1,
      [
        '  n',
        '    the world: expected a world that is accepted, answered MONTH_CHARGE_TOO_LARGE: ' +
          'A record costs more in its month than can be stored.',
      ],
    ]);
  });

  it('can be expected', async () => {
    const refusal = 'MONTH_CHARGE_TOO_LARGE';
    const answer = await tried({ ...large, expect: { refusal } });
    expect(answer).toEqual([0, [expect.stringMatching(EQUAL)]]);
  });
});
