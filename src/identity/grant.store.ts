import { DomainError, toGlobalId } from '../kernel/index.js';
import { notFound, requirePermission, rowNumber, type Tx, type Viewer } from '../platform/index.js';
import type { PermissionName } from './permission.js';
import { presentViewer } from './viewer.store.js';

interface GrantRules {
  readonly now: Date;
  /** Which the viewer must hold at this moment. */
  readonly permission?: PermissionName;
  readonly partnerId?: number;
}

/**
 * Begins a change of what people may do: one at a time in the whole installation, and decided by
 * what the viewer may do now, not when his request began. Two administrators who take something
 * from each other at the same moment cannot both succeed. The transaction sees the subtree of
 * `partnerId` afterwards, by default that of the partner that the viewer acts at. Refuses with
 * UNAUTHENTICATED, FORBIDDEN.
 */
export async function beginGrant(
  tx: Tx,
  viewer: Viewer,
  { now, permission, partnerId = viewer.partnerId }: GrantRules,
): Promise<Viewer> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('kontor grants'))`);
  const present = await presentViewer(tx, viewer, now, partnerId);
  if (present === null) {
    throw new DomainError('UNAUTHENTICATED', 'Sign in and send the access token.');
  }
  if (permission !== undefined) requirePermission(present, permission);
  return present;
}

/** Whose something is, and by which identifier it was asked for. */
export interface Owner {
  readonly type: string;
  readonly globalId: string;
  readonly userId: number;
  /** The user's own partner. */
  readonly partnerId: number;
}

/**
 * The owner, if what is his is the viewer's own, or belongs to a user at or below the partner
 * that the viewer acts at. Refuses with NOT_FOUND what is out of view, with FORBIDDEN what is in
 * view of a viewer without user.manage. The transaction may see more than the viewer.
 */
export async function ownerInView(tx: Tx, viewer: Viewer, owner: Owner): Promise<Owner> {
  // A key that leaked must not end what else its user has, so a key owns nothing.
  if (owner.userId === viewer.userId && viewer.kind === 'USER') return owner;
  const below: unknown[] = await tx.query(
    'SELECT 1 FROM partner WHERE id = $1 AND path @> ARRAY[$2::int]',
    [owner.partnerId, viewer.partnerId],
  );
  if (below.length === 0) throw notFound(owner.type, owner.globalId);
  requirePermission(viewer, 'user.manage');
  return owner;
}

/** The user with this identifier, or the viewer himself; refuses as {@link ownerInView}. */
export async function userInView(
  tx: Tx,
  viewer: Viewer,
  globalId: string | null | undefined,
): Promise<Owner> {
  const { userId, homePartnerId: partnerId } = viewer;
  const own = { type: 'User', globalId: toGlobalId('User', userId), userId, partnerId };
  if (globalId === null || globalId === undefined) return ownerInView(tx, viewer, own);
  const id = rowNumber('User', globalId);
  const rows: { partner_id: number }[] = await tx.query(
    'SELECT partner_id FROM app_user WHERE id = $1',
    [id],
  );
  if (rows[0] === undefined) throw notFound('User', globalId);
  return ownerInView(tx, viewer, {
    type: 'User',
    globalId,
    userId: id,
    partnerId: rows[0].partner_id,
  });
}
