import { DomainError } from '../kernel/index.js';
import { rowsOf, type SqlClient } from '../platform/index.js';

/** Refuses with FORBIDDEN whoever does not act at the hub, which sees all partners. */
export async function assertAtHub(tx: SqlClient, partnerId: number): Promise<void> {
  const rows = rowsOf(
    await tx.query('SELECT 1 FROM partner WHERE id = $1 AND parent_id IS NULL', [partnerId]),
  );
  if (rows.length === 1) return;
  throw new DomainError('FORBIDDEN', 'This is for those who act at the hub.');
}
