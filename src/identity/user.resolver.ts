import DataLoader from 'dataloader';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  Field,
  FieldResolver,
  ID,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  STEP_UP,
} from '../platform/index.js';
import { CreateUserInput } from './identity.input.js';
import { Role } from './role.entity.js';
import { AppUser } from './user.entity.js';
import { rolesOfUsers, type UserService } from './user.service.js';

const UserConnection = connectionOf(AppUser, 'User');
const ROLES = Symbol('roles of users');

@ObjectType({
  simpleResolvers: true,
  description: 'A new user, with what is needed to enrol an authenticator.',
})
class CreatedUser {
  @Field(() => AppUser, { description: 'The user.' })
  user!: AppUser;

  @Field(() => String, {
    nullable: true,
    description:
      'The one-time password secret as otpauth:// URI, shown this once: absent when the ' +
      'idempotency key repeats an earlier call.',
  })
  totpUri!: string | null;
}

@Resolver(() => AppUser)
export class UserResolver {
  readonly #users: UserService;

  constructor(users: UserService) {
    this.#users = users;
  }

  @Authorized('user.manage')
  @Query(() => UserConnection, { description: 'Users of the partners in view, oldest first.' })
  async users(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<AppUser>> {
    return this.#users.list(await context.read(), page);
  }

  @FieldResolver(() => [Role], { description: 'Roles of the user.' })
  async roles(@Root() user: AppUser, @Ctx() context: RequestContext): Promise<Role[]> {
    const loader = context.loader<number, Role[]>(
      ROLES,
      (tx) =>
        new DataLoader(async (ids) => {
          const found = await rolesOfUsers(await tx(), ids);
          return ids.map((id) => found.get(id) ?? []);
        }),
    );
    return loader.load(user.id);
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => CreatedUser, {
    description:
      'Creates a user. Refused with EMAIL_TAKEN, PASSWORD_TOO_WEAK, PERMISSION_NOT_HELD, ' +
      'ROLE_OF_OTHER_PARTNER, NOT_FOUND. Needs a step-up.',
  })
  async createUser(
    @Arg('input', () => CreateUserInput, { description: 'The user.' }) input: CreateUserInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CreatedUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.createOnce(tx, viewer, key, input));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Gives a role to a user. Refused with PERMISSION_NOT_HELD, NOT_FOUND. Needs a step-up.',
  })
  async assignRole(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Arg('roleId', () => ID, { description: 'The role.' }) roleId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.assignRole(tx, viewer, userId, roleId));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Takes a role from a user. Refused with PERMISSION_NOT_HELD, NOT_FOUND. Needs a step-up.',
  })
  async removeRole(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Arg('roleId', () => ID, { description: 'The role.' }) roleId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.removeRole(tx, viewer, userId, roleId));
  }

  @Authorized('user.manage', STEP_UP)
  @Mutation(() => AppUser, {
    description:
      'Lets a user sign in no more and ends all sessions of the user. Refused with ' +
      'PERMISSION_NOT_HELD when the user may do what the caller may not. Needs a step-up.',
  })
  async disableUser(
    @Arg('userId', () => ID, { description: 'The user.' }) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<AppUser> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#users.disable(tx, viewer, userId));
  }
}
