import {
  faultNumber,
  MICRO_BATCH,
  type RecordBatch,
  type RecordFault,
} from '../mediation/thread.js';
import { MAX_LEVELS } from './compile-guide.js';
import {
  AMOUNT_AT,
  BELOW_COST_AT,
  BILLED_AT,
  CHAIN_AT,
  DAY_AT,
  DESTINATION_AT,
  FAULT_LEVEL_AT,
  FOLDED_AT,
  LEVELS_AT,
  LIST_AT,
  LOSS_AT,
  OUTCOME_AT,
  PREFIX_CLASS_AT,
  RATE_ID_AT,
  RATED_COLUMNS_END,
  SUBSCRIPTION_AT,
  TARIFF_AT,
  VERSION_AT,
} from './rated-columns.js';

/** In place of a level where a fault lies at none. */
export const NO_LEVEL = -1;

/** What became of a line. */
export const OUTCOME = { RATED: 1, REJECTED: 2, DUPLICATE: 3, HELD: 4 } as const;

/** Results of rating one `RecordBatch`, row by row; levels of row n begin at `n * MAX_LEVELS`. */
export class RatedBatch {
  readonly outcome: Uint8Array;
  /** Place of the subscription in the guide. */
  readonly subscription: Int32Array;
  readonly prefixClass: Int32Array;
  readonly destinationId: Int32Array;
  readonly levels: Uint8Array;
  /** Place of the chain of contracts, -1 where it does not reach the hub. */
  readonly chain: Int32Array;
  /** Level that a fault lies at, or {@link NO_LEVEL}. */
  readonly faultLevel: Int8Array;
  /** Levels that sell below what they buy for, one bit a level. */
  readonly belowCost: Uint8Array;
  /** Of such a level what buying cost more than selling brings, in its currency at scale 8. */
  readonly loss: Float64Array;
  /** Place of the contract version, -1 where nothing is bought. */
  readonly version: Int32Array;
  readonly rateId: Int32Array;
  readonly billed: Float64Array;
  /** Scale 8; of a level with allowances or tiers what it costs before those of its period. */
  readonly amount: Float64Array;
  /** Civil day in the version's zone, as days since 1970-01-01. */
  readonly day: Int32Array;
  /** Place of the price list, or why there is none: see `NOT_PRICED`. */
  readonly list: Int32Array;
  /** Place of the tariff, of the first slice where a call is cut by bands. */
  readonly tariff: Int32Array;
  /** 1 where the period of the level has a say in the amount: see the fold. */
  readonly folded: Uint8Array;
  /** Further slices of calls that are cut by bands, by row and level place. */
  readonly slices = new Map<number, readonly RatedSlice[]>();

  /** The rows in the memory of a thread's stages, or in memory of their own. */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(RATED_COLUMNS_END)) {
    const levels = MICRO_BATCH * MAX_LEVELS;
    this.outcome = new Uint8Array(memory, OUTCOME_AT, MICRO_BATCH);
    this.subscription = new Int32Array(memory, SUBSCRIPTION_AT, MICRO_BATCH);
    this.prefixClass = new Int32Array(memory, PREFIX_CLASS_AT, MICRO_BATCH);
    this.destinationId = new Int32Array(memory, DESTINATION_AT, MICRO_BATCH);
    this.levels = new Uint8Array(memory, LEVELS_AT, MICRO_BATCH);
    this.chain = new Int32Array(memory, CHAIN_AT, MICRO_BATCH);
    this.faultLevel = new Int8Array(memory, FAULT_LEVEL_AT, MICRO_BATCH);
    this.belowCost = new Uint8Array(memory, BELOW_COST_AT, MICRO_BATCH);
    this.loss = new Float64Array(memory, LOSS_AT, levels);
    this.version = new Int32Array(memory, VERSION_AT, levels);
    this.rateId = new Int32Array(memory, RATE_ID_AT, levels);
    this.billed = new Float64Array(memory, BILLED_AT, levels);
    this.amount = new Float64Array(memory, AMOUNT_AT, levels);
    this.day = new Int32Array(memory, DAY_AT, levels);
    this.list = new Int32Array(memory, LIST_AT, levels);
    this.tariff = new Int32Array(memory, TARIFF_AT, levels);
    this.folded = new Uint8Array(memory, FOLDED_AT, levels);
  }

  /** Notes that a row cannot be rated because of one of its levels. */
  fail(records: RecordBatch, row: number, level: number, fault: RecordFault): void {
    records.fault[row] = faultNumber[fault];
    this.faultLevel[row] = level;
  }
}

/** The part of a call that lies in one band. */
export interface RatedSlice {
  readonly tariff: number;
  readonly billed: number;
}
