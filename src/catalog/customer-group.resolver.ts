import 'reflect-metadata';
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
import { Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  DateTimeScalar,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import { CustomerGroup, CustomerGroupMember } from './customer-group.entity.js';
import { AddGroupMemberInput, CreateCustomerGroupInput } from './customer-group.input.js';
import type { CustomerGroupService } from './customer-group.service.js';
import { VersionArgs } from './version.input.js';

const GroupConnection = connectionOf(CustomerGroup, 'CustomerGroup');
const MemberConnection = connectionOf(CustomerGroupMember, 'CustomerGroupMember');

@Resolver(() => CustomerGroup)
export class CustomerGroupResolver {
  readonly #groups: CustomerGroupService;

  constructor(groups: CustomerGroupService) {
    this.#groups = groups;
  }

  @Authorized('catalog.read')
  @Query(() => CustomerGroup, { nullable: true, description: 'One group; null when not visible.' })
  async customerGroup(
    @Arg('id', () => ID, { description: 'The group.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<CustomerGroup | null> {
    return rowOrNull(await context.read(), CustomerGroup, 'CustomerGroup', id);
  }

  @Authorized('catalog.read')
  @Query(() => GroupConnection, { description: 'Visible customer groups, oldest first.' })
  async customerGroups(
    @Arg('partnerId', () => ID, { nullable: true, description: 'Only groups of this seller.' })
    partnerId: string | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<CustomerGroup>> {
    return this.#groups.list(await context.read(), partnerId ?? null, page);
  }

  @Authorized('catalog.read')
  @Query(() => MemberConnection, {
    description: 'Members of a group, oldest record first. Refused with NOT_FOUND.',
  })
  async groupMembers(
    @Arg('groupId', () => ID, { description: 'The group.' }) groupId: string,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<CustomerGroupMember>> {
    return this.#groups.members(await context.read(), groupId, moment, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => CustomerGroup, {
    description:
      'Creates a customer group. Refused with PRICE_LIST_READ_ONLY, CUSTOMER_GROUP_NAME_TAKEN, ' +
      'PARTNER_CLOSED or NOT_FOUND.',
  })
  async createCustomerGroup(
    @Arg('input', () => CreateCustomerGroupInput, { description: 'The new group.' })
    input: CreateCustomerGroupInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CustomerGroup> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#groups.create(tx, viewer, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => CustomerGroupMember, {
    description:
      'Takes a customer into a group. Refused with PRICE_LIST_READ_ONLY, GROUP_MEMBER_REFUSED, ' +
      'GROUP_MEMBER_TWICE, INVALID_PERIOD or NOT_FOUND.',
  })
  async addGroupMember(
    @Arg('input', () => AddGroupMemberInput, { description: 'Who, and when.' })
    input: AddGroupMemberInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CustomerGroupMember> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#groups.addMember(tx, viewer, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => CustomerGroupMember, {
    description:
      'Ends a membership at an instant. At or before its beginning it is withdrawn as if it ' +
      'had never been. Refused with PRICE_LIST_READ_ONLY, VERSION_NOT_CLOSABLE or NOT_FOUND.',
  })
  async endGroupMember(
    @Arg('memberId', () => ID, { description: 'The membership.' }) memberId: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it holds no more.' })
    at: Date,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CustomerGroupMember> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#groups.endMember(tx, viewer, memberId, at, key));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'The seller.' })
  async partner(@Root() group: CustomerGroup, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(group.partnerId);
  }
}

@Resolver(() => CustomerGroupMember)
export class CustomerGroupMemberResolver {
  @FieldResolver(() => CustomerGroup, { nullable: true, description: 'The group.' })
  async group(@Root() member: CustomerGroupMember, @Ctx() context: RequestContext) {
    return rowLoader(context, CustomerGroup).load(member.groupId);
  }

  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'The customer; null when not visible.',
  })
  async partner(@Root() member: CustomerGroupMember, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(member.memberId);
  }
}
