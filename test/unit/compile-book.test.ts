import { describe, expect, it } from 'vitest';
import type { RateRow } from '../../src/catalog/index.js';
import { isoFromEpochDay } from '../../src/kernel/index.js';
import { faultCodes } from '../../src/mediation/index.js';
import type { BookFacts } from '../../src/rating/book.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { MAX_LEVELS } from '../../src/rating/compile-guide.js';
import { subscriptionIdAt } from '../../src/rating/guide.js';
import { BatchRater } from '../../src/rating/rate-batch.js';
import { RatedBatch } from '../../src/rating/rated-batch.js';
import {
  aBook,
  aContract,
  aList,
  anIdentity,
  aRate,
  aRecord,
  aSubscription,
  aVersion,
  BERLIN,
  HUB,
  type PlainRecord,
  recordBatch,
} from '../fixtures/book.js';

/** The fault, or the amounts in cents per level (cost first), of one record. */
function rate(facts: BookFacts, fields: Partial<PlainRecord> = {}) {
  const book = compileBook(1, facts);
  const records = recordBatch([aRecord(fields)]);
  const rated = new RatedBatch();
  new BatchRater(book).rate(records, rated, null);
  const fault = faultCodes[records.fault[0]!];
  if (fault !== undefined) return { fault };
  const levels = rated.levels[0]!;
  return {
    subscription: subscriptionIdAt(book.guide, rated.subscription[0]!),
    destination: rated.destinationId[0],
    cents: [...rated.amount.subarray(0, levels)].map((amount) => amount / 1e6),
    billed: rated.billed[levels - 1],
    rateId: rated.rateId[levels - 1],
    day: isoFromEpochDay(rated.day[levels - 1]!),
    versions: [...rated.version.subarray(0, levels)].map((place) =>
      place < 0 ? null : book.contracts.versionId[place],
    ),
  };
}

function withRows(rows: readonly RateRow[], fields: Partial<BookFacts> = {}): BookFacts {
  return aBook({ lists: [aList({ rows })], ...fields });
}

const utc = (text: string) => Date.parse(text);

