import { MICRO_BATCH } from '../mediation/thread.js';
import { MAX_LEVELS } from './compile-guide.js';

/**
 * What the rows of a `RecordBatch` cost now and whose they are; levels of row n begin at
 * `n * MAX_LEVELS`. Amounts have scale 8.
 */
export class ShownBatch {
  readonly id = new Float64Array(MICRO_BATCH);
  readonly partnerId = new Int32Array(MICRO_BATCH);
  readonly subscriptionId = new Int32Array(MICRO_BATCH);
  /** The destination that was found when the record came in; it stays. */
  readonly destinationId = new Int32Array(MICRO_BATCH);
  readonly levels = new Uint8Array(MICRO_BATCH);
  /** Id of the contract version, 0 where nothing is bought. */
  readonly version = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  readonly rateId = new Int32Array(MICRO_BATCH * MAX_LEVELS);
  readonly amount = new Float64Array(MICRO_BATCH * MAX_LEVELS);
  /** The batch that corrected the level last, 0 where the record itself still counts. */
  readonly batch = new Int32Array(MICRO_BATCH * MAX_LEVELS);
}

const BATCH_RECORDS = 2 ** 24;

/** The batch that wrote a record: its id begins with it. */
export function batchOfRecord(id: number): number {
  return Math.floor(id / BATCH_RECORDS);
}

/** The least id of a record that a batch may have written. */
export function firstRecordOf(batchId: number): number {
  return batchId * BATCH_RECORDS;
}
