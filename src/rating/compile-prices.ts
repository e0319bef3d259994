import type { BookFacts, ListAdjustments, PriceBook } from './book.js';
import { compileAdjustments } from './compile-adjustments.js';
import { lineageOf } from './compile-lineage.js';
import { classRates } from './compile-rows.js';
import { SlotFiller } from './compile-slots.js';
import type { RateTable } from './rate-table.js';

export type CompiledPrices = Pick<
  PriceBook,
  'tree' | 'destinationOf' | 'slotOf' | 'lists' | 'slots' | 'tariffs' | 'terms' | 'adjustments'
> & {
  /** Place of each list by its id. */
  readonly listPlace: ReadonlyMap<number, number>;
};

/** Flattens inheritance, destinations and validity into slots by class of one prefix tree. */
export function compilePrices(
  facts: BookFacts,
  table: RateTable,
  originPlace: ReadonlyMap<number, number>,
): CompiledPrices {
  const lineage = lineageOf(facts.lists);
  const rates = classRates(facts, table, lineage);
  const { covered, ...adjusting } = compileAdjustments(facts, rates, lineage);
  const filler = new SlotFiller(rates, lineage, covered, adjusting.adjuster, originPlace);
  const slotOf = filler.fill();
  const { slots, tariffs, terms, tariffOwner, wide } = filler.finish();
  const adjustments: ListAdjustments = { ...adjusting, tariffOwner, wide };
  return {
    tree: rates.tree,
    destinationOf: rates.destinationOf,
    slotOf,
    lists: facts.lists.length,
    slots,
    tariffs,
    terms,
    adjustments,
    listPlace: new Map(facts.lists.map((list, place) => [list.id, place])),
  };
}
