import { epochDayFromIso, isoFromEpochDay } from '../kernel/index.js';
import { MICRO_BATCH, type RecordBatch } from '../mediation/thread.js';
import type { PriceBook } from './book.js';
import { BundleMemory } from './bundle-memory.js';
import { MAX_LEVELS } from './compile-guide.js';
import { type ChunkPool, CopyRows, dateOf, putInt2, putInt4, putInt8 } from './copy-rows.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';
import { SumTable } from './sum-table.js';
import type { ThreadStages } from './thread-stages.js';

/** Columns of a leaf of `usage_summary` as {@link UsageSummary} writes them. */
export const SUMMARY_COLUMNS = [
  'batch_id',
  'usage_on',
  'partner_id',
  'contract_id',
  'contract_version_id',
  'account_id',
  'service',
  'destination_id',
  'records',
  'quantity',
  'billed_quantity',
  'amount',
] as const;

const ROW_BYTES = 108;
const EXACT = 2 ** 53;

// A bundle in words of eight bytes: service and destination, levels and a spare; version and day
// of each level; records and quantity; billed quantity and amount of each level.
const HEAD_WORDS = 2;
const COUNT_WORDS = 2;
const LEVEL_WORDS = 3;
const MOST_WORDS = HEAD_WORDS + COUNT_WORDS + MAX_LEVELS * LEVEL_WORDS;

/**
 * Sums of one batch by contract version, civil day, service and destination. Records that agree
 * in all of that at every level are first added up as one bundle, which is one look for all
 * levels and lies together in memory; the bundles are taken apart at the end.
 */
export class UsageSummary {
  readonly #stages: ThreadStages | null;
  readonly #memory: BundleMemory;
  // The first word stays empty, since 0 stands for no bundle.
  #used = 1;
  #bundles = 0;
  /** What all sums of the bundles together are at most: below 2^53 each of them is exact. */
  #bound = 0;
  readonly #table = new SumTable();
  /** Keeps the reads alive that only fetch memory. */
  touched = 0;
  readonly #hash = new Int32Array(MICRO_BATCH);
  readonly #bundle = new Int32Array(MICRO_BATCH);

  /** With `stages`, in whose memory the batches are, rows are added up as WebAssembly. */
  constructor(stages: ThreadStages | null = null) {
    this.#stages = stages;
    this.#memory = stages?.bundles ?? new BundleMemory();
    if (stages !== null) this.#memory.clear();
  }

