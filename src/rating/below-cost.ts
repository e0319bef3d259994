import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

/** Records of one batch that a contract sold below what the level above cost. */
export interface SoldBelowCost {
  readonly contractId: number;
  readonly sellerPartnerId: number;
  readonly records: number;
  /** What buying cost more than selling brought, at scale 8, by the currency of the terms. */
  readonly losses: ReadonlyMap<string, bigint>;
}

/** Adds up what contracts that only warn sold below cost. */
export class BelowCost {
  readonly #book: PriceBook;
  readonly #sums = new Map<number, { records: number; losses: Map<string, bigint> }>();

  constructor(book: PriceBook) {
    this.#book = book;
  }

  add(rated: RatedBatch, count: number): void {
    for (let row = 0; row < count; row += 1) {
      if (rated.belowCost[row] === 0 || rated.outcome[row] !== OUTCOME.RATED) continue;
      for (let level = 1; level < rated.levels[row]!; level += 1) {
        if ((rated.belowCost[row]! >> level) % 2 === 1) this.#note(rated, row, level);
      }
    }
  }

  all(): SoldBelowCost[] {
    const { id, sellerPartnerId } = this.#book.contracts;
    return [...this.#sums].map(([contract, sum]) => ({
      contractId: id[contract]!,
      sellerPartnerId: sellerPartnerId[contract]!,
      ...sum,
    }));
  }

  #note(rated: RatedBatch, row: number, level: number): void {
    const at = row * MAX_LEVELS + level;
    const { versionContract, versionCurrency } = this.#book.contracts;
    const version = rated.version[at]!;
    const contract = versionContract[version]!;
    const currency = versionCurrency[version]!;
    const sum = this.#sums.get(contract) ?? { records: 0, losses: new Map<string, bigint>() };
    sum.records += 1;
    sum.losses.set(currency, (sum.losses.get(currency) ?? 0n) + BigInt(rated.loss[at]!));
    this.#sums.set(contract, sum);
  }
}
