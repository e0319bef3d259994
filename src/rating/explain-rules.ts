import { toGlobalId } from '../kernel/index.js';
import type { BookFacts } from './book.js';
import type { ShownRule } from './explain-charge.entity.js';
import { decimal, exactText } from './explain-charge.js';
import type { CivilTime } from './explain-clock.js';
import type { CountedRule } from './fold-month.js';
import {
  type RuleContract,
  type RuleEffect,
  type RuleSubject,
  ruleMatches,
  rulesOfContract,
} from './price-rules.js';

/** Why a rule that is for a record did not act. */
export type RuleRefusal = 'OUTSIDE_VOLUME' | 'EXCLUSIVE_OTHER' | 'BETTER_OTHER';

export interface RuleOutcome extends CountedRule {
  /** What it took off (below zero) or added; null when it did not act. */
  readonly effect: RuleEffect['effect'] | null;
  readonly refusal: RuleRefusal | null;
}

/** The rules that pass a record, but for their volume, before anything was counted. */
export function matchingRules(
  facts: BookFacts,
  contractId: number,
  subject: Omit<RuleSubject, 'minuteOfWeek' | 'knownAt'>,
  clock: CivilTime,
): CountedRule[] {
  const contract: RuleContract | undefined = facts.contracts.find(({ id }) => id === contractId);
  if (contract === undefined) return [];
  const { rules, members, knownAt } = facts.pricing;
  const minuteOfWeek = clock.weekday * 1440 + clock.minuteOfDay;
  return rulesOfContract(rules, contract, members)
    .filter((rule) => ruleMatches(rule, contract, { ...subject, knownAt, minuteOfWeek }, members))
    .map((rule) => ({
      rule,
      volume: rule.measure === null ? null : 0n,
      capLeft: rule.cap,
    }));
}

/** Whether what a rule counted lies in its range. */
export function inVolume({ rule, volume }: CountedRule): boolean {
  if (volume === null) return true;
  return volume >= rule.volumeFrom && (rule.volumeTo === null || volume < rule.volumeTo);
}

/** Which of the rules acted, and what kept the others away. */
export function ruleOutcomes(
  counted: readonly CountedRule[],
  effects: readonly RuleEffect[],
): RuleOutcome[] {
  const isExclusive = effects.some(
    ({ rule }) => rule.type === 'DISCOUNT' && rule.stacking === 'EXCLUSIVE',
  );
  return counted.map((one) => {
    const acted = effects.find(({ rule }) => rule.id === one.rule.id);
    if (acted !== undefined) return { ...one, effect: acted.effect, refusal: null };
    const refusal = isExclusive ? 'EXCLUSIVE_OTHER' : 'BETTER_OTHER';
    return { ...one, effect: null, refusal: inVolume(one) ? refusal : 'OUTSIDE_VOLUME' };
  });
}

/**
 * A rule as an explanation shows it to who sees the rules named, by id. Null for a rule that is not
 * seen and did not act.
 */
export function shownRule(
  { rule, effect, capLeft }: RuleOutcome,
  names: ReadonlyMap<number, string>,
): ShownRule | null {
  const name = names.get(rule.id) ?? null;
  if (name === null && effect === null) return null;
  return {
    ruleId: name === null ? null : toGlobalId('PriceRule', rule.lineageId),
    name,
    type: rule.type,
    effect: rule.effect,
    stacking: rule.stacking,
    value: decimal(rule.amount),
    acted: effect !== null,
    amount: effect === null ? null : exactText(effect),
    capLeft: name === null || capLeft === null ? null : decimal(capLeft),
  };
}
