import { rowsOf, type SqlClient } from '../platform/index.js';
import { SHARDS } from './allowance-entry.js';

/**
 * Keeps folds of a contract's months away until the transaction ends, so that sums and what is
 * due stay one. To be called before the contract's row is locked, as folds do it in that order.
 */
export async function holdFolds(client: SqlClient, contractId: number): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock_shared(hashtext('fold'), $1)`, [
    contractId % SHARDS,
  ]);
}

/**
 * Whether usage of a contract before a civil day may still be changed by the fold of its months.
 * Contracts are folded in groups; another contract of the group may be what is waited for. In a
 * transaction that sees everything.
 */
export async function isFoldDue(
  client: SqlClient,
  contractId: number,
  beforeOn: string,
): Promise<boolean> {
  const [due] = rowsOf(
    await client.query(
      'SELECT 1 FROM allowance_due WHERE shard = $1 AND month < $2::date LIMIT 1',
      [contractId % SHARDS, beforeOn],
    ),
  );
  return due !== undefined;
}
