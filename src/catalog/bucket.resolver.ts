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
import { Bucket } from './bucket.entity.js';
import { AllowanceFilter, AllowanceTargetInput, BucketInput } from './bucket.input.js';
import type { BucketService } from './bucket.service.js';
import { Destination } from './destination.entity.js';
import { destinationsOf } from './destination.store.js';
import { ServicePlan } from './service-plan.entity.js';
import { VersionArgs } from './version.input.js';

const BucketConnection = connectionOf(Bucket, 'Bucket');

@Resolver(() => Bucket)
export class BucketResolver {
  readonly #buckets: BucketService;

  constructor(buckets: BucketService) {
    this.#buckets = buckets;
  }

  @Authorized('catalog.read')
  @Query(() => Bucket, {
    nullable: true,
    description: 'One bucket: the version in force at an instant, without one the last version.',
  })
  async bucket(
    @Arg('id', () => ID, { description: 'The bucket.' }) id: string,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Ctx() context: RequestContext,
  ): Promise<Bucket | null> {
    return this.#buckets.find(await context.read(), id, moment);
  }

  @Authorized('catalog.read')
  @Query(() => BucketConnection, { description: 'Visible versions of buckets, oldest first.' })
  async buckets(
    @Arg('filter', () => AllowanceFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: AllowanceFilter,
    @Args(() => VersionArgs) moment: VersionArgs,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Bucket>> {
    return this.#buckets.list(await context.read(), filter, moment, page);
  }

  @Authorized('catalog.manage')
  @Mutation(() => Bucket, {
    description:
      'Creates a bucket of a service plan or contract. Refused with PRICE_LIST_READ_ONLY, ' +
      'BUCKET_REFUSED, ALLOWANCE_TARGET_REFUSED, NOT_SELLER, INVALID_PERIOD or NOT_FOUND.',
  })
  async createBucket(
    @Arg('target', () => AllowanceTargetInput, { description: 'What it belongs to.' })
    target: AllowanceTargetInput,
    @Arg('bucket', () => BucketInput, { description: 'The new bucket.' }) bucket: BucketInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Bucket> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#buckets.create(tx, viewer, target, bucket, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => Bucket, {
    description:
      'Makes a bucket be as given from its validFrom on. What was known of it from then on is ' +
      'superseded; nothing is edited. Refused with PRICE_LIST_READ_ONLY, BUCKET_REFUSED, ' +
      'INVALID_PERIOD or NOT_FOUND.',
  })
  async changeBucket(
    @Arg('id', () => ID, { description: 'The bucket.' }) id: string,
    @Arg('bucket', () => BucketInput, { description: 'The bucket as it is to be.' })
    bucket: BucketInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Bucket> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#buckets.change(tx, viewer, id, bucket, key));
  }

  @Authorized('catalog.manage')
  @Mutation(() => Bucket, {
    description:
      'Ends a bucket at an instant. At or before its beginning it is withdrawn as if it had ' +
      'never been. Refused with PRICE_LIST_READ_ONLY, VERSION_NOT_CLOSABLE or NOT_FOUND.',
  })
  async closeBucket(
    @Arg('id', () => ID, { description: 'The bucket.' }) id: string,
    @Arg('at', () => DateTimeScalar, { description: 'First instant at which it holds no more.' })
    at: Date,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption)
    key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Bucket> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#buckets.close(tx, viewer, id, at, key));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'The seller.' })
  async partner(@Root() one: Bucket, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(one.partnerId);
  }

  @FieldResolver(() => ServicePlan, { nullable: true, description: 'The plan it belongs to.' })
  async servicePlan(@Root() one: Bucket, @Ctx() context: RequestContext) {
    if (one.servicePlanId === null) return null;
    return rowLoader(context, ServicePlan).load(one.servicePlanId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'The contract it belongs to.' })
  async contract(@Root() one: Bucket, @Ctx() context: RequestContext) {
    return one.contractId === null ? null : rowLoader(context, Contract).load(one.contractId);
  }

  @FieldResolver(() => [Destination], {
    nullable: true,
    description: 'Only records to these destinations; null for all.',
  })
  async destinations(@Root() one: Bucket, @Ctx() context: RequestContext) {
    return destinationsOf(context, one.destinationIds);
  }
}
