import { describe, expect, it } from 'vitest';
import { whole } from '../../src/rating/fraction.js';
import {
  applyRules,
  inForce,
  type RuleContract,
  type RuleSubject,
  ruleMatches,
  rulesOfContract,
} from '../../src/rating/price-rules.js';
import type { GroupMember, PriceRule } from '../../src/rating/pricing-facts.js';

const UNIT = 100_000_000n;
const HUB = 1;
const SUPPLIER = 2;
const BUYER = 3;

function aRule(given: Partial<PriceRule> & { readonly id: number }): PriceRule {
  return {
    lineageId: given.id,
    name: `rule ${given.id}`,
    validFrom: 0,
    validTo: null,
    recordedAt: 0,
    supersededAt: null,
    sellerPartnerId: HUB,
    type: 'DISCOUNT',
    effect: 'PERCENT',
    amount: 10n * UNIT,
    stacking: 'ORDERED',
    priority: 100,
    level: null,
    customerGroupId: null,
    buyerPartnerId: null,
    contractId: null,
    subscriptionId: null,
    service: null,
    destinationIds: null,
    weekdays: null,
    fromMinute: null,
    toMinute: null,
    measure: null,
    volumeFrom: 0n,
    volumeTo: null,
    holder: 'SUBSCRIPTION',
    period: 'MONTH',
    cap: null,
    ...given,
  };
}

const retail: RuleContract = {
  id: 7,
  level: 'RETAIL',
  sellerPartnerId: HUB,
  buyerPartnerId: BUYER,
};
const cost: RuleContract = { id: 8, level: 'COST', sellerPartnerId: SUPPLIER, buyerPartnerId: HUB };
const subject: RuleSubject = {
  startedMs: 1_000,
  knownAt: 500,
  service: 'VOICE',
  destinationId: 5,
  subscriptionId: 9,
  minuteOfWeek: 2 * 1440 + 600,
};

function aMember(given: Partial<GroupMember>): GroupMember {
  const times = { validFrom: 0, validTo: null, recordedAt: 0, supersededAt: null };
  return { groupId: 4, partnerId: BUYER, ...times, ...given };
}

function idsFor(contract: RuleContract, rules: readonly PriceRule[], members: GroupMember[] = []) {
  return rulesOfContract(rules, contract, members).map(({ id }) => id);
}

function matches(given: Partial<PriceRule>, members: GroupMember[] = [], at = subject): boolean {
  return ruleMatches(aRule({ id: 1, ...given }), retail, at, members);
}

describe('the times of a fact', () => {
  const fact = { validFrom: 10, validTo: 20, recordedAt: 3, supersededAt: 6 };

  it('begin with their first instant and end before their last', () => {
    const at = (startedMs: number, knownAt: number) => inForce(fact, startedMs, knownAt);
    expect([at(9, 3), at(10, 3), at(19, 3), at(20, 3)]).toEqual([false, true, true, false]);
    expect([at(10, 2), at(10, 3), at(10, 5), at(10, 6)]).toEqual([false, true, true, false]);
  });
});

