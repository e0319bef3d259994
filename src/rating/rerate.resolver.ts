import 'reflect-metadata';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Int,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import { Contract, Partner, pricePermissions, readableLevels } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  DateTimeScalar,
  idempotencyKeyOption,
  PageArgs,
  type RequestContext,
  Run,
  requireViewer,
  rowLoader,
  ShownWith,
  STEP_UP,
} from '../platform/index.js';
import {
  Rerate,
  RerateDifference,
  RerateDimension,
  RerateFinding,
  RerateOutcome,
  RerateStateType,
  RerateStep,
  RerateTotal,
} from './rerate.entity.js';
import { CreateRerateInput } from './rerate.input.js';
import type { RerateService } from './rerate.service.js';
import {
  findingsOf,
  listDifferences,
  outcomeOf,
  previewBooks,
  totalsOf,
} from './rerate-query.store.js';
import type { RerateState } from './rerate-rules.js';
import { destinationName } from './xdr-query.store.js';

const RerateConnection = connectionOf(Rerate, 'Rerate');
const RerateDifferenceConnection = connectionOf(RerateDifference, 'RerateDifference');
const KEY = 'idempotencyKey';

@Resolver(() => Rerate)
export class RerateResolver {
  readonly #rerates: RerateService;

  constructor(rerates: RerateService) {
    this.#rerates = rerates;
  }

