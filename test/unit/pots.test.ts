import { describe, expect, it } from 'vitest';
import { grantOf, PotList, type PotSubject, rolloverCapOf } from '../../src/rating/pots.js';
import type { BucketTerms } from '../../src/rating/pricing-facts.js';

const UNIT = 100_000_000n;
const CONTRACT = 7;
const PLAN = 3;

function aBucket(given: Partial<BucketTerms> & { readonly id: number }): BucketTerms {
  return {
    lineageId: given.id,
    name: `bucket ${given.id}`,
    validFrom: 0,
    validTo: null,
    recordedAt: 0,
    supersededAt: null,
    servicePlanId: null,
    contractId: CONTRACT,
    kind: 'UNITS',
    amount: 60n * UNIT,
    holder: 'SUBSCRIPTION',
    services: null,
    destinationIds: null,
    priority: 100,
    rolloverCap: null,
    ...given,
  };
}

const subject: PotSubject = {
  startedMs: 1_000,
  knownAt: 500,
  service: 'VOICE',
  destinationId: 5,
  planId: PLAN,
  contractId: CONTRACT,
  holderId: (holder) => ({ SUBSCRIPTION: 11, ACCOUNT: 12, CONTRACT })[holder],
};

function potsOf(terms: readonly BucketTerms[], rolledIn = 0): PotList {
  return new PotList(terms, () => rolledIn);
}

function idsFor(terms: readonly BucketTerms[], at = subject, kind: BucketTerms['kind'] = 'UNITS') {
  return potsOf(terms)
    .matching(kind, at)
    .map(({ bucketLineageId }) => bucketLineageId);
}

describe('the buckets of a record', () => {
  it('are used by priority, and by age where that is the same', () => {
    const terms = [
      aBucket({ id: 3 }),
      aBucket({ id: 1, priority: 300 }),
      aBucket({ id: 5 }),
      aBucket({ id: 2 }),
      aBucket({ id: 4, priority: 10 }),
      // A later version of a bucket that is older than all others of its priority.
      aBucket({ id: 9, lineageId: 0 }),
    ];
    expect(idsFor(terms)).toEqual([4, 0, 2, 3, 5, 1]);
  });

  it('are those of its contract or plan, of their kind', () => {
    const terms = [
      aBucket({ id: 1 }),
      aBucket({ id: 2, contractId: 8 }),
      aBucket({ id: 3, contractId: null, servicePlanId: PLAN }),
      aBucket({ id: 4, contractId: null, servicePlanId: 4 }),
      aBucket({ id: 5, kind: 'MONEY' }),
    ];
    expect(idsFor(terms)).toEqual([1, 3]);
    expect(idsFor(terms, subject, 'MONEY')).toEqual([5]);
    expect(idsFor(terms, { ...subject, planId: 0 })).toEqual([1]);
    expect([...potsOf(terms.slice(0, 2)).kinds]).toEqual(['UNITS']);
  });

  it('are for its service and destination, at its time', () => {
    const only = (given: Partial<BucketTerms>) => idsFor([aBucket({ id: 1, ...given })]).length;
    expect(only({ services: ['SMS', 'VOICE'] })).toBe(1);
    expect(only({ services: ['SMS'] })).toBe(0);
    expect(only({ destinationIds: [5] })).toBe(1);
    expect(only({ destinationIds: [4] })).toBe(0);
    expect(only({ validFrom: 1_001 })).toBe(0);
    expect(only({ supersededAt: 500 })).toBe(0);
  });

  it('hold something', () => {
    const pots = potsOf([aBucket({ id: 1 }), aBucket({ id: 2 })]);
    const [first] = pots.matching('UNITS', subject);
    first!.left = 0;
    expect(pots.matching('UNITS', subject).map((pot) => pot.bucketLineageId)).toEqual([2]);
    first!.left = 1;
    expect(pots.matching('UNITS', subject)[0]).toBe(first);
    expect(pots.all()).toHaveLength(2);
  });

  it('are one for each holder', () => {
    const pots = potsOf([aBucket({ id: 1 }), aBucket({ id: 2, holder: 'CONTRACT' })]);
    const [own, shared] = pots.matching('UNITS', subject);
    const other = { ...subject, holderId: (holder: string) => (holder === 'CONTRACT' ? 7 : 99) };
    const [otherOwn, otherShared] = pots.matching('UNITS', other);
    expect(otherOwn).not.toBe(own);
    expect(otherShared).toBe(shared);
    expect([own!.holderId, otherOwn!.holderId, shared!.holderId]).toEqual([11, 99, CONTRACT]);
  });
});

describe('a pot', () => {
  it('holds what is granted and what was left over, where that is allowed', () => {
    const made = (given: Partial<BucketTerms>) =>
      potsOf([aBucket({ id: 1, ...given })], 25).matching('UNITS', subject)[0]!;
    expect(made({})).toMatchObject({ granted: 60, rolledIn: 0, bonus: 0, left: 60 });
    expect(made({ rolloverCap: 30n * UNIT })).toMatchObject({ rolledIn: 25, left: 85 });
    expect(grantOf({ kind: 'MONEY', amount: 5n })).toBe(5);
    expect(grantOf({ kind: 'UNITS', amount: 5n * UNIT })).toBe(5);
    expect(rolloverCapOf({ kind: 'UNITS', rolloverCap: 5n * UNIT })).toBe(5);
    expect(rolloverCapOf({ kind: 'MONEY', rolloverCap: 5n })).toBe(5);
    expect(rolloverCapOf({ kind: 'MONEY', rolloverCap: null })).toBe(0);
  });

  it('tells who took how much', () => {
    const pots = potsOf([aBucket({ id: 1 })]);
    const [pot] = pots.matching('UNITS', subject);
    pots.note(pot!, 11, 20);
    pots.note(pot!, 11, 5);
    pots.note(pot!, 12, 7);
    expect([...pot!.usedBy]).toEqual([
      [11, 25],
      [12, 7],
    ]);
  });

  it('takes a bonus for the bucket of that name in force, and no other', () => {
    const pots = potsOf([
      aBucket({ id: 4, lineageId: 1, validTo: 900 }),
      aBucket({ id: 2, lineageId: 1 }),
      aBucket({ id: 3 }),
    ]);
    pots.grant(1, subject, 15);
    pots.grant(41, subject, 15);
    const [pot, other] = pots.matching('UNITS', subject);
    expect(pot).toMatchObject({ bucketLineageId: 1, bonus: 15, left: 75 });
    expect(other).toMatchObject({ bucketLineageId: 3, bonus: 0, left: 60 });
    expect(pots.all()).toHaveLength(2);
    const late = potsOf([aBucket({ id: 1, validTo: 900 })]);
    late.grant(1, subject, 15);
    expect(late.all()).toEqual([]);
  });
});
