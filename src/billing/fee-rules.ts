import type { IsoDate } from '../kernel/index.js';
import type { PriceRule } from '../rating/index.js';
import type { CappedRule } from './fee-price.js';
import type { FeeTerms } from './fees.js';
import { type ClosedDaySpan, type DaySpan, holdsDay } from './prorate.js';

/** A price rule that acts on fees; null filters let every fee pass. */
export interface FeeRule extends PriceRule {
  readonly servicePlanId: number | null;
  readonly feeKind: 'ONE_TIME' | 'PERIODIC' | null;
  readonly feeName: string | null;
  /** Its days in the contract's zone, as a fee has them. */
  readonly days: DaySpan;
  /** Days on which the buyer is in the rule's group, as known by the moment; null without group. */
  readonly memberDays: readonly KnownDays[] | null;
}

/** Days of a fact that was recorded once and may have been superseded; epoch milliseconds. */
export interface KnownDays extends DaySpan {
  readonly recordedAt: number;
  readonly supersededAt: number | null;
}

/** What a rule is asked about. */
export interface RuledFee {
  readonly fee: Pick<FeeTerms, 'planId' | 'kind' | 'name'>;
  /** Null for a charge for all subscriptions of a contract. */
  readonly subscriptionId: number | null;
  /** The moment up to which facts are known; null for now. */
  readonly knownAt: number | null;
}

/** Whether a fact counted at a moment; null for now. */
export function isKnown(
  fact: Pick<KnownDays, 'recordedAt' | 'supersededAt'>,
  knownAt: number | null,
): boolean {
  if (knownAt === null) return fact.supersededAt === null;
  const { recordedAt, supersededAt } = fact;
  return recordedAt <= knownAt && (supersededAt === null || supersededAt > knownAt);
}

function isFor(rule: FeeRule, { fee, subscriptionId, knownAt }: RuledFee): boolean {
  return (
    isKnown(rule, knownAt) &&
    (rule.servicePlanId === null || rule.servicePlanId === fee.planId) &&
    (rule.feeKind === null || rule.feeKind === fee.kind) &&
    (rule.feeName === null || rule.feeName === fee.name) &&
    (rule.subscriptionId === null || rule.subscriptionId === subscriptionId)
  );
}

/** The rules that act on a fee on a day, in the order given. */
export function rulesOn(rules: readonly FeeRule[], fee: RuledFee, day: IsoDate): FeeRule[] {
  return rules.filter(
    (rule) =>
      isFor(rule, fee) &&
      holdsDay(rule.days, day) &&
      (rule.memberDays === null ||
        rule.memberDays.some((days) => isKnown(days, fee.knownAt) && holdsDay(days, day))),
  );
}

/** A span in pieces on each of which the same rules are in force. */
export function ruledPieces(
  rules: readonly FeeRule[],
  fee: RuledFee,
  span: ClosedDaySpan,
): ClosedDaySpan[] {
  const edges = rules
    .filter((rule) => isFor(rule, fee))
    .flatMap((rule) => [rule.days, ...(rule.memberDays ?? [])])
    .flatMap(({ fromOn, toOn }) => (toOn === null ? [fromOn] : [fromOn, toOn]))
    .filter((day) => day > span.fromOn && day < span.toOn);
  const days = [span.fromOn, ...[...new Set(edges)].sort(), span.toOn];
  return days.slice(1).map((toOn, place) => ({ fromOn: days[place] as IsoDate, toOn }));
}

/** What rules with a cap have given or taken, by rule, holder, month and currency; scale 8. */
export class CapLedger {
  readonly #given: Map<string, bigint>;

  constructor(given: ReadonlyMap<string, bigint> = new Map()) {
    this.#given = new Map(given);
  }

  /** The same sums, to be gone on with apart. */
  copy(): CapLedger {
    return new CapLedger(this.#given);
  }

  /** The rules with what is left of their caps. */
  capped(rules: readonly PriceRule[], charge: CapSubject): CappedRule[] {
    return rules.map((rule) => {
      if (rule.cap === null) return { rule, capLeft: null };
      const given = this.#given.get(capKey(rule.lineageId, rule.holder, charge)) ?? 0n;
      return { rule, capLeft: given < rule.cap ? rule.cap - given : 0n };
    });
  }

  /** Enters what a rule gave or took. */
  enter(rule: Pick<PriceRule, 'lineageId' | 'holder'>, charge: CapSubject, size: bigint): void {
    const key = capKey(rule.lineageId, rule.holder, charge);
    this.#given.set(key, (this.#given.get(key) ?? 0n) + size);
  }
}

/** Whose cap it is, and of which month (`YYYY-MM`). */
export interface CapSubject {
  readonly subscriptionId: number | null;
  readonly month: string;
  readonly currency: string;
}

function capKey(lineageId: number, holder: string, subject: CapSubject): string {
  const { subscriptionId, month, currency } = subject;
  const who = holder === 'SUBSCRIPTION' ? (subscriptionId ?? 'contract') : 'contract';
  return `${lineageId} ${who} ${month} ${currency}`;
}
