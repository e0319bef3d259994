import { shownSteps, storedSteps, type TierStep } from '../catalog/index.js';
import {
  decimal,
  exactText,
  type PriceRule,
  plus,
  ruleOutcomes,
  shownRule,
  whole,
} from '../rating/index.js';
import type {
  FeeExplanation,
  FeeRuleOutcome,
  FeeStep,
  FeeStepKind,
} from './fee-explanation.entity.js';
import {
  basisTotal,
  type CappedRule,
  type FeeBasis,
  type FeePricing,
  seatPrice,
  share,
  type WorkedFee,
  workOutFee,
} from './fee-price.js';
import { basisOf, type FeeWorkings } from './fee-workings.js';
import type { FeeTerms } from './fees.js';
import { type ClosedDaySpan, dayCount, lastDay, monthSpan, proratedFee } from './prorate.js';

/** A stored charge with the versions that made it. */
export interface ExplainedCharge extends ClosedDaySpan {
  readonly fee: FeeTerms;
  readonly amount: bigint;
  readonly workings: FeeWorkings | null;
  /** Versions of its rules by their ids. */
  readonly rules: ReadonlyMap<number, PriceRule>;
  /** Names of the rules that the viewer sees. */
  readonly names: ReadonlyMap<number, string>;
}

/** Works a charge out again, step by step, from its fee, its rules and what it was counted from. */
export function explainCharge(charge: ExplainedCharge): FeeExplanation {
  const { fee, workings } = charge;
  const basis = basisOf(workings, daysOf(charge));
  if (workings === null) return explanation(charge, basis, plainFee(charge, basis));
  const rules = workings.rules.flatMap(({ id, capLeft }): CappedRule[] => {
    const rule = charge.rules.get(id);
    return rule === undefined ? [] : [{ rule, capLeft: capLeft === null ? null : BigInt(capLeft) }];
  });
  const worked = workOutFee(fee, basis, rules, workings);
  const steps = [
    ...priceSteps(fee, basis, worked),
    ...limitSteps(fee.pricing, worked),
    ...ruleSteps(worked),
    roundingStep(worked.owed, workings),
    ...beforeSteps(worked.owed, BigInt(workings.before)),
  ];
  const outcomes = ruleOutcomes(
    rules.map((one) => ({ ...one, volume: null })),
    worked.effects,
  );
  return explanation(charge, basis, {
    steps,
    owed: worked.owed,
    before: BigInt(workings.before),
    rules: outcomes.flatMap((outcome) => shownRule(outcome, charge.names) ?? []),
  });
}

interface WorkedAgain {
  readonly steps: readonly FeeStep[];
  readonly owed: bigint;
  readonly before: bigint;
  readonly rules: readonly FeeRuleOutcome[];
}

function explanation(
  { fee, amount }: ExplainedCharge,
  basis: FeeBasis,
  { steps, owed, before, rules }: WorkedAgain,
): FeeExplanation {
  const { pricing } = fee;
  return {
    model: pricing?.model ?? 'FLAT',
    price: decimal(fee.amount),
    rateUnit: pricing?.rateUnit ?? 1,
    counts: pricing?.counts ?? null,
    minCharge: decimal(pricing?.minCharge ?? 0n),
    maxCharge: pricing?.maxCharge == null ? null : decimal(pricing.maxCharge),
    tiers: shownSteps(storedSteps(pricing?.steps ?? [])),
    days: basis.days,
    monthDays: basis.monthDays,
    counted: basis.counted.map((run) => ({
      ...run,
      monthly: exactText(seatPrice(fee, run.count)),
    })),
    parts: basis.parts.map(({ service, fee: feeName, quantity }) => ({
      service: service as FeeExplanation['parts'][number]['service'],
      feeName,
      quantity: pricing?.counts == null ? decimal(quantity) : quantity.toString(),
    })),
    steps: [...steps],
    rules: [...rules],
    owed: decimal(owed),
    chargedBefore: decimal(before),
    amount: decimal(owed - before),
    equal: owed - before === amount,
  };
}

function daysOf({ fee, ...span }: ExplainedCharge): Pick<FeeBasis, 'days' | 'monthDays'> {
  if (fee.kind === 'ONE_TIME') return { days: 1, monthDays: 1 };
  return { days: dayCount(span), monthDays: dayCount(monthSpan(span.fromOn.slice(0, 7))) };
}

// A flat fee on which no rule acts: its share of the month, as exact as an amount can be.
function plainFee(charge: ExplainedCharge, basis: FeeBasis): WorkedAgain {
  const { fee, fromOn } = charge;
  const owed =
    fee.kind === 'ONE_TIME' ? fee.amount : proratedFee(fee.amount, fromOn.slice(0, 7), charge);
  const exact = share(whole(fee.amount), basis.days, basis.monthDays);
  const steps = [step('PRICE', `${flatText(fee, basis)} = ${exactText(exact)}`, exactText(exact))];
  const isWhole = exact.numerator === owed * exact.denominator;
  if (!isWhole) {
    const text = 'Rounded to 8 decimals, so that the parts of a month add up to all of it.';
    steps.push(step('ROUNDING', text, decimal(owed)));
  }
  return { steps, owed, before: 0n, rules: [] };
}

