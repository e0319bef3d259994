// Where the columns of a rated batch and the facts of a price book stand in the memory of a thread.
// Like `record-columns.ts`, behind whose columns these begin, it is read by both languages and
// needs no other file.

const ROWS = 512;
const GAP = 64;

/** Most levels of a record; levels of row n begin at `n * 8`. */
export const LEVELS = 8;
/** Levels of all rows of a batch. */
const PLACES = ROWS * LEVELS;
/** Codes of services, none among them. */
export const SERVICES = 5;

// Behind the columns of records.
export const AMOUNT_AT = 49_152;
export const BILLED_AT = AMOUNT_AT + 8 * PLACES + GAP;
export const LOSS_AT = BILLED_AT + 8 * PLACES + GAP;
export const VERSION_AT = LOSS_AT + 8 * PLACES + GAP;
export const RATE_ID_AT = VERSION_AT + 4 * PLACES + GAP;
export const DAY_AT = RATE_ID_AT + 4 * PLACES + GAP;
export const TARIFF_AT = DAY_AT + 4 * PLACES + GAP;
export const LIST_AT = TARIFF_AT + 4 * PLACES + GAP;
export const FOLDED_AT = LIST_AT + 4 * PLACES + GAP;
export const SUBSCRIPTION_AT = FOLDED_AT + PLACES + GAP;
export const PREFIX_CLASS_AT = SUBSCRIPTION_AT + 4 * ROWS + GAP;
export const DESTINATION_AT = PREFIX_CLASS_AT + 4 * ROWS + GAP;
export const CHAIN_AT = DESTINATION_AT + 4 * ROWS + GAP;
export const OUTCOME_AT = CHAIN_AT + 4 * ROWS + GAP;
export const LEVELS_AT = OUTCOME_AT + ROWS + GAP;
export const FAULT_LEVEL_AT = LEVELS_AT + ROWS + GAP;
export const BELOW_COST_AT = FAULT_LEVEL_AT + ROWS + GAP;

/** What the stages keep between two turns over the rows: levels to price, and their slots. */
export const DUE_AT = BELOW_COST_AT + ROWS + GAP;
export const DUE_SLOT_AT = DUE_AT + 4 * PLACES + GAP;
/** Whether a row is rated here, and the rows that are not. */
export const IS_RATED_AT = DUE_SLOT_AT + 4 * PLACES + GAP;
export const LEFT_ROWS_AT = IS_RATED_AT + ROWS + GAP;

/** Hash of each row, and where its bundle of sums begins. */
export const HASH_AT = LEFT_ROWS_AT + 4 * ROWS + GAP;
export const BUNDLE_AT = HASH_AT + 4 * ROWS + GAP;

/** Powers of ten from 1 to 10^15. */
export const POWERS_AT = BUNDLE_AT + 4 * ROWS + GAP;
/** Words that say where the facts of the book stand. */
export const BOOK_WORDS_AT = POWERS_AT + 16 * 8 + GAP;
export enum BookWord {
  /** Prefixes: see `PrefixTree`. */
  TABLE,
  CHILDREN,
  NODE_CLASS,
  DESTINATION_OF,
  /** Words of subscribers, levels by chain, services by plan that allowances act on. */
  SUBSCRIBERS,
  CHAIN_LEVELS,
  FOLDS_OF_PLAN,
  /** By trunk or chain times five and service where its plan stands, 0 for none yet. */
  COST_PLANS,
  CHAIN_PLANS,
  /** Trunks that there are. */
  TRUNKS,
  ZONES,
  SLOT_OF,
  LISTS,
  SLOTS,
  /** By list 1 where it adjusts what it inherits, and where the group of each class stands. */
  ADJUSTS,
  GROUPS,
  /** What lists make of tariffs: see {@link DERIVED_BYTES}. */
  DERIVED,
  /** Of the book at hand: derived tariffs of another one are none. */
  GENERATION,
  TARIFFS,
  /** By terms where their tiers stand, 0 for none that are plain. */
  TIERS,
  VERSION_STEP,
  VERSION_ROUNDING,
  VERSION_ID,
}
export const RATED_COLUMNS_END = BOOK_WORDS_AT + 32 * 4 + GAP;

/** A plan: from and to in milliseconds, and 16 bytes a level: version, list, zone, what it asks. */
export const PLAN_LEVELS = 16;
export const PLAN_LEVEL_BYTES = 16;
export const PLAN_BYTES = PLAN_LEVELS + LEVELS * PLAN_LEVEL_BYTES;
/** What a level of a plan asks: to be folded, or to be left to the rater that knows everything. */
export const ASKS_FOLD = 1;
export const ASKS_MORE = 2;

/** A zone: from and to in milliseconds, and the offset of its clock in seconds in between. */
export const ZONE_BYTES = 24;

/**
 * What became of a tariff in a list and group: key in two words, derived tariff, generation, from
 * and to in milliseconds. Which two of the entries a key may stand in is decided by its hash.
 */
export const DERIVED_BYTES = 32;
export const DERIVED_ENTRIES = 65_536;

/** Tiers: how many, the rate unit, and 16 bytes a step: its end and its price. */
export const TIER_STEPS = 16;
export const TIER_STEP_BYTES = 16;
