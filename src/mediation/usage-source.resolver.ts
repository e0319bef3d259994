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
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  pageById,
  type RequestContext,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import { UsageFormat } from './usage-format.entity.js';
import { UsageSource } from './usage-source.entity.js';
import { CreateUsageSourceInput } from './usage-source.input.js';
import type { UsageSourceService } from './usage-source.service.js';

const UsageSourceConnection = connectionOf(UsageSource, 'UsageSource');

@Resolver(() => UsageSource)
export class UsageSourceResolver {
  readonly #sources: UsageSourceService;

  constructor(sources: UsageSourceService) {
    this.#sources = sources;
  }

  @Authorized('usage.read')
  @Query(() => UsageSource, { nullable: true, description: 'One source; null when not visible.' })
  async usageSource(
    @Arg('id', () => ID, { description: 'The source.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<UsageSource | null> {
    return rowOrNull(await context.read(), UsageSource, 'UsageSource', id);
  }

  @Authorized('usage.read')
  @Query(() => UsageSourceConnection, { description: 'Visible sources, oldest first.' })
  async usageSources(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<UsageSource>> {
    const tx = await context.read();
    return pageById(tx.createQueryBuilder(UsageSource, 'row'), page);
  }

  @Authorized('usage.import')
  @Mutation(() => UsageSource, {
    description:
      'Creates a source of usage files. Refused with USAGE_SOURCE_NAME_INVALID, ' +
      'USAGE_SOURCE_NAME_TAKEN, IDENTITY_DOMAIN_INVALID, IDENTITY_DOMAIN_TAKEN, ' +
      'TRUNK_NOT_FOUND_FOR_SOURCE, INVALID_TIME_ZONE or NOT_FOUND.',
  })
  async createUsageSource(
    @Arg('input', () => CreateUsageSourceInput, { description: 'The new source.' })
    input: CreateUsageSourceInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<UsageSource> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#sources.create(tx, viewer, input, key));
  }

  @FieldResolver(() => UsageFormat, { nullable: true, description: 'How its records are written.' })
  async format(
    @Root() source: UsageSource,
    @Ctx() context: RequestContext,
  ): Promise<UsageFormat | null> {
    return rowLoader(context, UsageFormat).load(source.usageFormatId);
  }
}
