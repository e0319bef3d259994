import { MICRO_BATCH } from '../mediation/thread.js';
import type { Contracts, PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import type { RatedBatch } from './rated-batch.js';
import type { ShownBatch } from './rerate-shown.js';

/**
 * Levels that keep their price while others of the same records are rated anew: nothing is looked
 * for at them, shares and margins go by what is shown, and no fault comes from them.
 */
export class KeptLevels {
  /** 1 by row and level where the price is kept, of rows that were planned. */
  readonly #kept = new Uint8Array(MICRO_BATCH * MAX_LEVELS);
  readonly #versionId: Int32Array;
  readonly #selects: Uint8Array;
  readonly #currencyOf: (versionId: number) => string;
  #shown: ShownBatch | null = null;

  /** `selects` is 1 by the id of each contract version whose levels are rated anew. */
  constructor(book: PriceBook, selects: Uint8Array, currencyOf: (versionId: number) => string) {
    this.#versionId = book.contracts.versionId;
    this.#selects = selects;
    this.#currencyOf = currencyOf;
  }

  /** What the rows of the batch cost now. */
  show(shown: ShownBatch): void {
    this.#shown = shown;
  }

  /** Puts what is kept of a row into the rated batch, once its contract versions are known. */
  keep(row: number, rated: RatedBatch): void {
    const shown = this.#shown!;
    // A chain that has become longer or shorter is a finding, whatever its levels would come to.
    const isMoved = shown.levels[row] !== rated.levels[row];
    for (let level = 0; level < rated.levels[row]!; level += 1) {
      const at = row * MAX_LEVELS + level;
      const place = rated.version[at]!;
      const after = place < 0 ? 0 : this.#versionId[place]!;
      const isSelected = this.#selects[after] === 1 || this.#selects[shown.version[at]!] === 1;
      this.#kept[at] = isSelected && !isMoved ? 0 : 1;
      if (!isSelected) rated.amount[at] = shown.amount[at]!;
    }
  }

  has(at: number): boolean {
    return this.#kept[at] === 1;
  }

  /** The currency of what is shown at a level, null where nothing is bought. */
  currencyAt(at: number): string | null {
    const version = this.#shown!.version[at]!;
    return version === 0 ? null : this.#currencyOf(version);
  }
}

/** The currency of a level's amount, of that which is shown where it is kept; null for none. */
export function currencyAt(
  at: number,
  rated: RatedBatch,
  { versionCurrency }: Contracts,
  kept: KeptLevels | null,
): string | null {
  if (kept?.has(at)) return kept.currencyAt(at);
  const version = rated.version[at]!;
  return version < 0 ? null : versionCurrency[version]!;
}
