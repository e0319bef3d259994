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
import { Partner, pricePermissions } from '../partner/index.js';
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
import { OriginSet, OriginSetPrefix } from './origin-set.entity.js';
import type { OriginSetService } from './origin-set.service.js';
import { mayReadSteps } from './price-access.store.js';
import { shownSteps, TierSchedule, TierStep } from './tier-schedule.entity.js';
import {
  ChangeOriginSetInput,
  CreateOriginSetInput,
  CreateTierScheduleInput,
} from './tier-schedule.input.js';
import type { TierScheduleService } from './tier-schedule.service.js';

const TierScheduleConnection = connectionOf(TierSchedule, 'TierSchedule');
const OriginSetConnection = connectionOf(OriginSet, 'OriginSet');
const OriginPrefixConnection = connectionOf(OriginSetPrefix, 'OriginSetPrefix');

@Resolver(() => TierSchedule)
export class TierScheduleResolver {
  readonly #schedules: TierScheduleService;

  constructor(schedules: TierScheduleService) {
    this.#schedules = schedules;
  }

  @Authorized('catalog.read')
  @Query(() => TierSchedule, { nullable: true, description: 'One; null when not visible.' })
  async tierSchedule(
    @Arg('id', () => ID, { description: 'The schedule.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<TierSchedule | null> {
    return rowOrNull(await context.read(), TierSchedule, 'TierSchedule', id);
  }

  @Authorized('catalog.read')
  @Query(() => TierScheduleConnection, { description: 'Visible tier schedules, oldest first.' })
  async tierSchedules(
    @Arg('partnerId', () => ID, { nullable: true, description: 'Only those of this partner.' })
    partnerId: string | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<TierSchedule>> {
    return this.#schedules.list(await context.read(), partnerId ?? null, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => TierSchedule, {
    description:
      'Creates a tier schedule, in which every quantity from 0 on has a price. Refused with ' +
      'PRICE_LIST_READ_ONLY, TIER_SCHEDULE_NAME_TAKEN, TIER_GAP, TIER_ORDER, TIER_OVERFLOW, ' +
      'TIER_REFUSED, PARTNER_CLOSED or NOT_FOUND.',
  })
  async createTierSchedule(
    @Arg('input', () => CreateTierScheduleInput, { description: 'The new schedule.' })
    input: CreateTierScheduleInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<TierSchedule> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#schedules.create(tx, viewer, input, key));
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => [TierStep], {
    nullable: true,
    description:
      'Its steps, from the first unit on; null when it prices a list whose prices the caller may ' +
      'not see.',
  })
  async steps(@Root() one: TierSchedule, @Ctx() context: RequestContext) {
    return (await mayReadSteps(context, one.id)) ? shownSteps(one.storedSteps) : null;
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Whose it is.' })
  async partner(@Root() one: TierSchedule, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(one.partnerId);
  }
}

@Resolver(() => OriginSet)
export class OriginSetResolver {
  readonly #sets: OriginSetService;

  constructor(sets: OriginSetService) {
    this.#sets = sets;
  }

  @Authorized('catalog.read')
  @Query(() => OriginSet, { nullable: true, description: 'One set; null when not visible.' })
  async originSet(
    @Arg('id', () => ID, { description: 'The set.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<OriginSet | null> {
    return rowOrNull(await context.read(), OriginSet, 'OriginSet', id);
  }

  @Authorized('catalog.read')
  @Query(() => OriginSetConnection, { description: 'Visible sets of origins, oldest first.' })
  async originSets(
    @Arg('partnerId', () => ID, { nullable: true, description: 'Only those of this partner.' })
    partnerId: string | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<OriginSet>> {
    return this.#sets.list(await context.read(), partnerId ?? null, page);
  }

  @Authorized('catalog.read')
  @Query(() => OriginPrefixConnection, {
    description: 'Prefixes of a set, oldest first. Refused with NOT_FOUND.',
  })
  async originSetPrefixes(
    @Arg('originSetId', () => ID, { description: 'The set.' }) originSetId: string,
    @Arg('asKnownAt', () => DateTimeScalar, {
      nullable: true,
      description: 'Ignore what was recorded after this instant.',
    })
    asKnownAt: Date | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<OriginSetPrefix>> {
    return this.#sets.prefixes(await context.read(), originSetId, asKnownAt ?? null, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => OriginSet, {
    description:
      'Creates a set of origins. Refused with INVALID_PREFIX, PRICE_LIST_READ_ONLY, ' +
      'ORIGIN_SET_NAME_TAKEN, PARTNER_CLOSED or NOT_FOUND.',
  })
  async createOriginSet(
    @Arg('input', () => CreateOriginSetInput, { description: 'The new set.' })
    input: CreateOriginSetInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<OriginSet> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#sets.create(tx, viewer, input, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => OriginSet, {
    description:
      'Takes prefixes out of a set and others in. It counts for all that is rated from then ' +
      'on, whenever the records began. Refused with INVALID_PREFIX, PRICE_LIST_READ_ONLY or ' +
      'NOT_FOUND.',
  })
  async changeOriginSet(
    @Arg('input', () => ChangeOriginSetInput, { description: 'The change.' })
    input: ChangeOriginSetInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<OriginSet> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#sets.change(tx, viewer, input, key));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Whose it is.' })
  async partner(@Root() set: OriginSet, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(set.partnerId);
  }
}