describe('the rules of a contract', () => {
  it('act by priority, and by age where that is the same', () => {
    const rules = [
      aRule({ id: 3, priority: 20 }),
      aRule({ id: 1, priority: 30 }),
      aRule({ id: 5, priority: 20 }),
      aRule({ id: 2, priority: 20 }),
      aRule({ id: 4, priority: 10 }),
      // A later version of a rule that is older than all others of its priority.
      aRule({ id: 9, lineageId: 0, priority: 20 }),
    ];
    expect(idsFor(retail, rules)).toEqual([4, 9, 2, 3, 5, 1]);
  });

  it('are those of its seller, and at cost those that the buyer keeps by naming the level', () => {
    const rules = [
      aRule({ id: 1 }),
      aRule({ id: 2, sellerPartnerId: SUPPLIER }),
      aRule({ id: 3, level: 'COST' }),
      aRule({ id: 4, sellerPartnerId: BUYER, level: 'COST' }),
      aRule({ id: 5, sellerPartnerId: SUPPLIER, level: 'RETAIL' }),
    ];
    expect(idsFor(retail, rules)).toEqual([1]);
    expect(idsFor(cost, rules)).toEqual([2, 3]);
    // What a buyer enters for its own purchase acts at cost alone.
    const wholesale = { ...cost, level: 'WHOLESALE' } as const;
    expect(idsFor(wholesale, rules)).toEqual([2]);
  });

  it('name this contract, buyer and level or none', () => {
    const rules = [
      aRule({ id: 1, contractId: 7 }),
      aRule({ id: 2, contractId: 8 }),
      aRule({ id: 3, buyerPartnerId: BUYER }),
      aRule({ id: 4, buyerPartnerId: HUB }),
      aRule({ id: 5, level: 'RETAIL' }),
      aRule({ id: 6, level: 'WHOLESALE' }),
    ];
    expect(idsFor(retail, rules)).toEqual([1, 3, 5]);
  });

  it('are for groups that the buyer was ever in', () => {
    const rules = [aRule({ id: 1, customerGroupId: 4 }), aRule({ id: 2, customerGroupId: 6 })];
    const members = [
      aMember({ groupId: 6, partnerId: HUB }),
      aMember({ groupId: 4, validTo: 1, supersededAt: 1 }),
    ];
    expect(idsFor(retail, rules, members)).toEqual([1]);
    expect(idsFor(retail, rules, [])).toEqual([]);
  });
});

describe('a rule for a record', () => {
  it('asks for service, subscription and destination', () => {
    expect(matches({})).toBe(true);
    expect(matches({ service: 'VOICE' })).toBe(true);
    expect(matches({ service: 'SMS' })).toBe(false);
    expect(matches({ subscriptionId: 9 })).toBe(true);
    expect(matches({ subscriptionId: 8 })).toBe(false);
    expect(matches({ destinationIds: [4, 5] })).toBe(true);
    expect(matches({ destinationIds: [4] })).toBe(false);
    expect(matches({ validFrom: 1_001 })).toBe(false);
    expect(matches({ recordedAt: 501 })).toBe(false);
  });

  it('asks for the day of the week and the minute of the day', () => {
    // The record begins on a Wednesday at 10:00.
    expect(matches({ weekdays: 0b0000100 })).toBe(true);
    expect(matches({ weekdays: 0b1111011 })).toBe(false);
    expect(matches({ weekdays: 0b0001000 })).toBe(false);
    expect(matches({ fromMinute: 600, toMinute: 601 })).toBe(true);
    expect(matches({ fromMinute: 601 })).toBe(false);
    expect(matches({ toMinute: 600 })).toBe(false);
    expect(matches({ fromMinute: 600 })).toBe(true);
  });

  it('asks for the group that the buyer is in at that time', () => {
    const rule = { customerGroupId: 4 };
    expect(matches(rule, [aMember({})])).toBe(true);
    expect(matches(rule, [])).toBe(false);
    expect(matches(rule, [aMember({ groupId: 6 })])).toBe(false);
    expect(matches(rule, [aMember({ partnerId: HUB })])).toBe(false);
    expect(matches(rule, [aMember({ validTo: 1_000 })])).toBe(false);
    expect(matches(rule, [aMember({ recordedAt: 501 })])).toBe(false);
    // One that is in it is enough, whoever else is not.
    expect(matches(rule, [aMember({ groupId: 6 }), aMember({}), aMember({ partnerId: HUB })])).toBe(
      true,
    );
  });
});

/** Ten units with some rules, and what each of them did. */
function ruled(rules: readonly PriceRule[], left: bigint | null = null) {
  const { charge, effects } = applyRules(whole(10n * UNIT), rules, ({ cap }) => cap && left);
  const amount = ({ numerator, denominator }: typeof charge) =>
    Number((numerator * 1_000n) / (denominator * UNIT)) / 1_000;
  return [amount(charge), effects.map(({ rule, effect }) => [rule.id, amount(effect)])];
}