  /** Adds the rated rows of a batch. */
  add(records: RecordBatch, rated: RatedBatch): void {
    if (this.#stages === null) this.#addInTurns(records, rated);
    else this.#addByStage(this.#stages, records, rated);
  }

  #addByStage(stages: ThreadStages, records: RecordBatch, rated: RatedBatch): void {
    const { count } = records;
    const { slots, sums } = this.#memory;
    const mask = slots.length - 1;
    const missing = stages.exports.findBundles(count, slots.byteOffset, mask, sums.byteOffset);
    const { bundle, hash } = stages;
    if (missing > 0) {
      for (let row = 0; row < count; row += 1) {
        if (bundle[row]! < 0) bundle[row] = this.#find(records, rated, row, hash[row]!);
      }
    }
    const at = this.#memory.sums.byteOffset;
    const bound = stages.exports.sumRows(count, at, this.#bound);
    if (bound < 0) this.#addUp(records, rated, bundle);
    else this.#bound = bound;
  }

  // In turns, so that one row's memory is fetched while another is worked on.
  #addInTurns(records: RecordBatch, rated: RatedBatch): void {
    const { count } = records;
    const { outcome } = rated;
    const [hash, bundle] = [this.#hash, this.#bundle];
    for (let row = 0; row < count; row += 1) {
      hash[row] = outcome[row] === OUTCOME.RATED ? rowHash(records, rated, row) : 0;
    }
    const { slots, ints } = this.#memory;
    const mask = slots.length - 1;
    let touched = 0;
    for (let row = 0; row < count; row += 1) touched ^= ints[slots[hash[row]! & mask]! * 2]!;
    this.touched = touched;
    for (let row = 0; row < count; row += 1) {
      const isRated = outcome[row] === OUTCOME.RATED;
      bundle[row] = isRated ? this.#find(records, rated, row, hash[row]!) : 0;
    }
    this.#addUp(records, rated, bundle);
  }

  /** Rows for the leaf of each month, by days since 1970-01-01 of the first day in it. */
  encode(book: PriceBook, batchId: number, pool: ChunkPool): Map<number, CopyRows> {
    this.#settle();
    const table = this.#table;
    const leaves = new Map<number, CopyRows>();
    const months = new Map<number, CopyRows>();
    const { contracts } = book;
    for (let sum = 0; sum < table.count; sum += 1) {
      const day = table.day[sum]!;
      let out = months.get(day);
      if (out === undefined) {
        const month = firstOfMonth(day);
        out = leaves.get(month) ?? new CopyRows(pool);
        leaves.set(month, out);
        months.set(day, out);
      }
      const version = table.version[sum]!;
      const contract = contracts.versionContract[version]!;
      const at = out.row(ROW_BYTES);
      const { view } = out;
      view.setInt16(at, SUMMARY_COLUMNS.length);
      putInt4(view, at + 2, batchId);
      putInt4(view, at + 10, dateOf(day));
      putInt4(view, at + 18, contracts.partnerId[contract]!);
      putInt4(view, at + 26, contracts.id[contract]!);
      putInt4(view, at + 34, contracts.versionId[version]!);
      putInt4(view, at + 42, contracts.accountId[contract]!);
      putInt2(view, at + 50, table.service[sum]!);
      putInt4(view, at + 56, table.destination[sum]!);
      putInt4(view, at + 64, table.records[sum]!);
      putInt8(view, at + 72, table.quantity[sum]!);
      putInt8(view, at + 84, table.billed[sum]!);
      putInt8(view, at + 96, table.amount[sum]!);
    }
    return leaves;
  }

  #addUp(records: RecordBatch, rated: RatedBatch, bundles: Int32Array): void {
    const { sums } = this.#memory;
    const { count, quantity } = records;
    const { billed, amount } = rated;
    let bound = this.#bound;
    for (let row = 0; row < count; row += 1) {
      const bundle = bundles[row]!;
      if (bundle === 0) continue;
      const levels = rated.levels[row]!;
      const first = row * MAX_LEVELS;
      let more = quantity[row]!;
      for (let at = first; at < first + levels; at += 1)
        more += billed[at]! + Math.abs(amount[at]!);
      bound += more;
      if (bound >= EXACT) {
        this.#settle();
        bound = more;
      }
      let sum = bundle + HEAD_WORDS + levels;
      sums[sum]! += 1;
      sums[sum + 1]! += quantity[row]!;
      for (let at = first; at < first + levels; at += 1) {
        sum += 2;
        sums[sum]! += billed[at]!;
        sums[sum + 1]! += amount[at]!;
      }
    }
    this.#bound = bound;
  }

