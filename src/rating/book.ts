import type { PricingTerms, RateRow, Timeline } from '../catalog/index.js';
import type { RoundingMode, ZoneTransitions } from '../kernel/index.js';
import type { Service } from '../mediation/index.js';
import type { PrefixTree } from './prefix-tree.js';
import type { PricingFacts } from './pricing-facts.js';

/** Everything a price depends on, as read from the database at one moment. */
export interface BookFacts {
  readonly hubPartnerId: number;
  readonly destinations: readonly { readonly id: number; readonly prefix: string }[];
  readonly lists: readonly {
    readonly id: number;
    readonly parentId: number | null;
    readonly timeProfileId: number | null;
    readonly currency: string;
    readonly rows: readonly RateRow[];
  }[];
  readonly profiles: readonly {
    readonly id: number;
    readonly rules: readonly {
      readonly bandId: number;
      readonly weekdays: number;
      readonly fromMinute: number;
      readonly toMinute: number;
    }[];
    /** Days on which the rules of weekday bit 7 hold, in days since 1970-01-01, ascending. */
    readonly holidays: readonly number[];
  }[];
  readonly contracts: readonly {
    readonly id: number;
    readonly partnerId: number;
    readonly accountId: number;
    readonly sellerPartnerId: number;
    readonly buyerPartnerId: number;
    readonly level: 'COST' | 'WHOLESALE' | 'RETAIL';
  }[];
  readonly versions: readonly {
    readonly id: number;
    readonly contractId: number;
    readonly validFrom: number;
    readonly validTo: number | null;
    readonly timeZone: string;
    readonly roundingDecimals: number;
    readonly roundingMode: RoundingMode;
    readonly currency: string;
    readonly bandPolicy: BandPolicy;
    readonly conversion: 'NONE' | 'RECORD';
    readonly marginPolicy: 'NONE' | 'WARN' | 'HOLD' | 'REFUSE';
    /** A row with a trunk holds for records that come in or leave by it. */
    readonly lists: readonly {
      readonly service: Service | '*';
      readonly trunkId: number | null;
      readonly priceListId: number;
    }[];
  }[];
  readonly subscriptions: readonly {
    readonly id: number;
    readonly partnerId: number;
    readonly accountId: number;
    readonly contractId: number;
    readonly startsAt: number;
    readonly endsAt: number | null;
    readonly servicePlanId: number | null;
    /** The account at the top of the tree that `accountId` is in. */
    readonly rootAccountId: number;
  }[];
  readonly identities: readonly {
    readonly subscriptionId: number;
    readonly numberFrom: number | null;
    readonly numberTo: number | null;
    readonly trunkId: number | null;
    readonly validFrom: number;
    readonly validTo: number | null;
  }[];
  readonly trunks: readonly {
    readonly id: number;
    readonly name: string;
    readonly costContractId: number | null;
  }[];
  readonly originSets: readonly { readonly id: number; readonly prefixes: readonly string[] }[];
  /** How many of `quote` one `base` is, at scale 10, from an instant on. */
  readonly exchangeRates: readonly {
    readonly base: string;
    readonly quote: string;
    readonly rate: bigint;
    readonly validFrom: number;
  }[];
  readonly pricing: PricingFacts;
}

/** Which band prices a call that crosses bands: see `docs/pricing.md`. */
export type BandPolicy = 'START' | 'SPLIT' | 'MAJORITY';

/**
 * The compiled book: flat arrays in shared memory that every worker thread reads and nobody
 * writes. Places are counted from 0; -1 or 0 stands for none as each line says.
 */
export interface PriceBook {
  readonly id: number;
  readonly tree: PrefixTree;
  /** Reference destination of each class of the tree; 0 when the dial plan has none. */
  readonly destinationOf: Int32Array;
  /** Slot of a class in the list at place n: `slotOf[class * lists + n]`, 0 for none. */
  readonly slotOf: Int32Array;
  /** How many price lists there are. */
  readonly lists: number;
  readonly slots: Slots;
  /** Distinct tariffs, eight numbers each as {@link TARIFF} says. */
  readonly tariffs: Float64Array;
  /** What tariffs say beyond numbers; a tariff names its place here plus one. */
  readonly terms: readonly PricingTerms[];
  /** When which band holds, per list; null when it has no bands. */
  readonly bandsOf: readonly (Bands | null)[];
  readonly origins: Origins;
  readonly zones: readonly ZoneTransitions[];
  readonly contracts: Contracts;
  readonly guide: Guide;
  /** Currency of each list by its place. */
  readonly listCurrency: readonly string[];
  readonly adjustments: ListAdjustments;
  /** Plain data that every thread gets a copy of. */
  readonly pricing: PricingFacts;
}

