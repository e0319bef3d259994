import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { invariant, isoFromEpochDay } from '../kernel/index.js';
import { MICRO_BATCH, type RecordBatch } from '../mediation/thread.js';
import {
  APP_ROLE,
  completeBatchSql,
  enterScope,
  hashJoined,
  LOADER_ROLE,
  SYSTEM_SCOPE,
} from '../platform/thread.js';
import { storeEntries } from './allowance.store.js';
import type { RerateSliceJob } from './batch-job.js';
import type { PriceBook } from './book.js';
import { CopyIn } from './copy-in.store.js';
import { copyOut } from './copy-out.store.js';
import type { ChunkPool } from './copy-rows.js';
import type { CreditEntry } from './credit-sums.js';
import { tellCredit } from './credit-usage.store.js';
import { subscriptionIdAt } from './guide.js';
import type { BatchRater } from './rate-batch.js';
import type { RatedBatch } from './rated-batch.js';
import { XDR_READ_COLUMNS, XdrDecoder } from './rerate-decode.js';
import { CORRECTION_COLUMNS } from './rerate-encode.js';
import { type BillingRules, FoldedBefore, VersionList } from './rerate-facts.store.js';
import {
  storeDifferences,
  storeSliceFindings,
  storeSums,
  storeTrialEntries,
} from './rerate-result.store.js';
import type { RerateScope } from './rerate-selection.js';
import { batchOfRecord, firstRecordOf, ShownBatch } from './rerate-shown.js';
import { monthOf, RerateSlice } from './rerate-slice.js';
import { endStep } from './rerate-step.store.js';

const DAY_MS = 86_400_000;
/** Bytes of corrections that may wait before reading stops for them. */
const WAITING_LIMIT = 2 * 1024 * 1024;

/** What a thread rates slices with, one after the other. */
export interface RerateThread {
  /** Holds the transaction of the batch. */
  readonly client: pg.Client;
  /** Reads while the other writes. */
  readonly side: pg.Client;
  readonly book: PriceBook;
  readonly rater: BatchRater;
  readonly records: RecordBatch;
  readonly rated: RatedBatch;
  readonly chunks: ChunkPool;
  readonly billing: BillingRules;
}

/**
 * Rates the selected records of a slice anew, in one transaction that also completes the batch. A
 * preview stores differences only; applying also appends the corrections, adds the differences to
 * the sums, hands new entries to the fold and changes to credit control.
 */
export async function rerateSlice(thread: RerateThread, job: RerateSliceJob): Promise<void> {
  await new SliceBatch(thread, job).run();
}

