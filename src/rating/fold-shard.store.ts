import type pg from 'pg';
import { type BatchTicket, rowsOf } from '../platform/thread.js';
import { EntryList, FLAG, WORD } from './allowance-entry.js';
import { AdjustmentSums } from './allowance-result.js';
import { ResultWriter, takeResults } from './allowance-result.store.js';
import { foldedAnew } from './fold-anew.store.js';
import { CreditChanges, storeCredit } from './fold-credit.store.js';
import { type FoldContract, FoldFactsReader } from './fold-facts.store.js';
import { alarmUnfolded, clearUnfolded, foldApart } from './fold-fault.store.js';
import type { FoldedRecords } from './fold-month.js';
import { forgetDue, type MonthPlan, planMonth, readWindow } from './fold-plan.store.js';
import { type ChunkSizes, endOfInstant, MonthInParts } from './month-in-parts.js';
import { orderByContract } from './order-entries.js';

/** What folding some shards came to. */
export interface FoldCounts {
  contracts: number;
  records: number;
  /** Records whose charge differs from what was stored with them. */
  adjusted: number;
  /** Shards that stay due, as a month of theirs has a charge that cannot be stored. */
  left: number;
}

/** Smaller in tests, so that few records make many parts. */
export interface FoldSizes extends ChunkSizes {
  /** Bytes of entries that are held at a time, more or less. */
  readonly windowBytes: number;
}

const SIZES: FoldSizes = { windowBytes: 32 * 1024 * 1024, chunkRecords: 8192, recordsASum: 4 };

/**
 * Folds every month with new entries in some shards, inside the caller's transaction, which sees
 * all partners. Two folds of a shard wait for each other; the second finds nothing left to do.
 */
export async function foldShards(
  client: pg.Client,
  ticket: BatchTicket,
  shards: readonly number[],
  sizes: FoldSizes = SIZES,
): Promise<FoldCounts> {
  const facts = await FoldFactsReader.open(client);
  const counts: FoldCounts = { contracts: 0, records: 0, adjusted: 0, left: 0 };
  const credit = new CreditChanges();
  const folded: number[] = [];
  // In this order by whoever locks several.
  for (const shard of shards.toSorted((one, other) => one - other)) {
    const fold = new ShardFold(client, ticket, facts, sizes);
    const fault = await foldApart(client, () => fold.run(shard));
    fold.release();
    if (fault === null) {
      folded.push(shard);
      credit.take(fold.credit);
      counts.contracts += fold.counts.contracts;
      counts.records += fold.counts.records;
      counts.adjusted += fold.counts.adjusted;
    } else {
      counts.left += 1;
      await alarmUnfolded(client, ticket, fault);
    }
  }
  await clearUnfolded(client, folded);
  await storeCredit(client, ticket, credit);
  return counts;
}

// The list of the job before: memory is asked for once a thread and not once a shard.
let spareList: EntryList | null = null;

function takeList(): EntryList {
  const list = spareList ?? new EntryList();
  spareList = null;
  return list;
}

/** Records that are folded before what came of them is sent. */
const SLICE_RECORDS = 24_576;
/** A list that has grown larger is not kept for the next job. */
const KEPT_LIST_BYTES = 64 * 1024 * 1024;
/** Contracts whose terms and past are read together. */
const GROUP_CONTRACTS = 500;

/** A contract whose month is being folded. */
interface OpenMonth {
  readonly contract: FoldContract;
  readonly parts: MonthInParts;
  /** What the month changes in the sums, less what the fold before had changed. */
  readonly sums: AdjustmentSums;
  /** Lineages of the buckets that had pots when the month was folded before. */
  readonly bucketsBefore: readonly number[];
}

class ShardFold {
  readonly counts = { contracts: 0, records: 0, adjusted: 0 };
  readonly credit = new CreditChanges();
  readonly #client: pg.Client;
  readonly #ticket: BatchTicket;
  readonly #facts: FoldFactsReader;
  readonly #sizes: FoldSizes;
  readonly #list = takeList();

  constructor(client: pg.Client, ticket: BatchTicket, facts: FoldFactsReader, sizes: FoldSizes) {
    this.#client = client;
    this.#ticket = ticket;
    this.#facts = facts;
    this.#sizes = sizes;
  }

