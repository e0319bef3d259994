import type pg from 'pg';
import { invariant } from '../kernel/index.js';
import { type BatchTicket, rowsOf } from '../platform/index.js';
import { EntryList, FLAG, WORD } from './allowance-entry.js';
import { AdjustmentSums, ExactSum } from './allowance-result.js';
import { type ContractResult, storeResults, takeResults } from './allowance-result.store.js';
import { copyOut } from './copy-out.store.js';
import { tellCredit } from './credit-usage.store.js';
import { FoldFactsReader } from './fold-facts.store.js';
import { type FoldedMonth, foldMonth } from './fold-month.js';
import { orderByContract } from './order-entries.js';

/** What folding some shards came to. */
export interface FoldCounts {
  contracts: number;
  records: number;
  /** Records whose charge differs from what was stored with them. */
  adjusted: number;
}

/**
 * Folds every month with new entries in some shards, inside the caller's transaction, which sees
 * all partners. Two folds of a shard wait for each other; the second finds nothing left to do.
 */
export async function foldShards(
  client: pg.Client,
  ticket: BatchTicket,
  shards: readonly number[],
): Promise<FoldCounts> {
  const fold = new ShardFold(client, ticket, await FoldFactsReader.open(client));
  for (const shard of shards) await fold.run(shard);
  await fold.storeCredit();
  fold.release();
  return fold.counts;
}

// The list of the job before: memory is asked for once a thread and not once a shard.
let spareList: EntryList | null = null;

function takeList(): EntryList {
  const list = spareList ?? new EntryList();
  spareList = null;
  return list;
}

interface Segment {
  readonly batchId: number;
  readonly entries: Buffer;
  readonly replaces: boolean;
  readonly withdrawn: boolean;
  readonly fresh: boolean;
}

/** A list that has grown larger is not kept for the next job. */
const KEPT_LIST_BYTES = 64 * 1024 * 1024;
const COPY_HEADER_BYTES = 19;
const FIELDS = 5;

function entriesSql(shard: number, month: string): string {
  invariant(Number.isInteger(shard) && /^\d{4}-\d\d-01$/.test(month), 'a shard and a month');
  return `COPY (SELECT e.batch_id, e.replaces, e.withdrawn, d.batch_id IS NOT NULL, e.entries
    FROM allowance_entry e LEFT JOIN allowance_due d USING (shard, month, batch_id)
    WHERE e.shard = ${shard} AND e.month = '${month}'
      AND (NOT e.withdrawn OR d.batch_id IS NOT NULL)
    ORDER BY e.batch_id) TO STDOUT (FORMAT binary)`;
}

/** A row of {@link entriesSql}; null for the end of the rows. */
function segmentOf(bytes: Buffer, from: number, to: number): Segment | null {
  const begins = bytes.toString('latin1', from, from + 6) === 'PGCOPY';
  const at = begins ? from + COPY_HEADER_BYTES : from;
  if (at >= to || bytes.readInt16BE(at) !== FIELDS) return null;
  // Each field stands behind its length: an integer, three booleans, then the entries.
  return {
    batchId: bytes.readInt32BE(at + 6),
    replaces: bytes[at + 14] === 1,
    withdrawn: bytes[at + 19] === 1,
    fresh: bytes[at + 24] === 1,
    entries: bytes.subarray(at + 29, at + 29 + bytes.readInt32BE(at + 25)),
  };
}

class ShardFold {
  readonly counts: FoldCounts = { contracts: 0, records: 0, adjusted: 0 };
  readonly #client: pg.Client;
  readonly #ticket: BatchTicket;
  readonly #facts: FoldFactsReader;
  /** Change of what subscriptions are charged, by month and subscription. */
  readonly #credit = new Map<string, Map<number, ExactSum>>();
  readonly #list = takeList();

  constructor(client: pg.Client, ticket: BatchTicket, facts: FoldFactsReader) {
    this.#client = client;
    this.#ticket = ticket;
    this.#facts = facts;
  }

