import {
  faultNumber,
  MICRO_BATCH,
  type RecordBatch,
  type RecordFault,
} from '../mediation/thread.js';
import { MAX_LEVELS } from './compile-guide.js';

/** In place of a level where a fault lies at none. */
export const NO_LEVEL = -1;

/** What became of a line. */
export const OUTCOME = { RATED: 1, REJECTED: 2, DUPLICATE: 3, HELD: 4 } as const;

/** Results of rating one `RecordBatch`, row by row; levels of row n begin at `n * MAX_LEVELS`. */
export class RatedBatch {
  readonly outcome = new Uint8Array(MICRO_BATCH);
  /** Place of the subscription in the guide. */
  readonly subscription = new Int32Array(MICRO_BATCH);
  readonly prefixClass = new Int32Array(MICRO_BATCH);
  readonly destinationId = new Int32Array(MICRO_BATCH);
  readonly levels = new Uint8Array(MICRO_BATCH);
  /** Place of the chain of contracts, -1 where it does not reach the hub. */
  readonly chain = new Int32Array(MICRO_BATCH);
  /** Level that a fault lies at, or {@link NO_LEVEL}. */
  readonly faultLevel = new Int8Array(MICRO_BATCH);
  /** Levels that sell below what they buy for, one bit a level. */
  readonly belowCost = new Uint8Array(MICRO_BATCH);
  /** Of such a level what buying cost more than selling brings, in its currency at scale 8. */
  readonly loss = new Float64Array(MICRO_BATCH * MAX_LEVELS);
  /** Place of the contract version, -1 where nothing is bought. */
  readonly version = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  readonly rateId = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  readonly billed = new Float64Array(MICRO_BATCH * MAX_LEVELS);
  /** Scale 8; of a level with allowances or tiers what it costs before those of its period. */
  readonly amount = new Float64Array(MICRO_BATCH * MAX_LEVELS);
  /** Civil day in the version's zone, as days since 1970-01-01. */
  readonly day = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  /** Place of the tariff, of the first slice where a call is cut by bands. */
  readonly tariff = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  /** 1 where the period of the level has a say in the amount: see the fold. */
  readonly folded = new Uint8Array(MICRO_BATCH * MAX_LEVELS);
  /** Further slices of calls that are cut by bands, by row and level place. */
  readonly slices = new Map<number, readonly RatedSlice[]>();

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
