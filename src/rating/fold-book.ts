import type { EntrySegment } from './allowance-collector.js';
import { EntryList, NUMBER } from './allowance-entry.js';
import type { BookFacts } from './book.js';
import { entitledRuns, pricedFor } from './entitled.js';
import { type ContractMonth, foldContract } from './fold-contract.js';
import type { FoldStep } from './fold-month.js';
import { orderByContract } from './order-entries.js';
import { rulesOfContract } from './price-rules.js';
import type { RolloverFacts } from './rollover.js';

/** What the periods of a book's contracts made of records that were rated one by one. */
export interface FoldedBook {
  readonly list: EntryList;
  readonly contracts: readonly FoldedContract[];
}

export interface FoldedContract {
  readonly contractId: number;
  /** Oldest first. */
  readonly months: readonly ContractMonth[];
}

/**
 * Folds all contracts of a book in memory, as the database does it shard by shard. The segments
 * are those of all batches, in any order.
 */
export function foldBook(
  facts: BookFacts,
  segments: readonly EntrySegment[],
  trace?: (contractId: number, step: FoldStep) => void,
): FoldedBook {
  const list = new EntryList();
  const places = new Map<string, number>();
  for (const { entries } of segments) list.read(entries, places);
  const orders = orderByContract(list, () => true, false);
  const contracts = [...orders].map(([contractId, order]) => {
    const noted = trace && ((step: FoldStep) => trace(contractId, step));
    return { contractId, months: foldOne(facts, list, order, contractId, noted) };
  });
  return { list, contracts };
}

/** The final amount at scale 8 of the record at a place of a folded month. */
export function finalAmount(list: EntryList, month: ContractMonth, place: number): number {
  return list.number(month.order[place]!, NUMBER.BASE) + month.folded.adjustments[place]!;
}

function foldOne(
  facts: BookFacts,
  list: EntryList,
  order: Int32Array,
  contractId: number,
  trace: ((step: FoldStep) => void) | undefined,
): ContractMonth[] {
  const { rules, buckets, bonuses, members } = facts.pricing;
  const contract = facts.contracts.find(({ id }) => id === contractId)!;
  const isOurs = (item: { readonly contractId: number | null }) =>
    item.contractId === null || item.contractId === contractId;
  return foldContract(
    list,
    order,
    {
      contract,
      rules: rulesOfContract(rules, contract, members),
      buckets: buckets.filter(isOurs),
      bonuses: bonuses.filter(isOurs),
      members,
    },
    pastOf(facts, contract),
    trace,
  );
}

function pastOf(
  facts: BookFacts,
  contract: BookFacts['contracts'][number],
): Omit<RolloverFacts, 'left'> {
  const zones = facts.versions
    .filter(({ contractId }) => contractId === contract.id)
    .sort((one, other) => one.validFrom - other.validFrom);
  const priced = pricedFor(contract, facts.contracts);
  const sold = facts.subscriptions
    .filter(({ contractId }) => priced.has(contractId))
    .map(({ id, contractId, servicePlanId, ...one }) => {
      const isOwn = contractId === contract.id;
      return { ...one, subscriptionId: id, planId: servicePlanId, isOwn };
    });
  const runsOf = entitledRuns(contract.level, zones, sold);
  return { knownAt: facts.pricing.knownAt, runsOf, zones };
}
