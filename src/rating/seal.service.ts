import { type Database, type Log, SYSTEM_SCOPE, sqlState } from '../platform/index.js';
import { alarmRepeated, sealDay, unsealedDays } from './seal.store.js';

const TICK_MS = 3_600_000;
const FIRST_TICK_MS = 120_000;
const DAY_MS = 86_400_000;
/** Most records of a day have arrived by then; whatever comes later goes into the indexes. */
const OPEN_DAYS = 2;
const LOCK_NOT_AVAILABLE = '55P03';

export interface SealOptions {
  readonly now: () => Date;
  readonly log: Log;
}

/**
 * Seals days of records once they are over: indexes them by subscription and by number, which
 * would slow down loading, and proves that no record was rated twice. A day that is being loaded
 * waits for the next time.
 */
export class SealService {
  readonly #database: Database;
  readonly #options: SealOptions;
  #timers: NodeJS.Timeout[] = [];
  #working: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(database: Database, options: SealOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Begins to look every hour for days that are over. */
  startSchedule(): void {
    const tick = () => {
      this.#working = this.#working
        .then(() => this.sealPast())
        .catch((error: unknown) => {
          this.#options.log.failure('records not sealed', error);
        });
    };
    this.#timers = [setInterval(tick, TICK_MS), setTimeout(tick, FIRST_TICK_MS)];
  }

  async stopSchedule(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#working;
  }

  /** Seals the days that ended two days ago or earlier, one after the other; answers which. */
  async sealPast(): Promise<string[]> {
    const before = new Date(this.#options.now().getTime() - OPEN_DAYS * DAY_MS);
    const days = await this.#database.read(SYSTEM_SCOPE, (tx) => unsealedDays(tx, before));
    const sealed: string[] = [];
    for (const day of days) {
      if (this.#stopped) break;
      if (await this.#seal(day)) sealed.push(day);
    }
    return sealed;
  }

  async #seal(day: string): Promise<boolean> {
    try {
      return await this.#database.write(SYSTEM_SCOPE, async (tx) => {
        const found = await sealDay(tx, day);
        if (found !== null && found.repeated > 0) await alarmRepeated(tx, day, found.repeated);
        return found !== null;
      });
    } catch (error) {
      if (sqlState(error) === LOCK_NOT_AVAILABLE) return false;
      throw error;
    }
  }
}
