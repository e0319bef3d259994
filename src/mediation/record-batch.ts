import type { ErrorCatalogue } from '../kernel/index.js';
import {
  A_NUMBER_AT,
  B_NUMBER_AT,
  FAULT_AT,
  FAULT_COLUMN_AT,
  IDENTITY_0_AT,
  IDENTITY_1_AT,
  IDENTITY_2_AT,
  IDENTITY_3_AT,
  IN_TRUNK_AT,
  LINE_FROM_AT,
  LINE_NUMBER_AT,
  LINE_TO_AT,
  OUT_TRUNK_AT,
  QUANTITY_AT,
  RECORD_COLUMNS_END,
  ROWS,
  SERVICE_AT,
  STARTED_MS_AT,
  VALUE_AT,
} from './record-columns.js';

/**
 * Why a line did not become a rated xDR. The place in {@link faultCodes} is the number that the
 * data plane carries; a fault of kind `held` waits for a price, every other one is a rejection.
 */
export const recordFaults = {
  MALFORMED_LINE: 'The line does not have the fields that its format declares.',
  LINE_TOO_LONG: 'The line is longer than 64 KiB.',
  INVALID_TIME: 'The time is not written as the format declares or lies outside 2000 to 2099.',
  INVALID_QUANTITY: 'The duration or quantity is not a whole number of at most 15 digits.',
  INVALID_VALUE: 'The value is not an amount of at most 7 digits before and 8 after the point.',
  INVALID_A_NUMBER: 'The calling number cannot be read as E.164.',
  INVALID_B_NUMBER: 'The called number cannot be read as E.164.',
  UNKNOWN_SERVICE: 'The service is not one that the format declares.',
  UNKNOWN_TRUNK: 'No trunk of this name is known.',
  UNKNOWN_SUBSCRIBER: 'No subscription owns the trunk or calling number at that time.',
  SUBSCRIPTION_NOT_ACTIVE: 'The subscription had not begun or had ended at that time.',
  NO_CONTRACT: 'A contract of the chain has no terms in force at that time.',
  NO_PRICE_LIST: 'A contract of the chain has no price list for the service.',
  NO_RATE: 'A price list of the chain has no rate for the number at that time.',
  NO_EXCHANGE_RATE: "No exchange rate leads from the price list's currency to the contract's.",
  MARGIN_HELD: 'A contract that holds such records would sell below what it buys for.',
  MARGIN_REFUSED: 'A contract that refuses such records would sell below what it buys for.',
  AMOUNT_TOO_LARGE: 'The amount has more digits than an xDR can hold.',
  PERIOD_PURGED: 'The records of its time have been purged, so that it would be counted wrong.',
} as const satisfies ErrorCatalogue;

export type RecordFault = keyof typeof recordFaults;

/** Fault codes by number; 0 is a record without fault. */
export const faultCodes: readonly (RecordFault | undefined)[] = [
  undefined,
  ...(Object.keys(recordFaults) as RecordFault[]),
];

/** The number of a fault. */
export const faultNumber: Readonly<Record<RecordFault, number>> = Object.fromEntries(
  faultCodes.flatMap((code, number) => (code === undefined ? [] : [[code, number]])),
) as Record<RecordFault, number>;

/** Faults that a later price or contract can heal: such records are held, not rejected. */
export const heldFaults: ReadonlySet<RecordFault> = new Set<RecordFault>([
  'NO_CONTRACT',
  'NO_PRICE_LIST',
  'NO_RATE',
  'AMOUNT_TOO_LARGE',
  'NO_EXCHANGE_RATE',
  'MARGIN_HELD',
]);

/**
 * Faults that are found once a record was told from its duplicates: its identity is its own from
 * then on, so that it is no duplicate of itself when it is taken up again.
 */
export const ratingFaults: ReadonlySet<string> = new Set<RecordFault>([
  ...heldFaults,
  'MARGIN_REFUSED',
]);

/** Records that are handled together, so that one record's cache misses overlap another's. */
export const MICRO_BATCH = ROWS;

/**
 * Up to {@link MICRO_BATCH} parsed records as parallel arrays. A row is meaningful only below
 * `count`; `fault` 0 means that all its fields are. Instants are milliseconds since 1970 in UTC,
 * numbers are E.164 digits as integers (0: withheld or alphanumeric), trunks 0 when not given.
 */
export class RecordBatch {
  count = 0;
  /** Physical lines consumed so far in the current range, comments and blank lines included. */
  lines = 0;
  readonly lineFrom: Int32Array;
  readonly lineTo: Int32Array;
  readonly lineNumber: Int32Array;
  readonly fault: Uint8Array;
  readonly faultColumn: Int16Array;
  readonly startedMs: Float64Array;
  readonly quantity: Float64Array;
  /** Money that the record carries, at scale 8; 0 when its format has none. */
  readonly value: Float64Array;
  readonly service: Uint8Array;
  readonly aNumber: Float64Array;
  readonly bNumber: Float64Array;
  readonly inTrunk: Int32Array;
  readonly outTrunk: Int32Array;
  /** The 128-bit identity in four words. */
  readonly identity0: Int32Array;
  readonly identity1: Int32Array;
  readonly identity2: Int32Array;
  readonly identity3: Int32Array;

  /** The rows in the memory of a thread's stages, or in memory of their own. */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(RECORD_COLUMNS_END)) {
    this.lineFrom = new Int32Array(memory, LINE_FROM_AT, ROWS);
    this.lineTo = new Int32Array(memory, LINE_TO_AT, ROWS);
    this.lineNumber = new Int32Array(memory, LINE_NUMBER_AT, ROWS);
    this.fault = new Uint8Array(memory, FAULT_AT, ROWS);
    this.faultColumn = new Int16Array(memory, FAULT_COLUMN_AT, ROWS);
    this.startedMs = new Float64Array(memory, STARTED_MS_AT, ROWS);
    this.quantity = new Float64Array(memory, QUANTITY_AT, ROWS);
    this.value = new Float64Array(memory, VALUE_AT, ROWS);
    this.service = new Uint8Array(memory, SERVICE_AT, ROWS);
    this.aNumber = new Float64Array(memory, A_NUMBER_AT, ROWS);
    this.bNumber = new Float64Array(memory, B_NUMBER_AT, ROWS);
    this.inTrunk = new Int32Array(memory, IN_TRUNK_AT, ROWS);
    this.outTrunk = new Int32Array(memory, OUT_TRUNK_AT, ROWS);
    this.identity0 = new Int32Array(memory, IDENTITY_0_AT, ROWS);
    this.identity1 = new Int32Array(memory, IDENTITY_1_AT, ROWS);
    this.identity2 = new Int32Array(memory, IDENTITY_2_AT, ROWS);
    this.identity3 = new Int32Array(memory, IDENTITY_3_AT, ROWS);
  }
}