class SliceBatch {
  readonly #thread: RerateThread;
  readonly #job: RerateSliceJob;
  readonly #shown = new ShownBatch();
  readonly #applies: boolean;
  #versions!: VersionList;
  #slice!: RerateSlice;
  #begun = false;
  #copy: CopyIn | null = null;
  #sending: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(thread: RerateThread, job: RerateSliceJob) {
    this.#thread = thread;
    this.#job = job;
    this.#applies = job.step === 'APPLY';
  }

  async run(): Promise<void> {
    const { side } = this.#thread;
    const { fromMs, toMs } = this.#job;
    await this.#ensureLeaves(Math.floor(fromMs / DAY_MS));
    await side.query('BEGIN READ ONLY');
    await enterScope(side, SYSTEM_SCOPE);
    await this.#prepare(Math.floor(fromMs / DAY_MS), Math.floor(toMs / DAY_MS));
    await this.#read(await this.#hasCorrections());
    await side.query('COMMIT');
    await this.#sending;
    if (this.#failure !== null) throw this.#failure;
    await this.#commit();
  }

  // A contract's zone may count a record to the day before or after, in another month; a fold on
  // trial needs that month, too.
  async #ensureLeaves(day: number): Promise<void> {
    const { side } = this.#thread;
    if (this.#applies) {
      await side.query('SELECT ensure_correction_partitions(ARRAY[$1::date])', [this.#day]);
    }
    for (const near of [day - 1, day + 1]) {
      if (monthOf(near) === monthOf(day)) continue;
      await side.query('SELECT ensure_usage_partitions(ARRAY[$1::date])', [isoFromEpochDay(near)]);
    }
  }

  get #day(): string {
    return isoFromEpochDay(Math.floor(this.#job.fromMs / DAY_MS));
  }

  async #prepare(firstDay: number, lastDay: number): Promise<void> {
    const { side, book, rater, billing, chunks } = this.#thread;
    this.#versions = await VersionList.load(side);
    if (this.#applies) await billing.load(side);
    const before = await FoldedBefore.load(side, monthOf(firstDay - 1), monthOf(lastDay + 1));
    const tools = {
      book,
      rater,
      versions: this.#versions,
      billed: this.#applies ? billing.billed : null,
      before,
      pool: this.#applies ? chunks : null,
    };
    this.#slice = new RerateSlice(tools, this.#job.scope, this.#job.ticket.id);
  }

  async #hasCorrections(): Promise<boolean> {
    const { rows } = await this.#thread.side.query(
      `SELECT 1 FROM seen_correction WHERE started_at >= $1 AND started_at < $2 LIMIT 1`,
      [new Date(this.#job.fromMs), new Date(this.#job.toMs)],
    );
    return rows.length > 0;
  }

  async #read(corrected: boolean): Promise<void> {
    const { side, records, rated } = this.#thread;
    const decoder = new XdrDecoder(records, this.#shown);
    const isWanted = wantedBatches(this.#job.scope);
    const { id } = this.#shown;
    records.count = 0;
    const take = (bytes: Buffer, from: number, to: number) => {
      if (!decoder.read(bytes, from, to)) return;
      if (!isWanted(batchOfRecord(id[records.count - 1]!))) records.count -= 1;
      if (records.count < MICRO_BATCH) return;
      this.#slice.take(records, rated, this.#shown);
      this.#send();
    };
    await hashJoined(side, () => copyOut(side, readSql(this.#job, corrected), take));
    if (records.count > 0) this.#slice.take(records, rated, this.#shown);
  }

  // Reading stops while corrections go out, so that memory stays flat.
  #send(): void {
    const waiting = this.#slice.corrections?.rows.waitingBytes ?? 0;
    if (waiting < WAITING_LIMIT || this.#sending !== null || this.#failure !== null) return;
    const { stream } = (
      this.#thread.side as unknown as {
        connection: { stream: EventEmitter & { pause(): void; resume(): void } };
      }
    ).connection;
    stream.pause();
    this.#sending = this.#sendFull()
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#sending = null;
        stream.resume();
      });
  }

  async #sendFull(): Promise<void> {
    const copy = await this.#startCopy();
    await copy.send(this.#slice.corrections!.rows.takeFull());
  }

  async #startCopy(): Promise<CopyIn> {
    if (this.#copy !== null) return this.#copy;
    const { client, chunks } = this.#thread;
    await this.#begin();
    await client.query(`SET LOCAL ROLE ${LOADER_ROLE}`);
    const leaf = `xdr_correction_${this.#day.replaceAll('-', '')}`;
    const statement = `COPY ${leaf} (${CORRECTION_COLUMNS.join(', ')}) FROM STDIN (FORMAT binary)`;
    this.#copy = await CopyIn.begin(client, statement, chunks.give);
    return this.#copy;
  }

  async #begin(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    await this.#thread.client.query('BEGIN');
    await enterScope(this.#thread.client, SYSTEM_SCOPE);
  }

  async #endCopy(): Promise<void> {
    const rows = this.#slice.corrections?.rows;
    if (rows === undefined || rows.rows === 0) return;
    const copy = await this.#startCopy();
    await copy.send(rows.finish());
    await copy.end();
    await this.#thread.client.query(`SET LOCAL ROLE ${APP_ROLE}`);
  }

  async #commit(): Promise<void> {
    const { client, billing, chunks } = this.#thread;
    const { ticket, bytes, priceBookId } = this.#job;
    const { sums, findings, entries, credit, counts, counted } = this.#slice;
    if (billing.isMissing) {
      billing.forget();
      throw new Error('a rate was recorded out of order; reading all of them again');
    }
    await this.#begin();
    await this.#endCopy();
    const sources = sums.sources.map((source) => ({ source, deltas: sums.deltasOf(source) }));
    await storeDifferences(client, ticket, this.#versions, sources);
    await storeSliceFindings(client, ticket, findings);
    let told: { credit?: readonly CreditEntry[] } = {};
    if (this.#applies) {
      await storeSums(client, ticket, this.#versions, sums.deltas());
      await storeEntries(client, ticket, entries, true, chunks);
      const idAt = (place: number) => subscriptionIdAt(this.#thread.book.guide, place);
      told = { credit: await tellCredit(client, ticket, (ids) => credit.entries(ids, idAt)) };
    } else await storeTrialEntries(client, ticket, entries, counted);
    await completeBatchSql(client, ticket, { totals: counts, priceBookId, ...told }, bytes);
    await endStep(client, this.#job);
    await client.query('COMMIT');
  }
}

// Comparisons of whole columns are all that a security barrier lets through to the scan.
function readSql({ scope, fromMs, toMs }: RerateSliceJob, corrected: boolean): string {
  const { partnerIds, subscriptionId, service, destinationIds, batchIds } = scope;
  const instant = (ms: number) => `'${new Date(ms).toISOString()}'::timestamptz`;
  const span = `started_at >= ${instant(fromMs)} AND started_at < ${instant(toMs)}`;
  const conditions = [`x.${span.replace('AND ', 'AND x.')}`];
  const among = (column: string, values: readonly number[]) =>
    conditions.push(`x.${column} = ANY ('{${values.map(whole).join(',')}}'::int[])`);
  if (partnerIds !== null) among('partner_id', partnerIds);
  if (destinationIds !== null) among('destination_id', destinationIds);
  if (subscriptionId !== null) conditions.push(`x.subscription_id = ${whole(subscriptionId)}`);
  if (service !== null) conditions.push(`x.service = ${whole(service)}::smallint`);
  const last = batchIds === null ? scope.lastBatchId : Math.max(0, ...batchIds);
  const first = batchIds === null ? 0 : Math.min(last, ...batchIds);
  conditions.push(`x.id >= ${firstRecordOf(first)}::bigint`);
  conditions.push(`x.id < ${firstRecordOf(last + 1)}::bigint`);
  const levels = corrected
    ? `coalesce(c.legs, x.stored_legs), coalesce(c.amounts, x.stored_amounts), c.batches`
    : `x.stored_legs, x.stored_amounts, NULL::int[]`;
  const newest = `LEFT JOIN (SELECT DISTINCT ON (id) id, legs, amounts, batches
      FROM seen_correction WHERE ${span} ORDER BY id, batch_id DESC) c ON c.id = x.id`;
  return `COPY (SELECT ${XDR_READ_COLUMNS}, ${levels} FROM seen_xdr x ${corrected ? newest : ''}
    WHERE ${conditions.join(' AND ')}) TO STDOUT (FORMAT binary)`;
}

// A COPY takes no parameters, so nothing but numbers may get into its text.
function whole(value: number): number {
  invariant(Number.isSafeInteger(value), 'ids are whole numbers');
  return value;
}

function wantedBatches(scope: RerateScope): (batchId: number) => boolean {
  const open = new Set(scope.openBatchIds);
  const wanted = scope.batchIds === null ? null : new Set(scope.batchIds);
  return (batchId) =>
    batchId <= scope.lastBatchId && !open.has(batchId) && (wanted === null || wanted.has(batchId));
}
