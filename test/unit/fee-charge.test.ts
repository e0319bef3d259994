import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ContractFeeFacts,
  contractFees,
  type KnownFee,
} from '../../src/billing/contract-fees.js';
import { explainCharge } from '../../src/billing/fee-explanation.js';
import type { FeePricing } from '../../src/billing/fee-price.js';
import { CapLedger, type FeeRule } from '../../src/billing/fee-rules.js';
import type { FeeCharge } from '../../src/billing/fees.js';
import { ruledFees } from '../../src/billing/flat-fees.js';
import {
  daysBetween,
  formatAmount,
  parseAmount,
  type RoundingMode,
} from '../../src/kernel/index.js';
import { decimalModes } from '../fixtures/oracle.js';
import { refusal } from '../fixtures/refusal.js';

const Exact = Decimal.clone({ precision: 80 });
/** Keeps every digit of the double of such a number. */
const Longer = Decimal.clone({ precision: 120 });
const POLICY = { decimals: 4, rounding: 'HALF_UP' } as const;
const DAYS = 31;

const pricing = (given: Partial<FeePricing>): FeePricing => ({
  model: 'PER_UNIT',
  rateUnit: 1,
  counts: 'SUBSCRIPTIONS',
  ofServices: null,
  ofFees: null,
  minCharge: 0n,
  maxCharge: null,
  steps: [],
  ...given,
});
const percent = (given: Partial<FeePricing> = {}) =>
  pricing({ model: 'PERCENT_OF_CHARGE', counts: null, ofServices: ['VOICE'], ...given });
const fee = (amount: string, given: Partial<KnownFee> = {}): KnownFee => ({
  planFeeId: 1,
  planId: 7,
  planName: 'Office',
  name: 'Fee',
  kind: 'PERIODIC',
  amount: parseAmount(amount),
  currency: 'EUR',
  pricing: null,
  fromOn: '2026-01-01',
  toOn: null,
  recordedAt: 0,
  supersededAt: null,
  ...given,
});
const subscription = (fromOn: string, toOn: string | null = null) => ({
  subscriptionId: 5,
  planId: 7,
  fromOn,
  toOn,
  months: ['2026-10'],
});
const step = (upTo: number | null, price: string, given: object = {}) => ({
  ...{ upTo, price: parseAmount(price), rateUnit: 1, flatFee: 0n, block: false },
  ...given,
});
const steps = [step(3, '5'), step(null, '4', { flatFee: parseAmount('2') })];
const rule = (given: Partial<FeeRule>): FeeRule => ({
  ...{ id: 1, lineageId: 1, name: 'Rule', sellerPartnerId: 1, type: 'DISCOUNT', effect: 'PERCENT' },
  ...{ amount: parseAmount('10'), stacking: 'ORDERED', priority: 0, level: null },
  ...{ customerGroupId: null, buyerPartnerId: null, contractId: null, subscriptionId: null },
  ...{ service: null, destinationIds: null, weekdays: null, fromMinute: null, toMinute: null },
  ...{ measure: null, volumeFrom: 0n, volumeTo: null, holder: 'CONTRACT', period: 'MONTH' },
  ...{ cap: null, validFrom: 0, validTo: null, recordedAt: 0, supersededAt: null },
  ...{ servicePlanId: null, feeKind: null, feeName: null, memberDays: null },
  days: { fromOn: '2026-01-01', toOn: null },
  ...given,
});

const facts = (given: Partial<ContractFeeFacts>): ContractFeeFacts => ({
  months: [{ month: '2026-10', invoicedAt: null }],
  billed: '2026-10',
  subscriptions: [subscription('2026-03-01')],
  fees: [],
  usage: [],
  flat: [],
  before: [],
  rules: [],
  caps: new CapLedger(),
  policy: POLICY,
  ...given,
});
const day = (on: string, amount: string, given: object = {}) => ({
  ...{ on, service: 'VOICE', records: 1n, units: 60n, amount: parseAmount(amount) },
  ...given,
});
const amounts = (charges: readonly FeeCharge[]) =>
  charges.map(({ amount }) => formatAmount(amount));
const charged = (given: Partial<ContractFeeFacts>) => amounts(contractFees(facts(given)));
const oneOf = (priced: FeePricing, amount = '10') => [fee(amount, { pricing: priced })];

