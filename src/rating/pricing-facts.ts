import type { Service } from '../mediation/index.js';

/**
 * Discounts, surcharges, buckets and bonuses with their whole recorded history, since records of
 * one month may have been rated at different moments. Amounts have scale 8, instants are epoch
 * milliseconds, recorded time is [recordedAt, supersededAt).
 */
export interface PricingFacts {
  /** The moment of the book, epoch milliseconds with a fraction: facts up to it are known. */
  readonly knownAt: number;
  readonly rules: readonly PriceRule[];
  readonly buckets: readonly BucketTerms[];
  readonly bonuses: readonly BonusTerms[];
  readonly members: readonly GroupMember[];
}

interface Versioned {
  readonly id: number;
  /** The first row of the thing; it stays when the thing is changed. */
  readonly lineageId: number;
  readonly name: string;
  readonly validFrom: number;
  readonly validTo: number | null;
  readonly recordedAt: number;
  readonly supersededAt: number | null;
}

/** Who shares one counter, cap or bucket. */
export type Holder = 'SUBSCRIPTION' | 'ACCOUNT' | 'CONTRACT';

/** A discount or surcharge; filters that are null let everything pass. */
export interface PriceRule extends Versioned {
  readonly sellerPartnerId: number;
  readonly type: 'DISCOUNT' | 'SURCHARGE';
  /** PERCENT: `amount` is the percentage; FIXED: taken or added once a record. */
  readonly effect: 'PERCENT' | 'FIXED';
  readonly amount: bigint;
  readonly stacking: 'ORDERED' | 'EXCLUSIVE' | 'BEST_OF';
  readonly priority: number;
  readonly level: 'COST' | 'WHOLESALE' | 'RETAIL' | null;
  readonly customerGroupId: number | null;
  readonly buyerPartnerId: number | null;
  readonly contractId: number | null;
  readonly subscriptionId: number | null;
  readonly service: Service | null;
  readonly destinationIds: readonly number[] | null;
  /** Bit 0 is Monday; with `fromMinute` and `toMinute` in the contract's zone, at the start. */
  readonly weekdays: number | null;
  readonly fromMinute: number | null;
  readonly toMinute: number | null;
  /** What is counted in `period` for `holder`, and the range in which the rule acts. */
  readonly measure: 'QUANTITY' | 'AMOUNT' | null;
  readonly volumeFrom: bigint;
  readonly volumeTo: bigint | null;
  readonly holder: 'SUBSCRIPTION' | 'CONTRACT';
  readonly period: 'DAY' | 'MONTH';
  /** Most that the rule gives or takes for one holder in one period. */
  readonly cap: bigint | null;
}

/** An allowance of units or money, granted every civil month of the contract's zone. */
export interface BucketTerms extends Versioned {
  /** Exactly one of the two is given. */
  readonly servicePlanId: number | null;
  readonly contractId: number | null;
  readonly kind: 'UNITS' | 'MONEY';
  /** Units or money, both at scale 8. */
  readonly amount: bigint;
  readonly holder: Holder;
  readonly services: readonly Service[] | null;
  readonly destinationIds: readonly number[] | null;
  readonly priority: number;
  /** Most that is left over for the next month; null: nothing is. */
  readonly rolloverCap: bigint | null;
}

/** Grants units, money or points when spend or usage of a month passes a threshold. */
export interface BonusTerms extends Versioned {
  readonly servicePlanId: number | null;
  readonly contractId: number | null;
  readonly holder: Holder;
  readonly measure: 'SPEND' | 'USAGE';
  readonly services: readonly Service[] | null;
  readonly destinationIds: readonly number[] | null;
  readonly threshold: bigint;
  /** Whether every multiple of the threshold grants again. */
  readonly repeats: boolean;
  readonly grants: 'UNITS' | 'MONEY' | 'POINTS';
  readonly amount: bigint;
  /** The bucket that UNITS and MONEY are added to. */
  readonly bucketLineageId: number | null;
}

/** A partner's time in a customer group. */
export interface GroupMember {
  readonly groupId: number;
  readonly partnerId: number;
  readonly validFrom: number;
  readonly validTo: number | null;
  readonly recordedAt: number;
  readonly supersededAt: number | null;
}
