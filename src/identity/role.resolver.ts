import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Authorized, Ctx, ID, Info, Mutation, Query, Resolver } from 'type-graphql';
import {
  type Connection,
  connectionOf,
  fieldsByPermission,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  STEP_UP,
} from '../platform/index.js';
import { CreateRoleInput, RenameRoleInput } from './identity.input.js';
import {
  dangerousAmong,
  isReading,
  permissionNames,
  permissions,
  withImplied,
} from './permission.js';
import { Permission, Role, RolePresetView } from './role.entity.js';
import type { RoleService } from './role.service.js';
import { rolePresets } from './role-preset.js';

const RoleConnection = connectionOf(Role);

@Resolver(() => Role)
export class RoleResolver {
  readonly #roles: RoleService;

  constructor(roles: RoleService) {
    this.#roles = roles;
  }

  @Authorized('role.read')
  @Query(() => RoleConnection, { description: 'Roles of the partners in view, oldest first.' })
  async roles(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Role>> {
    return this.#roles.list(await context.read(), page);
  }

  @Authorized()
  @Query(() => [Permission], {
    description: 'All permissions that roles can be made of, with what each of them is for.',
  })
  permissions(@Info() { schema }: GraphQLResolveInfo): Permission[] {
    const opens = fieldsByPermission(schema, 'demands');
    const reveals = fieldsByPermission(schema, 'shownWith');
    return permissionNames.map((name) => ({
      name,
      description: permissions[name],
      changes: !isReading(name),
      requiresTotp: dangerousAmong([name]).length > 0,
      includes: [...withImplied([name])].filter((each) => each !== name),
      opens: opens.get(name) ?? [],
      reveals: reveals.get(name) ?? [],
    }));
  }

  @Authorized()
  @Query(() => [RolePresetView], { description: 'Permissions that often go together.' })
  rolePresets(): RolePresetView[] {
    return rolePresets.map((preset) => ({
      ...preset,
      permissions: [...preset.permissions].sort(),
    }));
  }

  @Authorized('role.manage', STEP_UP)
  @Mutation(() => Role, {
    description:
      'Creates a role. Refused with UNKNOWN_PERMISSION, PERMISSION_NOT_HELD, TOTP_REQUIRED, ' +
      'ROLE_NAME_TAKEN or NOT_FOUND. Needs a step-up.',
  })
  async createRole(
    @Arg('input', () => CreateRoleInput, { description: 'The role.' }) input: CreateRoleInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Role> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#roles.createOnce(tx, viewer, key, input));
  }

  @Authorized('role.manage', STEP_UP)
  @Mutation(() => Role, {
    description:
      'Replaces what a role permits, at once for everybody who has it. Refused with ' +
      'UNKNOWN_PERMISSION, PERMISSION_NOT_HELD, TOTP_REQUIRED, LAST_ADMINISTRATOR or ' +
      'NOT_FOUND. Needs a step-up.',
  })
  async setRolePermissions(
    @Arg('roleId', () => ID, { description: 'The role.' }) roleId: string,
    @Arg('permissions', () => [String], { description: 'All that the role permits from now on.' })
    permissions: string[],
    @Arg('requiresTotp', () => Boolean, {
      nullable: true,
      description: 'Whether the role demands one-time passwords from now on; absent: as before.',
    })
    requiresTotp: boolean | null,
    @Ctx() context: RequestContext,
  ): Promise<Role> {
    const viewer = requireViewer(context);
    const given = { permissions, requiresTotp };
    return context.write((tx) => this.#roles.setPermissions(tx, viewer, roleId, given));
  }

  @Authorized('role.manage', STEP_UP)
  @Mutation(() => Role, {
    description:
      'Gives a role another name and description. Refused with ROLE_NAME_TAKEN, NOT_FOUND, and ' +
      'with PERMISSION_NOT_HELD for a role that permits what the caller may not. Needs a step-up.',
  })
  async renameRole(
    @Arg('roleId', () => ID, { description: 'The role.' }) roleId: string,
    @Arg('input', () => RenameRoleInput, { description: 'Its new name.' }) input: RenameRoleInput,
    @Ctx() context: RequestContext,
  ): Promise<Role> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#roles.rename(tx, viewer, roleId, input));
  }

  @Authorized('role.manage', STEP_UP)
  @Mutation(() => Boolean, {
    description:
      'Removes a role that nobody has; answers true. Refused with ROLE_IN_USE, NOT_FOUND, and ' +
      'with PERMISSION_NOT_HELD for a role that permits what the caller may not. Needs a step-up.',
  })
  async deleteRole(
    @Arg('roleId', () => ID, { description: 'The role.' }) roleId: string,
    @Ctx() context: RequestContext,
  ): Promise<boolean> {
    const viewer = requireViewer(context);
    await context.write((tx) => this.#roles.delete(tx, viewer, roleId));
    return true;
  }
}
