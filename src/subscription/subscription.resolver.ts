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
import { ServicePlan } from '../catalog/index.js';
import { Account, Contract, ContractPriceList, Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  DateTimeScalar,
  groupLoader,
  idempotencyKeyOption,
  nestedPage,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import {
  Subscription,
  SubscriptionIdentity,
  SubscriptionStatus,
  Trunk,
} from './subscription.entity.js';
import {
  AddIdentityInput,
  CreateSubscriptionInput,
  CreateSubscriptionsInput,
  CreateTrunkInput,
  SubscriptionFilter,
} from './subscription.input.js';
import type { SubscriptionService } from './subscription.service.js';
import type { TerminationService } from './termination.service.js';
import { type SubscriptionStatus as Status, statusAt } from './transition.js';
import type { TrunkService } from './trunk.service.js';

const ID_TEXT = 'The subscription.';

const SubscriptionConnection = connectionOf(Subscription, 'ServiceSubscription');
const TrunkConnection = connectionOf(Trunk, 'Trunk');

@Resolver(() => Subscription)
export class SubscriptionResolver {
  readonly #subscriptions: SubscriptionService;
  readonly #terminations: TerminationService;

  constructor(subscriptions: SubscriptionService, terminations: TerminationService) {
    this.#subscriptions = subscriptions;
    this.#terminations = terminations;
  }

  @Authorized('subscription.read')
  @Query(() => Subscription, { nullable: true, description: 'One; null when not visible.' })
  async subscription(
    @Arg('id', () => ID, { description: ID_TEXT }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Subscription | null> {
    return rowOrNull(await context.read(), Subscription, 'Subscription', id);
  }

  @Authorized('subscription.read')
  @Query(() => SubscriptionConnection, {
    description: 'Visible subscriptions, oldest first. Refused with INVALID_NUMBER.',
  })
  async subscriptions(
    @Arg('filter', () => SubscriptionFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: SubscriptionFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Subscription>> {
    return this.#subscriptions.list(await context.read(), filter, page, context.now());
  }

  @Authorized('subscription.read')
  @Query(() => Subscription, {
    nullable: true,
    description:
      'The subscription that has a number at an instant; null when none is visible. Refused ' +
      'with INVALID_NUMBER.',
  })
  async subscriptionForNumber(
    @Arg('number', () => String, { description: 'E.164 digits.' }) number: string,
    @Arg('at', () => DateTimeScalar, { nullable: true, description: 'Now when absent.' })
    at: Date | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription | null> {
    return this.#subscriptions.forNumber(await context.read(), number, at ?? context.now());
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Creates a subscription. Refused with SUBSCRIPTION_CONTRACT_REFUSED, ' +
      'CONTRACT_NOT_IN_FORCE, PLAN_NOT_OF_SELLER, PLAN_CURRENCY, CREDIT_LIMIT_REFUSED, ' +
      'NUMBER_TAKEN, TRUNK_TAKEN, TRUNK_OF_OTHER_PARTNER, PARTNER_CLOSED, ' +
      'ACCOUNT_OF_OTHER_PARTNER, ACCOUNT_CLOSED, NOT_SELLER, CONTRACT_TERMINATED, ' +
      'INVALID_NUMBER or NOT_FOUND.',
  })
  async createSubscription(
    @Arg('input', () => CreateSubscriptionInput, { description: 'The new subscription.' })
    input: CreateSubscriptionInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#subscriptions.create(tx, viewer, input, key, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => [Subscription], {
    description:
      'Creates up to 1,000 subscriptions under the same terms, all or none. Refused with ' +
      'SUBSCRIPTION_CONTRACT_REFUSED, CONTRACT_NOT_IN_FORCE, PLAN_NOT_OF_SELLER, ' +
      'PLAN_CURRENCY, CREDIT_LIMIT_REFUSED, NUMBER_TAKEN, TRUNK_TAKEN, TRUNK_OF_OTHER_PARTNER, ' +
      'PARTNER_CLOSED, ACCOUNT_OF_OTHER_PARTNER, ACCOUNT_CLOSED, NOT_SELLER, ' +
      'CONTRACT_TERMINATED, INVALID_NUMBER or NOT_FOUND.',
  })
  async createSubscriptions(
    @Arg('input', () => CreateSubscriptionsInput, { description: 'The new subscriptions.' })
    input: CreateSubscriptionsInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription[]> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#subscriptions.createMany(tx, viewer, input, key, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Adds a number, range or trunk. Refused with NUMBER_TAKEN, TRUNK_TAKEN, ' +
      'TRUNK_OF_OTHER_PARTNER, IDENTITY_REFUSED, SUBSCRIPTION_TRANSITION_REFUSED, NOT_SELLER, ' +
      'INVALID_NUMBER, INVALID_PERIOD or NOT_FOUND.',
  })
  async addIdentity(
    @Arg('input', () => AddIdentityInput, { description: 'The identity.' })
    input: AddIdentityInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#subscriptions.addIdentity(tx, viewer, input, key, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Ends a number, range or trunk; one that has not begun is withdrawn. Refused with ' +
      'IDENTITY_NOT_ENDABLE, NOT_SELLER or NOT_FOUND.',
  })
  async endIdentity(
    @Arg('identityId', () => ID, { description: 'The identity.' }) identityId: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it holds no more.' })
    at: Date,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const now = context.now();
    return context.write((tx) => this.#subscriptions.endIdentity(tx, identityId, at, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Puts a subscription to rest. Refused with SUBSCRIPTION_TRANSITION_REFUSED, NOT_SELLER ' +
      'or NOT_FOUND.',
  })
  async suspendSubscription(
    @Arg('id', () => ID, { description: ID_TEXT }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#subscriptions.change(tx, viewer, id, 'suspend', key, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Lets a suspended subscription go on. Refused with SUBSCRIPTION_TRANSITION_REFUSED, ' +
      'NOT_SELLER or NOT_FOUND.',
  })
  async resumeSubscription(
    @Arg('id', () => ID, { description: ID_TEXT }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#subscriptions.change(tx, viewer, id, 'resume', key, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Ends a subscription, and its numbers and trunks with it. One whose end is still to come ' +
      'goes on until then, and the end is moved by asking again or taken back by ' +
      'withdrawTermination; once it has come it is for good. Refused with TERMINATION_REFUSED ' +
      'before its beginning, when cancelSubscription takes it back; where an end is moved on ' +
      'with NUMBER_TAKEN, TRUNK_TAKEN or PLAN_CURRENCY, as withdrawTermination is; with ' +
      'SUBSCRIPTION_TRANSITION_REFUSED, NOT_SELLER or NOT_FOUND.',
  })
  async terminateSubscription(
    @Arg('id', () => ID, { description: ID_TEXT }) id: string,
    @Arg('at', () => DateTimeScalar, {
      nullable: true,
      description: 'First instant at which it is held no more, past or to come; now if absent.',
    })
    at: Date | null,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) =>
      this.#terminations.terminate(tx, viewer, id, at ?? null, key, now),
    );
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Takes back an end of a subscription that is still to come: its numbers and trunks go on ' +
      'as they would have without it. Refused with TERMINATION_NOT_PLANNED where there is none; ' +
      'with NUMBER_TAKEN or TRUNK_TAKEN when somebody has one of them from then on, and with ' +
      'PLAN_CURRENCY when the contract goes on in another currency than the plan; with ' +
      'NOT_SELLER or NOT_FOUND.',
  })
  async withdrawTermination(
    @Arg('id', () => ID, { description: ID_TEXT }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    const now = context.now();
    return context.write((tx) => this.#terminations.withdraw(tx, viewer, id, key, now));
  }

  @Authorized('subscription.manage')
  @Mutation(() => Subscription, {
    description:
      'Takes back a subscription that is still to begin, for good: it is never held, nothing is ' +
      'charged for it, and its numbers and trunks are free at once. Refused with ' +
      'CANCELLATION_REFUSED from its beginning on, when terminateSubscription ends it; with ' +
      'SUBSCRIPTION_TRANSITION_REFUSED where it is cancelled or terminated already, NOT_SELLER ' +
      'or NOT_FOUND.',
  })
  async cancelSubscription(
    @Arg('id', () => ID, { description: ID_TEXT }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#terminations.cancel(tx, viewer, id, key, context.now));
  }

  @FieldResolver(() => SubscriptionStatus, {
    description:
      'Its state now: TERMINATED from its end on, and not before; CANCELLED from when it was ' +
      'taken back on, also while its beginning would be still to come.',
  })
  status(@Root() subscription: Subscription, @Ctx() context: RequestContext): Status {
    return statusAt(subscription.heldStatus, subscription, context.now());
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'The partner that holds it.' })
  async partner(@Root() subscription: Subscription, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(subscription.partnerId);
  }

  @FieldResolver(() => Account, { nullable: true, description: 'The account that holds it.' })
  async account(@Root() subscription: Subscription, @Ctx() context: RequestContext) {
    return rowLoader(context, Account).load(subscription.accountId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'The contract it is held under.' })
  async contract(@Root() subscription: Subscription, @Ctx() context: RequestContext) {
    return rowLoader(context, Contract).load(subscription.contractId);
  }

  @FieldResolver(() => ServicePlan, {
    nullable: true,
    description: 'What is subscribed; null without plan or when it is not visible.',
  })
  async servicePlan(@Root() subscription: Subscription, @Ctx() context: RequestContext) {
    if (subscription.servicePlanId === null) return null;
    return rowLoader(context, ServicePlan).load(subscription.servicePlanId);
  }

  @FieldResolver(() => [SubscriptionIdentity], {
    description: 'Its numbers, ranges and trunks, also those that have ended.',
  })
  async identities(@Root() subscription: Subscription, @Ctx() context: RequestContext) {
    return groupLoader(context, SubscriptionIdentity, 'subscriptionId').load(subscription.id);
  }
}

@Resolver(() => SubscriptionIdentity)
export class SubscriptionIdentityResolver {
  @FieldResolver(() => Trunk, { nullable: true, description: 'The trunk.' })
  async trunk(@Root() identity: SubscriptionIdentity, @Ctx() context: RequestContext) {
    return identity.trunkId === null ? null : rowLoader(context, Trunk).load(identity.trunkId);
  }
}

@Resolver(() => Trunk)
export class TrunkResolver {
  readonly #trunks: TrunkService;

  constructor(trunks: TrunkService) {
    this.#trunks = trunks;
  }

  @Authorized('subscription.read')
  @Query(() => TrunkConnection, { description: 'Visible trunks, oldest first.' })
  async trunks(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Trunk>> {
    return this.#trunks.list(await context.read(), page);
  }

  @Authorized('subscription.manage')
  @Mutation(() => Trunk, {
    description:
      'Creates a trunk. Refused with TRUNK_NAME_TAKEN, TRUNK_CONTRACT_REFUSED, PARTNER_CLOSED, ' +
      'NOT_SELLER or NOT_FOUND.',
  })
  async createTrunk(
    @Arg('input', () => CreateTrunkInput, { description: 'The new trunk.' })
    input: CreateTrunkInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Trunk> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#trunks.create(tx, viewer, input, key));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Whose connection it is.' })
  async partner(@Root() trunk: Trunk, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(trunk.partnerId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, {
    nullable: true,
    description: 'The contract under which traffic that leaves by it is bought.',
  })
  async costContract(@Root() trunk: Trunk, @Ctx() context: RequestContext) {
    if (trunk.costContractId === null) return null;
    return rowLoader(context, Contract).load(trunk.costContractId);
  }
}

@Resolver(() => Contract)
export class ContractSubscriptionsResolver {
  @Authorized('subscription.read')
  @FieldResolver(() => SubscriptionConnection, { description: 'Subscriptions held under it.' })
  async subscriptions(
    @Root() contract: Contract,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Subscription>> {
    return nestedPage(context, Subscription, 'contractId', contract.id, page);
  }
}

@Resolver(() => ContractPriceList)
export class ContractPriceListTrunkResolver {
  @FieldResolver(() => Trunk, {
    nullable: true,
    description: 'The trunk whose records it holds for; null for all, or when not visible.',
  })
  async trunk(
    @Root() link: ContractPriceList,
    @Ctx() context: RequestContext,
  ): Promise<Trunk | null> {
    return link.trunkId === null ? null : rowLoader(context, Trunk).load(link.trunkId);
  }
}
