import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { DomainError, invariant } from '../kernel/index.js';
import { identityTime } from '../mediation/index.js';
import type { BatchExecutor, BatchTicket, ClaimedBatch, Database } from '../platform/index.js';
import { SYSTEM_SCOPE } from '../platform/index.js';
import type {
  BatchJob,
  ComparingJob,
  Done,
  FoldJob,
  FromWorker,
  HoursMissing,
  RerateJob,
  SourceFacts,
  ToWorker,
} from './batch-job.js';
import type { PriceBook } from './book.js';
import { type Compared, IdentityLanes, type LaneBounds } from './identity-lanes.service.js';
import { PriceBookService } from './price-book.service.js';
import { rerateJobOf } from './rerate-job.js';

export interface DataPlaneOptions {
  readonly database: Database;
  /** Worker threads, one batch each at a time. */
  readonly workers: number;
  /** Directory under which usage files are stored. */
  readonly filesDir: string;
  /** Bounds of the identity tables; those of production when absent. */
  readonly lanes?: LaneBounds;
}

interface FileFacts {
  readonly fileId: number;
  readonly storedAs: string;
  readonly purged: boolean;
  readonly source: SourceFacts;
}

/**
 * Executes import and recycle batches in worker threads. A thread parses, rates and commits; this
 * side hands out the price book, the identity table and the place of the file.
 */
export class DataPlane {
  readonly importExecutor: BatchExecutor;
  readonly recycleExecutor: BatchExecutor;
  readonly foldExecutor: BatchExecutor;
  readonly rerateExecutor: BatchExecutor;
  readonly books: PriceBookService;
  readonly #options: DataPlaneOptions;
  readonly #lanes: IdentityLanes;
  readonly #threads: Thread[] = [];
  readonly #free: Thread[] = [];
  readonly #waiting: ((thread: Thread) => void)[] = [];

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.books = new PriceBookService(options.database);
    this.#lanes = new IdentityLanes(options.database, options.lanes);
    this.importExecutor = {
      kind: 'IMPORT',
      slots: options.workers,
      execute: (batch) => this.#execute(batch),
    };
    this.recycleExecutor = {
      kind: 'RECYCLE',
      slots: 1,
      execute: (batch) => this.#execute(batch),
    };
    this.foldExecutor = {
      kind: 'FOLD',
      slots: options.workers,
      execute: (batch) => this.#fold(batch),
    };
    this.rerateExecutor = {
      kind: 'RERATE',
      slots: options.workers,
      execute: (batch) => this.#rerate(batch),
    };
  }

  /** Ends the threads; no batch may be running. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()));
  }

  async #execute(batch: ClaimedBatch): Promise<void> {
    const payload = batch.payload as ImportPayload | RecyclePayload;
    const file = await this.#fileFacts(payload.fileId);
    if (file.purged && !('ids' in payload)) {
      throw new DomainError('FILE_PURGED', 'The bytes of the file were purged; send them again.');
    }
    const book = await this.books.bookOfRun(batch.runId);
    const job = jobOf(batch, payload, file, book, this.#options.filesDir);
    const bytes = 'ids' in payload ? payload.ids.length * 64 : batch.units;
    const missing = await this.#compare(job, book, bytes, []);
    // Which hours a batch needs is known once it was read; they are loaded before it is done again.
    if (missing === null) return;
    const again = await this.#compare(job, book, bytes, missing);
    invariant(again === null, 'a batch finds the identities of the hours that it asked for');
  }

  /**
   * Does a job that compares its records, at least with those of some hours. Answers null, or the
   * hours that it needs when it found others that are not loaded and stored nothing.
   */
  async #compare(
    job: BatchJob,
    book: PriceBook,
    bytes: number,
    hours: readonly number[],
  ): Promise<readonly number[] | null> {
    const { identityDomain: domain, format } = job.source;
    const comparing = { bytes, hours, time: identityTime(format) };
    const { table, missing } = await this.#lanes.enter(domain, job.ticket.laneEpoch, comparing);
    let compared: Compared | null = null;
    try {
      const done = await this.#run({ ...job, missing }, book, table.buffer);
      if ('hoursMissing' in done) return done.hoursMissing;
      compared = done;
      return null;
    } finally {
      this.#lanes.leave(domain, comparing, compared);
    }
  }

  async #fold(batch: ClaimedBatch): Promise<void> {
    const { shards } = batch.payload as FoldPayload;
    const job = { kind: 'FOLD', ticket: ticketOf(batch), shards, bytes: batch.units } as const;
    await this.#run(job, null);
  }

  async #rerate(batch: ClaimedBatch): Promise<void> {
    const [run] = await this.#options.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT params FROM run WHERE id = $1', [batch.runId]),
    );
    const job = rerateJobOf(batch, run.params);
    const rates = job.step === 'PREVIEW' || job.step === 'APPLY';
    await this.#run(job, rates ? await this.books.bookOfRun(batch.runId) : null);
  }

  async #run(
    job: ComparingJob | FoldJob | RerateJob,
    book: PriceBook | null,
    identities: SharedArrayBuffer | null = null,
  ): Promise<Done | HoursMissing> {
    const thread = await this.#take();
    try {
      return await thread.run(job, book, identities);
    } finally {
      if (thread.alive) this.#give(thread);
      else this.#replace(thread);
    }
  }

  async #take(): Promise<Thread> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#threads.length < this.#options.workers) return this.#start();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #start(): Thread {
    const thread = new Thread(this.#options.database.urls.url);
    this.#threads.push(thread);
    return thread;
  }

  #give(thread: Thread): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(thread);
    else this.#free.push(thread);
  }

  #replace(dead: Thread): void {
    this.#threads.splice(this.#threads.indexOf(dead), 1);
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(this.#start());
  }

  async #fileFacts(fileId: number): Promise<FileFacts> {
    return this.#options.database.read(SYSTEM_SCOPE, async (tx) => {
      // The terms of reading were frozen in the run that first imported the file; what the
      // source says now counts only for files whose run carries none.
      const [found] = await tx.query(
        `SELECT f.stored_as, f.purged_at IS NOT NULL AS purged, d.definition,
           coalesce(r.params ->> 'identityDomain', s.identity_domain) AS identity_domain,
           coalesce(r.params ->> 'timeZone', s.time_zone) AS time_zone,
           CASE WHEN r.params ? 'formatId' THEN (r.params ->> 'defaultInTrunkId')::int
             ELSE s.default_in_trunk_id END AS default_in_trunk_id,
           CASE WHEN r.params ? 'formatId' THEN (r.params ->> 'defaultOutTrunkId')::int
             ELSE s.default_out_trunk_id END AS default_out_trunk_id,
           (SELECT extract(epoch FROM on_date) * 1000 FROM usage_horizon)::text AS earliest_ms
         FROM usage_file f JOIN usage_source s ON s.id = f.usage_source_id
         LEFT JOIN run r ON r.id = f.run_id
         JOIN usage_format d
           ON d.id = coalesce((r.params ->> 'formatId')::int, s.usage_format_id)
         WHERE f.id = $1`,
        [fileId],
      );
      invariant(found !== undefined, 'a batch names a file that has a source');
      return {
        fileId,
        storedAs: found.stored_as,
        purged: found.purged,
        source: {
          format: found.definition,
          timeZone: found.time_zone,
          defaultInTrunkId: found.default_in_trunk_id ?? 0,
          defaultOutTrunkId: found.default_out_trunk_id ?? 0,
          identityDomain: found.identity_domain,
          earliestMs: Number(found.earliest_ms),
        },
      };
    });
  }
}

