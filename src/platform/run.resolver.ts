import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  Float,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
  Subscription,
} from 'type-graphql';
import { type Connection, connectionOf, PageArgs } from './connection.js';
import { idempotencyKeyOption } from './idempotency.store.js';
import { type RequestContext, requireViewer } from './request.service.js';
import { Run, RunProgress } from './run.entity.js';
import { RunFilter } from './run.input.js';
import { type RunService, watchRun } from './run.service.js';
import { unitsPerSecond } from './run-rules.js';

const RunConnection = connectionOf(Run);

@Resolver(() => Run)
export class RunResolver {
  readonly #runs: RunService;

  constructor(runs: RunService) {
    this.#runs = runs;
  }

  @Authorized('run.read')
  @Query(() => Run, { nullable: true, description: 'A run; null when there is none to see.' })
  async run(
    @Arg('id', () => ID, { description: 'Identifier of the run.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Run | null> {
    return this.#runs.find(await context.read(), id);
  }

  @Authorized('run.read')
  @Query(() => RunConnection, { description: 'Runs, newest first.' })
  async runs(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('filter', () => RunFilter, { nullable: true, description: 'Which runs to list.' })
    filter: RunFilter | null,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Run>> {
    return this.#runs.list(await context.read(), filter ?? {}, page);
  }

  @Authorized('run.manage')
  @Mutation(() => Run, {
    description:
      'Ends a run: batches that wait are dropped, those that run are finished. Refused with ' +
      'NOT_FOUND, or with RUN_NOT_CANCELLABLE when the run is over, or is an import that has ' +
      'begun.',
  })
  async cancelRun(
    @Arg('id', () => ID, { description: 'Identifier of the run.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    return context.write((tx) => this.#runs.cancel(tx, requireViewer(context), id, key));
  }

  @Authorized('run.manage')
  @Mutation(() => Run, {
    description:
      'Tries the parked batches of a run again. Refused with NOT_FOUND, or with ' +
      'RUN_NOT_RESUMABLE when there is none.',
  })
  async resumeRun(
    @Arg('id', () => ID, { description: 'Identifier of the run.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Run> {
    return context.write((tx) => this.#runs.resume(tx, requireViewer(context), id, key));
  }

  @Authorized('run.read')
  @Subscription(() => RunProgress, {
    description: 'Steps of a run, beginning with its present state; ends with the run.',
    subscribe: ({ args, context }) => watchRun(context, args.runId, args.after),
  })
  runProgressed(
    @Arg('runId', () => ID, { description: 'Identifier of the run.' }) _runId: string,
    @Arg('after', () => ID, {
      nullable: true,
      description: 'Resume behind this event id; from the present state when absent.',
    })
    _after: string | null,
    @Root() progress: RunProgress,
  ): RunProgress {
    return progress;
  }

  @FieldResolver(() => Float, { description: 'Units per second since the run began.' })
  unitsPerSecond(@Root() run: Run, @Ctx() context: RequestContext): number {
    return unitsPerSecond({
      unitsDone: Number(run.unitsDone),
      startedAt: run.startedAt,
      endedAt: run.finishedAt ?? context.now(),
    });
  }
}

export const platformResolvers = [RunResolver];