const fixed = (id: number, sum: bigint, given: Partial<PriceRule> = {}) =>
  aRule({ id, effect: 'FIXED', amount: sum * UNIT, ...given });

describe('rules on a charge', () => {
  it('act one after the other, each on what is left', () => {
    const surcharge = aRule({ id: 2, type: 'SURCHARGE', amount: 50n * UNIT });
    expect(ruled([aRule({ id: 1 }), surcharge])).toEqual([
      13.5,
      [
        [1, -1],
        [2, 4.5],
      ],
    ]);
  });

  it('never take more than there is', () => {
    expect(ruled([fixed(1, 8n), fixed(2, 8n)])).toEqual([
      0,
      [
        [1, -8],
        [2, -2],
      ],
    ]);
    expect(ruled([fixed(1, 12n, { type: 'SURCHARGE' })])).toEqual([22, [[1, 12]]]);
  });

  it('leave one exclusive discount alone with the surcharges, the first of them', () => {
    const rules = [
      fixed(1, 1n),
      fixed(2, 2n, { stacking: 'EXCLUSIVE' }),
      fixed(3, 3n, { stacking: 'EXCLUSIVE' }),
      fixed(4, 4n, { type: 'SURCHARGE', stacking: 'EXCLUSIVE' }),
      fixed(5, 5n, { type: 'SURCHARGE' }),
    ];
    expect(ruled(rules)).toEqual([
      17,
      [
        [2, -2],
        [4, 4],
        [5, 5],
      ],
    ]);
  });

  it('let an exclusive surcharge keep nothing away', () => {
    const surcharge = fixed(2, 4n, { type: 'SURCHARGE', stacking: 'EXCLUSIVE' });
    expect(ruled([fixed(1, 1n), surcharge])).toEqual([
      13,
      [
        [1, -1],
        [2, 4],
      ],
    ]);
  });

  it('let the best of some discounts act, the earlier of two as good, beside all others', () => {
    const rules = [
      fixed(1, 1n),
      fixed(2, 2n, { stacking: 'BEST_OF' }),
      fixed(3, 3n, { stacking: 'BEST_OF' }),
      aRule({ id: 4, amount: 30n * UNIT, stacking: 'BEST_OF' }),
      fixed(5, 9n, { type: 'SURCHARGE', stacking: 'BEST_OF' }),
    ];
    expect(ruled(rules)).toEqual([
      15,
      [
        [1, -1],
        [3, -3],
        [5, 9],
      ],
    ]);
    // A single one is the best there is, though it takes nothing.
    expect(ruled([fixed(1, 0n, { stacking: 'BEST_OF' })])).toEqual([10, [[1, 0]]]);
  });

  it('stop at what is left of their cap', () => {
    const capped = (id: number) => fixed(id, 4n, { cap: 3n * UNIT });
    expect(ruled([capped(1)], 3n * UNIT)).toEqual([7, [[1, -3]]]);
    expect(ruled([capped(1)], 5n * UNIT)).toEqual([6, [[1, -4]]]);
    expect(ruled([capped(1)], 0n)).toEqual([10, [[1, 0]]]);
    const most = { stacking: 'BEST_OF' } as const;
    // What a cap leaves decides which is the best.
    expect(ruled([{ ...capped(1), ...most }, fixed(2, 2n, most)], UNIT)).toEqual([8, [[2, -2]]]);
  });

  it('act with a share of their sum on a share of a month', () => {
    const half = { numerator: 1n, denominator: 2n };
    const { charge } = applyRules(whole(10n * UNIT), [fixed(1, 4n)], () => null, half);
    expect(charge.numerator).toBe(8n * UNIT * charge.denominator);
  });
});
