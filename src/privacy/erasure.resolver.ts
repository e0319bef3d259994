import 'reflect-metadata';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  Field,
  ID,
  InputType,
  Mutation,
  Query,
  Resolver,
} from 'type-graphql';
import {
  type Connection,
  connectionOf,
  idempotencyKeyOption,
  PageArgs,
  PlainLines,
  type RequestContext,
  requireViewer,
  STEP_UP,
} from '../platform/index.js';
import { Erasure } from './erasure.entity.js';
import type { ErasureService } from './erasure.service.js';

const ErasureConnection = connectionOf(Erasure);

@InputType({ description: 'Who shall be forgotten.' })
class RequestErasureInput {
  @Field(() => ID, { description: 'The subscription, which has ended.' })
  subscriptionId!: string;

  @Field(() => String, { description: 'Why, for example the number of the letter.' })
  @PlainLines(1, 1000)
  reason!: string;
}

@Resolver()
export class ErasureResolver {
  readonly #erasures: ErasureService;

  constructor(erasures: ErasureService) {
    this.#erasures = erasures;
  }

  @Authorized('retention.read')
  @Query(() => Erasure, { nullable: true, description: 'An erasure; null when none is to see.' })
  async erasure(
    @Arg('id', () => ID, { description: 'Identifier of the erasure.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Erasure | null> {
    return this.#erasures.find(await context.read(), id);
  }

  @Authorized('retention.read')
  @Query(() => ErasureConnection, { description: 'Erasures, newest first.' })
  async erasures(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Erasure>> {
    return this.#erasures.list(await context.read(), page);
  }

  @Authorized('subscriber.erase', STEP_UP)
  @Mutation(() => Erasure, {
    description:
      'Asks for the holder of an ended subscription to be forgotten; somebody else has to ' +
      'approve it. Refused with ERASURE_NOT_ENDED, ERASURE_TOO_WIDE, ERASURE_EXISTS, ' +
      'ERASURE_ON_HOLD or NOT_FOUND. Needs a step-up.',
  })
  async requestErasure(
    @Arg('input', () => RequestErasureInput, { description: 'Who, and why.' })
    input: RequestErasureInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Erasure> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#erasures.request(tx, viewer, input, key));
  }

  @Authorized('subscriber.erase', STEP_UP)
  @Mutation(() => Erasure, {
    description:
      'Gives up an erasure that was not approved. Refused with ERASURE_STATE or NOT_FOUND. Needs ' +
      'a step-up.',
  })
  async withdrawErasure(
    @Arg('id', () => ID, { description: 'The erasure.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Erasure> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#erasures.withdraw(tx, viewer, id, key));
  }

  @Authorized('subscriber.erase.approve', STEP_UP)
  @Mutation(() => Erasure, {
    description:
      'Has the subscriber forgotten, as a run; nothing takes it back. Refused with ' +
      'ERASURE_OWN_APPROVAL, ERASURE_STATE, ERASURE_NOT_ENDED, ERASURE_ON_HOLD or NOT_FOUND. ' +
      'Needs a step-up.',
  })
  async approveErasure(
    @Arg('id', () => ID, { description: 'The erasure.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Erasure> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#erasures.approve(tx, viewer, id, key));
  }
}
