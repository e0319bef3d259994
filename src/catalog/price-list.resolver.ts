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
import { ContractPriceList, Partner, pricePermissions } from '../partner/index.js';
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
  ShownWith,
} from '../platform/index.js';
import { Destination } from './destination.entity.js';
import { EffectiveRateView } from './effective-rate.entity.js';
import { MomentArgs, momentOf } from './moment.input.js';
import { OriginSet } from './origin-set.entity.js';
import { demandPrices, mayReadPrices } from './price-access.store.js';
import { PriceList, Rate } from './price-list.entity.js';
import { CreatePriceListInput, RateFilter, SetRateInput } from './price-list.input.js';
import type { PriceListService } from './price-list.service.js';
import type { RateService } from './rate.service.js';
import { TierSchedule } from './tier-schedule.entity.js';
import { TimeBand, TimeProfile } from './time-profile.entity.js';

const PriceListConnection = connectionOf(PriceList, 'PriceList');
const RateConnection = connectionOf(Rate, 'Rate');
const EffectiveRateConnection = connectionOf(EffectiveRateView, 'EffectiveRate');

const confirmedOption = {
  nullable: true,
  description: 'The hash of the findings under HOLD that are accepted, as MARGIN_HELD names it.',
} as const;

@Resolver(() => PriceList)
export class PriceListResolver {
  readonly #lists: PriceListService;
  readonly #rates: RateService;

  constructor(lists: PriceListService, rates: RateService) {
    this.#lists = lists;
    this.#rates = rates;
  }

