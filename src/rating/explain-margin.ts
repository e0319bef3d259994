import type { BookFacts } from './book.js';
import { convertedCharge } from './charge.js';
import type { LevelDerivation } from './explain.js';
import { findExchange } from './explain-exchange.js';

type MarginPolicy = BookFacts['versions'][number]['marginPolicy'];

/** What a contract that watches its margin finds of a record that it sells below cost. */
export interface MarginFinding {
  readonly policy: Exclude<MarginPolicy, 'NONE'>;
  /** What the level above costs, in the currency that the record is sold in, at scale 8. */
  readonly cost: bigint;
  /** What it is sold for, before the month, at scale 8. */
  readonly price: bigint;
  readonly currency: string;
}

/**
 * What the guard of margins finds of a record as rating does: before the month, each level against
 * the one above, whose cost is converted by the exchange rate of the instant. By the place of the
 * level that sells, from the top down. `levels` has what is known of each place; a fault at any of
 * them decides before, and without an exchange rate nobody knows what a level cost.
 */
export function findMargins(
  facts: Pick<BookFacts, 'exchangeRates'>,
  levels: readonly (LevelDerivation | undefined)[],
  startedMs: number,
): Map<number, MarginFinding> {
  const found = new Map<number, MarginFinding>();
  if (levels.some((level) => level !== undefined && level.fault !== null)) return found;
  levels.forEach((sell, place) => {
    const buy = levels[place - 1];
    const finding = buy && sell && findMargin(facts, buy, sell, startedMs);
    if (finding) found.set(place, finding);
  });
  return found;
}

function findMargin(
  facts: Pick<BookFacts, 'exchangeRates'>,
  buy: LevelDerivation,
  sell: LevelDerivation,
  startedMs: number,
): MarginFinding | null {
  if (buy.version === null || sell.version === null) return null;
  if (buy.amount === null || sell.amount === null) return null;
  const { marginPolicy: policy, currency, roundingDecimals, roundingMode } = sell.version;
  if (policy === 'NONE') return null;
  const from = buy.version.currency;
  const exchange = from === currency ? null : findExchange(facts, from, currency, startedMs);
  if (from !== currency && exchange === null) return null;
  const terms = { step: 10n ** BigInt(8 - roundingDecimals), rounding: roundingMode };
  const cost = exchange === null ? buy.amount : convertedCharge(buy.amount, exchange.factor, terms);
  return cost <= sell.amount ? null : { policy, cost, price: sell.amount, currency };
}

/** What becomes of a record with these findings, by the strictest of them; null: it is rated. */
export function marginFault(
  findings: readonly Pick<MarginFinding, 'policy'>[],
): 'MARGIN_HELD' | 'MARGIN_REFUSED' | null {
  const policies = findings.map(({ policy }) => policy);
  if (policies.includes('REFUSE')) return 'MARGIN_REFUSED';
  return policies.includes('HOLD') ? 'MARGIN_HELD' : null;
}
