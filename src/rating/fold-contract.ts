import type { EntryList } from './allowance-entry.js';
import { WORD } from './allowance-entry.js';
import { type FoldedMonth, type FoldFacts, type FoldStep, foldMonth } from './fold-month.js';
import { Rests, type RolloverFacts, rolledIn } from './rollover.js';

/** One civil month of a contract. */
export interface ContractMonth {
  /** YYYY-MM. */
  readonly month: string;
  readonly order: Int32Array;
  readonly folded: FoldedMonth;
}

/** The month (YYYY-MM) that a civil day, counted from 1970-01-01, lies in. */
function monthOfDay(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 7);
}

/**
 * Folds all months of one contract, oldest first, so that each finds what the ones before left
 * over. `order` holds the contract's records in order of time, as `orderByContract` answers.
 */
export function foldContract(
  list: EntryList,
  order: Int32Array,
  facts: Omit<FoldFacts, 'rolledIn'>,
  rollover: Omit<RolloverFacts, 'left'>,
  trace?: (step: FoldStep) => void,
): ContractMonth[] {
  const byMonth = new Map<string, number[]>();
  for (const entry of order) {
    const month = monthOfDay(list.word(entry, WORD.DAY));
    const known = byMonth.get(month);
    if (known === undefined) byMonth.set(month, [entry]);
    else known.push(entry);
  }
  const months: ContractMonth[] = [];
  const rests = new Rests();
  const past = {
    ...rollover,
    left: (lineageId: number, holderId: number) => rests.of(`${lineageId} ${holderId}`),
  };
  for (const month of [...byMonth.keys()].sort()) {
    const entries = Int32Array.from(byMonth.get(month)!);
    const folded = foldMonth(
      list,
      entries,
      { ...facts, rolledIn: (bucket, holderId) => carried(facts, past, bucket, holderId, month) },
      trace,
    );
    for (const pot of folded.pots) {
      rests.set(`${pot.bucketLineageId} ${pot.holderId}`, month, pot.left);
    }
    months.push({ month, order: entries, folded });
  }
  return months;
}

/** {@link rolledIn} with the versions of the bucket among a contract's facts. */
export function carried(
  facts: Pick<FoldFacts, 'buckets'>,
  past: RolloverFacts,
  bucket: FoldFacts['buckets'][number],
  holderId: number,
  month: string,
): number {
  const lineage = facts.buckets.filter(({ lineageId }) => lineageId === bucket.lineageId);
  return rolledIn(past, lineage, bucket, holderId, month);
}