describe('the price of a number', () => {
  it('is that of the longest prefix, whatever is newer', () => {
    const facts = withRows([
      aRate({ prefix: '49', amount: '0.10', validFrom: utc('2026-06-01T00:00Z') }),
      aRate({ prefix: '4940', amount: '0.20' }),
    ]);
    expect(rate(facts).cents).toEqual([0, 20]);
    expect(rate(facts, { bNumber: '4941' }).cents).toEqual([0, 10]);
    expect(rate(facts, { bNumber: '48' })).toEqual({ fault: 'NO_RATE' });
  });

  it('falls through a closed long prefix to the next shorter one, and back when it opens', () => {
    const closed = utc('2026-07-01T00:00Z');
    const facts = withRows([
      aRate({ prefix: '', amount: '0.05' }),
      aRate({ prefix: '494', amount: '0.10', validTo: closed + 2 * 86_400_000 }),
      aRate({ prefix: '49401', amount: '0.20', validTo: closed }),
      aRate({ prefix: '49401', amount: '0.30', validFrom: closed + 86_400_000 }),
    ]);
    const at = (startedMs: number) => rate(facts, { startedMs }).cents?.[1];
    expect(at(closed - 1)).toBe(20);
    expect(at(closed)).toBe(10);
    expect(at(closed + 86_400_000 - 1)).toBe(10);
    expect(at(closed + 86_400_000)).toBe(30);
    const short = (startedMs: number) => rate(facts, { startedMs, bNumber: '494' }).cents?.[1];
    expect(short(closed)).toBe(10);
    expect(short(closed + 2 * 86_400_000)).toBe(5);
  });

  it('comes from the parent list, changed by the child', () => {
    const lists = [
      aList({ id: 1, rows: [aRate({ prefix: '49' }), aRate({ prefix: '44', amount: '0.30' })] }),
      aList({
        id: 2,
        parentId: 1,
        rows: [aRate({ prefix: '', kind: 'PERCENT', amount: '50' })],
      }),
      aList({ id: 3, parentId: 2, rows: [aRate({ prefix: '44', amount: '0.01' })] }),
    ];
    const by = (priceListId: number, bNumber: string) => {
      const versions = [aVersion({ lists: [{ service: '*', trunkId: null, priceListId }] })];
      return rate(aBook({ lists, versions }), { bNumber }).cents?.[1];
    };
    expect([1, 2, 3].map((id) => by(id, '4930'))).toEqual([10, 15, 15]);
    expect([1, 2, 3].map((id) => by(id, '4430'))).toEqual([30, 45, 1]);
  });

  it('may be given by destination, and the destination is the dial plan own', () => {
    const destinations = [
      { id: 71, prefix: '4940' },
      { id: 71, prefix: '4941' },
      { id: 72, prefix: '494011' },
    ];
    const facts = withRows([aRate({ destinationId: 71 }), aRate({ prefix: '49401' })], {
      destinations,
    });
    expect(rate(facts, { bNumber: '49409' })).toMatchObject({ destination: 71 });
    expect(rate(facts, { bNumber: '49415' })).toMatchObject({ destination: 71, cents: [0, 10] });
    expect(rate(facts, { bNumber: '494012' })).toMatchObject({ destination: 71 });
    expect(rate(facts, { bNumber: '494011' })).toMatchObject({ destination: 72 });
    expect(rate(facts, { bNumber: '4942' })).toEqual({ fault: 'NO_RATE' });
  });

  it('is asked for data by the empty prefix, as there is no number', () => {
    const facts = withRows([aRate({ prefix: '', rateUnit: 1_048_576, amount: '0.01' })]);
    const data = { service: 'DATA', bNumber: '', quantity: 10_485_760 } as const;
    expect(rate(facts, data).cents).toEqual([0, 10]);
    expect(rate(withRows([aRate()]), data)).toEqual({ fault: 'NO_RATE' });
  });

  it('is not needed for a call of no length', () => {
    const facts = withRows([]);
    expect(rate(facts, { quantity: 0 })).toMatchObject({ cents: [0, 0], versions: [null, 1] });
    expect(rate(facts, { quantity: 1 })).toEqual({ fault: 'NO_RATE' });
  });

  it('is refused when it has more digits than an xDR can hold', () => {
    const facts = withRows([aRate({ amount: '90000000', rateUnit: 1 })]);
    expect(rate(facts, { quantity: 1 }).cents).toEqual([0, 9_000_000_000]);
    expect(rate(facts, { quantity: 2 })).toEqual({ fault: 'AMOUNT_TOO_LARGE' });
  });

  it('may be more than a plain number holds exactly: what it comes to decides', () => {
    const terms = { model: 'PER_EVENT', minCharge: 0n, maxCharge: null, schedule: null } as const;
    const dear = { amount: '100000000.00000001', rateUnit: 1_073_741_824 };
    // 60 * 100,000,000.00000001 / 1,073,741,824 = 5.58793544...
    expect(rate(withRows([aRate(dear)]), { quantity: 60 }).cents).toEqual([0, 558.79]);
    const fee = aRate({ ...dear, connectionFee: 9_007_199_254_740_993n });
    expect(rate(withRows([fee]), { quantity: 60 })).toEqual({ fault: 'AMOUNT_TOO_LARGE' });
    const event = withRows([aRate({ ...dear, terms })]);
    expect(rate(event, { quantity: 60 })).toEqual({ fault: 'AMOUNT_TOO_LARGE' });
    const limited = aRate({ ...dear, terms: { ...terms, maxCharge: 500_000_000n } });
    expect(rate(withRows([limited]), { quantity: 60 }).cents).toEqual([0, 500]);
  });
});

