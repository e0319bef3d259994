import type { BookFacts, PriceBook } from './book.js';
import { compileBands } from './compile-bands.js';
import { compileContracts } from './compile-contracts.js';
import { compileGuide } from './compile-guide.js';
import { compileOrigins } from './compile-origins.js';
import { compilePrices } from './compile-prices.js';
import { type RateTable, rateTableOf } from './rate-table.js';

/**
 * Compiles the facts of one moment into the book that the data plane rates by. `rates` are the
 * rows of the lists, for who has not read them as objects; compiling uses them up.
 */
export function compileBook(
  id: number,
  facts: BookFacts,
  rates: RateTable = rateTableOf(facts),
): PriceBook {
  const { origins, originPlace } = compileOrigins(facts);
  const { listPlace, ...prices } = compilePrices(facts, rates, originPlace);
  const { contracts, zones, contractPlace } = compileContracts(facts, listPlace);
  return {
    id,
    ...prices,
    bandsOf: compileBands(facts),
    origins,
    zones,
    contracts,
    guide: compileGuide(facts, contractPlace),
    listCurrency: facts.lists.map(({ currency }) => currency),
    pricing: facts.pricing,
  };
}