/** How large the old objects of a thread may become before they are collected first. */
const HEAP_MIB = 192;

interface FoldPayload {
  readonly shards: readonly number[];
}

function ticketOf({ id, runId, partnerId, epoch, lane, laneEpoch }: ClaimedBatch): BatchTicket {
  return { id, runId, partnerId, epoch, lane, laneEpoch };
}

interface ImportPayload {
  readonly fileId: number;
  readonly from: number;
  readonly to: number;
}

interface RecyclePayload {
  readonly fileId: number;
  readonly ids: readonly (number | string)[];
}

function jobOf(
  batch: ClaimedBatch,
  payload: ImportPayload | RecyclePayload,
  file: FileFacts,
  book: PriceBook,
  filesDir: string,
): BatchJob {
  const shared = {
    ticket: ticketOf(batch),
    fileId: file.fileId,
    source: file.source,
    priceBookId: book.id,
  };
  return 'ids' in payload
    ? { kind: 'RECYCLE', ...shared, suspenseIds: payload.ids.map(String) }
    : {
        kind: 'IMPORT',
        ...shared,
        path: join(filesDir, file.storedAs),
        from: payload.from,
        to: payload.to,
      };
}

/** One worker thread and the job that it is at. */
class Thread {
  alive = true;
  readonly #worker: Worker;
  #bookId = 0;
  #identities: SharedArrayBuffer | null = null;
  #settle: {
    resolve: (value: Done | HoursMissing) => void;
    reject: (error: Error) => void;
  } | null = null;

  constructor(url: string) {
    // What lives in a thread's heap is mostly code. V8 would mark all of it several times a file,
    // on the cores that the threads run on, to find a few megabytes; so it begins to look later.
    setFlagsFromString(`--initial-old-space-size=${HEAP_MIB}`);
    this.#worker = new Worker(new URL('./import.worker.js', import.meta.url), {
      workerData: { url },
    });
    this.#worker.on('message', (message: FromWorker) => this.#answer(message));
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('a data plane thread ended')));
  }

  run(
    job: ComparingJob | FoldJob | RerateJob,
    book: PriceBook | null,
    identities: SharedArrayBuffer | null,
  ): Promise<Done | HoursMissing> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (book !== null && this.#bookId !== book.id) {
        this.#post({ book });
        this.#bookId = book.id;
      }
      // V8 counts shared memory anew each time that a thread is given it, and collects the sooner.
      if (identities !== null && this.#identities !== identities) {
        this.#post({ identities });
        this.#identities = identities;
      }
      this.#post({ job });
    });
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#post({ stop: true });
    await ended;
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #answer(message: FromWorker): void {
    if ('ready' in message) return;
    const settle = this.#settle;
    this.#settle = null;
    if ('failed' in message) settle?.reject(errorOf(message.failed));
    else settle?.resolve(message);
  }

  #fail(error: Error): void {
    this.alive = false;
    const settle = this.#settle;
    this.#settle = null;
    settle?.reject(error);
  }
}

/** Threads hand over what an error says, not its class; a refusal is one again here. */
function errorOf(failed: { name: string; message: string; code: string }): Error {
  const { name, code, message } = failed;
  if (name === 'DomainError') return new DomainError(code, message);
  return Object.assign(new Error(message), failed);
}