describe('time bands', () => {
  const OFF_PEAK = 5;
  const WEEKEND = 6;
  const profiles = [
    {
      id: 3,
      rules: [
        { bandId: OFF_PEAK, weekdays: 31, fromMinute: 0, toMinute: 180 },
        { bandId: WEEKEND, weekdays: 96, fromMinute: 0, toMinute: 1440 },
      ],
      holidays: [],
    },
  ];
  const lists = [
    aList({
      timeProfileId: 3,
      rows: [
        aRate({ prefix: '49', amount: '0.10' }),
        aRate({ prefix: '49', amount: '0.02', bandId: OFF_PEAK }),
        aRate({ prefix: '494', amount: '0.01', bandId: WEEKEND }),
        aRate({ prefix: '4940', amount: '0.50' }),
      ],
    }),
  ];
  const facts = aBook({ lists, profiles });
  const cents = (text: string, bNumber = '4930') =>
    rate(facts, { startedMs: utc(text), bNumber }).cents?.[1];

  it('begin and end on the wall clock of the contract', () => {
    // Wednesday in summer, Berlin is two hours ahead of UTC.
    expect(cents('2026-06-30T21:59:59.999Z')).toBe(10);
    expect(cents('2026-06-30T22:00:00Z')).toBe(2);
    expect(cents('2026-07-01T00:59:59.999Z')).toBe(2);
    expect(cents('2026-07-01T01:00:00Z')).toBe(10);
    // And one hour in winter.
    expect(cents('2026-12-01T23:00:00Z')).toBe(2);
    expect(cents('2026-12-01T22:59:59Z')).toBe(10);
  });

  it('have both hours of a doubled hour and none of a skipped one', () => {
    const sunday = [{ bandId: OFF_PEAK, weekdays: 64, fromMinute: 120, toMinute: 180 }];
    const doubled = { ...facts, profiles: [{ id: 3, rules: sunday, holidays: [] }] };
    const at = (text: string) =>
      rate(doubled, { startedMs: utc(text), bNumber: '4930' }).cents?.[1];
    expect(at('2026-10-24T23:59:59Z')).toBe(10);
    expect(at('2026-10-25T00:00:00Z')).toBe(2);
    expect(at('2026-10-25T01:59:59Z')).toBe(2);
    expect(at('2026-10-25T02:00:00Z')).toBe(10);
    expect(at('2026-03-29T00:59:59Z')).toBe(10);
    expect(at('2026-03-29T01:00:00Z')).toBe(10);
  });

  it('give way to the price without band before a shorter prefix of the band', () => {
    expect(cents('2026-07-01T12:00:00Z')).toBe(10);
    expect(cents('2026-07-01T00:00:00Z', '4940')).toBe(50);
    // A Saturday: 494 has a price in its band only.
    expect(cents('2026-07-04T12:00:00Z', '4945')).toBe(1);
    expect(cents('2026-07-04T12:00:00Z', '4940')).toBe(50);
    expect(cents('2026-07-03T12:00:00Z', '4945')).toBe(10);
  });
});

