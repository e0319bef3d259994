import type { BookFacts, PriceBook } from './book.js';
import { compileContracts, compileGuide } from './compile-guide.js';
import { compilePrices } from './compile-prices.js';

/** Compiles the facts of one moment into the book that the data plane rates by. */
export function compileBook(id: number, facts: BookFacts): PriceBook {
  const { listPlace, ...prices } = compilePrices(facts);
  const { contracts, zones, contractPlace } = compileContracts(facts, listPlace);
  return { id, ...prices, zones, contracts, guide: compileGuide(facts, contractPlace) };
}
