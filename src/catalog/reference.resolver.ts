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
  DecimalScalar,
  groupLoader,
  idempotencyKeyOption,
  nestedPage,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import { Destination, DestinationPrefix } from './destination.entity.js';
import type { DestinationService } from './destination.service.js';
import { ConvertedAmount, ExchangeRate } from './exchange-rate.entity.js';
import type { ExchangeRateService } from './exchange-rate.service.js';
import { HolidayCalendar } from './holiday.entity.js';
import { MomentArgs, momentOf } from './moment.input.js';
import { momentLoader } from './moment.store.js';
import {
  CreateDestinationInput,
  CreateServicePlanInput,
  CreateTimeProfileInput,
  DestinationFilter,
  PlanFeeInput,
  SetExchangeRateInput,
} from './reference.input.js';
import { PlanFee, ServicePlan } from './service-plan.entity.js';
import type { ServicePlanService } from './service-plan.service.js';
import { TimeBand, TimeBandRule, TimeProfile } from './time-profile.entity.js';

const DestinationConnection = connectionOf(Destination, 'Destination');
const PrefixConnection = connectionOf(DestinationPrefix, 'DestinationPrefix');
const ProfileConnection = connectionOf(TimeProfile, 'TimeProfile');
const ExchangeRateConnection = connectionOf(ExchangeRate, 'ExchangeRate');
const ServicePlanConnection = connectionOf(ServicePlan, 'ServicePlan');

@Resolver(() => Destination)
export class DestinationResolver {
  readonly #destinations: DestinationService;

  constructor(destinations: DestinationService) {
    this.#destinations = destinations;
  }