describe('contracts and their versions', () => {
  const change = utc('2026-06-30T22:00:00Z');
  const versions = [
    aVersion({ id: 8, validFrom: change, validTo: change + 86_400_000, roundingDecimals: 0 }),
    aVersion({ id: 7, validTo: change, roundingDecimals: 2, roundingMode: 'UP' }),
  ];

  it('change at the very millisecond, and have no terms behind their end', () => {
    const facts = withRows([aRate({ amount: '0.625' })], { versions });
    expect(rate(facts, { startedMs: change - 1 })).toMatchObject({
      versions: [null, 7],
      cents: [0, 63],
      day: '2026-06-30',
    });
    expect(rate(facts, { startedMs: change })).toMatchObject({
      versions: [null, 8],
      cents: [0, 100],
      day: '2026-07-01',
    });
    expect(rate(facts, { startedMs: change + 86_400_000 })).toEqual({ fault: 'NO_CONTRACT' });
  });

  it('name a list by service, or one for the rest', () => {
    const lists = [
      aList({ id: 1, rows: [aRate({ prefix: '', rateUnit: 1, amount: '0.01' })] }),
      aList({ id: 2, rows: [aRate({ prefix: '', rateUnit: 1, amount: '0.02' })] }),
    ];
    const by = (own: BookFacts['versions'][number]['lists'], service: 'VOICE' | 'SMS') =>
      rate(aBook({ lists, versions: [aVersion({ lists: own })] }), { service, quantity: 1 });
    const both = [
      { service: '*', trunkId: null, priceListId: 1 },
      { service: 'SMS', trunkId: null, priceListId: 2 },
    ] as const;
    expect([by(both, 'VOICE').cents, by(both, 'SMS').cents]).toEqual([
      [0, 1],
      [0, 2],
    ]);
    expect(by([{ service: 'SMS', trunkId: null, priceListId: 2 }], 'VOICE')).toEqual({
      fault: 'NO_PRICE_LIST',
    });
    expect(by([{ service: '*', trunkId: null, priceListId: 9 }], 'VOICE')).toEqual({
      fault: 'NO_PRICE_LIST',
    });
  });

  // The hub sells to reseller 10, that to 11, and that to the customer.
  function chained(length: number, fields: Partial<BookFacts> = {}): BookFacts {
    const contracts = Array.from({ length }, (_, n) =>
      aContract({
        id: n === length - 1 ? 1 : 20 + n,
        sellerPartnerId: n === 0 ? HUB : 9 + n,
        buyerPartnerId: n === length - 1 ? 2 : 10 + n,
        level: n === length - 1 ? 'RETAIL' : 'WHOLESALE',
      }),
    );
    return aBook({
      contracts,
      versions: contracts.map(({ id }) => aVersion({ id: 100 + id, contractId: id })),
      ...fields,
    });
  }

  it('are priced from the hub down to the subscriber', () => {
    const found = rate(chained(3));
    expect(found.versions).toEqual([null, 120, 121, 101]);
    expect(found.cents).toEqual([0, 10, 10, 10]);
  });

  it('may stand seven deep and no deeper', () => {
    expect(rate(chained(MAX_LEVELS - 1)).cents).toHaveLength(MAX_LEVELS);
    expect(rate(chained(MAX_LEVELS))).toEqual({ fault: 'NO_CONTRACT' });
  });

  it('must lead to the hub', () => {
    const facts = chained(3);
    const broken = facts.contracts.filter(({ id }) => id !== 20);
    expect(rate({ ...facts, contracts: broken })).toEqual({ fault: 'NO_CONTRACT' });
    const turning = facts.contracts.map((contract) =>
      contract.id === 20 ? { ...contract, sellerPartnerId: 11 } : contract,
    );
    expect(rate({ ...facts, contracts: turning })).toEqual({ fault: 'NO_CONTRACT' });
  });

  it('of a reseller count by the lowest id', () => {
    const facts = chained(2);
    const second = aContract({ id: 19, buyerPartnerId: 10, level: 'WHOLESALE' });
    const versions = [...facts.versions, aVersion({ id: 119, contractId: 19 })];
    const contracts = [...facts.contracts, second];
    expect(rate({ ...facts, contracts, versions }).versions).toEqual([null, 119, 101]);
  });

  it('are bought by the trunk that the call leaves by', () => {
    const cost = aContract({ id: 5, sellerPartnerId: 50, buyerPartnerId: HUB, level: 'COST' });
    const facts = aBook({
      contracts: [cost, aContract()],
      versions: [aVersion({ id: 55, contractId: 5 }), aVersion()],
      trunks: [
        { id: 4, name: 'out', costContractId: 5 },
        { id: 6, name: 'in', costContractId: null },
      ],
    });
    expect(rate(facts, { outTrunk: 4 })).toMatchObject({ versions: [55, 1], cents: [10, 10] });
    expect(rate(facts, { outTrunk: 6 })).toMatchObject({ versions: [null, 1], cents: [0, 10] });
    expect(rate(facts, { outTrunk: 5 })).toMatchObject({ versions: [null, 1] });
    const ended = { ...facts, versions: [aVersion()] };
    expect(rate(ended, { outTrunk: 4 })).toEqual({ fault: 'NO_CONTRACT' });
  });
});

