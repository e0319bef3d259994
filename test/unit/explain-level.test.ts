import { describe, expect, it } from 'vitest';
import { parseAmount } from '../../src/kernel/index.js';
import type { BookFacts } from '../../src/rating/book.js';
import { deriveLevel, type LevelDerivation, type PricedRecord } from '../../src/rating/explain.js';
import { exactText } from '../../src/rating/explain-charge.js';
import { findMargins, marginFault } from '../../src/rating/explain-margin.js';
import { type TierUse, tiersUsed } from '../../src/rating/explain-tariff.js';
import { type Fraction, plus, whole } from '../../src/rating/fraction.js';
import { graduated, volume } from '../../src/rating/tiers.js';
import {
  aBook,
  aList,
  anIdentity,
  aRate,
  aRecord,
  aVersion,
  type PlainRecord,
} from '../fixtures/book.js';
import { Draw } from '../fixtures/draw.js';
import { randomBook } from '../fixtures/random-book.js';
import { randomSchedules } from '../fixtures/random-pricing.js';
import { type Rated, ReferenceRater } from '../fixtures/reference-rater.js';

/** Books that are the same every time, in which everything occurs, and some new ones. */
const BOOKS = 60;
const NEW_BOOKS = 20;
const RECORDS_A_BOOK = 40;
const SEED = Number(process.env.KONTOR_TEST_SEED ?? Date.now() % 1_000_000);

function pricedRecord(record: PlainRecord, rated: Rated): PricedRecord {
  const { startedMs, service, aNumber, bNumber, quantity, value, inTrunk, outTrunk } = record;
  return {
    service,
    startedMs,
    number: bNumber,
    aNumber,
    quantity: BigInt(quantity),
    value: BigInt(value ?? 0),
    inTrunkId: inTrunk ?? 0,
    outTrunkId: outTrunk ?? 0,
    destinationId: rated.destinationId,
    subscriptionId: rated.subscription.id,
  };
}

/** What the reference and the explanation make of all levels, to be compared. */
function bothWays(facts: BookFacts, record: PlainRecord): [unknown[], LevelDerivation[]] | null {
  const rated = new ReferenceRater(facts).levels(record);
  if ('fault' in rated) return null;
  const priced = pricedRecord(record, rated);
  const last = rated.levels.length - 1;
  const paid = rated.levels[last]!;
  const shared = { amount: paid.base, currency: paid.version!.currency };
  const derived = rated.levels.map(({ version }, at) =>
    deriveLevel(facts, version?.contractId ?? null, priced, at === last ? null : shared),
  );
  const expected = rated.levels.map(({ version, demand, base }) => [
    version?.id ?? null,
    demand?.price.rateId ?? 0,
    demand?.event.billed ?? 0,
    base,
    null,
  ]);
  return [expected, derived];
}

describe('the explanation of a level', () => {
  it(`comes to the figures of the reference in random books (seed ${SEED})`, () => {
    let compared = 0;
    const seen = new Set<string>();
    for (let book = 0; book < BOOKS + NEW_BOOKS; book += 1) {
      const draw = new Draw(book < BOOKS ? 257_496_000 + book : SEED * 1000 + book);
      const { facts, record } = randomBook(draw);
      for (let n = 0; n < RECORDS_A_BOOK; n += 1) {
        const one = record();
        const ways = bothWays(facts, one);
        if (ways === null) continue;
        const [expected, derived] = ways;
        compared += derived.length;
        expect(
          derived.map(({ version, price, billed, amount, fault }) => [
            version?.id ?? null,
            price?.span.value.path[0] ?? 0,
            Number(billed),
            amount,
            fault,
          ]),
          `seed ${SEED}, book ${book}, record ${n}`,
        ).toEqual(expected);
        for (const level of derived) note(level, seen);
      }
    }
    expect(compared).toBeGreaterThan(1_000);
    // What the books are there for did occur.
    expect([...seen].sort()).toEqual(
      [
        ...['CONVERSION', 'DISCOUNT', 'MAX_CHARGE', 'MIN_CHARGE', 'ROUNDING', 'SURCHARGE'],
        ...['USAGE', 'EXCLUSIVE_OTHER', 'BETTER_OTHER', 'OUTSIDE_VOLUME', 'split', 'majority'],
        ...['origin', 'trunk', 'holiday', 'OTHER_BAND', 'OTHER_ORIGIN', 'NO_VALID_PRICE'],
        ...['PER_UNIT', 'PER_EVENT', 'PERCENTAGE', 'REVENUE_SHARE', 'PACKAGE', 'GRADUATED'],
        'VOLUME',
      ].sort(),
    );
  });
});

describe('what a quote says of margins', () => {
  it(`is what the reference does with the record in random books (seed ${SEED})`, () => {
    const seen: Record<string, number> = {};
    for (let book = 0; book < BOOKS + NEW_BOOKS; book += 1) {
      const draw = new Draw(book < BOOKS ? 257_496_000 + book : SEED * 1000 + book);
      const { facts, record } = randomBook(draw);
      const watching = withMargins(facts, (n) => MARGINS[n % 3] ?? 'HOLD');
      const unwatched = withMargins(facts, () => 'NONE');
      for (let n = 0; n < RECORDS_A_BOOK; n += 1) {
        const one = record();
        const derived = bothWays(unwatched, one)?.[1].map((level) => {
          return { ...level, version: versionOf(watching, level.version?.id) };
        });
        if (derived === undefined) continue;
        const rated = new ReferenceRater(watching).levels(one);
        const fault = marginFault([...findMargins(watching, derived, one.startedMs).values()]);
        const expected = 'fault' in rated ? rated.fault : null;
        expect(fault, `seed ${SEED}, book ${book}, record ${n}`).toBe(expected);
        seen[fault ?? 'RATED'] = (seen[fault ?? 'RATED'] ?? 0) + 1;
      }
    }
    expect(seen.MARGIN_HELD).toBeGreaterThan(20);
    expect(seen.MARGIN_REFUSED).toBeGreaterThan(20);
  });
});

