import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMonths, civilDate, monthPeriod } from '../../src/kernel/index.js';
import { entitledRuns, pricedFor, type SoldSubscription } from '../../src/rating/entitled.js';
import { grantOf, rolloverCapOf } from '../../src/rating/pots.js';
import { inForce } from '../../src/rating/price-rules.js';
import type { BucketTerms } from '../../src/rating/pricing-facts.js';
import { type RolloverFacts, type Run, rolledIn } from '../../src/rating/rollover.js';

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

function run(from: string, to?: string): Run {
  return { from: at(from), to: to === undefined ? null : at(to) };
}

interface Past {
  readonly begins?: string;
  readonly runs?: readonly Run[];
  readonly zones?: RolloverFacts['zones'];
  readonly left?: Readonly<Record<string, number>>;
  readonly knownAt?: number;
}

function carried(month: string, lineage: readonly BucketTerms[], past: Past = {}): number {
  const begins = past.begins === undefined ? at('2026-01-10T00:00:00Z') : at(past.begins);
  const facts: RolloverFacts = {
    knownAt: past.knownAt ?? KNOWN,
    runsOf: (_, id) => (id === HOLDER ? (past.runs ?? [{ from: begins, to: null }]) : []),
    zones: past.zones ?? [{ validFrom: 0, validTo: null, timeZone: 'UTC' }],
    left: (id, holder) => {
      return new Map(id === 40 && holder === HOLDER ? Object.entries(past.left ?? {}) : []);
    },
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

  it('is nothing for a holder that has not begun, but for what it was seen to have left', () => {
    expect(carried('2026-05', [aBucket()], { runs: [] })).toBe(0);
    expect(carried('2026-01', [aBucket()])).toBe(0);
    expect(carried('2026-05', [aBucket()], { runs: [], left: { '2026-04': 5 } })).toBe(5);
    expect(carried('2026-05', [aBucket()], { runs: [], left: { '2026-03': 5 } })).toBe(0);
  });

  it('is of months alone in which the holder was entitled to the bucket', () => {
    const runs = [run('2026-07-10'), run('2026-01-10', '2026-03-05')];
    const months = ['2026-02', '2026-03', '2026-04', '2026-05', '2026-07', '2026-08', '2026-09'];
    expect(months.map((month) => carried(month, [aBucket()], { runs }))).toEqual([
      100, 200, 300, 0, 0, 100, 200,
    ]);
    // A month in which a pot was opened stays what it was.
    expect(carried('2026-07', [aBucket()], { runs, left: { '2026-06': 8 } })).toBe(8);
    expect(carried('2026-07', [aBucket()], { runs, left: { '2026-05': 8 } })).toBe(0);
  });

  it('is of a holder whose end is given as the last instant that there is', () => {
    const zones = [{ validFrom: 0, validTo: null, timeZone: 'Europe/Berlin' }];
    const runs = [run('2026-01-10T00:00:00Z', '9999-12-31T23:59:59.999Z')];
    expect(carried('2026-03', [capped(1_000n)], { zones, runs })).toBe(200);
  });

  it('goes on where one run follows another, or lies in it', () => {
    const months = ['2026-02', '2026-05', '2026-06', '2026-07'];
    const of = (...runs: Run[]) => months.map((month) => carried(month, [aBucket()], { runs }));
    const whole = of(run('2026-01-01', '2026-06-01'));
    expect(whole).toEqual([100, 400, 500, 0]);
    expect(of(run('2026-03-15', '2026-06-01'), run('2026-01-01', '2026-03-15'))).toEqual(whole);
    expect(of(run('2026-01-01', '2026-06-01'), run('2026-02-01', '2026-03-01'))).toEqual(whole);
    expect(of(run('2026-01-01'), run('2026-02-01', '2026-03-01'))).toEqual([100, 400, 500, 600]);
    expect(of(run('2026-01-31', '2026-02-01'), run('2026-02-01'))).toEqual([100, 400, 500, 600]);
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

  it('is lost in a month that no version ends, used or not', () => {
    const lineage = [
      aBucket({ validTo: at('2026-02-15T00:00:00Z') }),
      aBucket({ id: 2, validFrom: at('2026-03-01T00:00:00Z') }),
    ];
    expect(carried('2026-02', lineage)).toBe(100);
    expect(carried('2026-03', lineage)).toBe(0);
    expect(carried('2026-03', lineage, { left: { '2026-02': 99 } })).toBe(0);
    expect(carried('2026-04', lineage, { left: { '2026-02': 99 } })).toBe(100);
    expect(carried('2026-04', lineage, { left: { '2026-03': 99 } })).toBe(99);
  });
});

describe('months without use', () => {
  const months = (count: number, from = '2026-01') =>
    Array.from({ length: count }, (_, n) => addMonths(from, n));
  const amount = fc.integer({ min: 0, max: 40 });
  const aVersion = fc.record({ grant: amount, cap: fc.option(amount), lasts: fc.nat(90) });
  const pots = fc.dictionary(fc.constantFrom(...months(20)), amount, { maxKeys: 3 });

  it('come to what they come to one after the other', () => {
    fc.assert(
      fc.property(
        fc.array(aVersion, { minLength: 1, maxLength: 4 }),
        pots,
        fc.constantFrom('UTC', 'Pacific/Kiritimati', 'America/New_York'),
        fc.nat(60),
        (versions, left, timeZone, startsOn) => {
          let validFrom = at('2026-01-05T00:00:00Z');
          const lineage = versions.map(({ grant, cap, lasts }, n) => {
            const from = validFrom;
            validFrom += lasts * 86_400_000 + 40_000_000;
            const validTo = n === versions.length - 1 ? null : validFrom;
            const of = {
              amount: BigInt(grant) * UNIT,
              rolloverCap: cap === null ? null : BigInt(cap) * UNIT,
            };
            return aBucket({ id: n, ...of, validFrom: from, validTo });
          });
          const zones = [{ validFrom: 0, validTo: null, timeZone }];
          const begins = new Date(at('2026-01-20T05:00:00Z') + startsOn * 86_400_000).toISOString();
          for (const month of months(22)) {
            const before = addMonths(month, -1);
            const past = { begins, zones, left };
            const found = carried(month, lineage, past);
            // The month before, if it was not used, grants and adds what comes over to it.
            const end = (monthPeriod(timeZone, before).to ?? 0) - 1;
            const granting = lineage.find((one) => inForce(one, end, KNOWN));
            const ran = civilDate(timeZone, at(begins)).slice(0, 7) <= before;
            let rest = left[before];
            if (granting === undefined) rest = 0;
            else if (rest === undefined) {
              const upTo = lineage.slice(0, lineage.indexOf(granting) + 1);
              rest = ran ? grantOf(granting) + carried(before, upTo, past) : 0;
            }
            expect(found).toBe(Math.min(rolloverCapOf(lineage.at(-1)!), rest));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('are told at once, however many they are', () => {
    const begun = performance.now();
    for (const cap of [1_000n, 90_000_000n]) {
      const lineage = [aBucket({ amount: UNIT, rolloverCap: cap * UNIT })];
      const past = { begins: '0001-01-01T00:00:00Z', left: { '2026-02': 5 } };
      const ahead = (9999 - 2026) * 12 + 8;
      expect(carried('9999-11', lineage, past)).toBe(Math.min(Number(cap), ahead + 5));
    }
    expect(performance.now() - begun).toBeLessThan(500);
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

describe('when a holder was entitled', () => {
  const aSubscription = (given: Partial<SoldSubscription>): SoldSubscription => ({
    ...{ subscriptionId: 1, rootAccountId: 5, planId: null, isOwn: true },
    ...{ startsAt: 10, endsAt: null },
    ...given,
  });
  const sold = [
    aSubscription({ startsAt: 30, planId: 61 }),
    aSubscription({ subscriptionId: 2, startsAt: 20, endsAt: 25 }),
    aSubscription({ subscriptionId: 3, rootAccountId: 6, planId: 62 }),
    aSubscription({ subscriptionId: 4, rootAccountId: 6, isOwn: false, planId: 61, startsAt: 5 }),
    // Cancelled before it began.
    aSubscription({ subscriptionId: 5, startsAt: 40, endsAt: 40, planId: 61 }),
  ];
  const terms = [
    { validFrom: 1, validTo: 2, timeZone: 'UTC' },
    { validFrom: 3, validTo: null, timeZone: 'UTC' },
  ];
  const begun = (level: Level, given: Partial<BucketTerms>, holderId: number) =>
    entitledRuns(level, terms, sold)(aBucket(given), holderId).map(({ from }) => from);
  type Level = Parameters<typeof entitledRuns>[0];

  it.each(['RETAIL', 'WHOLESALE', 'COST'] as const)(
    'is when the subscriptions ran that share it: %s',
    (level) => {
      const bySubscription = (id: number) => begun(level, { holder: 'SUBSCRIPTION' }, id);
      expect([1, 2, 3, 4, 5].map(bySubscription)).toEqual([[30], [20], [10], [5], []]);
      const byAccount = (id: number) => begun(level, { holder: 'ACCOUNT' }, id);
      expect([5, 6, 1].map(byAccount)).toEqual([[30, 20], [10, 5], []]);
    },
  );

  it('is when any subscription of a retail contract ran, and when another had terms', () => {
    expect(begun('RETAIL', { holder: 'CONTRACT' }, 7)).toEqual([30, 20, 10, 5]);
    expect(begun('WHOLESALE', { holder: 'CONTRACT' }, 7)).toEqual([1, 3]);
    expect(begun('COST', { holder: 'CONTRACT' }, 7)).toEqual([1, 3]);
  });

  it.each(['RETAIL', 'WHOLESALE'] as const)(
    "is when the contract's own subscriptions of the plan ran, for buckets of a plan: %s",
    (level) => {
      const ofPlan = { contractId: null, servicePlanId: 61 };
      expect(begun(level, { ...ofPlan, holder: 'CONTRACT' }, 7)).toEqual([30]);
      expect(begun(level, { ...ofPlan, holder: 'ACCOUNT' }, 5)).toEqual([30]);
      expect(begun(level, { ...ofPlan, holder: 'ACCOUNT' }, 6)).toEqual([]);
      expect(begun(level, { ...ofPlan, holder: 'SUBSCRIPTION' }, 4)).toEqual([]);
    },
  );
});

describe('the contracts whose subscriptions a contract prices', () => {
  const sale = (id: number, seller: number, buyer: number, level = 'WHOLESALE') =>
    ({ id, sellerPartnerId: seller, buyerPartnerId: buyer, level }) as const;
  const contracts = [
    sale(20, 50, 1, 'COST'),
    sale(21, 1, 2),
    sale(22, 2, 3),
    sale(23, 1, 3),
    sale(24, 3, 90, 'RETAIL'),
    sale(25, 2, 91, 'RETAIL'),
    sale(26, 1, 91, 'RETAIL'),
    // The successor of the first.
    sale(27, 1, 2),
  ] as Parameters<typeof pricedFor>[1];
  const priced = (id: number) => {
    const contract = contracts.find((one) => one.id === id)!;
    return [...pricedFor(contract, contracts)].sort((one, other) => one - other);
  };

  it('are its own and those below it, as far as the buyer buys by it', () => {
    expect(priced(21)).toEqual([21, 22, 24, 25]);
    expect(priced(27)).toEqual([22, 24, 25, 27]);
    expect(priced(22)).toEqual([22, 24]);
    expect(priced(23)).toEqual([23]);
    expect(priced(24)).toEqual([24]);
  });

  it('are all for one by which the hub buys', () => {
    expect(priced(20)).toEqual([20, 21, 22, 23, 24, 25, 26, 27]);
  });
});
