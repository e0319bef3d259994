import { invariant } from '../kernel/index.js';
import {
  faultCodes,
  IdentityTable,
  MICRO_BATCH,
  RecordBatch,
  type RecordFault,
  type Service,
  serviceCodes,
} from '../mediation/index.js';
import { AllowanceCollector, type EntrySegment } from './allowance-collector.js';
import { NUMBER } from './allowance-entry.js';
import type { BookFacts, PriceBook } from './book.js';
import { compileBook } from './compile-book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { faultContract } from './fault-contract.js';
import { type FoldedBook, finalAmount, foldBook } from './fold-book.js';
import type { FoldStep } from './fold-month.js';
import { subscriptionIdAt } from './guide.js';
import { BatchRater } from './rate-batch.js';
import { OUTCOME, RatedBatch } from './rated-batch.js';
import type { ThreadStages } from './thread-stages.js';

/** A record as plain values; numbers are digits, '' for none; `value` has scale 8. */
export interface MemoryRecord {
  readonly identity: readonly [number, number, number, number];
  readonly startedMs: number;
  readonly service: Service;
  readonly quantity: number;
  readonly value: number;
  readonly aNumber: string;
  readonly bNumber: string;
  readonly inTrunk: number;
  readonly outTrunk: number;
}

/** What one contract makes of a record. Amounts have scale 8. */
export interface MemoryLevel {
  readonly contractId: number;
  readonly versionId: number;
  readonly rateId: number;
  readonly billed: number;
  /** Stored with the record: what it costs before the period has its say. */
  readonly base: number;
  /** What it costs in the end. */
  amount: number;
  /** What the period did with it; undefined where it has no say. */
  step: FoldStep | undefined;
}

export interface MemoryAnswer {
  readonly fault: RecordFault | undefined;
  /** The contract at whose level the fault lies; null where it lies at none. */
  readonly faultContractId: number | null;
  /** Without meaning where there is a fault. */
  readonly subscriptionId: number;
  readonly destinationId: number;
  /** From the hub's purchase down to the subscriber; those that price nothing are left out. */
  readonly levels: readonly MemoryLevel[];
}

/** What becomes of records in the end; a repeated record is answered once. */
export interface MemoryResult {
  readonly answers: ReadonlyMap<MemoryRecord, MemoryAnswer>;
  readonly folded: FoldedBook;
}

export interface MemoryOptions {
  /** The moment whose book a file is rated by, that of the facts unless given. */
  readonly knownAt?: (file: number) => number;
  /** Stages that run as WebAssembly, for what they can rate. */
  readonly stages?: ThreadStages | null;
}

/**
 * Rates files of records without a database, with the data plane's own code: compiled book,
 * batches, identities, entries and the fold over them. A file may hold any number of records.
 */
export function rateInMemory(
  facts: BookFacts,
  files: readonly (readonly MemoryRecord[])[],
  { knownAt = () => facts.pricing.knownAt, stages = null }: MemoryOptions = {},
): MemoryResult {
  const run = new MemoryRun(facts, files.flat().length, stages);
  const segments = files.flatMap((file, place) =>
    chunks(file, MICRO_BATCH).flatMap((batch) => run.rate(batch, knownAt(place))),
  );
  // As the database folds it; what is told of each step goes the exact way only.
  const folded = foldBook(facts, segments);
  const steps = new Map<string, FoldStep>();
  foldBook(facts, segments, (contractId, step) => steps.set(`${contractId} ${step.entry}`, step));
  for (const { contractId, months } of folded.contracts) {
    for (const month of months) {
      month.order.forEach((entry, place) => {
        const level = run.levelOf(folded.list.number(entry, NUMBER.XDR_ID), contractId);
        level.amount = finalAmount(folded.list, month, place);
        level.step = steps.get(`${contractId} ${entry}`);
        const isExplained = level.step === undefined || level.step.final === level.amount;
        invariant(isExplained, 'a month is explained as it is priced');
      });
    }
  }
  return { answers: run.answers, folded };
}