  @Authorized('usage.rerate.read')
  @Query(() => Rerate, { nullable: true, description: 'A change set; null when not visible.' })
  async rerate(
    @Arg('id', () => ID, { description: 'Opaque identifier.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Rerate | null> {
    return this.#rerates.find(await context.read(), id);
  }

  @Authorized('usage.rerate.read')
  @Query(() => RerateConnection, { description: 'Change sets, newest first.' })
  async rerates(
    @Arg('state', () => RerateStateType, { nullable: true, description: 'Only in this state.' })
    state: RerateState | null,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Rerate>> {
    return this.#rerates.list(await context.read(), state ?? null, page);
  }

  @Authorized('usage.rerate')
  @Mutation(() => Rerate, {
    description:
      'Notes what is to be rated anew; nothing is worked out yet. The hub may choose any level, ' +
      'anybody else gets only the levels that it sells itself. Refused with INVALID_PERIOD, ' +
      'NOT_FOUND, RERATE_NOT_SELLER, RERATE_PURGED or RERATE_BUSY.',
  })
  async createRerate(
    @Arg('input', () => CreateRerateInput, { description: 'The new change set.' })
    input: CreateRerateInput,
    @Arg(KEY, () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rerate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rerates.create(tx, viewer, input, key));
  }

  @Authorized('usage.rerate')
  @Mutation(() => Rerate, {
    description:
      'Works out, as a run, what the selected records cost with the prices of now and what ' +
      'differs. Nothing else changes; an approval given before is void. Refused with ' +
      'PRICE_BOOK_CHANGING, RERATE_STATE or NOT_FOUND.',
  })
  async previewRerate(
    @Arg('id', () => ID, { description: 'The change set.' }) id: string,
    @Arg(KEY, () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rerate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rerates.preview(tx, viewer, id, key));
  }

  @Authorized('usage.rerate.approve')
  @Mutation(() => Rerate, {
    description:
      'Approves the differences of a preview. Refused with NOT_FOUND, RERATE_STATE, ' +
      'RERATE_OWN_APPROVAL for whoever asked for it, or RERATE_PREVIEW_OUTDATED.',
  })
  async approveRerate(
    @Arg('id', () => ID, { description: 'The change set.' }) id: string,
    @Arg('preview', () => Int, { description: 'Number of the preview that was looked at.' })
    preview: number,
    @Arg(KEY, () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rerate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rerates.approve(tx, viewer, { id, preview }, key));
  }

  @Authorized('usage.rerate', STEP_UP)
  @Mutation(() => Rerate, {
    description:
      'Makes the approved differences good, as a run, with the prices of the preview. Records ' +
      'and finalised invoices are never altered: corrections lie over the records, and what ' +
      'differs goes to the next invoice. Asked again it answers the same. Refused with ' +
      'NOT_FOUND, RERATE_STATE or RERATE_BUSY. Needs a step-up.',
  })
  async applyRerate(
    @Arg('id', () => ID, { description: 'The change set.' }) id: string,
    @Arg(KEY, () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rerate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rerates.apply(tx, viewer, id, key));
  }

  @Authorized('usage.rerate.approve', STEP_UP)
  @Mutation(() => Rerate, {
    description:
      'Restores, as a run, what was shown before a change set was applied. Asked again it ' +
      'answers the same. Refused with NOT_FOUND, RERATE_STATE, RERATE_BUSY, RERATE_PURGED, or ' +
      'RERATE_CHANGED_AGAIN when a later one was applied to the same records. Needs a step-up.',
  })
  async undoRerate(
    @Arg('id', () => ID, { description: 'The change set.' }) id: string,
    @Arg(KEY, () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rerate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rerates.undo(tx, viewer, id, key));
  }

  @Authorized('usage.rerate')
  @Mutation(() => Rerate, {
    description:
      'Gives up a change set that was never applied. Refused with RERATE_STATE or NOT_FOUND.',
  })
  async discardRerate(
    @Arg('id', () => ID, { description: 'The change set.' }) id: string,
    @Arg(KEY, () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Rerate> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#rerates.discard(tx, viewer, id, key));
  }

  @FieldResolver(() => DateTimeScalar, {
    nullable: true,
    description: 'Prices recorded up to then are in the preview, and applying uses the same.',
  })
  async knownAt(@Root() rerate: Rerate, @Ctx() context: RequestContext): Promise<Date | null> {
    return (await previewBooks(context).load(rerate.id))?.knownAt ?? null;
  }

  @FieldResolver(() => Boolean, {
    description:
      'Whether prices, or the records by another change set, have changed since the preview, or ' +
      'late records have come into the months that it folded on trial. ' +
      'Applying then still uses the prices that were approved; preview again for new ones.',
  })
  async stale(@Root() rerate: Rerate, @Ctx() context: RequestContext): Promise<boolean> {
    return this.#rerates.isStale(context, rerate);
  }

  @FieldResolver(() => Run, { nullable: true, description: 'The run of a step.' })
  async run(
    @Root() rerate: Rerate,
    @Arg('step', () => RerateStep, { description: 'Which step.' }) step: RerateStep,
    @Ctx() context: RequestContext,
  ): Promise<Run | null> {
    const id = runsOf(rerate, step)[0];
    return id === undefined ? null : rowLoader(context, Run).load(id);
  }

  @FieldResolver(() => RerateOutcome, {
    nullable: true,
    description: 'What a step came to; null when it has not begun.',
  })
  async outcome(
    @Root() rerate: Rerate,
    @Arg('step', () => RerateStep, { description: 'Which step.' }) step: RerateStep,
    @Ctx() context: RequestContext,
  ): Promise<RerateOutcome | null> {
    const runIds = runsOf(rerate, step);
    return runIds.length === 0 ? null : outcomeOf(await context.read(), runIds);
  }
}

function runsOf(rerate: Rerate, step: RerateStep): number[] {
  const { previewRunId, foldRunId, applyRunId, undoRunId } = rerate;
  const ids = { PREVIEW: [previewRunId, foldRunId], APPLY: [applyRunId], UNDO: [undoRunId] };
  return ids[step].filter((id) => id !== null);
}

@Resolver(() => RerateOutcome)
export class RerateOutcomeResolver {
  @ShownWith(...pricePermissions)
  @FieldResolver(() => [RerateTotal], {
    description:
      'All differences at levels that the caller may see, by currency. Of applying and undoing ' +
      'they leave out what the fold run that follows makes of months; a preview has it.',
  })
  async totals(
    @Root() outcome: RerateOutcome,
    @Ctx() context: RequestContext,
  ): Promise<RerateTotal[]> {
    const levels = readableLevels(requireViewer(context));
    return totalsOf(await context.read(), outcome.runIds, levels);
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => RerateDifferenceConnection, {
    description: 'Differences at levels that the caller may see, added up by what is asked for.',
  })
  async differences(
    @Root() outcome: RerateOutcome,
    @Arg('by', () => [RerateDimension], { description: 'By what to add them up.' })
    by: RerateDimension[],
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<RerateDifference>> {
    const { runIds } = outcome;
    const levels = readableLevels(requireViewer(context));
    return listDifferences(await context.read(), { runIds, levels }, by, page);
  }

  @FieldResolver(() => [RerateFinding], {
    description: 'Records that have no price any more; they stay as they are.',
  })
  async findings(
    @Root() outcome: RerateOutcome,
    @Ctx() context: RequestContext,
  ): Promise<RerateFinding[]> {
    return findingsOf(await context.read(), outcome.runIds);
  }
}

@Resolver(() => RerateDifference)
export class RerateDifferenceResolver {
  @FieldResolver(() => Partner, { nullable: true, description: 'Who pays, when asked for.' })
  async partner(
    @Root() { payerId }: RerateDifference,
    @Ctx() context: RequestContext,
  ): Promise<Partner | null> {
    return payerId === 0 ? null : rowLoader(context, Partner).load(payerId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'The contract, when asked for.' })
  async contract(
    @Root() { contractId }: RerateDifference,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return contractId === 0 ? null : rowLoader(context, Contract).load(contractId);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: 'The destination, when asked for; null where the number lies in none.',
  })
  async destination(
    @Root() { destinationId }: RerateDifference,
    @Ctx() context: RequestContext,
  ): Promise<string | null> {
    return destinationName(context, destinationId);
  }
}