  async run(shard: number): Promise<void> {
    await this.#client.query(`SELECT pg_advisory_xact_lock(hashtext('fold'), $1)`, [shard]);
    // What a month leaves over may change the months after it.
    let carried: ReadonlySet<number> = new Set();
    for (const month of await this.#months(shard)) {
      const plan = await planMonth(this.#client, shard, month, {
        carried,
        beginOtherwise: (ids) => foldedAnew(this.#client, this.#facts, ids, month),
        windowBytes: this.#sizes.windowBytes,
      });
      const carrying = await this.#foldMonth(plan, carried);
      await forgetDue(this.#client, plan);
      carried = new Set([...carried, ...carrying]);
    }
  }

  /** Gives memory back that the next job of this thread can use. */
  release(): void {
    if (this.#list.capacityBytes <= KEPT_LIST_BYTES) spareList = this.#list;
  }

  async #months(shard: number): Promise<string[]> {
    const found = rowsOf<{ month: string }>(
      await this.#client.query(
        `WITH first AS (SELECT min(month) AS month FROM allowance_due WHERE shard = $1)
         SELECT DISTINCT month::text AS month FROM allowance_due WHERE shard = $1
         UNION SELECT DISTINCT e.month::text FROM allowance_entry e, first
         WHERE $2 AND e.shard = $1 AND e.month > first.month ORDER BY 1`,
        [shard, this.#facts.carries],
      ),
    );
    return found.map(({ month }) => month);
  }

  // Folds the contracts of a month; answers those whose buckets carry over to the next.
  async #foldMonth(plan: MonthPlan, carried: ReadonlySet<number>): Promise<number[]> {
    const list = this.#list;
    const writer = new ResultWriter(this.#client, this.#ticket, plan.month);
    const open = new Map<number, OpenMonth>();
    const replaces = plan.segments.some((segment) => segment.replaces);
    const carrying: number[] = [];
    const ended = new Set<number>();
    const end = async (id: number, { contract, parts, sums, bucketsBefore }: OpenMonth) => {
      await writer.end(contract, parts.finish(), sums);
      const buckets = [...bucketsBefore, ...parts.pots.map((pot) => pot.bucketLineageId)];
      if (buckets.some((lineage) => this.#facts.isCarried(lineage))) carrying.push(id);
      this.counts.contracts += 1;
      open.delete(id);
      ended.add(id);
    };
    for (const window of plan.windows) {
      await readWindow(this.#client, plan, window, this.#sizes.windowBytes, list);
      const orders = orderByContract(list, () => true, replaces);
      await this.#open(plan, [...orders.keys()], open);
      for (const [id, order] of orders) {
        const month = open.get(id)!;
        if (plan.isWhole) {
          this.#addUp(order, month.parts.takeWhole(list, order), plan.month, month.sums);
          await writer.add(month.contract, month.parts.takeChunks());
        } else await this.#takeInSlices(order, plan.month, month, writer);
        if (window === plan.windows.at(-1)) await end(id, month);
      }
    }
    // Some may have lost all their entries, or have others to go on from.
    const rest = [...(plan.due ?? carried)].filter((id) => !ended.has(id));
    await this.#open(plan, rest, open);
    for (const [id, month] of open) await end(id, month);
    await writer.finish();
    return carrying;
  }

  // A slice is folded while the database stores the results of the one before.
  async #takeInSlices(
    order: Int32Array,
    month: string,
    { contract, parts, sums }: OpenMonth,
    writer: ResultWriter,
  ): Promise<void> {
    for (let from = 0; from < order.length; ) {
      const to = endOfInstant(this.#list, order, from + SLICE_RECORDS);
      const slice = order.subarray(from, to);
      this.#addUp(slice, parts.take(this.#list, slice), month, sums);
      await writer.add(contract, parts.takeChunks());
      from = to;
    }
  }

  // Takes what the fold before said of those that are not open yet.
  async #open(
    { month, beginnings }: MonthPlan,
    ids: readonly number[],
    open: Map<number, OpenMonth>,
  ): Promise<void> {
    const closed = ids.filter((id) => !open.has(id));
    for (let at = 0; at < closed.length; at += GROUP_CONTRACTS) {
      const group = closed.slice(at, at + GROUP_CONTRACTS);
      const contracts = await this.#facts.contracts(group, month);
      const sumsOf = new Map(group.map((id) => [id, new AdjustmentSums()]));
      const past = await takeResults(this.#client, group, month, beginnings, (id, record) => {
        const { versionId, day, service, destinationId, adjustment } = record;
        sumsOf.get(id)!.add(versionId, day, service, destinationId, -adjustment);
        if (record.isLastLevel) this.credit.add(month, record.subscriptionId, -adjustment);
      });
      for (const id of group) {
        const contract = contracts.get(id)!;
        const { resumption = null, buckets = [] } = past.get(id) ?? {};
        const parts = new MonthInParts(contract.facts, resumption, this.#sizes);
        open.set(id, { contract, parts, sums: sumsOf.get(id)!, bucketsBefore: buckets });
      }
    }
  }

  #addUp(
    order: Int32Array,
    { adjustments }: FoldedRecords,
    month: string,
    sums: AdjustmentSums,
  ): void {
    const list = this.#list;
    this.counts.records += order.length;
    for (let place = 0; place < order.length; place += 1) {
      const adjustment = adjustments[place]!;
      if (adjustment === 0) continue;
      const entry = order[place]!;
      sums.add(
        list.word(entry, WORD.VERSION),
        list.word(entry, WORD.DAY),
        list.service(entry),
        list.word(entry, WORD.DESTINATION),
        adjustment,
      );
      this.counts.adjusted += 1;
      if (list.has(entry, FLAG.LAST_LEVEL)) {
        this.credit.add(month, list.word(entry, WORD.SUBSCRIPTION), adjustment);
      }
    }
  }
}
