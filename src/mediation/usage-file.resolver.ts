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
  groupLoader,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  Run,
  requireViewer,
  rowLoader,
  rowOrNull,
} from '../platform/index.js';
import { effectiveState } from './import-plan.js';
import { DuplicateFile, UsageFile, UsageFileState } from './usage-file.entity.js';
import { UsageFileFilter } from './usage-file.input.js';
import type { UsageFileService } from './usage-file.service.js';
import { UsageSource } from './usage-source.entity.js';

const UsageFileConnection = connectionOf(UsageFile, 'UsageFile');

@Resolver(() => UsageFile)
export class UsageFileResolver {
  readonly #files: UsageFileService;

  constructor(files: UsageFileService) {
    this.#files = files;
  }

  @Authorized('usage.read')
  @Query(() => UsageFile, { nullable: true, description: 'One usage file; null when not visible.' })
  async usageFile(
    @Arg('id', () => ID, { description: 'The file.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<UsageFile | null> {
    return rowOrNull(await context.read(), UsageFile, 'UsageFile', id);
  }

  @Authorized('usage.read')
  @Query(() => UsageFileConnection, { description: 'Visible usage files, newest first.' })
  async usageFiles(
    @Arg('filter', () => UsageFileFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: UsageFileFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<UsageFile>> {
    return this.#files.list(await context.read(), filter, page);
  }

  @Authorized('usage.import')
  @Mutation(() => Run, {
    description:
      'Imports a stored file as usage of a source. Asking again for the same file and source ' +
      'finds the same run; content that was imported as another file or source is refused with ' +
      'FILE_ALREADY_IMPORTED, and one whose bytes were purged with FILE_PURGED. A file of one ' +
      'partner is not taken as usage of a source of another who is neither above nor below it: ' +
      'SOURCE_OF_OTHER_PARTNER. One that was set aside is refused with FILE_QUARANTINED, one ' +
      'that is not to be seen with NOT_FOUND.',
  })
  async importUsageFile(
    @Arg('fileId', () => ID, { description: 'The stored file.' }) fileId: string,
    @Arg('sourceId', () => ID, { description: 'The source that delivered it.' }) sourceId: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#files.import(tx, viewer, { fileId, sourceId }, key));
  }

  @FieldResolver(() => UsageFileState, { description: 'How far the file has come.' })
  async state(@Root() file: UsageFile, @Ctx() context: RequestContext): Promise<UsageFileState> {
    const run = await this.run(file, context);
    return effectiveState(file.state, run?.state ?? null);
  }

  @FieldResolver(() => Run, { nullable: true, description: 'Its import, with the progress.' })
  async run(@Root() file: UsageFile, @Ctx() context: RequestContext): Promise<Run | null> {
    return file.runId === null ? null : rowLoader(context, Run).load(file.runId);
  }

  @FieldResolver(() => UsageSource, { nullable: true, description: 'The source it came from.' })
  async source(
    @Root() file: UsageFile,
    @Ctx() context: RequestContext,
  ): Promise<UsageSource | null> {
    return file.usageSourceId === null
      ? null
      : rowLoader(context, UsageSource).load(file.usageSourceId);
  }

  @FieldResolver(() => [DuplicateFile], {
    description: 'Later deliveries of the same content to the inbox.',
  })
  async duplicateDeliveries(
    @Root() file: UsageFile,
    @Ctx() context: RequestContext,
  ): Promise<DuplicateFile[]> {
    return groupLoader(context, DuplicateFile, 'usageFileId').load(file.id);
  }
}
