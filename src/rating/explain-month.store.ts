import { grouped } from '../kernel/index.js';
import { rowsOf, type SqlClient } from '../platform/index.js';
import { EntryList, SHARDS } from './allowance-entry.js';
import { lastStates, storedPots } from './allowance-result.store.js';
import { modelOf } from './charge.js';
import { DueMonths } from './due-month.store.js';
import type { LevelDerivation } from './explain.js';
import type { MonthFacts } from './explain-month.js';
import { foldedAnew } from './fold-anew.store.js';
import { FoldFactsReader } from './fold-facts.store.js';
import type { FoldFacts } from './fold-month.js';
import { isFoldedWhole, type Segment, type ShardMonth, segmentsOf } from './fold-plan.store.js';
import { orderByContract } from './order-entries.js';

/** A civil month of a contract. */
export interface ContractMonthKey {
  readonly contractId: number;
  /** YYYY-MM. */
  readonly month: string;
  /** Whether records that follow have a say, too. */
  readonly byVolume: boolean;
}

/** The months whose other records may have a say in some levels. */
export function monthsOf(levels: readonly LevelDerivation[]): ContractMonthKey[] {
  return levels.flatMap((level) => keyOf(level) ?? []);
}

/** The month of a level among those that {@link loadMonths} answered. */
export function monthOf(
  months: ReadonlyMap<string, MonthFacts>,
  level: LevelDerivation,
): MonthFacts | undefined {
  const key = keyOf(level);
  return key === null ? undefined : months.get(textOf(key));
}

function keyOf({ version, clock, billed, tariff }: LevelDerivation): ContractMonthKey | null {
  if (version === null || clock === null || billed === 0n) return null;
  const byVolume = tariff !== null && modelOf(tariff) === 'VOLUME';
  return { contractId: version.contractId, month: clock.day.slice(0, 7), byVolume };
}

function textOf({ contractId, month }: ContractMonthKey): string {
  return `${contractId} ${month}`;
}

/**
 * What some contract months are folded by up to an instant, in a transaction that sees everything:
 * the last state before it and the records since, so that a long month is not read for one record.
 * Months without any record that the fold has a say in are left out, unless a record of them is
 * `foretold`. What was left over from the months before is what the last fold has found; for a
 * record that is foretold what a fold would find now.
 */
export async function loadMonths(
  aside: SqlClient,
  keys: readonly ContractMonthKey[],
  atMs: number,
  foretold = false,
): Promise<Map<string, MonthFacts>> {
  const months = new Map<string, MonthFacts>();
  if (keys.length === 0) return months;
  // Asked first: what a fold takes into account meanwhile is told as pending, and never left out.
  const due = await DueMonths.read(
    aside,
    keys.map(({ contractId }) => contractId),
  );
  const foretelling = foretold ? await FoldFactsReader.open(aside) : null;
  const anew = foretelling === null ? NONE : await keysAnew(aside, foretelling, keys);
  const found = (await recordsOf(aside, keys, atMs, anew)).filter(
    ({ order, state }) => foretold || order !== null || state !== null,
  );
  if (found.length === 0) return months;
  const reader = foretelling ?? (await FoldFactsReader.open(aside));
  for (const of of new Set(found.map(({ key }) => key.month))) {
    const ofMonth = found.filter(({ key }) => key.month === of);
    const ids = ofMonth.map(({ key }) => key.contractId);
    const contracts = await reader.contracts(ids, `${of}-01`);
    const kept = foretold ? new Map<string, number>() : await rolledInOf(aside, ids, `${of}-01`);
    for (const { key, order, ...month } of ofMonth) {
      const facts = contracts.get(key.contractId)?.facts;
      if (facts === undefined) continue;
      const rolledIn: FoldFacts['rolledIn'] = (bucket, holderId) =>
        kept.get(`${key.contractId} ${bucket.lineageId} ${holderId}`) ??
        facts.rolledIn(bucket, holderId);
      const folded = { ...facts, rolledIn };
      const pending = due.isPending(key, facts.buckets);
      const whole = { ...month, order: order ?? new Int32Array(0), facts: folded, pending };
      months.set(textOf(key), whole);
    }
  }
  return months;
}

const NONE: ReadonlySet<ContractMonthKey> = new Set();

// Months that a fold would begin anew, so that no state of them tells what a record will cost.
async function keysAnew(
  aside: SqlClient,
  reader: FoldFactsReader,
  keys: readonly ContractMonthKey[],
): Promise<ReadonlySet<ContractMonthKey>> {
  const anew = new Set<ContractMonthKey>();
  for (const [month, ofMonth] of grouped(keys, (key) => key.month)) {
    const ids = ofMonth.map(({ contractId }) => contractId);
    const found = await foldedAnew(aside, reader, ids, `${month}-01`);
    for (const key of ofMonth) if (found.includes(key.contractId)) anew.add(key);
  }
  return anew;
}

