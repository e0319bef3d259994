import type { BookFacts, PriceBook } from './book.js';
import { compileBands } from './compile-bands.js';
import { compileContracts } from './compile-contracts.js';
import { compileGuide } from './compile-guide.js';
import { compileOrigins } from './compile-origins.js';
import { compilePrices } from './compile-prices.js';

/** Compiles the facts of one moment into the book that the data plane rates by. */
export function compileBook(id: number, facts: BookFacts): PriceBook {
  const { origins, originPlace } = compileOrigins(facts);
  const { listPlace, ...prices } = compilePrices(facts, originPlace);
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
