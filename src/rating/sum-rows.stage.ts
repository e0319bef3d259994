// Adds rated rows up, by the bundles that `summarise.ts` describes and whose memory it manages.
import { QUANTITY_AT, SERVICE_AT } from '../mediation/thread.stage';
import {
  AMOUNT_AT,
  BILLED_AT,
  BUNDLE_AT,
  DAY_AT,
  DESTINATION_AT,
  HASH_AT,
  LEVELS,
  LEVELS_AT,
  OUTCOME_AT,
  VERSION_AT,
} from './rated-columns';

const RATED: u8 = 1;
/** Where a bundle that is none yet is to be begun. */
const MISSING: i32 = -1;
/** The first sum that would not be exact. */
const EXACT: f64 = 9_007_199_254_740_992;
// Words of eight bytes: see `summarise.ts`.
const HEAD_WORDS: i32 = 2;
const COUNT_WORDS: i32 = 2;

/** Keeps the reads alive that only fetch memory. */
let touched: i32 = 0;

export function touchedSums(): i32 {
  return touched;
}

/**
 * Writes for each rated row where its bundle begins, -1 where it has none, 0 for all other rows;
 * answers how many have none. `slots` and `bundles` are addresses, `mask` one less than the slots.
 */
export function findBundles(count: i32, slots: i32, mask: i32, bundles: i32): i32 {
  let read = 0;
  for (let row = 0; row < count; row += 1) {
    if (load<u8>(OUTCOME_AT + row) !== RATED) continue;
    const hash = hashOfRow(row);
    store<i32>(HASH_AT + (row << 2), hash);
    read ^= load<i32>(slots + ((hash & mask) << 2));
  }
  for (let row = 0; row < count; row += 1) {
    if (load<u8>(OUTCOME_AT + row) !== RATED) continue;
    const slot = load<i32>(HASH_AT + (row << 2)) & mask;
    read ^= load<i32>(bundles + (load<i32>(slots + (slot << 2)) << 3));
  }
  touched = read;
  let missing = 0;
  for (let row = 0; row < count; row += 1) {
    let bundle = 0;
    if (load<u8>(OUTCOME_AT + row) === RATED) {
      bundle = bundleOf(row, slots, mask, bundles);
      if (bundle === MISSING) missing += 1;
    }
    store<i32>(BUNDLE_AT + (row << 2), bundle);
  }
  return missing;
}

/**
 * Adds the rows up in their bundles; `bound` is what all sums so far are at most, and the answer
 * what they are at most after that. -1 where that may not be exact: then nothing has been added.
 */
export function sumRows(count: i32, bundles: i32, bound: f64): f64 {
  let most = bound;
  for (let row = 0; row < count; row += 1) {
    if (load<i32>(BUNDLE_AT + (row << 2)) === 0) continue;
    const levels = <i32>load<u8>(LEVELS_AT + row);
    const first = row * LEVELS;
    most += load<f64>(QUANTITY_AT + (row << 3));
    for (let at = first; at < first + levels; at += 1) {
      most += load<f64>(BILLED_AT + (at << 3)) + abs(load<f64>(AMOUNT_AT + (at << 3)));
    }
  }
  if (!(most < EXACT)) return -1;
  for (let row = 0; row < count; row += 1) {
    const bundle = load<i32>(BUNDLE_AT + (row << 2));
    if (bundle !== 0) sumRow(row, bundles + (bundle << 3));
  }
  return most;
}

function sumRow(row: i32, bundle: i32): void {
  const levels = <i32>load<u8>(LEVELS_AT + row);
  let sum = bundle + ((HEAD_WORDS + levels) << 3);
  store<f64>(sum, load<f64>(sum) + 1);
  store<f64>(sum + 8, load<f64>(sum + 8) + load<f64>(QUANTITY_AT + (row << 3)));
  const first = row * LEVELS;
  for (let at = first; at < first + levels; at += 1) {
    sum += COUNT_WORDS << 3;
    store<f64>(sum, load<f64>(sum) + load<f64>(BILLED_AT + (at << 3)));
    store<f64>(sum + 8, load<f64>(sum + 8) + load<f64>(AMOUNT_AT + (at << 3)));
  }
}

function bundleOf(row: i32, slots: i32, mask: i32, bundles: i32): i32 {
  let slot = load<i32>(HASH_AT + (row << 2)) & mask;
  for (;;) {
    const bundle = load<i32>(slots + (slot << 2));
    if (bundle === 0) break;
    if (fits(row, bundles + (bundle << 3))) return bundle;
    slot = (slot + 1) & mask;
  }
  return MISSING;
}

function fits(row: i32, bundle: i32): bool {
  const levels = <i32>load<u8>(LEVELS_AT + row);
  if (load<i32>(bundle + 4) !== load<i32>(DESTINATION_AT + (row << 2))) return false;
  if (load<i32>(bundle + 8) !== levels) return false;
  if (load<i32>(bundle) !== <i32>load<u8>(SERVICE_AT + row)) return false;
  let pair = bundle + (HEAD_WORDS << 3);
  const first = row * LEVELS;
  for (let at = first; at < first + levels; at += 1) {
    if (load<i32>(pair) !== load<i32>(VERSION_AT + (at << 2))) return false;
    if (load<i32>(pair + 4) !== dayOf(at)) return false;
    pair += 8;
  }
  return true;
}

// The hash of `summarise.ts`.
function hashOfRow(row: i32): i32 {
  const first = row * LEVELS;
  const last = first + <i32>load<u8>(LEVELS_AT + row) - 1;
  const version = load<i32>(VERSION_AT + (last << 2));
  let hash = (version * 8 + <i32>load<u8>(SERVICE_AT + row)) * <i32>0x9e3779b1;
  const firstVersion = load<i32>(VERSION_AT + (first << 2));
  hash = (hash ^ firstVersion ^ (dayOf(last) << 12)) * <i32>0x85ebca6b;
  hash = (hash ^ (hash >>> 15) ^ load<i32>(DESTINATION_AT + (row << 2))) * <i32>0xc2b2ae35;
  return hash ^ (hash >>> 16);
}

// What nobody sold has no day; the batch still holds the one of an earlier record.
function dayOf(at: i32): i32 {
  return load<i32>(VERSION_AT + (at << 2)) < 0 ? 0 : load<i32>(DAY_AT + (at << 2));
}