describe('the owner of a record', () => {
  const moved = utc('2026-07-01T00:00:00Z');
  const facts = aBook({
    subscriptions: [
      aSubscription({ id: 1 }),
      aSubscription({ id: 2 }),
      aSubscription({ id: 3, startsAt: moved, endsAt: moved + 1000 }),
      aSubscription({ id: 4, startsAt: moved + 30_001, endsAt: moved + 150_001 }),
    ],
    identities: [
      anIdentity({ numberFrom: 100, numberTo: 199, validTo: moved }),
      anIdentity({ numberFrom: 150, numberTo: 250, validFrom: moved, subscriptionId: 2 }),
      anIdentity({ numberFrom: 300, numberTo: 300, subscriptionId: 3 }),
      anIdentity({ numberFrom: 400, numberTo: 400, subscriptionId: 4 }),
      anIdentity({
        ...{ numberFrom: 500, numberTo: 500, subscriptionId: 1 },
        ...{ validFrom: moved + 30_001, validTo: moved + 150_001 },
      }),
      anIdentity({
        numberFrom: null,
        numberTo: null,
        trunkId: 4,
        subscriptionId: 2,
        validTo: moved,
      }),
    ],
    trunks: [{ id: 4, name: 'in', costContractId: null }],
  });
  const owner = (aNumber: string, startedMs: number, inTrunk = 0) => {
    const found = rate(facts, { aNumber, startedMs, inTrunk });
    return 'fault' in found ? found.fault : found.subscription;
  };

  it('is who holds the number at that time', () => {
    const before = ['99', '100', '149', '150', '199', '200', '251'];
    expect(before.map((number) => owner(number, moved - 1))).toEqual([
      ...['UNKNOWN_SUBSCRIBER', 1, 1, 1, 1],
      ...['UNKNOWN_SUBSCRIBER', 'UNKNOWN_SUBSCRIBER'],
    ]);
    expect(before.map((number) => owner(number, moved))).toEqual([
      ...['UNKNOWN_SUBSCRIBER', 'UNKNOWN_SUBSCRIBER', 'UNKNOWN_SUBSCRIBER', 2, 2, 2],
      'UNKNOWN_SUBSCRIBER',
    ]);
  });

  it('is who holds the trunk, before the number is looked at', () => {
    expect(owner('100', moved - 1, 4)).toBe(2);
    expect(owner('', moved - 1, 4)).toBe(2);
    expect(owner('160', moved, 4)).toBe(2);
    expect(owner('', moved, 4)).toBe('UNKNOWN_SUBSCRIBER');
    expect(owner('100', moved - 1, 77)).toBe(1);
  });

  it('must be active at that time', () => {
    expect([-1, 0, 999, 1000].map((after) => owner('300', moved + after))).toEqual([
      ...['SUBSCRIPTION_NOT_ACTIVE', 3, 3, 'SUBSCRIPTION_NOT_ACTIVE'],
    ]);
  });

  it('is found to the millisecond, whatever minute that is in', () => {
    const times = [30_000, 30_001, 59_999, 60_000, 150_000, 150_001];
    const found = (number: string) => times.map((after) => owner(number, moved + after));
    const not = 'SUBSCRIPTION_NOT_ACTIVE';
    expect(found('400')).toEqual([not, 4, 4, 4, 4, not]);
    const nobody = 'UNKNOWN_SUBSCRIBER';
    expect(found('500')).toEqual([nobody, 1, 1, 1, 1, nobody]);
  });

  it('is nobody in an empty book', () => {
    const empty = aBook({
      identities: [],
      subscriptions: [],
      contracts: [],
      versions: [],
      lists: [],
    });
    expect(rate(empty)).toEqual({ fault: 'UNKNOWN_SUBSCRIBER' });
    expect(rate({ ...empty, identities: [anIdentity()] })).toEqual({ fault: 'UNKNOWN_SUBSCRIBER' });
  });
});

describe('a book', () => {
  it('lies in memory that threads share', () => {
    const book = compileBook(9, aBook({ versions: [aVersion({ timeZone: BERLIN })] }));
    const shared = (value: unknown): boolean =>
      !ArrayBuffer.isView(value) || value.buffer instanceof SharedArrayBuffer;
    const parts = [book, book.tree, book.slots, book.contracts, book.guide];
    for (const part of parts) {
      for (const [name, value] of Object.entries(part)) expect(shared(value), name).toBe(true);
    }
    expect(shared(book.slotOf)).toBe(true);
    expect(book.id).toBe(9);
  });

  it('keeps equal tariffs once', () => {
    const rows = Array.from({ length: 50 }, (_, n) => aRate({ prefix: `49${n}`, amount: '0.1' }));
    const book = compileBook(1, withRows([...rows, aRate({ prefix: '1', amount: '0.2' })]));
    expect(book.tariffs).toHaveLength(2 * 8);
  });

  it('refuses lists that inherit in a circle or from nowhere', () => {
    const circle = [aList({ id: 1, parentId: 2 }), aList({ id: 2, parentId: 1 })];
    expect(() => compileBook(1, aBook({ lists: circle }))).toThrow('circle');
    const orphan = [aList({ id: 1, parentId: 9 })];
    expect(() => compileBook(1, aBook({ lists: orphan }))).toThrow('parent');
  });
});
