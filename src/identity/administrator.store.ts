import { DomainError } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';

/**
 * Refuses with LAST_ADMINISTRATOR when a change has left the hub without an active user who may
 * manage both roles and users: nobody stands above the hub to repair that. A partner below is
 * repaired by those above it. Call it after the change, in its transaction.
 */
export async function demandAdministrator(tx: Tx, partnerId: number): Promise<void> {
  const roots: unknown[] = await tx.query(
    'SELECT 1 FROM partner WHERE id = $1 AND parent_id IS NULL',
    [partnerId],
  );
  if (roots.length === 0) return;
  // Two administrators who disable each other must not both see the other one left.
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('administrators of the hub'))`);
  const left: unknown[] = await tx.query(
    `SELECT u.id FROM app_user u JOIN app_user_role ur ON ur.user_id = u.id
     JOIN role r ON r.id = ur.role_id
     WHERE u.partner_id = $1 AND u.status = 'ACTIVE' GROUP BY u.id
     HAVING bool_or('role.manage' = ANY (r.permissions))
       AND bool_or('user.manage' = ANY (r.permissions)) LIMIT 1`,
    [partnerId],
  );
  if (left.length > 0) return;
  throw new DomainError(
    'LAST_ADMINISTRATOR',
    'The hub would be left without an active user who manages roles and users.',
  );
}