class MemoryRun {
  readonly answers = new Map<MemoryRecord, MemoryAnswer>();
  readonly #facts: BookFacts;
  readonly #raters = new Map<number, { book: PriceBook; rater: BatchRater }>();
  readonly #stages: ThreadStages | null;
  readonly #records: RecordBatch;
  readonly #rated: RatedBatch;
  readonly #identities: IdentityTable;
  readonly #levels = new Map<string, MemoryLevel>();
  #batchId = 0;

  constructor(facts: BookFacts, records: number, stages: ThreadStages | null) {
    this.#facts = facts;
    this.#stages = stages;
    this.#records = stages?.records ?? new RecordBatch();
    this.#rated = stages?.rated ?? new RatedBatch();
    this.#identities = IdentityTable.allocate(records + 1);
  }

  rate(batch: readonly MemoryRecord[], knownAt: number): EntrySegment[] {
    this.#batchId += 1;
    const { book, rater } = this.#raterAt(knownAt);
    const [records, rated] = [this.#records, this.#rated];
    fill(records, batch);
    rater.rate(records, rated, this.#identities);
    const collector = new AllowanceCollector(book, this.#batchId);
    collector.add(records, rated, rater.tariffs, 0);
    let ordinal = 0;
    batch.forEach((record, row) => {
      const outcome = rated.outcome[row];
      if (outcome === OUTCOME.DUPLICATE) return;
      const fault = faultCodes[records.fault[row]!];
      const levels = outcome === OUTCOME.RATED ? this.#levelsAt(book, row) : [];
      this.answers.set(record, {
        fault,
        faultContractId: fault === undefined ? null : faultContract(book, records, rated, row),
        subscriptionId: subscriptionIdAt(book.guide, rated.subscription[row]!),
        destinationId: rated.destinationId[row]!,
        levels,
      });
      if (outcome !== OUTCOME.RATED) return;
      const xdrId = this.#batchId * 2 ** 24 + ordinal;
      ordinal += 1;
      for (const level of levels) this.#levels.set(`${xdrId} ${level.contractId}`, level);
    });
    return collector.finish();
  }

  levelOf(xdrId: number, contractId: number): MemoryLevel {
    return this.#levels.get(`${xdrId} ${contractId}`)!;
  }

  #raterAt(knownAt: number): { book: PriceBook; rater: BatchRater } {
    let found = this.#raters.get(knownAt);
    if (found === undefined) {
      const pricing = { ...this.#facts.pricing, knownAt };
      const book = compileBook(1, { ...this.#facts, pricing });
      found = { book, rater: new BatchRater(book, this.#stages) };
      this.#raters.set(knownAt, found);
    }
    return found;
  }

  #levelsAt({ contracts }: PriceBook, row: number): MemoryLevel[] {
    const rated = this.#rated;
    const levels: MemoryLevel[] = [];
    for (let level = 0; level < rated.levels[row]!; level += 1) {
      const at = row * MAX_LEVELS + level;
      const version = rated.version[at]!;
      if (version < 0) continue;
      levels.push({
        contractId: contracts.id[contracts.versionContract[version]!]!,
        versionId: contracts.versionId[version]!,
        rateId: rated.rateId[at]!,
        billed: rated.billed[at]!,
        base: rated.amount[at]!,
        amount: rated.amount[at]!,
        step: undefined,
      });
    }
    return levels;
  }
}

function fill(batch: RecordBatch, records: readonly MemoryRecord[]): void {
  batch.count = records.length;
  records.forEach((record, row) => {
    batch.fault[row] = 0;
    batch.startedMs[row] = record.startedMs;
    batch.service[row] = serviceCodes[record.service];
    batch.quantity[row] = record.quantity;
    batch.value[row] = record.value;
    batch.aNumber[row] = Number(record.aNumber);
    batch.bNumber[row] = Number(record.bNumber);
    batch.inTrunk[row] = record.inTrunk;
    batch.outTrunk[row] = record.outTrunk;
    [batch.identity0[row], batch.identity1[row], batch.identity2[row], batch.identity3[row]] =
      record.identity;
  });
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  );
}
