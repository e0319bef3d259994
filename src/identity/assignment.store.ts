import { DomainError } from '../kernel/index.js';
import { notFound, rowNumber, type Tx, type Viewer } from '../platform/index.js';
import { demandReach } from './grant.js';
import { Role } from './role.entity.js';

/** A user that a role is given to: his row and his own partner. */
type Holder = { readonly id: number; readonly partnerId: number };

/** A role that a user has at a partner. */
export interface Assignment {
  readonly userId: number;
  readonly role: Role;
  readonly atPartnerId: number;
}

/** What users have, by user, for those that have anything. */
export async function assignmentsOf(
  tx: Tx,
  userIds: readonly number[],
): Promise<Map<number, Assignment[]>> {
  const given: { user_id: number; role_id: number; at_partner_id: number }[] = await tx.query(
    `SELECT user_id, role_id, at_partner_id FROM app_user_role WHERE user_id = ANY ($1)
     ORDER BY role_id, at_partner_id`,
    [userIds],
  );
  const roles = await tx
    .createQueryBuilder(Role, 'role')
    .where('role.id = ANY (:ids)', { ids: given.map((row) => row.role_id) })
    .getMany();
  const byId = new Map(roles.map((role) => [role.id, role]));
  const result = new Map<number, Assignment[]>();
  for (const { user_id: userId, role_id: roleId, at_partner_id: atPartnerId } of given) {
    const role = byId.get(roleId);
    if (role === undefined) continue;
    result.set(userId, [...(result.get(userId) ?? []), { userId, role, atPartnerId }]);
  }
  return result;
}

/** Gives a role to a user at a partner; nothing happens when he has it there. */
export async function giveRole(
  tx: Tx,
  user: Holder,
  roleId: number,
  atPartnerId: number = user.partnerId,
): Promise<void> {
  await tx.query(
    `INSERT INTO app_user_role (user_id, role_id, partner_id, at_partner_id)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [user.id, roleId, user.partnerId, atPartnerId],
  );
}

/** Takes a role from a user at a partner; nothing happens when he does not have it there. */
export async function takeRole(
  tx: Tx,
  userId: number,
  roleId: number,
  atPartnerId: number,
): Promise<void> {
  await tx.query(
    'DELETE FROM app_user_role WHERE user_id = $1 AND role_id = $2 AND at_partner_id = $3',
    [userId, roleId, atPartnerId],
  );
}

/**
 * The partner where a role of a user holds, his own when none is named. Refuses with NOT_FOUND a
 * partner out of view, with ROLE_OUT_OF_SUBTREE one that is not at or below the user's own.
 */
export async function placeOf(
  tx: Tx,
  user: Holder,
  globalId: string | null | undefined,
): Promise<number> {
  if (globalId === null || globalId === undefined) return user.partnerId;
  const id = rowNumber('Partner', globalId);
  const rows: { below: boolean }[] = await tx.query(
    'SELECT path @> ARRAY[$2::int] AS below FROM partner WHERE id = $1',
    [id, user.partnerId],
  );
  if (rows[0] === undefined) throw notFound('Partner', globalId);
  if (rows[0].below) return id;
  throw new DomainError(
    'ROLE_OUT_OF_SUBTREE',
    "A role is given at the user's own partner or at one below it.",
  );
}

/**
 * Refuses with PERMISSION_NOT_HELD unless the viewer holds whatever a user may do anywhere: who
 * disables somebody, or gets at his password or his authenticator, could else act as him.
 */
export async function demandReachOver(tx: Tx, viewer: Viewer, userId: number): Promise<void> {
  for (const { role } of (await assignmentsOf(tx, [userId])).get(userId) ?? []) {
    demandReach(viewer, role.permissions, []);
  }
}