describe('a fee by subscriptions', () => {
  const four = Array.from({ length: 4 }, () => subscription('2026-03-01'));
  it.each([
    // 10 a subscription: one for the month, one for 16 of 31 days.
    [
      'PER_UNIT by days',
      {},
      '10',
      [subscription('2026-03-01'), subscription('2026-10-16')],
      '15.1613',
    ],
    // Two started packages of three.
    ['PACKAGE', { model: 'PACKAGE', rateUnit: 3 }, '10', four, '20.00'],
    // 3 at 5, one at 4, and the flat fee of the second step.
    ['GRADUATED', { model: 'GRADUATED', steps }, '0', four, '21.00'],
    // 4 at 4, and the flat fee of their step.
    ['VOLUME', { model: 'VOLUME', steps }, '0', four, '18.00'],
    // A month with four costs 40, held at 25; by days of October until the 10th.
    [
      ...(['PER_UNIT within its most', { maxCharge: parseAmount('25') }, '10'] as const),
      four.map((one) => ({ ...one, toOn: '2026-10-11' })),
      '8.0645',
    ],
  ] as const)('is %s', (_, given, amount, subscriptions, expected) => {
    const fees = oneOf(pricing(given as Partial<FeePricing>), amount);
    expect(charged({ fees, subscriptions })).toEqual([expected]);
  });

  it('is nothing without any, and nothing for months that nobody billed', () => {
    const fees = oneOf(pricing({ minCharge: parseAmount('5') }));
    expect(charged({ fees, subscriptions: [subscription('2026-11-01')] })).toEqual([]);
    const months = [{ month: '2026-09', invoicedAt: null }];
    expect(charged({ fees, months })).toEqual([]);
  });
});

describe('a fee by usage', () => {
  const usage = [
    day('2026-10-01', '100', { records: 7n }),
    day('2026-10-31', '20', { records: 5n }),
    day('2026-10-31', '9', { service: 'SMS', units: 3n }),
    day('2026-09-30', '1000', { records: 1000n }),
  ];
  it('is refused by name where it counts more than can be worked out', () => {
    const most = 9_007_199_254_740_991n;
    const units = pricing({ counts: 'UNITS', ofServices: ['DATA'], rateUnit: 1_000_000_000 });
    const bill = (octets: bigint) => () =>
      charged({
        fees: oneOf(units, '1'),
        usage: [
          day('2026-10-05', '0', { service: 'DATA', units: most }),
          day('2026-10-06', '0', { service: 'DATA', units: octets }),
        ],
      });
    expect(bill(0n)()).toEqual(['9007199.2547']);
    expect(refusal(bill(1n))).toBe('FEE_COUNTS_TOO_MUCH');
  });

  it.each([
    ['5 % of 120', percent(), '5', '6.00'],
    ['at least 8', percent({ minCharge: parseAmount('8') }), '5', '8.00'],
    ['at most 4', percent({ maxCharge: parseAmount('4') }), '5', '4.00'],
    ['12 records at 0.01', pricing({ counts: 'RECORDS', ofServices: ['VOICE'] }), '0.01', '0.12'],
    [
      '3 units in packages of 2',
      pricing({ model: 'PACKAGE', counts: 'UNITS', ofServices: ['SMS'], rateUnit: 2 }),
      '1',
      '2.00',
    ],
    ['5 % of 120 and 40', percent({ ofFees: ['Flat'] }), '5', '8.00'],
  ])('is %s', (_, priced, amount, expected) => {
    const flat = [
      { planId: 7, name: 'Flat', fromOn: '2026-10-01', amount: parseAmount('40') },
      { planId: 8, name: 'Flat', fromOn: '2026-10-01', amount: parseAmount('999') },
      { planId: 7, name: 'Other', fromOn: '2026-10-01', amount: parseAmount('999') },
    ];
    expect(charged({ fees: oneOf(priced, amount), usage, flat })).toEqual([expected]);
  });

  it('is never less than nothing', () => {
    expect(charged({ fees: oneOf(percent()), usage: [day('2026-10-01', '-10')] })).toEqual([]);
  });

  it('takes usage and limits of its own days', () => {
    // From the 22nd: 10 of 31 days, at least 31 a month.
    const fees = [
      fee('5', { pricing: percent({ minCharge: parseAmount('31') }), fromOn: '2026-10-22' }),
    ];
    const [charge] = contractFees(facts({ fees, usage }));
    expect(charge).toMatchObject({ fromOn: '2026-10-22', days: 10, amount: parseAmount('10') });
  });

  it('is of counted fees of the plan, in whatever order they were made', () => {
    const fees = [
      fee('50', { pricing: percent({ ofServices: null, ofFees: ['Seats'] }), planFeeId: 1 }),
      fee('8', { pricing: pricing({}), planFeeId: 2, name: 'Seats' }),
    ];
    expect(charged({ fees })).toEqual(['8.00', '4.00']);
  });

  it('is what is owed less what was charged, by the terms of then', () => {
    const months = [{ month: '2026-10', invoicedAt: 1000 }];
    const days = { fromOn: '2026-10-01', toOn: '2026-11-01' };
    const before = [{ planId: 7, name: 'Fee', ...days, amount: parseAmount('4') }];
    const late = { months, billed: '2026-11', before, usage };
    const fees = [
      fee('5', { pricing: percent(), recordedAt: 500, supersededAt: 2000 }),
      fee('9', { pricing: percent(), recordedAt: 2000, planFeeId: 2 }),
    ];
    expect(charged({ ...late, fees })).toEqual(['2.00']);
    expect(charged({ ...late, fees, usage: [] })).toEqual(['-4.00']);
    const ended = [{ ...subscription('2026-03-01'), toOn: '2026-09-01' }];
    expect(charged({ ...late, fees, subscriptions: ended })).toEqual(['-4.00']);
    // A fee that was not known then is not charged for it, unless nobody had its plan then.
    const since = [fee('9', { pricing: percent(), recordedAt: 2000, planFeeId: 2, name: 'New' })];
    const stayed = [{ ...subscription('2026-03-01'), months: ['2026-11'] }];
    expect(charged({ ...late, fees: since, subscriptions: stayed })).toEqual([]);
    expect(charged({ ...late, fees: since })).toEqual(['10.80']);
    const joined = { ...subscription('2026-03-01'), months: ['2026-10', '2026-11'] };
    expect(charged({ ...late, fees: since, subscriptions: [...stayed, joined] })).toEqual([]);
  });

  it('knows what was charged by the name of the fee and its day, whatever row it has', () => {
    const months = [{ month: '2026-10', invoicedAt: null }];
    const charge = (fromOn: string, amount: string) => ({
      ...{ planId: 7, name: 'Fee', fromOn, toOn: '2026-11-01', amount: parseAmount(amount) },
    });
    const closed = fee('31', { pricing: pricing({}), planFeeId: 2, toOn: '2026-10-11' });
    const next = fee('62', { pricing: pricing({}), planFeeId: 3, fromOn: '2026-10-11' });
    const fees = [closed, next];
    // 10 days of 31.00 and 21 of 62.00, of which 31.00 were charged for all of the month.
    expect(charged({ months, fees, before: [charge('2026-10-01', '31')] })).toEqual([
      '-21.00',
      '42.00',
    ]);
    const both = [charge('2026-10-01', '10'), charge('2026-10-11', '42')];
    expect(charged({ months, fees, before: both })).toEqual([]);
    const others = [{ ...charge('2026-10-01', '31'), name: 'Other' }];
    expect(charged({ months, fees, before: others })).toEqual(['10.00', '42.00']);
  });
});

