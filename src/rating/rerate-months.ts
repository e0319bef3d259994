import type { AdjustedRecord } from './allowance-result.js';
import { batchOfRecord } from './rerate-shown.js';
import type { RerateLevel, RerateSums } from './rerate-sums.js';

/**
 * Adds up the records that a month has another say in than before; answers how many they are. A
 * record that is kept on one side only has an adjustment of nothing on the other. One that
 * other terms price has left the sums of the old ones, with what the month had made of it, also
 * where that is as much as before. The sums do not count again what is counted for its own price,
 * by id and level.
 */
export function addDifferences(
  sums: RerateSums,
  before: ReadonlyMap<string, AdjustedRecord>,
  after: ReadonlyMap<string, AdjustedRecord>,
  counted: ReadonlySet<string>,
): number {
  let differences = 0;
  for (const [key, was] of before) {
    const is = after.get(key) ?? { ...was, adjustment: 0 };
    const isSame = is.adjustment === was.adjustment;
    if (isSame && (was.adjustment === 0 || is.versionId === was.versionId)) continue;
    add(sums, was, is, counted.has(key) ? 0 : 1);
    if (!isSame) differences += 1;
  }
  for (const [key, is] of after) {
    if (before.has(key) || is.adjustment === 0) continue;
    add(sums, { ...is, adjustment: 0 }, is, counted.has(key) ? 0 : 1);
    differences += 1;
  }
  return differences;
}

function add(sums: RerateSums, was: AdjustedRecord, is: AdjustedRecord, records: 0 | 1): void {
  sums.addBefore(batchOfRecord(was.xdrId), levelOf(was), records);
  sums.addAfter(batchOfRecord(is.xdrId), levelOf(is), records);
}

function levelOf(record: AdjustedRecord): RerateLevel {
  return {
    version: record.versionId,
    day: record.day,
    service: record.service,
    destination: record.destinationId,
    quantity: 0,
    billed: 0,
    amount: record.adjustment,
  };
}
