import { parentPort, workerData } from 'node:worker_threads';
import type pg from 'pg';
import { invariant } from '../kernel/index.js';
import {
  type FileHeader,
  IdentityTable,
  identityTime,
  type RecordBatch,
  RecordParser,
  suspendedLine,
} from '../mediation/thread.js';
import { completeBatchSql, connectWorker, enterScope, SYSTEM_SCOPE } from '../platform/thread.js';
import { storeEntries } from './allowance.store.js';
import { AllowanceCollector, type EntrySegment } from './allowance-collector.js';
import { BatchFindings } from './batch-findings.js';
import type {
  ComparingJob,
  Done,
  FoldJob,
  FromWorker,
  ImportJob,
  RecycleJob,
  RerateJob,
  ToWorker,
} from './batch-job.js';
import { BatchWriter } from './batch-writer.store.js';
import { BelowCost } from './below-cost.js';
import { alarmBelowCost } from './below-cost.store.js';
import type { PriceBook } from './book.js';
import { ChunkPool } from './copy-rows.js';
import { XdrEncoder } from './encode-xdr.js';
import {
  countFile,
  lockSuspended,
  type SuspendedLine,
  storeFindings,
  storeRecycled,
} from './findings.store.js';
import { foldShards } from './fold-shard.store.js';
import { HourWatch } from './identity-cover.js';
import { LineRange } from './line-range.store.js';
import { BatchRater } from './rate-batch.js';
import type { RatedBatch } from './rated-batch.js';
import { rerateSlice } from './rerate-batch.store.js';
import { BillingRules } from './rerate-facts.store.js';
import { foldOnTrial } from './rerate-fold.store.js';
import { undoBatch } from './rerate-undo.store.js';
import { stagesOfThread } from './stages.store.js';
import { UsageSummary } from './summarise.js';
import type { ThreadStages } from './thread-stages.js';

/** Records of a batch begin in hours that cannot be compared; these are all of its hours. */
class MissingHours extends Error {
  constructor(readonly hours: readonly number[]) {
    super('records began in hours whose identities are not loaded');
  }
}

/**
 * One thread of the data plane: takes jobs one at a time, reads their records, rates them and
 * commits each batch in one transaction on a connection of its own.
 */
class ImportWorker {
  readonly #stages = stagesOfThread();
  readonly #knownLeaves = new Set<string>();
  readonly #chunks = new ChunkPool(this.#stages.memory);
  readonly #billing = new BillingRules();
  #book: PriceBook | null = null;
  // What a rater has worked out from its book serves all batches of the book.
  #rater: BatchRater | null = null;
  #identities: IdentityTable | null = null;
  #client: pg.Client | null = null;
  #side: pg.Client | null = null;

  constructor(readonly url: string) {}

  useBook(book: PriceBook): void {
    this.#book = book;
    this.#rater = new BatchRater(book, this.#stages);
  }

  useIdentities(buffer: SharedArrayBuffer): void {
    this.#identities = new IdentityTable(buffer);
  }

  /** Folds in a transaction of its own, which also completes the batch. */
  async fold(job: FoldJob): Promise<void> {
    await this.#connect();
    const client = this.#client!;
    try {
      await client.query('BEGIN');
      await enterScope(client, SYSTEM_SCOPE);
      const counts = await foldShards(client, job.ticket, job.shards);
      await completeBatchSql(client, job.ticket, { totals: counts }, job.bytes);
      await client.query('COMMIT');
    } catch (error) {
      // Ending the connection ends the transaction, whatever state it is in.
      void this.#disconnect();
      throw error;
    }
  }

