import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Act, type AuditService, actorOfCommand } from '../audit/index.js';
import { assertAtHub } from '../identity/index.js';
import {
  type BatchExecutor,
  type ClaimedBatch,
  completeBatchSql,
  createRun,
  type Database,
  Fenced,
  type Log,
  once,
  Run,
  rowsOf,
  SYSTEM_SCOPE,
  sqlState,
  type Tx,
  type Viewer,
  WORK_CHANNEL,
} from '../platform/index.js';
import { added, type Figures } from './figures.js';
import {
  AFTER,
  busyDay,
  figuresOf,
  figuresOfRun,
  filesInImport,
  heldForLong,
  heldJustPurged,
  holdDay,
  isDeliveryPast,
  markFiles,
  moveHorizon,
  neededRecords,
  noteFigures,
  partnersOfDay,
  passedOver,
  purgeDay,
  purgeRows,
  purgeRuns,
  recordDays,
} from './purge.store.js';
import { type Past, type PurgeStep, purgeSteps, stepsOfDays } from './purge-plan.js';
import { allPeriods, partnerPaths } from './retention.store.js';

const ROWS_AT_ONCE = 10_000;
const FILES_AT_ONCE = 200;
const TICK_MS = 3_600_000;
const FIRST_TICK_MS = 300_000;
const LOCK_NOT_AVAILABLE = '55P03';
const LOCK_TRIES = 100;
/** Of a day of records; then it is passed over for an hour. Whoever begins to read waits, too. */
const DAY_TRIES = 2;
const LOCK_PAUSE_MS = 500;

/** What a part of a step has done, and whether the step is done with it. */
interface Part {
  readonly figures: Figures;
  readonly done: boolean;
  /** Bytes that may go once this has been committed. */
  readonly unused?: readonly string[];
}

/** Steps whose work is in the database, a transaction at a time. */
type DatabaseStep = Exclude<PurgeStep, { step: 'DAY' | 'DELIVERIES' | 'LEFTOVERS' | 'REPORT' }>;
type DayStep = Extract<PurgeStep, { step: 'DAY' }>;

/** Deliveries whose content was known and that lie aside, by their path. */
export interface Deliveries {
  readonly list: () => AsyncIterable<string>;
  /** When one was put aside; null when it is gone. */
  readonly since: (keptAs: string) => Promise<Date | null>;
  readonly remove: (keptAs: string) => Promise<void>;
}

/** Alarms of days that cannot be purged for long; alarms stand below this folder. */
export interface HeldAlarms {
  readonly raise: (
    tx: Tx,
    held: { readonly hubId: number; readonly day: string; readonly since: Date },
  ) => Promise<void>;
  readonly clear: (tx: Tx, day: string) => Promise<void>;
}

export interface PurgeOptions {
  readonly audit: AuditService;
  readonly now: () => Date;
  readonly log: Log;
  /** Removes stored bytes that no row knows any more. */
  readonly removeBytes: (storedAs: string) => Promise<void>;
  /** Removes all stored bytes that no row knows; answers of how many files. */
  readonly removeLeftovers: () => Promise<number>;
  readonly deliveries: Deliveries;
  readonly alarms: HeldAlarms;
}

/** Purges what is past its time: once a day by itself, or when asked to, as a run. */
export class PurgeService implements BatchExecutor {
  readonly kind = 'PURGE';
  readonly slots = 1;
  readonly #database: Database;
  readonly #options: PurgeOptions;
  #timers: NodeJS.Timeout[] = [];
  #working: Promise<unknown> = Promise.resolve();

