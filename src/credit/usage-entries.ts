import { invariant } from '../kernel/index.js';

/** What a batch of records adds to the use of one subscription in one month. */
export interface UsageEntry {
  readonly subscriptionId: number;
  /** First day of the month. */
  readonly periodOn: string;
  /** Scale 8. */
  readonly amount: bigint;
}

/**
 * The entries of a `credit.usage` message, `[subscriptionId, 'YYYY-MM-01', amount]` each, one per
 * subscription and month, in the order in which rows are locked. Another shape is a bug.
 */
export function usageEntries(payload: unknown): UsageEntry[] {
  const { entries } = payload as { entries?: unknown };
  invariant(Array.isArray(entries), 'a credit.usage message has a list of entries');
  return sumEntries(entries);
}

/** Entries as rating writes them, one per subscription and month, in the order of locks. */
export function sumEntries(entries: readonly unknown[]): UsageEntry[] {
  const sums = new Map<string, UsageEntry>();
  for (const item of entries) {
    const entry = usageEntry(item);
    const key = `${entry.subscriptionId} ${entry.periodOn}`;
    const amount = entry.amount + (sums.get(key)?.amount ?? 0n);
    sums.set(key, { ...entry, amount });
  }
  return [...sums.values()].sort(
    (a, b) => a.subscriptionId - b.subscriptionId || (a.periodOn < b.periodOn ? -1 : 1),
  );
}

function usageEntry(item: unknown): UsageEntry {
  invariant(Array.isArray(item) && item.length === 3, 'an entry has three parts');
  const [subscriptionId, periodOn, amount] = item as unknown[];
  invariant(Number.isSafeInteger(subscriptionId), 'an entry names a subscription');
  invariant(/^\d{4}-\d\d-01$/.test(String(periodOn)), 'an entry names the first day of a month');
  invariant(/^-?\d{1,24}$/.test(String(amount)), 'an entry has a whole amount');
  return {
    subscriptionId: subscriptionId as number,
    periodOn: String(periodOn),
    amount: BigInt(String(amount)),
  };
}
