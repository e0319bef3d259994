import type { RoundingMode } from '../kernel/index.js';
import type { CappedRule, FeeBasis, RoundingPolicy, WorkedFee } from './fee-price.js';

/**
 * What an amount was worked out from, as it is stored with the charge: with the price of its fee
 * and the versions of its rules it can be worked out again. Amounts are whole
 * numbers at scale 8 as text.
 */
export interface FeeWorkings {
  /** Days charged; rows of before have none, and are charged for all days of their span. */
  readonly days?: number;
  /** Days with equally many subscriptions, for fees that count those. */
  readonly counted: readonly (readonly [fromOn: string, toOn: string, count: number])[];
  readonly parts: readonly StoredPart[];
  /** Versions of rules that were for the charge, in the order in which they act. */
  readonly rules: readonly StoredRule[];
  readonly decimals: number;
  readonly rounding: RoundingMode;
  /** What the fee comes to, and what earlier invoices had charged of it for the month. */
  readonly owed: string;
  readonly before: string;
}

interface StoredPart {
  readonly service: string | null;
  readonly fee: string | null;
  /** Records, units, or money at scale 8. */
  readonly quantity: string;
}

/** A version of a rule that was for a charge. */
interface StoredRule {
  readonly id: number;
  readonly lineageId: number;
  readonly holder: 'SUBSCRIPTION' | 'CONTRACT';
  /** What was left of its cap, and what the rule took of it; null without cap. */
  readonly capLeft: string | null;
  readonly taken: string | null;
}

/** What to store of a fee that was worked out. */
export function workingsOf(
  basis: FeeBasis,
  rules: readonly CappedRule[],
  policy: RoundingPolicy,
  worked: Pick<WorkedFee, 'owed' | 'effects'>,
  before: bigint,
): FeeWorkings {
  const sizes = cappedSizes(rules, worked);
  return {
    days: basis.days,
    counted: basis.counted.map(({ fromOn, toOn, count }) => [fromOn, toOn, count]),
    parts: basis.parts.map((part) => ({ ...part, quantity: part.quantity.toString() })),
    rules: rules.map(({ rule, capLeft }) => ({
      id: rule.id,
      lineageId: rule.lineageId,
      holder: rule.holder,
      capLeft: capLeft === null ? null : capLeft.toString(),
      taken: capLeft === null ? null : (sizes.get(rule.id) ?? 0n).toString(),
    })),
    decimals: policy.decimals,
    rounding: policy.rounding,
    owed: worked.owed.toString(),
    before: before.toString(),
  };
}

/** What rules with a cap gave or took, by rule; their effects are whole. */
export function cappedSizes(
  rules: readonly CappedRule[],
  { effects }: Pick<WorkedFee, 'effects'>,
): Map<number, bigint> {
  const capped = new Set(rules.flatMap(({ rule, capLeft }) => (capLeft === null ? [] : [rule.id])));
  return new Map(
    effects
      .filter(({ rule }) => capped.has(rule.id))
      .map(({ rule, effect }) => {
        const { numerator, denominator } = effect;
        const size = numerator / denominator;
        return [rule.id, size < 0n ? -size : size];
      }),
  );
}

/** The stored basis of a charge of some days. */
export function basisOf(
  workings: FeeWorkings | null,
  { days, monthDays }: Pick<FeeBasis, 'days' | 'monthDays'>,
): FeeBasis {
  const { counted, parts } = workings ?? { counted: [], parts: [] };
  return {
    days: workings?.days ?? days,
    monthDays,
    counted: counted.map(([fromOn, toOn, count]) => ({ fromOn, toOn, count })),
    parts: parts.map((part) => ({ ...part, quantity: BigInt(part.quantity) })),
  };
}