function priceSteps(fee: FeeTerms, basis: FeeBasis, { priced }: WorkedFee): FeeStep[] {
  const { pricing } = fee;
  const result = exactText(priced);
  if (pricing === null) return [step('PRICE', `${flatText(fee, basis)} = ${result}`, result)];
  if (pricing.counts === 'SUBSCRIPTIONS') return seatSteps(fee, basis);
  const total = basisTotal(basis);
  const isMoney = pricing.counts === null;
  const shown = isMoney ? decimal(total) : total.toString();
  const parts = basis.parts.map(({ service, quantity }) => {
    return `${isMoney ? decimal(quantity) : quantity} of ${service ?? 'a fee'}`;
  });
  const base = step('BASE', `${parts.join(' + ')} = ${shown}`, shown);
  const text = isMoney
    ? `${decimal(fee.amount)} % of ${shown} = ${result}`
    : `${unitsText(fee, pricing, Number(total))} = ${result}`;
  return [base, step('PRICE', text, result)];
}

function seatSteps(fee: FeeTerms, { counted, monthDays }: FeeBasis): FeeStep[] {
  let sum = whole(0n);
  return counted.map((run) => {
    const monthly = seatPrice(fee, run.count);
    const days = dayCount(run);
    sum = plus(sum, share(monthly, days, monthDays));
    const text =
      `${run.fromOn} to ${lastDay(run)}: ${run.count} subscriptions, ` +
      `${unitsText(fee, fee.pricing as FeePricing, run.count)} a month, within its limits ` +
      `${exactText(monthly)}, for ${days} of ${monthDays} days`;
    return step('PRICE', text, exactText(sum));
  });
}

function flatText({ amount, kind }: FeeTerms, { days, monthDays }: FeeBasis): string {
  return kind === 'ONE_TIME' ? decimal(amount) : `${decimal(amount)} * ${days} / ${monthDays}`;
}

function unitsText({ amount }: FeeTerms, pricing: FeePricing, units: number): string {
  const { model, rateUnit, steps } = pricing;
  if (model === 'PER_UNIT') return `${decimal(amount)} * ${units} / ${rateUnit}`;
  if (model === 'PACKAGE') {
    return `${decimal(amount)} * ${Math.ceil(units / rateUnit)} started packages of ${rateUnit}`;
  }
  return `${units} by tiers (${tierText(model, steps, units)})`;
}

function tierText(model: string, steps: readonly TierStep[], units: number): string {
  const used: string[] = [];
  let start = 0;
  for (const { upTo, price, rateUnit, flatFee, block } of steps) {
    const end = upTo ?? Number.POSITIVE_INFINITY;
    const inside = model === 'VOLUME' ? units : Math.min(units, end) - start;
    const isUsed = model === 'VOLUME' ? units > start && units <= end : inside > 0;
    const per = block ? `started ${rateUnit}` : `${rateUnit}`;
    const fixed = flatFee === 0n ? '' : ` and ${decimal(flatFee)}`;
    if (isUsed) used.push(`${inside} at ${decimal(price)} for each ${per}${fixed}`);
    start = end;
  }
  return used.join(', ');
}

function limitSteps(pricing: FeePricing | null, { priced, held }: WorkedFee): FeeStep[] {
  if (pricing === null || pricing.counts === 'SUBSCRIPTIONS') return [];
  const less = priced.numerator * held.denominator - held.numerator * priced.denominator;
  if (less === 0n) return [];
  const result = exactText(held);
  return less < 0n
    ? [step('MIN_CHARGE', `At least ${result}: the least charge of the month, by days.`, result)]
    : [step('MAX_CHARGE', `At most ${result}: the most charge of the month, by days.`, result)];
}

function ruleSteps({ held, effects }: WorkedFee): FeeStep[] {
  let running = held;
  return effects.map(({ rule, effect }) => {
    const before = exactText(running);
    running = plus(running, effect);
    const value = rule.effect === 'PERCENT' ? `${decimal(rule.amount)} %` : decimal(rule.amount);
    const text = `${value} ${rule.type === 'DISCOUNT' ? 'off' : 'on'} ${before}`;
    return step(rule.type, `${text}: ${exactText(effect)}.`, exactText(running));
  });
}

function roundingStep(owed: bigint, { decimals, rounding }: FeeWorkings): FeeStep {
  return step('ROUNDING', `Rounded once to ${decimals} decimals, ${rounding}.`, decimal(owed));
}

function beforeSteps(owed: bigint, before: bigint): FeeStep[] {
  if (before === 0n) return [];
  const text = `${decimal(owed)} less ${decimal(before)} of earlier invoices.`;
  return [step('CHARGED_BEFORE', text, decimal(owed - before))];
}

function step(kind: FeeStepKind, text: string, result: string): FeeStep {
  return { kind, text, result };
}
