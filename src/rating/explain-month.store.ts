import { rowsOf, type SqlClient } from '../platform/index.js';
import { EntryList, SHARDS } from './allowance-entry.js';
import type { LevelDerivation } from './explain.js';
import type { MonthFacts } from './explain-month.js';
import { FoldFactsReader } from './fold-facts.store.js';
import { orderByContract } from './order-entries.js';

/** A civil month of a contract. */
export interface ContractMonthKey {
  readonly contractId: number;
  /** YYYY-MM. */
  readonly month: string;
}

interface Segment {
  readonly shard: number;
  readonly month: string;
  readonly entries: Buffer;
  readonly replaces: boolean;
  readonly due: boolean;
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

function keyOf({ version, clock, billed }: LevelDerivation): ContractMonthKey | null {
  if (version === null || clock === null || billed === 0n) return null;
  return { contractId: version.contractId, month: clock.day.slice(0, 7) };
}

function textOf({ contractId, month }: ContractMonthKey): string {
  return `${contractId} ${month}`;
}

/**
 * What some contract months are folded by, in a transaction that sees everything. Months without
 * any record that the fold has a say in are left out, unless `evenEmpty`.
 */
export async function loadMonths(
  aside: SqlClient,
  keys: readonly ContractMonthKey[],
  evenEmpty = false,
): Promise<Map<string, MonthFacts>> {
  const months = new Map<string, MonthFacts>();
  if (keys.length === 0) return months;
  const segments = rowsOf<Segment>(
    await aside.query(
      `SELECT e.shard, to_char(e.month, 'YYYY-MM') AS month, e.entries, e.replaces,
         d.batch_id IS NOT NULL AS due
       FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::date[])) AS k (shard, month)
       JOIN allowance_entry e USING (shard, month)
       LEFT JOIN allowance_due d USING (shard, month, batch_id)
       WHERE NOT e.withdrawn ORDER BY e.batch_id`,
      [keys.map(({ contractId }) => contractId % SHARDS), keys.map(({ month }) => `${month}-01`)],
    ),
  );
  const found = keys.flatMap((key) => {
    const ours = segments.filter(
      ({ shard, month }) => shard === key.contractId % SHARDS && month === key.month,
    );
    const list = listOf(ours);
    const replaces = ours.some((segment) => segment.replaces);
    const isOurs = (contract: number) => contract === key.contractId;
    const order = orderByContract(list, isOurs, replaces).get(key.contractId);
    if (order === undefined && !evenEmpty) return [];
    const pending = ours.some(({ due }) => due);
    return [{ key, list, order: order ?? new Int32Array(0), replaces, pending }];
  });
  if (found.length === 0) return months;
  const reader = await FoldFactsReader.open(aside);
  for (const of of new Set(found.map(({ key }) => key.month))) {
    const ofMonth = found.filter(({ key }) => key.month === of);
    const ids = ofMonth.map(({ key }) => key.contractId);
    const contracts = await reader.contracts(ids, `${of}-01`);
    for (const { key, ...month } of ofMonth) {
      const facts = contracts.get(key.contractId)?.facts;
      if (facts !== undefined) months.set(textOf(key), { ...month, facts });
    }
  }
  return months;
}

function listOf(segments: readonly Segment[]): EntryList {
  const list = new EntryList();
  const places = new Map<string, number>();
  for (const { entries } of segments) list.read(entries, places);
  return list;
}
