import 'reflect-metadata';
import { Arg, Args, Authorized, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  JsonScalar,
  PageArgs,
  pageById,
  type RequestContext,
  requireViewer,
  rowOrNull,
} from '../platform/index.js';
import type { TriedRecord } from './try-format.js';
import { UsageFormat } from './usage-format.entity.js';
import { TriedUsageRecord, TryUsageFormatArgs, UsageFormatPreset } from './usage-format.input.js';
import type { UsageFormatService } from './usage-format.service.js';

const UsageFormatConnection = connectionOf(UsageFormat, 'UsageFormat');

@Resolver(() => UsageFormat)
export class UsageFormatResolver {
  readonly #formats: UsageFormatService;

  constructor(formats: UsageFormatService) {
    this.#formats = formats;
  }

  @Authorized('usage.read')
  @Query(() => UsageFormat, { nullable: true, description: 'One format; null when not visible.' })
  async usageFormat(
    @Arg('id', () => ID, { description: 'The format.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<UsageFormat | null> {
    return rowOrNull(await context.read(), UsageFormat, 'UsageFormat', id);
  }

  @Authorized('usage.read')
  @Query(() => UsageFormatConnection, { description: 'Visible formats, oldest first.' })
  async usageFormats(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<UsageFormat>> {
    const tx = await context.read();
    return pageById(tx.createQueryBuilder(UsageFormat, 'row'), page);
  }

  @Authorized('usage.read')
  @Query(() => [UsageFormatPreset], { description: 'Definitions that come with the product.' })
  usageFormatPresets(): UsageFormatPreset[] {
    return this.#formats.presets();
  }

  @Authorized('usage.import')
  @Query(() => [TriedUsageRecord], {
    description:
      'Reads a sample as an import would and shows each record or what is wrong. Refused with ' +
      'USAGE_SAMPLE_TOO_LARGE, INVALID_TIME_ZONE or NOT_FOUND.',
  })
  async tryUsageFormat(
    @Args(() => TryUsageFormatArgs) args: TryUsageFormatArgs,
    @Ctx() context: RequestContext,
  ): Promise<TriedRecord[]> {
    return this.#formats.try(await context.read(), args);
  }

  @Authorized('usage.import')
  @Mutation(() => UsageFormat, {
    description:
      'Records a definition as the next version of a format. Refused with ' +
      'USAGE_FORMAT_NAME_INVALID, or with USAGE_FORMAT_INVALID, whose details list each wrong ' +
      'place as a JSON pointer.',
  })
  async createUsageFormat(
    @Arg('name', () => String, { description: 'Name of the format, up to 63 characters.' })
    name: string,
    @Arg('definition', () => JsonScalar, {
      description: 'The definition; `usageFormatPresets` shows complete ones.',
    })
    definition: unknown,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<UsageFormat> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#formats.create(tx, viewer, { name, definition }, key));
  }
}