  @Authorized('catalog.read')
  @Query(() => Destination, { nullable: true, description: 'One destination.' })
  async destination(
    @Arg('id', () => ID, { description: 'The destination.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Destination | null> {
    return rowOrNull(await context.read(), Destination, 'Destination', id);
  }

  @Authorized('catalog.read')
  @Query(() => DestinationConnection, {
    description: 'Destinations, oldest first. Refused with INVALID_COUNTRY.',
  })
  async destinations(
    @Arg('filter', () => DestinationFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: DestinationFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Destination>> {
    return this.#destinations.list(await context.read(), filter, page);
  }

  @Authorized('catalog.read')
  @Query(() => Destination, {
    nullable: true,
    description:
      'The destination whose longest prefix begins the number. Refused with INVALID_NUMBER.',
  })
  async destinationForNumber(
    @Arg('number', () => String, { description: 'E.164 digits without plus.' }) number: string,
    @Ctx() context: RequestContext,
  ): Promise<Destination | null> {
    return this.#destinations.forNumber(await context.read(), number);
  }

  @Authorized('catalog.manage')
  @Mutation(() => Destination, {
    description:
      'Creates a destination; for the hub only. Refused with DESTINATION_NAME_TAKEN, ' +
      'DESTINATION_PREFIX_TAKEN, INVALID_PREFIX, INVALID_COUNTRY or NOT_HUB.',
  })
  async createDestination(
    @Arg('input', () => CreateDestinationInput, { description: 'The new destination.' })
    input: CreateDestinationInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Destination> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#destinations.create(tx, viewer, input, key));
  }

  @FieldResolver(() => PrefixConnection, { description: 'Its dial codes.' })
  async prefixes(
    @Root() destination: Destination,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<DestinationPrefix>> {
    return nestedPage(context, DestinationPrefix, 'destinationId', destination.id, page);
  }
}

@Resolver(() => TimeProfile)
export class TimeProfileResolver {
  readonly #destinations: DestinationService;

  constructor(destinations: DestinationService) {
    this.#destinations = destinations;
  }

  @Authorized('catalog.read')
  @Query(() => ProfileConnection, { description: 'Time profiles, oldest first.' })
  async timeProfiles(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<TimeProfile>> {
    return this.#destinations.timeProfiles(await context.read(), page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => TimeProfile, {
    description:
      'Creates a time profile; for the hub only. Refused with TIME_PROFILE_NAME_TAKEN, ' +
      'TIME_BANDS_REFUSED, NOT_HUB or NOT_FOUND.',
  })
  async createTimeProfile(
    @Arg('input', () => CreateTimeProfileInput, { description: 'The new profile.' })
    input: CreateTimeProfileInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<TimeProfile> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#destinations.createTimeProfile(tx, viewer, input, key));
  }

  @FieldResolver(() => HolidayCalendar, { nullable: true, description: 'Its holidays.' })
  async holidayCalendar(@Root() profile: TimeProfile, @Ctx() context: RequestContext) {
    if (profile.holidayCalendarId === null) return null;
    return rowLoader(context, HolidayCalendar).load(profile.holidayCalendarId);
  }

  @FieldResolver(() => [TimeBand], { description: 'Its bands.' })
  async bands(@Root() profile: TimeProfile, @Ctx() context: RequestContext): Promise<TimeBand[]> {
    return groupLoader(context, TimeBand, 'timeProfileId').load(profile.id);
  }
}

@Resolver(() => TimeBand)
export class TimeBandResolver {
  @FieldResolver(() => [TimeBandRule], { description: 'The minutes that belong to it.' })
  async rules(@Root() band: TimeBand, @Ctx() context: RequestContext): Promise<TimeBandRule[]> {
    return groupLoader(context, TimeBandRule, 'timeBandId').load(band.id);
  }
}

@Resolver(() => ExchangeRate)
export class ExchangeRateResolver {
  readonly #rates: ExchangeRateService;

  constructor(rates: ExchangeRateService) {
    this.#rates = rates;
  }

  @Authorized('catalog.read')
  @Query(() => ExchangeRateConnection, {
    description: 'Exchange rates, oldest first. Refused with INVALID_CURRENCY.',
  })
  async exchangeRates(
    @Arg('currency', () => String, { nullable: true, description: 'Only pairs with it.' })
    currency: string | null,
    @Arg('asKnownAt', () => DateTimeScalar, {
      nullable: true,
      description: 'Ignore what was recorded after this instant.',
    })
    asKnownAt: Date | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<ExchangeRate>> {
    return this.#rates.list(await context.read(), currency ?? null, asKnownAt ?? null, page);
  }

  @Authorized('catalog.read')
  @Query(() => ConvertedAmount, {
    description:
      'An amount in another currency at an instant. Refused with EXCHANGE_RATE_MISSING, ' +
      'INVALID_MONEY or INVALID_CURRENCY.',
  })
  async convertAmount(
    @Arg('amount', () => DecimalScalar, { description: 'The amount.' }) amount: string,
    @Arg('from', () => String, { description: 'Its currency, ISO 4217.' }) from: string,
    @Arg('to', () => String, { description: 'The other currency, ISO 4217.' }) to: string,
    @Args(() => MomentArgs) moment: MomentArgs,
    @Ctx() context: RequestContext,
  ): Promise<ConvertedAmount> {
    const tx = await context.read();
    return this.#rates.convert(tx, amount, from, to, momentOf(moment, context));
  }

  @Authorized('catalog.manage')
  @Mutation(() => ExchangeRate, {
    description:
      'Records an exchange rate; for the hub only. Refused with EXCHANGE_RATE_EXISTS, ' +
      'EXCHANGE_RATE_REFUSED, NOT_HUB or INVALID_CURRENCY.',
  })
  async setExchangeRate(
    @Arg('input', () => SetExchangeRateInput, { description: 'The rate.' })
    input: SetExchangeRateInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ExchangeRate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rates.set(tx, viewer, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => ExchangeRate, {
    description:
      'Withdraws a mistyped exchange rate, so that another can be set; hub only. Refused with ' +
      'EXCHANGE_RATE_WITHDRAWN, NOT_HUB or NOT_FOUND.',
  })
  async withdrawExchangeRate(
    @Arg('exchangeRateId', () => ID, { description: 'The rate.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ExchangeRate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rates.withdraw(tx, viewer, id, key));
  }
}

@Resolver(() => ServicePlan)
export class ServicePlanResolver {
  readonly #plans: ServicePlanService;

  constructor(plans: ServicePlanService) {
    this.#plans = plans;
  }

  @Authorized('catalog.read')
  @Query(() => ServicePlan, { nullable: true, description: 'One plan; null when not visible.' })
  async servicePlan(
    @Arg('id', () => ID, { description: 'The plan.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<ServicePlan | null> {
    return rowOrNull(await context.read(), ServicePlan, 'ServicePlan', id);
  }

  @Authorized('catalog.read')
  @Query(() => ServicePlanConnection, { description: 'Visible service plans, oldest first.' })
  async servicePlans(
    @Arg('partnerId', () => ID, { nullable: true, description: 'Only plans of this seller.' })
    partnerId: string | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<ServicePlan>> {
    return this.#plans.list(await context.read(), partnerId ?? null, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => ServicePlan, {
    description:
      'Creates a service plan with its fees. Refused with NOT_OF_OWNER, ' +
      'SERVICE_PLAN_NAME_TAKEN, FEE_REFUSED, PARTNER_CLOSED, INVALID_CURRENCY or NOT_FOUND.',
  })
  async createServicePlan(
    @Arg('input', () => CreateServicePlanInput, { description: 'The new plan.' })
    input: CreateServicePlanInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ServicePlan> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#plans.create(tx, viewer, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => ServicePlan, {
    description:
      'Adds a fee to a service plan. Refused with NOT_OF_OWNER, FEE_REFUSED or NOT_FOUND.',
  })
  async addPlanFee(
    @Arg('servicePlanId', () => ID, { description: 'The plan.' }) servicePlanId: string,
    @Arg('fee', () => PlanFeeInput, { description: 'The fee.' }) fee: PlanFeeInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ServicePlan> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#plans.addFee(tx, viewer, servicePlanId, fee, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => ServicePlan, {
    description:
      'Ends a fee of a service plan at an instant. At or before its beginning it is withdrawn. ' +
      'A new price is another fee of the same name from there on. Refused with ' +
      'VERSION_NOT_CLOSABLE or NOT_FOUND.',
  })
  async closePlanFee(
    @Arg('id', () => ID, { description: 'The fee.' }) id: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it is not charged.' })
    at: Date,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ServicePlan> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#plans.closeFee(tx, viewer, id, at, key));
  }

  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Who sells it; null when not visible.',
  })
  async partner(@Root() plan: ServicePlan, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(plan.partnerId);
  }

  @Authorized('price.retail.read')
  @FieldResolver(() => [PlanFee], { description: 'Its fees that count.' })
  async fees(
    @Root() plan: ServicePlan,
    @Arg('asOf', () => DateTimeScalar, {
      nullable: true,
      description: 'Only fees that are charged at this instant.',
    })
    asOf: Date | null,
    @Arg('asKnownAt', () => DateTimeScalar, {
      nullable: true,
      description: 'Ignore what was recorded after this instant.',
    })
    asKnownAt: Date | null,
    @Ctx() context: RequestContext,
  ): Promise<PlanFee[]> {
    return momentLoader(context, PlanFee, 'servicePlanId', { asOf, asKnownAt }).load(plan.id);
  }
}
