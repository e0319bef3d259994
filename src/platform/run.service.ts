import { DomainError } from '../kernel/index.js';
import { type Connection, type Page, pageOf } from './connection.js';
import type { Tx } from './database.service.js';
import { hasEventsAfter, lastPosition, newestPosition } from './event.store.js';
import { resumeAfter, watch } from './event-watch.service.js';
import { once } from './idempotency.store.js';
import { type RequestContext, requireViewer, type Viewer } from './request.service.js';
import { notFound } from './row.store.js';
import { rowAfter, rowNumber } from './row-number.js';
import { Run, type RunProgress } from './run.entity.js';
import { cancelReadyBatches, countBatches, lockRun, readyParkedBatches } from './run.store.js';
import { cancelRefusal, type RunKind, type RunState } from './run-rules.js';
import { appendProgress, RUN_PROGRESS_TOPIC, WORK_CHANNEL } from './work.store.js';

export interface RunSelection {
  readonly kind?: RunKind | null;
  readonly state?: RunState | null;
}

/** Looks at runs and ends or resumes them; the runs themselves are done by `WorkService`. */
export class RunService {
  /** The run, or null when there is none that the transaction may see. */
  async find(tx: Tx, globalId: string): Promise<Run | null> {
    return tx.findOneBy(Run, { id: rowNumber('Run', globalId) });
  }

  /** Runs, newest first. */
  async list(tx: Tx, selection: RunSelection, page: Page): Promise<Connection<Run>> {
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(Run, 'run')
      .orderBy('run.id', 'DESC')
      .take(page.first + 1);
    if (after !== null) query.andWhere('run.id < :after', { after });
    if (selection.kind) query.andWhere('run.kind = :kind', { kind: selection.kind });
    if (selection.state) query.andWhere('run.state = :state', { state: selection.state });
    return pageOf(await query.getMany(), page, (run) => [run.id]);
  }

  /**
   * Ends a run: batches that wait are dropped, those that run are finished. Refuses with
   * RUN_NOT_CANCELLABLE what is over, and an import that has begun.
   */
  async cancel(tx: Tx, viewer: Viewer, globalId: string, key: string | null): Promise<Run> {
    const id = await once(tx, viewer, key, 'cancelRun', { id: globalId }, async () => {
      const run = await this.#locked(tx, globalId);
      if (run.state === 'CANCELLED') return run.id;
      const refusal = cancelRefusal(run.kind, run.state, await countBatches(tx, run.id));
      if (refusal !== null) throw new DomainError('RUN_NOT_CANCELLABLE', refusal);
      await cancelReadyBatches(tx, run.id);
      await tx.update(Run, run.id, { state: 'CANCELLED', finishedAt: () => 'now()' });
      await appendProgress(tx, run.id);
      return run.id;
    });
    return tx.findOneByOrFail(Run, { id });
  }

  /** Lets the parked batches of a run be tried again. Refuses with RUN_NOT_RESUMABLE. */
  async resume(tx: Tx, viewer: Viewer, globalId: string, key: string | null): Promise<Run> {
    const id = await once(tx, viewer, key, 'resumeRun', { id: globalId }, async () => {
      const run = await this.#locked(tx, globalId);
      if (run.state === 'CANCELLED' || run.batchesParked === 0) {
        throw new DomainError('RUN_NOT_RESUMABLE', 'The run has no parked batch.');
      }
      await readyParkedBatches(tx, run.id);
      const ready = { state: 'RUNNING', batchesParked: 0, parkedReason: null, finishedAt: null };
      await tx.update(Run, run.id, ready as Partial<Run>);
      await appendProgress(tx, run.id);
      await tx.query('SELECT pg_notify($1, $2)', [WORK_CHANNEL, run.kind]);
      return run.id;
    });
    return tx.findOneByOrFail(Run, { id });
  }

  async #locked(tx: Tx, globalId: string): Promise<Run> {
    const id = rowNumber('Run', globalId);
    await lockRun(tx, id);
    const run = await tx.findOneBy(Run, { id });
    if (run === null) throw notFound('Run', globalId);
    return run;
  }
}

/**
 * Progress of a run as its viewer may see it, from the newest step on or after the given event.
 * Ends when the run is done or cancelled. Refuses with NOT_FOUND.
 */
export async function watchRun(
  context: RequestContext,
  globalId: string,
  after: string | null | undefined,
): Promise<AsyncIterableIterator<RunProgress>> {
  const scope = { partnerId: requireViewer(context).partnerId };
  const id = rowNumber('Run', globalId);
  const load = () => context.database.read(scope, (tx) => tx.findOneBy(Run, { id }));
  const present = await load();
  if (present === null) throw notFound('Run', globalId);
  const seen = resumeAfter(after);
  const key = String(id);
  if (seen !== null && isOver(present)) {
    const more = await context.database.read(scope, (tx) =>
      hasEventsAfter(tx, RUN_PROGRESS_TOPIC, key, seen),
    );
    if (!more) return nothing();
  }
  const start = seen ?? (await context.database.read(scope, (tx) => startOf(tx, id)));
  const interest = { topic: RUN_PROGRESS_TOPIC, key, after: start };
  return watch(context.events.subscribe(interest), {
    load: async (event) => {
      const run = await load();
      return run === null ? null : { id: String(event.position), run };
    },
    isLast: (event) => isOver(event.payload as { state: RunState }),
  });
}

/**
 * Where to begin so that the newest step of a run is the first one seen. When no step has its
 * position yet, all of them will get one above any that was given before.
 */
async function startOf(tx: Tx, runId: number): Promise<bigint> {
  const last = await lastPosition(tx);
  const newest = await newestPosition(tx, RUN_PROGRESS_TOPIC, String(runId));
  return newest === null ? last : newest - 1n;
}

/** Whether nothing can happen in the run any more; a parked one may be resumed. */
function isOver(run: { readonly state: RunState }): boolean {
  return run.state === 'DONE' || run.state === 'CANCELLED';
}

async function* nothing(): AsyncGenerator<never> {}
