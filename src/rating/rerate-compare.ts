import { MICRO_BATCH, type RecordBatch } from '../mediation/thread.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import type { RatedBatch } from './rated-batch.js';
import type { ShownBatch } from './rerate-shown.js';

/** In place of the number of a fault: the record would be sold through another chain. */
export const CHAIN_CHANGED = 255;

/**
 * Holds what records cost now against what they would cost anew, level by level, one bit a level.
 * Only levels that are selected count, and only records without a fault.
 */
export class Comparison {
  /** Number of the fault, {@link CHAIN_CHANGED}, or 0. */
  readonly finding = new Uint8Array(MICRO_BATCH);
  readonly selected = new Uint8Array(MICRO_BATCH);
  readonly changed = new Uint8Array(MICRO_BATCH);
  /** 1 where the chain has become longer or shorter and all levels are replaced. */
  readonly moved = new Uint8Array(MICRO_BATCH);
  readonly #versionId: Int32Array;
  readonly #selects: Uint8Array;
  readonly #partial: boolean;

  /** `selects` is 1 by the id of each contract version whose levels are selected. */
  constructor(book: PriceBook, selects: Uint8Array, partial: boolean) {
    this.#versionId = book.contracts.versionId;
    this.#selects = selects;
    this.#partial = partial;
  }

  /** Compares all rows; answers how many have changed. */
  compare(records: RecordBatch, rated: RatedBatch, shown: ShownBatch): number {
    let changed = 0;
    for (let row = 0; row < records.count; row += 1) {
      this.selected[row] = 0;
      this.changed[row] = 0;
      this.moved[row] = 0;
      this.finding[row] = records.fault[row]!;
      if (this.finding[row] !== 0) continue;
      if (rated.levels[row] === shown.levels[row]) this.#levels(row, rated, shown);
      else this.#move(row, rated);
      if (this.changed[row] !== 0) changed += 1;
    }
    return changed;
  }

  /** Id of the version that a level would have, 0 where nothing is bought. */
  newVersion(at: number, rated: RatedBatch): number {
    const place = rated.version[at]!;
    return place < 0 ? 0 : this.#versionId[place]!;
  }

  #levels(row: number, rated: RatedBatch, shown: ShownBatch): void {
    const first = row * MAX_LEVELS;
    let [selected, changed] = [0, 0];
    for (let level = 0; level < shown.levels[row]!; level += 1) {
      const at = first + level;
      const before = shown.version[at]!;
      const after = this.newVersion(at, rated);
      if (before === 0 && after === 0) continue;
      const [was, is] = [this.#selects[before] === 1, this.#selects[after] === 1];
      if (!was && !is) continue;
      if (was !== is && before !== 0 && after !== 0) {
        // One contract of the two is not the business of whoever asks.
        this.finding[row] = CHAIN_CHANGED;
        return;
      }
      selected |= 1 << level;
      const same =
        before === after &&
        shown.rateId[at] === rated.rateId[at] &&
        shown.amount[at] === rated.amount[at];
      if (!same) changed |= 1 << level;
    }
    this.selected[row] = selected;
    this.changed[row] = changed;
  }

  // Levels are positions: where there are more or fewer of them only all can be replaced.
  #move(row: number, rated: RatedBatch): void {
    if (this.#partial) {
      this.finding[row] = CHAIN_CHANGED;
      return;
    }
    const all = (1 << rated.levels[row]!) - 1;
    this.selected[row] = all;
    this.changed[row] = all;
    this.moved[row] = 1;
  }
}
