import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, invariant } from '../kernel/index.js';
import { type Database, sqlState, type Tx } from './database.service.js';
import type { Doorbell } from './doorbell.service.js';
import type { Log } from './log.service.js';
import {
  claimOutbox,
  finishOutbox,
  OUTBOX_CHANNEL,
  type OutboxRow,
  openOutbox,
  postponeOutbox,
} from './outbox.store.js';
import { retryDelayMs } from './run-rules.js';
import { SYSTEM_SCOPE } from './scope.store.js';

/** Does what a row of the outbox asks for, inside the transaction that marks the row as done. */
export type OutboxTask = (tx: Tx, row: OutboxRow) => Promise<void>;

export interface OutboxOptions {
  readonly doorbell?: Doorbell;
  readonly pollMs?: number;
  /** Wait after the first failure; it doubles with every further one, up to five minutes. */
  readonly retryMs?: number;
  readonly log?: Log;
}

const DEFAULTS = { pollMs: 1_000, retryMs: 1_000 };

/**
 * Delivers the rows of the outbox to the folder they are meant for. A row is done exactly once
 * as far as the database goes: effect and mark commit together. Any number of processes may
 * deliver at the same time; rows of one topic may be done in any order.
 */
export class OutboxWorker {
  readonly #database: Database;
  readonly #options: OutboxOptions & typeof DEFAULTS;
  readonly #tasks = new Map<string, OutboxTask>();
  #timer: NodeJS.Timeout | undefined;
  #silence: (() => void) | undefined;
  #running = false;
  #again = false;
  #pumping: Promise<void> | null = null;

  constructor(database: Database, options: OutboxOptions = {}) {
    this.#database = database;
    this.#options = { ...DEFAULTS, ...options };
  }

  register(topic: string, task: OutboxTask): void {
    invariant(!this.#tasks.has(topic), 'a topic of the outbox has one task');
    this.#tasks.set(topic, task);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#silence = this.#options.doorbell?.on(OUTBOX_CHANNEL, () => this.#wake());
    this.#timer = setInterval(() => this.#wake(), this.#options.pollMs);
    this.#wake();
  }

  /** Finishes the row in hand and takes no more. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#silence?.();
    clearInterval(this.#timer);
    await this.#pumping;
  }

  /** Works until no row of the registered topics is left; for tests and the demo. */
  async runUntilIdle(): Promise<void> {
    const started = this.#running;
    this.start();
    try {
      const topics = [...this.#tasks.keys()];
      for (;;) {
        const open = await this.#database.read(SYSTEM_SCOPE, (tx) => openOutbox(tx, topics));
        if (open === 0) return;
        this.#wake();
        await Promise.race([this.#pumping, delay(100)]);
      }
    } finally {
      if (!started) await this.stop();
    }
  }

  #wake(): void {
    this.#again = true;
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  async #pump(): Promise<void> {
    while (this.#again && this.#running) {
      this.#again = false;
      try {
        while (this.#running && (await this.#deliverOne()));
      } catch (error) {
        this.#options.log?.failure('outbox not reached', error);
      }
    }
  }

  /** Whether there was a row to deliver. */
  async #deliverOne(): Promise<boolean> {
    const taken: { row: OutboxRow | null } = { row: null };
    try {
      await this.#database.write(SYSTEM_SCOPE, async (tx) => {
        taken.row = await claimOutbox(tx, [...this.#tasks.keys()]);
        if (taken.row === null) return;
        await this.#tasks.get(taken.row.topic)?.(tx, taken.row);
        await finishOutbox(tx, taken.row.id);
      });
    } catch (error) {
      const { row } = taken;
      if (row === null) throw error;
      this.#options.log?.failure('outbox task failed', error, { kind: row.topic });
      await this.#database.write(SYSTEM_SCOPE, (tx) =>
        postponeOutbox(tx, row.id, {
          reason: error instanceof DomainError ? error.code : (sqlState(error) ?? 'UNEXPECTED'),
          delayMs: retryDelayMs(row.attempts + 1, this.#options.retryMs),
        }),
      );
    }
    return taken.row !== null;
  }
}