/**
 * The dated prices of one prefix in one list, 32 bytes a slot so that one look brings all of it.
 * `times` and `words` are two views of the same memory: slot n has its validity at
 * `times[n * 4]` and `times[n * 4 + 1]`, and from `words[n * 8 + 4]` on tariff, rate id, the class
 * of its prefix and 0. A slot with several versions or bands has their count in place
 * of the tariff and one plus the first entry in the last word. Lists share the slots that they
 * inherit: which tariff a list makes of the one in a slot is the business of `ListTariffs`.
 */
export interface Slots {
  readonly times: Float64Array;
  readonly words: Int32Array;
  readonly entryFrom: Float64Array;
  readonly entryTo: Float64Array;
  readonly entryBand: Int32Array;
  /** Place of the set of origins in `origins.rank`, -1 for any calling number. */
  readonly entryOrigin: Int32Array;
  readonly entryTariff: Int32Array;
  readonly entryRateId: Int32Array;
}

/**
 * Adjustments that act on inherited prices whatever their band and origin. They are applied when a
 * tariff is looked up, so that the children of a large list need no copies of it.
 */
export interface ListAdjustments {
  /** By place of a list the nearest adjusting one at or above it, -1 for none. */
  readonly adjuster: Int32Array;
  /** By place of an adjusting list the next one above it, -1 for none. */
  readonly above: Int32Array;
  /** By adjusting list the group that each class is in; null where all are in group 0. */
  readonly groupOf: readonly (Uint16Array | null)[];
  /** By adjusting list and group what acts on a price, from the list itself upwards. */
  readonly groups: readonly (readonly (readonly AdjustingStep[])[])[];
  /**
   * By tariff the adjusting list whose own prices, and those of lists below it that do not adjust,
   * have it; -1 for lists with no adjusting one at or above them. Adjusting lists further down
   * act on it.
   */
  readonly tariffOwner: Int32Array;
  /** Amounts of tariffs that are no exact numbers. */
  readonly wide: ReadonlyMap<number, WideAmounts>;
}

/** When which row of an adjusting list acts. */
export interface AdjustingStep {
  readonly list: number;
  readonly timeline: Timeline<RateRow>;
}

/** Where the words of a slot stand behind its place times 8. */
export const SLOT = { TARIFF: 4, RATE_ID: 5, CLASS: 6, ENTRIES: 7 } as const;

/** A price or fee that is no exact number. */
export interface WideAmounts {
  readonly price: bigint;
  readonly connectionFee: bigint;
}

/** Where the numbers of a tariff stand behind its place times 8; prices have scale 8. */
export const TARIFF = {
  PRICE: 0,
  CONNECTION_FEE: 1,
  RATE_UNIT: 2,
  FIRST_INCREMENT: 3,
  NEXT_INCREMENT: 4,
  MINIMUM: 5,
  GRACE: 6,
  /** One plus the place in `terms`, 0 for a plain price per unit. */
  TERMS: 7,
} as const;

/** The bands of a time profile. */
export interface Bands {
  /** Band of each minute of the week from Monday 00:00 on, 0 for none. */
  readonly week: Int32Array;
  /** Band of each minute of a holiday; null when holidays are days like others. */
  readonly holiday: Int32Array | null;
  /** Days since 1970-01-01, ascending. */
  readonly holidays: Int32Array;
}

/** Which calling numbers belong to which sets: classes of a prefix tree of their own. */
export interface Origins {
  readonly tree: PrefixTree;
  readonly sets: number;
  /**
   * At `class * sets + set` one plus the length of the longest prefix of the set that begins the
   * numbers of the class, 0 where the set does not hold them.
   */
  readonly rank: Uint8Array;
}

