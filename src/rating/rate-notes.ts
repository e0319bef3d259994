import type { TrunkList } from './book.js';

/** A time in which the same terms hold. */
export interface TermsSpan {
  fromMs: number;
  toMs: number;
}

/** Terms of every level of one chain for one service, the same for all of its span. */
export interface Plan extends Readonly<TermsSpan> {
  readonly versions: Int32Array;
  readonly lists: Int32Array;
  readonly zones: Int32Array;
  /** Lists that hold for one trunk only, by level; null where no level has any. */
  readonly trunkLists: readonly (readonly TrunkList[] | undefined)[] | null;
  /** 1 where price rules, currencies or cut bands may act on the level. */
  readonly special: Uint8Array;
  /** 1 where the contract's allowances or volume rules act on the service. */
  readonly folds: Uint8Array;
}

/** Whose terms a plan holds: those of the cost of a trunk, or of a chain of contracts. */
export type PlanKind = 'COST_PLANS' | 'CHAIN_PLANS';

/** Is told what the rater finds out of a book as records ask for it. */
export interface RateNotes {
  /** Which services the allowances of each plan of a subscription act on, one bit a service. */
  useFoldsOfPlan(foldsOfPlan: Uint8Array): void;
  /** Terms for a service: `number` is that of trunk or chain, times five and the service. */
  placePlan(kind: PlanKind, number: number, plan: Plan): void;
  /** The clock of a zone from one of its changes to the next. */
  placeZone(zone: number, index: number): void;
  /** What a list makes of a tariff in a group of classes and a span of time. */
  placeDerived(
    list: number,
    group: number,
    tariff: number,
    derived: number,
    fromMs: number,
    toMs: number,
  ): void;
}
