import { generateSecret } from 'otplib';
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
import { passwordRules } from './account.store.js';
import { queueMail } from './account-mail.store.js';
import { keepAdministrator } from './administrator.store.js';
import { demandReachOver, giveRole, placeOf, takeRole } from './assignment.store.js';
import { forgive } from './attempt.service.js';
import { dropEnrolment } from './enrolment.store.js';
import { demandReach } from './grant.js';
import { beginGrant } from './grant.store.js';
import type { CreateUserInput } from './identity.input.js';
import { demandGoodPassword, hashPassword } from './password.service.js';
import { permissionNames } from './permission.js';
import { dropRecoveryCodes } from './recovery-code.service.js';
import type { Role } from './role.entity.js';
import { type RoleService, visiblePartner } from './role.service.js';
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

interface NewUser {
  readonly partnerId: number;
  readonly email: string;
  readonly displayName: string;
}

/** A user who signs in from the first moment on. */
export interface CompleteUser extends NewUser {
  readonly password: string;
  /** Base32 TOTP secret; a random one when absent. */
  readonly totpSecret?: string;
}

/** Which role of which user, and where it holds. */
export interface AssignmentInput {
  readonly userId: string;
  readonly roleId: string;
  /** The user's own partner when absent. */
  readonly atPartnerId?: string | null;
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
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(AppUser, 'user')
      .orderBy('user.id')
      .take(page.first + 1);
    if (after !== null) query.where('user.id > :after', { after });
    return pageOf(await query.getMany(), page, (user) => [user.id]);
  }

  /** The viewer as a user. */
  async self(tx: Tx, viewer: Viewer): Promise<AppUser> {
    return tx.findOneByOrFail(AppUser, { id: viewer.userId });
  }

  /**
   * Creates a user with roles. Who gets no password is invited by mail to choose one; an
   * authenticator is enrolled at the first sign-in. Refuses with EMAIL_TAKEN, PASSWORD_TOO_WEAK,
   * PERMISSION_NOT_HELD, ROLE_OF_OTHER_PARTNER, NOT_FOUND.
   */
  async create(tx: Tx, viewer: Viewer, input: CreateUserInput): Promise<AppUser> {
    const { email, displayName, password = null } = input;
    const present = await this.#begin(tx, viewer);
    const partnerId = await visiblePartner(tx, present, input.partnerId);
    const roles: Role[] = [];
    for (const id of new Set(input.roleIds)) {
      const role = await this.#roles.lock(tx, id);
      demandAssignable(present, role, partnerId);
      roles.push(role);
    }
    const given = { partnerId, email, displayName };
    const withTotp = roles.some((role) => role.requiresTotp);
    const passwordHash =
      password === null ? null : await checkedHash(tx, given, password, withTotp);
    const user = await this.#add(tx, given, { passwordHash });
    for (const role of roles) await giveRole(tx, user, role.id);
    if (password === null) await queueMail(tx, partnerId, { kind: 'INVITATION', userId: user.id });
    return user;
  }

  /** As {@link create}, once per key. */
  async createOnce(
    tx: Tx,
    viewer: Viewer,
    key: string | null,
    input: CreateUserInput,
  ): Promise<AppUser> {
    // Without the password: what is kept to recognise the request is a fast hash of it.
    const { partnerId = null, email, displayName, roleIds } = input;
    const asked = { partnerId, email, displayName, roleIds };
    const made = await once(tx, viewer, key, 'createUser', asked, async () => ({
      id: (await this.create(tx, viewer, input)).id,
    }));
    return tx.findOneByOrFail(AppUser, { id: made.id });
  }

  /**
   * Enrols the first user of a partner with a role that holds every permission: for setting up an
   * installation, when nobody can grant anything yet. Refuses with EMAIL_TAKEN, PASSWORD_TOO_WEAK.
   */
  async enrolAdministrator(tx: Tx, given: CompleteUser): Promise<EnrolledUser> {
    const enrolled = await this.enrol(tx, given);
    const [role] = await tx.query<{ id: number }[]>(
      `INSERT INTO role (partner_id, name, description, permissions)
       VALUES ($1, 'Administrator', 'Every permission.', $2) RETURNING id`,
      [given.partnerId, [...permissionNames].sort()],
    );
    await giveRole(tx, enrolled.user, (role as { id: number }).id);
    return enrolled;
  }

  /**
   * Inserts a user with password and authenticator, without asking who may: for setup, seeds and
   * fixtures. Refuses with EMAIL_TAKEN, PASSWORD_TOO_WEAK.
   */
  async enrol(tx: Tx, given: CompleteUser): Promise<EnrolledUser> {
    const secret = given.totpSecret ?? generateSecret({ length: SECRET_BYTES });
    const passwordHash = await checkedHash(tx, given, given.password, true);
    const user = await this.#add(tx, given, { passwordHash, secret });
    return { user, totpUri: enrolmentUri(secret, user.email) };
  }

  async #add(
    tx: Tx,
    { partnerId, email, displayName }: NewUser,
    { passwordHash, secret }: { passwordHash: string | null; secret?: string },
  ): Promise<AppUser> {
    const rows: { id: string }[] = await tx.query(
      "SELECT nextval(pg_get_serial_sequence('app_user', 'id')) AS id",
    );
    const id = Number(rows[0]?.id);
    // A secret is sealed to its row, so the row's id comes first.
    const enrolled =
      secret === undefined
        ? {}
        : {
            totpSecretEncrypted: seal(this.#secretKey, secret, totpOwner(id)),
            totpEnrolledAt: this.#now(),
          };
    const user = { id, partnerId, email: addressOf(email), displayName, passwordHash, ...enrolled };
    try {
      await tx.insert(AppUser, user);
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      throw new DomainError('EMAIL_TAKEN', 'Another user signs in with this e-mail address.');
    }
    return tx.findOneByOrFail(AppUser, { id });
  }

  /**
   * Gives a role to a user at a partner, his own when none is named; it holds there and below.
   * Nothing happens when he has it there. Refuses with PERMISSION_NOT_HELD, NOT_FOUND,
   * ROLE_OF_OTHER_PARTNER, ROLE_OUT_OF_SUBTREE.
   */
  async assignRole(tx: Tx, viewer: Viewer, given: AssignmentInput): Promise<AppUser> {
    const present = await this.#begin(tx, viewer);
    const user = await lockUser(tx, given.userId);
    const role = await this.#roles.lock(tx, given.roleId);
    demandAssignable(present, role, user.partnerId);
    await giveRole(tx, user, role.id, await placeOf(tx, user, given.atPartnerId));
    return user;
  }

  /**
   * Takes a role from a user at a partner, his own when none is named; nothing happens when he
   * does not have it there. Refuses with PERMISSION_NOT_HELD, NOT_FOUND, LAST_ADMINISTRATOR.
   */
  async removeRole(tx: Tx, viewer: Viewer, given: AssignmentInput): Promise<AppUser> {
    const present = await this.#begin(tx, viewer);
    const user = await lockUser(tx, given.userId);
    const role = await this.#roles.lock(tx, given.roleId);
    demandReach(present, role.permissions, []);
    const at = await placeOf(tx, user, given.atPartnerId);
    await keepAdministrator(tx, present, user.partnerId, () => takeRole(tx, user.id, role.id, at));
    return user;
  }

  /** Lets a user sign in no more and ends his sessions. Refused for those who may do more. */
  async disable(tx: Tx, viewer: Viewer, userId: string): Promise<AppUser> {
    const present = await this.#begin(tx, viewer);
    const user = await lockUser(tx, userId);
    await demandReachOver(tx, present, user.id);
    return keepAdministrator(tx, present, user.partnerId, async () => {
      user.status = 'DISABLED';
      await tx.update(AppUser, { id: user.id }, { status: 'DISABLED' });
      await revokeSessionsOf(tx, user.id, this.#now());
      return user;
    });
  }

  /** Lets a disabled user sign in again. Refused for those who may do more. */
  async enable(tx: Tx, viewer: Viewer, userId: string): Promise<AppUser> {
    const present = await this.#begin(tx, viewer);
    const user = await lockUser(tx, userId);
    await demandReachOver(tx, present, user.id);
    user.status = 'ACTIVE';
    await tx.update(AppUser, { id: user.id }, { status: 'ACTIVE' });
    return user;
  }

  /**
   * Takes the authenticator and the recovery codes of a user who has lost them and ends his
   * sessions; he enrols anew at his next sign-in. Refused for those who may do more.
   */
  async removeTotp(tx: Tx, viewer: Viewer, userId: string): Promise<AppUser> {
    const present = await this.#begin(tx, viewer);
    const user = await lockUser(tx, userId);
    await demandReachOver(tx, present, user.id);
    await dropTotp(tx, user, this.#now());
    return tx.findOneByOrFail(AppUser, { id: user.id });
  }

  /**
   * Has a mail sent to a user with a token for choosing a password: an invitation when he has
   * none yet. Refused for those who may do more.
   */
  async sendPasswordToken(tx: Tx, viewer: Viewer, userId: string): Promise<AppUser> {
    const present = await this.#begin(tx, viewer);
    const user = await lockUser(tx, userId);
    await demandReachOver(tx, present, user.id);
    const [row]: { invited: boolean }[] = await tx.query(
      'SELECT password_hash IS NULL AS invited FROM app_user WHERE id = $1',
      [user.id],
    );
    const kind = row?.invited ? 'INVITATION' : 'RESET';
    await queueMail(tx, user.partnerId, { kind, userId: user.id });
    return user;
  }

  /**
   * Gives a user a new password without asking who may, and takes his authenticator: for those
   * who have the machine and lost everything else. Refuses with NOT_FOUND.
   */
  async recover(tx: Tx, given: { email: string; password: string }): Promise<AppUser> {
    const user = await tx.findOneBy(AppUser, { email: addressOf(given.email) });
    if (user === null) throw new DomainError('NOT_FOUND', 'Nobody signs in with this address.');
    await dropTotp(tx, user, this.#now());
    const passwordHash = await hashPassword(given.password);
    await tx.update(AppUser, { id: user.id }, { passwordHash, status: 'ACTIVE' });
    await forgive(tx, user.id, user.email);
    return user;
  }

  #begin(tx: Tx, viewer: Viewer): Promise<Viewer> {
    return beginGrant(tx, viewer, { now: this.#now(), permission: 'user.manage' });
  }
}

async function dropTotp(tx: Tx, user: AppUser, now: Date): Promise<void> {
  const gone = { totpSecretEncrypted: null, totpEnrolledAt: null };
  await tx.update(AppUser, { id: user.id }, gone);
  await dropRecoveryCodes(tx, user.id);
  await dropEnrolment(tx, user.id);
  await revokeSessionsOf(tx, user.id, now);
  await queueMail(tx, user.partnerId, { kind: 'TOTP_REMOVED', userId: user.id });
}

async function checkedHash(
  tx: Tx,
  { partnerId, email, displayName }: NewUser,
  password: string,
  withTotp: boolean,
): Promise<string> {
  const [partner]: { name: string }[] = await tx.query('SELECT name FROM partner WHERE id = $1', [
    partnerId,
  ]);
  const words = [addressOf(email), displayName, partner?.name ?? ''];
  await demandGoodPassword(password, passwordRules(withTotp, words));
  return hashPassword(password);
}

function addressOf(email: string): string {
  return email.trim().toLowerCase();
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
