import {
  faultCodes,
  faultNumber,
  heldFaults,
  type IdentityTable,
  MICRO_BATCH,
  type RecordBatch,
  SEEN,
} from '../mediation/thread.js';
import type { RatedTariffs } from './allowance-collector.js';
import { type PriceBook, SUBSCRIBER } from './book.js';
import { guideRecord, touchRanges } from './guide.js';
import { PlacedBook } from './placed-book.js';
import { classOf } from './prefix-tree.js';
import { LevelRater } from './rate-level.js';
import { NO_LEVEL, OUTCOME, type RatedBatch } from './rated-batch.js';
import { RecordMargin } from './record-margin.js';
import type { KeptLevels } from './rerate-kept.js';
import type { ThreadStages } from './thread-stages.js';

const isHeld = Uint8Array.from(faultCodes, (code) => (code && heldFaults.has(code) ? 1 : 0));

/**
 * Guides, de-duplicates and rates records, a stage at a time over all rows, so that the memory
 * that one row waits for is fetched while the next one is worked on.
 */
export class BatchRater {
  readonly #book: PriceBook;
  readonly #placed: PlacedBook | null;
  readonly #levels: LevelRater;
  readonly #rows = new Int32Array(MICRO_BATCH);
  readonly #margin: RecordMargin;
  /** Keeps the reads alive that only fetch memory. */
  touched = 0;
  /** In whose memory the book is once a batch was rated; null where all is done in TypeScript. */
  readonly stages: ThreadStages | null;
  /** Whether any month has a say in the amount of any record. */
  readonly mayFold: boolean;

  /** With `stages`, in whose memory the batches are, plain levels are rated as WebAssembly. */
  constructor(book: PriceBook, stages: ThreadStages | null = null) {
    this.#book = book;
    this.stages = stages !== null && PlacedBook.fits(book) ? stages : null;
    this.#placed = this.stages === null ? null : new PlacedBook(this.stages, book);
    this.#levels = new LevelRater(book, this.#placed);
    this.#margin = new RecordMargin(book);
    const { rules, buckets, bonuses } = book.pricing;
    this.mayFold =
      buckets.length + bonuses.length > 0 ||
      rules.some(({ measure, cap }) => measure !== null || cap !== null) ||
      book.terms.some(({ schedule }) => schedule !== null);
  }

  /** Whether any contract watches its margin. */
  get guardsMargins(): boolean {
    return this.#margin.isWatched;
  }

  /** What prices the levels of the batch that was rated last. */
  get tariffs(): RatedTariffs {
    return this.#levels;
  }

  /**
   * Fills `rated` for every row of `records` and sets `fault` where a row could not be rated.
   * With `identities` null nothing is compared: the rows own their identities already, as held
   * records do when they are tried again.
   */
  rate(records: RecordBatch, rated: RatedBatch, identities: IdentityTable | null): void {
    const { guide } = this.#book;
    const { count, fault } = records;
    this.touched = touchRanges(guide, records);
    for (let row = 0; row < count; row += 1) {
      if (fault[row] === 0) fault[row] = guideRecord(guide, records, row, rated);
      rated.outcome[row] = fault[row] === 0 ? OUTCOME.RATED : OUTCOME.REJECTED;
    }
    if (identities !== null) deduplicate(records, rated, identities);
    this.#rateGuided(records, rated, null, null);
  }

  /**
   * As {@link rate} for rows that were guided before: whoever calls has filled in outcome and
   * subscription, and the destinations that the rows keep. With `kept` some of their levels are
   * left as they are.
   */
  rateAnew(
    records: RecordBatch,
    rated: RatedBatch,
    destinations: Int32Array,
    kept: KeptLevels | null,
  ): void {
    this.#rateGuided(records, rated, destinations, kept);
  }

  #rateGuided(
    records: RecordBatch,
    rated: RatedBatch,
    destinations: Int32Array | null,
    kept: KeptLevels | null,
  ): void {
    const { count, fault } = records;
    rated.slices.clear();
    rated.faultLevel.fill(NO_LEVEL, 0, count);
    const isAnew = destinations !== null || kept !== null;
    const rows =
      isAnew || this.#placed === null
        ? this.#guided(records, rated)
        : this.#placed.rate(this.#levels.tariffs, count);
    if (rows.length > 0) {
      const levels = this.#classify(rows, records, rated);
      if (destinations !== null) rated.destinationId.set(destinations.subarray(0, count));
      this.#levels.prepare(rows, records, rated, kept);
      for (let level = 0; level < levels; level += 1) {
        this.#levels.rate(level, rows, records, rated);
      }
      this.#levels.finish(records, rated);
    }
    if (this.guardsMargins) this.#margin.mark(records, rated, kept);
    for (let row = 0; row < count; row += 1) {
      const code = fault[row]!;
      if (code !== 0) rated.outcome[row] = isHeld[code] ? OUTCOME.HELD : OUTCOME.REJECTED;
    }
  }

  #guided({ count }: RecordBatch, rated: RatedBatch): Int32Array {
    let guided = 0;
    for (let row = 0; row < count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      this.#rows[guided] = row;
      guided += 1;
    }
    return this.#rows.subarray(0, guided);
  }

  // Finds prefix, destination and chain of the rows; answers the most levels of any.
  #classify(rows: Int32Array, records: RecordBatch, rated: RatedBatch): number {
    const { tree, destinationOf, guide } = this.#book;
    const { words } = guide.subscribers;
    const { fault, bNumber } = records;
    let most = 0;
    for (let n = 0; n < rows.length; n += 1) {
      const row = rows[n]!;
      rated.prefixClass[row] = classOf(tree, bNumber[row]!);
    }
    for (let n = 0; n < rows.length; n += 1) {
      const row = rows[n]!;
      rated.destinationId[row] = destinationOf[rated.prefixClass[row]!]!;
      const chain = words[rated.subscription[row]! * 8 + SUBSCRIBER.CHAIN]!;
      rated.chain[row] = chain;
      if (chain < 0) {
        fault[row] = faultNumber.NO_CONTRACT;
        continue;
      }
      const levels = guide.chains[chain]!.length + 1;
      rated.levels[row] = levels;
      if (levels > most) most = levels;
    }
    return most;
  }
}

function deduplicate(records: RecordBatch, rated: RatedBatch, identities: IdentityTable): void {
  const { count, identity0, identity1, identity2, identity3 } = records;
  identities.prefetch(identity0, identity1, count);
  for (let row = 0; row < count; row += 1) {
    if (rated.outcome[row] !== OUTCOME.RATED) continue;
    const slot = identities.claim(
      identity0[row]!,
      identity1[row]!,
      identity2[row]!,
      identity3[row]!,
    );
    if (slot === SEEN) rated.outcome[row] = OUTCOME.DUPLICATE;
  }
}