const MARGINS = ['WARN', 'HOLD', 'REFUSE'] as const;
type Version = BookFacts['versions'][number];

function withMargins(facts: BookFacts, policy: (at: number) => Version['marginPolicy']): BookFacts {
  const versions = facts.versions.map((one, at) => ({ ...one, marginPolicy: policy(at) }));
  return { ...facts, versions };
}

function versionOf({ versions }: BookFacts, id: number | undefined): Version | null {
  return versions.find((one) => one.id === id) ?? null;
}

function note(level: LevelDerivation, seen: Set<string>): void {
  const { charge, rules, slices, bands, price, trunkId, skipped, tariff } = level;
  for (const { kind } of charge?.steps ?? []) seen.add(kind);
  for (const { refusal } of rules) if (refusal !== null) seen.add(refusal);
  for (const { reason } of skipped) seen.add(reason);
  if (slices.length > 1) seen.add('split');
  if (bands?.policy === 'MAJORITY') seen.add('majority');
  if (bands?.holiday) seen.add('holiday');
  if (price !== null && price.originSetId !== 0) seen.add('origin');
  if (trunkId !== null) seen.add('trunk');
  if (tariff !== null) seen.add(tariff.terms?.model ?? 'PER_UNIT');
}

describe('the tiers that a record is told to use', () => {
  it('cost what the record is charged', () => {
    let several = 0;
    for (let n = 0; n < 3_000; n += 1) {
      const draw = new Draw(SEED * 7 + n);
      const [schedule] = randomSchedules(draw);
      if (schedule === undefined) continue;
      const [before, units] = [draw.below(700), 1 + draw.below(700)];
      const total = before + units + draw.below(900);
      const position = { before, total, first: before === 0 };
      for (const model of ['GRADUATED', 'VOLUME'] as const) {
        const terms = { model, minCharge: 0n, maxCharge: null, schedule };
        const used = tiersUsed({ terms }, position, units);
        const told = used.map(costOf).reduce(plus);
        const charged =
          model === 'GRADUATED'
            ? graduated(schedule.steps, before, units)
            : volume(schedule.steps, position, units);
        expect(exactText(told)).toBe(exactText(charged));
        expect(used.reduce((sum, use) => sum + use.units, 0)).toBe(units);
        if (used.length > 1) several += 1;
      }
    }
    expect(several).toBeGreaterThan(100);
  });
});

function costOf({ price, units, rateUnit, block, blocks, flatFee }: TierUse): Fraction {
  const usage = block
    ? whole(BigInt(blocks) * price)
    : { numerator: BigInt(units) * price, denominator: BigInt(rateUnit) };
  return plus(whole(flatFee), usage);
}

describe('the steps of a charge', () => {
  const priced = (record: Partial<PlainRecord>): PricedRecord => {
    const { subscription, destinationId } = {
      subscription: { id: 1 },
      destinationId: 0,
    };
    return pricedRecord({ ...aRecord(), ...record }, {
      subscription,
      destinationId,
      levels: [],
    } as never);
  };

  it('show limit, conversion, discount and rounding with their numbers', () => {
    const terms = { model: 'PER_UNIT', minCharge: 50_000_000n, maxCharge: null, schedule: null };
    const facts = aBook({
      lists: [aList({ currency: 'USD', rows: [aRate({ terms: terms as never })] })],
      versions: [aVersion({ conversion: 'RECORD' })],
      identities: [anIdentity()],
      exchangeRates: [{ base: 'EUR', quote: 'USD', rate: 12_500_000_000n, validFrom: 0 }],
    });
    const rule = {
      ...{ id: 5, lineageId: 5, name: 'Ten', validFrom: 0, validTo: null, recordedAt: 0 },
      ...{ supersededAt: null, sellerPartnerId: 1, type: 'DISCOUNT', effect: 'PERCENT' },
      ...{ amount: parseAmount('10'), stacking: 'ORDERED', priority: 0, level: null },
      ...{ customerGroupId: null, buyerPartnerId: null, contractId: null, subscriptionId: null },
      ...{ service: null, destinationIds: null, weekdays: null, fromMinute: null, toMinute: null },
      ...{ measure: null, volumeFrom: 0n, volumeTo: null, holder: 'CONTRACT', period: 'MONTH' },
      cap: null,
    };
    const pricing = { ...facts.pricing, rules: [rule as never] };
    const derived = deriveLevel(
      { ...facts, pricing },
      1,
      priced({ bNumber: '4930', quantity: 60 }),
      null,
    );
    expect(derived.charge).toEqual({
      formula: '0 + 0.1 * 60 / 60',
      unrounded: '0.1',
      steps: [
        { kind: 'USAGE', text: '0 + 0.1 * 60 / 60 = 0.1', result: '0.1' },
        { kind: 'MIN_CHARGE', text: 'A record is charged 0.5 at least.', result: '0.5' },
        { kind: 'CONVERSION', text: '1 USD is 0.8 EUR.', result: '0.4' },
        { kind: 'DISCOUNT', text: '10 % of 0.4: 0.04 less.', result: '0.36' },
        { kind: 'ROUNDING', text: 'Rounded once to 4 decimals, HALF_UP.', result: '0.36' },
      ],
      amount: 36_000_000n,
    });
    expect(derived.rules).toMatchObject([{ refusal: null, capLeft: null, volume: null }]);
  });
});