describe('rules for fees', () => {
  const flat = {
    subscriptionId: 5,
    fee: fee('31'),
    fromOn: '2026-10-01',
    toOn: '2026-11-01',
    days: 31,
    monthDays: 31,
    amount: parseAmount('31'),
    workings: null,
  };
  const ruled = (rules: FeeRule[], charges = [flat]) =>
    ruledFees(charges, { rules, policy: POLICY, caps: new CapLedger() }).map(
      ({ fromOn, amount }) => `${fromOn.slice(8)} ${formatAmount(amount)}`,
    );

  it('divide a flat fee where they begin and end, and take sums by days', () => {
    const days = { fromOn: '2026-10-11', toOn: '2026-10-21' };
    expect(ruled([rule({ days })])).toEqual(['01 10.00', '11 9.00', '21 11.00']);
    const sum = { effect: 'FIXED', amount: parseAmount('6.2') } as const;
    expect(ruled([rule({ days, ...sum })])).toEqual(['01 10.00', '11 8.00', '21 11.00']);
    expect(ruled([rule(sum)])).toEqual(['01 24.80']);
    expect(ruled([rule({ ...sum, type: 'SURCHARGE' })])).toEqual(['01 37.20']);
    expect(ruled([rule({ days: { fromOn: '2026-11-01', toOn: null } })])).toEqual(['01 31.00']);
  });

  it.each([
    ['another plan', { servicePlanId: 8 }],
    ['fees charged once', { feeKind: 'ONE_TIME' }],
    ['another fee', { feeName: 'Other' }],
    ['another subscription', { subscriptionId: 6 }],
    ['what has been superseded', { supersededAt: 5 }],
    ['a group that the buyer is not in', { memberDays: [] }],
  ] as const)('of %s do not act', (_, given) => {
    expect(ruled([rule(given)])).toEqual(['01 31.00']);
  });

  it('act while the buyer is in their group', () => {
    const member = { fromOn: '2026-10-30', toOn: null, recordedAt: 0, supersededAt: null };
    expect(ruled([rule({ memberDays: [member] })])).toEqual(['01 29.00', '30 1.80']);
  });

  it('stop at their cap, for each subscription or for the contract', () => {
    const charges = [flat, { ...flat, subscriptionId: 6 }];
    const cap = parseAmount('4');
    expect(ruled([rule({ cap })], charges)).toEqual(['01 27.90', '01 30.10']);
    const own = rule({ cap, holder: 'SUBSCRIPTION', amount: parseAmount('20') });
    expect(ruled([own], charges)).toEqual(['01 27.00', '01 27.00']);
  });

  it('act on a fee of the contract when they hold on its last day', () => {
    const fees = oneOf(percent(), '10');
    const usage = [day('2026-10-01', '100')];
    const until = (toOn: string) => [rule({ days: { fromOn: '2026-01-01', toOn } })];
    expect(charged({ fees, usage, rules: until('2026-10-31') })).toEqual(['10.00']);
    expect(charged({ fees, usage, rules: until('2026-11-01') })).toEqual(['9.00']);
  });
});

