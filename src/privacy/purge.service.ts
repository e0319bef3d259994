import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Act, type AuditService, actorOfCommand, assertAtHub } from '../audit/index.js';
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
  busyDay,
  figuresOf,
  figuresOfRun,
  filesInImport,
  heldJustPurged,
  holdDay,
  isDeliveryPast,
  markFiles,
  moveHorizon,
  neededRecords,
  noteFigures,
  partnersOfDay,
  purgeDay,
  purgeRows,
  purgeRuns,
  recordDays,
} from './purge.store.js';
import { type Past, type PurgeStep, purgeSteps } from './purge-plan.js';
import { allPeriods, partnerPaths } from './retention.store.js';

const ROWS_AT_ONCE = 10_000;
const FILES_AT_ONCE = 200;
const TICK_MS = 3_600_000;
const FIRST_TICK_MS = 300_000;
const LOCK_NOT_AVAILABLE = '55P03';
const LOCK_TRIES = 100;
const LOCK_PAUSE_MS = 500;

/** What a part of a step has done, and whether the step is done with it. */
interface Part {
  readonly figures: Figures;
  readonly done: boolean;
  /** Bytes that may go once this has been committed. */
  readonly unused?: readonly string[];
}

/** Steps whose work is in the database, a transaction at a time. */
type DatabaseStep = Exclude<PurgeStep, { step: 'DELIVERIES' | 'LEFTOVERS' | 'REPORT' }>;

/** Deliveries whose content was known and that lie aside, by their path. */
export interface Deliveries {
  readonly list: () => AsyncIterable<string>;
  /** When one was put aside; null when it is gone. */
  readonly since: (keptAs: string) => Promise<Date | null>;
  readonly remove: (keptAs: string) => Promise<void>;
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

  /** Starts the purge of today unless somebody has; answers whether it did. */
  async startOfDay(): Promise<boolean> {
    const subject = `purge:${this.#options.now().toISOString().slice(0, 10)}`;
    const hubId = await this.#database.read(SYSTEM_SCOPE, async (tx) => {
      const known = rowsOf(
        await tx.query(`SELECT 1 FROM run WHERE kind = 'PURGE' AND subject = $1`, [subject]),
      );
      return known.length > 0 ? null : hubOf(tx);
    });
    if (hubId === null) return false;
    const act = actOf('startPurge', {}, 'Every day what is past its time is purged.');
    await this.#options.audit.write(SYSTEM_SCOPE, act, actorOfCommand(hubId), (tx) =>
      this.#create(tx, hubId, subject, null),
    );
    return true;
  }

  /** Starts a purge. Refuses with FORBIDDEN whoever does not act at the hub. */
  async start(tx: Tx, viewer: Viewer, key: string | null): Promise<Run> {
    await assertAtHub(tx, viewer.partnerId);
    const made = await once(tx, viewer, key, 'startPurge', {}, async () => {
      const subject = `purge:${randomUUID()}`;
      return { id: await this.#create(tx, viewer.partnerId, subject, viewer.userId) };
    });
    return tx.findOneByOrFail(Run, { id: made.id });
  }

  async #create(
    tx: Tx,
    hubId: number,
    subject: string,
    requestedBy: number | null,
  ): Promise<number> {
    const steps = purgeSteps({
      partners: await partnerPaths(tx),
      periods: await allPeriods(tx),
      days: await recordDays(tx),
      nowMs: this.#options.now().getTime(),
    });
    const { runId } = await createRun(tx, {
      kind: 'PURGE',
      partnerId: hubId,
      subject,
      params: {},
      requestedBy,
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

// Somebody reads a partition for long. Later steps build upon this one, so it is not left behind.
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE || tries === LOCK_TRIES) throw error;
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
    case 'DAY':
      return { figures: await purgeRecords(tx, step), done: true };
    case 'HORIZON':
      return { figures: { identitySegments: await moveHorizon(tx, step.before) }, done: true };
    case 'RUNS': {
      const runs = await purgeRuns(tx, step.before, ROWS_AT_ONCE / 10);
      return { figures: { runs }, done: runs < ROWS_AT_ONCE / 10 };
    }
  }
}

/** Purges the records of a day as far as nothing needs them any more. */
async function purgeRecords(
  tx: Tx,
  { day, partnerIds }: { readonly day: string; readonly partnerIds: readonly number[] },
): Promise<Figures> {
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
