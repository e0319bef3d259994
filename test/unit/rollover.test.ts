import { describe, expect, it } from 'vitest';
import type { BucketTerms } from '../../src/rating/pricing-facts.js';
import { indexStarts, type RolloverFacts, rolledIn } from '../../src/rating/rollover.js';

const UNIT = 100_000_000n;
const HOLDER = 11;
const at = (text: string) => Date.parse(text);
const KNOWN = at('2030-01-01T00:00:00Z');

/** A hundred units a month, of which up to `cap` are left over. */
function aBucket(given: Partial<BucketTerms> = {}): BucketTerms {
  return {
    id: 1,
    lineageId: 40,
    name: 'units',
    validFrom: at('2026-01-01T00:00:00Z'),
    validTo: null,
    recordedAt: 0,
    supersededAt: null,
    servicePlanId: null,
    contractId: 7,
    kind: 'UNITS',
    amount: 100n * UNIT,
    holder: 'SUBSCRIPTION',
    services: null,
    destinationIds: null,
    priority: 100,
    rolloverCap: 1_000n * UNIT,
    ...given,
  };
}

const capped = (cap: bigint) => aBucket({ rolloverCap: cap * UNIT });

interface Past {
  readonly begins?: string;
  readonly zones?: RolloverFacts['zones'];
  readonly left?: Readonly<Record<string, number>>;
  readonly knownAt?: number;
}

function carried(month: string, lineage: readonly BucketTerms[], past: Past = {}): number {
  const begins = past.begins === undefined ? at('2026-01-10T00:00:00Z') : at(past.begins);
  const facts: RolloverFacts = {
    knownAt: past.knownAt ?? KNOWN,
    startOf: (holder, id) =>
      holder === 'SUBSCRIPTION' && id === HOLDER ? begins : Number.POSITIVE_INFINITY,
    zones: past.zones ?? [{ validFrom: 0, validTo: null, timeZone: 'UTC' }],
    left: (id, holder, of) => (id === 40 && holder === HOLDER ? past.left?.[of] : undefined),
  };
  return rolledIn(facts, lineage, lineage.at(-1)!, HOLDER, month);
}

describe('what is left over', () => {
  it('grows by each month in which nothing was used, up to the cap', () => {
    const months = ['2026-01', '2026-02', '2026-03', '2026-04'];
    expect(months.map((month) => carried(month, [aBucket()]))).toEqual([0, 100, 200, 300]);
    expect(months.map((month) => carried(month, [capped(50n)]))).toEqual([0, 50, 50, 50]);
    expect(months.map((month) => carried(month, [capped(150n)]))).toEqual([0, 100, 150, 150]);
  });

  it('begins with the last month that is known', () => {
    const left = { '2026-01': 99, '2026-02': 30 };
    expect(carried('2026-03', [aBucket()], { left })).toBe(30);
    expect(carried('2026-04', [aBucket()], { left })).toBe(130);
    expect(carried('2026-03', [capped(20n)], { left })).toBe(20);
    expect(carried('2026-04', [capped(20n)], { left })).toBe(20);
    // Nothing left is something that is known.
    expect(carried('2026-03', [aBucket()], { left: { '2026-02': 0 } })).toBe(0);
  });

  it('is nothing for a holder that has not begun', () => {
    const facts = { knownAt: KNOWN, startOf: () => Number.POSITIVE_INFINITY, zones: [] };
    const bucket = aBucket();
    expect(rolledIn({ ...facts, left: () => 5 }, [bucket], bucket, HOLDER, '2026-05')).toBe(0);
  });

  it('is of the version in force at the end of each month, from the first of them on', () => {
    const change = at('2026-02-15T00:00:00Z');
    const lineage = [
      aBucket({ amount: 10n * UNIT, validTo: change }),
      aBucket({ id: 2, validFrom: change }),
    ];
    expect(carried('2026-02', lineage)).toBe(10);
    expect(carried('2026-03', lineage)).toBe(110);
    expect(carried('2026-03', lineage, { knownAt: -1 })).toBe(0);
  });

  it('is lost in a month without any version', () => {
    const lineage = [
      aBucket({ validTo: at('2026-02-01T00:00:00Z') }),
      aBucket({ id: 2, validFrom: at('2026-03-01T00:00:00Z') }),
    ];
    expect(carried('2026-03', lineage)).toBe(0);
    expect(carried('2026-04', lineage)).toBe(100);
  });
});

describe('months of what is left over', () => {
  const change = at('2026-02-01T02:00:00Z');
  const zones = [
    { validFrom: 0, validTo: change, timeZone: 'Europe/Berlin' },
    { validFrom: change, validTo: null, timeZone: 'America/New_York' },
  ];

  it("begin by the contract's zone at the time", () => {
    // In Berlin it was February already, in New York still January.
    expect(carried('2026-03', [aBucket()], { zones, begins: '2026-02-01T01:59:59.999Z' })).toBe(
      100,
    );
    expect(carried('2026-03', [aBucket()], { zones, begins: '2026-02-01T02:00:00Z' })).toBe(200);
  });

  it('begin by the first zone before there was any, and in UTC without one', () => {
    const later = [{ validFrom: KNOWN, validTo: null, timeZone: 'America/New_York' }];
    const begins = '2026-02-01T02:00:00Z';
    expect(carried('2026-03', [aBucket()], { zones: later, begins })).toBe(200);
    expect(carried('2026-03', [aBucket()], { zones: [], begins })).toBe(100);
  });

  it("end by the contract's zone", () => {
    // The price changes when January is over in Berlin, and not yet in New York.
    const lineage = [
      aBucket({ amount: 10n * UNIT, validTo: at('2026-02-01T00:00:00Z') }),
      aBucket({ id: 2, validFrom: at('2026-02-01T00:00:00Z') }),
    ];
    const inZone = (timeZone: string) =>
      carried('2026-02', lineage, { zones: [{ validFrom: 0, validTo: null, timeZone }] });
    expect([inZone('Europe/Berlin'), inZone('UTC'), inZone('America/New_York')]).toEqual([
      10, 10, 100,
    ]);
  });
});

describe('when a holder began', () => {
  it('is the first of its subscriptions', () => {
    const startOf = indexStarts([
      { subscriptionId: 1, rootAccountId: 5, startsAt: 30 },
      { subscriptionId: 2, rootAccountId: 5, startsAt: 20 },
      { subscriptionId: 3, rootAccountId: 6, startsAt: 10 },
    ]);
    expect([1, 2, 3].map((id) => startOf('SUBSCRIPTION', id))).toEqual([30, 20, 10]);
    expect([5, 6].map((id) => startOf('ACCOUNT', id))).toEqual([20, 10]);
    expect(startOf('CONTRACT', 7)).toBe(10);
    expect(startOf('ACCOUNT', 1)).toBe(Number.POSITIVE_INFINITY);
    expect(indexStarts([])('CONTRACT', 7)).toBe(Number.POSITIVE_INFINITY);
  });
});
