// Rates guided records whose levels ask for nothing but a price per unit or plain tiers, in turns
// over all rows, so that the memory that one row waits for is fetched while others are worked on.
// Rows that ask for more are left to `rate-level.ts` and `rate-general.ts`, which know everything:
// what comes out here is never anything else than what comes out there.
import {
  B_NUMBER_AT,
  FAULT_AT,
  OUT_TRUNK_AT,
  QUANTITY_AT,
  SERVICE_AT,
  STARTED_MS_AT,
} from '../mediation/thread.stage';
import {
  AMOUNT_AT,
  ASKS_FOLD,
  ASKS_MORE,
  BILLED_AT,
  BOOK_WORDS_AT,
  BookWord,
  CHAIN_AT,
  DAY_AT,
  DERIVED_BYTES,
  DERIVED_ENTRIES,
  DESTINATION_AT,
  DUE_AT,
  DUE_SLOT_AT,
  FOLDED_AT,
  IS_RATED_AT,
  LEFT_ROWS_AT,
  LEVELS,
  LEVELS_AT,
  LIST_AT,
  OUTCOME_AT,
  PLAN_LEVEL_BYTES,
  PLAN_LEVELS,
  POWERS_AT,
  PREFIX_CLASS_AT,
  RATE_ID_AT,
  SERVICES,
  SUBSCRIPTION_AT,
  TARIFF_AT,
  TIER_STEP_BYTES,
  TIER_STEPS,
  VERSION_AT,
  ZONE_BYTES,
} from './rated-columns';

const RATED: u8 = 1;
const NOTHING: i32 = -1;
const TABLE_DIGITS: i32 = 6;
/** The first whole number that a double does not tell from its neighbour. */
const LIMIT: f64 = 9_007_199_254_740_992;
/** Lists whose place a key of derived tariffs can hold. */
const MOST_LISTS: i32 = 65_536;
const SLOT_BYTES: i32 = 32;
const TARIFF_BYTES: i32 = 64;
const SUBSCRIBER_BYTES: i32 = 32;
const SUBSCRIBER_PLAN: i32 = 16;
const SUBSCRIBER_CHAIN: i32 = 20;
const DAY_SECONDS: u32 = 86_400;

/** Levels that are to be priced. */
let due: i32 = 0;
/** Keeps the reads alive that only fetch memory. */
let touched: i32 = 0;

export function touchedRates(): i32 {
  return touched;
}

/** Rates `count` rows; answers how many are left, whose numbers stand at `LEFT_ROWS_AT`. */
export function rateRows(count: i32): i32 {
  findClasses(count);
  planRows(count);
  findSlots();
  findTariffs();
  chargeLevels();
  let left = 0;
  for (let row = 0; row < count; row += 1) {
    if (load<u8>(OUTCOME_AT + row) !== RATED || load<u8>(IS_RATED_AT + row) === 1) continue;
    store<i32>(LEFT_ROWS_AT + (left << 2), row);
    left += 1;
  }
  return left;
}

function findClasses(count: i32): void {
  for (let row = 0; row < count; row += 1) {
    const isDue = load<u8>(OUTCOME_AT + row) === RATED && load<u8>(FAULT_AT + row) === 0;
    store<u8>(IS_RATED_AT + row, isDue ? 1 : 0);
    if (!isDue) continue;
    store<i32>(PREFIX_CLASS_AT + (row << 2), classOf(load<f64>(B_NUMBER_AT + (row << 3))));
  }
}

/** The class of the longest prefix of a number. */
function classOf(number: f64): i32 {
  let digits = number < 1e9 ? 1 : 9;
  while (digits < 16 && number >= power(digits)) digits += 1;
  const root = word(BookWord.NODE_CLASS);
  if (number < 1 || digits === 16) return load<i32>(root);
  if (digits < TABLE_DIGITS) return walk(0, <u32>number, digits);
  const rest = power(digits - TABLE_DIGITS);
  const head = floor(number / rest);
  const found = load<i32>(word(BookWord.TABLE) + ((<i32>head) << 2));
  if (found < 0) return -1 - found;
  return walk(found, <u32>(number - head * rest), digits - TABLE_DIGITS);
}

