import type { RecordBatch } from '../mediation/thread.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { NO_LEVEL, type RatedBatch } from './rated-batch.js';

/**
 * The contract at whose level a record cannot be rated, by id; null where the fault lies at none.
 * Of a level without terms in force it is the contract that the chain or the trunk names.
 */
export function faultContract(
  { contracts, guide }: PriceBook,
  records: RecordBatch,
  rated: RatedBatch,
  row: number,
): number | null {
  const level = rated.faultLevel[row]!;
  if (level === NO_LEVEL) return null;
  const version = rated.version[row * MAX_LEVELS + level]!;
  if (version >= 0) return contracts.id[contracts.versionContract[version]!]!;
  const place =
    level === 0
      ? guide.trunkCost[records.outTrunk[row]!]!
      : guide.chains[rated.chain[row]!]![level - 1]!;
  return contracts.id[place]!;
}
