import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageOf,
  rowAfter,
  rowNumber,
  sqlState,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { keepAdministrator } from './administrator.store.js';
import { demandReach, demandTotp, knownPermissions } from './grant.js';
import { beginGrant } from './grant.store.js';
import type { CreateRoleInput, RenameRoleInput } from './identity.input.js';
import { Role } from './role.entity.js';

const PERMISSION = 'role.manage';

/**
 * Roles of the partners that the viewer sees. Nobody can give or take, by whatever way, a
 * permission that he does not hold himself.
 */
export class RoleService {
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Roles, oldest first. */
  async list(tx: Tx, page: Page): Promise<Connection<Role>> {
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(Role, 'role')
      .orderBy('role.id')
      .take(page.first + 1);
    if (after !== null) query.where('role.id > :after', { after });
    return pageOf(await query.getMany(), page, (role) => [role.id]);
  }

  /**
   * Creates a role. Refuses with UNKNOWN_PERMISSION, PERMISSION_NOT_HELD, ROLE_NAME_TAKEN, or
   * NOT_FOUND for a partner that the viewer does not see.
   */
  async create(tx: Tx, viewer: Viewer, input: CreateRoleInput): Promise<Role> {
    const present = await beginGrant(tx, viewer, { now: this.#now(), permission: PERMISSION });
    const partnerId = await visiblePartner(tx, present, input.partnerId);
    const permissions = knownPermissions(input.permissions);
    demandReach(present, [], permissions);
    const { name, description, requiresTotp } = input;
    demandTotp(requiresTotp, permissions);
    const taken = await tx.findOneBy(Role, { partnerId, name });
    if (taken !== null) throw nameTaken(name);
    return named(name, () =>
      tx.save(tx.create(Role, { partnerId, name, description, permissions, requiresTotp })),
    );
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
  async setPermissions(
    tx: Tx,
    viewer: Viewer,
    id: string,
    given: { readonly permissions: string[]; readonly requiresTotp: boolean | null },
  ): Promise<Role> {
    const present = await beginGrant(tx, viewer, { now: this.#now(), permission: PERMISSION });
    const role = await this.lock(tx, id);
    const permissions = knownPermissions(given.permissions);
    demandReach(present, role.permissions, permissions);
    const requiresTotp = given.requiresTotp ?? role.requiresTotp;
    // How well a permission is guarded is for those who hold it to say.
    if (requiresTotp !== role.requiresTotp) demandReach(present, role.permissions, []);
    role.permissions = permissions;
    role.requiresTotp = requiresTotp;
    demandTotp(role.requiresTotp, permissions);
    return keepAdministrator(tx, present, role.partnerId, () => tx.save(role));
  }

  /**
   * Gives a role another name and description. Refuses with ROLE_NAME_TAKEN, NOT_FOUND, and with
   * PERMISSION_NOT_HELD for a role that permits more than the viewer holds.
   */
  async rename(tx: Tx, viewer: Viewer, id: string, input: RenameRoleInput): Promise<Role> {
    const present = await beginGrant(tx, viewer, { now: this.#now(), permission: PERMISSION });
    const role = await this.lock(tx, id);
    demandReach(present, role.permissions, []);
    const { name, description } = input;
    const taken = await tx.findOneBy(Role, { partnerId: role.partnerId, name });
    if (taken !== null && taken.id !== role.id) throw nameTaken(name);
    role.name = name;
    if (description !== null && description !== undefined) role.description = description;
    return named(name, () => tx.save(role));
  }

  /**
   * Removes a role that nobody has. Refuses with ROLE_IN_USE, NOT_FOUND, and with
   * PERMISSION_NOT_HELD for a role that permits more than the viewer holds.
   */
  async delete(tx: Tx, viewer: Viewer, id: string): Promise<void> {
    const present = await beginGrant(tx, viewer, { now: this.#now(), permission: PERMISSION });
    const role = await this.lock(tx, id);
    demandReach(present, role.permissions, []);
    const had: unknown[] = await tx.query(
      'SELECT 1 FROM app_user_role WHERE role_id = $1 LIMIT 1',
      [role.id],
    );
    if (had.length > 0) throw new DomainError('ROLE_IN_USE', 'Somebody still has the role.');
    await tx.delete(Role, { id: role.id });
  }

  /** The role of this identifier, locked until the transaction ends; NOT_FOUND when unseen. */
  async lock(tx: Tx, globalId: string): Promise<Role> {
    const id = rowNumber('Role', globalId);
    const role = await tx.findOne(Role, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (role === null) throw notFound('Role', globalId);
    return role;
  }
}

/** The row id of a partner that the viewer sees, the one he acts at by default; or NOT_FOUND. */
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

async function named<T>(name: string, save: () => Promise<T>): Promise<T> {
  try {
    return await save();
  } catch (error) {
    if (sqlState(error) === '23505') throw nameTaken(name);
    throw error;
  }
}

function nameTaken(name: string): DomainError {
  return new DomainError('ROLE_NAME_TAKEN', 'The partner has a role of this name.', { name });
}
