import { generateSecret } from 'otplib';
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
import type { CreateUserInput } from './identity.input.js';
import { hashPassword } from './password.service.js';
import { permissionNames } from './permission.js';
import { Role } from './role.entity.js';
import { demandReach, type RoleService, visiblePartner } from './role.service.js';
import { seal } from './seal.service.js';
import { revokeSessionsOf } from './session.store.js';
import { enrolmentUri } from './totp.js';
import { AppUser, totpOwner } from './user.entity.js';

const SECRET_BYTES = 20;

/** A new user together with the enrolment that is shown this once. */
export interface EnrolledUser {
  readonly user: AppUser;
  /** `otpauth://` URI that holds the TOTP secret. */
  readonly totpUri: string;
}

export interface NewUser {
  readonly partnerId: number;
  readonly email: string;
  readonly displayName: string;
  readonly password: string;
  /** Base32 TOTP secret; a random one when absent. */
  readonly totpSecret?: string;
}

/** Users of the partners that the viewer sees, and the roles they have. */
export class UserService {
  readonly #roles: RoleService;
  readonly #secretKey: Uint8Array;
  readonly #now: () => Date;

  constructor(roles: RoleService, secretKey: Uint8Array, now: () => Date) {
    this.#roles = roles;
    this.#secretKey = secretKey;
    this.#now = now;
  }

  /** Users, oldest first. */
  async list(tx: Tx, page: Page): Promise<Connection<AppUser>> {
    const start = pageStart(page, 1);
    const query = tx
      .createQueryBuilder(AppUser, 'user')
      .orderBy('user.id')
      .take(page.first + 1);
    if (start !== null) query.where('user.id > :after', { after: start[0] });
    return pageOf(await query.getMany(), page, (user) => [user.id]);
  }

  /** The viewer as a user. */
  async self(tx: Tx, viewer: Viewer): Promise<AppUser> {
    return tx.findOneByOrFail(AppUser, { id: viewer.userId });
  }

  /**
   * Creates a user with roles and a TOTP enrolment. Refuses with EMAIL_TAKEN, PASSWORD_TOO_WEAK,
   * PERMISSION_NOT_HELD, ROLE_OF_OTHER_PARTNER, NOT_FOUND.
   */
  async create(tx: Tx, viewer: Viewer, input: CreateUserInput): Promise<EnrolledUser> {
    const { email, displayName, password } = input;
    const partnerId = await visiblePartner(tx, viewer, input.partnerId);
    const roles: Role[] = [];
    for (const id of new Set(input.roleIds)) {
      const role = await this.#roles.lock(tx, id);
      demandAssignable(viewer, role, partnerId);
      roles.push(role);
    }
    const enrolled = await this.enrol(tx, { partnerId, email, displayName, password });
    for (const role of roles) await giveRole(tx, enrolled.user, role.id);
    return enrolled;
  }

  /** As {@link create}, once per key; a repeated call does not show the secret again. */
  async createOnce(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    input: CreateUserInput,
  ): Promise<{ user: AppUser; totpUri: string | null }> {
    // Without the password: what is kept to recognise the request is a fast hash of it.
    const { partnerId = null, email, displayName, roleIds } = input;
    const asked = { partnerId, email, displayName, roleIds };
    let totpUri: string | null = null;
    const made = await once(tx, viewer, key, 'createUser', asked, async () => {
      const enrolled = await this.create(tx, viewer, input);
      totpUri = enrolled.totpUri;
      return { id: enrolled.user.id };
    });
    return { user: await tx.findOneByOrFail(AppUser, { id: made.id }), totpUri };
  }

  /**
   * Enrols the first user of a partner with a role that holds every permission: for setting up an
   * installation, when nobody can grant anything yet. Refuses with EMAIL_TAKEN, PASSWORD_TOO_WEAK.
   */
  async enrolAdministrator(tx: Tx, given: NewUser): Promise<EnrolledUser> {
    const enrolled = await this.enrol(tx, given);
    const [role] = await tx.query<{ id: number }[]>(
      `INSERT INTO role (partner_id, name, description, permissions)
       VALUES ($1, 'Administrator', 'Every permission.', $2) RETURNING id`,
      [given.partnerId, [...permissionNames].sort()],
    );
    await giveRole(tx, enrolled.user, (role as { id: number }).id);
    return enrolled;
  }