  #find(records: RecordBatch, rated: RatedBatch, row: number, hash: number): number {
    const { slots } = this.#memory;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const bundle = slots[slot]!;
      if (bundle === 0) return this.#begin(slot, records, rated, row);
      if (this.#fits(bundle, records, rated, row)) return bundle;
      slot = (slot + 1) & mask;
    }
  }

  #fits(bundle: number, records: RecordBatch, rated: RatedBatch, row: number): boolean {
    const { ints } = this.#memory;
    const at = bundle * 2;
    const levels = rated.levels[row]!;
    if (ints[at + 1] !== rated.destinationId[row] || ints[at + 2] !== levels) return false;
    if (ints[at] !== records.service[row]) return false;
    const first = row * MAX_LEVELS;
    for (let level = 0; level < levels; level += 1) {
      const pair = at + 2 * (HEAD_WORDS + level);
      if (ints[pair] !== rated.version[first + level]) return false;
      if (ints[pair + 1] !== dayOf(rated, first + level)) return false;
    }
    return true;
  }

  #begin(slot: number, records: RecordBatch, rated: RatedBatch, row: number): number {
    if (this.#used + MOST_WORDS > this.#memory.sums.length) this.#memory.enlarge();
    const { ints, slots } = this.#memory;
    const bundle = this.#used;
    const at = bundle * 2;
    const levels = rated.levels[row]!;
    const first = row * MAX_LEVELS;
    ints[at] = records.service[row]!;
    ints[at + 1] = rated.destinationId[row]!;
    ints[at + 2] = levels;
    for (let level = 0; level < levels; level += 1) {
      const pair = at + 2 * (HEAD_WORDS + level);
      ints[pair] = rated.version[first + level]!;
      ints[pair + 1] = dayOf(rated, first + level);
    }
    this.#used += HEAD_WORDS + COUNT_WORDS + levels * LEVEL_WORDS;
    slots[slot] = bundle;
    this.#bundles += 1;
    if (this.#bundles * 2 > slots.length) this.#rehash();
    return bundle;
  }

  // Takes the bundles apart; they stay in place, empty.
  #settle(): void {
    const { ints, sums } = this.#memory;
    for (let bundle = 1; bundle < this.#used; ) {
      const [service, destination] = [ints[bundle * 2]!, ints[bundle * 2 + 1]!];
      const levels = ints[bundle * 2 + 2]!;
      const counts = bundle + HEAD_WORDS + levels;
      const end = counts + COUNT_WORDS + levels * 2;
      const [records, quantity] = [sums[counts]!, sums[counts + 1]!];
      for (let level = 0; level < levels && records > 0; level += 1) {
        const pair = 2 * (bundle + HEAD_WORDS + level);
        const [version, day] = [ints[pair]!, ints[pair + 1]!];
        if (version < 0) continue;
        const at = counts + COUNT_WORDS + level * 2;
        const more = { records, quantity, billed: sums[at]!, amount: sums[at + 1]! };
        this.#table.add(version, day, service, destination, more);
      }
      sums.fill(0, counts, end);
      bundle = end;
    }
    this.#bound = 0;
  }

  #rehash(): void {
    const old = this.#memory.reslot();
    const { ints, slots } = this.#memory;
    const mask = slots.length - 1;
    for (const bundle of old) {
      if (bundle === 0) continue;
      const at = bundle * 2;
      const last = at + 2 * (HEAD_WORDS + ints[at + 2]! - 1);
      const first = ints[at + 2 * HEAD_WORDS]!;
      let slot = hashOf(first, ints[last]!, ints[last + 1]!, ints[at]!, ints[at + 1]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = bundle;
    }
  }
}

// Levels in between differ seldom where these agree; what is kept is compared in full.
function hashOf(
  firstVersion: number,
  lastVersion: number,
  lastDay: number,
  service: number,
  destination: number,
): number {
  let hash = Math.imul(lastVersion * 8 + service, 0x9e3779b1);
  hash = Math.imul(hash ^ firstVersion ^ (lastDay << 12), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ destination, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

// What nobody sold has no day; the batch still holds the one of an earlier record.
function dayOf(rated: RatedBatch, at: number): number {
  return rated.version[at]! < 0 ? 0 : rated.day[at]!;
}

function rowHash(records: RecordBatch, rated: RatedBatch, row: number): number {
  const first = row * MAX_LEVELS;
  const last = first + rated.levels[row]! - 1;
  const { version, destinationId } = rated;
  const service = records.service[row]!;
  return hashOf(version[first]!, version[last]!, dayOf(rated, last), service, destinationId[row]!);
}

function firstOfMonth(day: number): number {
  return epochDayFromIso(`${isoFromEpochDay(day).slice(0, 7)}-01`);
}