  async run(shard: number): Promise<void> {
    await this.#client.query(`SELECT pg_advisory_xact_lock(hashtext('fold'), $1)`, [shard]);
    // What a month leaves over may change the months after it.
    let carried: ReadonlySet<number> = new Set();
    for (const month of await this.#months(shard)) {
      const list = this.#list;
      list.clear();
      const { due, replaces, batches } = await this.#read(list, shard, month);
      for (const contract of carried) due.add(contract);
      const orders = orderByContract(list, (contract) => due.has(contract), replaces);
      for (const contract of due)
        if (!orders.has(contract)) orders.set(contract, new Int32Array(0));
      const carrying = await this.#foldAll(list, orders, month);
      // Entries that were committed since they were read here stay due.
      await this.#client.query(
        `DELETE FROM allowance_due WHERE shard = $1 AND month = $2 AND batch_id = ANY ($3::int[])`,
        [shard, month, batches],
      );
      carried = new Set([...carried, ...carrying]);
    }
  }

  /** Gives memory back that the next job of this thread can use. */
  release(): void {
    if (this.#list.capacityBytes <= KEPT_LIST_BYTES) spareList = this.#list;
  }

  /** Charges that changed, for credit control; once for all shards. */
  async storeCredit(): Promise<void> {
    const entries = [...this.#credit].flatMap(([month, changes]) =>
      [...changes]
        .filter(([, { total }]) => total !== 0n)
        .map(([subscription, { total }]) => [subscription, month, total.toString()] as const),
    );
    if (entries.length === 0) return;
    const limited = rowsOf<{ id: number }>(
      await this.#client.query(
        'SELECT id FROM subscription WHERE id = ANY ($1::int[]) AND credit_limit IS NOT NULL',
        [entries.map(([id]) => id)],
      ),
    );
    const ids = new Set(limited.map(({ id }) => id));
    await tellCredit(
      this.#client,
      this.#ticket,
      entries.filter(([id]) => ids.has(id)),
    );
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

  // All entries of the month, oldest batch first, and the contracts of those not folded yet. They
  // come by COPY: as results the driver would have PostgreSQL write all bytes as text.
  async #read(
    list: EntryList,
    shard: number,
    month: string,
  ): Promise<{ due: Set<number>; replaces: boolean; batches: number[] }> {
    const places = new Map<string, number>();
    const due = new Set<number>();
    const batches: number[] = [];
    let replaces = false;
    const [size] = rowsOf<{ bytes: string }>(
      await this.#client.query(
        `SELECT coalesce(sum(length(entries)), 0)::text AS bytes FROM allowance_entry
         WHERE shard = $1 AND month = $2 AND NOT withdrawn`,
        [shard, month],
      ),
    );
    list.reserveBytes(Number(size!.bytes));
    await copyOut(this.#client, entriesSql(shard, month), (bytes, from, to) => {
      const segment = segmentOf(bytes, from, to);
      if (segment === null) return;
      replaces ||= segment.replaces;
      // What was withdrawn only tells which contracts have to do without it.
      const into = segment.withdrawn ? new EntryList() : list;
      const first = into.count;
      into.read(segment.entries, segment.withdrawn ? new Map() : places);
      if (!segment.fresh) return;
      batches.push(segment.batchId);
      let last = -1;
      for (let entry = first; entry < into.count; entry += 1) {
        const contract = into.word(entry, WORD.CONTRACT);
        if (contract !== last) due.add(contract);
        last = contract;
      }
    });
    return { due, batches, replaces };
  }

  /** Folds the contracts of a month; answers those whose buckets carry over to the next. */
  async #foldAll(
    list: EntryList,
    orders: ReadonlyMap<number, Int32Array>,
    month: string,
  ): Promise<number[]> {
    const contracts = await this.#facts.contracts([...orders.keys()], month);
    const carrying: number[] = [];
    for (const ids of groupsOf(orders)) {
      const before = await takeResults(this.#client, ids, month);
      const after: ContractResult[] = [];
      for (const id of ids) {
        const contract = contracts.get(id)!;
        const order = orders.get(id)!;
        const folded = foldMonth(list, order, contract.facts);
        const sums = new AdjustmentSums();
        const past = before.get(id);
        for (const record of past?.records ?? []) {
          const { versionId, day, service, destinationId, adjustment } = record;
          sums.add(versionId, day, service, destinationId, -adjustment);
          if (record.isLastLevel) this.#noteCredit(record.subscriptionId, month, -adjustment);
        }
        this.#addUp(list, order, folded, month, sums);
        after.push({ contract, order, folded, sums });
        const lineages = [
          ...(past?.pots ?? []).map(({ bucket }) => bucket),
          ...folded.pots.map(({ bucketLineageId }) => bucketLineageId),
        ];
        if (lineages.some((lineage) => this.#facts.isCarried(lineage))) carrying.push(id);
        this.counts.contracts += 1;
        this.counts.records += order.length;
      }
      await storeResults(this.#client, this.#ticket, month, list, after);
    }
    return carrying;
  }

  #addUp(
    list: EntryList,
    order: Int32Array,
    { adjustments }: FoldedMonth,
    month: string,
    sums: AdjustmentSums,
  ): void {
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
        this.#noteCredit(list.word(entry, WORD.SUBSCRIPTION), month, adjustment);
      }
    }
  }

  #noteCredit(subscriptionId: number, month: string, adjustment: number): void {
    if (adjustment === 0) return;
    let changes = this.#credit.get(month);
    if (changes === undefined) {
      changes = new Map();
      this.#credit.set(month, changes);
    }
    let sum = changes.get(subscriptionId);
    if (sum === undefined) {
      sum = new ExactSum();
      changes.set(subscriptionId, sum);
    }
    sum.add(adjustment);
  }
}

/** Entries whose results wait in memory to be stored together. */
const GROUP_ENTRIES = 65_536;
const GROUP_CONTRACTS = 500;

// Contracts that are stored together, so that many small ones take few statements.
function* groupsOf(orders: ReadonlyMap<number, Int32Array>): Generator<number[]> {
  let group: number[] = [];
  let entries = 0;
  for (const [id, order] of orders) {
    group.push(id);
    entries += order.length;
    if (entries < GROUP_ENTRIES && group.length < GROUP_CONTRACTS) continue;
    yield group;
    group = [];
    entries = 0;
  }
  if (group.length > 0) yield group;
}
