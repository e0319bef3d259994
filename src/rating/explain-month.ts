import { roundingModes } from '../kernel/index.js';
import { type EntryList, NUMBER, WORD } from './allowance-entry.js';
import type { ChargeTariff } from './charge.js';
import type { LevelDerivation } from './explain.js';
import type { Charge } from './explain-charge.js';
import { type RuleOutcome, ruleOutcomes } from './explain-rules.js';
import { alone, explainCharge, type TierUse, tiersUsed } from './explain-tariff.js';
import { type FoldFacts, type FoldStep, foldMonth } from './fold-month.js';
import { type Fraction, plus } from './fraction.js';
import type { Pot } from './pots.js';

/** What a record took from a bucket; in the bucket's own unit, as in {@link Pot}. */
export interface PotUse extends Omit<Pot, 'usedBy'> {
  readonly used: number;
}

/** A contract's month with everything that it is folded by. */
export interface MonthFacts {
  readonly list: EntryList;
  /** The contract's records in order of time, from where the state stands. */
  readonly order: Int32Array;
  /** What all records before those had made of the month; null where there are none. */
  readonly state: Buffer | null;
  readonly facts: FoldFacts;
  /** Whether some records take the place of earlier entries. */
  readonly replaces: boolean;
  /** Whether something of the month, or of one that leaves it something, is not folded yet. */
  readonly pending: boolean;
  /** The batch that wrote an entry. */
  readonly writtenBy: (entry: number) => number;
}

/** The batch by which a month knows of a record; 0 where it has no say in it. */
export function batchInMonth({ list, order, writtenBy }: MonthFacts, xdrId: number): number {
  const entry = order.find((one) => list.number(one, NUMBER.XDR_ID) === xdrId);
  return entry === undefined ? 0 : writtenBy(entry);
}

/** What the month makes of one record. */
export interface MonthDerivation {
  readonly pending: boolean;
  readonly covered: readonly PotUse[];
  readonly coveredQuantity: number;
  /** Units of the tier counter; null without tiers. */
  readonly tierBefore: number | null;
  readonly tierTotal: number | null;
  readonly tiers: readonly TierUse[];
  readonly rules: readonly RuleOutcome[];
  /** Null where the month does not change the charge. */
  readonly charge: Charge | null;
  readonly paid: readonly PotUse[];
  /** Scale 8. */
  readonly amount: bigint;
  /** Whether the month was folded with the very tariff, units and base amount of the level. */
  readonly agrees: boolean;
}

/** A level worked out again, with its month. */
export interface WorkedOut {
  readonly derived: LevelDerivation;
  readonly month: MonthDerivation | null;
  /** Names of the buckets of the month by their lineage. */
  readonly buckets: ReadonlyMap<number, string>;
}

/** A level with what its month, if there is one, makes of the record. */
export function workOut(
  derived: LevelDerivation,
  month: MonthFacts | undefined,
  xdrId: number,
): WorkedOut {
  if (month === undefined) return { derived, month: null, buckets: new Map() };
  const buckets = new Map(month.facts.buckets.map(({ lineageId, name }) => [lineageId, name]));
  return { derived, month: deriveMonth(month, xdrId, derived), buckets };
}

/**
 * Folds a contract's month again and tells what it makes of one record of it; null when the
 * record is none that the month has a say in. `level` is the record's level as it was derived.
 */
