/** What a run does; every kind has one executor. */
export type RunKind = 'IMPORT' | 'RECYCLE' | 'FOLD' | 'RERATE' | 'BILL' | 'PURGE' | 'ERASE';

/** States of runs and of batches. */
export type RunState = 'READY' | 'RUNNING' | 'DONE' | 'PARKED' | 'CANCELLED';

/** How the batches of a run stand. */
export interface RunCounts extends EndedCounts {
  readonly running: number;
  /** That wait again, since an attempt failed or its process died. */
  readonly failed: number;
}

/** How many batches of a run have ended. */
export interface EndedCounts {
  readonly total: number;
  readonly done: number;
  readonly parked: number;
}

/** A batch that failed this often is parked. */
export const MAX_ATTEMPTS = 5;

/** A batch that was taken over from a dead process this often is parked: it may be the killer. */
export const MAX_TAKEOVERS = 50;

const MAX_DELAY_MS = 300_000;

/** State of a run after one of its batches ended; a cancelled run stays cancelled. */
export function runStateAfter(current: RunState, counts: EndedCounts): RunState {
  if (current === 'CANCELLED') return 'CANCELLED';
  if (counts.done + counts.parked < counts.total) return 'RUNNING';
  return counts.parked > 0 ? 'PARKED' : 'DONE';
}

/** Whether nothing will happen in a run of this state unless somebody asks for it. */
export function isFinished(state: RunState): boolean {
  return state === 'DONE' || state === 'PARKED' || state === 'CANCELLED';
}

/** Kinds whose batches build upon one another: each is taken when the one before it is done. */
const ORDERED: ReadonlySet<RunKind> = new Set(['ERASE']);

/** Whether batches of a kind follow one another, and those behind a parked one wait with it. */
export function isOrdered(kind: RunKind): boolean {
  return ORDERED.has(kind);
}

/** Milliseconds to wait before the next attempt, doubling with every failure, at most 5 minutes. */
export function retryDelayMs(attempts: number, baseMs: number): number {
  return Math.min(baseMs * 2 ** Math.max(0, attempts - 1), MAX_DELAY_MS);
}

/**
 * Why a run cannot be cancelled, or null when it can. An import that has begun goes on: other
 * files may already have been counted as its duplicates, and would be lost with it. So does an
 * erasure, which two people have wanted: half of it would leave the key of its pseudonyms.
 */
export function cancelRefusal(kind: RunKind, state: RunState, counts: RunCounts): string | null {
  if (isFinished(state) && state !== 'PARKED') return `The run is ${state} already.`;
  if (kind === 'ERASE') return 'An erasure that was approved is not taken back.';
  const begun = counts.done + counts.parked + counts.running + counts.failed > 0;
  if (kind === 'IMPORT' && begun) {
    return 'The import has begun, and records elsewhere may rest on it as duplicates.';
  }
  return null;
}

/** Units per second from the start of a run to its end, or to now while it runs. */
export function unitsPerSecond(run: {
  readonly unitsDone: number;
  readonly startedAt: Date | null;
  readonly endedAt: Date;
}): number {
  if (run.startedAt === null) return 0;
  const seconds = (run.endedAt.getTime() - run.startedAt.getTime()) / 1000;
  return seconds > 0 ? Math.round((run.unitsDone / seconds) * 10) / 10 : 0;
}
