import type pg from 'pg';
import type { BatchTicket } from '../platform/index.js';
import { tellCredit } from './credit-usage.store.js';
import { ExactSum } from './exact-sum.js';

/** By how much folds change what subscriptions are charged, by month and subscription. */
export class CreditChanges {
  readonly #months = new Map<string, Map<number, ExactSum>>();

  add(month: string, subscriptionId: number, adjustment: number): void {
    if (adjustment !== 0) this.#sum(month, subscriptionId).add(adjustment);
  }

  /** Adds the changes of another fold. */
  take(other: CreditChanges): void {
    for (const [subscription, month, total] of other.all()) {
      this.#sum(month, subscription).addExact(total);
    }
  }

  all(): (readonly [subscriptionId: number, month: string, total: bigint])[] {
    return [...this.#months].flatMap(([month, changes]) =>
      [...changes].map(([subscription, { total }]) => [subscription, month, total] as const),
    );
  }

  #sum(month: string, subscriptionId: number): ExactSum {
    const changes = this.#months.get(month) ?? new Map<number, ExactSum>();
    this.#months.set(month, changes);
    const sum = changes.get(subscriptionId) ?? new ExactSum();
    changes.set(subscriptionId, sum);
    return sum;
  }
}

/** Tells credit control what changed for subscriptions that it watches. */
export async function storeCredit(
  client: pg.Client,
  ticket: BatchTicket,
  changes: CreditChanges,
): Promise<void> {
  const entries = changes.all().filter(([, , total]) => total !== 0n);
  if (entries.length === 0) return;
  await tellCredit(client, ticket, (watched) =>
    entries
      .filter(([id]) => watched.has(id))
      .map(([id, month, total]) => [id, month, total.toString()] as const),
  );
}
