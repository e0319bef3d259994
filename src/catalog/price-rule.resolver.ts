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
import { Contract, Partner, pricePermissions } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  DateTimeScalar,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  ShownWith,
} from '../platform/index.js';
import { CustomerGroup } from './customer-group.entity.js';
import { Destination } from './destination.entity.js';
import { destinationsOf } from './destination.store.js';
import { PriceRule } from './price-rule.entity.js';
import { PriceRuleFilter, PriceRuleInput } from './price-rule.input.js';
import type { PriceRuleService } from './price-rule.service.js';
import { ServicePlan } from './service-plan.entity.js';
import { VersionArgs } from './version.input.js';

const RuleConnection = connectionOf(PriceRule, 'PriceRule');

@Resolver(() => PriceRule)
export class PriceRuleResolver {
  readonly #rules: PriceRuleService;

  constructor(rules: PriceRuleService) {
    this.#rules = rules;
  }

  @Authorized('catalog.read')
  @ShownWith(...pricePermissions)
  @Query(() => PriceRule, {
    nullable: true,
    description: 'One rule: the version in force at an instant, without one the last version.',
  })
  async priceRule(
    @Arg('id', () => ID, { description: 'The rule.' }) id: string,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Ctx() context: RequestContext,
  ): Promise<PriceRule | null> {
    return this.#rules.find(await context.read(), requireViewer(context), id, moment);
  }

  @Authorized('catalog.read')
  @ShownWith(...pricePermissions)
  @Query(() => RuleConnection, { description: 'Visible versions of price rules, oldest first.' })
  async priceRules(
    @Arg('filter', () => PriceRuleFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: PriceRuleFilter,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<PriceRule>> {
    return this.#rules.list(await context.read(), requireViewer(context), filter, moment, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => PriceRule, {
    description:
      'Creates a discount or surcharge of a seller. Refused with TIME_BANDS_REFUSED, ' +
      'PRICE_LIST_READ_ONLY, NOT_OF_OWNER, PRICE_RULE_REFUSED, PARTNER_CLOSED, INVALID_PERIOD ' +
      'or NOT_FOUND.',
  })
  async createPriceRule(
    @Arg('partnerId', () => ID, { description: 'The seller.' }) partnerId: string,
    @Arg('rule', () => PriceRuleInput, { description: 'The new rule.' }) rule: PriceRuleInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<PriceRule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rules.create(tx, viewer, partnerId, rule, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => PriceRule, {
    description:
      'Makes a rule be as given from its validFrom on. What was known of it from then on is ' +
      'superseded; nothing is edited. Refused with TIME_BANDS_REFUSED, PRICE_LIST_READ_ONLY, ' +
      'NOT_OF_OWNER, PRICE_RULE_REFUSED, INVALID_PERIOD or NOT_FOUND.',
  })
  async changePriceRule(
    @Arg('id', () => ID, { description: 'The rule.' }) id: string,
    @Arg('rule', () => PriceRuleInput, { description: 'The rule as it is to be.' })
    rule: PriceRuleInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<PriceRule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rules.change(tx, viewer, id, rule, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => PriceRule, {
    description:
      'Ends a rule at an instant. At or before its beginning it is withdrawn as if it had ' +
      'never been. Refused with PRICE_LIST_READ_ONLY, VERSION_NOT_CLOSABLE or NOT_FOUND.',
  })
  async closePriceRule(
    @Arg('id', () => ID, { description: 'The rule.' }) id: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it holds no more.' })
    at: Date,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<PriceRule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rules.close(tx, viewer, id, at, key));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'The seller.' })
  async partner(@Root() rule: PriceRule, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(rule.partnerId);
  }

  @FieldResolver(() => CustomerGroup, { nullable: true, description: 'Only buyers in this group.' })
  async customerGroup(@Root() rule: PriceRule, @Ctx() context: RequestContext) {
    if (rule.customerGroupId === null) return null;
    return rowLoader(context, CustomerGroup).load(rule.customerGroupId);
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Only this buyer.' })
  async buyer(@Root() rule: PriceRule, @Ctx() context: RequestContext) {
    return rule.buyerId === null ? null : rowLoader(context, Partner).load(rule.buyerId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'Only this contract.' })
  async contract(@Root() rule: PriceRule, @Ctx() context: RequestContext) {
    return rule.contractId === null ? null : rowLoader(context, Contract).load(rule.contractId);
  }

  @FieldResolver(() => ServicePlan, { nullable: true, description: 'Only fees of this plan.' })
  async servicePlan(@Root() rule: PriceRule, @Ctx() context: RequestContext) {
    if (rule.servicePlanId === null) return null;
    return rowLoader(context, ServicePlan).load(rule.servicePlanId);
  }

  @FieldResolver(() => [Destination], {
    nullable: true,
    description: 'Only records to these destinations; null for all.',
  })
  async destinations(@Root() rule: PriceRule, @Ctx() context: RequestContext) {
    return destinationsOf(context, rule.destinationIds);
  }
}
