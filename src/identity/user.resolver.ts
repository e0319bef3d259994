import DataLoader from 'dataloader';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import { toGlobalId } from '../kernel/index.js';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  ShownWith,
  STEP_UP,
} from '../platform/index.js';
import { type Assignment, assignmentsOf } from './assignment.store.js';
import { AssignmentArgs, CreateUserInput } from './identity.input.js';
import { Role, RoleAssignment } from './role.entity.js';
import { AppUser } from './user.entity.js';
import type { UserService } from './user.service.js';

const UserConnection = connectionOf(AppUser, 'User');
const ASSIGNMENTS = Symbol('assignments of users');

@Resolver(() => AppUser)
export class UserResolver {
  readonly #users: UserService;

  constructor(users: UserService) {
    this.#users = users;
  }

  @Authorized('user.read')
  @Query(() => UserConnection, { description: 'Users of the partners in view, oldest first.' })
  async users(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<AppUser>> {
    return this.#users.list(await context.read(), page);
  }

  @ShownWith('user.email.read')
  @FieldResolver(() => String, {
    nullable: true,
    description:
      'Address that the user signs in with, in lower case; of others than the caller null ' +
      'without the permission.',
  })
  email(@Root() user: AppUser, @Ctx() context: RequestContext): string | null {
    const { userId, permissions } = requireViewer(context);
    return user.id === userId || permissions.has('user.email.read') ? user.email : null;
  }

  @FieldResolver(() => [Role], { description: 'Roles of the user, wherever they hold.' })
  async roles(@Root() user: AppUser, @Ctx() context: RequestContext): Promise<Role[]> {
    const roles = (await assignmentsFor(user, context)).map(({ role }) => role);
    return [...new Map(roles.map((role) => [role.id, role])).values()];
  }

  @FieldResolver(() => [RoleAssignment], {
    description: 'Roles of the user with the partners that they are given at.',
  })
  async assignments(
    @Root() user: AppUser,
    @Ctx() context: RequestContext,
  ): Promise<RoleAssignment[]> {
    const given = await assignmentsFor(user, context);
    return given.map(({ role, atPartnerId }) => ({
      role,
      partnerId: toGlobalId('Partner', atPartnerId),
    }));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Creates a user. Who gets no password is invited by mail to choose one; an authenticator ' +
      'is enrolled at the first sign-in. Refused with SIGN_IN_BUSY, PERMISSION_NOT_HELD, ' +
      'ROLE_OF_OTHER_PARTNER, EMAIL_TAKEN, PASSWORD_TOO_WEAK or NOT_FOUND. Needs a step-up.',
  })
  async createUser(
    @Arg('input', () => CreateUserInput, { description: 'The user.' }) input: CreateUserInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.createOnce(tx, viewer, key, input));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Gives a role to a user. Refused with PERMISSION_NOT_HELD, ROLE_OF_OTHER_PARTNER, ' +
      'ROLE_OUT_OF_SUBTREE, NOT_FOUND. Needs a step-up.',
  })
  async assignRole(
    @Args(() => AssignmentArgs) given: AssignmentArgs,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.assignRole(tx, viewer, given));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Takes a role from a user. Refused with PERMISSION_NOT_HELD, LAST_ADMINISTRATOR, ' +
      'ROLE_OUT_OF_SUBTREE, NOT_FOUND. Needs a step-up.',
  })
  async removeRole(
    @Args(() => AssignmentArgs) given: AssignmentArgs,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.removeRole(tx, viewer, given));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Lets a user sign in no more and ends all sessions of the user. Refused with ' +
      'PERMISSION_NOT_HELD when the user may do what the caller may not, LAST_ADMINISTRATOR, ' +
      'NOT_FOUND. Needs a step-up.',
  })
  async disableUser(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.disable(tx, viewer, userId));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Lets a disabled user sign in again. Refused with PERMISSION_NOT_HELD when the user may do ' +
      'what the caller may not, NOT_FOUND. Needs a step-up.',
  })
  async enableUser(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.enable(tx, viewer, userId));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Takes the authenticator and the recovery codes of a user who has lost them; his sessions ' +
      'end, and he enrols anew at his next sign-in. Refused with PERMISSION_NOT_HELD when the ' +
      'user may do what the caller may not, NOT_FOUND. Needs a step-up.',
  })
  async removeTotp(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.removeTotp(tx, viewer, userId));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Has a mail sent to a user, with a token for choosing a password: for three days when he ' +
      'has none yet, else for 30 minutes. Refused with PERMISSION_NOT_HELD when the user may do ' +
      'what the caller may not, NOT_FOUND. Needs a step-up.',
  })
  async sendPasswordToken(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.sendPasswordToken(tx, viewer, userId));
  }
}

// What a user holds is written at his own partner, which may lie above where he acts.
async function assignmentsFor(user: AppUser, context: RequestContext): Promise<Assignment[]> {
  const viewer = requireViewer(context);
  if (user.id === viewer.userId && viewer.partnerId !== viewer.homePartnerId) {
    return context.readHome(async (tx) => (await assignmentsOf(tx, [user.id])).get(user.id) ?? []);
  }
  const loader = context.loader<number, Assignment[]>(
    ASSIGNMENTS,
    (tx) =>
      new DataLoader(async (ids) => {
        const found = await assignmentsOf(await tx(), ids);
        return ids.map((id) => found.get(id) ?? []);
      }),
  );
  return loader.load(user.id);
}