  /** Inserts a user without asking who may: for {@link create}, seeds and fixtures. */
  async enrol(tx: Tx, given: NewUser): Promise<EnrolledUser> {
    const email = given.email.trim().toLowerCase();
    const secret = given.totpSecret ?? generateSecret({ length: SECRET_BYTES });
    const passwordHash = await hashPassword(given.password);
    const { partnerId, displayName } = given;
    const rows: { id: string }[] = await tx.query(
      "SELECT nextval(pg_get_serial_sequence('app_user', 'id')) AS id",
    );
    const id = Number(rows[0]?.id);
    // The secret is sealed to its row, so the row's id comes first.
    const totpSecretEncrypted = seal(this.#secretKey, secret, totpOwner(id));
    const user = { id, partnerId, email, displayName, passwordHash, totpSecretEncrypted };
    try {
      await tx.insert(AppUser, user);
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      throw new DomainError('EMAIL_TAKEN', 'Another user signs in with this e-mail address.');
    }
    return {
      user: await tx.findOneByOrFail(AppUser, { id }),
      totpUri: enrolmentUri(secret, email),
    };
  }

  /** Gives a role to a user; nothing happens when he has it. */
  async assignRole(tx: Tx, viewer: Viewer, userId: string, roleId: string): Promise<AppUser> {
    const user = await lockUser(tx, userId);
    const role = await this.#roles.lock(tx, roleId);
    demandAssignable(viewer, role, user.partnerId);
    await giveRole(tx, user, role.id);
    return user;
  }

  /** Takes a role from a user; nothing happens when he does not have it. */
  async removeRole(tx: Tx, viewer: Viewer, userId: string, roleId: string): Promise<AppUser> {
    const user = await lockUser(tx, userId);
    const role = await this.#roles.lock(tx, roleId);
    demandReach(viewer, role.permissions, []);
    await tx.query('DELETE FROM app_user_role WHERE user_id = $1 AND role_id = $2', [
      user.id,
      role.id,
    ]);
    await demandAdministrator(tx, user.partnerId);
    return user;
  }

  /** Lets a user sign in no more and ends his sessions. Refused for those who may do more. */
  async disable(tx: Tx, viewer: Viewer, userId: string): Promise<AppUser> {
    const user = await lockUser(tx, userId);
    for (const role of (await rolesOfUsers(tx, [user.id])).get(user.id) ?? []) {
      demandReach(viewer, role.permissions, []);
    }
    user.status = 'DISABLED';
    await tx.update(AppUser, { id: user.id }, { status: 'DISABLED' });
    await revokeSessionsOf(tx, user.id, this.#now());
    await demandAdministrator(tx, user.partnerId);
    return user;
  }
}

/** Roles by user, for those of the users that have any. */
export async function rolesOfUsers(
  tx: Tx,
  userIds: readonly number[],
): Promise<Map<number, Role[]>> {
  const given: { user_id: number; role_id: number }[] = await tx.query(
    'SELECT user_id, role_id FROM app_user_role WHERE user_id = ANY ($1) ORDER BY role_id',
    [userIds],
  );
  const roles = await tx
    .createQueryBuilder(Role, 'role')
    .where('role.id = ANY (:ids)', { ids: given.map((row) => row.role_id) })
    .getMany();
  const byId = new Map(roles.map((role) => [role.id, role]));
  const result = new Map<number, Role[]>();
  for (const { user_id: userId, role_id: roleId } of given) {
    const role = byId.get(roleId);
    if (role) result.set(userId, [...(result.get(userId) ?? []), role]);
  }
  return result;
}

async function lockUser(tx: Tx, globalId: string): Promise<AppUser> {
  const id = rowNumber('User', globalId);
  const user = await tx.findOne(AppUser, { where: { id }, lock: { mode: 'pessimistic_write' } });
  if (user === null) throw notFound('User', globalId);
  return user;
}

function demandAssignable(viewer: Viewer, role: Role, partnerId: number): void {
  demandReach(viewer, [], role.permissions);
  if (role.partnerId === partnerId) return;
  throw new DomainError(
    'ROLE_OF_OTHER_PARTNER',
    "A user can have roles of the user's own partner only.",
    { roleId: role.globalId },
  );
}

async function giveRole(tx: Tx, user: AppUser, roleId: number): Promise<void> {
  await tx.query(
    `INSERT INTO app_user_role (user_id, role_id, partner_id) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING`,
    [user.id, roleId, user.partnerId],
  );
}
