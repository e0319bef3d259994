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
import { Contract, Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  DateTimeScalar,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
} from '../platform/index.js';
import type { BonusRuleService } from './bonus-rule.service.js';
import { BonusRule } from './bucket.entity.js';
import { AllowanceFilter, AllowanceTargetInput, BonusRuleInput } from './bucket.input.js';
import { Destination } from './destination.entity.js';
import { destinationsOf } from './destination.store.js';
import { ServicePlan } from './service-plan.entity.js';
import { VersionArgs } from './version.input.js';

const BonusRuleConnection = connectionOf(BonusRule, 'BonusRule');

@Resolver(() => BonusRule)
export class BonusRuleResolver {
  readonly #rules: BonusRuleService;

  constructor(rules: BonusRuleService) {
    this.#rules = rules;
  }

  @Authorized('catalog.read')
  @Query(() => BonusRule, {
    nullable: true,
    description:
      'One bonus rule: the version in force at an instant, without one the last version.',
  })
  async bonusRule(
    @Arg('id', () => ID, { description: 'The bonus rule.' }) id: string,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Ctx() context: RequestContext,
  ): Promise<BonusRule | null> {
    return this.#rules.find(await context.read(), id, moment);
  }

  @Authorized('catalog.read')
  @Query(() => BonusRuleConnection, {
    description: 'Visible versions of bonus rules, oldest first.',
  })
  async bonusRules(
    @Arg('filter', () => AllowanceFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: AllowanceFilter,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<BonusRule>> {
    return this.#rules.list(await context.read(), filter, moment, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => BonusRule, {
    description:
      'Creates a bonus rule of a service plan or contract. Refused with PRICE_LIST_READ_ONLY, ' +
      'NOT_OF_OWNER, BONUS_RULE_REFUSED, ALLOWANCE_TARGET_REFUSED, NOT_SELLER, INVALID_PERIOD ' +
      'or NOT_FOUND.',
  })
  async createBonusRule(
    @Arg('target', () => AllowanceTargetInput, { description: 'What it belongs to.' })
    target: AllowanceTargetInput,
    @Arg('rule', () => BonusRuleInput, { description: 'The new bonus rule.' }) rule: BonusRuleInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<BonusRule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rules.create(tx, viewer, target, rule, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => BonusRule, {
    description:
      'Makes a bonus rule be as given from its validFrom on. What was known of it from then on ' +
      'is superseded; nothing is edited. Refused with PRICE_LIST_READ_ONLY, NOT_OF_OWNER, ' +
      'BONUS_RULE_REFUSED, INVALID_PERIOD or NOT_FOUND.',
  })
  async changeBonusRule(
    @Arg('id', () => ID, { description: 'The bonus rule.' }) id: string,
    @Arg('rule', () => BonusRuleInput, { description: 'The bonus rule as it is to be.' })
    rule: BonusRuleInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<BonusRule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rules.change(tx, viewer, id, rule, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => BonusRule, {
    description:
      'Ends a bonus rule at an instant. At or before its beginning it is withdrawn as if it ' +
      'had never been. Refused with PRICE_LIST_READ_ONLY, VERSION_NOT_CLOSABLE or NOT_FOUND.',
  })
  async closeBonusRule(
    @Arg('id', () => ID, { description: 'The bonus rule.' }) id: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it holds no more.' })
    at: Date,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<BonusRule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rules.close(tx, viewer, id, at, key));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'The seller.' })
  async partner(@Root() one: BonusRule, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(one.partnerId);
  }

  @FieldResolver(() => ServicePlan, { nullable: true, description: 'The plan it belongs to.' })
  async servicePlan(@Root() one: BonusRule, @Ctx() context: RequestContext) {
    if (one.servicePlanId === null) return null;
    return rowLoader(context, ServicePlan).load(one.servicePlanId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'The contract it belongs to.' })
  async contract(@Root() one: BonusRule, @Ctx() context: RequestContext) {
    return one.contractId === null ? null : rowLoader(context, Contract).load(one.contractId);
  }

  @FieldResolver(() => [Destination], {
    nullable: true,
    description: 'Only records to these destinations; null for all.',
  })
  async destinations(@Root() one: BonusRule, @Ctx() context: RequestContext) {
    return destinationsOf(context, one.destinationIds);
  }
}
