import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, invariant } from '../kernel/index.js';
import { type Database, sqlState } from './database.service.js';
import type { Doorbell } from './doorbell.service.js';
import type { Log } from './log.service.js';
import { MAX_ATTEMPTS, type RunKind, retryDelayMs } from './run-rules.js';
import { SYSTEM_SCOPE } from './scope.store.js';
import {
  type ClaimedBatch,
  claimBatch,
  failBatch,
  isFenced,
  keepLanes,
  openBatches,
  renewLeases,
  WORK_CHANNEL,
} from './work.store.js';

/** Does the batches of one kind of run. */
export interface BatchExecutor {
  readonly kind: RunKind;
  /** How many batches of the kind this process may execute at the same time. */
  readonly slots: number;
  /**
   * Commits the results of the batch and `completeBatchSql` in one transaction. Throwing counts
   * a failed attempt; `Fenced` does not.
   */
  execute(batch: ClaimedBatch): Promise<void>;
}

export interface WorkOptions {
  readonly doorbell?: Doorbell;
  /** How long a claim holds without being renewed. */
  readonly leaseMs?: number;
  readonly heartbeatMs?: number;
  readonly pollMs?: number;
  /** Wait after the first failure; it doubles with every further one. */
  readonly retryMs?: number;
  /** How long an unused lane is kept, with what the process remembers about it. */
  readonly laneIdleMs?: number;
  readonly log?: Log;
}

const DEFAULTS = {
  leaseMs: 15_000,
  heartbeatMs: 5_000,
  pollMs: 1_000,
  retryMs: 1_000,
  laneIdleMs: 30_000,
};

interface Slot {
  readonly executor: BatchExecutor;
  readonly running: Set<number>;
  filling: boolean;
  again: boolean;
}

/**
 * Takes batches from the work tables and has them executed, in this process, as many at a time
 * as the executors allow. Any number of processes may do so; none needs to know the others.
 */
export class WorkService {
  /** Name of this process in the work tables. */
  readonly worker = `${hostname()}:${process.pid}:${randomUUID()}`;
  readonly #database: Database;
  readonly #options: WorkOptions & typeof DEFAULTS;
  readonly #slots = new Map<RunKind, Slot>();
  readonly #executions = new Set<Promise<void>>();
  readonly #lanes = new Map<string, { inUse: number; usedAt: number }>();
  #turn: Promise<unknown> = Promise.resolve();
  #beating: Promise<void> | null = null;
  #running = false;
  #timers: NodeJS.Timeout[] = [];
  #silence: (() => void) | undefined;

  constructor(database: Database, options: WorkOptions = {}) {
    this.#database = database;
    this.#options = { ...DEFAULTS, ...options };
  }

