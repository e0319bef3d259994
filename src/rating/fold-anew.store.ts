import type { SqlClient } from '../platform/thread.js';
import { storedPots } from './allowance-result.store.js';
import type { FoldFactsReader } from './fold-facts.store.js';

/**
 * The contracts among some whose month (YYYY-MM-01) is folded from its beginning, whatever states
 * there are of it. What is rolled over also depends on what buckets, subscriptions and zones are
 * known to have been before, which may have been corrected since the month was folded.
 */
export async function foldedAnew(
  client: SqlClient,
  reader: FoldFactsReader,
  ids: readonly number[],
  month: string,
): Promise<number[]> {
  if (!reader.carries || ids.length === 0) return [];
  const contracts = await reader.contracts(ids, month);
  const found = await storedPots(client, ids, month);
  return found
    .filter(({ contractId, pots }) => {
      const { buckets, rolledIn } = contracts.get(contractId)!.facts;
      return pots.some((pot) =>
        buckets
          .filter(({ lineageId }) => lineageId === pot.bucket && reader.isCarried(lineageId))
          .some((terms) => {
            const now = terms.rolloverCap === null ? 0 : rolledIn(terms, pot.holderId);
            return now !== pot.rolledIn;
          }),
      );
    })
    .map(({ contractId }) => contractId);
}
