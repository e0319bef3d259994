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
import { Contract } from '../partner/index.js';
import {
  BigIntScalar,
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  Run,
  requireViewer,
  rowLoader,
} from '../platform/index.js';
import { lineOf } from './file-line.store.js';
import { DuplicateRecord, SuspenseRecord } from './suspense.entity.js';
import { SuspenseCount, SuspenseFilter } from './suspense.input.js';
import type { SuspenseService } from './suspense.service.js';
import { UsageFile } from './usage-file.entity.js';
import { UsageSource } from './usage-source.entity.js';

const SuspenseConnection = connectionOf(SuspenseRecord, 'SuspenseRecord');
const DuplicateConnection = connectionOf(DuplicateRecord, 'DuplicateRecord');
const AT_FAULT =
  'The contract whose terms, price list, rate or exchange rate are missing, or whose margin or ' +
  "amount held the record up; null where the fault is no contract's or one out of sight, and of " +
  'records kept aside before contracts were noted, until they are taken up again.';
const LINE = 'Line in the file, from 1; null while lines before it are still being counted.';

@Resolver(() => SuspenseRecord)
export class SuspenseResolver {
  readonly #suspense: SuspenseService;

  constructor(suspense: SuspenseService) {
    this.#suspense = suspense;
  }

  @Authorized('usage.read')
  @Query(() => SuspenseConnection, { description: 'Records kept aside, oldest first.' })
  async suspenseRecords(
    @Arg('filter', () => SuspenseFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: SuspenseFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<SuspenseRecord>> {
    return this.#suspense.list(await context.read(), filter, page);
  }

  @Authorized('usage.read')
  @Query(() => [SuspenseCount], {
    description:
      'How many records are kept aside, by code, state and source; most first, at most 500 rows.',
  })
  async suspenseSummary(
    @Arg('filter', () => SuspenseFilter, { defaultValue: {}, description: 'Which to count.' })
    filter: SuspenseFilter,
    @Arg('byContract', () => Boolean, {
      defaultValue: false,
      description: 'Counts them by the contract at fault as well, which is null otherwise.',
    })
    byContract: boolean,
    @Ctx() context: RequestContext,
  ): Promise<SuspenseCount[]> {
    return this.#suspense.summarise(await context.read(), filter, byContract);
  }

  @Authorized('usage.recycle')
  @Mutation(() => Run, {
    description:
      'Takes rejected and held records up again, the oldest million of those that fit. Refused ' +
      'with NOTHING_TO_RECYCLE when there is none.',
  })
  async recycleRecords(
    @Arg('filter', () => SuspenseFilter, { description: 'Which to take up again.' })
    filter: SuspenseFilter,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#suspense.recycle(tx, viewer, filter, key));
  }

  @FieldResolver(() => BigIntScalar, { nullable: true, description: LINE })
  async line(
    @Root() record: SuspenseRecord,
    @Ctx() context: RequestContext,
  ): Promise<string | null> {
    return lineOf(context, record);
  }

  @FieldResolver(() => UsageFile, { nullable: true, description: 'The file it came in.' })
  async file(
    @Root() record: SuspenseRecord,
    @Ctx() context: RequestContext,
  ): Promise<UsageFile | null> {
    return rowLoader(context, UsageFile).load(record.usageFileId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: AT_FAULT })
  async contract(
    @Root() record: SuspenseRecord,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    const { contractId } = record;
    return contractId === null ? null : rowLoader(context, Contract).load(contractId);
  }
}

@Resolver(() => SuspenseCount)
export class SuspenseCountResolver {
  @FieldResolver(() => UsageSource, { nullable: true, description: 'Where they came from.' })
  async source(
    @Root() count: SuspenseCount,
    @Ctx() context: RequestContext,
  ): Promise<UsageSource | null> {
    return count.sourceId === null ? null : rowLoader(context, UsageSource).load(count.sourceId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: AT_FAULT })
  async contract(
    @Root() count: SuspenseCount,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return count.contractId === null ? null : rowLoader(context, Contract).load(count.contractId);
  }
}

@Resolver(() => DuplicateRecord)
export class DuplicateRecordResolver {
  readonly #suspense: SuspenseService;

  constructor(suspense: SuspenseService) {
    this.#suspense = suspense;
  }

  @Authorized('usage.read')
  @Query(() => DuplicateConnection, {
    description: 'Records of a file that were known already, in the order they were found.',
  })
  async duplicateRecords(
    @Arg('fileId', () => ID, { description: 'The file.' }) fileId: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<DuplicateRecord>> {
    return this.#suspense.duplicates(await context.read(), fileId, page);
  }

  @FieldResolver(() => BigIntScalar, { nullable: true, description: LINE })
  async line(
    @Root() record: DuplicateRecord,
    @Ctx() context: RequestContext,
  ): Promise<string | null> {
    return lineOf(context, record);
  }
}
