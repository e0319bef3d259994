import { rowsOf, type SqlClient } from '../platform/index.js';
import { SHARDS } from './allowance-entry.js';
import type { BucketTerms } from './pricing-facts.js';

/** A contract's civil month, YYYY-MM. */
interface ContractMonth {
  readonly contractId: number;
  readonly month: string;
}

/** Months with entries that no fold has taken into account yet, by groups of contracts. */
export class DueMonths {
  /** By group, the earliest first. */
  readonly #months: ReadonlyMap<number, readonly string[]>;

  private constructor(months: ReadonlyMap<number, readonly string[]>) {
    this.#months = months;
  }

  /** Those of the groups of some contracts, in a transaction that sees everything. */
  static async read(client: SqlClient, contractIds: readonly number[]): Promise<DueMonths> {
    const found = rowsOf<{ shard: number; months: string[] }>(
      await client.query(
        `SELECT shard, array_agg(to_char(month, 'YYYY-MM') ORDER BY month) AS months
         FROM (SELECT DISTINCT shard, month FROM allowance_due
           WHERE shard = ANY ($1::smallint[])) AS due
         GROUP BY shard`,
        [contractIds.map((id) => id % SHARDS)],
      ),
    );
    return new DueMonths(new Map(found.map(({ shard, months }) => [shard, months])));
  }

  /**
   * Whether a fold may still change a contract's month: one of its own, or, where a bucket is
   * rolled over, one of an earlier month. Another contract of the group may be what is due.
   */
  isPending(
    { contractId, month }: ContractMonth,
    buckets: readonly Pick<BucketTerms, 'rolloverCap'>[],
  ): boolean {
    const months = this.#months.get(contractId % SHARDS) ?? [];
    if (months.includes(month)) return true;
    const [first] = months;
    if (first === undefined || first > month) return false;
    return buckets.some(({ rolloverCap }) => rolloverCap !== null);
  }
}