  constructor(database: Database, options: PurgeOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Begins to look every hour whether the purge of the day has been started. */
  startSchedule(): void {
    const tick = () => {
      this.#working = this.startOfDay().catch((error: unknown) => {
        this.#options.log.failure('purge not started', error);
      });
    };
    this.#timers = [setInterval(tick, TICK_MS), setTimeout(tick, FIRST_TICK_MS)];
  }

  async stopSchedule(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#working;
  }

  /**
   * Starts the purge of today unless somebody has; then, once an hour, that of days which were
   * passed over since they were read. Answers whether it did either.
   */
  async startOfDay(): Promise<boolean> {
    const subject = `purge:${this.#options.now().toISOString().slice(0, 10)}`;
    const hubId = await this.#database.read(SYSTEM_SCOPE, async (tx) => {
      const known = rowsOf(
        await tx.query(`SELECT 1 FROM run WHERE kind = 'PURGE' AND subject = $1`, [subject]),
      );
      return known.length > 0 ? null : hubOf(tx);
    });
    if (hubId === null) return this.#startPassedOver();
    const act = actOf('startPurge', {}, 'Every day what is past its time is purged.');
    await this.#options.audit.write(SYSTEM_SCOPE, act, actorOfCommand(hubId), async (tx) =>
      this.#create(tx, hubId, await this.#steps(tx), { subject, requestedBy: null }),
    );
    return true;
  }

  async #startPassedOver(): Promise<boolean> {
    const found = await this.#database.read(SYSTEM_SCOPE, async (tx) => {
      const left = await passedOver(tx);
      if (left === null) return null;
      const steps = stepsOfDays(await this.#steps(tx), left.days);
      return { ...left, steps, hubId: await hubOf(tx) };
    });
    if (found === null || found.steps.length === 0 || found.hubId === null) return false;
    const { days, runId, steps, hubId } = found;
    const asked = { subject: `${AFTER}${runId}`, requestedBy: null };
    const act = actOf('startPurge', { days }, 'Days that somebody read were passed over.');
    await this.#options.audit.write(SYSTEM_SCOPE, act, actorOfCommand(hubId), (tx) =>
      this.#create(tx, hubId, steps, asked),
    );
    return true;
  }

  /** Starts a purge. Refuses with NOT_HUB whoever does not act at the hub. */
  async start(tx: Tx, viewer: Viewer, key: string | null): Promise<Run> {
    await assertAtHub(tx, viewer.partnerId);
    const made = await once(tx, viewer, key, 'startPurge', {}, async () => {
      const subject = `purge:${randomUUID()}`;
      const asked = { subject, requestedBy: viewer.userId };
      return { id: await this.#create(tx, viewer.partnerId, await this.#steps(tx), asked) };
    });
    return tx.findOneByOrFail(Run, { id: made.id });
  }

  async #steps(tx: Tx): Promise<PurgeStep[]> {
    return purgeSteps({
      partners: await partnerPaths(tx),
      periods: await allPeriods(tx),
      days: await recordDays(tx),
      nowMs: this.#options.now().getTime(),
    });
  }

  async #create(
    tx: Tx,
    hubId: number,
    steps: readonly PurgeStep[],
    asked: { readonly subject: string; readonly requestedBy: number | null },
  ): Promise<number> {
    const { runId } = await createRun(tx, {
      kind: 'PURGE',
      partnerId: hubId,
      ...asked,
      params: {},
      unitsTotal: steps.length,
      // One after the other, whichever processes there are.
      batches: steps.map((step) => ({ lane: 'purge', payload: step, units: 1 })),
    });
    await tx.query('SELECT pg_notify($1, $2)', [WORK_CHANNEL, 'PURGE']);
    return runId;
  }

  async execute(batch: ClaimedBatch): Promise<void> {
    const step = batch.payload as PurgeStep;
    if (step.step === 'REPORT') return this.#report(batch);
    if (step.step === 'DELIVERIES' || step.step === 'LEFTOVERS') return this.#onDisk(batch, step);
    if (step.step === 'DAY') return this.#day(batch, step);
    let figures = await this.#database.read(SYSTEM_SCOPE, (tx) => figuresOf(tx, batch.id));
    for (;;) {
      const before = figures;
      const part = await patiently(() =>
        this.#database.write(SYSTEM_SCOPE, async (tx) => {
          const made = await partOf(tx, step);
          const sum = added(before, made.figures);
          if (made.done) await completeBatchSql(tx, batch, { totals: sum }, 1);
          else if (!(await noteFigures(tx, batch, sum))) throw new Fenced(batch.id);
          return { ...made, figures: sum };
        }),
      );
      figures = part.figures;
      for (const storedAs of part.unused ?? []) await this.#options.removeBytes(storedAs);
      if (part.done) return;
    }
  }

  /** Purges a day of records, or passes over it for now when somebody reads records for long. */
  async #day(batch: ClaimedBatch, step: DayStep): Promise<void> {
    const { alarms } = this.#options;
    const { day } = step;
    const work = () =>
      this.#database.write(SYSTEM_SCOPE, async (tx) => {
        const totals = await purgeRecords(tx, step);
        await alarms.clear(tx, day);
        await completeBatchSql(tx, batch, { totals }, 1);
      });
    try {
      await patiently(work, DAY_TRIES);
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      await this.#database.write(SYSTEM_SCOPE, async (tx) => {
        const since = await heldForLong(tx, day);
        if (since !== null) await alarms.raise(tx, { hubId: batch.partnerId, day, since });
        await completeBatchSql(tx, batch, { totals: { daysHeld: 1 } }, 1);
      });
    }
  }

  /** What goes from the disk alone. An interrupted step begins anew and finds what is left. */
  async #onDisk(
    batch: ClaimedBatch,
    step: Extract<PurgeStep, { step: 'DELIVERIES' | 'LEFTOVERS' }>,
  ): Promise<void> {
    const totals: Figures =
      step.step === 'DELIVERIES'
        ? { deliveries: await this.#purgeDeliveries(step) }
        : { leftovers: await this.#options.removeLeftovers() };
    await this.#database.write(SYSTEM_SCOPE, (tx) => completeBatchSql(tx, batch, { totals }, 1));
  }

  async #purgeDeliveries(past: Past): Promise<number> {
    const { list, since, remove } = this.#options.deliveries;
    let gone = 0;
    for await (const keptAs of list()) {
      const putAside = await since(keptAs);
      if (putAside === null) continue;
      const isPast = await this.#database.read(SYSTEM_SCOPE, (tx) =>
        isDeliveryPast(tx, past, { keptAs, putAside }),
      );
      if (!isPast) continue;
      await remove(keptAs);
      gone += 1;
    }
    return gone;
  }

  /** The last step: what came of all others goes into the audit. */
  async #report(batch: ClaimedBatch): Promise<void> {
    const figures = await this.#database.read(SYSTEM_SCOPE, (tx) => figuresOfRun(tx, batch.runId));
    const act = actOf('purge', { figures }, null);
    await this.#options.audit.write(SYSTEM_SCOPE, act, actorOfCommand(batch.partnerId), (tx) =>
      completeBatchSql(tx, batch, {}, 1),
    );
  }
}

