/**
 * What a row of a price list does. ABSOLUTE is a price of its own; PERCENT (`price` is the
 * percentage) and DIFFERENCE (`price` is added per rate unit) adjust what the list inherits.
 */
export type RateKind = 'ABSOLUTE' | 'PERCENT' | 'DIFFERENCE';

/**
 * How a charge comes about: PER_UNIT price per rate unit of the billed quantity; PER_EVENT price
 * once a record; PERCENTAGE `price` percent of the value that the record carries; REVENUE_SHARE
 * `price` percent of what the subscriber's level charges for the same record; PACKAGE price per
 * started rate unit of the record; GRADUATED every unit at the price of the tier it falls in;
 * VOLUME all units of the period at the price of the tier that holds their total.
 */
export type PricingModel =
  | 'PER_UNIT'
  | 'PER_EVENT'
  | 'PERCENTAGE'
  | 'REVENUE_SHARE'
  | 'PACKAGE'
  | 'GRADUATED'
  | 'VOLUME';

/** One step of a tier schedule; it begins where the one before ends. Prices have scale 8. */
export interface TierStep {
  /** Exclusive upper end in units of the service; null for the last step. */
  readonly upTo: number | null;
  readonly price: bigint;
  readonly rateUnit: number;
  /** Charged once a period, when the first unit falls into the step. */
  readonly flatFee: bigint;
  /** Whether units are priced by started blocks of `rateUnit`, counted from the step's start. */
  readonly block: boolean;
}

/** Tiers and what is counted to find them: one counter for each holder and period. */
export interface TierSchedule {
  readonly id: number;
  readonly scope: 'SUBSCRIPTION' | 'CONTRACT';
  readonly period: 'DAY' | 'MONTH';
  readonly steps: readonly TierStep[];
}

/** What a rate says beyond price, fee and increments. Amounts have scale 8. */
export interface PricingTerms {
  readonly model: PricingModel;
  /** Least charge of a record that is charged at all; 0 for none. */
  readonly minCharge: bigint;
  readonly maxCharge: bigint | null;
  /** Given for GRADUATED and VOLUME, and for them only. */
  readonly schedule: TierSchedule | null;
}

/** One row of a price list. Prices have scale 8, instants are epoch milliseconds. */
export interface RateRow {
  readonly id: number;
  /** Exactly one of `destinationId` and `prefix` is given; prefix '' stands for every number. */
  readonly destinationId: number | null;
  readonly prefix: string | null;
  /** Null: the row holds in every band that has no row of its own. */
  readonly bandId: number | null;
  /** Null: the row holds for every calling number that no row with a set of origins is for. */
  readonly originSetId: number | null;
  readonly kind: RateKind;
  readonly price: bigint;
  readonly connectionFee: bigint;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
  /** Null for a plain price per unit without limits of the charge. */
  readonly terms: PricingTerms | null;
  readonly validFrom: number;
  readonly validTo: number | null;
}

/** A price as it comes out of inheritance. Prices have scale 8 and are never below zero. */
export interface EffectiveRate {
  readonly price: bigint;
  readonly connectionFee: bigint;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
  readonly terms: PricingTerms | null;
  /** Ids of the rows that made it: the absolute row, then each adjustment down the lists. */
  readonly path: readonly number[];
  /** Whether an adjustment went below zero and the price was held at zero. */
  readonly clamped: boolean;
}
