import { closeSync, openSync, readSync } from 'node:fs';
import { formatPresets, IdentityTable, RecordParser } from '../../src/mediation/index.js';
import { BatchFindings } from '../../src/rating/batch-findings.js';
import type { PriceBook } from '../../src/rating/book.js';
import { ChunkPool } from '../../src/rating/copy-rows.js';
import { XdrEncoder } from '../../src/rating/encode-xdr.js';
import { guideRecord } from '../../src/rating/guide.js';
import { BatchRater } from '../../src/rating/rate-batch.js';
import { OUTCOME } from '../../src/rating/rated-batch.js';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import { UsageSummary } from '../../src/rating/summarise.js';
import type { ThreadStages } from '../../src/rating/thread-stages.js';
import type { Generated } from './generate.js';
import { bytesTouched, copied, randomLines } from './limits.js';
import { median, rounded } from './measure.js';

const BLOCK_BYTES = 512 * 1024;
const PASSES = 3;

/** Microseconds a record of one stage, and what the machine needs for its memory alone. */
export interface Stage {
  readonly us: number;
  readonly limitUs: number;
  /** What the limit is made of. */
  readonly limit: string;
}

/** What one thread takes for each stage of an import, without database. */
export interface StageFigures {
  readonly stages: Readonly<Record<string, Stage>>;
  /** Rating alone: prefix, terms, rate and amount of each level, for guided records. */
  readonly core_records_per_second: number;
  readonly levels_per_record: number;
}

type Name = 'parse' | 'guide' | 'deduplicate' | 'rate' | 'encode' | 'sum' | 'note';

/**
 * Runs the stages over a file in this thread. The figure of a stage is the median over its micro
 * batches, which other load moves less than a mean; the last pass counts.
 */
export function measureStages(book: PriceBook, file: Generated): StageFigures {
  const stages = stagesOfThread();
  let lap = new Lap();
  for (let pass = 0; pass < PASSES; pass += 1) {
    lap = new Lap();
    onePass(book, file, stages, lap);
  }
  const us = (name: Name) => rounded(median(lap.us[name]));
  const levels = lap.levels / lap.records;
  const table = IdentityTable.allocate(2 * file.lines).words.byteLength;
  const line = (bytes: number) => randomLines(bytes);
  const stage = (name: Name, limitUs: number, limit: string): Stage => ({
    us: us(name),
    limitUs: rounded(limitUs),
    limit,
  });
  const lineBytes = file.bytes / file.lines;
  const rows = 176 + 20 * levels;
  return {
    stages: {
      parse: stage('parse', bytesTouched(lineBytes), 'each byte of the line looked at once'),
      guide: stage('guide', line(book.guide.ranges.numbers.byteLength), 'one line of the ranges'),
      deduplicate: stage('deduplicate', line(table), 'one line of the identity table'),
      rate: stage(
        'rate',
        line(book.tree.children.byteLength) + levels * line(book.slots.words.byteLength),
        'one line of the prefixes and one of the rates a level',
      ),
      encode: stage('encode', copied(rows), 'the bytes of the row written once'),
      sum: stage('sum', line(512 * 1024), 'one line of the sums'),
      note: stage('note', copied(16), 'the identity written once'),
    },
    core_records_per_second: Math.round(1e6 / us('rate')),
    levels_per_record: rounded(levels),
  };
}

/** Times of the stages of one pass, micro batch by micro batch. */
class Lap {
  readonly us: Readonly<Record<Name, number[]>> = {
    parse: [],
    guide: [],
    deduplicate: [],
    rate: [],
    encode: [],
    sum: [],
    note: [],
  };
  records = 0;
  levels = 0;
  #last = 0n;

  start(): void {
    this.#last = process.hrtime.bigint();
  }

  end(name: Name, records: number): void {
    const now = process.hrtime.bigint();
    this.us[name].push(Number(now - this.#last) / 1000 / records);
    this.#last = process.hrtime.bigint();
  }
}

function onePass(book: PriceBook, file: Generated, stages: ThreadStages, lap: Lap): void {
  const facts = { timeZone: 'UTC', defaultInTrunkId: 0, defaultOutTrunkId: 0 };
  const { records, lines, input: bytes } = stages;
  const trunks = book.guide.trunkNames;
  const parser = new RecordParser(formatPresets.kontor!, { ...facts, trunks }, lines);
  records.lines = 0;
  const batch = new Batch(book, file, stages, lap);
  const fd = openSync(file.path, 'r');
  let carried = 0;
  for (let position = 0; position < file.bytes; ) {
    const got = readSync(fd, bytes, carried, BLOCK_BYTES, position);
    position += got;
    let at = 0;
    for (;;) {
      lap.start();
      const next = parser.parse(bytes, at, carried + got, position === file.bytes, records);
      if (next === at) break;
      at = next;
      lap.end('parse', records.count);
      batch.run(bytes);
    }
    bytes.copyWithin(0, at, carried + got);
    carried += got - at;
  }
  closeSync(fd);
}

/** The stages behind the parser. */
class Batch {
  readonly #findings: BatchFindings;
  readonly #summary: UsageSummary;
  readonly #pool: ChunkPool;
  readonly #encoder: XdrEncoder;
  readonly #rater: BatchRater;
  readonly #identities: IdentityTable;

  constructor(
    readonly book: PriceBook,
    file: Generated,
    readonly stages: ThreadStages,
    readonly lap: Lap,
  ) {
    this.#findings = new BatchFindings(book);
    this.#pool = new ChunkPool(stages.memory);
    this.#encoder = new XdrEncoder(book, 1, this.#pool, stages);
    this.#rater = new BatchRater(book, stages);
    this.#summary = new UsageSummary(stages);
    this.#identities = IdentityTable.allocate(2 * file.lines);
  }

  run(bytes: Buffer): void {
    const { lap } = this;
    const { records, rated } = this.stages;
    const { count } = records;
    this.#guide();
    lap.end('guide', count);
    this.#deduplicate();
    lap.end('deduplicate', count);
    // Guides once more, which is taken off again.
    this.#rater.rate(records, rated, null);
    const { rate, guide } = lap.us;
    lap.end('rate', count);
    rate[rate.length - 1]! -= guide.at(-1)!;
    for (let row = 0; row < count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      lap.records += 1;
      lap.levels += rated.levels[row]!;
    }
    lap.start();
    this.#encoder.encode(records, rated);
    lap.end('encode', count);
    this.#summary.add(records, rated);
    lap.end('sum', count);
    this.#findings.note(bytes, 0, records, rated, () => null, true);
    lap.end('note', count);
    for (const leaf of this.#encoder.leaves.values()) {
      for (const chunk of leaf.takeFull()) this.#pool.give(chunk);
    }
  }

  #guide(): void {
    const { book, stages } = this;
    const { records, rated } = stages;
    for (let row = 0; row < records.count; row += 1) {
      if (records.fault[row] === 0) {
        records.fault[row] = guideRecord(book.guide, records, row, rated);
      }
    }
  }

  #deduplicate(): void {
    const { records } = this.stages;
    const { identity0, identity1, identity2, identity3 } = records;
    this.#identities.prefetch(identity0, identity1, records.count);
    for (let row = 0; row < records.count; row += 1) {
      if (records.fault[row] !== 0) continue;
      this.#identities.claim(identity0[row]!, identity1[row]!, identity2[row]!, identity3[row]!);
    }
  }
}