  register(executor: BatchExecutor): void {
    invariant(!this.#slots.has(executor.kind), 'a kind of run has one executor');
    this.#slots.set(executor.kind, {
      executor,
      running: new Set(),
      filling: false,
      again: false,
    });
  }

  /** Begins to take batches. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#silence = this.#options.doorbell?.on(WORK_CHANNEL, () => this.#wake());
    this.#timers = [
      setInterval(() => this.#wake(), this.#options.pollMs),
      setInterval(() => this.#beat(), this.#options.heartbeatMs),
    ];
    this.#wake();
  }

  /** Takes no more batches, waits for those that run, and gives the lanes back. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#silence?.();
    const [poll, heartbeat] = this.#timers;
    clearInterval(poll);
    await this.#turn;
    while (this.#executions.size > 0) await Promise.race(this.#executions);
    clearInterval(heartbeat);
    await this.#beating;
    await this.#exclusive(async () => {
      this.#lanes.clear();
      await this.#keepLanes([]);
    }).catch((error: unknown) => this.#report(error, null));
  }

  /** Works until no batch of the registered kinds waits or runs; for tests and the demo. */
  async runUntilIdle(): Promise<void> {
    const started = this.#running;
    this.start();
    try {
      const kinds = [...this.#slots.keys()];
      for (;;) {
        const open = await this.#database.read(SYSTEM_SCOPE, (tx) => openBatches(tx, kinds));
        if (open === 0) break;
        this.#wake();
        await Promise.race([...this.#executions, delay(100)]);
      }
      while (this.#executions.size > 0) await Promise.race(this.#executions);
    } finally {
      if (!started) await this.stop();
    }
  }

  #wake(): void {
    for (const slot of this.#slots.values()) void this.#fill(slot);
  }

  /** Claims until the slots are full or nothing is ready; one call at a time per kind. */
  async #fill(slot: Slot): Promise<void> {
    slot.again = true;
    if (slot.filling) return;
    slot.filling = true;
    try {
      while (slot.again) {
        slot.again = false;
        while (this.#running && slot.running.size < slot.executor.slots) {
          if (!(await this.#exclusive(() => this.#claim(slot)))) break;
        }
      }
    } catch (error) {
      this.#report(error, null);
    } finally {
      slot.filling = false;
    }
  }

  /** Takes and begins one batch; false when none is ready. */
  async #claim(slot: Slot): Promise<boolean> {
    if (!this.#running) return false;
    const batch = await this.#database.write(SYSTEM_SCOPE, (tx) =>
      claimBatch(tx, {
        kind: slot.executor.kind,
        worker: this.worker,
        leaseMs: this.#options.leaseMs,
        inFlight: [...slot.running],
      }),
    );
    if (batch === null) return false;
    slot.running.add(batch.id);
    const lane = this.#lanes.get(batch.lane) ?? { inUse: 0, usedAt: 0 };
    if (batch.lane !== '') this.#lanes.set(batch.lane, lane);
    lane.inUse += 1;
    this.#begin(slot, batch);
    return true;
  }

  #begin(slot: Slot, batch: ClaimedBatch): void {
    const execution = this.#execute(slot, batch).finally(() => {
      slot.running.delete(batch.id);
      const lane = this.#lanes.get(batch.lane);
      if (lane !== undefined) {
        lane.inUse -= 1;
        lane.usedAt = Date.now();
      }
      this.#executions.delete(execution);
      void this.#fill(slot);
    });
    this.#executions.add(execution);
  }

  async #execute(slot: Slot, batch: ClaimedBatch): Promise<void> {
    try {
      await slot.executor.execute(batch);
    } catch (error) {
      this.#report(error, batch);
      if (!isFenced(error)) await this.#fail(batch, error);
    }
  }

  /** Counts the failure; when even that fails, the lease runs out and somebody tries again. */
  async #fail(batch: ClaimedBatch, cause: unknown): Promise<void> {
    const attempts = batch.attempts + 1;
    const failure = {
      reason: parkedReason(cause),
      park: attempts >= MAX_ATTEMPTS,
      delayMs: retryDelayMs(attempts, this.#options.retryMs),
    };
    try {
      await this.#database.write(SYSTEM_SCOPE, (tx) => failBatch(tx, batch, failure));
    } catch (error) {
      this.#report(error, batch);
    }
  }

  #beat(): void {
    this.#beating ??= this.#heartbeat().finally(() => {
      this.#beating = null;
    });
  }

  async #heartbeat(): Promise<void> {
    const batches = [...this.#slots.values()].flatMap((slot) => [...slot.running]);
    try {
      if (batches.length > 0) {
        await this.#database.write(SYSTEM_SCOPE, (tx) =>
          renewLeases(tx, this.worker, this.#options.leaseMs, batches),
        );
      }
      if (this.#lanes.size > 0) await this.#exclusive(() => this.#renewLanes());
    } catch (error) {
      this.#report(error, null);
    }
  }

  async #renewLanes(): Promise<void> {
    const idleSince = Date.now() - this.#options.laneIdleMs;
    for (const [name, lane] of this.#lanes) {
      if (lane.inUse === 0 && lane.usedAt < idleSince) this.#lanes.delete(name);
    }
    await this.#keepLanes([...this.#lanes.keys()]);
  }

  async #keepLanes(lanes: readonly string[]): Promise<void> {
    await this.#database.write(SYSTEM_SCOPE, (tx) =>
      keepLanes(tx, this.worker, this.#options.leaseMs, lanes),
    );
  }

  /** Claims and changes of lanes follow each other, so no claim loses its lane meanwhile. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #report(error: unknown, batch: ClaimedBatch | null): void {
    const fields = batch ? { batchId: batch.id, runId: batch.runId, kind: batch.kind } : {};
    this.#options.log?.failure(batch ? 'batch failed' : 'work table not reached', error, fields);
  }
}

/** What people may read about a failure: a code, never the text of a driver or a record. */
function parkedReason(error: unknown): string {
  if (error instanceof DomainError) return error.code;
  const state = sqlState(error);
  return state !== undefined && /^[0-9A-Z]{5}$/.test(state) ? `DATABASE_${state}` : 'UNEXPECTED';
}