// Buckets, subscriptions and zones of the months before may be known otherwise by now; what they
// had left over for this one stays what it was until it is folded again.
async function rolledInOf(
  aside: SqlClient,
  contractIds: readonly number[],
  month: string,
): Promise<Map<string, number>> {
  const found = await storedPots(aside, contractIds, month);
  return new Map(
    found.flatMap(({ contractId, pots }) =>
      pots.map(({ bucket, holderId, rolledIn }) => {
        return [`${contractId} ${bucket} ${holderId}`, rolledIn] as const;
      }),
    ),
  );
}

/** A month as it is asked for: what of its entries there is, and what part of them is needed. */
interface AskedMonth {
  readonly key: ContractMonthKey;
  readonly segments: readonly (Segment & ShardMonth)[];
  readonly isWhole: boolean;
  /** No state of it or before knows of records that have not been folded. */
  readonly knownMs: number;
}

/** A contract's records of a month up to an instant, null when there are none. */
interface MonthRecords extends Omit<MonthFacts, 'facts' | 'order' | 'pending'> {
  readonly key: ContractMonthKey;
  readonly order: Int32Array | null;
}

async function recordsOf(
  aside: SqlClient,
  keys: readonly ContractMonthKey[],
  atMs: number,
  anew: ReadonlySet<ContractMonthKey>,
): Promise<MonthRecords[]> {
  const all = await segmentsOf(aside, keys.map(shardMonthOf));
  const asked = keys.map((key): AskedMonth => {
    const { shard, month } = shardMonthOf(key);
    const segments = all.filter((one) => one.shard === shard && one.month === month);
    const fresh = segments.filter((segment) => segment.fresh);
    const latestMs = anew.has(key) ? 0 : atMs;
    const knownMs = fresh.reduce((least, { fromMs }) => Math.min(least, fromMs ?? 0), latestMs);
    return { key, segments, isWhole: key.byVolume || isFoldedWhole(segments), knownMs };
  });
  const states = await lastStates(
    aside,
    asked.map(({ key, isWhole, knownMs }) => ({
      contractId: key.contractId,
      month: `${key.month}-01`,
      // At no time there is a state.
      atMs: isWhole ? 0 : knownMs,
    })),
  );
  const needed = asked.map(({ segments, isWhole }, n) => {
    const fromMs = states[n]?.atMs ?? Number.NEGATIVE_INFINITY;
    return segments.filter(
      (one) => !one.withdrawn && (isWhole || (one.fromMs! <= atMs && one.toMs! >= fromMs)),
    );
  });
  const entries = await entriesOf(aside, needed.flat());
  return asked.map(({ key, segments, isWhole }, n) => {
    const state = states[n] ?? null;
    const fromMs = state?.atMs ?? Number.NEGATIVE_INFINITY;
    const toMs = isWhole ? Number.POSITIVE_INFINITY : atMs;
    const list = new EntryList();
    const places = new Map<string, number>();
    const ends: { readonly batchId: number; readonly before: number }[] = [];
    for (const segment of needed[n]!) {
      list.read(entries.get(textOfSegment(segment))!, places, (contract, startedMs) => {
        return contract === key.contractId && startedMs >= fromMs && startedMs <= toMs;
      });
      ends.push({ batchId: segment.batchId, before: list.count });
    }
    const writtenBy = (entry: number) => ends.find(({ before }) => entry < before)?.batchId ?? 0;
    const replaces = segments.some((segment) => segment.replaces);
    const order = orderByContract(list, () => true, replaces).get(key.contractId) ?? null;
    return { key, list, order, state: state?.state ?? null, replaces, writtenBy };
  });
}

function shardMonthOf({ contractId, month }: ContractMonthKey): ShardMonth {
  return { shard: contractId % SHARDS, month: `${month}-01` };
}

interface SegmentKey extends ShardMonth {
  readonly batchId: number;
}

function textOfSegment({ shard, month, batchId }: SegmentKey): string {
  return `${shard} ${month} ${batchId}`;
}

async function entriesOf(
  aside: SqlClient,
  segments: readonly SegmentKey[],
): Promise<Map<string, Buffer>> {
  const found = rowsOf<SegmentKey & { entries: Buffer }>(
    await aside.query(
      `SELECT shard, month::text AS month, batch_id AS "batchId",
         string_agg(p.bytes, '' ORDER BY p.piece) AS entries
       FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::date[], $3::int[]))
         AS k (shard, month, batch_id)
       JOIN entry_piece p USING (shard, month, batch_id) GROUP BY 1, 2, 3`,
      [
        segments.map(({ shard }) => shard),
        segments.map(({ month }) => month),
        segments.map(({ batchId }) => batchId),
      ],
    ),
  );
  return new Map(found.map((row) => [textOfSegment(row), row.entries]));
}