const amount = fc.bigInt(0n, 10n ** 12n);
const october = (n: number) => `2026-10-${String(n).padStart(2, '0')}`;
const seat = fc
  .tuple(fc.integer({ min: 1, max: 31 }), fc.integer({ min: 1, max: 31 }))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const tiers = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 3 }),
    fc.infiniteStream(amount),
  )
  .map(([ends, prices]) => {
    const sorted: (number | null)[] = [...ends.sort((a, b) => a - b), null];
    return sorted.map((upTo, place) => ({
      upTo,
      price: prices.next().value as bigint,
      rateUnit: (place % 3) + 1,
      flatFee: prices.next().value as bigint,
      block: place % 2 === 1,
    }));
  });
const anyRule = fc.record({
  type: fc.constantFrom('DISCOUNT', 'SURCHARGE'),
  effect: fc.constantFrom('PERCENT', 'FIXED'),
  amount: fc.bigInt(1n, 10n ** 10n),
});
const plan = fc.record({
  model: fc.constantFrom('PER_UNIT', 'PACKAGE', 'GRADUATED', 'VOLUME', 'PERCENT_OF_CHARGE'),
  counts: fc.constantFrom('SUBSCRIPTIONS', 'RECORDS', 'UNITS'),
  price: amount,
  rateUnit: fc.integer({ min: 1, max: 7 }),
  steps: tiers,
  least: fc.bigInt(0n, 10n ** 11n),
  room: fc.option(fc.bigInt(0n, 10n ** 12n)),
  seats: fc.array(seat, { minLength: 1, maxLength: 6 }),
  used: fc.array(fc.tuple(fc.integer({ min: 1, max: 31 }), fc.bigInt(0n, 40n), amount), {
    maxLength: 6,
  }),
  rules: fc.array(anyRule, { maxLength: 3 }),
  decimals: fc.integer({ min: 0, max: 8 }),
  rounding: fc.constantFrom<RoundingMode>('HALF_UP', 'HALF_EVEN', 'UP', 'DOWN', 'CEILING', 'FLOOR'),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

const big = (value: bigint | number) => new Exact(value.toString());

/** What so many units cost, counted one by one. */
function byUnits({ model, price, rateUnit, steps: tierSteps }: Plan, units: number): Decimal {
  if (units === 0) return big(0);
  if (model === 'PER_UNIT') return big(price).mul(units).div(rateUnit);
  if (model === 'PACKAGE') return big(price).mul(Math.ceil(units / rateUnit));
  if (model === 'VOLUME') {
    const tier = tierSteps.find(({ upTo }) => upTo === null || units <= upTo)!;
    const counted = tier.block ? Math.ceil(units / tier.rateUnit) * tier.rateUnit : units;
    return big(tier.price).mul(counted).div(tier.rateUnit).plus(big(tier.flatFee));
  }
  let sum = big(0);
  let start = 0;
  for (const { upTo, price: each, rateUnit: unit, flatFee, block } of tierSteps) {
    let [counted, blocks] = [0, 0];
    for (let n = start; n < Math.min(units, upTo ?? units); n += 1) {
      counted += 1;
      if ((n - start) % unit === 0) blocks += 1;
    }
    if (counted > 0) sum = sum.plus(big(flatFee));
    sum = sum.plus(block ? big(each).mul(blocks) : big(each).mul(counted).div(unit));
    start = upTo ?? units;
  }
  return sum;
}

/** The fee of the plan by another way: day by day, unit by unit, in decimals. */
function reference(given: Plan): { owed: Decimal; isSure: boolean } {
  const { model, counts, least, room, seats, used, rules, decimals, rounding } = given;
  const from = Math.min(...seats.map(([first]) => first));
  const to = Math.max(...seats.map(([, last]) => last));
  const share = big(to - from + 1).div(DAYS);
  const limit = (charge: Decimal, part: Decimal) => {
    const held = Exact.max(charge, big(least).mul(part));
    return room === null ? held : Exact.min(held, big(least + room).mul(part));
  };
  let charge = big(0);
  if (model !== 'PERCENT_OF_CHARGE' && counts === 'SUBSCRIPTIONS') {
    for (let on = 1; on <= DAYS; on += 1) {
      const count = seats.filter(([first, last]) => first <= on && on <= last).length;
      if (count > 0) charge = charge.plus(limit(byUnits(given, count), big(1)).div(DAYS));
    }
  } else {
    const days = used.filter(([on]) => on >= from && on <= to);
    const money = days.reduce((sum, [, , each]) => sum + each, 0n);
    const units = Number(days.reduce((sum, [, each]) => sum + each, 0n));
    const priced =
      model === 'PERCENT_OF_CHARGE'
        ? big(money).mul(big(given.price)).div(10_000_000_000)
        : byUnits(given, units);
    charge = limit(priced, share);
  }
  for (const { type, effect, amount: value } of rules) {
    const size =
      effect === 'FIXED' ? big(value).mul(share) : charge.mul(big(value)).div(10_000_000_000);
    charge = type === 'SURCHARGE' ? charge.plus(size) : Exact.max(0, charge.minus(size));
  }
  const unit = big(10n ** BigInt(8 - decimals));
  // Eighty digits say what a fraction rounds to, unless it lies right beside a border.
  const border = new Longer(charge).mul(2).div(unit);
  const isSure = border.minus(border.round()).abs().gt('1e-30') || border.isInteger();
  const owed = charge.div(unit).toDecimalPlaces(0, decimalModes[rounding]).mul(unit);
  return { owed, isSure };
}

describe('fees of drawn plans', () => {
  it('equal a calculation day by day and unit by unit, and are explained', () => {
    let compared = 0;
    fc.assert(
      fc.property(plan, (given) => {
        const { model, counts, least, room, decimals, rounding } = given;
        const isPercent = model === 'PERCENT_OF_CHARGE';
        const ofUsage = isPercent || counts !== 'SUBSCRIPTIONS';
        const priced = pricing({
          model,
          counts: isPercent ? null : counts,
          rateUnit: given.rateUnit,
          steps: given.steps,
          ofServices: ofUsage ? ['VOICE'] : null,
          minCharge: least,
          maxCharge: room === null ? null : least + room,
        });
        const rules = given.rules.map((each, id) => rule({ ...each, id, lineageId: id }));
        const one = fee('0', { pricing: priced, amount: given.price });
        const [charge] = contractFees(
          facts({
            fees: [one],
            subscriptions: given.seats.map(([first, last]) =>
              subscription(october(first), last === 31 ? null : october(last + 1)),
            ),
            usage: given.used.map(([on, units, money]) =>
              day(october(on), '0', { records: units, units, amount: money }),
            ),
            rules,
            policy: { decimals, rounding },
          }),
        );
        const { owed, isSure } = reference(given);
        if (!isSure) return;
        compared += 1;
        expect((charge?.amount ?? 0n).toString()).toBe(owed.toFixed(0));
        if (charge === undefined) return;
        expect(daysBetween(charge.fromOn, charge.toOn)).toBe(charge.days);
        const versions = new Map(rules.map((each) => [each.id, each]));
        const workings = JSON.parse(JSON.stringify(charge.workings));
        const said = explainCharge({
          ...charge,
          fee: one,
          workings,
          rules: versions,
          names: new Map(),
        });
        expect(said).toMatchObject({ equal: true, owed: said.steps.at(-1)?.result });
      }),
      { numRuns: 1500 },
    );
    expect(compared).toBeGreaterThan(1000);
  });
});