function walk(from: i32, digits: u32, count: i32): i32 {
  const children = word(BookWord.CHILDREN);
  let node = from;
  let rest = digits;
  for (let left = count; left > 0; left -= 1) {
    const unit = <u32>power(left - 1);
    const digit = rest / unit;
    node = load<i32>(children + ((node * 10 + <i32>digit) << 2));
    if (node < 0) return -1 - node;
    rest -= digit * unit;
  }
  return load<i32>(word(BookWord.NODE_CLASS) + (node << 2));
}

// Terms, day and list of each level; levels to be priced are noted with what they need.
function planRows(count: i32): void {
  due = 0;
  for (let row = 0; row < count; row += 1) {
    if (load<u8>(IS_RATED_AT + row) === 0) continue;
    const before = due;
    if (planRow(row)) continue;
    store<u8>(IS_RATED_AT + row, 0);
    due = before;
  }
}

function planRow(row: i32): bool {
  const prefixClass = load<i32>(PREFIX_CLASS_AT + (row << 2));
  store<i32>(
    DESTINATION_AT + (row << 2),
    load<i32>(word(BookWord.DESTINATION_OF) + (prefixClass << 2)),
  );
  const subscriber =
    word(BookWord.SUBSCRIBERS) + load<i32>(SUBSCRIPTION_AT + (row << 2)) * SUBSCRIBER_BYTES;
  const chain = load<i32>(subscriber + SUBSCRIBER_CHAIN);
  store<i32>(CHAIN_AT + (row << 2), chain);
  const trunk = load<i32>(OUT_TRUNK_AT + (row << 2));
  if (chain < 0 || trunk >= word(BookWord.TRUNKS)) return false;
  const levels = <i32>load<u8>(word(BookWord.CHAIN_LEVELS) + chain);
  store<u8>(LEVELS_AT + row, <u8>levels);
  const service = <i32>load<u8>(SERVICE_AT + row);
  const startedMs = load<f64>(STARTED_MS_AT + (row << 3));
  const cost = planOf(word(BookWord.COST_PLANS), trunk * SERVICES + service, startedMs);
  const sale = planOf(word(BookWord.CHAIN_PLANS), chain * SERVICES + service, startedMs);
  if (cost === 0 || sale === 0 || !planLevel(row, 0, cost + PLAN_LEVELS, startedMs)) return false;
  for (let level = 1; level < levels; level += 1) {
    const place = sale + PLAN_LEVELS + (level - 1) * PLAN_LEVEL_BYTES;
    if (!planLevel(row, level, place, startedMs)) return false;
  }
  const plan = load<i32>(subscriber + SUBSCRIBER_PLAN);
  if (((load<u8>(word(BookWord.FOLDS_OF_PLAN) + plan) >> <u8>service) & 1) === 1) {
    store<u8>(FOLDED_AT + row * LEVELS + levels - 1, 1);
  }
  return true;
}

// The plan with a number, 0 where none is known for the time.
function planOf(plans: i32, number: i32, startedMs: f64): i32 {
  const plan = load<i32>(plans + (number << 2));
  if (plan === 0 || startedMs < load<f64>(plan) || startedMs >= load<f64>(plan + 8)) return 0;
  return plan;
}

function planLevel(row: i32, level: i32, place: i32, startedMs: f64): bool {
  const at = row * LEVELS + level;
  const version = load<i32>(place);
  const list = load<i32>(place + 4);
  const asks = load<i32>(place + 12);
  store<i32>(RATE_ID_AT + (at << 2), 0);
  store<f64>(BILLED_AT + (at << 3), 0);
  store<f64>(AMOUNT_AT + (at << 3), 0);
  store<i32>(VERSION_AT + (at << 2), version);
  store<u8>(FOLDED_AT + at, <u8>(asks & ASKS_FOLD));
  if (version < 0) {
    store<i32>(LIST_AT + (at << 2), list);
    return list === NOTHING;
  }
  const zone = word(BookWord.ZONES) + load<i32>(place + 8) * ZONE_BYTES;
  if (startedMs < load<f64>(zone) || startedMs >= load<f64>(zone + 8)) return false;
  const local = <u32>(floor(startedMs / 1000) + load<f64>(zone + 16));
  store<i32>(DAY_AT + (at << 2), local / DAY_SECONDS);
  // What was not answered costs nothing and needs no price.
  if (load<f64>(QUANTITY_AT + (row << 3)) === 0) {
    store<i32>(LIST_AT + (at << 2), NOTHING);
    return true;
  }
  store<i32>(LIST_AT + (at << 2), list);
  if (list < 0 || (asks & ASKS_MORE) !== 0) return false;
  store<i32>(DUE_AT + (due << 2), at);
  due += 1;
  return true;
}

