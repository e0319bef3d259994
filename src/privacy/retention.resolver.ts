import 'reflect-metadata';
import { Arg, Args, Authorized, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  Run,
  requireViewer,
  STEP_UP,
} from '../platform/index.js';
import type { PurgeService } from './purge.service.js';
import { RetentionHold, RetentionPeriod } from './retention.entity.js';
import { HoldUsageInput, SetRetentionInput } from './retention.input.js';
import type { RetentionService } from './retention.service.js';

const RetentionHoldConnection = connectionOf(RetentionHold);

@Resolver()
export class RetentionResolver {
  readonly #retention: RetentionService;
  readonly #purges: PurgeService;

  constructor(retention: RetentionService, purges: PurgeService) {
    this.#retention = retention;
    this.#purges = purges;
  }

  @Authorized('retention.read')
  @Query(() => [RetentionPeriod], {
    description: 'How long the data of a partner is kept, kind by kind. Refused with NOT_FOUND.',
  })
  async retention(
    @Arg('partnerId', () => ID, {
      nullable: true,
      description: 'The partner; the acting one when absent.',
    })
    partnerId: string | null,
    @Ctx() context: RequestContext,
  ): Promise<RetentionPeriod[]> {
    return this.#retention.periods(await context.read(), requireViewer(context), partnerId);
  }

  @Authorized('retention.read')
  @Query(() => RetentionHoldConnection, {
    description: 'Usage that may not be purged, and that which was so once; newest first.',
  })
  async retentionHolds(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<RetentionHold>> {
    return this.#retention.holds(await context.read(), page);
  }

  @Authorized('retention.manage', STEP_UP)
  @Mutation(() => [RetentionPeriod], {
    description:
      'Sets how long a kind of data is kept from a day on; answers what holds then for the ' +
      'partner. Refused with RETENTION_BELOW_MINIMUM, RETENTION_IN_PAST, RETENTION_OF_HUB or ' +
      'NOT_FOUND. Needs a step-up.',
  })
  async setRetention(
    @Arg('input', () => SetRetentionInput, { description: 'What shall hold.' })
    input: SetRetentionInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<RetentionPeriod[]> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#retention.set(tx, viewer, input, key));
  }

  @Authorized('retention.manage')
  @Mutation(() => RetentionHold, {
    description:
      'Keeps usage from being purged until it is released. Refused with INVALID_PERIOD or ' +
      'NOT_FOUND.',
  })
  async holdUsage(
    @Arg('input', () => HoldUsageInput, { description: 'Which usage, and why.' })
    input: HoldUsageInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<RetentionHold> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#retention.hold(tx, viewer, input, key));
  }

  @Authorized('retention.manage', STEP_UP)
  @Mutation(() => RetentionHold, {
    description:
      'Lets usage be purged again. Refused with RETENTION_HOLD_RELEASED or NOT_FOUND, and with ' +
      'RETENTION_HOLD_FROM_ABOVE what somebody of a partner above holds. Needs a step-up.',
  })
  async releaseHold(
    @Arg('id', () => ID, { description: 'The hold.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<RetentionHold> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#retention.release(tx, viewer, id, key));
  }

  @Authorized('retention.manage', STEP_UP)
  @Mutation(() => Run, {
    description:
      'Purges now what is past its time, of all partners, as a run; by itself that happens once ' +
      'a day. For the hub only: refused with NOT_HUB. Needs a step-up.',
  })
  async startPurge(
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#purges.start(tx, viewer, key));
  }
}
