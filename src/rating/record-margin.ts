import { roundingModes } from '../kernel/index.js';
import { faultNumber, type RecordBatch } from '../mediation/thread.js';
import type { Contracts, PriceBook } from './book.js';
import { convertedCharge } from './charge.js';
import { MAX_LEVELS } from './compile-guide.js';
import { MARGIN_POLICY } from './contract-pricing.js';
import { factorAt } from './rate-general.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';
import { currencyAt, type KeptLevels } from './rerate-kept.js';

/** Marks levels that sell below what the level above buys for, as their contracts wish. */
export class RecordMargin {
  readonly #contracts: Contracts;
  /** Whether any contract watches its margin. */
  readonly isWatched: boolean;

  constructor({ contracts }: PriceBook) {
    this.#contracts = contracts;
    this.isWatched = contracts.versionMargin.some((policy) => policy !== 0);
  }

  /**
   * Fills `belowCost` and `loss` of the rows that were rated; under HOLD and REFUSE the row has a
   * fault from then on: at the first level that refuses it, or else at the first that holds it.
   * Levels that are kept are compared with and not marked.
   */
  mark(records: RecordBatch, rated: RatedBatch, kept: KeptLevels | null): void {
    const { versionMargin } = this.#contracts;
    for (let row = 0; row < records.count; row += 1) {
      rated.belowCost[row] = 0;
      if (rated.outcome[row] !== OUTCOME.RATED || records.fault[row] !== 0) continue;
      let [cost, costCurrency] = [0, ''];
      for (let level = 0; level < rated.levels[row]!; level += 1) {
        const at = row * MAX_LEVELS + level;
        const currency = currencyAt(at, rated, this.#contracts, kept);
        if (currency === null) continue;
        const [bought, boughtCurrency] = [cost, costCurrency];
        [cost, costCurrency] = [rated.amount[at]!, currency];
        if (boughtCurrency === '' || kept?.has(at)) continue;
        const version = rated.version[at]!;
        const policy = versionMargin[version]!;
        if (policy === MARGIN_POLICY.NONE) continue;
        const currencies = [boughtCurrency, currency] as const;
        const paid = this.#costIn(currencies, bought, version, records.startedMs[row]!);
        const loss = paid - rated.amount[at]!;
        if (loss <= 0) continue;
        rated.belowCost[row]! |= 1 << level;
        rated.loss[at] = loss;
        const known = records.fault[row]!;
        if (policy === MARGIN_POLICY.REFUSE && known !== faultNumber.MARGIN_REFUSED) {
          rated.fail(records, row, level, 'MARGIN_REFUSED');
        } else if (policy === MARGIN_POLICY.HOLD && known === 0) {
          rated.fail(records, row, level, 'MARGIN_HELD');
        }
      }
    }
  }

  // By the exchange rate of the instant, rounded as the selling contract rounds: what is sold at
  // cost is no loss. Without a rate nobody knows what it cost.
  #costIn(
    [from, to]: readonly [string, string],
    cost: number,
    version: number,
    startedMs: number,
  ): number {
    if (from === to) return cost;
    const { exchange, versionStep, versionRounding } = this.#contracts;
    const factor = factorAt(exchange.get(`${from} ${to}`) ?? [], startedMs);
    if (factor === undefined) return Number.NEGATIVE_INFINITY;
    const step = BigInt(versionStep[version]!);
    const rounding = roundingModes[versionRounding[version]!]!;
    const converted = convertedCharge(BigInt(cost), factor, { step, rounding });
    return Math.min(Number(converted), Number.MAX_SAFE_INTEGER);
  }
}
