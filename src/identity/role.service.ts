import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageOf,
  pageStart,
  rowNumber,
  sqlState,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { demandAdministrator } from './administrator.store.js';
import type { CreateRoleInput } from './identity.input.js';
import { beyondReach, unknownPermissions } from './permission.js';
import { Role } from './role.entity.js';

/**
 * Roles of the partners that the viewer sees. Nobody can give or take, by whatever way, a
 * permission that he does not hold himself.
 */
export class RoleService {
  /** Roles, oldest first. */
  async list(tx: Tx, page: Page): Promise<Connection<Role>> {
    const start = pageStart(page, 1);
    const query = tx
      .createQueryBuilder(Role, 'role')
      .orderBy('role.id')
      .take(page.first + 1);
    if (start !== null) query.where('role.id > :after', { after: start[0] });
    return pageOf(await query.getMany(), page, (role) => [role.id]);
  }

  /**
   * Creates a role. Refuses with UNKNOWN_PERMISSION, PERMISSION_NOT_HELD, ROLE_NAME_TAKEN, or
   * NOT_FOUND for a partner that the viewer does not see.
   */
  async create(tx: Tx, viewer: Viewer, input: CreateRoleInput): Promise<Role> {
    const partnerId = await visiblePartner(tx, viewer, input.partnerId);
    const permissions = checkedPermissions(viewer, [], input.permissions);
    const { name, description } = input;
    const taken = await tx.findOneBy(Role, { partnerId, name });
    if (taken !== null) throw nameTaken(name);
    return insertRole(tx, { partnerId, name, description, permissions });
  }

  /** As {@link create}, once per key. */
  async createOnce(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    input: CreateRoleInput,
  ): Promise<Role> {
    const made = await once(tx, viewer, key, 'createRole', input, async () => ({
      id: (await this.create(tx, viewer, input)).id,
    }));
    return tx.findOneByOrFail(Role, { id: made.id });
  }

  /**
   * Replaces what a role permits, at once for all who have it. Refuses with UNKNOWN_PERMISSION,
   * PERMISSION_NOT_HELD, LAST_ADMINISTRATOR or NOT_FOUND.
   */
  async setPermissions(tx: Tx, viewer: Viewer, id: string, names: string[]): Promise<Role> {
    const role = await this.lock(tx, id);
    role.permissions = checkedPermissions(viewer, role.permissions, names);
    const saved = await tx.save(role);
    await demandAdministrator(tx, role.partnerId);
    return saved;
  }

  /** The role of this identifier, locked until the transaction ends; NOT_FOUND when unseen. */
  async lock(tx: Tx, globalId: string): Promise<Role> {
    const id = rowNumber('Role', globalId);
    const role = await tx.findOne(Role, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (role === null) throw notFound('Role', globalId);
    return role;
  }
}

/** Refuses with PERMISSION_NOT_HELD unless the viewer holds all that changes. */
export function demandReach(viewer: Viewer, before: string[], after: string[]): void {
  const missing = beyondReach(viewer.permissions, before, after);
  if (missing.length === 0) return;
  throw new DomainError(
    'PERMISSION_NOT_HELD',
    `You do not hold ${missing.join(', ')} and can neither give nor take it.`,
    { permissions: missing },
  );
}

/** The row id of a partner that the viewer sees, his own by default; else NOT_FOUND. */
export async function visiblePartner(
  tx: Tx,
  viewer: Viewer,
  globalId: string | null | undefined,
): Promise<number> {
  if (globalId === null || globalId === undefined) return viewer.partnerId;
  const id = rowNumber('Partner', globalId);
  const rows: unknown[] = await tx.query('SELECT 1 FROM partner WHERE id = $1', [id]);
  if (rows.length === 1) return id;
  throw notFound('Partner', globalId);
}

function checkedPermissions(viewer: Viewer, before: string[], names: string[]): string[] {
  const wanted = [...new Set(names)].sort();
  const unknown = unknownPermissions(wanted);
  if (unknown.length > 0) {
    const list = unknown.join(', ').slice(0, 200);
    throw new DomainError('UNKNOWN_PERMISSION', `There is no permission ${list}.`, { unknown });
  }
  demandReach(viewer, before, wanted);
  return wanted;
}

async function insertRole(tx: Tx, role: Partial<Role>): Promise<Role> {
  try {
    return await tx.save(tx.create(Role, role));
  } catch (error) {
    if (sqlState(error) === '23505') throw nameTaken(role.name ?? '');
    throw error;
  }
}

function nameTaken(name: string): DomainError {
  return new DomainError('ROLE_NAME_TAKEN', 'The partner has a role of this name.', { name });
}