function findSlots(): void {
  const slotOf = word(BookWord.SLOT_OF);
  const lists = word(BookWord.LISTS);
  for (let n = 0; n < due; n += 1) {
    const at = load<i32>(DUE_AT + (n << 2));
    const prefixClass = load<i32>(PREFIX_CLASS_AT + ((at >> 3) << 2));
    const list = load<i32>(LIST_AT + (at << 2));
    store<i32>(DUE_SLOT_AT + (n << 2), load<i32>(slotOf + ((prefixClass * lists + list) << 2)));
  }
  // Brings the slots into the cache, all at once, before they are looked at one by one.
  const slots = word(BookWord.SLOTS);
  let read = 0;
  for (let n = 0; n < due; n += 1) {
    read ^= load<i32>(slots + load<i32>(DUE_SLOT_AT + (n << 2)) * SLOT_BYTES);
  }
  touched = read;
}

function findTariffs(): void {
  const slots = word(BookWord.SLOTS);
  for (let n = 0; n < due; n += 1) {
    const at = load<i32>(DUE_AT + (n << 2));
    const row = at >> 3;
    const startedMs = load<f64>(STARTED_MS_AT + (row << 3));
    const number = load<i32>(DUE_SLOT_AT + (n << 2));
    const slot = slots + number * SLOT_BYTES;
    const isPlain =
      number !== 0 &&
      load<i32>(slot + 28) === 0 &&
      startedMs >= load<f64>(slot) &&
      startedMs < load<f64>(slot + 8);
    const tariff = isPlain ? tariffOf(at, slot, startedMs) : NOTHING;
    store<i32>(TARIFF_AT + (at << 2), tariff);
    store<i32>(RATE_ID_AT + (at << 2), load<i32>(slot + 20));
    if (tariff === NOTHING) store<u8>(IS_RATED_AT + row, 0);
  }
  // Brings the tariffs into the cache.
  const tariffs = word(BookWord.TARIFFS);
  let read = 0;
  for (let n = 0; n < due; n += 1) {
    const tariff = load<i32>(TARIFF_AT + (load<i32>(DUE_AT + (n << 2)) << 2));
    read ^= load<i32>(tariffs + max(tariff, 0) * TARIFF_BYTES);
  }
  touched ^= read;
}

// What the list makes of the tariff of a slot, where that is known: by the group of the slot's
// prefix, which may be shorter than the one that the number has.
function tariffOf(at: i32, slot: i32, startedMs: f64): i32 {
  const tariff = load<i32>(slot + 16);
  const list = load<i32>(LIST_AT + (at << 2));
  const adjuster = load<i32>(word(BookWord.ADJUSTS) + (list << 2));
  if (adjuster < 0) return tariff;
  if (adjuster >= MOST_LISTS) return NOTHING;
  const groups = load<i32>(word(BookWord.GROUPS) + (adjuster << 2));
  const prefixClass = load<i32>(slot + 24);
  const group = groups === 0 ? 0 : <i32>load<u16>(groups + (prefixClass << 1));
  const key = (adjuster << 16) | group;
  const number = derivedEntry(key, tariff);
  const found = derivedAt(number, key, tariff, startedMs);
  return found !== NOTHING ? found : derivedAt(number ^ 1, key, tariff, startedMs);
}

function derivedAt(number: i32, key: i32, tariff: i32, startedMs: f64): i32 {
  const entry = word(BookWord.DERIVED) + number * DERIVED_BYTES;
  const isKnown =
    load<i32>(entry) === key &&
    load<i32>(entry + 4) === tariff &&
    load<i32>(entry + 12) === word(BookWord.GENERATION) &&
    startedMs >= load<f64>(entry + 16) &&
    startedMs < load<f64>(entry + 24);
  return isKnown ? load<i32>(entry + 8) : NOTHING;
}