/** Contracts by place, each with its versions `firstVersion .. + versionCount - 1`. */
export interface Contracts {
  readonly id: Int32Array;
  readonly partnerId: Int32Array;
  readonly accountId: Int32Array;
  readonly firstVersion: Int32Array;
  readonly versionCount: Int32Array;
  readonly versionId: Int32Array;
  readonly versionContract: Int32Array;
  readonly versionFrom: Float64Array;
  readonly versionTo: Float64Array;
  readonly versionZone: Int32Array;
  /** Smallest amount of the version at scale 8. */
  readonly versionStep: Float64Array;
  readonly versionRounding: Uint8Array;
  /** Place of the list for version v and service code s at `v * 5 + s`; -1 for none. */
  readonly versionList: Int32Array;
  /** Lists of a version that hold for one trunk only, those for one service first. */
  readonly versionTrunkLists: readonly (readonly TrunkList[] | undefined)[];
  readonly versionCurrency: readonly string[];
  /** Places in {@link bandPolicies}. */
  readonly versionBandPolicy: Uint8Array;
  /** Places in {@link marginPolicies}. */
  readonly versionMargin: Uint8Array;
  /**
   * By `version * lists + list` the dated exchange rates from the list's currency into the
   * contract's, oldest first; nothing where both are the same.
   */
  readonly conversions: ReadonlyMap<number, readonly DatedFactor[]>;
  /** Exchange rates from a contract's currency into a list's or another contract's: `EUR USD`. */
  readonly exchange: ReadonlyMap<string, readonly DatedFactor[]>;
  readonly sellerPartnerId: Int32Array;
  readonly buyerPartnerId: Int32Array;
  /** Places in {@link priceLevels}. */
  readonly level: Uint8Array;
}

export const bandPolicies = ['START', 'SPLIT', 'MAJORITY'] as const satisfies BandPolicy[];
export const marginPolicies = ['NONE', 'WARN', 'HOLD', 'REFUSE'] as const;
export const priceLevels = ['COST', 'WHOLESALE', 'RETAIL'] as const;

/** The list that a contract version uses for a service over one trunk. */
export interface TrunkList {
  readonly service: number;
  /** Named for any service: those for the service itself go before. */
  readonly isGeneral: boolean;
  readonly trunkId: number;
  readonly list: number;
}

/** An exchange rate as a fraction, from an instant on. */
export interface DatedFactor {
  readonly fromMs: number;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * Facts that are needed together lie together, 32 bytes each, so that a record waits for them once
 * and what is needed of all subscriptions stays small. Two views of the same memory, four numbers
 * or eight words each.
 */
export interface Packed {
  readonly numbers: Float64Array;
  readonly words: Int32Array;
}

/** Words of one of `subscribers`. */
export const SUBSCRIBER = {
  ID: 0,
  PARTNER: 1,
  ACCOUNT: 2,
  /** The account at the top of the subscription's account tree. */
  ROOT_ACCOUNT: 3,
  /** Service plan, 0 for none. */
  PLAN: 4,
  /** Chain of selling contracts: its place in `chains`, -1 where it does not reach the hub. */
  CHAIN: 5,
} as const;

/**
 * The number FROM and from LENGTH on the words of one of `ranges`. In the minutes since 1970 from
 * VALID_FROM up to and without VALID_TO the first claim of the range holds and its subscription
 * runs; of other times the claims tell.
 */
export const RANGE = {
  FROM: 0,
  /** How far it reaches behind FROM, -1 where that is no word. */
  LENGTH: 2,
  VALID_FROM: 3,
  VALID_TO: 4,
  SUBSCRIPTION: 5,
} as const;

/** Who a record belongs to: by trunk first, then by calling number. */
export interface Guide {
  /** Subscriptions by place, as {@link SUBSCRIBER} says. */
  readonly subscribers: Packed;
  readonly startsMs: Float64Array;
  readonly endsMs: Float64Array;
  /** Contract places from the top reseller's purchase down to the subscriber's own contract. */
  readonly chains: readonly Int32Array[];
  /**
   * Where a seller sells to a reseller under several contracts: all of them by rising id, by the
   * place of the first, which is the one that chains name. The first with terms in force counts.
   */
  readonly successors: ReadonlyMap<number, Int32Array>;
  /** Calling numbers in elementary ranges, ascending and disjoint, as {@link RANGE} says. */
  readonly ranges: Packed;
  /** Last number of each range. */
  readonly rangeTo: Float64Array;
  readonly rangeFirst: Int32Array;
  readonly rangeCount: Int32Array;
  /**
   * Ranges by equal buckets of numbers: number x lies in bucket `floor((x - base) * scale)`, and
   * in none but the ranges from `rangeIndex[bucket]` to `rangeIndex[bucket + 1]`.
   */
  readonly rangeBase: number;
  readonly rangeScale: number;
  readonly rangeIndex: Int32Array;
  /** By trunk id: the claims of a trunk. Trunk ids are small and dense. */
  readonly trunkFirst: Int32Array;
  readonly trunkCount: Int32Array;
  /** Contract place under which traffic leaving by a trunk is bought, -1 for none. */
  readonly trunkCost: Int32Array;
  /** Claims: a subscription owns a range or trunk during [from, to). */
  readonly claimSubscription: Int32Array;
  readonly claimFrom: Float64Array;
  readonly claimTo: Float64Array;
  readonly trunkNames: readonly (readonly [name: string, id: number])[];
}
