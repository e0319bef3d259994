// Writes rated rows as those of `xdr` in PostgreSQL's binary COPY form: the same bytes as
// `encode-xdr.ts`, which says what they are and hands out the room.
import {
  A_NUMBER_AT,
  B_NUMBER_AT,
  IDENTITY_0_AT,
  IDENTITY_1_AT,
  IDENTITY_2_AT,
  IDENTITY_3_AT,
  IN_TRUNK_AT,
  OUT_TRUNK_AT,
  QUANTITY_AT,
  SERVICE_AT,
  STARTED_MS_AT,
  VALUE_AT,
} from '../mediation/thread.stage';
import {
  AMOUNT_AT,
  BOOK_WORDS_AT,
  BookWord,
  DESTINATION_AT,
  LEVELS,
  LEVELS_AT,
  OUTCOME_AT,
  RATE_ID_AT,
  SUBSCRIPTION_AT,
  VERSION_AT,
} from './rated-columns';

const RATED: u8 = 1;
const COLUMNS: i16 = 16;
const POSTGRES_EPOCH_MS: f64 = 946_684_800_000;
const SUBSCRIBER_BYTES: i32 = 32;
const FIXED_BYTES: i32 = 148;
const EMPTY_LEVELS_BYTES: i32 = 28;
const LEVEL_BYTES: i32 = 20;
const INT8_TYPE: i32 = 20;

let written: i32 = 0;
let behind: i32 = 0;

/** How many rows {@link encodeRows} has written. */
export function rowsWritten(): i32 {
  return written;
}

/** Where the last of them ends. */
export function rowsEnd(): i32 {
  return behind;
}

/**
 * Writes the rated rows of `[from, to)` from the address `start` on, up to one that does not fit
 * before `end` or did not begin in `[fromMs, toMs)`; answers that row, or `to`. The first row has
 * the number `ordinal` in its batch.
 */
export function encodeRows(
  from: i32,
  to: i32,
  start: i32,
  end: i32,
  fromMs: f64,
  toMs: f64,
  batch: i32,
  ordinal: i32,
): i32 {
  let at = start;
  let row = from;
  written = 0;
  for (; row < to; row += 1) {
    if (load<u8>(OUTCOME_AT + row) !== RATED) continue;
    const startedMs = load<f64>(STARTED_MS_AT + (row << 3));
    const levels = <i32>load<u8>(LEVELS_AT + row);
    const bytes = FIXED_BYTES + EMPTY_LEVELS_BYTES + levels * LEVEL_BYTES;
    if (startedMs < fromMs || startedMs >= toMs || at + bytes > end) break;
    encodeFixed(at, row, startedMs, batch, ordinal + written);
    encodeLevels(at + FIXED_BYTES, row, levels);
    at += bytes;
    written += 1;
  }
  behind = at;
  return row;
}

function encodeFixed(at: i32, row: i32, startedMs: f64, batch: i32, ordinal: i32): void {
  const words = load<i32>(BOOK_WORDS_AT + (BookWord.SUBSCRIBERS << 2));
  const subscriber = words + load<i32>(SUBSCRIPTION_AT + (row << 2)) * SUBSCRIBER_BYTES;
  store<i16>(at, bswap<i16>(COLUMNS));
  putLong(at + 2, ((<i64>batch) << 24) | <i64>ordinal);
  putLong(at + 14, <i64>(startedMs - POSTGRES_EPOCH_MS) * 1000);
  put(at + 26, 16);
  put(at + 30, load<i32>(IDENTITY_0_AT + (row << 2)));
  put(at + 34, load<i32>(IDENTITY_1_AT + (row << 2)));
  put(at + 38, load<i32>(IDENTITY_2_AT + (row << 2)));
  put(at + 42, load<i32>(IDENTITY_3_AT + (row << 2)));
  putInt(at + 46, load<i32>(subscriber + 4));
  putInt(at + 54, load<i32>(subscriber + 8));
  putInt(at + 62, load<i32>(subscriber));
  put(at + 70, 2);
  store<i16>(at + 74, bswap<i16>(<i16>load<u8>(SERVICE_AT + row)));
  putLong(at + 76, <i64>load<f64>(A_NUMBER_AT + (row << 3)));
  putLong(at + 88, <i64>load<f64>(B_NUMBER_AT + (row << 3)));
  putLong(at + 100, <i64>load<f64>(QUANTITY_AT + (row << 3)));
  putInt(at + 112, load<i32>(IN_TRUNK_AT + (row << 2)));
  putInt(at + 120, load<i32>(OUT_TRUNK_AT + (row << 2)));
  putInt(at + 128, load<i32>(DESTINATION_AT + (row << 2)));
  putLong(at + 136, <i64>load<f64>(VALUE_AT + (row << 3)));
}

function encodeLevels(from: i32, row: i32, levels: i32): void {
  const versionId = load<i32>(BOOK_WORDS_AT + (BookWord.VERSION_ID << 2));
  put(from, levels * 8);
  let leg = from + 4;
  let amount = leg + levels * 8;
  put(amount, 20 + levels * 12);
  put(amount + 4, 1);
  put(amount + 8, 0);
  put(amount + 12, INT8_TYPE);
  put(amount + 16, levels);
  put(amount + 20, 1);
  amount += 24;
  const first = row * LEVELS;
  for (let at = first; at < first + levels; at += 1) {
    const version = load<i32>(VERSION_AT + (at << 2));
    put(leg, version < 0 ? 0 : load<i32>(versionId + (version << 2)));
    put(leg + 4, load<i32>(RATE_ID_AT + (at << 2)));
    putLong(amount, <i64>load<f64>(AMOUNT_AT + (at << 3)));
    leg += 8;
    amount += 12;
  }
}

function put(at: i32, value: i32): void {
  store<i32>(at, bswap<i32>(value));
}

// An int field with its length.
function putInt(at: i32, value: i32): void {
  put(at, 4);
  put(at + 4, value);
}

// A bigint field with its length.
function putLong(at: i32, value: i64): void {
  put(at, 8);
  store<i64>(at + 4, bswap<i64>(value));
}
