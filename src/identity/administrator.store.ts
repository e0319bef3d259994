import { DomainError } from '../kernel/index.js';
import type { Tx, Viewer } from '../platform/index.js';

/**
 * Makes a change that may leave a partner without an active user who manages both roles and
 * users. Refuses with LAST_ADMINISTRATOR when it does, and the partner is the hub, above which
 * nobody stands to repair that, or the viewer's own, so that nobody locks himself and his
 * colleagues out. Others of a partner below are repaired by those above it. Called after
 * `beginGrant`, which lets one change happen at a time.
 */
export async function keepAdministrator<T>(
  tx: Tx,
  viewer: Viewer,
  partnerId: number,
  change: () => Promise<T>,
): Promise<T> {
  const had = await hasAdministrator(tx, partnerId);
  const made = await change();
  if (!had || (await hasAdministrator(tx, partnerId))) return made;
  const hub: unknown[] = await tx.query(
    'SELECT 1 FROM partner WHERE id = $1 AND parent_id IS NULL',
    [partnerId],
  );
  if (hub.length === 0 && partnerId !== viewer.homePartnerId) return made;
  throw new DomainError(
    'LAST_ADMINISTRATOR',
    'The partner would be left without an active user who manages roles and users.',
  );
}

async function hasAdministrator(tx: Tx, partnerId: number): Promise<boolean> {
  const found: unknown[] = await tx.query(
    `SELECT u.id FROM app_user u
     JOIN app_user_role ur ON ur.user_id = u.id AND ur.at_partner_id = u.partner_id
     JOIN role r ON r.id = ur.role_id
     WHERE u.partner_id = $1 AND u.status = 'ACTIVE' GROUP BY u.id
     HAVING bool_or('role.manage' = ANY (r.permissions))
       AND bool_or('user.manage' = ANY (r.permissions)) LIMIT 1`,
    [partnerId],
  );
  return found.length > 0;
}