function deriveMonth(
  month: MonthFacts,
  xdrId: number,
  level: LevelDerivation,
): MonthDerivation | null {
  const { list, order, pending } = month;
  const entry = order.find((one) => list.number(one, NUMBER.XDR_ID) === xdrId);
  if (entry === undefined) return null;
  const traced = traceOf(month, entry);
  if (traced === null) return null;
  const { step, covered, paid } = traced;
  const units = unitsOf(list, entry);
  const left = uncovered(units, sumOf(covered));
  const count = left.reduce((sum, one) => sum + one, 0);
  const tariff = tariffOf(list, entry);
  const position =
    step.tierBefore === null
      ? alone(count)
      : {
          before: step.tierBefore,
          total: step.tierTotal ?? step.tierBefore + count,
          first: step.tierBefore === 0,
        };
  const base = BigInt(list.number(entry, NUMBER.BASE));
  const amount = BigInt(step.final);
  const paidSum = BigInt(sumOf(paid));
  // A rule that has acted on the record for itself may act no more after what the month counts.
  const isChanged =
    covered.length > 0 ||
    step.tierBefore !== null ||
    step.effects.length > 0 ||
    (step.counted.length > 0 && amount + paidSum !== base);
  const charge = isChanged
    ? explainCharge(
        {
          tariff,
          slices: left.map((billed, n) => {
            const { price, rateUnit } = tariffOf(list, entry + n);
            return { billed, price, rateUnit };
          }),
          carried: { value: BigInt(list.number(entry, NUMBER.CARRIED)), position },
          decimals: decimalsOf(tariff),
          mode: tariff.rounding,
          currencies: level.currencies,
        },
        step.effects.length === 0 ? undefined : (before) => ruledBy(step, before),
      )
    : null;
  const due = charge?.amount ?? (count === 0 ? 0n : base);
  return {
    pending,
    covered,
    coveredQuantity: sumOf(covered),
    tierBefore: step.tierBefore,
    tierTotal: step.tierTotal,
    tiers: step.tierBefore === null ? [] : tiersUsed(tariff, position, count),
    rules: ruleOutcomes(step.counted, step.effects),
    charge,
    paid,
    amount,
    agrees:
      amount === due - paidSum &&
      base === level.amount &&
      BigInt(step.billed) === level.billed &&
      isSameTariff(tariff, level.tariff),
  };
}

interface Traced {
  readonly step: FoldStep;
  readonly covered: readonly PotUse[];
  readonly paid: readonly PotUse[];
}

// Pots change with every record, so they are copied when the record has just been priced.
function traceOf({ list, order, facts, state }: MonthFacts, entry: number): Traced | null {
  let traced: Traced | null = null;
  const trace = (step: FoldStep) => {
    if (step.entry !== entry) return;
    traced = {
      step,
      covered: step.covered.map(({ pot, units }) => useOf(pot, units)),
      paid: step.paid.map(({ pot, amount }) => useOf(pot, amount)),
    };
  };
  foldMonth(list, order, facts, trace, state);
  return traced;
}

function useOf({ usedBy: _, ...pot }: Pot, used: number): PotUse {
  return { ...pot, used };
}

function sumOf(uses: readonly PotUse[]): number {
  return uses.reduce((sum, { used }) => sum + used, 0);
}

function unitsOf(list: EntryList, entry: number): number[] {
  const units = [list.number(entry, NUMBER.BILLED)];
  for (let next = entry + 1; next < list.count && list.slice(next) > 0; next += 1) {
    units.push(list.number(next, NUMBER.BILLED));
  }
  return units;
}

// Buckets cover the earliest slices first.
function uncovered(units: readonly number[], covered: number): number[] {
  let rest = covered;
  return units.map((one) => {
    const taken = Math.min(one, rest);
    rest -= taken;
    return one - taken;
  });
}

function ruledBy({ effects }: FoldStep, before: Fraction) {
  return { charge: effects.reduce((sum, { effect }) => plus(sum, effect), before), effects };
}

function tariffOf(list: EntryList, entry: number): ChargeTariff {
  return list.tariffs[list.word(entry, WORD.TARIFF)]!;
}

function decimalsOf({ step }: ChargeTariff): number {
  return 9 - step.toString().length;
}

function isSameTariff(kept: ChargeTariff, derived: ChargeTariff | null): boolean {
  return derived !== null && tariffText(kept) === tariffText(derived);
}

// Exchange rates are fractions that may be written in several ways.
function tariffText(tariff: ChargeTariff): string {
  const { price, connectionFee, rateUnit, terms, step, rounding } = tariff;
  const { conversion, shareConversion } = tariff;
  const schedule = terms?.schedule ?? null;
  const parts = [
    ...[price, connectionFee, rateUnit, step, roundingModes.indexOf(rounding)],
    ...[terms?.model, terms?.minCharge, terms?.maxCharge, schedule?.id],
    ...[schedule?.scope, schedule?.period, quotient(conversion), quotient(shareConversion)],
    ...(schedule?.steps ?? []).map(({ upTo, price: ofStep, rateUnit: unit, flatFee, block }) =>
      [upTo, ofStep, unit, flatFee, block].join(' '),
    ),
  ];
  return parts.map(String).join('|');
}

function quotient(fraction: Fraction | null): string {
  if (fraction === null) return '';
  let [a, b] = [fraction.numerator, fraction.denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return `${fraction.numerator / a}/${fraction.denominator / a}`;
}