// Somebody reads for long, and holds a lock that the work needs.
async function patiently<T>(work: () => Promise<T>, most = LOCK_TRIES): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE || tries === most) throw error;
      await delay(LOCK_PAUSE_MS);
    }
  }
}

async function partOf(tx: Tx, step: DatabaseStep): Promise<Part> {
  switch (step.step) {
    case 'ROWS': {
      const gone = await purgeRows(tx, step.kind, step, ROWS_AT_ONCE);
      const figures = { [nameOf(step.kind)]: gone };
      const heldRows = step.kind === 'SUSPENSE' ? { heldRows: await heldJustPurged(tx) } : {};
      return { figures: { ...figures, ...heldRows }, done: gone < ROWS_AT_ONCE };
    }
    case 'FILES': {
      const { figures, unused } = await markFiles(tx, step, FILES_AT_ONCE);
      if (figures.files === FILES_AT_ONCE) return { figures, done: false, unused };
      const keptForImport = await filesInImport(tx, step);
      return { figures: { ...figures, keptForImport }, done: true, unused };
    }
    case 'HORIZON':
      return { figures: { identitySegments: await moveHorizon(tx, step.before) }, done: true };
    case 'RUNS': {
      const runs = await purgeRuns(tx, step.before, ROWS_AT_ONCE / 10);
      return { figures: { runs }, done: runs < ROWS_AT_ONCE / 10 };
    }
  }
}

/** Purges the records of a day as far as nothing needs them any more. */
async function purgeRecords(tx: Tx, { day, partnerIds }: DayStep): Promise<Figures> {
  // Whoever is about to add something ends first, or it would go without being looked at.
  await holdDay(tx, day);
  if ((await busyDay(tx, day)) !== null) return { daysBusy: 1 };
  const present = await partnersOfDay(tx, day);
  const needs = new Map(
    (await neededRecords(tx, day)).map(({ partnerId, reason }) => [partnerId, reason]),
  );
  const past = new Set(partnerIds);
  const due = present.filter((id) => past.has(id));
  const doomed = due.filter((id) => !needs.has(id));
  const kept = (reason: string) => due.filter((id) => needs.get(id) === reason).length;
  const figures = {
    keptUnbilled: kept('UNBILLED'),
    keptForDraft: kept('DRAFT'),
    keptOnHold: kept('HELD'),
  };
  const whole = doomed.length === present.length;
  if (!whole && doomed.length === 0) return figures;
  const records = await purgeDay(tx, day, whole ? null : doomed);
  return { ...figures, records, partitions: whole ? 1 : 0 };
}

function nameOf(kind: string): string {
  const [first = '', ...rest] = kind.toLowerCase().split('_');
  return `${first}${rest.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('')}Rows`;
}

function actOf(operation: string, given: object, reason: string | null): Act {
  return { operation, arguments: given, reason, requestId: randomUUID() };
}

async function hubOf(tx: Tx): Promise<number | null> {
  const rows = rowsOf<{ id: number }>(
    await tx.query('SELECT id FROM partner WHERE parent_id IS NULL'),
  );
  return rows[0]?.id ?? null;
}