/** Where what a list and group make of a tariff may stand; the other place is beside it. */
export function derivedEntry(key: i32, tariff: i32): i32 {
  let hash = (key ^ (tariff * <i32>0x9e3779b1)) * <i32>0x85ebca6b;
  hash ^= hash >>> 15;
  return hash & (DERIVED_ENTRIES - 1);
}

function chargeLevels(): void {
  for (let n = 0; n < due; n += 1) {
    const at = load<i32>(DUE_AT + (n << 2));
    const row = at >> 3;
    if (load<u8>(IS_RATED_AT + row) === 0) continue;
    if (!chargeLevel(at, row)) store<u8>(IS_RATED_AT + row, 0);
  }
}

function chargeLevel(at: i32, row: i32): bool {
  const tariff = word(BookWord.TARIFFS) + load<i32>(TARIFF_AT + (at << 2)) * TARIFF_BYTES;
  const version = load<i32>(VERSION_AT + (at << 2));
  const billed = billedQuantity(load<f64>(QUANTITY_AT + (row << 3)), tariff);
  const step = load<f64>(word(BookWord.VERSION_STEP) + (version << 3));
  const rounding = <i32>load<u8>(word(BookWord.VERSION_ROUNDING) + version);
  const fee = load<f64>(tariff + 8);
  const terms = <i32>load<f64>(tariff + 56);
  let numerator: f64;
  let divisor: f64;
  if (terms === 0) {
    const unit = load<f64>(tariff + 16);
    numerator = billed === 0 ? 0 : fee * unit + load<f64>(tariff) * billed;
    divisor = unit * step;
  } else {
    const tiers = load<i32>(word(BookWord.TIERS) + (terms << 2));
    if (tiers === 0 || !(load<f64>(tariff) + fee >= 0)) return false;
    const unit = load<f64>(tiers + 8);
    numerator = billed === 0 ? 0 : graduated(tiers, billed, fee * unit);
    divisor = unit * step;
    store<u8>(FOLDED_AT + at, 1);
  }
  // Amounts that are no exact numbers; NaN is none either.
  if (!(numerator >= 0 && numerator < LIMIT)) return false;
  const amount = divRound(numerator, divisor, rounding) * step;
  if (!(amount < LIMIT)) return false;
  store<f64>(BILLED_AT + (at << 3), billed);
  store<f64>(AMOUNT_AT + (at << 3), amount);
  return true;
}

// As in `price.ts`, without branches that nobody could foresee; quantities are whole numbers.
function billedQuantity(quantity: f64, tariff: i32): f64 {
  const next = load<f64>(tariff + 32);
  const base = max(load<f64>(tariff + 40), load<f64>(tariff + 24));
  const more = ceil(max<f64>(quantity - base, 0) / next) * next;
  return select<f64>(0, base + more, quantity <= load<f64>(tariff + 48));
}

// What units cost by steps from the first on, times the rate unit.
function graduated(tiers: i32, units: f64, fee: f64): f64 {
  let sum = fee;
  let start: f64 = 0;
  let step = tiers + TIER_STEPS;
  const end = step + load<i32>(tiers) * TIER_STEP_BYTES;
  for (; step < end && start < units; step += TIER_STEP_BYTES) {
    const upTo = load<f64>(step);
    const high = units < upTo ? units : upTo;
    if (high > start) sum += load<f64>(step + 8) * (high - start);
    start = upTo;
  }
  return sum;
}

// `divRoundNumber` of the kernel, for numbers that are not negative: its proof holds here, too.
function divRound(numerator: f64, divisor: f64, mode: i32): f64 {
  const quotient = floor(numerator / divisor);
  const remainder = numerator - quotient * divisor;
  const rest = divisor - remainder;
  // HALF_UP, HALF_EVEN, UP, DOWN, CEILING, FLOOR.
  let isUp = remainder >= rest;
  if (mode !== 0) {
    const isOdd = quotient - floor(quotient / 2) * 2 === 1;
    if (mode === 1) isUp = remainder > rest || (isUp && isOdd);
    else isUp = remainder > 0 && (mode === 2 || mode === 4);
  }
  return quotient + <f64>(<i32>isUp);
}

function power(digits: i32): f64 {
  return load<f64>(POWERS_AT + (digits << 3));
}

function word(name: i32): i32 {
  return load<i32>(BOOK_WORDS_AT + (name << 2));
}