  @Authorized('catalog.read')
  @Query(() => PriceList, { nullable: true, description: 'One list; null when not visible.' })
  async priceList(
    @Arg('id', () => ID, { description: 'The price list.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<PriceList | null> {
    return rowOrNull(await context.read(), PriceList, 'PriceList', id);
  }

  @Authorized('catalog.read')
  @Query(() => PriceListConnection, { description: 'Visible price lists, oldest first.' })
  async priceLists(
    @Arg('partnerId', () => ID, { nullable: true, description: 'Only lists of this partner.' })
    partnerId: string | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<PriceList>> {
    return this.#lists.list(await context.read(), partnerId ?? null, page);
  }

  @Authorized('catalog.read')
  @ShownWith(...pricePermissions)
  @Query(() => RateConnection, {
    description: 'Rows of a price list, oldest first. Refused with NOT_FOUND.',
  })
  async rates(
    @Arg('priceListId', () => ID, { description: 'The price list.' }) priceListId: string,
    @Arg('filter', () => RateFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: RateFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Rate>> {
    await demandPrices(context, priceListId);
    return this.#lists.rates(await context.read(), priceListId, filter, page);
  }

  @Authorized('catalog.read')
  @ShownWith(...pricePermissions)
  @Query(() => EffectiveRateConnection, {
    description:
      'Prices of a list in force at an instant, inheritance worked out, by prefix. Refused ' +
      'with INVALID_PREFIX, VALUE_OUT_OF_RANGE or NOT_FOUND.',
  })
  async effectiveRates(
    @Arg('priceListId', () => ID, { description: 'The price list.' }) priceListId: string,
    @Args(() => MomentArgs) moment: MomentArgs,
    @Arg('prefix', () => String, {
      defaultValue: '',
      description: 'Only prefixes that begin so.',
    })
    prefix: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<EffectiveRateView>> {
    await demandPrices(context, priceListId);
    const tx = await context.read();
    return this.#lists.effectiveRates(tx, priceListId, momentOf(moment, context), prefix, page);
  }

  @Authorized('catalog.read')
  @ShownWith(...pricePermissions)
  @Query(() => EffectiveRateView, {
    nullable: true,
    description:
      'The price of a number at an instant, or null when the list has none. Refused with ' +
      'VALUE_OUT_OF_RANGE, INVALID_NUMBER, INVALID_TIME_ZONE or NOT_FOUND.',
  })
  async rateFor(
    @Arg('priceListId', () => ID, { description: 'The price list.' }) priceListId: string,
    @Arg('number', () => String, { description: 'E.164 digits without plus.' }) number: string,
    @Args(() => MomentArgs) moment: MomentArgs,
    @Arg('timeZone', () => String, {
      defaultValue: 'UTC',
      description: 'IANA zone whose clock decides the time band.',
    })
    timeZone: string,
    @Arg('callingNumber', () => String, {
      nullable: true,
      description: 'Digits of the calling number; without it prices for all origins are found.',
    })
    callingNumber: string | null,
    @Ctx() context: RequestContext,
  ): Promise<EffectiveRateView | null> {
    await demandPrices(context, priceListId);
    const call = { number, callingNumber: callingNumber ?? null, timeZone };
    const tx = await context.read();
    return this.#lists.rateFor(tx, priceListId, call, momentOf(moment, context));
  }

  @Authorized('catalog.manage')
  @Mutation(() => PriceList, {
    description:
      'Creates a price list. To inherit, the prices that it takes over must be seen by the ' +
      'caller. Refused with PRICE_LIST_NAME_TAKEN, PRICE_LIST_PARENT_REFUSED, ' +
      'PRICE_LIST_READ_ONLY, PARTNER_CLOSED, INVALID_CURRENCY or NOT_FOUND.',
  })
  async createPriceList(
    @Arg('input', () => CreatePriceListInput, { description: 'The new list.' })
    input: CreatePriceListInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<PriceList> {
    const viewer = requireViewer(context);
    const now = context.now();
    if (input.parentId) await demandPrices(context, input.parentId);
    return context.write((tx) => this.#lists.create(tx, viewer, input, now, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => Rate, {
    description:
      'Records a rate from an instant on; the open rate of the same key ends there. What it ' +
      'does to margins is held against the policies of contracts, as of a rate sheet: refused ' +
      'with MARGIN_REFUSED, MARGIN_HELD or EXCHANGE_RATE_MISSING. The rate itself with ' +
      'RATE_REFUSED, RATE_OVERLAPS, RATE_WITHOUT_PARENT, RATE_BELOW_ZERO, RATE_ABOVE_REVENUE, ' +
      'BAND_NOT_OF_PROFILE, NOT_OF_OWNER, PRICE_LIST_READ_ONLY, INVALID_PERIOD or NOT_FOUND.',
  })
  async setRate(
    @Arg('input', () => SetRateInput, { description: 'The rate.' }) input: SetRateInput,
    @Arg('confirmedMargins', () => String, confirmedOption)
    confirmedMargins: string | null,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rate> {
    const decision = { viewer: requireViewer(context), confirmedMargins: confirmedMargins ?? null };
    return context.write((tx) => this.#rates.set(tx, decision, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => PriceList, {
    description:
      'Ends a rate at an instant. At or before its beginning it is withdrawn as if it had ' +
      'never been set. What the list inherits shows again, and is held against margins as by ' +
      'setRate. Refused with PRICE_LIST_READ_ONLY, RATE_NOT_CLOSABLE, MARGIN_REFUSED, ' +
      'MARGIN_HELD, EXCHANGE_RATE_MISSING or NOT_FOUND.',
  })
  async closeRate(
    @Arg('rateId', () => ID, { description: 'The rate.' }) rateId: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it holds no more.' })
    at: Date,
    @Arg('confirmedMargins', () => String, confirmedOption)
    confirmedMargins: string | null,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<PriceList> {
    const decision = { viewer: requireViewer(context), confirmedMargins: confirmedMargins ?? null };
    return context.write((tx) => this.#rates.close(tx, decision, { rateId, at }, key));
  }

  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Who sells by it; null when not visible.',
  })
  async partner(@Root() list: PriceList, @Ctx() context: RequestContext): Promise<Partner | null> {
    return rowLoader(context, Partner).load(list.partnerId);
  }

  @FieldResolver(() => PriceList, {
    nullable: true,
    description: 'The list it inherits from; null without one, or when it is not visible.',
  })
  async parent(@Root() list: PriceList, @Ctx() context: RequestContext): Promise<PriceList | null> {
    return list.parentId === null ? null : rowLoader(context, PriceList).load(list.parentId);
  }

  @FieldResolver(() => TimeProfile, { nullable: true, description: 'Its time bands.' })
  async timeProfile(
    @Root() list: PriceList,
    @Ctx() context: RequestContext,
  ): Promise<TimeProfile | null> {
    if (list.timeProfileId === null) return null;
    return rowLoader(context, TimeProfile).load(list.timeProfileId);
  }
}

@Resolver(() => Rate)
export class RateResolver {
  @FieldResolver(() => PriceList, { nullable: true, description: 'The list that it stands in.' })
  async priceList(@Root() rate: Rate, @Ctx() context: RequestContext): Promise<PriceList | null> {
    return rowLoader(context, PriceList).load(rate.priceListId);
  }

  @FieldResolver(() => Destination, {
    nullable: true,
    description: 'The destination that it prices; null when by prefix.',
  })
  async destination(
    @Root() rate: Rate,
    @Ctx() context: RequestContext,
  ): Promise<Destination | null> {
    return rate.destinationId === null
      ? null
      : rowLoader(context, Destination).load(rate.destinationId);
  }

  @FieldResolver(() => TimeBand, {
    nullable: true,
    description: 'The band that it holds in; null for all without a rate of their own.',
  })
  async band(@Root() rate: Rate, @Ctx() context: RequestContext): Promise<TimeBand | null> {
    return rate.bandId === null ? null : rowLoader(context, TimeBand).load(rate.bandId);
  }

  @FieldResolver(() => OriginSet, {
    nullable: true,
    description: 'The calling numbers that it is for; null for all without a rate of their own.',
  })
  async originSet(@Root() rate: Rate, @Ctx() context: RequestContext): Promise<OriginSet | null> {
    return rate.originSetId === null ? null : rowLoader(context, OriginSet).load(rate.originSetId);
  }

  @FieldResolver(() => TierSchedule, {
    nullable: true,
    description: 'The tiers of GRADUATED and VOLUME.',
  })
  async tierSchedule(
    @Root() rate: Rate,
    @Ctx() context: RequestContext,
  ): Promise<TierSchedule | null> {
    if (rate.tierScheduleId === null) return null;
    return rowLoader(context, TierSchedule).load(rate.tierScheduleId);
  }
}

@Resolver(() => EffectiveRateView)
export class EffectiveRateResolver {
  @FieldResolver(() => OriginSet, {
    nullable: true,
    description: 'The calling numbers that it is for; null for all, or when not visible.',
  })
  async originSet(
    @Root() rate: EffectiveRateView,
    @Ctx() context: RequestContext,
  ): Promise<OriginSet | null> {
    return rate.originSetId === 0 ? null : rowLoader(context, OriginSet).load(rate.originSetId);
  }

  @FieldResolver(() => TimeBand, { nullable: true, description: 'The band that it holds in.' })
  async band(
    @Root() rate: EffectiveRateView,
    @Ctx() context: RequestContext,
  ): Promise<TimeBand | null> {
    return rate.bandId === 0 ? null : rowLoader(context, TimeBand).load(rate.bandId);
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => [Rate], {
    description:
      'The rows that made it: the absolute one, then each adjustment down the lists; without ' +
      'those of lists whose prices the caller may not see.',
  })
  async derivation(
    @Root() rate: EffectiveRateView,
    @Ctx() context: RequestContext,
  ): Promise<readonly Rate[]> {
    const rows = await rowLoader(context, Rate).loadMany(rate.path);
    const found = rows.filter((row): row is Rate => row instanceof Rate);
    const shown = await Promise.all(found.map((row) => mayReadPrices(context, row.priceListId)));
    return found.filter((_, place) => shown[place]);
  }
}

@Resolver(() => ContractPriceList)
export class ContractPriceListResolver {
  @FieldResolver(() => PriceList, {
    nullable: true,
    description: 'The list; null when it is not visible.',
  })
  async priceList(
    @Root() link: ContractPriceList,
    @Ctx() context: RequestContext,
  ): Promise<PriceList | null> {
    return rowLoader(context, PriceList).load(link.priceListId);
  }
}