  /** Does a batch of a change set in a transaction of its own, which also completes it. */
  async rerate(job: RerateJob): Promise<void> {
    await this.#connect();
    const [client, side] = [this.#client!, this.#side!];
    try {
      if (job.step === 'UNDO') await undoBatch(client, job);
      else if (job.step === 'FOLD') await foldOnTrial(client, job);
      else {
        const book = this.#book;
        invariant(book !== null && book.id === job.priceBookId, 'the job is for the book at hand');
        const rater = this.#rater!;
        const [records, rated, chunks, billing] = [
          this.#stages.records,
          this.#stages.rated,
          this.#chunks,
          this.#billing,
        ];
        await rerateSlice({ client, side, book, rater, records, rated, chunks, billing }, job);
      }
    } catch (error) {
      void this.#disconnect();
      throw error;
    }
  }

  async run(job: ComparingJob): Promise<Done> {
    const [book, identities] = [this.#book, this.#identities];
    invariant(book !== null && book.id === job.priceBookId, 'the job is for the book at hand');
    invariant(identities !== null, 'identities came before the job');
    await this.#connect();
    const writer = new BatchWriter(this.#client!, this.#side!, this.#knownLeaves, this.#chunks);
    const pipeline = new Pipeline(job, book, this.#rater!, this.#stages, identities, this.#chunks);
    try {
      if (job.kind === 'IMPORT') await this.#import(job, pipeline, writer);
      else await this.#recycle(job, pipeline, writer);
      const { counts, identityCount } = pipeline.findings;
      return { done: counts, identities: identityCount, hours: pipeline.hours };
    } catch (error) {
      await writer.abort().catch(() => undefined);
      // Partitions that were known may have been purged meanwhile. The connection may be what
      // failed, and a dead one that was idle fails before it has begun anything to roll back; the
      // next job connects anew.
      this.#knownLeaves.clear();
      void this.#disconnect();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#client?.end();
    await this.#side?.end();
  }

  async #import(job: ImportJob, pipeline: Pipeline, writer: BatchWriter): Promise<void> {
    const range = new LineRange(job.path, this.#stages.input);
    try {
      await range.read(
        job.from,
        job.to,
        pipeline.header,
        (bytes, at, to, final) => pipeline.take(bytes, range.base, at, to, final, false),
        () => writer.send(pipeline.leaves),
      );
    } finally {
      range.close();
    }
    pipeline.assertCompared();
    pipeline.findings.bytes = job.to - job.from;
    await pipeline.commit(writer, async (client) => {
      await storeFindings(client, job, pipeline.book, pipeline.findings, this.#chunks);
      await storeEntries(client, job.ticket, pipeline.entries, false, this.#chunks);
      await alarmBelowCost(client, job.ticket, pipeline.belowCost.all());
      await countFile(client, job, pipeline.findings);
    });
  }

  async #recycle(job: RecycleJob, pipeline: Pipeline, writer: BatchWriter): Promise<void> {
    let lines: SuspendedLine[] = [];
    await writer.prepare(async (client) => {
      lines = await lockSuspended(client, job.suspenseIds);
    });
    const endings = lines.map((line): SuspendedLine => {
      // Of a line that was too long the rest is missing: it must not be read as one that is whole.
      const raw = line.isCut ? Buffer.concat([line.raw, Buffer.from(' ')]) : line.raw;
      return { ...line, ending: pipeline.takeOne(suspendedLine(raw), line.ownsIdentity) };
    });
    pipeline.assertCompared();
    await writer.send(pipeline.leaves);
    // What another run was quicker with is done, too.
    pipeline.findings.bytes = job.suspenseIds.length;
    await pipeline.commit(writer, async (client) => {
      await storeRecycled(client, job, pipeline.book, pipeline.findings, endings, this.#chunks);
      await storeEntries(client, job.ticket, pipeline.entries, false, this.#chunks);
      await alarmBelowCost(client, job.ticket, pipeline.belowCost.all());
    });
  }

  async #connect(): Promise<void> {
    if (this.#client !== null) return;
    this.#client = await connectWorker(this.url, 'kontor data plane');
    this.#side = await connectWorker(this.url, 'kontor data plane leaves');
  }

  async #disconnect(): Promise<void> {
    const [client, side] = [this.#client, this.#side];
    this.#client = null;
    this.#side = null;
    await Promise.allSettled([client?.end(), side?.end()]);
  }
}

/** The stages of one batch, from bytes to rows that wait to be sent. */
class Pipeline {
  readonly records: RecordBatch;
  readonly rated: RatedBatch;
  readonly findings: BatchFindings;
  readonly #parser: RecordParser;
  readonly #encoder: XdrEncoder;
  readonly #summary: UsageSummary;
  readonly #allowances: AllowanceCollector;
  readonly belowCost: BelowCost;
  // Null where identities do not tell when records began: then all of them are loaded.
  readonly #watch: HourWatch | null;
  readonly #columnName: (column: number) => string | null;

  constructor(
    readonly job: ComparingJob,
    readonly book: PriceBook,
    readonly rater: BatchRater,
    readonly stages: ThreadStages,
    readonly identities: IdentityTable,
    readonly chunks: ChunkPool,
  ) {
    const { source } = job;
    this.#watch = identityTime(source.format) === null ? null : new HourWatch(job.missing);
    this.findings = new BatchFindings(book);
    const facts = { ...source, trunks: book.guide.trunkNames };
    this.records = stages.records;
    this.rated = stages.rated;
    this.#summary = new UsageSummary(stages);
    this.#parser = new RecordParser(source.format, facts, stages.lines);
    this.#encoder = new XdrEncoder(book, job.ticket.id, chunks, rater.stages);
    this.#allowances = new AllowanceCollector(book, job.ticket.id);
    this.belowCost = new BelowCost(book);
    this.#columnName = (column) => this.#parser.columnName(column);
    this.records.lines = 0;
  }

  get header(): FileHeader {
    return this.#parser.header(this.records);
  }

  get entries(): EntrySegment[] {
    return this.#allowances.finish();
  }

  /** Hours in which records began that were compared. */
  get hours(): number[] {
    return [...(this.#watch?.hours ?? [])];
  }

  /** Fails with {@link MissingHours} where records began that could not be compared. */
  assertCompared(): void {
    if (this.#watch?.hasMissing) throw new MissingHours(this.hours);
  }

  get leaves(): XdrEncoder['leaves'] {
    return this.#encoder.leaves;
  }

  /** Parses, rates and encodes the whole lines of a block; answers where the next one begins. */
  take(
    bytes: Buffer,
    base: number,
    from: number,
    to: number,
    final: boolean,
    ownsIdentity: boolean,
  ): number {
    let at = from;
    for (;;) {
      const next = this.#parser.parse(bytes, at, to, final, this.records);
      if (next === at) break;
      at = next;
      this.#stages(bytes, base, ownsIdentity);
    }
    this.findings.lines = this.records.lines;
    return at;
  }

  /** Takes one line and answers its outcome. */
  takeOne(line: Buffer, ownsIdentity: boolean): number {
    this.#parser.parse(line, 0, line.length, true, this.records);
    this.#stages(line, 0, ownsIdentity);
    this.findings.lines = this.records.lines;
    invariant(this.records.count === 1, 'a suspended line holds one record');
    return this.rated.outcome[0]!;
  }

  #stages(bytes: Buffer, base: number, ownsIdentity: boolean): void {
    const { records, rated, findings } = this;
    if (!ownsIdentity) this.#watch?.note(records);
    // The batch will be done again: what is left is read for its hours alone.
    if (this.#watch?.hasMissing) return;
    this.rater.rate(records, rated, ownsIdentity ? null : this.identities);
    if (this.rater.mayFold) {
      this.#allowances.add(records, rated, this.rater.tariffs, findings.counts.rated);
    }
    if (this.rater.guardsMargins) this.belowCost.add(rated, records.count);
    this.#encoder.encode(records, rated);
    this.#summary.add(records, rated);
    findings.note(bytes, base, records, rated, this.#columnName, !ownsIdentity);
    findings.noteCredit(records, rated);
  }

  async commit(writer: BatchWriter, store: (client: pg.Client) => Promise<void>): Promise<void> {
    const summaries = this.#summary.encode(this.book, this.job.ticket.id, this.chunks);
    await writer.commit(this.job.ticket, this.leaves, summaries, this.findings, store);
    this.#allowances.release();
  }
}

const NOTHING_COMPARED: Done = { done: null, identities: 0, hours: [] };

const port = parentPort;
invariant(port !== null, 'the data plane runs in worker threads');
const worker = new ImportWorker((workerData as { url: string }).url);
const send = (message: FromWorker) => port.postMessage(message);

port.on('message', async (message: ToWorker) => {
  if ('book' in message) worker.useBook(message.book);
  else if ('identities' in message) worker.useIdentities(message.identities);
  else if ('stop' in message) await worker.stop().finally(() => port.close());
  else {
    try {
      if (message.job.kind === 'FOLD') {
        await worker.fold(message.job);
        send(NOTHING_COMPARED);
      } else if (message.job.kind === 'RERATE') {
        await worker.rerate(message.job);
        send(NOTHING_COMPARED);
      } else send(await worker.run(message.job));
    } catch (error) {
      if (error instanceof MissingHours) {
        send({ hoursMissing: error.hours });
        return;
      }
      const { name, message: text, code } = error as Error & { code?: unknown };
      send({ failed: { name, message: text, code: typeof code === 'string' ? code : '' } });
    }
  }
});
send({ ready: true });
