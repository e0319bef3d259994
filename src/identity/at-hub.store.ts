import { DomainError } from '../kernel/index.js';
import { rowsOf, type SqlClient } from '../platform/index.js';

/**
 * Refuses with NOT_HUB whoever does not act at the hub, which sees all partners: the chain of the
 * audit, the purge and reference data that all tenants share are the hub's alone.
 */
export async function assertAtHub(tx: SqlClient, partnerId: number): Promise<void> {
  const rows = rowsOf(
    await tx.query('SELECT 1 FROM partner WHERE id = $1 AND parent_id IS NULL', [partnerId]),
  );
  if (rows.length === 1) return;
  throw new DomainError('NOT_HUB', 'This is for those who act at the hub.');
}
