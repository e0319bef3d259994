import { addDays, grouped, type IsoDate } from '../kernel/index.js';
import type { FeePrice } from './fee-price.js';
import type { FeeWorkings } from './fee-workings.js';
import {
  type ClosedDaySpan,
  commonDays,
  type DaySpan,
  dayCount,
  daysWithout,
  monthSpan,
  proratedFee,
} from './prorate.js';

/** A fee of a plan with the days on which it is in force; `amount` has scale 8. */
export interface FeeTerms extends DaySpan, FeePrice {
  readonly planFeeId: number;
  readonly planId: number;
  readonly planName: string;
  readonly name: string;
  readonly kind: 'ONE_TIME' | 'PERIODIC';
  readonly currency: string;
}

/** A subscription with the days on which it is charged; a started day counts whole. */
export interface ChargedSubscription extends DaySpan {
  readonly subscriptionId: number;
  readonly planId: number;
  /**
   * Months to charge, oldest first: the billed month, and before it those that were billed when
   * the subscription was not yet recorded.
   */
  readonly months: readonly string[];
}

/** A charge that an earlier invoice made. The fee is known by its name: prices get new rows. */
export interface EarlierCharge extends ClosedDaySpan {
  readonly subscriptionId: number;
  readonly kind: 'ONE_TIME' | 'PERIODIC';
  readonly feeName: string;
}

/** One fee charged for some days; `amount` has scale 8. */
export interface FeeCharge extends ClosedDaySpan {
  /** Null for a charge for all subscriptions of the contract. */
  readonly subscriptionId: number | null;
  readonly fee: FeeTerms;
  /** Days charged and days of the month; both 1 for a one-time fee. */
  readonly days: number;
  readonly monthDays: number;
  readonly amount: bigint;
  /** What the amount was worked out from; null for a flat fee on which no rule acts. */
  readonly workings: FeeWorkings | null;
}

/** A charge of a flat fee to one subscription. */
export interface FlatCharge extends FeeCharge {
  readonly subscriptionId: number;
}

/**
 * The flat fees that subscriptions owe and no invoice has charged, before price rules.
 *
 * A periodic fee is owed for every day of the month on which the subscription runs and the fee is
 * in force. A one-time fee is owed once, by the terms in force on the subscription's first day;
 * `chargeUntil` is the first day after the billed period, and what starts later waits. Fees of
 * zero charge nothing.
 */
export function owedFees(
  subscriptions: readonly ChargedSubscription[],
  terms: readonly FeeTerms[],
  earlier: readonly EarlierCharge[],
  chargeUntil: IsoDate,
): FlatCharge[] {
  const termsByPlan = grouped(terms, (fee) => fee.planId);
  const charged = grouped(earlier, chargeKey);
  return subscriptions.flatMap((subscription) =>
    (termsByPlan.get(subscription.planId) ?? []).flatMap((fee) => {
      if (fee.pricing !== null || fee.amount === 0n) return [];
      const before = charged.get(chargeKey({ ...subscription, kind: fee.kind, feeName: fee.name }));
      return fee.kind === 'ONE_TIME'
        ? oneTime(subscription, fee, before ?? [], chargeUntil)
        : periodic(subscription, fee, before ?? []);
    }),
  );
}

function oneTime(
  subscription: ChargedSubscription,
  fee: FeeTerms,
  before: readonly EarlierCharge[],
  chargeUntil: IsoDate,
): FlatCharge[] {
  const firstDay = { fromOn: subscription.fromOn, toOn: addDays(subscription.fromOn, 1) };
  const inForce = commonDays(firstDay, fee) !== null;
  if (before.length > 0 || !inForce || subscription.fromOn >= chargeUntil) return [];
  const { subscriptionId } = subscription;
  const { amount } = fee;
  const one = { days: 1, monthDays: 1, amount, workings: null };
  return [{ subscriptionId, fee, ...firstDay, ...one }];
}

function periodic(
  subscription: ChargedSubscription,
  fee: FeeTerms,
  before: readonly EarlierCharge[],
): FlatCharge[] {
  return subscription.months.flatMap((month) => {
    const whole = monthSpan(month);
    const running = commonDays(whole, subscription);
    const owed = running && commonDays(running, fee);
    if (!owed) return [];
    return daysWithout(owed, before).map((span) => ({
      subscriptionId: subscription.subscriptionId,
      fee,
      ...span,
      days: dayCount(span),
      monthDays: dayCount(whole),
      amount: proratedFee(fee.amount, month, span),
      workings: null,
    }));
  });
}

function chargeKey(charge: { subscriptionId: number; kind: string; feeName: string }): string {
  return `${charge.subscriptionId} ${charge.kind} ${charge.feeName}`;
}
